//! Signals, and what becomes of requests that are open.

use crate::support::{Folder, Program, Signal};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Asks for a large file and takes only its head, so that the answer stays open.
pub fn open_download(serving: &Program) -> TcpStream {
    let mut stream = serving.stream();
    write!(stream, "GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

pub const LARGE_BYTES: u64 = 64 * 1024 * 1024;

pub fn with_large_file() -> Folder {
    let folder = Folder::with_www();
    fs::File::create(folder.path("www/large.bin")).unwrap().set_len(LARGE_BYTES).unwrap();
    folder
}

#[test]
fn a_stop_lets_an_open_answer_end() {
    let folder = with_large_file();
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut serving = Program::start(&mut folder.httpd(&["-v", "-p", "0", "www"]));
        let mut download = open_download(&serving);
        serving.signal(signal);
        serving.says("stopping when open requests have ended");
        assert!(serving.is_running(), "{signal:?} cut an open answer");
        let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
        assert!(rest > LARGE_BYTES, "{rest} bytes after {signal:?}");
        assert_eq!(serving.end().0, Some(0), "{signal:?}");
    }
}

#[test]
fn newcomers_are_refused_while_a_stop_waits_for_an_open_answer() {
    let folder = with_large_file();
    let mut serving = Program::start(&mut folder.httpd(&["-v", "-p", "0", "www"]));
    let mut download = open_download(&serving);
    let server = download.peer_addr().unwrap();
    serving.signal(Signal::TERM);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    // Each worker stops in its own time: what still gets in is answered or closed.
    while TcpStream::connect(server).is_ok() {
        assert!(std::time::Instant::now() < deadline, "newcomers are let in to wait");
    }
    assert!(serving.is_running(), "the open answer was cut");
    std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_second_signal_stops_now() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"www\"\n[limits]\nstop_timeout = \"1h\"\nsend_timeout = \"1h\"\n");
    let mut serving = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let download = open_download(&serving);
    serving.signal(Signal::TERM);
    serving.says("stopping when open requests have ended");
    assert!(serving.is_running());
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    drop(download);
}

#[test]
fn a_stop_does_not_wait_beyond_its_timeout() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"www\"\n[limits]\nstop_timeout = \"100ms\"\nsend_timeout = \"1h\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let download = open_download(&serving);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    drop(download);
}

#[test]
fn a_client_that_goes_away_sends_no_sigpipe() {
    let folder = with_large_file();
    let mut serving = Program::start(&mut folder.httpd(&["-p", "0", "www"]));
    let status = fs::read_to_string(serving.serving().path("status")).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let sigpipe = 1 << (13 - 1);
    assert_ne!(u64::from_str_radix(ignored, 16).unwrap() & sigpipe, 0, "SIGPIPE is not ignored");
    for _ in 0..5 {
        drop(open_download(&serving));
    }
    serving.get("/").expect(200);
    assert!(serving.is_running());
}
