//! What handlers make, compressed while it is sent.

use crate::support::coded::{decoded, decoded_so_far};
use crate::support::{Client, Fixture, Reply, TestServer, digits, noise};
use httpd::{Coding, Compression, Event, Response, Status, blocking, inline};
use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

fn page() -> String {
    "<p>over and over</p>\n".repeat(500)
}

/// A server that compresses what its handlers at `/` make, and a site that is added to.
fn compressed(fixture: Fixture) -> TestServer {
    fixture.site(|site| site.compression("/", Compression::default())).serve()
}

fn get(server: &TestServer, target: &str, coding: &str) -> Reply {
    server.get(target).header("Accept-Encoding", coding).send()
}

/// Reads chunks until what has come can be decoded to this.
#[track_caller]
fn read_until(client: &mut Client, coding: &str, body: &mut Vec<u8>, expected: &str) {
    loop {
        let (so_far, _) = decoded_so_far(coding, body);
        assert!(expected.as_bytes().starts_with(&so_far), "{}", so_far.escape_ascii());
        if so_far == expected.as_bytes() {
            return;
        }
        let chunk = client.try_chunk().expect("more comes");
        assert!(!chunk.is_empty(), "it ends after {}", so_far.escape_ascii());
        body.extend(chunk);
    }
}

#[test]
fn what_a_handler_makes_is_compressed_whatever_it_is_made_of() {
    let fixture = Fixture::new()
        .handler("/text", inline(|_| Response::html(page())))
        .handler("/blocking", blocking(|_| Response::html(page())))
        .handler(
            "/written",
            inline(|_| Response::written("text/html", |out| out.write_all(page().as_bytes()))),
        )
        .handler(
            "/announced",
            inline(|_| {
                let length = page().len() as u64;
                Response::written("text/html", |out| out.write_all(page().as_bytes()))
                    .length(length)
            }),
        )
        .handler(
            "/sent",
            inline(|_| {
                let (sender, response) = Response::stream("text/html");
                std::thread::spawn(move || {
                    for line in page().split_inclusive('\n') {
                        sender.send(line).expect("the client is there");
                    }
                });
                response
            }),
        );
    let server = compressed(fixture);
    for target in ["/text", "/blocking", "/written", "/announced", "/sent"] {
        for coding in CODINGS {
            let reply = get(&server, target, coding);
            reply.expect(200).header("Content-Encoding", coding).header("Vary", "Accept-Encoding");
            reply.no_header("Content-Length");
            assert_eq!(decoded(&reply), page().as_bytes(), "{target} {coding}");
            assert!(reply.body.len() < page().len() / 4, "{target} {coding}: {}", reply.body.len());
        }
        let plain = get(&server, target, "identity");
        plain.no_header("Content-Encoding").header("Vary", "Accept-Encoding").body(page());
        server.get(target).send().no_header("Content-Encoding").body(page());
        let head = server.head(target).header("Accept-Encoding", "br").send();
        head.expect(200).header("Content-Encoding", "br").no_header("Content-Length");
    }
}

