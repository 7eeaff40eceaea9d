//! A cookie that a server sets: `Set-Cookie` (RFC 6265bis §4.1). What clients send back is in
//! [`cookie`](super::cookie).

use super::header::is_token;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A cookie for a client to keep.
///
/// Without further words scripts cannot read it (`HttpOnly`), other sites' forms and scripts do not send it
/// (`SameSite=Lax`), all paths get it (`Path=/`), this host alone gets it, and it ends with the browser.
/// Where all requests come by TLS, add [`secure`](Cookie::secure).
///
/// Its [`Display`](fmt::Display) is the value of `Set-Cookie`.
///
/// ```
/// use httpd::Cookie;
/// use std::time::Duration;
///
/// let cookie = Cookie::new("id", "31d4d96e407aad42")?.max_age(Duration::from_secs(3600));
/// assert_eq!(
///     cookie.to_string(),
///     "id=31d4d96e407aad42; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"
/// );
/// # Ok::<(), httpd::CookieError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    value: String,
    path: String,
    domain: Option<String>,
    max_age: Option<Duration>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
}

/// Which requests from pages of other sites carry a cookie (RFC 6265bis §4.1.2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// None of them: one who follows a link from another site is not logged in at first.
    Strict,
    /// Links that are followed, and nothing else.
    #[default]
    Lax,
    /// All of them. Browsers want it to be `Secure` then, and it is sent so.
    None,
}

/// Why a cookie cannot be set. The text does not have the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is empty, or has a character that no name may have.
    BadName(String),
    /// The value of the cookie of this name has this character, which no value may have.
    BadValue(String, char),
    /// Name and value have more than 4096 bytes: browsers ignore such a cookie.
    TooLarge(String),
    /// The path does not begin with a slash, is longer than 1024 bytes, or has a character that none may have.
    BadPath(String),
    /// That is no domain.
    BadDomain(String),
    /// A cookie of this name must have the path `/` and no domain.
    HostOnly(String),
}

impl fmt::Display for CookieError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CookieError::BadName(name) => write!(formatter, "{name:?} is no name of a cookie"),
            CookieError::BadValue(name, character) => write!(
                formatter,
                "the value of the cookie {name} has {character:?}; encode it, in hexadecimal for example"
            ),
            CookieError::TooLarge(name) => {
                write!(formatter, "the cookie {name} has more than {PAIR_BYTES_MAX} bytes")
            }
            CookieError::BadPath(path) => write!(
                formatter,
                "{path:?} is no path of a cookie: write \"/\" or \"/directory\", percent-encoded"
            ),
            CookieError::BadDomain(domain) => {
                write!(formatter, "{domain:?} is no domain of a cookie: write \"example.org\"")
            }
            CookieError::HostOnly(name) => write!(
                formatter,
                "{name} begins with __Host-: it must have the path \"/\" and no domain"
            ),
        }
    }
}

impl Error for CookieError {}

