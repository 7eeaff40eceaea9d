//! What applications answer, and what arrives of it.

use super::server::Server;
use crate::support::client::End;
use crate::support::{lacks, noise, until};
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

fn a_small_answer_is_as_the_application_made_it() {
    let server = Server::behaviours("");
    let reply = server.get("/app/hello");
    reply.expect(200).body("hello, world\n").header("Content-Type", "text/plain");
    assert!(!reply.is_chunked() && reply.keeps_alive(), "{reply:?}");
    let head = server.request("HEAD", "/app/hello").send();
    head.expect(200).body("").header("Content-Length", "13").header("Content-Type", "text/plain");
    // One connection serves application and files in turn.
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("GET /app/hello HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.reply().expect(200).body("hello, world\n");
        client.reply().expect(200).body("from www\n");
    }
}

/// RFC 9110 §8.6: an application need not make its content to answer HEAD, and then nobody knows how
/// long that would be.
fn head_announces_no_length_that_get_would_not_have() {
    let server = Server::behaviours("");
    for target in ["/app/misuse/empty", "/app/stream"] {
        let mut client = server.connect();
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        client.reply_to("HEAD").expect(200).no_header("Content-Length");
        client.send("GET /app/hello HTTP/1.1\r\nHost: x\r\n\r\n");
        client.reply().expect(200).body("hello, world\n");
    }
    server.get("/app/misuse/empty").expect(200).header("Content-Length", "0");
}

fn what_is_about_the_connection_is_left_out_and_warned_of() {
    let server = Server::behaviours("");
    for misuse in ["hop-by-hop", "transfer-encoding"] {
        let mut client = server.connect();
        for _ in 0..2 {
            client.send(format!("GET /app/misuse/{misuse} HTTP/1.1\r\nHost: x\r\n\r\n"));
            let reply = client.reply();
            reply.expect(200).body("content\n");
            assert!(reply.keeps_alive(), "{reply:?}");
        }
    }
    server.logs("the header Connection describes the connection, which is the server's; left out");
    server.logs("the header Transfer-Encoding describes");
}

/// RFC 9112 §4.
fn a_reason_phrase_of_its_own_arrives() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    client.send("GET /app/misuse/reason HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (bytes, _) = client.rest();
    assert!(bytes.starts_with(b"HTTP/1.1 299 Nearly \xe4\r\n"), "{}", bytes.escape_ascii());
}

