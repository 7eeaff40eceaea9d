//! Which site of several a request is for, by the name of its host.
//!
//! It must never know what the sites answer.

use super::Site;
use crate::http::authority::check_authority;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A name that a host goes by, for [`Site::host`].
///
/// `example.org` is that name; `*.example.org` stands for every name below it, at any depth, and not for
/// `example.org` itself. Case, a port and a final dot do not matter. An IPv6 address has its brackets: `[::1]`.
///
/// ```
/// use httpd::HostName;
/// assert!("*.example.org".parse::<HostName>().is_ok());
/// assert_eq!("Example.org:8080".parse::<HostName>()?.to_string(), "example.org");
/// assert!("http://example.org".parse::<HostName>().is_err());
/// # Ok::<(), httpd::HostNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName {
    /// In small letters, without a final dot; without `*.`.
    name: String,
    is_wildcard: bool,
}

/// Why a text is no [`HostName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNameError {
    why: &'static str,
}

impl fmt::Display for HostNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl Error for HostNameError {}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<HostName, HostNameError> {
        let error = |why| Err(HostNameError { why });
        if text.contains("//") || text.contains('/') {
            return error(
                "it is a URL or a path; write the name of the host alone: \"example.org\"",
            );
        }
        if text.starts_with('~') {
            return error(
                "patterns with ~ are nginx's; write the names, or \"*.example.org\" for all below one",
            );
        }
        if text.starts_with('.') {
            return error("write both names instead: \"example.org\" and \"*.example.org\"");
        }
        let (rest, is_wildcard) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if rest.contains('*') {
            return error("a * stands alone at the beginning: \"*.example.org\"");
        }
        if rest.contains(':') && !rest.starts_with('[') && rest.parse::<Ipv6Addr>().is_ok() {
            return error("an IPv6 address has brackets: \"[::1]\"");
        }
        if !rest.is_ascii() {
            return error("write the name as DNS has it, with xn--");
        }
        let mut name = Normalised::default();
        let is_host = check_authority(rest.as_bytes()).is_ok();
        match name.of(rest.as_bytes()) {
            Some(name) if is_host && !name.is_empty() => {
                let name = String::from_utf8_lossy(name).into_owned();
                Ok(HostName { name, is_wildcard })
            }
            _ => error("no host has such a name"),
        }
    }
}

impl HostName {
    /// Whether it stands for all names below one.
    pub fn is_wildcard(&self) -> bool {
        self.is_wildcard
    }

    /// The name, without `*.`.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "certificates are found by it"))]
    pub(crate) fn bare(&self) -> &str {
        &self.name
    }

    /// Whether a host goes by exactly this name.
    pub(super) fn is_of(&self, host: &[u8]) -> bool {
        let mut name = Normalised::default();
        !self.is_wildcard && name.of(host) == Some(self.name.as_bytes())
    }

    /// It covers a name.
    pub(crate) fn covers(&self, other: &HostName) -> bool {
        match self.is_wildcard {
            true => {
                let below = other.name.strip_suffix(&self.name);
                below.is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
            false => self == other,
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_wildcard { "*." } else { "" };
        write!(f, "{star}{}", self.name)
    }
}

/// The name of a host as it is compared: in small letters, without port and final dot.
#[derive(Debug)]
pub(super) struct Normalised([u8; NAME_BYTES_MAX]);

impl Default for Normalised {
    fn default() -> Normalised {
        Normalised([0; NAME_BYTES_MAX])
    }
}

impl Normalised {
    /// That of a host that may have a port. `None`: it is longer than any name.
    pub(super) fn of(&mut self, host: &[u8]) -> Option<&[u8]> {
        let name = without_port(host);
        let name = name.strip_suffix(b".").unwrap_or(name);
        let place = self.0.get_mut(..name.len())?;
        place.copy_from_slice(name);
        place.make_ascii_lowercase();
        Some(place)
    }
}

/// A host without its port.
pub(super) fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|&byte| byte == b':') {
        // In brackets stands an IPv6 address.
        Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
        _ => host,
    }
}

/// A host's port with its colon, or nothing.
pub(super) fn port(host: &[u8]) -> &[u8] {
    &host[without_port(host).len()..]
}

/// What becomes of a request for a host that no site goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownHost {
    /// The outer site answers it.
    #[default]
    Default,
    /// 421 Misdirected Request (RFC 9110 §15.5.20).
    Refuse,
}

/// Sites by the names of their hosts.
#[derive(Default)]
pub(super) struct Hosts {
    pub(super) sites: Vec<Site>,
    exact: HashMap<Box<[u8]>, Chosen>,
    below: HashMap<Box<[u8]>, Chosen>,
    pub(super) unknown: UnknownHost,
}

/// Whose a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// That of the site itself.
    Outer,
    /// That of the site at this place.
    Site(u32),
    /// Nobody's.
    Nobody,
}

