//! Clients that take their time, on purpose or not: everything that is waited for has a deadline.

use crate::support::client::End;
use crate::support::{Fixture, TestServer, digits, until};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(3600);

/// Everything takes as long as it likes, but for what the test is about.
fn patient(change: impl FnOnce(&mut httpd::Limits)) -> TestServer {
    Fixture::new()
        .file("a.txt", "it")
        .file("large.bin", digits(40_000_000))
        .limits(|limits| {
            limits.head_timeout = LONG;
            limits.keepalive_timeout = LONG;
            limits.body_timeout = LONG;
            limits.send_timeout = LONG;
            limits.lingering_timeout = LONG;
            limits.lingering_time = LONG;
            change(limits);
        })
        .serve()
}

#[test]
fn a_client_that_says_nothing_is_closed_without_an_answer() {
    let server = patient(|limits| limits.head_timeout = SHORT);
    server.connect().ends();
}

/// RFC 9110 §15.5.9.
#[test]
fn a_client_that_stops_within_its_head_gets_408() {
    let server = patient(|limits| limits.head_timeout = SHORT);
    server.raw("GET /a.txt HTTP/1.1\r\nHo").last_reply_after_finish().expect(408);
}

#[test]
fn bytes_that_trickle_in_do_not_prolong_the_time_for_a_head() {
    let server = patient(|limits| limits.head_timeout = 3 * SHORT);
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\nX-Slow: ");
    let started = Instant::now();
    while !client.has_news() {
        assert!(started.elapsed() < Duration::from_secs(10), "never cut");
        thread::sleep(Duration::from_millis(10));
        if client.try_send(b"x").is_err() {
            break;
        }
    }
    client.finish();
    client.reply().expect(408);
}

#[test]
fn the_time_for_a_head_starts_again_with_each_request() {
    let server = patient(|limits| limits.head_timeout = 4 * SHORT);
    let mut client = server.connect();
    let started = Instant::now();
    while started.elapsed() < 6 * SHORT {
        client.send("GET /a.txt HTTP/1.1\r\n");
        thread::sleep(Duration::from_millis(20));
        client.send("Host: test\r\n\r\n");
        client.reply().expect(200);
    }
}

#[test]
fn a_client_that_stops_within_its_body_gets_408() {
    let server = patient(|limits| limits.body_timeout = SHORT);
    server
        .raw("POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello")
        .last_reply_after_finish()
        .expect(408);
}

#[test]
fn an_idle_connection_is_closed_without_an_answer() {
    let server = patient(|limits| limits.keepalive_timeout = SHORT);
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200);
    client.ends();
}

#[test]
fn an_idle_connection_is_kept_for_as_long_as_it_may() {
    let server = patient(|limits| limits.head_timeout = SHORT);
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200);
    // Longer than any other bound of this server.
    thread::sleep(3 * SHORT);
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200);
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let server = patient(|limits| limits.send_timeout = SHORT);
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let length = client.reply_head("GET").expect(200).announced_length();
    let mut arrived = 0;
    // Long enough for the server to have given up; what the kernel holds can be read still.
    let end = until("the download is cut off", || {
        thread::sleep(2 * SHORT);
        match client.read(1 << 20) {
            Ok(bytes) => {
                arrived += bytes.len() as u64;
                assert!(arrived < length, "all of it came");
                None
            }
            Err(end) => Some(end),
        }
    });
    assert_eq!(end, End::Reset, "a cut must not look like an end");
    assert!(arrived < length);
}

#[test]
fn a_client_that_reads_slowly_but_steadily_gets_everything() {
    let server = patient(|limits| limits.send_timeout = 10 * SHORT);
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let length = client.reply_head("GET").announced_length();
    let started = Instant::now();
    let mut arrived = 0;
    while arrived < length {
        match client.read(64 * 1024) {
            Ok(bytes) => arrived += bytes.len() as u64,
            Err(end) => panic!("{end:?} after {arrived} of {length} bytes"),
        }
        thread::sleep(Duration::from_millis(4));
    }
    assert!(started.elapsed() > 10 * SHORT, "it was not slow enough");
}

#[test]
fn a_client_that_never_stops_sending_after_the_last_answer_is_cut_off() {
    let server = patient(|limits| limits.lingering_time = SHORT);
    let mut client = server.raw("nonsense\r\n\r\n");
    client.reply().expect(400);
    until("the connection is cut", || client.try_send(&[0; 1000]).err());
}

#[test]
fn a_client_that_neither_sends_nor_closes_after_the_last_answer_is_dropped() {
    let server = patient(|limits| limits.lingering_timeout = SHORT);
    let mut client = server.raw("nonsense\r\n\r\n");
    client.reply().expect(400);
    // The FIN comes at once. That the socket is gone as well shows when something is sent to it,
    // which must not be so often that it counts as a sign of life.
    client.ends();
    until("the socket is gone", || {
        thread::sleep(3 * SHORT);
        client.try_send(b"x").err()
    });
}

#[test]
fn a_hundred_stalled_clients_do_not_delay_another() {
    let server = patient(|_| {});
    let _stalled: Vec<_> = (0..100)
        .map(|number| match number % 3 {
            0 => server.connect(),
            1 => server.raw("GET /a.txt HTTP/1.1\r\nHo"),
            _ => server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n"),
        })
        .collect();
    let started = Instant::now();
    for _ in 0..20 {
        server.get("/a.txt").send().expect(200).body("it");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_large_download_does_not_delay_a_small_answer() {
    let server = patient(|_| {});
    let mut downloads: Vec<_> = (0..4)
        .map(|_| {
            let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
            thread::spawn(move || client.reply().body.len())
        })
        .collect();
    let mut small = 0;
    while downloads.iter().any(|download| !download.is_finished()) {
        let started = Instant::now();
        server.get("/a.txt").send().expect(200);
        assert!(started.elapsed() < Duration::from_secs(3));
        small += 1;
    }
    assert!(small > 0);
    for download in downloads.drain(..) {
        assert_eq!(download.join().expect("it came"), 40_000_000);
    }
}

#[test]
fn a_head_in_a_thousand_pieces_is_a_head() {
    let server = patient(|_| {});
    let client = server.connect();
    let mut sender = client.sender();
    let cookie = "c".repeat(900);
    for byte in format!("GET /a.txt HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\n\r\n").bytes() {
        sender.write_all(&[byte]).expect("it is taken");
    }
    let mut client = client;
    client.reply().expect(200);
}
