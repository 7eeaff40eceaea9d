//! Large answers: the memory that they take is bounded, whatever their length.

use super::server::{PATIENCE, Server};
use crate::support::lacks;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// 1 GiB.
const BYTES: u64 = 1 << 30;
/// What all processes together may grow by.
const GROWTH_MAX: u64 = 24 << 20;

fn a_gigabyte_from_a_wrapped_file_takes_no_memory() {
    let server = Server::behaviours("env = { FILE = \"sparse\" }");
    let sparse = File::create(server.folder.path("apps/sparse")).expect("it can be made");
    sparse.set_len(BYTES).expect("holes take no room");
    stays_small(&server, "/app/file");
}

fn a_gigabyte_that_is_generated_takes_no_memory() {
    let server = Server::behaviours("");
    stays_small(&server, "/app/generated?mib=1024");
}

fn a_slow_pace_slows_the_client_and_not_the_application() {
    let server = Server::behaviours("threads = 1\nlimit_rate = \"700KB\"");
    let begin = Instant::now();
    let mut client = server.connect();
    client.send("GET /app/generated?mib=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.reply_head("GET").expect(200);
    // Its only thread is free again long before the client has everything.
    server.get("/app/hello").expect(200);
    let free_after = begin.elapsed();
    let mut left = 2 << 20;
    while left > 0 {
        left -= client.read(left).expect("it comes").len();
    }
    let time = begin.elapsed();
    // 2,097,152 bytes at 700,000 bytes per second, but for the first tenth of a second.
    assert!(time >= Duration::from_millis(2_850), "{time:?}");
    // If it had waited for the pace, no more would be left now than a pipe holds.
    assert!(time - free_after >= Duration::from_secs(1), "{free_after:?} of {time:?}");
}

/// Downloads it, and looks at the memory of all processes again and again.
#[track_caller]
fn stays_small(server: &Server, target: &str) {
    // What a first request takes for good is not what the download takes.
    server.get("/app/hello").expect(200);
    let before = server.pss_bytes();
    let mut stream = TcpStream::connect(server.authority()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");

    let mut buffer = vec![0; 1 << 20];
    let count = stream.read(&mut buffer).expect("it answers");
    let end = memchr::memmem::find(&buffer[..count], b"\r\n\r\n").expect("a head in one piece");
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {BYTES}")), "{head}");
    let mut received = (count - end - 4) as u64;
    let (mut looked, mut most) = (0, 0);
    loop {
        if received / (BYTES / LOOKS) >= looked {
            looked += 1;
            most = most.max(server.pss_bytes());
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("it sends on: {error}"),
        }
    }
    assert_eq!(received, BYTES);
    assert!(looked >= LOOKS, "{looked}");
    let grown = most.saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} bytes more than the {before} before");
}

/// How often, over the whole of a download.
const LOOKS: u64 = 32;

tests! {
    lacks::python:
        a_gigabyte_from_a_wrapped_file_takes_no_memory,
        a_gigabyte_that_is_generated_takes_no_memory,
        a_slow_pace_slows_the_client_and_not_the_application;
}
