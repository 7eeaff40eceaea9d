//! Requests that a thread has to let pass before anything of their bodies is read.

use super::*;
use crate::http::{Method, Status};
use crate::site::{Request, Site, blocking};
use std::rc::Rc;

/// Everybody needs a key; a thread knows whether it is the right one.
fn guarded(limits: Limits) -> Driven {
    let read = |request: &Request<'_>| request.read_body();
    let site = Site::new()
        .around("/", |request, next| match request.header("X-Key").map(str::to_owned) {
            Some(key) => next.blocking(move || match key.as_str() {
                "right" => Ok(()),
                _ => Err(Status::FORBIDDEN),
            }),
            None => Status::UNAUTHORIZED.into(),
        })
        .get("/hello", |_| "hello\n")
        .at("/whole", blocking(read).methods(&[Method::Post]))
        .at("/stream", blocking(read).methods(&[Method::Post]).streamed());
    let mut it = Driven::threaded(limits.clone());
    it.cx.setup = Rc::new(Setup::new(Arc::new(site), limits));
    it
}

fn post(target: &str, key: &str, headers: &str) -> String {
    request("POST", target, &format!("X-Key: {key}\r\n{headers}"))
}

fn hello() -> String {
    request("GET", "/hello", "X-Key: right\r\n")
}

#[test]
fn nothing_of_a_body_is_read_before_it_is_known_that_the_request_may_go_on() {
    for target in ["/whole", "/stream"] {
        let mut it = guarded(Limits::default());
        it.receives(post(target, "right", "Content-Length: 10\r\n") + "01234");
        it.sleeps(ExchangeState::Waiting(Awaited::Answer));
        it.receives("56789");
        it.sleeps(ExchangeState::Waiting(Awaited::Answer));
        it.sends_nothing();
        it.works();
        it.sends(200).is("0123456789");
        it.receives(hello());
        it.works();
        it.sends(200).is("hello\n");
        it.is_kept();
    }
}

/// RFC 9110 §10.1.1.
#[test]
fn a_client_that_asks_first_gets_100_only_if_its_request_may_go_on() {
    let expect = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    for target in ["/whole", "/stream"] {
        let mut it = guarded(Limits::default());
        it.receives(post(target, "right", expect));
        it.sleeps(ExchangeState::Waiting(Awaited::Answer));
        it.sends_nothing();
        assert!(it.works_once());
        assert_eq!(text(&it.client.sent()), "HTTP/1.1 100 Continue\r\n\r\n");
        it.looked_at = it.client.sent().len();
        it.receives("hello");
        it.works();
        it.sends(200).is("hello");
        it.is_kept();

        let mut it = guarded(Limits::default());
        it.receives(post(target, "wrong", expect));
        it.works();
        assert_eq!(it.sends(403).header("Connection"), Some("close"));
        it.is_closed();

        let mut it = guarded(Limits::default());
        it.receives(request("POST", target, expect));
        assert_eq!(it.sends(401).header("Connection"), Some("close"));
        it.is_closed();
    }
}

#[test]
fn a_small_body_of_a_request_that_is_refused_is_thrown_away_and_the_connection_goes_on() {
    for body in
        ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n"]
    {
        let (headers, body) = body.split_once("\r\n\r\n").expect("both are there");
        let mut it = guarded(Limits::default());
        it.receives(post("/whole", "wrong", &format!("{headers}\r\n")) + body + &hello());
        it.works();
        assert_eq!(it.sends(403).header("Connection"), Some("keep-alive"));
        it.sends(200).is("hello\n");
        it.is_kept();
    }
}

#[test]
fn a_large_body_of_a_request_that_is_refused_ends_the_connection_unread() {
    let limits = Limits::default().body_discard_bytes_max(8);
    for (key, status) in [("wrong", 403), ("", 403)] {
        let mut it = guarded(limits.clone());
        it.receives(post("/whole", key, "Content-Length: 9\r\n"));
        it.works();
        assert_eq!(it.sends(status).header("Connection"), Some("close"));
        it.is_closed();
        let mut it = guarded(limits.clone());
        it.receives(post("/whole", key, "Transfer-Encoding: chunked\r\n") + "9\r\n123456789");
        it.works();
        assert_eq!(it.sends(status).header("Connection"), Some("close"));
        it.is_closed();
    }
    let mut it = guarded(limits);
    it.receives(request("POST", "/whole", "Transfer-Encoding: chunked\r\n") + "9\r\n123456789");
    assert_eq!(it.sends(401).header("Connection"), Some("close"));
    it.is_closed();
}

#[test]
fn what_a_handler_bounds_is_refused_after_it_is_known_that_the_request_may_go_on() {
    let mut it = guarded(Limits::default());
    it.receives(post("/whole", "right", "Content-Length: 1048577\r\n"));
    it.sends_nothing();
    it.works();
    it.sends(413);
    it.is_closed();
}

#[test]
fn a_check_that_takes_too_long_is_503_with_nothing_read() {
    let mut it = guarded(Limits::default());
    it.receives(post("/whole", "right", "Content-Length: 5\r\n") + "hel");
    it.advances(Limits::default().answer_timeout);
    assert_eq!(it.sends(503).header("Connection"), Some("close"));
    it.works();
    it.is_closed();
}

#[test]
fn every_split_of_a_guarded_conversation_gives_the_same_bytes() {
    let conversation = post("/whole", "right", "Content-Length: 10\r\n")
        + "0123456789"
        + &post("/whole", "wrong", "Content-Length: 3\r\n")
        + "abc"
        + &request("POST", "/whole", "Content-Length: 3\r\n")
        + "abc"
        + &hello()
        + &post("/whole", "right", "Transfer-Encoding: chunked\r\n")
        + "3\r\nabc\r\n0\r\n\r\n";
    let outcome = |cut: usize| {
        let mut it = guarded(Limits::default());
        it.receives(&conversation.as_bytes()[..cut]);
        it.works();
        it.receives(&conversation.as_bytes()[cut..]);
        it.works();
        let lines = text(&it.client.sent());
        let lines = lines.split("\r\n").filter(|line| !line.starts_with("Date: "));
        lines.collect::<Vec<_>>().join("\r\n")
    };
    let expected = outcome(0);
    assert_eq!(expected.matches("HTTP/1.1 ").count(), 5, "{expected}");
    for cut in 1..=conversation.len() {
        assert_eq!(outcome(cut), expected, "cut at {cut}");
    }
}