#[test]
fn a_client_without_chunks_finds_the_end_where_the_connection_ends() {
    let fixture = Fixture::new().handler("/", inline(|_| Response::html(page())));
    let server = compressed(fixture);
    let mut client = server.raw("GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let reply = client.reply_head("GET");
    reply.expect(200).header("Content-Encoding", "gzip").no_header("Transfer-Encoding");
    let (body, _) = client.rest();
    assert_eq!(decoded_so_far("gzip", &body), (page().into_bytes(), true));
}

#[test]
fn one_connection_carries_one_compressed_response_after_another() {
    let server = compressed(Fixture::new().handler("/", inline(|_| Response::html(page()))));
    let mut client = server.connect();
    let request = "GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: zstd\r\n\r\n";
    client.send(request.repeat(5));
    for _ in 0..5 {
        assert_eq!(decoded(&client.reply()), page().as_bytes());
    }
}

#[test]
fn what_is_not_to_be_changed_is_sent_as_it_is() {
    let fixture = Fixture::new()
        .handler(
            "/none",
            inline(|_| Response::html(page()).header("Cache-Control", "no-transform")),
        )
        .handler("/coded", inline(|_| Response::html(page()).header("Content-Encoding", "br")))
        .handler("/image", inline(|_| Response::bytes("image/png", noise(5000))))
        .handler("/short", inline(|_| "short\n"))
        .handler("/part", inline(|_| Response::html(page()).status(Status::PARTIAL_CONTENT)));
    let server = compressed(fixture);
    for target in ["/none", "/image", "/short", "/part"] {
        let reply = get(&server, target, "gzip, br, zstd");
        reply.no_header("Content-Encoding").no_header("Vary").has_header("Content-Length");
    }
    get(&server, "/coded", "gzip").header("Content-Encoding", "br").body(page());
    // Elsewhere nothing is compressed.
    let server = Fixture::new().handler("/", inline(|_| Response::html(page()))).serve();
    get(&server, "/", "gzip").no_header("Content-Encoding").no_header("Vary").body(page());
}

#[test]
fn a_strong_tag_becomes_a_weak_one() {
    let fixture = Fixture::new()
        .handler("/", inline(|_| Response::html(page()).header("ETag", "\"7\"")))
        .handler("/weak", inline(|_| Response::html(page()).header("ETag", "W/\"7\"")));
    let server = compressed(fixture);
    get(&server, "/", "gzip").header("ETag", "W/\"7\"");
    get(&server, "/", "identity").header("ETag", "\"7\"");
    get(&server, "/weak", "gzip").header("ETag", "W/\"7\"");
}

#[test]
fn each_piece_is_seen_as_soon_as_it_is_made() {
    for coding in CODINGS {
        let (maker, makes) = mpsc::channel::<&'static str>();
        let makes = Arc::new(Mutex::new(Some(makes)));
        let written = {
            let makes = Arc::clone(&makes);
            inline(move |_| {
                let makes = makes.lock().expect("no test panics there").take();
                let makes = makes.expect("one request comes");
                Response::written("text/plain", move |out| {
                    for piece in makes {
                        out.write_all(piece.as_bytes())?;
                        out.flush()?;
                    }
                    Ok(())
                })
            })
        };
        let server = compressed(Fixture::new().handler("/written", written));
        let mut client = server.raw(format!(
            "GET /written HTTP/1.1\r\nHost: test\r\nAccept-Encoding: {coding}\r\n\r\n"
        ));
        maker.send("one\n").expect("it is read");
        client.reply_head("GET").header("Content-Encoding", coding);
        let (mut body, mut expected) = (Vec::new(), "one\n".to_owned());
        read_until(&mut client, coding, &mut body, &expected);
        for piece in ["two\n", "three\n", "a longer one, and then the end\n"] {
            maker.send(piece).expect("it is read");
            expected.push_str(piece);
            read_until(&mut client, coding, &mut body, &expected);
        }
        drop(maker);
        loop {
            match client.try_chunk().expect("it ends well") {
                chunk if chunk.is_empty() => break,
                chunk => body.extend(chunk),
            }
        }
        assert_eq!(decoded_so_far(coding, &body), (expected.into_bytes(), true));
    }
}

#[test]
fn events_are_compressed_only_if_that_is_asked_for() {
    let handler = || {
        inline(|_| {
            let (events, response) = Response::events();
            std::thread::spawn(move || {
                for number in 0..3 {
                    let _ = events.send(&Event::data(format!("event {number}")));
                }
            });
            response
        })
    };
    let expected = "data: event 0\n\ndata: event 1\n\ndata: event 2\n\n";
    let server = compressed(Fixture::new().handler("/", handler()));
    get(&server, "/", "gzip").no_header("Content-Encoding").no_header("Vary").body(expected);
    let types = Compression::new([Coding::Gzip]).types(["text/event-stream"]);
    let fixture = Fixture::new().handler("/", handler());
    let server = fixture.site(|site| site.compression("/", types)).serve();
    let reply = get(&server, "/", "gzip");
    assert_eq!(decoded(reply.header("Content-Encoding", "gzip")), expected.as_bytes());
}

#[test]
fn a_body_that_breaks_off_is_not_completed() {
    let broken = inline(|_| {
        Response::written("text/plain", |out| {
            out.write_all(&b"text ".repeat(20_000))?;
            Err(std::io::Error::other("the disk is gone"))
        })
    });
    let server = compressed(Fixture::new().handler("/", broken));
    let mut client = server.raw("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n");
    assert!(client.try_reply_to("GET").is_err());
}

/// Its maker is not held up, and the client gets all of it.
#[test]
fn a_slow_client_gets_all_of_a_large_body() {
    let bytes = digits(5_000_000);
    let made = bytes.clone();
    let written = inline(move |_| {
        let made = made.clone();
        Response::written("text/plain", move |out| out.write_all(&made))
    });
    let server = compressed(Fixture::new().handler("/", written));
    let mut client = server.raw("GET / HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n");
    client.reply_head("GET").header("Content-Encoding", "gzip");
    let mut body = Vec::new();
    loop {
        match client.try_chunk().expect("it ends well") {
            chunk if chunk.is_empty() => break,
            chunk => body.extend(chunk),
        }
    }
    assert!(decoded_so_far("gzip", &body) == (bytes, true));
}
