//! RFC 9112 §9 and RFC 9110 §10.1.1: how long a connection lives, and how it ends.

use super::origin::{Origin, expect_open, request};
use crate::support::digits;
use httpd::Limits;
use std::time::Duration;

#[test]
fn a_connection_of_1_1_is_kept() {
    let origin = Origin::new();
    let mut client = origin.connect();
    for _ in 0..5 {
        client.send(request("GET", "/small.txt", &[]));
        client.reply().expect(200).header("Connection", "keep-alive");
    }
}

#[test]
fn close_is_honoured_in_any_spelling() {
    let origin = Origin::new();
    for header in [
        "Connection: close",
        "Connection: x, CLOSE",
        "Connection: x, close ,y",
        "connection: keep-alive, close",
        "Connection: keep-alive\r\nConnection: close",
    ] {
        let mut client = origin.connect();
        client.send(request("GET", "/small.txt", &[header]));
        client.reply().expect(200).header("Connection", "close");
        client.ends();
    }
}

#[test]
fn nothing_behind_a_close_is_answered() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let last = request("GET", "/small.txt", &["Connection: close"]);
    client.send(last + &request("GET", "/hello", &[]).repeat(100));
    client.reply().expect(200).body("small\n");
    client.ends();
}

#[test]
fn a_connection_of_1_0_is_closed_unless_it_asks_to_keep() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send("GET /small.txt HTTP/1.0\r\n\r\n");
    client.reply().expect(200).header("Connection", "close");
    client.ends();

    let mut client = origin.connect();
    client.send("GET /small.txt HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    client.reply().expect(200).header("Connection", "close");
    client.ends();

    let mut client = origin.connect();
    for _ in 0..2 {
        client.send("GET /small.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        client.reply().expect(200).header("Connection", "keep-alive");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let targets = ["/small.txt", "/large.bin", "/no-such", "/hello", "/empty.bin", "/digits.txt"];
    let requests: String = targets.iter().map(|target| request("GET", target, &[])).collect();
    client.send(requests);
    client.reply().expect(200).body("small\n");
    client.reply().expect(200).body(digits(300_000));
    client.reply().expect(404);
    client.reply().expect(200).body("hello\n");
    client.reply().expect(200).body("");
    client.reply().expect(200).body(digits(1_000));
}

#[test]
fn a_client_that_closes_its_side_gets_its_answers() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("GET", "/large.bin", &[]) + &request("GET", "/hello", &[]));
    client.finish();
    client.reply().expect(200).body(digits(300_000));
    client.reply().expect(200).body("hello\n");
    client.ends();
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let head = request("POST", "/echo", &["Content-Length: 50000000"]);
    client.send(head).send(digits(500_000));
    client.reply().expect(413);
    client.ends();
}

#[test]
fn a_client_that_asks_first_gets_a_final_answer_at_once() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let headers = ["Content-Length: 5", "Expect: 100-continue"];
    client.send(request("POST", "/small.txt", &headers));
    client.reply().expect(405).header("Connection", "close");
    client.ends();
}

#[test]
fn expect_from_http_1_0_is_passed_over() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send("POST /echo HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n12345");
    client.reply().expect(200);
    client.ends();
}

#[test]
fn expect_is_ignored_where_there_is_no_body() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("GET", "/small.txt", &["Expect: 100-continue"]));
    client.reply().expect(200).header("Connection", "keep-alive");
    expect_open(&mut client);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let limits = Limits::default().keepalive_timeout(Duration::from_millis(50));
    let origin = Origin::with(limits);
    let mut client = origin.connect();
    expect_open(&mut client);
    client.ends();
}

#[test]
fn a_request_that_does_not_end_is_408_and_closed() {
    let limits = Limits::default().head_timeout(Duration::from_millis(50));
    let origin = Origin::with(limits);
    let mut client = origin.connect();
    client.send("GET /small.txt HTTP/1.1\r\nHo");
    client.reply().expect(408).header("Connection", "close");
    client.ends();
}
