//! The name of a host: how it is written, and how it is compared.

use crate::http::authority::check_authority;
use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A name that a host goes by, for [`Site::host`](crate::Site::host).
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
    /// One of a table of names.
    pub(super) fn normalised(name: &[u8], is_wildcard: bool) -> HostName {
        HostName { name: String::from_utf8_lossy(name).into_owned(), is_wildcard }
    }

    /// Whether it stands for all names below one.
    pub fn is_wildcard(&self) -> bool {
        self.is_wildcard
    }

    /// The name, without `*.`.
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

/// RFC 1035 §3.1 allows 253 characters, and an address in brackets is shorter.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

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
