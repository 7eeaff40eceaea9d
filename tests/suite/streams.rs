//! Content that is sent while it is produced, and content that is read while it arrives.

use crate::support::client::End;
use crate::support::{Fixture, TestServer, digits, until};
use httpd::{Method, Request, Response, blocking};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

const MIB: usize = 1024 * 1024;

fn number(request: &Request<'_>) -> usize {
    request.query().unwrap_or("0").parse().expect("the test asks with a number")
}

/// Produces as many bytes as the query says.
fn produce(request: &Request<'_>) -> Response {
    let length = number(request);
    Response::written("application/octet-stream", move |out| out.write_all(&digits(length)))
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn a_stream_of_unknown_length_comes_in_chunks_and_the_connection_goes_on() {
    let server = Fixture::new().access_log().handler("/made", blocking(produce)).serve();
    let mut client = server.connect();
    for length in [0, 1, 32_767, 32_768, 32_769, 5 * MIB] {
        client.send(get(&format!("/made?{length}")));
        let reply = client.reply();
        reply.expect(200).header("Transfer-Encoding", "chunked").body(digits(length));
        assert!(reply.keeps_alive());
    }
    client.send("HEAD /made?10 HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_to("HEAD").expect(200).header("Transfer-Encoding", "chunked");
    drop(client);
    let lines = server.log_lines(7);
    assert!(lines[5].contains("\"GET /made?5242880 HTTP/1.1\" 200 5242880 "), "{}", lines[5]);
    assert!(lines[6].contains("\"HEAD /made?10 HTTP/1.1\" 200 0 "), "{}", lines[6]);
}

/// RFC 9112 §6.3, case 8: a client of HTTP/1.0 knows no chunks.
#[test]
fn a_stream_to_an_old_client_ends_with_its_connection() {
    let server = Fixture::new().handler("/made", blocking(produce)).serve();
    let mut client = server.raw("GET /made?100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = client.reply_head("GET");
    reply.expect(200).no_header("Transfer-Encoding").no_header("Content-Length");
    assert!(!reply.keeps_alive());
    assert!(client.rest() == (digits(100_000), End::Fin));
}

#[test]
fn a_stream_of_known_length_says_it() {
    let server = Fixture::new()
        .handler("/made", blocking(|request| produce(request).length(100_000)))
        .serve();
    let mut client = server.raw(get("/made?100000") + &get("/made?100000"));
    for _ in 0..2 {
        client.reply().expect(200).header("Content-Length", "100000").body(digits(100_000));
    }
}

#[test]
fn a_stream_that_does_not_keep_its_word_is_broken_off() {
    let server = Fixture::new()
        .handler("/made", blocking(|request| produce(request).length(100_000)))
        .serve();
    for made in [99_999, 100_001, 0, 1_000_000] {
        let mut client = server.raw(get(&format!("/made?{made}")));
        assert_eq!(client.try_reply_to("GET").err(), Some(End::Reset), "{made}");
    }
}

#[test]
fn a_stream_whose_producer_fails_or_panics_is_broken_off() {
    let server = Fixture::new()
        .handler(
            "/fails",
            blocking(|_| {
                Response::written("text/plain", |out| {
                    out.write_all(&digits(100_000))?;
                    Err(io::Error::other("the database has gone"))
                })
            }),
        )
        .handler(
            "/panics",
            blocking(|_| {
                Response::written("text/plain", |out| {
                    out.write_all(&digits(100_000))?;
                    panic!("this test's producer panics, as it should")
                })
            }),
        )
        .serve();
    for target in ["/fails", "/panics"] {
        let mut client = server.raw(get(target));
        assert_eq!(client.try_reply_to("GET").err(), Some(End::Reset), "{target}");
    }
    server.get("/").send().expect(404);
}

/// As server-sent events need it.
#[test]
fn what_is_flushed_is_sent_at_once() {
    let (next, lines) = mpsc::channel::<String>();
    let lines = Arc::new(Mutex::new(Some(lines)));
    let server = Fixture::new()
        .handler(
            "/events",
            blocking(move |_| {
                let lines = lines.lock().expect("nobody panics").take().expect("asked once");
                Response::written("text/event-stream", move |out| {
                    for line in lines {
                        writeln!(out, "data: {line}\n")?;
                        out.flush()?;
                    }
                    Ok(())
                })
            }),
        )
        .serve();
    let mut client = server.raw(get("/events"));
    client.reply_head("GET").expect(200);
    for word in ["one", "two", "three"] {
        next.send(word.to_owned()).expect("it listens");
        assert_eq!(client.try_chunk(), Ok(format!("data: {word}\n\n").into_bytes()));
    }
    drop(next);
    assert_eq!(client.try_chunk(), Ok(Vec::new()));
}

/// A handler that produces without end, and says how much it has.
fn endless() -> (TestServer, Arc<AtomicU64>) {
    let produced = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&produced);
    let handler = blocking(move |_| {
        let counter = Arc::clone(&counter);
        Response::written("application/octet-stream", move |out| {
            let piece = digits(16 * 1024);
            loop {
                out.write_all(&piece)?;
                counter.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
        })
    });
    let fixture = Fixture::new().file("a.txt", "it").handler("/endless", handler);
    (fixture.limits(|limits| limits.response_spool_bytes_max = MIB as u64).serve(), produced)
}

/// Two threads, and eight clients that read nothing of what these make for them: each answer is more
/// than the sockets hold.
#[test]
fn slow_readers_hold_no_thread_and_get_all_in_the_end() {
    let server = Fixture::new()
        .handler("/made", blocking(produce))
        .limits(|limits| limits.handler_threads_max = 2)
        .serve();
    let length = 8 * MIB;
    let mut slow: Vec<_> = (0..8).map(|_| server.raw(get(&format!("/made?{length}")))).collect();
    server.get("/made?5").send().expect(200).body("01234");
    for client in &mut slow {
        client.reply().expect(200).body(digits(length));
    }
}

/// How much has been produced when nothing more is, for as long as others are served meanwhile.
fn standstill(server: &TestServer, produced: &AtomicU64) -> u64 {
    until("the producers stand still", || {
        let before = produced.load(Ordering::SeqCst);
        for _ in 0..50 {
            server.get("/a.txt").send().expect(200).body("it");
        }
        (before > 0 && produced.load(Ordering::SeqCst) == before).then_some(before)
    })
}

#[test]
fn who_found_no_room_on_the_disk_goes_on_when_others_leave_some() {
    let (server, produced) = endless();
    // There is room for sixteen in all.
    let first: Vec<_> = (0..16).map(|_| server.raw(get("/endless"))).collect();
    standstill(&server, &produced);
    let others: Vec<_> = (0..8).map(|_| server.raw(get("/endless"))).collect();
    let standing = standstill(&server, &produced);
    drop(first);
    until("the others go on", || {
        (produced.load(Ordering::SeqCst) > standing + 4 * MIB as u64).then_some(())
    });
    drop(others);
}

#[test]
fn a_client_that_reads_nothing_stops_the_producer_and_holds_up_nobody() {
    let (server, produced) = endless();
    let client = server.raw(get("/endless"));
    let standing = standstill(&server, &produced);
    // What two socket buffers, the disk and the pipe hold.
    assert!(standing < 32 * MIB as u64, "{standing} bytes were produced for nobody");
    drop(client);
    // The thread is free again: the pool has no other way to tell than to work.
    server.get("/a.txt").send().expect(200);
}

#[test]
fn a_client_that_goes_ends_the_producer() {
    let ended = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&ended);
    let server = Fixture::new()
        .handler(
            "/endless",
            blocking(move |_| {
                let counter = Arc::clone(&counter);
                Response::written("application/octet-stream", move |out| {
                    let piece = digits(16 * 1024);
                    let error = loop {
                        if let Err(error) = out.write_all(&piece) {
                            break error;
                        }
                    };
                    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
                    counter.fetch_add(1, Ordering::SeqCst);
                    Err(error)
                })
            }),
        )
        .serve();
    for _ in 0..5 {
        let mut client = server.raw(get("/endless"));
        client.read(100_000).expect("it sends");
    }
    until("all five have ended", || (ended.load(Ordering::SeqCst) == 5).then_some(()));
}

/// Answers with what it reads, as it reads it, in capitals.
fn shout(request: &Request<'_>) -> Response {
    let mut content = request.take_body();
    Response::written("text/plain", move |out| {
        let mut buffer = [0; 8192];
        loop {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..count].to_ascii_uppercase())?;
            out.flush()?;
        }
    })
}

