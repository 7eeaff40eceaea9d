//! What holds for what proxies send, and for what clients send them, whatever the bytes are.

use crate::http::HeadLimits;
use crate::http::h1::request_reader::RequestReader;
use crate::http::{ForwardedHeader, Peer, proxy_protocol};
use crate::http::{Scheme, forwarded as read_forwarded};
use std::net::SocketAddr;

/// What a trusted proxy adds names the client, whatever that has sent. The first byte says which header is meant.
pub fn forwarded(bytes: &[u8]) {
    let Some((&which, sent)) = bytes.split_first() else { return };
    if sent.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return;
    }
    let (header, name, added) = match which % 2 {
        0 => (ForwardedHeader::XForwardedFor, &b"X-Forwarded-For: "[..], &b"192.0.2.60"[..]),
        _ => (
            ForwardedHeader::Forwarded,
            &b"Forwarded: "[..],
            &b"for=\"192.0.2.60\";proto=https;host=\"a.example:81\""[..],
        ),
    };
    let is_trusted = |address: SocketAddr| match address {
        SocketAddr::V4(address) => address.ip().octets()[0] == 10,
        SocketAddr::V6(address) => address.ip().octets()[0] == 0xfd,
    };
    let said = |value: &[u8]| {
        let message = [b"GET / HTTP/1.1\r\nHost: a\r\n", name, value, b"\r\n\r\n"].concat();
        let limits =
            HeadLimits { head_bytes_max: 9000, target_bytes_max: 64, header_count_max: 99 };
        let mut reader = RequestReader::new();
        reader.read_head(&message, &limits).ok().flatten()?;
        let head = reader.request(&message, Peer::default()).ok()?;
        let found = read_forwarded(&head, header, &is_trusted);
        let host = found.host.map(<[u8]>::to_vec);
        Some((found.address, found.scheme, host))
    };
    // In the same line, or in one of its own.
    let below = [b"\r\n", name].concat();
    for separator in [&b", "[..], &below] {
        if let Some((address, scheme, host)) = said(&[sent, separator, added].concat()) {
            assert_eq!(address, "192.0.2.60:0".parse().ok());
            if header == ForwardedHeader::Forwarded {
                assert_eq!(scheme, Some(Scheme::Https));
                assert_eq!(host.as_deref(), Some(&b"a.example:81"[..]));
            }
        }
    }
    said(sent);
}

/// A PROXY header is complete at one length and not before, whatever follows it.
pub fn proxy(bytes: &[u8]) {
    let at_once = proxy_protocol::read(bytes);
    let decided = (0..=bytes.len())
        .map(|end| (end, proxy_protocol::read(&bytes[..end])))
        .find(|(_, read)| !matches!(read, Ok(None)));
    match decided {
        None => assert_eq!(at_once, Ok(None)),
        Some((_, Err(_))) => assert!(at_once.is_err()),
        Some((end, Ok(Some(header)))) => {
            assert_eq!((header.length, at_once), (end, Ok(Some(header))));
            assert!(end <= proxy_protocol::PROXY_HEADER_BYTES_MAX);
        }
        Some((_, Ok(None))) => unreachable!("that is no decision"),
    }
}
