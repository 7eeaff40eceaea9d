//! Handlers on threads, and request bodies that are collected for them.

use super::*;
use crate::files::WriteError;

fn small() -> Limits {
    Limits::default().body_memory_bytes_max(8)
}

fn post(target: &str, body: &str) -> String {
    request("POST", target, &format!("Content-Length: {}\r\n", body.len())) + body
}

#[test]
fn a_connection_waits_for_a_handler_and_is_kept_after_its_response() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(post("/offload", "hello") + &get("/hello"));
    it.sleeps(ExchangeState::Waiting(Awaited::Answer));
    it.sends_nothing();
    it.works();
    it.sends(200).is("hello");
    it.sends(200).is("hello\n");
    it.is_kept();
}

#[test]
fn earlier_responses_do_not_wait_for_a_handler() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(get("/hello") + &post("/offload", "x"));
    it.sends(200).is("hello\n");
    it.sleeps(ExchangeState::Waiting(Awaited::Answer));
    it.works();
    it.sends(200).is("x");
}

#[test]
fn a_body_beyond_the_bound_of_memory_is_written_by_a_thread() {
    let mut it = Driven::threaded(small());
    it.receives(request("POST", "/offload", "Content-Length: 20\r\n") + "123456789");
    it.sleeps(ExchangeState::Waiting(Awaited::Write));
    it.receives("012");
    it.sleeps(ExchangeState::Waiting(Awaited::Write));
    it.works();
    it.sleeps(ExchangeState::Body);
    it.receives("34567890");
    it.works();
    it.sends(200).is("12345678901234567890");
    it.is_kept();
}

#[test]
fn while_memory_is_short_a_body_goes_to_the_disk_whenever_it_began() {
    let mut it = Driven::threaded(Limits::default());
    let body = digits(40_000);
    it.receives(request("POST", "/offload", "Content-Length: 40000\r\n") + &body[..10_000]);
    it.sleeps(ExchangeState::Body);
    it.cx.memory.play(true);
    it.receives(&body[10_000..10_001]);
    it.sleeps(ExchangeState::Waiting(Awaited::Write));
    it.works();
    it.sleeps(ExchangeState::Body);
    it.receives(&body[10_001..15_000]);
    it.sleeps(ExchangeState::Body);
    it.receives(&body[15_000..19_000]);
    it.sleeps(ExchangeState::Waiting(Awaited::Write));
    it.works();
    it.cx.memory.play(false);
    it.receives(&body[19_000..39_000]);
    it.sleeps(ExchangeState::Body);
    it.receives(&body[39_000..]);
    it.works();
    it.sends(200).is(&body);
    it.is_kept();
}

#[test]
fn while_memory_is_short_a_body_that_must_be_there_is_503_unless_it_is_small() {
    let mut it = Driven::threaded(Limits::default());
    it.cx.memory.play(true);
    it.receives(post("/mirror", "hello"));
    it.sends(200);
    it.is_kept();
    it.receives(post("/mirror", &digits(20_000)));
    assert_eq!(it.sends(503).header("Retry-After"), Some("1"));
    it.reconnects();
    it.receives(request("POST", "/mirror", "Transfer-Encoding: chunked\r\n"));
    it.sends(503);
    it.reconnects();
    it.cx.memory.play(false);
    it.receives(post("/mirror", &digits(20_000)));
    it.sends(200);
}

/// RFC 9110 §10.1.1.
#[test]
fn a_client_that_expects_100_gets_it() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(request("POST", "/offload", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    assert_eq!(text(&it.client.sent()), "HTTP/1.1 100 Continue\r\n\r\n");
    it.looked_at = it.client.sent().len();
    it.sleeps(ExchangeState::Body);
    it.receives("hello");
    it.works();
    it.sends(200).is("hello");
    it.is_kept();
}

#[test]
fn a_handler_that_finds_no_thread_is_503_and_the_connection_goes_on() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(post("/offload", "first"));
    it.sleeps(ExchangeState::Waiting(Awaited::Answer));
    it.reconnects();
    it.receives(post("/offload", "second") + &get("/hello"));
    assert_eq!(it.sends(503).header("Retry-After"), Some("1"));
    it.sends(200).is("hello\n");
    it.is_kept();
}

#[test]
fn a_handler_that_does_not_answer_is_503_and_its_late_response_is_dropped() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(post("/offload", "hello"));
    it.advances(Limits::default().answer_timeout);
    assert_eq!(it.sends(503).header("Connection"), Some("close"));
    it.works();
    it.is_closed();
    it.sleeps(Phase::Lingering);
}

