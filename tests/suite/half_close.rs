//! Clients that say at once that they will send nothing more, and read the answers then.

use crate::support::{Fixture, TestServer, noise};

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
