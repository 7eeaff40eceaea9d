//! Request heads, sound and broken (RFC 9112 §2–5).

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

#[track_caller]
fn accepted(heads: &[&[u8]]) {
    let server = serve();
    for head in heads {
        let reply = server.raw(head).reply();
        assert_eq!(reply.status, 200, "{}: {reply:?}", head.escape_ascii());
        reply.body("it");
    }
}

/// RFC 9112 §2.2: a server should ignore at least one.
#[test]
fn an_empty_line_before_a_request_is_ignored() {
    accepted(&[b"\r\nGET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n"]);
}

#[test]
fn empty_lines_without_end_are_refused() {
    refused(400, &[b"\r\n\r\n\r\n\r\n\r\n\r\n"]);
}

/// RFC 9112 §5: white space around a value is optional.
#[test]
fn white_space_around_a_value_is_no_part_of_it() {
    accepted(&[
        b"GET /a.txt HTTP/1.1\r\nHost:test\r\n\r\n",
        b"GET /a.txt HTTP/1.1\r\nHost: \t test \t \r\n\r\n",
    ]);
}

#[test]
fn header_names_may_be_written_in_any_case() {
    accepted(&[b"GET /a.txt HTTP/1.1\r\nhOST: test\r\n\r\n"]);
}

#[test]
fn an_empty_value_is_fine() {
    accepted(&[b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX-Empty:\r\n\r\n"]);
}

/// RFC 9110 §5.5: obs-text and tabs are let through.
#[test]
fn values_may_hold_tabs_and_bytes_beyond_ascii() {
    accepted(&[b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: a\tb \xe9\xff\r\n\r\n"]);
}

/// RFC 9112 §2.2: a bare LF could be taken for a line end by one reader and not by another.
#[test]
fn a_bare_lf_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\n",
            b"\nGET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// RFC 9112 §2.2.
#[test]
fn a_bare_cr_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n",
            b"GET /a.txt HTTP/1.1\rHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\r\n\r\n",
            b"GET /a\r.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
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

/// RFC 9110 §5.5.
#[test]
fn control_characters_are_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: \x1b[2J\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: \x7f\r\n\r\n",
            b"GET /\x07 HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /\x7f HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// RFC 9112 §5.1: a server must refuse it.
#[test]
fn white_space_before_the_colon_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost : test\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX\t: y\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length : 5\r\n\r\n",
        ],
    );
}

/// RFC 9112 §5.2.
#[test]
fn a_folded_line_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX: a\r\n\tb\r\n\r\n",
        ],
    );
}

/// RFC 9112 §2.2.
#[test]
fn white_space_before_the_first_header_is_refused() {
    refused(400, &[b"GET /a.txt HTTP/1.1\r\n Host: test\r\n\r\n"]);
}

#[test]
fn a_line_without_a_colon_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nnonsense\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\n: nameless\r\n\r\n",
        ],
    );
}

/// RFC 9110 §5.1: a name is a token.
#[test]
fn a_header_name_that_is_no_token_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX Y: z\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX(Y): z\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\"X\": z\r\n\r\n",
            b"GET /a.txt HTTP/1.1\r\nHost: test\r\nX\xe9: z\r\n\r\n",
        ],
    );
}

/// RFC 9112 §3: single spaces and nothing else.
#[test]
fn a_request_line_with_odd_white_space_is_refused() {
    refused(
        400,
        &[
            b"GET  /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt  HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1.1 \r\nHost: test\r\n\r\n",
            b" GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET\t/a.txt\tHTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /a b.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

#[test]
fn a_request_line_with_a_part_missing_is_refused() {
    refused(
        400,
        &[
            b"GET\r\nHost: test\r\n\r\n",
            b"GET HTTP/1.1\r\nHost: test\r\n\r\n",
            b" /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// HTTP/0.9 has no head that could be answered.
#[test]
fn a_request_of_the_oldest_version_is_refused() {
    refused(400, &[b"GET /a.txt\r\n"]);
}

/// RFC 9112 §2.3: exactly `HTTP/`, a digit, a dot, a digit.
#[test]
fn a_misspelt_version_is_refused() {
    refused(
        400,
        &[
            b"GET /a.txt http/1.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1.10\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/01.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/1,1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTPS/1.1\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/-1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// RFC 9110 §15.6.6.
#[test]
fn another_major_version_is_not_supported() {
    refused(
        505,
        &[
            b"GET /a.txt HTTP/2.0\r\nHost: test\r\n\r\n",
            b"GET /a.txt HTTP/0.9\r\nHost: test\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    );
}

/// RFC 9110 §2.5: a later minor version can be answered with the highest that is known.
#[test]
fn a_later_minor_version_is_answered_as_1_1() {
    accepted(&[b"GET /a.txt HTTP/1.9\r\nHost: test\r\n\r\n"]);
}

/// RFC 9112 §2.3: the version of the answer is the server's, not the client's.
#[test]
fn http_1_0_is_answered_and_closed() {
    let server = serve();
    let mut client = server.raw("GET /a.txt HTTP/1.0\r\n\r\n");
    client.last_reply().expect(200).body("it");
}

#[test]
fn a_target_that_is_no_path_is_refused() {
    refused(
        400,
        &[
            b"GET a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET ../a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET * HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET ?a HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET \\a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

/// RFC 9112 §3.2: a fragment is never sent.
#[test]
fn a_fragment_is_refused() {
    refused(400, &[b"GET /a.txt#top HTTP/1.1\r\nHost: test\r\n\r\n"]);
}

#[test]
fn raw_bytes_beyond_ascii_in_a_target_are_refused() {
    refused(400, &["GET /\u{e9} HTTP/1.1\r\nHost: test\r\n\r\n".as_bytes()]);
}

#[test]
fn another_protocol_is_refused() {
    refused(
        400,
        &[
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00\r\n",
            b"{\"json\": true}\r\n",
        ],
    );
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
