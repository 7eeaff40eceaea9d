//! Content of requests, as applications read it.

use super::server::{Folder, Server, location, sha256};
use crate::support::{lacks, noise, until};
use std::fmt::Write as _;

fn a_body_of_any_length_arrives_whole() {
    let server = Server::behaviours("");
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_003, 6_000_011] {
        let content = noise(length);
        let reply = server.request("POST", "/app/echo").content(&content).send();
        reply.expect(200).body(&content).header("X-SHA256", &sha256(&content));
        let reply = server.request("PUT", "/app/digest").content(&content).send();
        reply.expect(200).body(format!("{length} {}\n", sha256(&content)));
    }
}

fn a_chunked_body_has_its_length_when_it_is_read() {
    let server = Server::behaviours("");
    for length in [0, 5, 300_000] {
        let content = noise(length);
        let mut client = server.connect();
        client.send("POST /app/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in content.chunks(7001) {
            client.send(format!("{:x};x=y\r\n", chunk.len())).send(chunk).send("\r\n");
        }
        client.send("0\r\nX-Trailer: dropped\r\n\r\n");
        client.reply().expect(200).body(&content).header("X-SHA256", &sha256(&content));
    }
}

fn lines_are_read_as_from_a_file() {
    let server = Server::behaviours("");
    let reply = server.request("POST", "/app/lines").content("one\ntwo\nthree\nfour").send();
    reply.expect(200).body(r"(b'one\n', b'two\n', [b'three\n', b'four'])");
    server.request("POST", "/app/lines").content("").send().expect(200).body("(b'', b'', [])");
}

fn what_an_application_does_not_read_is_not_taken_for_a_request() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    let smuggled = "GET /app/hello HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000);
    let mut request = String::from("POST /app/unread HTTP/1.1\r\nHost: x\r\n");
    let _ = write!(request, "Content-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    client.send(&request).reply().expect(200).body("not looked at\n");
    client.send(&request).reply().expect(200).body("not looked at\n");
    client.send("GET /app/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.reply().expect(200).body("hello, world\n");
    client.ends();
}

fn a_client_that_asks_first_gets_100() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    client.send(
        "POST /app/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(client.interim().starts_with("HTTP/1.1 100 Continue\r\n"));
    client.send("12345").reply().expect(200).body("12345");
}

fn a_body_that_is_too_large_is_refused_before_the_application_sees_it() {
    let server = Server::behaviours("body_bytes_max = \"100KiB\"");
    let exactly = noise(102_400);
    server.request("POST", "/app/echo").content(&exactly).send().expect(200).body(&exactly);
    let mut client = server.connect();
    client.send("POST /app/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 102401\r\n");
    client.send("Expect: 100-continue\r\n\r\n");
    client.reply().expect(413);
    let mut client = server.connect();
    client.send("POST /app/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{:x}\r\n", 102_401)).send(noise(102_401));
    client.reply().expect(413);
    let line = server.logs("the body exceeds 102400 bytes (body_bytes_max); answered 413");
    assert!(line.contains("[WARN]") && line.contains("POST /app/echo"), "{line}");
}

/// A server whose directory for temporary files is this one of its folder.
fn with_temporary(name: &str) -> Server {
    let folder = Folder::new();
    let mut command = folder.configured(&location("/app", "behaviours", ""));
    command.env("TMPDIR", folder.path(name));
    Server::start(folder, &mut command)
}

fn a_directory_for_temporary_files_may_have_any_name() {
    let folder = Folder::new();
    folder.write("Zwischenablage für später/x", "");
    let mut command = folder.configured(&location("/app", "behaviours", ""));
    command.env("TMPDIR", folder.path("Zwischenablage für später"));
    let server = Server::start(folder, &mut command);
    let content = noise(1_000_003);
    server.request("POST", "/app/echo").content(&content).send().expect(200).body(&content);
}

fn without_a_directory_for_temporary_files_it_is_the_servers_fault_and_said_at_the_start() {
    let server = with_temporary("not/there");
    let told = "not/there: No such file or directory";
    let line = server.logs(told);
    assert!(line.contains("[ERROR]") && line.contains("TMPDIR"), "{line}");
    server.request("POST", "/app/echo").content(noise(1000)).send().expect(200);
    let mut client = server.connect();
    client.send("POST /app/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    client.send(noise(100_000));
    client.reply().expect(500);
    let told = |server: &Server| server.log().matches(told).count();
    until("the refusal is logged, too", || (told(&server) > 1).then_some(()));
}

fn what_a_killed_server_left_of_contents_is_swept_by_the_next() {
    let folder = Folder::new();
    folder.write("temporary/another", "stays");
    let left = folder.path("temporary");
    let names = || std::fs::read_dir(&left).expect("it is there").count();
    let mut command = folder.configured(&location("/app", "behaviours", "threads = 1"));
    let mut server = Server::start(folder, command.env("TMPDIR", &left));
    // The one thread is busy, so that contents wait under their names.
    let mut busy = server.connect();
    busy.send("GET /app/patient?until=/never HTTP/1.1\r\nHost: x\r\n\r\n");
    busy.reply_head("GET").expect(200);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("POST /app/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
        waiting.push(client.send(noise(100_000)).has_news());
    }
    until("contents wait", || (names() == 4).then_some(()));
    server.kill();
    assert_eq!(names(), 4, "nobody was there to remove them");
    let next = Server::start(Folder::new(), command.env("TMPDIR", &left));
    assert_eq!(names(), 1, "{}", next.log());
}

tests! {
    lacks::python:
        a_body_of_any_length_arrives_whole,
        a_chunked_body_has_its_length_when_it_is_read,
        lines_are_read_as_from_a_file,
        what_an_application_does_not_read_is_not_taken_for_a_request,
        a_client_that_asks_first_gets_100,
        a_body_that_is_too_large_is_refused_before_the_application_sees_it,
        a_directory_for_temporary_files_may_have_any_name,
        without_a_directory_for_temporary_files_it_is_the_servers_fault_and_said_at_the_start,
        what_a_killed_server_left_of_contents_is_swept_by_the_next;
}
