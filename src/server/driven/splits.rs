//! However the bytes come and go, the same ones leave.

use super::*;
use memchr::memmem;

/// Several kinds of request and ending, each with everything that the server sends.
fn conversations() -> Vec<String> {
    let conditional = request("GET", "/small.txt", "If-None-Match: \"x\", *\r\n");
    let range = request("GET", "/large.bin", "Range: bytes=-700\r\n");
    let parts = request("GET", "/large.bin", "Range: bytes=5-7,10-900,8000-\r\n");
    let posted = request("POST", "/hello", "Content-Length: 5\r\n") + "12345";
    let chunked = request("GET", "/hello", "Transfer-Encoding: chunked\r\n")
        + "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
    let last = request("GET", "/small.txt", "Connection: close\r\n");
    vec![
        get("/hello"),
        get("/small.txt") + "\r\n" + &request("HEAD", "/large.bin", "") + &conditional,
        get("/large.bin") + &range + &get("/middle.txt"),
        parts + &get("/long"),
        posted + &chunked + &last,
        get("/hello") + &get("/empty") + &request("OPTIONS", "*", "") + "broken\r\n" + &get("/"),
        get("/hello") + &request("POST", "/", "Content-Length: 9999999\r\n") + "more",
        request("POST", "/mirror", "Content-Length: 5\r\n") + "12345" + &get("/hello"),
        request("POST", "/mirror", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\n0\r\n\r\n",
        last + &get("/never"),
        "GET /hello HTTP/1.0\r\n\r\n".to_owned(),
    ]
}

/// What is sent when everything comes at once and is taken at once.
fn expected(it: &mut Driven, conversation: &str) -> Vec<u8> {
    it.reconnects();
    it.receives(conversation);
    outcome(it)
}

/// What was sent, and how it ended, with the random boundaries made alike.
fn outcome(it: &Driven) -> Vec<u8> {
    let mut sent = it.client.sent();
    while let Some(at) = memmem::find(&sent, b"boundary=") {
        let boundary = sent[at + 9..at + 41].to_vec();
        sent[at] = b'B';
        while let Some(at) = memmem::find(&sent, &boundary) {
            sent[at..at + 32].fill(b'-');
        }
    }
    let ended = it.verdict == Verdict::Close || it.client.end() != StreamEnd::Open;
    sent.extend_from_slice(if ended { b"END" } else { b"..." });
    sent
}

#[test]
fn every_split_gives_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        for cut in 0..=conversation.len() {
            it.reconnects();
            it.receives(&conversation.as_bytes()[..cut]);
            it.receives(&conversation.as_bytes()[cut..]);
            assert!(outcome(&it) == expected, "cut at {cut}: {conversation}");
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        it.reconnects();
        for byte in conversation.bytes() {
            it.receives([byte]);
        }
        assert!(outcome(&it) == expected, "{conversation}");
    }
}

#[test]
fn a_short_write_of_every_length_gives_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        // Every length near the seams; in the middle of a large file one is like the other.
        for taken in (0..=expected.len()).filter(|taken| *taken < 1_500 || taken % 7 == 0) {
            it.reconnects();
            it.will_take(taken);
            it.receives(&conversation);
            it.takes(usize::MAX);
            assert!(outcome(&it) == expected, "taken {taken}: {conversation}");
        }
    }
}

#[test]
fn a_client_that_takes_byte_by_byte_gets_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        it.reconnects();
        it.will_take(0);
        it.receives(&conversation);
        for _ in 0..expected.len() {
            it.takes(1);
        }
        assert!(outcome(&it) == expected, "{conversation}");
    }
}

#[test]
fn a_refusal_before_every_write_gives_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        it.reconnects();
        it.client.stutter();
        it.receives(&conversation);
        for _ in 0..100 {
            it.takes(0);
        }
        assert!(outcome(&it) == expected, "{conversation}");
    }
}

#[test]
fn every_budget_gives_the_same_bytes() {
    let mut it = Driven::new();
    for conversation in conversations() {
        let expected = expected(&mut it, &conversation);
        for budget in [1, 2, 7, 699, 700, 701, LARGE_BYTES - 1, LARGE_BYTES] {
            it.send_budget = budget;
            it.reconnects();
            it.receives(&conversation);
            assert!(outcome(&it) == expected, "{budget} a turn: {conversation}");
        }
    }
}