fn shouting() -> TestServer {
    Fixture::new()
        .handler(
            "/shout",
            blocking(shout).methods(&[Method::Post]).body_bytes_max(u64::MAX).streamed(),
        )
        .handler(
            "/count",
            blocking(|request| match io::copy(&mut request.take_body(), &mut io::sink()) {
                Ok(count) => Response::text(count.to_string()),
                Err(error) => Response::text(error.to_string()).status(httpd::Status::BAD_REQUEST),
            })
            .methods(&[Method::Post])
            .body_bytes_max(100 * MIB as u64)
            .streamed(),
        )
        .handler(
            "/ignore",
            blocking(|_| Response::text("not read\n"))
                .methods(&[Method::Post])
                .body_bytes_max(u64::MAX)
                .streamed(),
        )
        .serve()
}

#[test]
fn a_handler_answers_while_the_body_still_arrives() {
    let server = shouting();
    let mut client = server.raw(
        "POST /shout HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    let reply = client.reply_head("POST");
    assert!(!reply.expect(200).keeps_alive(), "whether the rest comes is not known yet");
    assert_eq!(client.try_chunk(), Ok(b"HELLO".to_vec()));
    client.send("3\r\nyou\r\n");
    assert_eq!(client.try_chunk(), Ok(b"YOU".to_vec()));
    client.send("0\r\n\r\n");
    assert_eq!(client.try_chunk(), Ok(Vec::new()));
    client.finish().ends();
}

#[test]
fn a_large_body_goes_through_a_handler_in_both_directions() {
    let server = shouting();
    let content = b"abcdefghij".repeat(MIB);
    let head =
        format!("POST /shout HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", content.len());
    let mut client = server.raw(head);
    let mut sender = client.sender();
    let wire = content.clone();
    let sending = std::thread::spawn(move || sender.write_all(&wire));
    client.reply().expect(200).body(content.to_ascii_uppercase());
    sending.join().expect("it does not panic").expect("the server takes it all");
}

#[test]
fn a_body_that_is_read_to_its_end_before_the_response_keeps_the_connection() {
    let server = shouting();
    let mut client = server.connect();
    for length in [0, 5, 300_000, 20 * MIB] {
        client.send(format!(
            "POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send(digits(length));
        let reply = client.reply();
        assert!(reply.expect(200).body(length.to_string()).keeps_alive());
    }
}

#[test]
fn a_body_that_nobody_reads_does_not_keep_the_response_from_its_client() {
    let server = shouting();
    let mut client =
        server.raw("POST /ignore HTTP/1.1\r\nHost: test\r\nContent-Length: 20000000\r\n\r\n");
    let mut sender = client.sender();
    let sending = std::thread::spawn(move || sender.write_all(&digits(20_000_000)));
    client.reply().expect(200).body("not read\n");
    let _ = sending.join().expect("it does not panic");
}

#[test]
fn a_reader_learns_that_its_body_has_broken_off() {
    let server = shouting();
    let mut client =
        server.raw("POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    client.finish();
    // Nobody knows whether the client still listens; what counts is that no success is reported.
    let (wire, _) = client.rest();
    assert!(!wire.starts_with(b"HTTP/1.1 200"), "{}", wire.escape_ascii());

    let mut client = server.raw(
        "POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx",
    );
    client.last_reply_after_finish().expect(400);
}

#[test]
fn a_streamed_body_beyond_the_bound_is_refused() {
    let server = shouting();
    let too_many = 100 * MIB + 1;
    let head = format!("POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: {too_many}\r\n\r\n");
    server.raw(head).last_reply_after_finish().expect(413);
}
