//! Clients that ask before they send. What RFC 9110 §10.1.1 demands has its tests in `conformance`.

use crate::support::{Fixture, TestServer};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

fn post(headers: &str) -> String {
    format!("POST /a.txt HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

/// The final answer saves the client the sending. Whether it sends all the same cannot be known,
/// so the connection ends.
#[test]
fn a_client_that_does_not_wait_is_answered_once() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello");
    client.last_reply().expect(405);
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5000000\r\nExpect: 100-continue\r\n"));
    client.last_reply().expect(413);
}

#[test]
fn a_chunked_body_is_waited_for_no_more_than_any_other() {
    let server = serve();
    let mut client = server.raw(post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"));
    client.last_reply().expect(405);
}

#[test]
fn the_expectation_may_be_written_in_any_case() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5\r\nExpect: 100-Continue\r\n"));
    client.last_reply().expect(405);
}

#[test]
fn an_empty_expectation_is_none() {
    let server = serve();
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\nExpect:\r\n\r\n");
    client.reply().expect(200);
}