impl Cookie {
    /// A cookie of this name and value.
    ///
    /// If the name begins with `__Host-` or `__Secure-`, it is sent with the attributes that browsers want for
    /// that (RFC 6265bis §4.1.3).
    ///
    /// # Errors
    /// When the name is no token, the value has a space, a quote, a comma, a semicolon, a backslash, a control
    /// character or one beyond ASCII, or both are longer than 4096 bytes together.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Result<Cookie, CookieError> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(CookieError::BadName(name));
        }
        if let Some(bad) = value.chars().find(|one| !is_value_character(*one)) {
            return Err(CookieError::BadValue(name, bad));
        }
        if name.len() + value.len() > PAIR_BYTES_MAX {
            return Err(CookieError::TooLarge(name));
        }
        Ok(Cookie {
            name,
            value,
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            secure: false,
            http_only: true,
            same_site: SameSite::Lax,
        })
    }

    /// What removes the cookie of this name from the client. It must have the path and the domain that the cookie
    /// was set with.
    ///
    /// # Errors
    /// As [`Cookie::new`].
    pub fn removal(name: impl Into<String>) -> Result<Cookie, CookieError> {
        Ok(Cookie::new(name, "")?.max_age(Duration::ZERO))
    }

    /// Only requests for this path and those beneath it carry it. Default: `/`.
    ///
    /// # Errors
    /// When it does not begin with a slash, has a semicolon, a control character or one beyond ASCII, ends in a
    /// space or is longer than 1024 bytes.
    pub fn path(mut self, path: impl Into<String>) -> Result<Cookie, CookieError> {
        let path = path.into();
        let may_be_in_one = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
        if !path.starts_with('/')
            || path.ends_with(' ')
            || path.len() > ATTRIBUTE_BYTES_MAX
            || !path.bytes().all(may_be_in_one)
        {
            return Err(CookieError::BadPath(path));
        }
        if self.is_host_only() && path != "/" {
            return Err(CookieError::HostOnly(self.name));
        }
        self.path = path;
        Ok(self)
    }

    /// This domain and all beneath it get it, too. Default: only the host that sets it.
    ///
    /// # Errors
    /// When it is no domain name in ASCII.
    pub fn domain(mut self, domain: impl Into<String>) -> Result<Cookie, CookieError> {
        let domain = domain.into();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if domain.len() > DOMAIN_BYTES_MAX || !domain.split('.').all(is_label) {
            return Err(CookieError::BadDomain(domain));
        }
        if self.is_host_only() {
            return Err(CookieError::HostOnly(self.name));
        }
        self.domain = Some(domain);
        Ok(self)
    }

    /// The client keeps it for so long, in whole seconds, even if the browser ends before. Browsers cut it to about
    /// 400 days.
    pub fn max_age(mut self, max_age: Duration) -> Cookie {
        self.max_age = Some(max_age);
        self
    }

    /// Whether it is sent by TLS alone. Default: no. Browsers treat `localhost` as if it had TLS.
    pub fn secure(mut self, secure: bool) -> Cookie {
        self.secure = secure;
        self
    }

    /// Whether scripts of the page cannot read it. Default: yes.
    pub fn http_only(mut self, http_only: bool) -> Cookie {
        self.http_only = http_only;
        self
    }

    /// Which requests from pages of other sites carry it. Default: [`SameSite::Lax`].
    pub fn same_site(mut self, same_site: SameSite) -> Cookie {
        self.same_site = same_site;
        self
    }

    fn is_host_only(&self) -> bool {
        begins_with(&self.name, "__Host-")
    }

    fn is_secure(&self) -> bool {
        self.secure
            || self.same_site == SameSite::None
            || self.is_host_only()
            || begins_with(&self.name, "__Secure-")
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}; Path={}", self.name, self.value, self.path)?;
        if let Some(domain) = &self.domain {
            write!(formatter, "; Domain={domain}")?;
        }
        if let Some(max_age) = self.max_age {
            write!(formatter, "; Max-Age={}", max_age.as_secs().min(MAX_AGE_SECONDS_MAX))?;
        }
        if self.is_secure() {
            formatter.write_str("; Secure")?;
        }
        if self.http_only {
            formatter.write_str("; HttpOnly")?;
        }
        formatter.write_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        })
    }
}

/// Without the value, which may be a secret.
impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cookie")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("domain", &self.domain)
            .field("max_age", &self.max_age)
            .field("secure", &self.is_secure())
            .field("http_only", &self.http_only)
            .field("same_site", &self.same_site)
            .finish_non_exhaustive()
    }
}

/// Browsers compare these prefixes in any case of letters (RFC 6265bis §5.4).
fn begins_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `cookie-octet` (RFC 6265bis §4.1.1).
fn is_value_character(character: char) -> bool {
    matches!(character, '!'..='~') && !matches!(character, '"' | ',' | ';' | '\\')
}

/// RFC 6265bis §5.6: name and value together.
const PAIR_BYTES_MAX: usize = 4096;

/// RFC 6265bis §5.6.
const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// RFC 1035 §2.3.4.
const DOMAIN_BYTES_MAX: usize = 253;

