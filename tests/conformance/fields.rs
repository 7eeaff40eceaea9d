//! RFC 9110 §5–8 and §10: header lines, those that come and those that go.

use super::origin::{Origin, expect_open, request};
use crate::support::fixture::MODIFIED;
use std::time::{Duration, SystemTime};

#[test]
fn names_count_in_any_case() {
    let origin = Origin::new();
    let reply = origin.ask("GET /digits.txt HTTP/1.1\r\nhOsT: a\r\nrAnGe: bytes=0-1\r\n\r\n");
    reply.expect(206).body("01");
}

#[test]
fn unknown_headers_are_passed_over() {
    let origin = Origin::new();
    let headers =
        ["X-Unknown: 1", "!#$%&'*+-.^_`|~: 2", "Via: 1.1 a", "Max-Forwards: 0", "From: a@b", "X:"];
    origin.get("/small.txt", &headers).expect(200).body("small\n");
}

#[test]
fn a_list_may_stand_on_several_lines() {
    let origin = Origin::new();
    let etag = origin.get("/small.txt", &[]).etag();
    let last = format!("If-None-Match: {etag}");
    let headers = ["If-None-Match: \"a\", \"b\"", "X: between", &last];
    origin.get("/small.txt", &headers).expect(304);
    let of_match = format!("If-Match: {etag}");
    origin.get("/small.txt", &["If-Match: \"x\"", &of_match]).expect(200);
}

#[test]
fn the_order_of_names_does_not_matter_and_that_of_values_is_kept() {
    let origin = Origin::new();
    let reply = origin.get("/echo", &["B: 1", "A: 2", "B: 3"]);
    let said = reply.text();
    let of_b: Vec<&str> = said.lines().filter(|line| line.starts_with("B=")).collect();
    assert_eq!(of_b, ["B=1", "B=3"]);
}

#[test]
fn empty_list_elements_are_passed_over() {
    let origin = Origin::new();
    let etag = origin.get("/small.txt", &[]).etag();
    let header = format!("If-None-Match: , ,\t{etag} ,, ");
    origin.get("/small.txt", &[&header]).expect(304);
    origin.get("/digits.txt", &["Range: bytes=,0-1, ,"]).expect(206);
}

#[test]
fn a_comma_in_quotes_does_not_part_a_list() {
    let origin = Origin::new();
    let etag = origin.get("/small.txt", &[]).etag();
    let inside = format!("If-None-Match: \"a, {}, b\"", etag.trim_matches('"'));
    origin.get("/small.txt", &[&inside]).expect(200);
    let behind = format!("If-None-Match: \"a,b\", {etag}");
    origin.get("/small.txt", &[&behind]).expect(304);
}

#[test]
fn white_space_around_a_value_is_no_part_of_it() {
    let origin = Origin::new();
    let reply = origin.get("/echo", &["X: \t a \t b\t ", "Y:c"]);
    let said = reply.text();
    assert!(said.contains("X=a \t b\n") && said.contains("Y=c\n"), "{said}");
}

#[test]
fn bytes_beyond_ascii_are_opaque() {
    let origin = Origin::new();
    origin.ask(b"GET /small.txt HTTP/1.1\r\nHost: a\r\nX: a\t\xe9\xff\x80\r\n\r\n").expect(200);
}

#[test]
fn control_characters_in_a_value_are_refused() {
    let origin = Origin::new();
    for byte in [0, 1, 7, 11, 13, 27, 127] {
        let mut request = b"GET /small.txt HTTP/1.1\r\nHost: a\r\nX: a".to_vec();
        request.extend([byte, b'b']);
        request.extend(b"\r\n\r\n");
        origin.ask(request).expect(400);
    }
}

#[test]
fn headers_beyond_the_bounds_are_431() {
    let origin = Origin::new();
    let long = format!("X: {}", "x".repeat(40_000));
    origin.get("/small.txt", &[&long]).expect(431).header("Connection", "close");
    let many = vec!["X: y"; 200];
    origin.get("/small.txt", &many).expect(431).header("Connection", "close");
}

#[test]
fn headers_of_a_browser_with_many_cookies_are_read() {
    let origin = Origin::new();
    let cookie = format!("Cookie: {}", "name=value; ".repeat(1_200));
    origin.get("/small.txt", &[&cookie]).expect(200);
}

#[test]
fn a_handler_cannot_split_or_frame_a_response() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("GET", "/forged", &[]));
    // That there is one length, one date and no coding is checked of every reply.
    let reply = client.reply();
    reply.expect(200).body("forged\n").header("Content-Length", "7");
    reply.header("Connection", "keep-alive").no_header("X-Injected");
    expect_open(&mut client);
}

