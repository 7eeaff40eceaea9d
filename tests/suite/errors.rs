//! What a client gets when it gets nothing.

use crate::support::Fixture;
use httpd::ErrorBodies;

#[test]
fn an_error_has_a_small_page_that_says_its_status() {
    let server = Fixture::new().serve();
    let reply = server.get("/missing").send();
    let page = reply.expect(404).header("Content-Type", "text/html").text();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert!(page.contains("404 Not Found"), "{page}");
    assert!(page.len() < 1024, "{page}");
}

#[test]
fn every_kind_of_error_has_its_page() {
    let server = Fixture::new().file("a.txt", "it").serve();
    for (request, page) in [
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: test\r\n\r\n", "404 Not Found"),
        ("PUT / HTTP/1.1\r\nHost: test\r\n\r\n", "405 Method Not Allowed"),
        ("GET /a.txt HTTP/1.1\r\nHost: test\r\nIf-Match: \"\"\r\n\r\n", "412 Precondition Failed"),
        (
            "PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999\r\n\r\n",
            "413 Content Too Large",
        ),
        (
            "GET /a.txt HTTP/1.1\r\nHost: test\r\nRange: bytes=9-\r\n\r\n",
            "416 Range Not Satisfiable",
        ),
        ("GET / HTTP/1.1\r\nHost: test\r\nExpect: x\r\n\r\n", "417 Expectation Failed"),
        ("BREW / HTTP/1.1\r\nHost: test\r\n\r\n", "501 Not Implemented"),
        ("GET / HTTP/3.0\r\nHost: test\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let reply = server.raw(request).reply();
        assert_eq!(format!("{} {}", reply.status, reply.reason), page);
        assert!(reply.text().contains(page), "{reply:?}");
    }
}

#[test]
fn a_page_reflects_nothing_of_the_request() {
    let server = Fixture::new().serve();
    let reply =
        server.get("/marker-in-path?marker-in-query").header("X-Marker", "marker-in-header").send();
    assert!(!format!("{reply:?}").contains("marker"), "{reply:?}");
}

#[test]
fn a_page_says_nothing_of_the_place_on_the_disk() {
    let server = Fixture::new().serve();
    let reply = server.get("/missing").send();
    let root = server.root();
    assert!(!reply.text().contains(root.to_str().expect("it is UTF-8")));
}

#[test]
fn error_pages_can_be_switched_off() {
    let server = Fixture::new().error_bodies(ErrorBodies::Off).serve();
    server
        .get("/missing")
        .send()
        .expect(404)
        .header("Content-Length", "0")
        .no_header("Content-Type")
        .body("");
    server.raw("nonsense\r\n\r\n").last_reply().expect(400).body("");
}

/// RFC 9110 §9.3.2.
#[test]
fn an_error_to_head_has_the_length_of_its_page_and_no_page() {
    let server = Fixture::new().serve();
    let get = server.get("/missing").send();
    server
        .head("/missing")
        .send()
        .expect(404)
        .header("Content-Length", get.value("Content-Length"))
        .body("");
}

#[test]
fn an_error_has_no_validators() {
    let server = Fixture::new().serve();
    server
        .get("/missing")
        .send()
        .no_header("ETag")
        .no_header("Last-Modified")
        .no_header("Accept-Ranges");
}
