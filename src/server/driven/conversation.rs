//! One request after the other: what is answered, and whether the connection is kept.

use super::*;

#[test]
fn a_small_request_costs_one_read_and_one_write() {
    let mut it = Driven::new();
    it.receives(get("/small.txt"));
    let reply = it.sends(200);
    assert_eq!(text(&reply.body), "small\n");
    assert_eq!(it.calls(), KernelCalls { reads: 1, writes: 1 });
    it.is_kept();
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let mut it = Driven::new();
    for _ in 0..3 {
        it.receives(get("/hello"));
        assert_eq!(it.sends(200).header("Connection"), Some("keep-alive"));
        it.is_kept();
    }
    it.receives_fin();
    it.is_gone();
}

#[test]
fn nothing_is_answered_before_the_head_is_complete() {
    let mut it = Driven::new();
    let request = get("/hello");
    for byte in &request.as_bytes()[..request.len() - 1] {
        it.receives([*byte]);
        it.sends_nothing();
        it.sleeps(ExchangeState::Head);
    }
    it.receives("\n");
    it.sends(200);
    it.is_kept();
}

#[test]
fn close_is_honoured_and_said() {
    let mut it = Driven::new();
    it.receives(request("GET", "/hello", "Connection: close\r\n"));
    assert_eq!(it.sends(200).header("Connection"), Some("close"));
    it.is_gone();
}

#[test]
fn nothing_behind_a_close_is_answered() {
    let mut it = Driven::new();
    let last = request("GET", "/hello", "Connection: close\r\n");
    it.receives(last + &get("/small.txt"));
    assert_eq!(text(&it.sends(200).body), "hello\n");
    it.sleeps(Phase::Lingering);
    it.receives(get("/small.txt"));
    it.is_closed();
    it.receives_fin();
    it.is_gone();
}

#[test]
fn bytes_that_nobody_has_read_yet_are_not_closed_upon() {
    let mut it = Driven::new();
    // The head fills the buffer to its last byte, so what follows it is still in the socket.
    let padding = "p".repeat(8192 - request("GET", "/hello", "Connection: close\r\nX: \r\n").len());
    let last = request("GET", "/hello", &format!("Connection: close\r\nX: {padding}\r\n"));
    assert_eq!(last.len(), 8192);
    it.receives(last + &get("/small.txt"));
    it.sends(200);
    it.is_closed();
    it.sleeps(Phase::Lingering);
    assert_eq!(it.client.unread_bytes(), 0);
}

