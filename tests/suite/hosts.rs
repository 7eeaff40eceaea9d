//! Which host is meant (RFC 9110 §7.2, RFC 9112 §3.2).

use crate::support::{Fixture, TestServer};
use httpd::{Request, Response};

/// A server whose handler answers with the host that it is asked for.
fn serve() -> TestServer {
    Fixture::new()
        .handler("/host", |request: &Request<'_>| {
            Response::text(String::from_utf8_lossy(request.host()))
        })
        .serve()
}

#[track_caller]
fn refused(heads: &[&str]) {
    let server = serve();
    for head in heads {
        let reply = server.raw(format!("{head}\r\n\r\n")).last_reply();
        assert_eq!(reply.status, 400, "{head:?}: {reply:?}");
    }
}

#[track_caller]
fn host(head: &str, expected: &str) {
    let server = serve();
    let reply = server.raw(format!("{head}\r\n\r\n")).reply();
    assert_eq!(reply.status, 200, "{head:?}: {reply:?}");
    reply.body(expected);
}

/// RFC 9112 §3.2: a server must answer 400.
#[test]
fn a_request_without_a_host_is_refused() {
    refused(&["GET /host HTTP/1.1", "GET http://a/host HTTP/1.1"]);
}

#[test]
fn a_request_with_two_hosts_is_refused() {
    refused(&[
        "GET /host HTTP/1.1\r\nHost: a\r\nHost: b",
        "GET /host HTTP/1.1\r\nHost: a\r\nhost: a",
        "GET /host HTTP/1.0\r\nHost: a\r\nHost: b",
    ]);
}

#[test]
fn a_host_that_is_none_is_refused() {
    refused(&[
        "GET /host HTTP/1.1\r\nHost: a b",
        "GET /host HTTP/1.1\r\nHost: a/b",
        "GET /host HTTP/1.1\r\nHost: http://a",
        "GET /host HTTP/1.1\r\nHost: user@a",
        "GET /host HTTP/1.1\r\nHost: a, b",
        "GET /host HTTP/1.1\r\nHost: a:port",
        "GET /host HTTP/1.1\r\nHost: a:80:80",
        "GET /host HTTP/1.1\r\nHost: a:-1",
        "GET /host HTTP/1.1\r\nHost: [::1",
        "GET /host HTTP/1.1\r\nHost: ::1",
        "GET /host HTTP/1.1\r\nHost: a?b",
        "GET /host HTTP/1.1\r\nHost: <script>",
    ]);
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
fn http_1_0_needs_no_host() {
    let server = serve();
    server.raw("GET /host HTTP/1.0\r\n\r\n").last_reply().expect(200);
}

/// RFC 9112 §3.2.2: the authority of an absolute target outweighs `Host`.
#[test]
fn an_absolute_target_says_the_host() {
    host("GET http://other:81/host HTTP/1.1\r\nHost: test", "other:81");
    host("GET HTTP://other/host HTTP/1.1\r\nHost: test", "other");
}

/// RFC 9110 §7.4: whoever asks for an https resource must have come over TLS.
#[test]
fn an_https_target_is_misdirected_on_a_plain_connection() {
    let server = serve();
    let reply = server.raw("GET https://other/host?q HTTP/1.1\r\nHost: test\r\n\r\n").reply();
    reply.expect(421);
}

#[test]
fn an_absolute_target_without_a_path_means_the_root() {
    let server = Fixture::new().file("index.html", "top").serve();
    for target in ["http://test", "http://test/", "http://test?query"] {
        server.get(target).send().expect(200).body("top");
    }
}

/// RFC 9110 §4.2.4 and §4.2.1.
#[test]
fn an_absolute_target_with_a_strange_authority_is_refused() {
    refused(&[
        "GET http://user@a/host HTTP/1.1\r\nHost: a",
        "GET http://user:password@a/host HTTP/1.1\r\nHost: a",
        "GET http:///host HTTP/1.1\r\nHost: a",
        "GET http://a:b/host HTTP/1.1\r\nHost: a",
        "GET ftp://a/host HTTP/1.1\r\nHost: a",
        "GET file:///etc/passwd HTTP/1.1\r\nHost: a",
        "GET a:80 HTTP/1.1\r\nHost: a",
    ]);
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
