//! Handlers of one's own.

use crate::support::{Fixture, digits};
use httpd::{Answer, Context, Handler, Method, Methods, Request, Response, Status};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_function_is_a_handler() {
    let server =
        Fixture::new().handler("/hello", |_: &Request<'_>| Response::text("hello\n")).serve();
    server
        .get("/hello")
        .send()
        .expect(200)
        .header("Content-Type", "text/plain; charset=utf-8")
        .body("hello\n");
}

#[test]
fn a_handler_sees_the_request() {
    let server = Fixture::new()
        .handler("/echo", |request: &Request<'_>| {
            Response::text(format!(
                "{} {} {} {} {} {} {}",
                request.method(),
                request.path(),
                request.path_in_location().expect("it is text"),
                request.query().unwrap_or("none"),
                request.host(),
                request.header("x-custom").unwrap_or("none"),
                request.peer().expect("a TCP client").ip(),
            ))
        })
        .serve();
    server
        .get("/echo/a%20b/../c?d=%20")
        .header("X-CUSTOM", " value ")
        .send()
        .body("GET /echo/c /c d=%20 test value 127.0.0.1");
    server.get("/echo").send().body("GET /echo  none test none 127.0.0.1");
}

#[test]
fn a_handler_sees_all_header_lines_in_order() {
    let server = Fixture::new()
        .handler("/lines", |request: &Request<'_>| {
            let lines: Vec<String> =
                request.headers().map(|(name, value)| format!("{name}={}", text(value))).collect();
            Response::text(lines.join(";"))
        })
        .serve();
    server
        .get("/lines")
        .header("B", "1")
        .header("a", "2")
        .header("B", "3")
        .send()
        .body("Host=test;B=1;a=2;B=3");
}

#[test]
fn the_longest_prefix_wins() {
    let server = Fixture::new()
        .file("a.txt", "file")
        .handler("/a", |_: &Request<'_>| Response::text("a"))
        .handler("/a/b", |_: &Request<'_>| Response::text("b"))
        .serve();
    for (target, content) in [
        ("/a", "a"),
        ("/a/", "a"),
        ("/a/x", "a"),
        ("/a/b", "b"),
        ("/a/b/c", "b"),
        ("/a/bc", "a"),
        ("/a.txt", "file"),
        ("/a/b/../c", "a"),
        ("/a/%62", "b"),
    ] {
        server.get(target).send().expect(200).body(content);
    }
}

/// RFC 9110 §9.3.2.
#[test]
fn head_to_a_handler_is_its_response_without_the_body() {
    let server =
        Fixture::new().handler("/hello", |_: &Request<'_>| Response::text("hello")).serve();
    server.head("/hello").send().expect(200).header("Content-Length", "5").body("");
}

#[test]
fn a_handler_says_status_and_headers() {
    let server = Fixture::new()
        .handler("/moved", |_: &Request<'_>| {
            Response::new(Status::SEE_OTHER)
                .header("Location", "/there")
                .header("Set-Cookie", "a=1")
                .header("Set-Cookie", "b=2")
        })
        .serve();
    let reply = server.get("/moved").send();
    reply.expect(303).header("Location", "/there").header("Content-Length", "0");
    let cookies: Vec<&str> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "Set-Cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn a_status_without_a_name_is_sent_all_the_same() {
    let server = Fixture::new()
        .handler("/odd", |_: &Request<'_>| {
            Response::text("odd").status(Status::new(299).expect("a final status"))
        })
        .serve();
    server.get("/odd").send().expect(299).body("odd");
}

/// RFC 9110 §15.3.5.
#[test]
fn a_response_that_has_no_body_is_sent_without() {
    let server = Fixture::new()
        .handler("/none", |_: &Request<'_>| Response::text("ignored").status(Status::NO_CONTENT))
        .serve();
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("GET /none HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(204);
    }
}

#[test]
fn a_header_value_cannot_smuggle_another_header() {
    let server = Fixture::new()
        .handler("/reflect", |request: &Request<'_>| {
            let query = request.query().unwrap_or_default();
            let decoded: Vec<u8> = query.replace("CRLF", "\r\n").into_bytes();
            Response::text("x").header("X-Reflect", decoded)
        })
        .serve();
    server
        .get("/reflect?aCRLFSet-Cookie:evilCRLFCRLF<html>")
        .send()
        .expect(200)
        .no_header("Set-Cookie")
        .has_header("X-Reflect");
}

#[test]
fn a_bare_error_of_a_handler_gets_the_page_of_its_status() {
    let server =
        Fixture::new().handler("/gone", |_: &Request<'_>| Response::new(Status::GONE)).serve();
    let reply = server.get("/gone").send();
    assert!(reply.expect(410).text().contains("410 Gone"));
}

#[test]
fn an_error_with_a_body_keeps_it() {
    let server = Fixture::new()
        .handler("/gone", |_: &Request<'_>| Response::text("it was here").status(Status::GONE))
        .serve();
    server
        .get("/gone")
        .send()
        .expect(410)
        .header("Content-Type", "text/plain; charset=utf-8")
        .body("it was here");
}

#[test]
fn a_body_of_every_size_is_sent_whole() {
    let server = Fixture::new()
        .handler("/bytes", |request: &Request<'_>| {
            let length = request.query().unwrap_or("0").parse().unwrap_or(0);
            Response::bytes("application/octet-stream", digits(length))
        })
        .serve();
    let mut client = server.connect();
    for length in [0, 1, 4095, 4096, 4097, 65_536, 3_000_000] {
        client.send(format!("GET /bytes?{length} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.reply().expect(200).body(digits(length));
    }
}

/// Takes POST and nothing else.
struct PostOnly;

impl Handler for PostOnly {
    fn methods(&self) -> Methods {
        Methods::of(&[Method::Post])
    }

    fn answer(&self, request: &Request<'_>, _: &mut Context<'_>) -> Answer {
        Response::text(format!("{}", request.method())).status(Status::CREATED).into()
    }
}

#[test]
fn a_handler_chooses_its_methods() {
    let server = Fixture::new().handler("/post", PostOnly).serve();
    server.request("POST", "/post").content("hello").send().expect(201).body("POST");
    for method in ["GET", "HEAD", "DELETE"] {
        server.request(method, "/post").send().expect(405).header("Allow", "POST, OPTIONS");
    }
    server.request("OPTIONS", "/post").send().expect(204).header("Allow", "POST, OPTIONS");
}

#[test]
fn preconditions_and_ranges_are_left_to_the_handler() {
    let server =
        Fixture::new().handler("/hello", |_: &Request<'_>| Response::text("hello")).serve();
    server
        .get("/hello")
        .header("If-None-Match", "*")
        .header("Range", "bytes=0-0")
        .send()
        .expect(200)
        .body("hello");
}

#[test]
fn a_site_without_a_root_location_has_nothing_elsewhere() {
    let site = httpd::Site::new().at("/only", |_: &Request<'_>| Response::text("here"));
    let running = httpd::Server::new(site).listen("127.0.0.1:0").start().expect("a free port");
    let mut client = crate::support::Client::connect(&running.addresses()[0]);
    client.send("GET /only HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200).body("here");
    client.reply().expect(404);
    running.handle().stop_now();
    running.wait();
}