#[test]
fn http_1_0_closes_unless_it_asks_to_keep() {
    let mut it = Driven::new();
    it.receives("GET /hello HTTP/1.0\r\n\r\n");
    let reply = it.sends(200);
    assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(reply.header("Connection"), Some("close"));
    it.is_gone();

    it.reconnects();
    it.receives("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(it.sends(200).header("Connection"), Some("keep-alive"));
    it.is_kept();
}

#[test]
fn head_gets_the_head_alone_and_the_connection_goes_on() {
    let mut it = Driven::new();
    for target in ["/small.txt", "/middle.txt", "/large.bin", "/hello", "/no-such"] {
        it.receives(request("HEAD", target, ""));
        let status = if target == "/no-such" { 404 } else { 200 };
        let of_head = it.sends_head_of(status);
        it.is_kept();
        it.receives(get(target));
        let of_get = it.sends(status);
        assert_eq!(of_head.head, of_get.head);
        it.is_kept();
    }
}

#[test]
fn a_status_without_a_body_keeps_its_framing() {
    let mut it = Driven::new();
    it.receives(get("/empty"));
    assert_eq!(it.sends(204).header("Content-Length"), None);
    it.is_kept();
    it.receives(request("GET", "/small.txt", "If-None-Match: *\r\n"));
    assert_eq!(it.sends(304).header("Content-Length"), None);
    it.is_kept();
}

#[test]
fn what_cannot_be_read_is_refused_and_the_connection_ends() {
    for (bad, status) in [
        ("GET /hello HTTP/1.1\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost : a\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("A-METHOD-LONGER-THAN-ANY-OTHER / HTTP/1.1\r\n", 501),
        ("GET / HTTP/2.0\r\n", 505),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ("\x16\x03\x01\x02\x00\n", 400),
    ] {
        let mut it = Driven::new();
        it.receives(bad);
        assert_eq!(it.sends(status).header("Connection"), Some("close"));
        it.is_closed();
        it.sleeps(Phase::Lingering);
        it.receives(get("/hello"));
        it.is_closed();
        it.receives_fin();
        it.is_gone();
    }
}

#[test]
fn a_head_may_be_as_long_as_its_bound_and_no_longer() {
    let limits = Limits::default();
    let empty = request("GET", "/hello", "X: \r\n").len();
    for (length, status) in [
        (limits.head_bytes_max - 1, 200),
        (limits.head_bytes_max, 200),
        (limits.head_bytes_max + 1, 431),
        (limits.head_bytes_max * 3, 431),
    ] {
        let mut it = Driven::new();
        let padding = "x".repeat(length - empty);
        it.receives(request("GET", "/hello", &format!("X: {padding}\r\n")));
        it.sends(status);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_head_gets_nothing() {
    for part in ["", "GET", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
        let mut it = Driven::new();
        it.receives(part);
        it.receives_fin();
        it.is_gone();
    }
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_response() {
    let mut it = Driven::new();
    let _ = it.client.send(get("/large.bin").as_bytes());
    it.will_take(100);
    it.receives_fin();
    it.sleeps(ExchangeState::Sending);
    it.takes(usize::MAX);
    assert_eq!(it.sends(200).body.len(), LARGE_BYTES);
    it.is_gone();
}

#[test]
fn a_client_that_resets_ends_it_in_every_state() {
    let mut it = Driven::new();
    it.receives_reset();
    it.is_gone();

    it.reconnects();
    it.receives("GET");
    it.receives_reset();
    it.is_gone();

    it.reconnects();
    it.receives(request("POST", "/hello", "Content-Length: 9\r\n"));
    it.receives_reset();
    it.is_gone();

    it.reconnects();
    it.will_take(0);
    it.receives(get("/hello"));
    it.receives_reset();
    assert_eq!(it.verdict, Verdict::Close);

    it.reconnects();
    it.receives("nonsense\r\n");
    it.sends(400);
    it.receives_reset();
    assert_eq!(it.verdict, Verdict::Close);
}

#[test]
fn a_request_waits_for_the_disk_and_is_answered_then() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(get("/cold"));
    it.sends_nothing();
    it.sleeps(ExchangeState::Waiting(Awaited::Lookup));
    it.is_prefetched();
    assert_eq!(text(&it.sends(200).body), "warm\n");
    it.is_kept();
}

#[test]
fn a_request_that_comes_while_another_waits_for_the_disk_is_answered_after_it() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(get("/hello") + &get("/cold"));
    it.sends(200);
    it.sleeps(ExchangeState::Waiting(Awaited::Lookup));
    it.receives(get("/hello"));
    it.receives_fin();
    it.sends_nothing();
    it.is_prefetched();
    assert_eq!(text(&it.sends(200).body), "warm\n");
    assert_eq!(text(&it.sends(200).body), "hello\n");
    it.is_gone();
}

#[test]
fn a_message_that_nobody_waits_for_changes_nothing() {
    let mut it = Driven::new();
    it.receives("");
    it.is_prefetched();
    it.sleeps(Phase::Idle);
    it.receives("GET");
    it.is_prefetched();
    it.sleeps(ExchangeState::Head);
}

#[test]
fn a_server_that_stops_answers_what_has_begun_and_says_close() {
    let mut it = Driven::new();
    it.receives("GET /hello HTTP/1.1\r\n");
    it.is_stopped();
    it.receives("Host: a\r\n\r\n");
    assert_eq!(it.sends(200).header("Connection"), Some("close"));
    it.is_gone();
}