/// RFC 9110 §15.5.9.
#[test]
fn a_body_has_its_time_and_longer_for_what_has_come() {
    let limits = Limits::default().body_rate_min_bytes(10);
    let mut it = Driven::threaded(limits.clone());
    it.receives(request("POST", "/offload", "Content-Length: 1000\r\n"));
    assert_eq!(it.patience(), limits.body_timeout);
    it.advances(Duration::from_secs(20));
    it.receives(digits(50));
    assert_eq!(it.patience(), limits.body_timeout - Duration::from_secs(15));
    it.advances(limits.body_timeout - Duration::from_secs(15));
    it.sends(408);
    it.is_closed();
}

#[test]
fn the_time_that_the_disk_takes_is_not_the_clients() {
    let mut it = Driven::threaded(small());
    it.receives(request("POST", "/offload", "Content-Length: 20\r\n") + "123456789");
    it.sleeps(ExchangeState::Waiting(Awaited::Write));
    it.advances(Duration::from_secs(25));
    it.works();
    it.sleeps(ExchangeState::Body);
    assert_eq!(it.patience(), Limits::default().body_timeout);
}

#[test]
fn a_disk_that_takes_nothing_is_logged_and_answered() {
    let mut it = Driven::threaded(small());
    it.receives(request("POST", "/offload", "Content-Length: 20\r\n") + "123456789");
    it.completes(Completion::Spooled(Err(WriteError::Full)));
    assert_eq!(it.sends(507).header("Connection"), Some("close"));
    it.is_closed();
}

#[test]
fn a_body_may_be_read_while_it_comes() {
    let mut it = Driven::threaded(small());
    it.receives(request("POST", "/shout", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n");
    it.sleeps(ExchangeState::Body);
    it.receives("2\r\nde\r\n0\r\n\r\n");
    it.sleeps(ExchangeState::Waiting(Awaited::Answer));
    it.works();
    assert_eq!(text(&it.sends(200).body), "5\r\nABCDE\r\n0\r\n\r\n");
    it.is_kept();
}

#[test]
fn a_stop_lets_a_handler_answer_and_closes_after_it() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(post("/offload", "hello"));
    it.is_stopped();
    it.works();
    assert_eq!(it.sends(200).header("Connection"), Some("close"));
    it.is_gone();
}

/// Several ways for a body to come, each with everything that is sent.
fn conversations() -> Vec<String> {
    let chunked = |target: &str| {
        request("POST", target, "Transfer-Encoding: chunked\r\n")
            + "3\r\nabc\r\na;x=y\r\ndefghijklm\r\n0\r\nT: u\r\n\r\n"
    };
    vec![
        post("/offload", "12345678901234567890") + &get("/hello") + &post("/offload", ""),
        chunked("/offload") + &chunked("/offload") + &get("/hello"),
        chunked("/shout") + &chunked("/offload"),
        post("/shout", "") + &get("/long"),
    ]
}

#[test]
fn every_split_of_a_body_gives_the_same_bytes() {
    for conversation in conversations() {
        let outcome = |cut: usize| {
            let mut it = Driven::threaded(small());
            it.receives(&conversation.as_bytes()[..cut]);
            // A handler that reads a body as it comes would wait for it on this very thread.
            if !conversation.contains("/shout") {
                it.works();
            }
            it.receives(&conversation.as_bytes()[cut..]);
            it.works();
            without_dates(&it.client.sent())
        };
        let expected = outcome(0);
        assert!(expected.contains(" 200 OK"), "{expected}");
        for cut in 1..=conversation.len() {
            assert_eq!(outcome(cut), expected, "cut at {cut}: {conversation}");
        }
    }
}

#[test]
fn a_short_write_of_every_length_gives_the_same_bytes_of_a_stream() {
    let conversation = request("POST", "/shout", "Transfer-Encoding: chunked\r\n")
        + "5\r\nabcde\r\n0\r\n\r\n"
        + &get("/hello");
    let outcome = |taken: usize| {
        let mut it = Driven::threaded(small());
        it.will_take(taken);
        it.receives(&conversation);
        it.works();
        it.takes(usize::MAX);
        it.works();
        without_dates(&it.client.sent())
    };
    let expected = outcome(usize::MAX);
    for taken in 0..expected.len() {
        assert_eq!(outcome(taken), expected, "taken {taken}");
    }
}

/// Each of these connections has a clock of its own.
fn without_dates(sent: &[u8]) -> String {
    let lines = text(sent);
    let lines = lines.split("\r\n").filter(|line| !line.starts_with("Date: "));
    lines.collect::<Vec<_>>().join("\r\n")
}

#[test]
fn a_client_that_closes_its_side_amid_its_body_still_gets_a_response_that_has_begun() {
    let mut it = Driven::threaded(Limits::default());
    it.will_take(100);
    it.receives(request("POST", "/early", "Content-Length: 1000\r\n") + "begun");
    it.works();
    it.receives_fin();
    it.takes(usize::MAX);
    assert_eq!(text(&it.sends(200).body), digits(LONG_BYTES));
    it.is_gone();
}
