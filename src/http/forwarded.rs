//! What proxies say of the client behind them: `X-Forwarded-For` and `X-Forwarded-Proto`, or `Forwarded` (RFC 7239).
//!
//! Each proxy adds its entry at the right end, and a client can send anything to the left of that. So a list is read
//! from the right, and only as far as the proxies that are trusted reach. It must never know who is trusted, and why.

use super::authority::check_authority;
use super::{RequestHead, Scheme};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which header of trusted proxies names the client. Only one of them can be believed: most proxies write one, and
/// pass the other on as their client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with the scheme in `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), with the scheme and the host in it.
    Forwarded,
}

/// What is said of a client. What is `None` is not said, or cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded<'a> {
    /// Its address; port 0 if only its host is known.
    pub address: Option<SocketAddr>,
    /// How its connection to the first proxy is protected.
    pub scheme: Option<Scheme>,
    /// Which host it asked the first proxy for.
    pub host: Option<&'a [u8]>,
}

/// The client behind trusted proxies: the right-most address in the list that is not one of theirs. Where even the
/// left-most is, that is the client. An entry that is no address ends the list.
pub(crate) fn forwarded<'a>(
    head: &RequestHead<'a>,
    header: ForwardedHeader,
    is_trusted: &dyn Fn(SocketAddr) -> bool,
) -> Forwarded<'a> {
    let (table, bytes) = (head.headers, head.bytes);
    let lines = move |name: &'static str| {
        let is_it = move |(found, _): &(&[u8], &[u8])| found.eq_ignore_ascii_case(name.as_bytes());
        table.lines(bytes).rev().filter(is_it).map(|(_, value)| value)
    };
    match header {
        ForwardedHeader::XForwardedFor => Forwarded {
            address: by_list(lines("X-Forwarded-For"), is_trusted),
            scheme: lines("X-Forwarded-Proto").next().and_then(last_scheme),
            host: None,
        },
        ForwardedHeader::Forwarded => by_elements(lines("Forwarded"), is_trusted),
    }
}

/// From the lines of `X-Forwarded-For`, the last line first.
fn by_list<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    is_trusted: &dyn Fn(SocketAddr) -> bool,
) -> Option<SocketAddr> {
    let entries = lines.flat_map(|line| line.rsplit(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let mut client = None;
    for entry in entries.filter(|entry| !entry.is_empty()).take(HOPS_MAX) {
        let Some(address) = node(entry, Style::Loose) else { break };
        client = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    client
}

/// From the lines of `Forwarded`, the last line first.
fn by_elements<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    is_trusted: &dyn Fn(SocketAddr) -> bool,
) -> Forwarded<'a> {
    let mut client = Forwarded::default();
    let elements = lines.flat_map(|line| FromTheRight { rest: Some(line), separator: b',' });
    for element in elements.filter(|element| !element.is_empty()).take(HOPS_MAX) {
        let Some(said) = self::element(element) else { break };
        client = Forwarded { address: said.address.or(client.address), ..said };
        if !said.address.is_some_and(is_trusted) {
            break;
        }
    }
    client
}

/// `forwarded-element` (RFC 7239 §4).
fn element(element: &[u8]) -> Option<Forwarded<'_>> {
    let (mut node_seen, mut scheme_seen, mut host_seen) = (false, false, false);
    let mut said = Forwarded::default();
    let pairs = FromTheRight { rest: Some(element), separator: b';' };
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let equals = memchr::memchr(b'=', pair)?;
        let (name, value) = (&pair[..equals], unquoted(&pair[equals + 1..])?);
        let seen = if name.eq_ignore_ascii_case(b"for") {
            said.address = node(value, Style::Rfc7239);
            &mut node_seen
        } else if name.eq_ignore_ascii_case(b"proto") {
            said.scheme = scheme(value);
            &mut scheme_seen
        } else if name.eq_ignore_ascii_case(b"host") {
            let is_host = !value.is_empty() && check_authority(value).is_ok();
            said.host = is_host.then_some(value);
            &mut host_seen
        } else {
            continue;
        };
        // RFC 7239 §4: each parameter at most once.
        if std::mem::replace(seen, true) {
            return None;
        }
    }
    Some(said)
}

/// The parts of a value between separators outside quoted strings, the last one first, without the white space around
/// them. It is read from the right, so that a quotation mark that a client leaves open reaches no further than what
/// that client wrote.
struct FromTheRight<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for FromTheRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let mut is_quoted = false;
        for (place, &byte) in rest.iter().enumerate().rev() {
            if byte == b'"' && (!is_quoted || !is_escaped(rest, place)) {
                is_quoted = !is_quoted;
            } else if byte == self.separator && !is_quoted {
                self.rest = Some(&rest[..place]);
                return Some(rest[place + 1..].trim_ascii());
            }
        }
        Some(rest.trim_ascii())
    }
}

