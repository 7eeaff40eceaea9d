//! RFC 9110 §4 and §7, RFC 9112 §3: what is asked for, and of whom.

use super::origin::{Origin, request};

/// What the handler saw as its first line.
fn seen(origin: &Origin, raw: &str) -> String {
    let reply = origin.ask(raw);
    reply.expect(200).text().lines().next().unwrap_or_default().to_owned()
}

#[test]
fn origin_form_is_path_and_query() {
    let origin = Origin::new();
    assert_eq!(
        seen(&origin, &request("GET", "/echo/a?b=c?d&e", &[])),
        "GET /echo/a host=origin.example query=b=c?d&e"
    );
}

#[test]
fn absolute_form_is_read_and_overrides_host() {
    let origin = Origin::new();
    for scheme in ["http", "HTTP", "hTTp"] {
        assert_eq!(
            seen(&origin, &request("GET", &format!("{scheme}://other.example:81/echo?q"), &[])),
            "GET /echo host=other.example:81 query=q"
        );
    }
    origin.get("http://other.example", &[]).expect(404);
    origin.get("http://other.example?q", &[]).expect(404);
}

#[test]
fn other_forms_belong_to_their_methods() {
    let origin = Origin::new();
    origin.get("*", &[]).expect(400);
    origin.get("origin.example:80", &[]).expect(400);
    for target in ["small.txt", "../small.txt", "?small.txt", "\\small.txt"] {
        origin.get(target, &[]).expect(400);
    }
    origin.ask(request("OPTIONS", "*", &[])).expect(204);
    origin.ask(request("CONNECT", "/small.txt", &[])).expect(400);
}

#[test]
fn user_information_is_refused() {
    let origin = Origin::new();
    origin.get("http://user@origin.example/small.txt", &[]).expect(400);
    origin.get("http://user:secret@origin.example/small.txt", &[]).expect(400);
    origin.ask("GET / HTTP/1.1\r\nHost: user@origin.example\r\n\r\n").expect(400);
}

#[test]
fn an_empty_host_in_the_target_is_refused() {
    let origin = Origin::new();
    origin.get("http:///small.txt", &[]).expect(400);
    origin.get("http://", &[]).expect(400);
}

#[test]
fn an_address_that_two_readers_take_for_two_things_is_refused() {
    let origin = Origin::new();
    for host in [
        "017700000001",
        "0x7f.1",
        "127.01.0.1",
        "127.1",
        "1.2.3.4.5",
        "127.0.0.1.",
        "[4712::abcd::]",
        "[127.0.0.1]",
        "[v1.a]",
        "[::1%25lo]",
        "a:65536",
        "a%zz",
        "a%2Fb",
    ] {
        origin.get(&format!("http://{host}/small.txt"), &[]).expect(400);
        origin.ask(format!("GET /small.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(400);
    }
    for host in ["127.0.0.1", "[4712::abcd]:80", "[::ffff:127.0.0.1]", "1a", "caf%C3%A9.example"] {
        origin.get(&format!("http://{host}/small.txt"), &[]).expect(200);
        origin.ask(format!("GET /small.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200);
    }
}

#[test]
fn an_https_target_needs_a_secured_connection() {
    let origin = Origin::new();
    origin.get("https://origin.example/small.txt", &[]).expect(421);
}

#[test]
fn other_schemes_are_refused() {
    let origin = Origin::new();
    for target in ["ftp://a/", "file:///etc/passwd", "httpx://a/", "http:/small.txt", "http://a:b/"]
    {
        origin.get(target, &[]).expect(400);
    }
}

#[test]
fn equivalent_spellings_are_one_target() {
    let origin = Origin::new();
    for target in
        ["/small.txt", "/%73mall.txt", "/%73%6D%61ll%2etxt", "/./small.txt", "/folder/../small.txt"]
    {
        origin.get(target, &[]).expect(200).body("small\n");
    }
    origin.get("/two%20words.txt", &[]).expect(200).body("spaced\n");
    origin.get("/SMALL.TXT", &[]).expect(404);
}

#[test]
fn what_cannot_be_a_target_is_refused() {
    let origin = Origin::new();
    for target in ["/%zz", "/%", "/a%00b", "/a#b", "/a b", "/\u{e9}", "/a\tb", "/a\u{7f}"] {
        origin.get(target, &[]).expect(400);
    }
}

#[test]
fn a_target_of_8000_bytes_is_read_and_one_far_longer_is_414() {
    let origin = Origin::new();
    let target = format!("/small.txt?{}", "q".repeat(7_989));
    assert_eq!(target.len(), 8_000);
    origin.get(&target, &[]).expect(200);
    origin.get(&format!("/{}", "a".repeat(20_000)), &[]).expect(414);
}

#[test]
fn exactly_one_valid_host_is_wanted() {
    let origin = Origin::new();
    for headers in ["", "Host: a\r\nhost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: a b\r\n"] {
        origin.ask(format!("GET /small.txt HTTP/1.1\r\n{headers}\r\n")).expect(400);
    }
    for host in [
        "a/b", "a:x", "a:-1", "[::1", "::1", "a,b c", "a, b", "http://a", "user@a", "a\\b",
        "a:1:2", "a?b", "<script>",
    ] {
        origin.ask(format!("GET /small.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(400);
    }
    for host in ["a", "a.b:8080", "[::1]:80", "127.0.0.1", "", "a:", "xn--e1a.example"] {
        origin.ask(format!("GET /small.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200);
    }
}

#[test]
fn http_1_0_may_leave_host_out() {
    let origin = Origin::new();
    origin.ask("GET /small.txt HTTP/1.0\r\n\r\n").expect(200);
    origin.ask("GET /small.txt HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").expect(400);
}

#[test]
fn host_is_wanted_beside_an_absolute_target_too() {
    let origin = Origin::new();
    origin.ask("GET http://a/small.txt HTTP/1.1\r\n\r\n").expect(400);
}

#[test]
fn no_spelling_climbs_out_of_the_root() {
    let origin = Origin::new();
    for target in [
        "/../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/folder/%2e%2e/%2e%2e/etc/passwd",
        "/..;/etc/passwd",
        "/..\\..\\etc\\passwd",
    ] {
        origin.get(target, &[]).expect(404);
    }
}
