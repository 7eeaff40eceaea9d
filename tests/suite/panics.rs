//! A handler that panics costs its connection, and nobody else's.

use crate::support::{Fixture, TestServer};
use httpd::{Request, Response};

fn serve() -> TestServer {
    Fixture::new()
        .file("a.txt", "it")
        .handler("/panic", |_: &Request<'_>| -> Response {
            panic!("this test's handler panics, as it should")
        })
        .serve()
}

const GOOD: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
const BAD: &str = "GET /panic HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_panic_ends_its_connection() {
    let server = serve();
    let mut client = server.raw(BAD);
    let (wire, _) = client.rest();
    assert!(wire.is_empty() || wire.starts_with(b"HTTP/1.1 500 "), "{}", wire.escape_ascii());
}

#[test]
fn a_panic_leaves_other_connections_alone() {
    let server = serve();
    let mut other = server.raw(GOOD);
    other.reply().expect(200);
    for _ in 0..10 {
        server.raw(BAD).rest();
    }
    other.send(GOOD);
    other.reply().expect(200).body("it");
    server.get("/a.txt").send().expect(200);
}

#[test]
fn a_request_behind_a_panic_is_not_answered() {
    let server = serve();
    let mut client = server.raw(format!("{BAD}{GOOD}"));
    let (wire, _) = client.rest();
    assert!(!wire.windows(6).any(|window| window == b"200 OK"));
}

#[test]
fn a_server_whose_handler_panicked_stops_in_good_order() {
    let mut server = serve();
    server.raw(BAD).rest();
    server.handle().stop();
    server.wait();
}
