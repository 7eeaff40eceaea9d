//! Clients that say at once that they will send nothing more, and read the answers then.

use crate::support::{Fixture, Http2, PATIENCE, TestServer, noise};
use httpd::{Method, Request, Response, blocking};
use std::io::{self, Read};
use std::sync::mpsc;

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").file("large.bin", noise(5_000_000)).serve()
}

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_request_followed_by_the_end_is_answered() {
    let server = serve();
    let mut client = server.raw(GET);
    client.finish();
    client.reply().expect(200).body("it");
    client.ends();
}

#[test]
fn all_pipelined_requests_followed_by_the_end_are_answered() {
    let server = serve();
    let mut client = server.raw(GET.repeat(500));
    client.finish();
    for _ in 0..500 {
        client.reply().expect(200).body("it");
    }
    client.ends();
}

#[test]
fn a_large_file_is_sent_to_its_end() {
    let server = serve();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.finish();
    client.reply().expect(200).body(noise(5_000_000));
    client.ends();
}

#[test]
fn a_body_followed_by_the_end_is_a_body() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
    client.finish();
    client.reply().expect(405);
    client.ends();
}

#[test]
fn the_end_in_the_middle_of_a_head_is_the_end() {
    let server = serve();
    for cut in [1, 10, GET.len() - 2, GET.len() - 1] {
        let mut client = server.raw(&GET[..cut]);
        client.finish();
        let (wire, _) = client.rest();
        assert!(
            wire.is_empty() || wire.starts_with(b"HTTP/1.1 400 "),
            "cut at {cut}: {}",
            wire.escape_ascii()
        );
    }
}

#[test]
fn a_connection_that_ends_without_a_request_ends() {
    serve().connect().finish().ends();
}

#[test]
fn the_end_while_idle_is_the_end() {
    let server = serve();
    let mut client = server.raw(GET);
    client.reply().expect(200);
    client.finish().ends();
}

/// Its handler does not wait for what never comes until `body_timeout` ends.
#[test]
fn the_end_in_the_middle_of_a_body_is_an_error_to_its_handler() {
    let (begun, begins) = mpsc::channel();
    let (sender, outcomes) = mpsc::channel();
    let reads = blocking(move |request: &Request<'_>| {
        let mut body = request.take_body();
        let mut first = [0; 5];
        body.read_exact(&mut first).expect("so much comes");
        begun.send(()).expect("the test waits for it");
        sender.send(body.read_to_end(&mut Vec::new()).is_ok()).expect("the test waits for it");
        "read"
    });
    let writes = blocking(|request: &Request<'_>| {
        let mut body = request.take_body();
        Response::written("text/plain", move |out| io::copy(&mut body, out).map(|_| ()))
    });
    let server = Fixture::new()
        .listen("h2c://127.0.0.1:0")
        .site(|site| {
            site.at("/reads", reads.streamed().methods(&[Method::Post]))
                .at("/writes", writes.streamed().methods(&[Method::Post]))
        })
        .serve();
    // A request whose client has gone before its handler begins is not handled at all.
    let handler_begins = |path: &str| {
        if path == "/reads" {
            begins.recv_timeout(PATIENCE).expect("the handler reads");
        }
    };
    for path in ["/reads", "/writes"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n");
        let mut client = server.raw(format!("{head}hello"));
        handler_begins(path);
        let (wire, _) = client.finish().rest();
        assert!(!wire.ends_with(b"0\r\n\r\n"), "{path}: {}", wire.escape_ascii());

        let mut client = Http2::connect(server.address());
        let stream = client.open("POST", path, &[("content-length", "10")]);
        client.data(stream, b"hello", false);
        handler_begins(path);
        client.client().finish();
        while client.read() {}
        let reply = client.so_far(stream);
        assert!(reply.is_none_or(|reply| !reply.has_ended), "{path}: {reply:?}");
    }
    for _ in 0..2 {
        assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(false));
    }
}
