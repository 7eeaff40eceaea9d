//! Methods that one location takes and another does not. What RFC 9110 §9 demands has its tests in
//! `conformance`.

use crate::support::{Fixture, TestServer};
use httpd::{Method, inline};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

#[test]
fn what_cannot_be_done_with_a_file_cannot_be_done_with_a_missing_one() {
    serve().request("DELETE", "/missing").send().expect(405);
}

/// RFC 9112 §3: a name that is longer than any is not even read to its end.
#[test]
fn a_method_too_long_for_any_is_not_implemented() {
    let server = serve();
    let method = "M".repeat(25);
    let mut client = server.raw(format!("{method} /a.txt HTTP/1.1\r\nHost: test\r\n\r\n"));
    client.last_reply().expect(501);
}

/// RFC 9110 §15.5.6: where somebody takes such methods, others say what they take.
#[test]
fn a_method_that_another_handler_takes_is_refused_with_those_of_this_one() {
    let find = Method::new("PROPFIND").expect("a token");
    let finds = inline(|request| request.method().to_string());
    let server =
        Fixture::new().file("a.txt", "it").handler("/find", finds.methods(&[find])).serve();
    server.request("PROPFIND", "/find").send().expect(200).body("PROPFIND");
    server.request("PROPFIND", "/a.txt").send().expect(405).header("Allow", "GET, HEAD, OPTIONS");
    server.request("GET", "/find").send().expect(405).header("Allow", "OPTIONS");
}

#[test]
fn options_may_have_a_body_and_leaves_the_connection_open() {
    let server = Fixture::new().serve();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("OPTIONS * HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
        assert!(client.reply_to("OPTIONS").expect(204).keeps_alive());
    }
}
