//! The access log: a line per response, when it has ended.

use crate::support::{Fixture, TestServer, digits, until};
use httpd::{Request, Response};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn serve() -> TestServer {
    Fixture::new()
        .file("a.txt", "0123456789")
        .file("large.bin", digits(30_000_000))
        .access_log()
        .serve()
}

/// The only line.
fn line(server: &TestServer) -> String {
    let lines = server.log_lines(1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().expect("there is one")
}

#[test]
fn a_line_is_in_the_combined_format_with_the_duration_behind_it() {
    let server = serve();
    server
        .get("/a.txt?q")
        .header("Referer", "http://test/from")
        .header("User-Agent", "suite/1.0")
        .send();
    let line = line(&server);
    let (client, rest) = line.split_once(" - - [").expect("the client");
    assert_eq!(client, "127.0.0.1");
    let (time, rest) = rest.split_once("] ").expect("the time");
    // 24/Nov/2026:13:05:07 +0000
    let shape: String = time
        .chars()
        .map(|character| match character {
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, "99/aaa/9999:99:99:99 +9999", "{time}");
    let (rest, duration) = rest.rsplit_once(' ').expect("the duration");
    assert_eq!(rest, "\"GET /a.txt?q HTTP/1.1\" 200 10 \"http://test/from\" \"suite/1.0\"");
    let (seconds, millis) = duration.split_once('.').expect("seconds and milliseconds");
    assert_eq!((seconds, millis.len()), ("0", 3), "{duration}");
}

#[test]
fn what_a_client_does_not_say_is_a_dash() {
    let server = serve();
    server.get("/a.txt").send();
    let line = line(&server);
    assert!(line.contains("\" 200 10 \"-\" \"-\" 0."), "{line}");
}

#[test]
fn the_count_of_bytes_is_that_of_the_body_sent() {
    let server = serve();
    let mut client = server.connect();
    for (method, request) in [
        ("HEAD", "HEAD /a.txt HTTP/1.1\r\nHost: test\r\n\r\n"),
        ("GET", "GET /a.txt HTTP/1.1\r\nHost: test\r\nRange: bytes=1-3\r\n\r\n"),
        ("GET", "GET /a.txt HTTP/1.1\r\nHost: test\r\nIf-None-Match: *\r\n\r\n"),
        ("GET", "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n"),
    ] {
        client.send(request);
        client.reply_to(method);
    }
    let lines = server.log_lines(4);
    for (line, expected) in lines.iter().zip(["200 0", "206 3", "304 0", "200 10"]) {
        assert!(line.contains(&format!("\" {expected} \"")), "{line}");
    }
}

#[test]
fn errors_are_logged_with_their_status() {
    let server = serve();
    for (request, status) in [
        ("GET /missing HTTP/1.1\r\nHost: test\r\n\r\n", 404),
        ("DELETE /a.txt HTTP/1.1\r\nHost: test\r\n\r\n", 405),
        ("nonsense\r\n\r\n", 400),
        ("BREW / HTTP/1.1\r\nHost: test\r\n\r\n", 501),
    ] {
        server.raw(request).reply().expect(status);
    }
    let log = server.log_lines(4).join("\n");
    for status in [404, 405, 400, 501] {
        assert!(log.contains(&format!("\" {status} ")), "{log}");
    }
}

#[test]
fn a_client_that_timed_out_is_logged() {
    let server = Fixture::new()
        .limits(|limits| limits.head_timeout = std::time::Duration::from_millis(100))
        .access_log()
        .serve();
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHo");
    client.reply().expect(408);
    assert!(line(&server).contains("\" 408 "), "{}", server.log());
}

#[test]
fn nobody_can_forge_a_line_or_reach_a_terminal() {
    let server = serve();
    server
        .get("/\"%0a127.0.0.1%20-%20-%20\\")
        .header("User-Agent", "x\" 200 0 \"\\ \u{9b}31m \t\u{e9}")
        .send()
        .expect(404);
    server.raw("GET /\x1b[2J HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(400);
    server.raw("\x1b]0;title\x07\r\n\r\n").reply().expect(400);
    let lines = server.log_lines(3);
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in &lines {
        assert!(line.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{line:?}");
        // Of the quotes, only those of the format are left.
        assert_eq!(line.matches('"').count(), 6, "{line:?}");
    }
    assert!(lines[0].contains("\\x22"), "{}", lines[0]);
}

#[test]
fn pipelined_requests_are_logged_one_by_one_and_in_order() {
    let server = serve();
    let requests: String = (0..50)
        .map(|number| format!("GET /a.txt?{number} HTTP/1.1\r\nHost: test\r\n\r\n"))
        .collect();
    let mut client = server.raw(requests);
    for _ in 0..50 {
        client.reply().expect(200);
    }
    for (number, line) in server.log_lines(50).iter().enumerate() {
        assert!(line.contains(&format!("/a.txt?{number} ")), "{line}");
    }
}

#[test]
fn a_line_is_written_when_the_response_has_ended_and_not_before() {
    let server = serve();
    let mut slow = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let length = slow.reply_head("GET").expect(200).announced_length();
    server.get("/a.txt").send().expect(200);
    assert!(line(&server).contains("/a.txt"), "{}", server.log());
    let mut arrived = 0;
    while arrived < length {
        arrived += slow.read(1 << 20).expect("more comes").len() as u64;
    }
    let lines = server.log_lines(2);
    assert!(lines[1].contains("\"GET /large.bin HTTP/1.1\" 200 30000000 "), "{lines:?}");
}

#[test]
fn a_download_that_was_broken_off_is_logged_with_what_was_sent() {
    let server = serve();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    drop(client);
    let line = line(&server);
    let (_, rest) = line.split_once("\" 200 ").expect("the status");
    let bytes: u64 = rest.split(' ').next().and_then(|bytes| bytes.parse().ok()).expect("a count");
    assert!(bytes > 0 && bytes < 30_000_000, "{line}");
}

#[test]
fn every_worker_writes_whole_lines_into_the_same_file() {
    let server = Fixture::new().file("a.txt", "it").workers(4).access_log().serve();
    for number in 0..100 {
        server.get(format!("/a.txt?{number}")).send().expect(200);
    }
    let lines = server.log_lines(100);
    assert_eq!(lines.len(), 100);
    for line in &lines {
        assert!(line.starts_with("127.0.0.1 - - [") && line.contains(" 200 2 "), "{line}");
    }
}

#[test]
fn lines_that_wait_in_the_buffer_are_written_at_the_end() {
    let mut server = serve();
    server.get("/a.txt").send().expect(200);
    server.handle().stop();
    server.wait();
    assert_eq!(server.log().lines().count(), 1);
}

#[test]
fn a_download_cut_by_the_end_of_the_server_is_logged() {
    let mut server = serve();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    server.handle().stop_now();
    server.wait();
    let line = line(&server);
    assert!(line.contains("\"GET /large.bin HTTP/1.1\" 200 "), "{line}");
    assert!(!line.contains(" 30000000 "), "{line}");
}

#[test]
fn a_log_that_is_there_is_appended_to() {
    let fixture = Fixture::new().outside("access.log", "earlier\n");
    let server = fixture.access_log().serve();
    server.get("/a..b.txt").send();
    let lines = server.log_lines(2);
    assert_eq!(lines[0], "earlier");
}

#[test]
fn a_new_log_is_nothing_for_other_eyes() {
    let server = serve();
    server.get("/a.txt").send();
    until("the log is there", || (!server.log().is_empty()).then_some(()));
    let log = server.root().with_file_name("access.log");
    let mode = std::fs::metadata(log).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
}

#[test]
fn a_response_that_was_sent_is_logged_although_the_next_request_breaks_off() {
    let server = serve();
    let mut client = server.connect();
    client.send(
        "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n\
         PUT /b.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nabc",
    );
    client.reply().expect(200);
    drop(client);
    assert!(line(&server).contains("\"GET /a.txt HTTP/1.1\" 200 10 "));
}

#[test]
fn a_response_that_was_broken_off_is_not_complete() {
    let format = "$request_uri $status $body_bytes_sent $bytes_sent [$request_completion]";
    let server = Fixture::new()
        .file("a.txt", "0123456789")
        .file("large.bin", digits(30_000_000))
        .access_log_of(format)
        .serve();
    let reply = server.get("/a.txt").send();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    drop(client);
    let lines = server.log_lines(2);
    let values = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let (small, large) = (values(&lines[0]), values(&lines[1]));
    assert_eq!(small[..3], ["/a.txt", "200", "10"]);
    let head: usize = small[3].parse::<usize>().expect("a count") - 10;
    let names: usize = reply.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert_eq!(head, names + "HTTP/1.1 200 OK\r\n\r\n".len(), "{small:?} {reply:?}");
    assert_eq!((&*small[4], &*large[4]), ("[OK]", "[]"));
    let sent: usize = large[2].parse().expect("a count");
    assert!(sent > 0 && sent < 30_000_000, "{large:?}");
}

#[test]
fn what_a_client_sends_is_counted_too() {
    let server = Fixture::new()
        .site(|site| {
            site.post("/read", |request: &Request<'_>| -> std::io::Result<String> {
                Ok(request.read_body()?.len().to_string())
            })
        })
        .access_log_of("$request_method $status $request_length $request_body_length")
        .serve();
    let head = "POST /read HTTP/1.1\r\nHost: test\r\n";
    let counted = format!("{head}Content-Length: 5\r\n\r\nabcde");
    let chunked =
        format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    for request in [&counted, &chunked] {
        server.raw(request).reply().expect(200);
    }
    let framing = "3\r\n\r\n4\r\n\r\n0\r\n\r\n".len();
    assert_eq!(
        server.log_lines(2),
        [
            format!("POST 200 {} 5", counted.len()),
            format!("POST 200 {} 7", chunked.len() - framing),
        ]
    );
}

#[test]
fn the_first_byte_and_the_last_have_their_times() {
    let slowly = |_: &Request<'_>| {
        Response::written("text/plain", |body| {
            body.write_all(b"one\n")?;
            body.flush()?;
            std::thread::sleep(Duration::from_millis(300));
            body.write_all(b"two\n")
        })
    };
    let server = Fixture::new()
        .handler("/slowly", httpd::blocking(slowly))
        .access_log_of("$first_byte_time $request_time $body_bytes_sent")
        .serve();
    server.get("/slowly").send().body("one\ntwo\n");
    let line = server.log_lines(1).remove(0);
    let values: Vec<f64> = line.split(' ').map(|it| it.parse().expect("a number")).collect();
    assert!(values[1] >= values[0] + 0.25 && values[2] == 8.0, "{line}");
}