/// Whether an odd number of backslashes stands before a byte.
fn is_escaped(bytes: &[u8], place: usize) -> bool {
    bytes[..place].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// The text of a token or a quoted string (RFC 9110 §5.6.4). `None` also for one with escapes, which no address and no
/// host needs.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    let text = match value {
        [b'"', text @ .., b'"'] => text,
        _ => value,
    };
    let is_text = !text.iter().any(|byte| matches!(byte, b'"' | b'\\'));
    is_text.then_some(text)
}

/// How strictly an IPv6 address is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// In brackets (RFC 7239 §6).
    Rfc7239,
    /// Also without them, as `X-Forwarded-For` has it.
    Loose,
}

/// An address, with a port or without. What is neither, such as `unknown` or `_hidden`, is none.
fn node(text: &[u8], style: Style) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(inside) = text.strip_prefix('[') {
        let (ip, rest) = inside.split_once(']')?;
        let port = if rest.is_empty() { 0 } else { port(rest.strip_prefix(':')?)? };
        return Some(of(ip.parse::<Ipv6Addr>().ok()?.into(), port));
    }
    if style == Style::Loose
        && let Ok(ip) = text.parse::<Ipv6Addr>()
    {
        return Some(of(ip.into(), 0));
    }
    let (ip, port) = match text.split_once(':') {
        Some((ip, number)) => (ip, port(number)?),
        None => (text, 0),
    };
    Some(of(ip.parse::<Ipv4Addr>().ok()?.into(), port))
}

/// An IPv4 address counts as what it is, however it is written.
fn of(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}

/// An obfuscated port (RFC 7239 §6.3) says nothing.
fn port(text: &str) -> Option<u16> {
    match text.as_bytes() {
        [b'_', ..] => Some(0),
        digits if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

fn last_scheme(line: &[u8]) -> Option<Scheme> {
    scheme(line.rsplit(|&byte| byte == b',').next()?.trim_ascii())
}

fn scheme(text: &[u8]) -> Option<Scheme> {
    let all = [Scheme::Http, Scheme::Https];
    all.into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str().as_bytes()))
}

