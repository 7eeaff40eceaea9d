//! RFC 9110 §9: what each method is answered with.

use super::origin::{Origin, expect_open, request};

#[test]
fn get_and_head_are_served_by_every_location() {
    let origin = Origin::new();
    for target in ["/small.txt", "/hello", "/echo", "/folder/"] {
        origin.get(target, &[]).expect(200);
        origin.ask(request("HEAD", target, &[])).expect(200);
    }
}

#[test]
fn method_names_are_case_sensitive() {
    let origin = Origin::new();
    for method in ["get", "Get", "hEAD"] {
        origin.ask(request(method, "/small.txt", &[])).expect(501);
    }
}

#[test]
fn a_method_that_nobody_knows_is_501() {
    let origin = Origin::new();
    for method in ["BREW", "PROPFIND", "G", "GETS", "M-SEARCH", "!#$%&'*+-.^_`|~"] {
        origin.ask(request(method, "/small.txt", &[])).expect(501);
        origin.ask(request(method, "/no-such", &[])).expect(501);
    }
}

#[test]
fn a_known_method_that_is_not_taken_is_405_with_allow() {
    let origin = Origin::new();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let reply = origin.ask(request(method, "/small.txt", &[]));
        reply.expect(405).header("Allow", "GET, HEAD, OPTIONS");
    }
    let reply = origin.ask(request("PATCH", "/echo", &[]));
    reply.expect(405).header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let origin = Origin::new();
    for target in ["/small.txt", "/large.bin", "/folder/", "/folder", "/no-such", "/hello", "/none"]
    {
        let mut client = origin.connect();
        client.send(request("HEAD", target, &[]));
        let head = client.reply_to("HEAD");
        // Content would be taken for the next response.
        client.send(request("GET", target, &[]));
        let get = client.reply();
        assert_eq!(head.status, get.status);
        assert_eq!(head.lasting_headers(), get.lasting_headers(), "{target}");
    }
}

#[test]
fn head_is_conditional_as_get_is() {
    let origin = Origin::new();
    let etag = format!("If-None-Match: {}", origin.get("/small.txt", &[]).etag());
    origin.ask(request("HEAD", "/small.txt", &[&etag])).expect(304);
    origin.ask(request("HEAD", "/small.txt", &["If-Match: \"x\""])).expect(412);
}

#[test]
fn options_says_what_a_location_takes() {
    let origin = Origin::new();
    let reply = origin.ask(request("OPTIONS", "/small.txt", &[]));
    reply.expect(204).header("Allow", "GET, HEAD, OPTIONS");
    let reply = origin.ask(request("OPTIONS", "/hello", &[]));
    reply.expect(204).header("Allow", "GET, HEAD, OPTIONS");
    let reply = origin.ask(request("OPTIONS", "/echo", &[]));
    reply.expect(204).header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

#[test]
fn options_of_an_asterisk_means_the_server() {
    let origin = Origin::new();
    let reply = origin.ask(request("OPTIONS", "*", &[]));
    reply.expect(204).header("Allow", "GET, HEAD, OPTIONS");
    let reply = origin.ask(request("OPTIONS", "http://origin.example", &[]));
    reply.expect(204);
}

#[test]
fn trace_reflects_nothing() {
    let origin = Origin::new();
    for target in ["/small.txt", "/echo", "/no-such"] {
        let reply = origin.ask(request("TRACE", target, &["Cookie: secret"]));
        assert!(!reply.expect(405).text().contains("secret"));
    }
}

#[test]
fn connect_opens_no_tunnel() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send("CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n");
    // It might be meant for somebody else.
    client.send(request("GET", "/small.txt", &[]));
    client.reply().expect(405).header("Connection", "close");
    client.ends();
}

#[test]
fn the_body_of_a_get_means_nothing() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("GET", "/small.txt", &["Content-Length: 5"]) + "12345");
    client.reply().expect(200).body("small\n");
    expect_open(&mut client);
}

#[test]
fn safe_methods_change_nothing() {
    let origin = Origin::new();
    let before = origin.get("/small.txt", &[]);
    for method in ["HEAD", "OPTIONS", "GET"] {
        origin.ask(request(method, "/small.txt", &[]));
    }
    let after = origin.get("/small.txt", &[]);
    assert_eq!(before.lasting_headers(), after.lasting_headers());
    assert_eq!(before.body, after.body);
}

#[test]
fn a_refused_method_leaves_the_file_alone() {
    let origin = Origin::new();
    for method in ["PUT", "DELETE", "POST", "PATCH"] {
        origin.ask(request(method, "/small.txt", &["Content-Length: 3"]) + "new").expect(405);
    }
    origin.get("/small.txt", &[]).expect(200).body("small\n");
}
