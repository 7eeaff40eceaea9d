//! The header of the PROXY protocol, versions 1 and 2, which a proxy sends before anything else on a connection
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! It must never know who sent it, or what follows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Both ends of the connection that the proxy has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proxied {
    pub client: SocketAddr,
    /// The address that the client has connected to.
    pub destination: SocketAddr,
}

/// A complete header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// How many bytes it has. What follows belongs to the client.
    pub length: usize,
    /// `None`: it says nothing of TCP addresses. The proxy speaks for itself (LOCAL, as its health checks are), or does
    /// not know its client, or has accepted it at something else, such as a Unix socket.
    pub proxied: Option<Proxied>,
}

/// Why bytes are no such header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeaderError(pub &'static str);

/// Reads the header at the beginning of what has arrived. `None`: it is not complete yet.
///
/// # Errors
/// What is wrong with it, as soon as no further byte could make it right.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let begins_as = |signature: &[u8]| {
        let common = bytes.len().min(signature.len());
        bytes[..common] == signature[..common]
    };
    if begins_as(SIGNATURE_2) {
        version_2(bytes)
    } else if begins_as(SIGNATURE_1) {
        version_1(bytes)
    } else {
        Err(ProxyHeaderError("the connection does not begin with a PROXY header"))
    }
}

/// A line of text (§2.1).
fn version_1(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    const BAD: ProxyHeaderError = ProxyHeaderError("malformed PROXY header of version 1");
    let start = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = memchr::memchr(b'\n', start) else {
        return if start.len() < LINE_BYTES_MAX { Ok(None) } else { Err(BAD) };
    };
    let line = start[..end].strip_suffix(b"\r").ok_or(BAD)?;
    let line = std::str::from_utf8(line).map_err(|_| BAD)?;
    let mut words = line.split(' ').skip(1);
    let proxied = match words.next() {
        // What follows is to be ignored.
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => {
            let words: Vec<&str> = words.take(5).collect();
            let [client, destination, client_port, destination_port] = words[..] else {
                return Err(BAD);
            };
            let address = |ip: &str, port: &str| -> Option<SocketAddr> {
                let ip: IpAddr = match family {
                    "TCP4" => ip.parse::<Ipv4Addr>().ok()?.into(),
                    _ => ip.parse::<Ipv6Addr>().ok()?.into(),
                };
                Some(SocketAddr::new(ip.to_canonical(), number(port)?))
            };
            Some(Proxied {
                client: address(client, client_port).ok_or(BAD)?,
                destination: address(destination, destination_port).ok_or(BAD)?,
            })
        }
        _ => return Err(BAD),
    };
    Ok(Some(ProxyHeader { length: end + 1, proxied }))
}

/// A port in decimal, without sign and leading zeros.
fn number(text: &str) -> Option<u16> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Sixteen bytes, addresses, and further values, which are skipped (§2.2).
fn version_2(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let Some(&version_and_command) = bytes.get(12) else { return Ok(None) };
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderError("PROXY header of an unknown version or command")),
    };
    let Some((fixed, rest)) = bytes.split_first_chunk::<16>() else { return Ok(None) };
    let [.., family, high, low] = *fixed;
    let rest_bytes = usize::from(u16::from_be_bytes([high, low]));
    let length = fixed.len() + rest_bytes;
    if length > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyHeaderError("PROXY header of more than 4096 bytes"));
    }
    let needed = match (is_local, family) {
        (false, TCP_4) => 12,
        (false, TCP_6) => 36,
        _ => 0,
    };
    if rest_bytes < needed {
        return Err(ProxyHeaderError("PROXY header that is too short for its addresses"));
    }
    let Some(rest) = rest.get(..rest_bytes) else { return Ok(None) };
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    let proxied = match needed {
        12 => {
            let ip = |at: usize| Ipv4Addr::new(rest[at], rest[at + 1], rest[at + 2], rest[at + 3]);
            Some(Proxied {
                client: SocketAddr::new(ip(0).into(), port(8)),
                destination: SocketAddr::new(ip(4).into(), port(10)),
            })
        }
        36 => {
            let ip = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&rest[at..at + 16]);
                IpAddr::from(octets).to_canonical()
            };
            Some(Proxied {
                client: SocketAddr::new(ip(0), port(32)),
                destination: SocketAddr::new(ip(16), port(34)),
            })
        }
        _ => None,
    };
    Ok(Some(ProxyHeader { length, proxied }))
}

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// A stream over IPv4, over IPv6.
const TCP_4: u8 = 0x11;
const TCP_6: u8 = 0x21;

/// The longest line, with its end (§2.1).
const LINE_BYTES_MAX: usize = 107;

