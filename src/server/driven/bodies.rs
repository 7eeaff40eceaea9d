//! Requests with a body that nobody wants: it is thrown away so that the connection goes on.

use super::*;

fn post(target: &str, body: &str) -> String {
    let headers = format!("Content-Length: {}\r\n", body.len());
    request("POST", target, &headers) + body
}

const CHUNKED: &str = "4;x=\"y\"\r\nwiki\r\n5\r\npedia\r\n0\r\nX-Trailer: 1\r\n\r\n";

#[test]
fn a_body_is_thrown_away_and_the_next_request_is_found_behind_it() {
    let mut it = Driven::new();
    let chunked = request("GET", "/hello", "Transfer-Encoding: chunked\r\n") + CHUNKED;
    it.receives(post("/hello", "GET /trap HTTP/1.1\r\n\r\n") + &chunked + &get("/small.txt"));
    it.sends(405);
    assert_eq!(text(&it.sends(200).body), "hello\n");
    assert_eq!(text(&it.sends(200).body), "small\n");
    it.is_kept();
}

#[test]
fn the_response_waits_for_the_end_of_the_body() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Content-Length: 5\r\n"));
    it.sleeps(ExchangeState::Body);
    it.receives("1234");
    it.sends_nothing();
    it.sleeps(ExchangeState::Body);
    it.receives("5");
    it.sends(405);
    it.is_kept();
}

#[test]
fn a_body_up_to_the_bound_keeps_the_connection() {
    let limits = Limits::default().body_discard_bytes_max(20_000);
    let mut it = Driven::with(limits.clone());
    it.receives(post("/hello", &digits(20_000)));
    it.sends(405);
    it.is_kept();

    let mut it = Driven::with(limits);
    let chunks = format!("4e20\r\n{}\r\n0\r\n\r\n", digits(20_000));
    it.receives(request("POST", "/hello", "Transfer-Encoding: chunked\r\n") + &chunks);
    it.sends(405);
    it.is_kept();
}

#[test]
fn a_body_beyond_the_bound_is_refused_before_it_is_read() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Content-Length: 1048577\r\n"));
    assert_eq!(it.sends(413).header("Connection"), Some("close"));
    it.is_closed();
    it.sleeps(Phase::Lingering);
}

#[test]
fn chunks_beyond_the_bound_are_refused_when_they_have_come() {
    let limits = Limits::default().body_discard_bytes_max(20_000);
    let mut it = Driven::with(limits);
    it.receives(request("POST", "/hello", "Transfer-Encoding: chunked\r\n"));
    it.receives(format!("4e21\r\n{}", digits(20_000)));
    it.sends_nothing();
    it.receives("x");
    it.sends(413);
    it.is_closed();
}

#[test]
fn a_client_that_expects_100_gets_the_response_instead() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
    assert_eq!(it.sends(405).header("Connection"), Some("close"));
    it.is_closed();
    it.receives("12345");
    it.is_closed();
    it.receives_fin();
    it.is_gone();
}

#[test]
fn broken_chunks_are_refused() {
    for bad in ["x\r\n", "5\r\n123456\r\n", "1\nx", "-1\r\n", "1 2\r\n", "fffffffffffffffff\r\n"] {
        let mut it = Driven::new();
        it.receives(request("POST", "/hello", "Transfer-Encoding: chunked\r\n") + bad);
        it.sends(400);
        it.is_closed();
        it.sleeps(Phase::Lingering);
    }
}

#[test]
fn a_body_that_breaks_off_is_not_answered() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Content-Length: 5\r\n") + "123");
    it.receives_fin();
    it.is_gone();
}

#[test]
fn earlier_responses_are_sent_although_a_later_body_breaks_off() {
    let mut it = Driven::new();
    it.will_take(10);
    let broken = request("POST", "/hello", "Content-Length: 5\r\n") + "123";
    it.receives(get("/hello") + &broken);
    it.receives_fin();
    it.takes(usize::MAX);
    it.sends(200);
    it.is_gone();
}
