//! Files that a handler names and the server sends.

use crate::support::fixture::MODIFIED;
use crate::support::{Fixture, TestServer, digits};
use httpd::{Method, Response, Root, Status, blocking};

fn serve() -> TestServer {
    let fixture = Fixture::new()
        .outside("private/report.pdf", digits(100_000))
        .outside("private/small.txt", "small")
        .outside("secret.txt", "secret");
    let root = Root::open(fixture.place().join("private")).expect("it was just made");
    fixture
        .handler(
            "/download",
            blocking(move |request| {
                let name = request.path_in_location_bytes().strip_prefix(b"/").unwrap_or_default();
                let answer = Response::file(&root, name)
                    .header("Content-Disposition", "attachment")
                    .header("Cache-Control", "private");
                match request.query() {
                    Some("typed") => answer.header("Content-Type", "application/x-own"),
                    Some("created") => answer.status(Status::CREATED),
                    _ => answer,
                }
            })
            .methods(&[Method::Get, Method::Post]),
        )
        .serve()
}

#[test]
fn it_is_sent_with_type_validators_and_the_headers_of_the_handler() {
    let server = serve();
    let reply = server.get("/download/report.pdf").send();
    reply
        .expect(200)
        .header("Content-Type", "application/pdf")
        .header("Content-Disposition", "attachment")
        .header("Cache-Control", "private")
        .header("Last-Modified", MODIFIED)
        .has_header("ETag")
        .body(digits(100_000));
    server.head("/download/report.pdf").send().expect(200).header("Content-Length", "100000");
}

#[test]
fn preconditions_and_ranges_are_answered() {
    let server = serve();
    let etag = server.get("/download/report.pdf").send().value("ETag").to_owned();
    server
        .get("/download/report.pdf")
        .header("If-None-Match", &etag)
        .send()
        .expect(304)
        .header("Cache-Control", "private");
    server
        .get("/download/report.pdf")
        .header("Range", "bytes=10-19")
        .header("If-Range", &etag)
        .send()
        .expect(206)
        .header("Content-Range", "bytes 10-19/100000")
        .body("0123456789");
    server
        .get("/download/report.pdf")
        .header("Range", "bytes=200000-")
        .send()
        .expect(416)
        .header("Content-Range", "bytes */100000");
    let parts = server.get("/download/report.pdf").header("Range", "bytes=0-1,5-6").send();
    assert!(parts.expect(206).value("Content-Type").starts_with("multipart/byteranges"));
}

#[test]
fn a_type_of_the_handlers_own_takes_the_place_of_the_files() {
    let server = serve();
    let typed = server.get("/download/report.pdf?typed").send();
    typed.expect(200).header("Content-Type", "application/x-own").body(digits(100_000));
    let part = server.get("/download/report.pdf?typed").header("Range", "bytes=0-0").send();
    part.expect(206).header("Content-Type", "application/x-own").body("0");
    let parts = server.get("/download/report.pdf?typed").header("Range", "bytes=0-1,5-6").send();
    assert!(parts.expect(206).value("Content-Type").starts_with("multipart/byteranges"));
}

#[test]
fn it_is_the_whole_answer_to_a_request_that_does_not_only_read() {
    let server = serve();
    server
        .request("POST", "/download/small.txt?created")
        .header("Range", "bytes=0-0")
        .content("")
        .send()
        .expect(201)
        .body("small");
}

#[test]
fn what_is_not_beneath_the_root_is_not_sent() {
    let server = serve();
    for name in ["none.txt", "", "%2e%2e%2fsecret.txt", "..%2fsecret.txt"] {
        server.get(format!("/download/{name}")).send().expect(404);
    }
}

#[test]
fn a_file_that_is_replaced_is_sent_as_it_is_now() {
    let server = serve();
    let file = server.root().parent().expect("it has one").join("private/small.txt");
    let mut client = server.connect();
    for round in 0..20 {
        let next = file.with_extension("next");
        std::fs::write(&next, format!("version {round}")).expect("the place is ours");
        std::fs::rename(&next, &file).expect("the same file system");
        client.send("GET /download/small.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body(format!("version {round}"));
    }
}
