//! RFC 9112 §2–7: where a message begins, what its lines are, and where it ends.

use super::origin::{Origin, request};

/// The status of these bytes, after which the connection must end: what follows on the wire is not taken
/// for a request.
#[track_caller]
fn refused(origin: &Origin, raw: impl AsRef<[u8]>, status: u16) {
    let raw = raw.as_ref();
    let mut client = origin.connect();
    client.send([raw, request("GET", "/hello", &[]).as_bytes()].concat());
    let reply = client.reply();
    assert_eq!(reply.status, status, "{}: {reply:?}", raw.escape_ascii());
    reply.header("Connection", "close");
    client.ends();
}

/// `POST /echo` with these header lines, and what follows the head.
fn post(headers: &[&str], content: &str) -> String {
    request("POST", "/echo", headers) + content
}

#[test]
fn a_later_minor_version_is_answered_as_1_1() {
    let origin = Origin::new();
    origin.ask("GET /small.txt HTTP/1.9\r\nHost: a\r\n\r\n").expect(200);
}

#[test]
fn http_1_0_is_answered_in_the_servers_own_version() {
    let origin = Origin::new();
    // The status line is checked of every reply.
    origin.ask("GET /small.txt HTTP/1.0\r\n\r\n").expect(200);
}

#[test]
fn the_version_is_spelled_exactly() {
    let origin = Origin::new();
    for version in [
        "http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1",
        "HTTP/1,1",
        "HTTP/-1.1",
        "HTTP/1.1 ",
        "HTTP 1.1",
        "HTTPS/1.1",
        "HTTQ/1.1",
    ] {
        refused(&origin, format!("GET / {version}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn an_empty_line_before_a_request_is_passed_over() {
    let origin = Origin::new();
    let mut client = origin.connect();
    for _ in 0..3 {
        client.send("\r\n".to_owned() + &request("GET", "/hello", &[]));
        client.reply().expect(200);
    }
}

#[test]
fn a_request_line_has_three_words_and_two_spaces() {
    let origin = Origin::new();
    for line in [
        "GET",
        "GET /",
        "GET HTTP/1.1",
        " / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / x HTTP/1.1",
        "G=T / HTTP/1.1",
    ] {
        refused(&origin, format!("{line}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn a_bare_cr_or_lf_ends_no_line() {
    let origin = Origin::new();
    refused(&origin, "GET / HTTP/1.1\nHost: a\n\n", 400);
    refused(&origin, "GET / HTTP/1.1\nHost: a\r\n\r\n", 400);
    refused(&origin, "GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
    refused(&origin, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused(&origin, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400);
    refused(&origin, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused(&origin, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400);
    refused(&origin, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400);
    refused(&origin, "GET / HTTP/1.1\rHost: a\r\n\r\n", 400);
}

#[test]
fn white_space_stands_neither_before_a_name_nor_before_its_colon() {
    let origin = Origin::new();
    for line in [
        " Host: a",
        "\tHost: a",
        "Host : a",
        "Host\t: a",
        "Content-Length : 5",
        "X: y\r\n folded",
        "X: y\r\n\tfolded",
    ] {
        refused(&origin, format!("GET / HTTP/1.1\r\n{line}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn a_header_line_has_a_token_and_a_colon() {
    let origin = Origin::new();
    for line in ["X", ": y", "X Y: z", "X(Y): z", "\u{e9}: z", "X@Y: z", "\"X\": y"] {
        refused(&origin, format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n"), 400);
    }
}

#[test]
fn other_protocols_are_refused_as_such() {
    let origin = Origin::new();
    refused(&origin, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400);
    refused(&origin, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    refused(&origin, "SSH-2.0-client\r\n", 400);
    refused(&origin, b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00\r\n", 400);
    refused(&origin, "{\"json\": true}\r\n", 400);
}

#[test]
fn a_request_without_length_and_coding_has_no_body() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(post(&[], "") + &request("GET", "/hello", &[]));
    client.reply().expect(200);
    client.reply().expect(200).body("hello\n");
}

#[test]
fn what_follows_the_body_is_the_next_request() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let trap = "GET /trap HTTP/1.1\r\n\r\n";
    let length = format!("Content-Length: {}", trap.len());
    for (header, content) in [
        (length.as_str(), trap),
        ("Content-Length: 0", ""),
        ("Content-Length: 0005", "hello"),
        ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "A\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5;name=value;q=\"\\\";\"\r\nGET /\r\n0\r\n\r\n"),
        // A trailer is no header.
        ("Transfer-Encoding: chunked", "0\r\nContent-Length: 999\r\n\r\n"),
    ] {
        client.send(post(&[header], content) + &request("GET", "/hello", &[]));
        client.reply().expect(200);
        client.reply().expect(200).body("hello\n");
    }
}

#[test]
fn length_and_coding_together_are_refused() {
    let origin = Origin::new();
    let both = ["Content-Length: 5", "Transfer-Encoding: chunked"];
    refused(&origin, post(&both, "0\r\n\r\n"), 400);
    let other = ["Transfer-Encoding: identity", "Content-Length: 0"];
    refused(&origin, post(&other, ""), 400);
    let swapped = ["Transfer-Encoding: chunked", "Content-Length: 5"];
    refused(&origin, post(&swapped, "0\r\n\r\n"), 400);
}

#[test]
fn a_length_is_one_decimal_number() {
    let origin = Origin::new();
    for length in [
        "x",
        "-1",
        "+1",
        "1x",
        "0x1",
        "1e1",
        "1 1",
        "1.0",
        "1_0",
        "\"1\"",
        "\u{661}",
        "",
        "1,1",
        "1, 1",
        "18446744073709551616",
        "99999999999999999999",
    ] {
        refused(&origin, post(&[&format!("Content-Length: {length}")], "1"), 400);
    }
    refused(&origin, post(&["Content-Length: 1", "Content-Length: 2"], "12"), 400);
    refused(&origin, post(&["Content-Length: 1", "Content-Length: 1"], "1"), 400);
}

#[test]
fn a_coding_that_nobody_knows_is_501() {
    let origin = Origin::new();
    for coding in ["gzip, chunked", "identity, chunked"] {
        refused(&origin, post(&[&format!("Transfer-Encoding: {coding}")], ""), 501);
    }
}

#[test]
fn a_coding_that_does_not_end_in_chunked_is_400() {
    let origin = Origin::new();
    for coding in [
        "",
        "gzip",
        "identity",
        "chunked, gzip",
        "chunkedx",
        "xchunked",
        "x chunked",
        "\"chunked\"",
        "chunked;q=1",
    ] {
        refused(&origin, post(&[&format!("Transfer-Encoding: {coding}")], "0\r\n\r\n"), 400);
    }
}

#[test]
fn a_coding_from_http_1_0_is_refused() {
    let origin = Origin::new();
    let raw = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n";
    refused(&origin, raw, 400);
}

#[test]
fn chunked_is_read_in_any_case_with_extensions_and_trailers() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let content =
        "4;a=b;c=\"d;e\"\r\nwiki\r\n0005 ; x\r\npedia\r\n0\r\nX-Trailer: t\r\nHost: u\r\n\r\n";
    client.send(post(&["Transfer-Encoding: CHUNKed"], content) + &request("GET", "/hello", &[]));
    let reply = client.reply();
    let said = reply.expect(200).text();
    assert!(!said.contains("X-Trailer") && said.contains("host=origin.example"), "{said}");
    client.reply().expect(200).body("hello\n");
}

#[test]
fn broken_chunks_are_refused() {
    let origin = Origin::new();
    for content in [
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "+1\r\nx\r\n",
        " 1\r\nx\r\n",
        "0x1\r\n",
        "1\nx",
        "1\r\nxy\r\n",
        "1\r\nx0\r\n\r\n",
        "1\r\nx\r\n0\r\n\n",
        "ffffffffffffffff\r\n",
        "fffffffffffffffff\r\n",
        "00000000000000000000000000000001\r\nx\r\n",
        "1 1\r\n",
        "1\r\nx\n",
        "0\r\nno trailer\r\n",
        "0\r\nX : y\r\n",
        "0\r\nX: y\r\n folded\r\n",
    ] {
        refused(&origin, post(&["Transfer-Encoding: chunked"], content), 400);
    }
}

/// A reader that repairs them may end the line elsewhere.
#[test]
fn extensions_that_break_the_grammar_are_refused() {
    let origin = Origin::new();
    for size in ["1 ", "1\t", "1;", "1; ", "1;;a", "1;a ", "1;a=", "1;a=\"b", "1;a b", "1;a\nx"] {
        let content = format!("{size}\r\nx\r\n0\r\n\r\n");
        refused(&origin, post(&["Transfer-Encoding: chunked"], &content), 400);
    }
}

#[test]
fn framing_that_outweighs_its_body_is_refused() {
    let origin = Origin::new();
    let extension = format!("1;{}\r\n", "x".repeat(20_000));
    refused(&origin, post(&["Transfer-Encoding: chunked"], &extension), 400);
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(4_000));
    refused(&origin, post(&["Transfer-Encoding: chunked"], &trailers), 400);
}

#[test]
fn a_request_that_breaks_off_is_not_answered() {
    let origin = Origin::new();
    for raw in [
        "GET /small.txt HTTP/1.1\r\nHost: a\r\n".to_owned(),
        post(&["Content-Length: 5"], "1234"),
        post(&["Transfer-Encoding: chunked"], "5\r\n12345\r\n"),
    ] {
        let mut client = origin.connect();
        client.send(raw);
        client.finish();
        client.ends();
    }
}
