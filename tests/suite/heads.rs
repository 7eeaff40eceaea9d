//! Request heads that are none. What RFC 9112 §2 to §5 demand has its tests in `conformance`.

use crate::support::{Fixture, TestServer};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

/// Refused with this status, one answer and the end; what follows on the wire is not looked at.
#[track_caller]
fn refused(status: u16, heads: &[&[u8]]) {
    let server = serve();
    for head in heads {
        let next = b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
        let mut client = server.raw([head, &next[..]].concat());
        let reply = client.last_reply();
        assert_eq!(reply.status, status, "{}: {reply:?}", head.escape_ascii());
    }
}

#[test]
fn empty_lines_without_end_are_refused() {
    refused(400, &[b"\r\n\r\n\r\n\r\n\r\n\r\n"]);
}

#[test]
fn a_nul_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt\0 HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: te\0st\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX\0: y\r\n\r\n",
            b"\0GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// HTTP/0.9 has no head that could be answered.
#[test]
fn a_request_of_the_oldest_version_is_refused() {
    refused(400, &[b"GET /a.txt\r\n"]);
}

#[test]
fn whatever_bytes_come_the_server_goes_on() {
    let server = serve();
    let noise = crate::support::noise(50_000);
    for start in 0..200 {
        let piece = &noise[start * 250..(start + 1) * 250];
        let mut client = server.raw(piece);
        client.finish();
        client.rest();
    }
    server.get("/a.txt").send().expect(200);
}