#[test]
fn every_response_has_the_date() {
    let origin = Origin::new();
    let from = SystemTime::now() - Duration::from_secs(2);
    for (target, status) in [("/small.txt", 200), ("/folder", 301), ("/no-such", 404), ("bad", 400)]
    {
        let reply = origin.get(target, &[]);
        let said = reply.expect(status).value("Date");
        let said = httpdate::parse_http_date(said).expect("it can be read");
        assert!(said >= from && said <= SystemTime::now());
    }
    origin.ask("GET / HTTP/2.0\r\n\r\n").expect(505);
}

#[test]
fn the_server_says_its_name_and_no_more() {
    Origin::new().get("/small.txt", &[]).header("Server", "httpd");
}

#[test]
fn content_says_its_type() {
    let origin = Origin::new();
    for (target, prefix) in [
        ("/small.txt", "text/plain"),
        ("/page.html", "text/html"),
        ("/large.bin", "application/octet-stream"),
        ("/LICENSE", "application/octet-stream"),
        ("/no-such", "text/html"),
        ("/folder", "text/html"),
    ] {
        let reply = origin.get(target, &[]);
        let found = reply.value("Content-Type");
        assert!(found.starts_with(prefix), "{target}: {found}");
    }
}

#[test]
fn content_has_no_coding_that_nobody_applied() {
    let origin = Origin::new();
    let reply = origin.get("/small.txt", &["Accept-Encoding: gzip, br"]);
    reply.expect(200).no_header("Content-Encoding").body("small\n");
}

#[test]
fn the_length_is_that_of_the_body() {
    let origin = Origin::new();
    for (target, length) in [("/small.txt", 6), ("/empty.bin", 0), ("/large.bin", 300_000)] {
        let mut client = origin.connect();
        client.send(request("GET", target, &[]));
        assert_eq!(client.reply().expect(200).body.len(), length);
        expect_open(&mut client);
    }
}

#[test]
fn preferences_that_nothing_satisfies_are_disregarded() {
    let origin = Origin::new();
    let headers = [
        "Accept: image/x-nothing;q=0.1",
        "Accept-Language: tlh",
        "Accept-Charset: x",
        "Accept-Encoding: identity;q=0, *;q=0",
    ];
    origin.get("/small.txt", &headers).expect(200).body("small\n");
}

#[test]
fn an_upgrade_is_passed_over() {
    let origin = Origin::new();
    let headers = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA"];
    let reply = origin.get("/small.txt", &headers);
    reply.expect(200).no_header("Upgrade").body("small\n");
    let old = "GET /small.txt HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    origin.ask(old).expect(200).no_header("Upgrade");
}

#[test]
fn connection_options_that_nobody_knows_are_passed_over() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let headers = ["Connection: x, keep-alive ,TE", "TE: trailers, gzip;q=0.5", "Keep-Alive: 300"];
    client.send(request("GET", "/small.txt", &headers));
    client.reply().expect(200).header("Connection", "keep-alive");
    expect_open(&mut client);
}

#[test]
fn last_modified_is_sent_and_never_later_than_the_date() {
    let origin = Origin::new();
    origin.get("/small.txt", &[]).header("Last-Modified", MODIFIED);
    let reply = origin.get("/fresh.txt", &[]);
    let read = |name| httpdate::parse_http_date(reply.value(name)).expect("it can be read");
    assert!(read("Last-Modified") <= read("Date"), "{reply:?}");
    // Nobody changed a file then.
    origin.get("/future.txt", &[]).no_header("Last-Modified");
}

#[test]
fn an_entity_tag_is_quoted_and_strong_once_the_file_has_rested() {
    let origin = Origin::new();
    let strong = origin.get("/small.txt", &[]).etag();
    assert!(strong.starts_with('"') && strong.ends_with('"'), "{strong}");
    let weak = origin.get("/fresh.txt", &[]).etag();
    assert!(weak.starts_with("W/\"") && weak.ends_with('"'), "{weak}");
    origin.get("/future.txt", &[]).no_header("ETag");
}

#[test]
fn entity_tags_differ_between_versions() {
    let origin = Origin::new();
    let before = origin.get("/small.txt", &[]).etag();
    assert_ne!(before, origin.get("/digits.txt", &[]).etag());
    std::fs::write(origin.path_of("small.txt"), "other\n").expect("the file is ours");
    let reply = origin.get("/small.txt", &[]);
    assert_ne!(before, reply.body("other\n").etag());
}
