//! The authority of a target or of `Host` (RFC 9110 §4.2, RFC 3986 §3.2): which hosts and ports are
//! valid.
//!
//! It must never know where an authority came from.

use super::{Reject, percent};
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Checks `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2). Empty is allowed: a
/// client sends an empty `Host` when its target has no authority.
///
/// A name whose last label is a number must be an IPv4 address in four decimal parts: `127.1`, `0x7f.1`
/// and `017700000001` are addresses to some readers and names to others, and no host has such a name
/// (WHATWG URL, "ends in a number"). Brackets enclose an IPv6 address without a zone; no `IPvFuture` has
/// ever been defined.
///
/// # Errors
/// [`Reject::Malformed`] for user information, characters that no host has, an invalid address, or a port
/// above 65535.
pub(crate) fn check_authority(authority: &[u8]) -> Result<(), Reject> {
    const BAD: Reject = Reject::Malformed("malformed host");
    let (is_host, port) = match authority {
        [b'[', rest @ ..] => {
            let end = memchr::memchr(b']', rest).ok_or(BAD)?;
            let port = match &rest[end + 1..] {
                [] => &b""[..],
                [b':', port @ ..] => port,
                _ => return Err(BAD),
            };
            (is_ipv6(&rest[..end]), port)
        }
        _ => {
            let mut classes = 0;
            let is_of_port = |&byte: &u8| {
                let class = HOST[usize::from(byte)];
                classes |= class;
                class == NO_HOST
            };
            let end = authority.iter().position(is_of_port).unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            let port = match port {
                [] => port,
                [b':', port @ ..] => port,
                _ => return Err(BAD),
            };
            let is_host =
                if classes & PERCENT == 0 { is_plain_host(host) } else { is_encoded_name(host) };
            (is_host, port)
        }
    };
    if is_host && is_port(port) { Ok(()) } else { Err(BAD) }
}

fn is_port(port: &[u8]) -> bool {
    let add =
        |number, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'));
    let number = |port: &[u8]| port.iter().try_fold(0, add);
    port.len() <= 5 && number(port).is_some_and(|number| number <= u32::from(u16::MAX))
}

/// Whether a host of [`HOST`] characters alone, with nothing encoded, is a name or an address.
fn is_plain_host(host: &[u8]) -> bool {
    is_dotted_quad(host) || !ends_in_number(host)
}

/// Whether a host is a name once it is decoded, without characters that need their encoding.
fn is_encoded_name(host: &[u8]) -> bool {
    let decoded: Cow<'_, [u8]> = percent_decode(host).into();
    let may_be_in_name = |&byte: &u8| !byte.is_ascii() || HOST[usize::from(byte)] == NAME;
    percent::check(host).is_ok() && decoded.iter().all(may_be_in_name) && !ends_in_number(&decoded)
}

/// `IPv4address` (RFC 3986 §3.2.2): four decimal numbers of one byte each, without leading zeros.
fn is_dotted_quad(host: &[u8]) -> bool {
    let (mut dots, mut digits, mut value) = (0, 0, 0);
    for &byte in host {
        match byte {
            b'0'..=b'9' if digits == 0 || value > 0 => {
                digits += 1;
                value = value * 10 + u32::from(byte - b'0');
                if value > 255 {
                    return false;
                }
            }
            b'.' if digits > 0 => {
                dots += 1;
                (digits, value) = (0, 0);
            }
            _ => return false,
        }
    }
    dots == 3 && digits > 0
}

/// Whether the last label is a number, decimal, octal or hexadecimal.
fn ends_in_number(host: &[u8]) -> bool {
    let name = host.strip_suffix(b".").unwrap_or(host);
    // Nearly every host ends in neither a digit nor a hexadecimal letter.
    if !name.last().is_some_and(|last| last.is_ascii_hexdigit() || matches!(last, b'x' | b'X')) {
        return false;
    }
    let label = name.rsplit(|&byte| byte == b'.').next().unwrap_or(name);
    match label {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

fn is_ipv6(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// `reg-name` (RFC 3986 §3.2.2): unreserved characters, sub-delimiters and percent-encodings.
const HOST: [u8; 256] = {
    let mut table = [NO_HOST; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        let is_name = c.is_ascii_alphanumeric()
            || matches!(c, b'-' | b'.' | b'_' | b'~')
            || matches!(
                c,
                b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
            );
        table[byte] = match c {
            b'%' => PERCENT,
            _ if is_name => NAME,
            _ => NO_HOST,
        };
        byte += 1;
    }
    table
};

const NO_HOST: u8 = 0;
const NAME: u8 = 1;
const PERCENT: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_checked() {
        for good in [
            "",
            "a",
            "a.",
            "a.b-c:80",
            "127.0.0.1:",
            "127.0.0.1",
            "255.255.255.255:65535",
            "a_b",
            "%41",
            "caf%C3%A9",
            "1a",
            "1.a",
            "0x.example",
            "127.0.0.1.example",
            "0xg",
            "[::1]",
            "[::1]:8080",
            "[4712::ABCD]",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(check_authority(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in [
            "u@h",
            "a b",
            "a:b",
            "a/b",
            "a:123456",
            "a:65536",
            "a:+1",
            "a:1:2",
            "h\u{e9}",
            "a%",
            "a%zz",
            "a%2fb",
            "a%00",
            "a%25b",
            "[::1",
            "[]",
            "[::1]x",
            "[::1]:x",
            "[127.0.0.1]",
            "[4712::abcd::]",
            "[12345::]",
            "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]",
            "[::127.01.0.1]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "::1",
        ] {
            assert!(check_authority(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_only_some_readers_take_for_an_ipv4_address_is_no_host() {
        for bad in [
            "017700000001",
            "2130706433",
            "0",
            "0x7f.1",
            "0x7f000001",
            "0X",
            "127.1",
            "127.0.1",
            "127.01.0.1",
            "127.0.0.0x1",
            "127.0.0.1.",
            "127.0.0.256",
            "1.2.3.4.5",
            "127..0.1",
            ".1",
            "a.1",
            "%31%32%37.1",
            "127.0.0.%31",
        ] {
            assert!(check_authority(bad.as_bytes()).is_err(), "{bad}");
            assert!(check_authority(format!("{bad}:80").as_bytes()).is_err(), "{bad}:80");
        }
    }
}
