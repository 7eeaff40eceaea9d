//! Where one request ends and the next begins (RFC 9112 §6–7): never in doubt.

use crate::support::{Fixture, TestServer};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

const NEXT: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";

/// Refused, and nothing after it is taken for a request.
#[track_caller]
fn refused(status: u16, headers_and_content: &[&str]) {
    let server = serve();
    for rest in headers_and_content {
        let bytes = format!("POST /a.txt HTTP/1.1\r\nHost: test\r\n{rest}{NEXT}");
        let mut client = server.raw(bytes);
        let reply = client.last_reply();
        assert_eq!(reply.status, status, "{rest:?}: {reply:?}");
    }
}

/// Answered with 405, and the request after it with 200.
#[track_caller]
fn framed(headers_and_content: &[&str]) {
    let server = serve();
    for rest in headers_and_content {
        let bytes = format!("POST /a.txt HTTP/1.1\r\nHost: test\r\n{rest}{NEXT}");
        let mut client = server.raw(bytes);
        let reply = client.reply();
        assert_eq!(reply.status, 405, "{rest:?}: {reply:?}");
        client.reply().expect(200).body("it");
    }
}

#[test]
fn content_of_a_given_length_is_not_taken_for_a_request() {
    framed(&[
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0005\r\n\r\nhello",
        "Content-Length: 37\r\n\r\nGET /secret HTTP/1.1\r\nHost: test\r\n\r\n.",
    ]);
}

#[test]
fn chunked_content_is_not_taken_for_a_request() {
    framed(&[
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5;name=value;q=\"\\\";\"\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\nX-Trailer: yes\r\n\r\n",
    ]);
}

/// RFC 9112 §6.3, case 3: an attempt to smuggle.
#[test]
fn both_a_length_and_a_coding_are_refused() {
    refused(
        400,
        &[
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
        ],
    );
}

/// RFC 9112 §6.3, case 5.
#[test]
fn two_lengths_are_refused_be_they_equal() {
    refused(
        400,
        &[
            "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
            "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "Content-Length: 0, 0\r\n\r\n",
            "Content-Length: 0,5\r\n\r\n",
        ],
    );
}

/// RFC 9110 §8.6: digits.
#[test]
fn a_length_that_is_no_number_is_refused() {
    refused(
        400,
        &[
            "Content-Length: \r\n\r\n",
            "Content-Length: +0\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 0x0\r\n\r\n",
            "Content-Length: 1e1\r\n\r\n",
            "Content-Length: 0.0\r\n\r\n",
            "Content-Length: 0 0\r\n\r\n",
            "Content-Length: \"0\"\r\n\r\n",
            "Content-Length: 0_0\r\n\r\n",
            "Content-Length: \u{0660}\r\n\r\n",
        ],
    );
}

#[test]
fn a_length_that_no_number_can_hold_is_refused() {
    refused(
        400,
        &[
            "Content-Length: 18446744073709551616\r\n\r\n",
            "Content-Length: 99999999999999999999999999999999\r\n\r\n",
        ],
    );
}

/// RFC 9112 §6.1.
#[test]
fn a_coding_that_is_not_known_is_not_implemented() {
    refused(
        501,
        &[
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        ],
    );
}

/// RFC 9112 §6.3, case 4: the length cannot be known then.
#[test]
fn a_coding_that_does_not_end_in_chunked_is_refused() {
    refused(
        400,
        &[
            "Transfer-Encoding: gzip\r\n\r\n",
            "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: \r\n\r\n",
            "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        ],
    );
}

#[test]
fn a_coding_said_twice_is_refused() {
    let server = serve();
    for headers in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
    ] {
        let mut client = server
            .raw(format!("POST /a.txt HTTP/1.1\r\nHost: test\r\n{headers}\r\n0\r\n\r\n{NEXT}"));
        let reply = client.last_reply();
        assert!([400, 501].contains(&reply.status), "{headers:?}: {reply:?}");
    }
}

/// RFC 9112 §6.1: that version has no transfer codings.
#[test]
fn a_coding_in_http_1_0_is_refused() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    client.last_reply().expect(400);
}

/// RFC 9112 §7.1.
#[test]
fn a_broken_chunk_is_refused() {
    refused(
        400,
        &[
            "Transfer-Encoding: chunked\r\n\r\nx\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
            "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\n",
            "Transfer-Encoding: chunked\r\n\r\n5;a\n\r\nhello\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
        ],
    );
}

#[test]
fn a_chunk_too_large_for_a_number_is_refused() {
    refused(
        400,
        &[
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
            "Transfer-Encoding: chunked\r\n\r\n00000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        ],
    );
}

#[test]
fn endless_chunk_extensions_are_refused() {
    let extension = "x".repeat(20_000);
    refused(400, &[&format!("Transfer-Encoding: chunked\r\n\r\n1;{extension}\r\na\r\n0\r\n\r\n")]);
}

#[test]
fn endless_trailers_are_refused() {
    let trailers = "X-Trailer: y\r\n".repeat(2000);
    refused(400, &[&format!("Transfer-Encoding: chunked\r\n\r\n0\r\n{trailers}\r\n")]);
}

/// RFC 9110 §6.5: trailers are no headers.
#[test]
fn a_trailer_cannot_change_how_the_request_is_framed() {
    framed(&["Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 999\r\n\r\n"]);
}

/// RFC 9112 §6.3, case 6.
#[test]
fn a_request_without_a_length_has_no_content() {
    framed(&["Content-Type: text/plain\r\n\r\n"]);
}

#[test]
fn get_may_have_content_too() {
    let server = serve();
    let mut client = server
        .raw(format!("GET /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello{NEXT}"));
    client.reply().expect(200).body("it");
    client.reply().expect(200).body("it");
}