/// More than any proxy sends: addresses take 52 bytes, and what describes a TLS client some hundred.
pub(crate) const PROXY_HEADER_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(client: &str, destination: &str) -> Option<Proxied> {
        let address = |text: &str| text.parse().expect("an address");
        Some(Proxied { client: address(client), destination: address(destination) })
    }

    /// Version 2 with this command and family, and what follows the sixteen bytes.
    fn version_2_of(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE_2[..], &[command, family], &length, rest].concat()
    }

    fn tcp_4() -> Vec<u8> {
        vec![192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x34, 0, 80]
    }

    fn tcp_6() -> Vec<u8> {
        let ip = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        [&ip(1)[..], &ip(2), &[0x12, 0x34, 1, 0xbb]].concat()
    }

    /// Headers, and what they say.
    fn sound() -> Vec<(Vec<u8>, Option<Proxied>)> {
        let four = proxied("192.0.2.1:4660", "198.51.100.7:80");
        let six = proxied("[2001:db8::1]:4660", "[2001:db8::2]:443");
        let mapped = [&[0; 10][..], &[0xff; 2], &[192, 0, 2, 1]].concat();
        let mapped = [&mapped[..], &mapped, &[0, 1, 0, 2]].concat();
        let after = |addresses: Vec<u8>, more: &[u8]| [&addresses[..], more].concat();
        vec![
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 80\r\n".to_vec(), four),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 4660 443\r\n".to_vec(), six),
            (
                b"PROXY TCP6 ::ffff:192.0.2.1 ::1 0 65535\r\n".to_vec(),
                proxied("192.0.2.1:0", "[::1]:65535"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (
                b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535 and more\r\n".to_vec(),
                None,
            ),
            (version_2_of(0x21, TCP_4, &tcp_4()), four),
            (version_2_of(0x21, TCP_6, &tcp_6()), six),
            (version_2_of(0x21, TCP_6, &mapped), proxied("192.0.2.1:1", "192.0.2.1:2")),
            // With TLVs, sound ones and broken ones: nothing of them is read.
            (version_2_of(0x21, TCP_4, &after(tcp_4(), b"\x04\x00\x01x")), four),
            (version_2_of(0x21, TCP_4, &after(tcp_4(), &[0xff; 4068])), four),
            // LOCAL, whatever else it says.
            (version_2_of(0x20, 0, b""), None),
            (version_2_of(0x20, TCP_4, &tcp_4()), None),
            (version_2_of(0x20, TCP_4, b"x"), None),
            // Unspecified, datagrams, Unix sockets, and families that do not exist yet.
            (version_2_of(0x21, 0, b""), None),
            (version_2_of(0x21, 0, &[0xff; 99]), None),
            (version_2_of(0x21, 0x12, &tcp_4()), None),
            (version_2_of(0x21, 0x31, &[b'/'; 216]), None),
            (version_2_of(0x21, 0xff, b""), None),
        ]
    }

    #[test]
    fn a_header_is_the_same_however_it_is_cut_and_whatever_follows() {
        for (header, proxied) in sound() {
            for end in 0..header.len() {
                assert_eq!(read(&header[..end]), Ok(None), "{end} of {}", header.escape_ascii());
            }
            let expected = Ok(Some(ProxyHeader { length: header.len(), proxied }));
            assert_eq!(read(&header), expected, "{}", header.escape_ascii());
            let followed = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(read(&followed), expected);
        }
    }

    #[test]
    fn what_is_no_header_is_refused_as_soon_as_that_is_known() {
        for (bytes, at) in [
            (&b"GET / HTTP/1.1\r\n"[..], 1),
            (b"PROXX", 5),
            (b"\r\n\r\n\0\r\nQUIT\r", 12),
            (b"\x16\x03\x01", 1),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 80\n", 42),
            (b"PROXY \r\n", 8),
            (b"PROXY TCP5 192.0.2.1 198.51.100.7 4660 80\r\n", 43),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 4660\r\n", 40),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 80 \r\n", 44),
            (b"PROXY TCP4  192.0.2.1 198.51.100.7 4660 80\r\n", 44),
            (b"PROXY TCP4 192.0.2.01 198.51.100.7 4660 80\r\n", 44),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 +466 80\r\n", 43),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 0466 80\r\n", 43),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 66000 80\r\n", 44),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 466 \r\n", 40),
            (b"PROXY TCP4 ::1 ::2 466 80\r\n", 27),
            (b"PROXY TCP6 192.0.2.1 192.0.2.1 466 80\r\n", 39),
            (b"PROXY TCP6 fe80::1%1 ::2 466 80\r\n", 33),
        ] {
            for end in 0..at {
                assert_eq!(read(&bytes[..end]), Ok(None), "{end} of {}", bytes.escape_ascii());
            }
            assert!(read(&bytes[..at]).is_err(), "{}", bytes[..at].escape_ascii());
        }
    }

    #[test]
    fn a_line_and_a_header_have_a_longest_length() {
        let line = |spaces: usize| format!("PROXY UNKNOWN{}\r\n", " ".repeat(spaces)).into_bytes();
        let longest = line(LINE_BYTES_MAX - 15);
        assert_eq!(read(&longest), Ok(Some(ProxyHeader { length: 107, proxied: None })));
        assert_eq!(read(&longest[..106]), Ok(None));
        assert!(read(&line(LINE_BYTES_MAX - 14)).is_err());
        assert!(read(&[b"PROXY ".to_vec(), vec![b'x'; 101]].concat()).is_err());
        let longest = version_2_of(0x21, 0, &[0; PROXY_HEADER_BYTES_MAX - 16]);
        assert!(read(&longest).is_ok_and(|header| header.is_some()));
        let longer = version_2_of(0x21, 0, &[0; PROXY_HEADER_BYTES_MAX - 15]);
        assert!(read(&longer[..15]).is_ok() && read(&longer[..16]).is_err());
    }

    #[test]
    fn versions_commands_and_lengths_that_do_not_exist_are_refused() {
        for command in [0x00, 0x01, 0x10, 0x11, 0x22, 0x2f, 0x31] {
            assert!(read(&version_2_of(command, TCP_4, &tcp_4())).is_err(), "{command:x}");
        }
        assert!(read(&version_2_of(0x21, TCP_4, &tcp_4()[..11])).is_err());
        assert!(read(&version_2_of(0x21, TCP_6, &tcp_4())).is_err());
    }
}
