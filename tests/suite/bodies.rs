//! Content that nobody asked for: drained within a bound, or the connection ends.

use crate::support::client::End;
use crate::support::{Fixture, TestServer, digits};
use std::io::Write;
use std::thread;

const MIB: usize = 1024 * 1024;

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

fn post(length: usize) -> Vec<u8> {
    let head = format!("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &digits(length)].concat()
}

#[test]
fn a_body_within_the_bound_is_drained_and_the_connection_goes_on() {
    let server = serve();
    let mut client = server.connect();
    for length in [0, 1, 10_000, MIB] {
        client.send(post(length));
        assert!(client.reply().expect(405).keeps_alive());
    }
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200).body("it");
}

/// RFC 9110 §15.5.14.
#[test]
fn a_body_beyond_the_bound_is_refused_and_the_connection_ends() {
    serve().raw(post(MIB + 1)).last_reply().expect(413);
}

#[test]
fn the_bound_can_be_set() {
    let server = Fixture::new().limits(|limits| limits.body_discard_bytes_max = 10).serve();
    assert!(server.raw(post(10)).reply().expect(405).keeps_alive());
    server.raw(post(11)).last_reply().expect(413);
}

#[test]
fn a_body_beyond_the_bound_is_refused_before_it_is_sent() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999999\r\n\r\n");
    client.last_reply().expect(413);
}

#[test]
fn chunks_beyond_the_bound_are_refused() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&digits(0x10000));
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..17 {
        client.send(&chunk);
    }
    client.last_reply().expect(413);
}

#[test]
fn chunks_within_the_bound_are_drained() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..1000 {
        client.send("5\r\nhello\r\n");
    }
    client.send("0\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(405);
    client.reply().expect(200).body("it");
}

/// RFC 9112 §9.6: a server that closes at once resets what the client still sends, and with it the
/// answer that the client has not read yet.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = serve();
    for _ in 0..5 {
        let mut client =
            server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 20000000\r\n\r\n");
        let mut sender = client.sender();
        let sending = thread::spawn(move || {
            let piece = digits(100_000);
            for _ in 0..200 {
                sender.write_all(&piece)?;
            }
            Ok::<(), std::io::Error>(())
        });
        sending.join().expect("it does not panic").expect("the server takes in what is still sent");
        client.reply().expect(413).header("Connection", "close");
        client.finish();
        assert_eq!(client.rest(), (Vec::new(), End::Fin));
    }
}

#[test]
fn a_body_cut_short_by_the_client_is_never_answered_as_if_it_were_whole() {
    let server = serve();
    let mut client =
        server.raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    client.finish();
    let (wire, _) = client.rest();
    assert!(wire.is_empty() || wire.starts_with(b"HTTP/1.1 400 "), "{}", wire.escape_ascii());
}

#[test]
fn a_body_that_looks_like_a_request_is_none() {
    let server = serve();
    let inner = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut client = server.raw(format!(
        "POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    ));
    client.reply().expect(405);
    client.finish().ends();
}

#[test]
fn the_body_of_a_get_to_a_large_file_is_drained_before_the_file_is_sent() {
    let content = digits(500_000);
    let server = Fixture::new().file("large", &content).serve();
    let mut client = server.raw(
        [
            &b"GET /large HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n"[..],
            &digits(100_000),
        ]
        .concat(),
    );
    client.reply().expect(200).body(content);
}

#[test]
fn a_coding_said_twice_is_refused() {
    let server = serve();
    let next = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    for headers in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
    ] {
        let mut client = server
            .raw(format!("POST /a.txt HTTP/1.1\r\nHost: test\r\n{headers}\r\n0\r\n\r\n{next}"));
        let reply = client.last_reply();
        assert!([400, 501].contains(&reply.status), "{headers:?}: {reply:?}");
    }
}
