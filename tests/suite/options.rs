//! OPTIONS (RFC 9110 §9.3.7).

use crate::support::Fixture;
use httpd::{Request, Response};

#[test]
fn options_of_a_file_says_what_can_be_done_with_it() {
    let server = Fixture::new().file("a.txt", "it").serve();
    server.request("OPTIONS", "/a.txt").send().expect(204).header("Allow", "GET, HEAD, OPTIONS");
}

#[test]
fn options_of_the_whole_server() {
    let server = Fixture::new().serve();
    server.request("OPTIONS", "*").send().expect(204).header("Allow", "GET, HEAD, OPTIONS");
}

/// RFC 9112 §3.2.4.
#[test]
fn options_of_an_absolute_target_without_a_path_is_of_the_whole_server() {
    let server = Fixture::new().serve();
    server.request("OPTIONS", "http://test").send().expect(204);
}

#[test]
fn options_of_a_handler_says_its_methods() {
    let server =
        Fixture::new().handler("/hello", |_: &Request<'_>| Response::text("hello")).serve();
    server.request("OPTIONS", "/hello").send().expect(204).header("Allow", "GET, HEAD, OPTIONS");
}

#[test]
fn options_may_have_content_and_leaves_the_connection_open() {
    let server = Fixture::new().serve();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("OPTIONS * HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
        assert!(client.reply_to("OPTIONS").expect(204).keeps_alive());
    }
}

/// RFC 9112 §3.2.4: the asterisk is for OPTIONS alone.
#[test]
fn the_whole_server_cannot_be_read() {
    let server = Fixture::new().serve();
    server.raw("GET * HTTP/1.1\r\nHost: test\r\n\r\n").last_reply().expect(400);
}
