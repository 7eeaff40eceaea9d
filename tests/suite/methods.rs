//! What may be done with a file: read it.

use crate::support::{Fixture, TestServer};
use httpd::{Method, Request, Response, inline};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

/// RFC 9110 §15.5.6.
#[test]
fn a_file_can_only_be_read() {
    let server = serve();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        server.request(method, "/a.txt").send().expect(405).header("Allow", "GET, HEAD, OPTIONS");
    }
    server.get("/a.txt").send().expect(200).body("it");
}

#[test]
fn what_cannot_be_done_with_a_file_cannot_be_done_with_a_missing_one() {
    serve().request("DELETE", "/missing").send().expect(405);
}

/// RFC 9110 §9.1.
#[test]
fn an_unknown_method_is_not_implemented() {
    let server = serve();
    for method in ["BREW", "PROPFIND", "G", "GETT", "X-!#$%&'*+.^_`|~1"] {
        server.request(method, "/a.txt").send().expect(501);
        server.request(method, "/missing").send().expect(501);
    }
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
    let finds = inline(|request: &Request<'_>, _| Response::text(request.method().to_string()));
    let server =
        Fixture::new().file("a.txt", "it").handler("/find", finds.methods(&[find])).serve();
    server.request("PROPFIND", "/find").send().expect(200).body("PROPFIND");
    server.request("PROPFIND", "/a.txt").send().expect(405).header("Allow", "GET, HEAD, OPTIONS");
    server.request("GET", "/find").send().expect(405).header("Allow", "OPTIONS");
}

/// RFC 9110 §9.1.
#[test]
fn methods_differ_by_the_case_of_their_letters() {
    let server = serve();
    server.request("get", "/a.txt").send().expect(501);
}

/// RFC 9110 §9.3.8: nothing of a request is sent back.
#[test]
fn trace_is_refused_and_echoes_nothing() {
    let server = serve();
    let mut client = server.raw("TRACE /a.txt HTTP/1.1\r\nHost: test\r\nCookie: secret\r\n\r\n");
    let reply = client.reply();
    assert!(!reply.expect(405).text().contains("secret"));
}

/// RFC 9110 §9.3.6: what follows might be meant for somebody else.
#[test]
fn connect_is_refused_and_ends_the_connection() {
    let server = serve();
    let mut client = server.raw(
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n\
         GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    client.last_reply().expect(405);
}

#[test]
fn connect_to_a_path_is_malformed() {
    let server = serve();
    let mut client = server.raw("CONNECT /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.last_reply().expect(400);
}

#[test]
fn a_refused_method_leaves_the_connection_open() {
    let server = serve();
    let mut client = server.raw(
        "DELETE /a.txt HTTP/1.1\r\nHost: test\r\n\r\n\
         GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n",
    );
    client.reply().expect(405);
    client.reply().expect(200).body("it");
}
