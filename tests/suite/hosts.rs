//! Which host is meant. What RFC 9110 §7.2 and RFC 9112 §3.2 demand has its tests in `conformance`.

use crate::support::{Fixture, TestServer};
use httpd::Request;

/// A server whose handler answers with the host that it is asked for.
fn serve() -> TestServer {
    Fixture::new().handler("/host", |request: &Request<'_>| request.host().to_owned()).serve()
}

#[track_caller]
fn host(head: &str, expected: &str) {
    let server = serve();
    let reply = server.raw(format!("{head}\r\n\r\n")).reply();
    assert_eq!(reply.status, 200, "{head:?}: {reply:?}");
    reply.body(expected);
}

#[test]
fn every_form_of_a_host_is_taken() {
    host("GET /host HTTP/1.1\r\nHost: example.org", "example.org");
    host("GET /host HTTP/1.1\r\nHost: Example.org:8080", "Example.org:8080");
    host("GET /host HTTP/1.1\r\nHost: 127.0.0.1:80", "127.0.0.1:80");
    host("GET /host HTTP/1.1\r\nHost: [::1]:80", "[::1]:80");
}

/// RFC 9110 §7.2: what a client sends when its target has no authority.
#[test]
fn an_empty_host_is_taken() {
    host("GET /host HTTP/1.1\r\nHost:", "");
}

#[test]
fn an_absolute_target_without_a_path_means_the_root() {
    let server = Fixture::new().file("index.html", "top").serve();
    for target in ["http://test", "http://test/", "http://test?query"] {
        server.get(target).send().expect(200).body("top");
    }
}

#[test]
fn the_host_of_a_request_never_comes_back() {
    let server = Fixture::new().dir("sub").serve();
    let mut client = server.raw("GET /sub HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let reply = client.reply();
    assert!(!format!("{reply:?}").contains("evil"), "{reply:?}");
}

#[test]
fn an_absolute_target_is_normalised_like_any_other() {
    let server = Fixture::new().file("a.txt", "it").serve();
    server.get("http://test/x/../%61.txt").send().expect(200).body("it");
}