/// No request passes more proxies.
const HOPS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadLimits;
    use crate::http::Peer;
    use crate::http::h1::request_reader::RequestReader;

    /// What a request with these lines says, where 10.0.0.0/8 and fd00::/8 are trusted: address, scheme, host.
    fn said(header: ForwardedHeader, lines: &str) -> (String, Option<Scheme>, String) {
        let limits =
            HeadLimits { target_bytes_max: 100, head_bytes_max: 9000, header_count_max: 20 };
        let bytes = format!("GET / HTTP/1.1\r\nHost: own\r\n{lines}\r\n").into_bytes();
        let mut reader = RequestReader::new();
        reader.read_head(&bytes, &limits).expect("it is sound").expect("it is complete");
        let head = reader.request(&bytes, Peer::default()).expect("it is sound");
        let is_trusted = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) => ip.octets()[0] == 10,
            IpAddr::V6(ip) => ip.octets()[0] == 0xfd,
        };
        let found = forwarded(&head, header, &is_trusted);
        let address = found.address.map_or("none".to_owned(), |it| it.to_string());
        (address, found.scheme, String::from_utf8_lossy(found.host.unwrap_or(b"none")).into())
    }

    #[test]
    fn the_right_most_address_that_is_not_trusted_is_the_client() {
        for (lines, expected) in [
            ("", "none"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.1.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 192.0.2.1,10.2.2.2 ,\t10.1.1.1 , \r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 10.9.9.9, 10.1.1.1\r\n", "10.9.9.9:0"),
            ("X-Forwarded-For: 192.0.2.9\r\nx-forwarded-for: 192.0.2.1\r\n", "192.0.2.1:0"),
            (
                "X-Forwarded-For: 192.0.2.9, 192.0.2.8\r\nX-Forwarded-For: 10.1.1.1\r\n",
                "192.0.2.8:0",
            ),
            ("X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1:4711"),
            ("X-Forwarded-For: 2001:db8::1\r\n", "[2001:db8::1]:0"),
            ("X-Forwarded-For: [2001:db8::1]\r\n", "[2001:db8::1]:0"),
            ("X-Forwarded-For: [2001:db8::1]:80, fd00::1\r\n", "[2001:db8::1]:80"),
            ("X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: ::ffff:10.0.0.1\r\n", "10.0.0.1:0"),
            ("X-Forwarded-For: unknown\r\n", "none"),
            ("X-Forwarded-For: 192.0.2.1, unknown, 10.1.1.1\r\n", "10.1.1.1:0"),
            ("X-Forwarded-For: 192.0.2.1, 10.1.1.1:99999\r\n", "none"),
            ("X-Forwarded-For: 192.0.2.1, 010.1.1.1\r\n", "none"),
            ("X-Forwarded-For: 192.0.2.1 192.0.2.2\r\n", "none"),
            ("X-Forwarded-For: \r\n", "none"),
            ("X-Forwarded-For: ,,\r\n", "none"),
            ("Forwarded: for=192.0.2.1\r\n", "none"),
            ("X-Real-IP: 192.0.2.1\r\n", "none"),
        ] {
            assert_eq!(said(ForwardedHeader::XForwardedFor, lines).0, expected, "{lines:?}");
        }
    }

    #[test]
    fn the_scheme_is_what_the_nearest_proxy_says() {
        let of = |lines| said(ForwardedHeader::XForwardedFor, lines).1;
        assert_eq!(of("X-Forwarded-Proto: https\r\n"), Some(Scheme::Https));
        assert_eq!(of("X-Forwarded-Proto: HTTP\r\n"), Some(Scheme::Http));
        assert_eq!(of("X-Forwarded-Proto: https, http\r\n"), Some(Scheme::Http));
        assert_eq!(
            of("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n"),
            Some(Scheme::Https)
        );
        assert_eq!(of("X-Forwarded-Proto: ftp\r\n"), None);
        assert_eq!(of("Forwarded: proto=https\r\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn an_element_of_forwarded_names_client_scheme_and_host() {
        for (value, address, scheme, host) in [
            ("for=192.0.2.1", "192.0.2.1:0", None, "none"),
            ("For=\"192.0.2.1:80\";Proto=https", "192.0.2.1:80", Some(Scheme::Https), "none"),
            (
                "for=\"[2001:db8::1]:4711\" ; host=\"a.example:81\"",
                "[2001:db8::1]:4711",
                None,
                "a.example:81",
            ),
            ("for=203.0.113.9, for=192.0.2.1;by=10.1.1.1", "192.0.2.1:0", None, "none"),
            (
                "for=192.0.2.1;proto=https;host=a, for=10.1.1.1;proto=http;host=b",
                "192.0.2.1:0",
                Some(Scheme::Https),
                "a",
            ),
            ("for=192.0.2.1;host=a, for=10.1.1.1;proto=https", "192.0.2.1:0", None, "a"),
            ("for=192.0.2.1, for=unknown;host=a, for=10.1.1.1;host=b", "10.1.1.1:0", None, "a"),
            ("for=_hidden;proto=https", "none", Some(Scheme::Https), "none"),
            ("for=\"192.0.2.1:_port\"", "192.0.2.1:0", None, "none"),
            ("proto=https;host=a", "none", Some(Scheme::Https), "a"),
            ("for=2001:db8::1", "none", None, "none"),
            ("for=192.0.2.1;for=192.0.2.2", "none", None, "none"),
            ("for=192.0.2.1;host=\"u@h\"", "192.0.2.1:0", None, "none"),
            ("for=192.0.2.1;host=\"a\\\"b\"", "none", None, "none"),
            ("for=192.0.2.9, 192.0.2.1", "none", None, "none"),
            ("", "none", None, "none"),
            (" , ;, ", "none", None, "none"),
        ] {
            let found = said(ForwardedHeader::Forwarded, &format!("Forwarded: {value}\r\n"));
            assert_eq!(found, (address.to_owned(), scheme, host.to_owned()), "{value:?}");
        }
    }

    #[test]
    fn nothing_that_a_client_sends_hides_what_its_proxy_adds() {
        for sent in [
            "",
            "for=10.9.9.9",
            "for=\"",
            "for=\"10.9.9.9",
            "for=\"\\",
            "\\",
            "\"\\\"",
            "for=10.9.9.9\\",
            ";;==",
            "for=\"a, for=\"b\"",
        ] {
            let added = "for=192.0.2.1;proto=https;host=\"a:81\"";
            let expected = ("192.0.2.1:0".to_owned(), Some(Scheme::Https), "a:81".to_owned());
            let joined = format!("Forwarded: {sent}, {added}\r\n");
            assert_eq!(said(ForwardedHeader::Forwarded, &joined), expected, "{joined:?}");
            let below = format!("Forwarded: {sent}\r\nForwarded: {added}\r\n");
            assert_eq!(said(ForwardedHeader::Forwarded, &below), expected, "{below:?}");
        }
    }

    #[test]
    fn a_list_without_end_is_read_so_far() {
        let long = format!("X-Forwarded-For: 192.0.2.1{}\r\n", ", 10.1.1.1".repeat(500));
        assert_eq!(said(ForwardedHeader::XForwardedFor, &long).0, "10.1.1.1:0");
    }
}