fn every_behaviour_passes_the_validator() {
    let keys = concat!(
        "env = { FILE = \"",
        env!("CARGO_MANIFEST_DIR"),
        "/LICENSE\" }\nreadable = \"",
        env!("CARGO_MANIFEST_DIR"),
        "/LICENSE\""
    );
    let server = Server::at("/app", "behaviours:checked", keys);
    for target in [
        "hello",
        "dump",
        "process",
        "stream",
        "sparse_stream",
        "slow",
        "write",
        "file",
        "file_like",
        "recovers",
        "prints",
        "sleeps",
        "repeated",
        "silent",
        "unread",
        "generated?mib=2",
        "status?code=204+No+Content",
        "status?code=404+Gone+fishing",
    ] {
        let mut client = server.connect();
        client.send(format!("GET /app/{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let (answer, end) = client.rest();
        let answer = String::from_utf8_lossy(&answer);
        assert!(end == End::Fin && answer.starts_with("HTTP/1.1 "), "{target}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 500"), "{target}: {}", server.log());
    }
    for target in ["echo", "digest", "sized", "unread"] {
        let request = server.request("POST", &format!("/app/{target}"));
        let reply = request.content(noise(100_000)).send();
        assert_eq!(reply.status, 200, "{target}: {}", server.log());
    }
    server.request("POST", "/app/lines").content("one\ntwo\nthree\nfour").send().expect(200);
    // All that it has to complain of while an iterable is thrown away goes to the log.
    let log = server.log();
    assert!(!log.contains("AssertionError") && !log.contains("WSGIWarning"), "{log}");
    assert!(!log.contains("without being closed"), "{log}");
}

fn a_body_without_a_length_comes_in_chunks_or_ends_with_the_connection() {
    let server = Server::behaviours("");
    let expected: Vec<u8> = (0..30).flat_map(|number| vec![b'a' + number % 26; 20_000]).collect();
    let reply = server.get("/app/stream?pieces=30&size=20000");
    reply.expect(200).body(&expected).no_header("Content-Length");
    assert!(reply.is_chunked() && reply.keeps_alive(), "{reply:?}");

    let mut old = server.connect();
    old.send("GET /app/stream?pieces=30&size=20000 HTTP/1.0\r\n\r\n");
    let (answer, end) = old.rest();
    assert_eq!(end, End::Fin);
    assert!(!answer.starts_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding"), "not for HTTP/1.0");
    assert!(answer.ends_with(&expected), "{} bytes", answer.len());

    // An empty piece is no last chunk.
    server.get("/app/sparse_stream").expect(200).body("one two");
    server.get("/app/silent").expect(200).body("");
}

fn a_piece_is_sent_when_it_is_yielded() {
    let server = Server::behaviours("");
    let signal = server.folder.path("go-on");
    let mut client = server.connect();
    client.send(format!("GET /app/patient?until={} HTTP/1.1\r\nHost: x\r\n\r\n", signal.display()));
    client.reply_head("GET").expect(200);
    assert_eq!(client.try_chunk().expect("a piece"), b"first\n");
    fs::write(&signal, "").expect("it can be written");
    assert_eq!(client.try_chunk().expect("a piece"), b"second\n");
    assert_eq!(client.try_chunk().expect("the end"), b"");
    server.get("/app/slow?pieces=4").expect(200).body("0\n1\n2\n3\n");
}

fn what_is_written_comes_before_what_is_returned() {
    let server = Server::behaviours("");
    server.get("/app/write").expect(200).body("written, and returned\n");
}

fn a_wrapped_file_is_sent_from_where_it_stands() {
    let content = noise(955_001);
    let server = Server::behaviours("env = { FILE = \"file.bin\" }");
    let path = server.folder.write("apps/file.bin", &content);
    let file = File::options().write(true).open(path).expect("it is there");
    // What was changed a moment ago has no strong validator.
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("it is ours");
    for offset in [0, 1, 65_536, 955_000] {
        let reply = server.get(&format!("/app/file?offset={offset}"));
        reply.expect(200).body(&content[offset..]);
        let reply = server.get(&format!("/app/file?offset={offset}&length=0"));
        reply.expect(200).body(&content[offset..]);
    }
    server.get("/app/file?offset=955001").expect(200).body("");
    let head = server.request("HEAD", "/app/file").send();
    head.expect(200).body("").header("Content-Length", "955001");
    server.get("/app/file_like").expect(200).body("not a file, but read\n");

    // The server knows the file: it can be resumed and revalidated, which no application wrote.
    let whole = server.get("/app/file");
    let range = server.request("GET", "/app/file").header("Range", "bytes=900000-");
    let part = range.header("If-Range", whole.has_header("ETag").value("ETag")).send();
    part.expect(206)
        .body(&content[900_000..])
        .header("Content-Range", "bytes 900000-955000/955001");
    let again = server.request("GET", "/app/file").header("If-None-Match", whole.value("ETag"));
    again.send().expect(304).body("");
}

fn headers_that_repeat_and_bytes_beyond_ascii_arrive() {
    let server = Server::behaviours("");
    let raw = |target: &str| {
        let mut client = server.connect();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        client.rest().0
    };
    let answer = String::from_utf8(raw("/app/repeated")).expect("ASCII");
    for line in ["a=1; Path=/", "b=2; Path=/"] {
        assert!(answer.contains(&format!("\r\nSet-Cookie: {line}\r\n")), "{answer}");
    }
    for line in ["</a>; rel=next", "</b>; rel=prev"] {
        assert!(answer.contains(&format!("\r\nLink: {line}\r\n")), "{answer}");
    }
    let answer = raw("/app/latin");
    let wanted = b"\r\nX-Bytes: caf\xc3\xa9\r\n";
    assert!(answer.windows(wanted.len()).any(|found| found == wanted), "{}", answer.escape_ascii());
}

fn any_status_arrives_and_a_body_only_where_it_may() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    for (code, status) in [
        ("404+Gone+fishing", 404),
        ("418+I%27m+a+teapot", 418),
        ("599+Strange", 599),
        ("204+No+Content", 204),
        ("304+Not+Modified", 304),
        ("503+Later", 503),
    ] {
        client.send(format!("GET /app/status?code={code} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let content = if [204, 304].contains(&status) { "" } else { "content\n" };
        client.reply().expect(status).body(content);
    }
}

fn an_application_cannot_send_more_or_less_than_it_announced() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    client.send("GET /app/short HTTP/1.1\r\nHost: x\r\n\r\n");
    client.reply_head("GET").expect(200).header("Content-Length", "100");
    let (content, _) = client.rest();
    assert_eq!(content, b"only this\n");
    let line = server.logs("GET /app/short: the application behaviours ended the response early");
    assert!(line.contains("[WARN]") && line.ends_with("; the response is broken off"), "{line}");

    let mut client = server.connect();
    client.send("GET /app/long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let reply = client.reply();
    reply.expect(200).body("12345");
    let (after, _) = client.rest();
    assert_eq!(after, b"", "what was too much began to look like an answer");
}

fn an_iterable_is_closed_once_whatever_becomes_of_it() {
    let server = Server::behaviours("");
    let told = server.folder.path("closed");
    let ask = |method: &str, pieces: usize, size: usize| {
        let told = told.display();
        format!(
            "{method} /app/closing?tell={told}&pieces={pieces}&size={size} HTTP/1.1\r\nHost: x\r\n\r\n"
        )
    };
    let closed = || {
        let line = until("the iterable is closed", || {
            // It is made before it is written.
            fs::read_to_string(&told).ok().filter(|line| line.ends_with('\n'))
        });
        fs::remove_file(&told).expect("it was there");
        line
    };
    let mut client = server.connect();
    client.send(ask("GET", 3, 10)).reply().expect(200).body("x".repeat(30));
    assert_eq!(closed(), "closed after 3\n");

    // Nobody wants what follows the head.
    client.send(ask("HEAD", 1_000_000, 10_000)).reply_to("HEAD").expect(200);
    let line = closed();
    let pieces: usize =
        line.trim_start_matches("closed after ").trim_end().parse().expect("one line");
    assert!(pieces < 1000, "an answer to HEAD was made nevertheless: {line}");

    // The client leaves in the middle.
    client.send(ask("GET", 1_000_000, 10_000));
    client.reply_head("GET").expect(200);
    drop(client);
    let line = closed();
    let pieces: usize =
        line.trim_start_matches("closed after ").trim_end().parse().expect("one line");
    assert!(pieces < 10_000, "an answer was made for a client that had left: {line}");
}

fn any_method_reaches_the_application() {
    let server = Server::at("/", "behaviours:checked_dump", "");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let reply = server.request(method, "/x").content("").send();
        let line = format!("\"REQUEST_METHOD\": \"{method}\"");
        assert!(reply.expect(200).text().contains(&line), "{method}: {reply:?}");
    }
}

tests! {
    lacks::python:
        a_small_answer_is_as_the_application_made_it,
        head_announces_no_length_that_get_would_not_have,
        what_is_about_the_connection_is_left_out_and_warned_of,
        a_reason_phrase_of_its_own_arrives,
        every_behaviour_passes_the_validator,
        a_body_without_a_length_comes_in_chunks_or_ends_with_the_connection,
        a_piece_is_sent_when_it_is_yielded,
        what_is_written_comes_before_what_is_returned,
        a_wrapped_file_is_sent_from_where_it_stands,
        headers_that_repeat_and_bytes_beyond_ascii_arrive,
        any_status_arrives_and_a_body_only_where_it_may,
        an_application_cannot_send_more_or_less_than_it_announced,
        an_iterable_is_closed_once_whatever_becomes_of_it,
        any_method_reaches_the_application;
}