impl Hosts {
    /// Whether there is nothing to look up.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.unknown == UnknownHost::Default
    }

    /// Whose a host is, which may have a port.
    pub(super) fn chosen(&self, host: &[u8]) -> Chosen {
        if self.is_empty() {
            return Chosen::Outer;
        }
        Normalised::default().of(host).map_or(Chosen::Nobody, |name| self.find(name))
    }

    /// Adds a name. It returns whether it was free.
    pub(super) fn add(&mut self, name: &HostName, chosen: Chosen) -> bool {
        let names = if name.is_wildcard { &mut self.below } else { &mut self.exact };
        let is_free = !names.contains_key(name.name.as_bytes());
        names.entry(name.name.as_bytes().into()).or_insert(chosen);
        is_free
    }

    /// Whose a host is: that of an exact name, then that of the longest name that it is below.
    pub(super) fn find(&self, name: &[u8]) -> Chosen {
        if let Some(chosen) = self.exact.get(name) {
            return *chosen;
        }
        let mut rest = name;
        while !self.below.is_empty()
            && let Some(dot) = rest.iter().position(|&byte| byte == b'.')
        {
            rest = &rest[dot + 1..];
            if let Some(chosen) = self.below.get(rest) {
                return *chosen;
            }
        }
        match self.unknown {
            UnknownHost::Default => Chosen::Outer,
            UnknownHost::Refuse => Chosen::Nobody,
        }
    }
}

impl Site {
    /// Has another site answer the requests for a host. The outer site answers those for other hosts, and the
    /// functions around it stand around the inner one too.
    ///
    /// ```
    /// use httpd::{Request, Site};
    /// let blog = Site::new().get("/", |_| "the blog\n");
    /// let site = Site::new().get("/", |_| "the front page\n").host("blog.example.org".parse()?, blog);
    /// let request = Request::get("/").header("Host", "blog.example.org");
    /// assert_eq!(site.handle(request).into_text()?, "the blog\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// When another site has the name, or when the site has hosts of its own.
    #[track_caller]
    pub fn host(self, name: HostName, site: Site) -> Site {
        self.hosts([name], site)
    }

    /// The same for a host that goes by several names.
    ///
    /// # Panics
    /// As [`Site::host`].
    #[track_caller]
    pub fn hosts(mut self, names: impl IntoIterator<Item = HostName>, mut site: Site) -> Site {
        assert!(site.hosts.is_empty(), "a site of a host has hosts of its own");
        let place =
            u32::try_from(self.hosts.sites.len()).expect("so many sites fit into no memory");
        for name in names {
            assert!(self.hosts.add(&name, Chosen::Site(place)), "{name} has a site already");
            site.name.get_or_insert_with(|| name.to_string().into());
        }
        self.hosts.sites.push(site);
        self
    }

    /// Names of the outer site itself. They matter where unknown hosts are refused.
    ///
    /// # Panics
    /// When another site has one of the names.
    #[track_caller]
    pub fn names(mut self, names: impl IntoIterator<Item = HostName>) -> Site {
        for name in names {
            assert!(self.hosts.add(&name, Chosen::Outer), "{name} has a site already");
            self.name.get_or_insert_with(|| name.to_string().into());
        }
        self
    }

    /// What becomes of a request for a host that no site goes by. Default: the outer site answers it.
    pub fn unknown_host(mut self, unknown: UnknownHost) -> Site {
        self.hosts.unknown = unknown;
        self
    }

    /// Redirects all other names of this site to this one, with path, query and port as they are: 301, or 308 for
    /// requests that are no GET or HEAD.
    ///
    /// # Panics
    /// When it is a name with `*`.
    #[track_caller]
    pub fn canonical_host(mut self, name: HostName) -> Site {
        assert!(!name.is_wildcard(), "{name} stands for many names");
        self.canonical_host = Some(name);
        self
    }
}

/// RFC 1035 §3.1 allows 253 characters, and an address in brackets is shorter.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        let mut hosts = Hosts::default();
        for (place, name) in names.iter().enumerate() {
            let name = name.parse().expect("it is a name");
            assert!(hosts.add(&name, Chosen::Site(place as u32)));
        }
        hosts
    }

    fn found(hosts: &Hosts, host: &str) -> Chosen {
        hosts.find(Normalised::default().of(host.as_bytes()).expect("it is short"))
    }

    #[test]
    fn an_exact_name_wins_and_then_the_longest_wildcard() {
        let hosts = hosts(&["example.org", "*.example.org", "*.a.example.org", "b.a.example.org"]);
        for (host, place) in [
            ("example.org", 0),
            ("EXAMPLE.org:8080", 0),
            ("example.org.", 0),
            ("example.org.:80", 0),
            ("www.example.org", 1),
            ("x.y.example.org", 1),
            ("a.example.org", 1),
            ("x.a.example.org", 2),
            ("b.a.example.org", 3),
            ("c.b.a.example.org", 2),
        ] {
            assert_eq!(found(&hosts, host), Chosen::Site(place), "{host}");
        }
        for host in ["", "org", "example.org.evil.com", "xexample.org", "..example", "localhost"] {
            assert_eq!(found(&hosts, host), Chosen::Outer, "{host}");
        }
    }

    #[test]
    fn an_ipv6_address_has_brackets_and_may_have_a_port() {
        let hosts = hosts(&["[::1]", "127.0.0.1"]);
        assert_eq!(found(&hosts, "[::1]"), Chosen::Site(0));
        assert_eq!(found(&hosts, "[::1]:80"), Chosen::Site(0));
        assert_eq!(found(&hosts, "127.0.0.1:80"), Chosen::Site(1));
        assert_eq!(
            (port(b"[::1]:80"), port(b"[::1]"), port(b"a:1")),
            (&b":80"[..], &b""[..], &b":1"[..])
        );
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut hosts = hosts(&["example.org"]);
        let name = "EXAMPLE.org".parse().expect("it is a name");
        assert!(!hosts.add(&name, Chosen::Outer));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "*.*.a",
            "a.*",
            "http://a",
            "a/b",
            "~^www",
            ".a",
            "::1",
            "bücher.de",
            "256.1.1.1",
            "a:99999x",
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
        assert!("x".repeat(300).parse::<HostName>().is_err());
    }
}
