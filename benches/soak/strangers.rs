//! Clients that leave in the middle, and those that send what is no request. They may be answered or not; what they get
//! must be HTTP, and no error of the server's.

use crate::clients::{Asker, NOISE, begin_handshake, connect};
use crate::support::http2;
use crate::support::lossy;
use crate::tally::answered;

/// Asks for something and leaves before it is there.
pub fn abort(asker: &mut Asker<'_>) {
    match asker.below(6) {
        0 => {
            let mut client = asker.connect();
            client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let _ = client.read(1000);
        }
        1 => {
            let mut client = asker.connect();
            let path = format!("/drop/{}", asker.number);
            client.send(format!(
                "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
            ));
            let _ = client.try_send(&NOISE[..asker.below(80_000)]);
        }
        2 => {
            let mut client = asker.connect();
            client.send(&b"GET / HTTP/1.1\r\nHost: localhost"[..1 + asker.below(30)]);
        }
        3 => begin_handshake(asker),
        4 => {
            let mut client = asker.secured(&asker.world.trusting);
            client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let _ = client.read(1000);
        }
        _ => {
            let mut connection = http2::Http2::over(connect(&asker.world.h2c));
            connection.ask("GET", "/large.bin", &[]);
            connection.read();
        }
    }
    answered();
}

/// Sends something that resembles a request, or not.
pub fn send_nonsense(asker: &mut Asker<'_>) {
    let mut bytes = SEEDS[asker.below(SEEDS.len())].to_vec();
    for _ in 0..=asker.below(4) {
        let at = asker.below(bytes.len());
        match asker.below(4) {
            0 => bytes[at] = asker.below(256) as u8,
            1 => bytes.insert(at, b" \r\n\0:;,%/\xff"[asker.below(10)]),
            2 => drop(bytes.remove(at)),
            _ => {
                let end = at + asker.below(bytes.len() - at);
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    let mut client = match asker.below(4) {
        0 => connect(&asker.world.h2c),
        1 => connect(&asker.world.secure),
        _ => asker.connect(),
    };
    let is_http_1 = !bytes.starts_with(b"PRI");
    let _ = client.try_send(&bytes);
    let (answer, _) = client.finish().rest();
    if is_http_1 && answer.starts_with(b"HTTP/1.1 ") {
        let status = answer.get(9..12).unwrap_or_default();
        let is_fine = !status.starts_with(b"5")
            || [b"501", b"505"].contains(&status.first_chunk().unwrap_or(b"500"));
        assert!(is_fine, "{} for {}", lossy(status), bytes.escape_ascii());
    }
    answered();
}

const SEEDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /files/3.bin?a=b HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-5,7-\r\nIf-Range: \"x\"\r\n\r\n",
    b"POST /files/3.bin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HEAD /page.html HTTP/1.0\r\nAccept-Encoding: br;q=0.5, gzip, *;q=0\r\nCookie: a=b; c=d\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: W/\"a\", \"b\"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x05\x01\x05\0\0\0\x01\x82\x84\x86\x41\0",
    b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03nothing of what a client says first by TLS is here",
];