/// 68 years: some clients read it as a number of 32 bits.
const MAX_AGE_SECONDS_MAX: u64 = i32::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> Cookie {
        Cookie::new("id", "1").expect("it is sound")
    }

    #[test]
    fn it_is_written_with_its_attributes() {
        assert_eq!(cookie().to_string(), "id=1; Path=/; HttpOnly; SameSite=Lax");
        let all = cookie()
            .path("/a b=c%3B")
            .and_then(|cookie| cookie.domain("www.Example-1.org"))
            .expect("they are sound")
            .max_age(Duration::from_millis(60_999))
            .secure(true)
            .http_only(false)
            .same_site(SameSite::Strict);
        assert_eq!(
            all.to_string(),
            "id=1; Path=/a b=c%3B; Domain=www.Example-1.org; Max-Age=60; Secure; SameSite=Strict"
        );
        assert_eq!(
            Cookie::removal("id").expect("it is sound").to_string(),
            "id=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        let forever = cookie().max_age(Duration::MAX).to_string();
        assert!(forever.contains("; Max-Age=2147483647;"), "{forever}");
    }

    #[test]
    fn browsers_get_the_attributes_that_they_demand() {
        let none = cookie().same_site(SameSite::None).to_string();
        assert_eq!(none, "id=1; Path=/; Secure; HttpOnly; SameSite=None");
        for name in ["__Host-id", "__Secure-id", "__hOST-id"] {
            let cookie = Cookie::new(name, "1").expect("it is sound").secure(false);
            assert_eq!(
                cookie.to_string(),
                format!("{name}=1; Path=/; Secure; HttpOnly; SameSite=Lax")
            );
        }
        let host = || Cookie::new("__Host-id", "1").expect("it is sound");
        let refused = Err(CookieError::HostOnly("__Host-id".into()));
        assert_eq!(host().path("/a"), refused);
        assert_eq!(host().domain("a.org"), refused);
        assert!(host().path("/").is_ok());
    }

    #[test]
    fn bad_names_and_values_are_refused() {
        for name in ["", "a b", "a=b", "a;b", "ä", "a\r\nb", "\"a\"", "a,b", "a\0"] {
            assert_eq!(Cookie::new(name, "1"), Err(CookieError::BadName(name.into())));
        }
        for (value, bad) in [
            ("a b", ' '),
            ("a;b", ';'),
            ("a,b", ','),
            ("\"a\"", '"'),
            ("a\\b", '\\'),
            ("ä", 'ä'),
            ("a\r\nSet-Cookie: b", '\r'),
            ("a\0", '\0'),
            ("\x7f", '\x7f'),
        ] {
            assert_eq!(Cookie::new("n", value), Err(CookieError::BadValue("n".into(), bad)));
        }
        assert!(Cookie::new("a!#$%&'*+-.^_`|~9", "!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~").is_ok());
        assert!(Cookie::new("n", "").is_ok());
        assert!(Cookie::new("n", "v".repeat(4095)).is_ok());
        let large = Cookie::new("n", "v".repeat(4096));
        assert_eq!(large, Err(CookieError::TooLarge("n".into())));
    }

    #[test]
    fn bad_paths_and_domains_are_refused() {
        let long = format!("/{}", "a".repeat(1024));
        for path in ["", "a", "/a;b", "/ä", "/a\r\n", "/\x7f", "/a ", &long] {
            assert_eq!(cookie().path(path), Err(CookieError::BadPath(path.into())));
        }
        let long = "a.".repeat(126) + "aa";
        for domain in ["", ".", ".a.org", "a.org.", "a..b", "a b", "ä.org", "a;b", "a:80", &long] {
            assert_eq!(cookie().domain(domain), Err(CookieError::BadDomain(domain.into())));
        }
        assert!(cookie().domain("localhost").is_ok());
    }

    #[test]
    fn the_value_is_in_no_text_of_an_error_or_a_debugger() {
        let secret = "a secret";
        let error = Cookie::new("id", secret).expect_err("it has a space");
        assert!(!error.to_string().contains(secret) && !format!("{error:?}").contains(secret));
        assert_eq!(
            error.to_string(),
            "the value of the cookie id has ' '; encode it, in hexadecimal for example"
        );
        let cookie = Cookie::new("id", "secret").expect("it is sound");
        assert!(!format!("{cookie:?}").contains("secret"));
    }
}
