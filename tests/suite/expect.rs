//! Clients that ask before they send (RFC 9110 §10.1.1).

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
fn a_client_that_waits_gets_its_answer_without_sending_anything() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5\r\nExpect: 100-continue\r\n"));
    client.last_reply().expect(405);
}

#[test]
fn a_client_that_does_not_wait_is_answered_once() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello");
    client.last_reply().expect(405);
}

#[test]
fn too_much_content_is_refused_before_it_is_sent() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5000000\r\nExpect: 100-continue\r\n"));
    client.last_reply().expect(413);
}

#[test]
fn chunked_content_is_waited_for_no_more_than_any_other() {
    let server = serve();
    let mut client = server.raw(post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"));
    client.last_reply().expect(405);
}

/// RFC 9110 §15.5.18.
#[test]
fn another_expectation_cannot_be_met() {
    let server = serve();
    for expectation in ["200-ok", "100-continue, x", "100-continue=1"] {
        let mut client = server.raw(post(&format!("Expect: {expectation}\r\n")));
        client.last_reply().expect(417);
    }
}

#[test]
fn the_expectation_may_be_written_in_any_case() {
    let server = serve();
    let mut client = server.raw(post("Content-Length: 5\r\nExpect: 100-Continue\r\n"));
    client.last_reply().expect(405);
}

/// RFC 9110 §10.1.1: a server may leave out the 100 where there is no content.
#[test]
fn without_content_there_is_nothing_to_wait_for() {
    let server = serve();
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n");
        client.reply().expect(200).body("it");
    }
}

/// RFC 9110 §10.1.1: a server must ignore it in that version.
#[test]
fn an_expectation_of_http_1_0_is_ignored() {
    let server = serve();
    let mut client = server
        .raw("POST /a.txt HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    client.last_reply().expect(405);
}

#[test]
fn an_empty_expectation_is_none() {
    let server = serve();
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\nExpect:\r\n\r\n");
    client.reply().expect(200);
}
