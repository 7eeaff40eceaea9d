//! Request methods (RFC 9110 §9).

use super::header::is_token;
use std::fmt;

/// A method that this server knows, or any other short token (RFC 9110 §9.1), for applications that
/// implement it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `CONNECT`
    Connect,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `TRACE`
    Trace,
    /// Any other, such as `PROPFIND`.
    Extension(Extension),
}

/// The name of a method that this server does not know: a token of at most 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// Followed by zeros.
    name: [u8; EXTENSION_BYTES_MAX],
}

impl Method {
    /// The method of this name, known or not.
    ///
    /// ```
    /// use httpd::Method;
    /// assert_eq!(Method::new("PROPFIND").unwrap().as_str(), "PROPFIND");
    /// assert_eq!(Method::new("GET"), Some(Method::Get));
    /// assert_eq!(Method::new("not a token"), None);
    /// ```
    pub fn new(name: &str) -> Option<Method> {
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        is_name.then(|| Method::of_token(name.as_bytes())).flatten()
    }

    /// The method of a token; `None` where it is too long.
    pub(in crate::http) fn of_token(token: &[u8]) -> Option<Method> {
        Method::recognise(token).or_else(|| {
            let mut name = [0; EXTENSION_BYTES_MAX];
            name.get_mut(..token.len())?.copy_from_slice(token);
            Some(Method::Extension(Extension { name }))
        })
    }

    /// The method with exactly this name. Methods are case-sensitive (RFC 9110 §9.1).
    pub fn recognise(name: &[u8]) -> Option<Method> {
        Some(match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => return None,
        })
    }

    /// The name as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Connect => "CONNECT",
            Method::Delete => "DELETE",
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Trace => "TRACE",
            Method::Extension(Extension { name }) => {
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                // It is a token, hence ASCII.
                std::str::from_utf8(&name[..end]).unwrap_or_default()
            }
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The names of registered methods (<https://www.iana.org/assignments/http-methods>) have 17 bytes at most.
const EXTENSION_BYTES_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_short_token_is_a_method() {
        for name in
            ["PROPFIND", "UPDATEREDIRECTREF", "get", "X", "!#$%&'*+-.^_`|~", &"M".repeat(24)]
        {
            let method = Method::new(name).expect("it is a short token");
            assert!(matches!(method, Method::Extension(_)), "{name}");
            assert_eq!((method.as_str(), method.to_string()), (name, name.to_owned()));
        }
        for name in ["", "A B", "A\0", "caf\u{e9}", &"M".repeat(25)] {
            assert_eq!(Method::new(name), None, "{name}");
        }
        assert_ne!(Method::new("A"), Method::new("AA"));
    }

    #[test]
    fn a_method_is_known_by_its_exact_name_only() {
        for method in [
            Method::Connect,
            Method::Delete,
            Method::Get,
            Method::Head,
            Method::Options,
            Method::Patch,
            Method::Post,
            Method::Put,
            Method::Trace,
        ] {
            assert_eq!(Method::recognise(method.as_str().as_bytes()), Some(method));
        }
        assert_eq!(Method::recognise(b"get"), None);
        assert_eq!(Method::recognise(b"BREW"), None);
    }
}
