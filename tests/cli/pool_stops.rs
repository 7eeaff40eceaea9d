//! How a pool of processes ends: all of it, and with nobody left.

use std::collections::BTreeSet;
use std::net::TcpStream;

use super::pool::{children, nobody_is_left, reply, request, start};
use super::stopping::{LARGE_BYTES, open_download, with_large_file};
use crate::support::process::Process;
use crate::support::{Folder, Program, Signal, until};

#[test]
fn the_pool_stops_when_open_answers_have_ended() {
    let folder = with_large_file();
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut serving = start(&folder, &["-v", "-P", "3", "-w", "1", "www"]);
        let mut download = open_download(&serving);
        let server = download.peer_addr().unwrap();
        serving.signal(signal);
        serving.says("stopping when open requests have ended");
        until("newcomers are refused", || TcpStream::connect(server).is_err());
        assert!(serving.is_running(), "{signal:?} cut an open answer");
        let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
        assert!(rest > LARGE_BYTES, "{rest} bytes after {signal:?}");
        assert_eq!(serving.end().0, Some(0), "{signal:?}");
        nobody_is_left(&folder);
    }
}

#[test]
fn who_waits_when_the_pool_stops_is_let_in() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    let children = children(&serving);
    children.iter().for_each(|child| child.freeze());
    let waiting = fifty_requests(&serving);
    // As a service manager does it: each process is sent the signal.
    children.iter().for_each(|child| child.send(Signal::TERM));
    serving.signal(Signal::TERM);
    children.iter().for_each(|child| child.go_on());
    // On a busy machine, they may have been stopped for long enough to be replaced, with a warning.
    all_get_a_reply(waiting);
    ends_without_an_error(serving, &folder);
}

#[test]
fn stopped_processes_go_on_when_the_pool_stops() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    children(&serving).iter().for_each(|child| child.freeze());
    let waiting = fifty_requests(&serving);
    serving.signal(Signal::TERM);
    all_get_a_reply(waiting);
    ends_without_an_error(serving, &folder);
}

#[test]
fn a_second_signal_stops_the_pool_now() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\n[limits]\nstop_timeout = \"1h\"\nsend_timeout = \"1h\"\n");
    let mut serving = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let download = open_download(&serving);
    serving.signal(Signal::TERM);
    serving.says("stopping when open requests have ended");
    assert!(serving.is_running());
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    nobody_is_left(&folder);
    drop(download);
}

#[test]
fn without_their_supervisor_processes_finish_and_leave_the_port() {
    let folder = with_large_file();
    let mut serving = start(&folder, &["-P", "3", "-w", "1", "www"]);
    let mut download = open_download(&serving);
    let server = download.peer_addr().unwrap();
    serving.child.kill().unwrap();
    serving.child.wait().unwrap();
    // Whoever has no open answer ends, and the port is free although one still serves.
    until("the others have ended", || Process::running_in(&folder).len() == 1);
    let port = server.port().to_string();
    let next =
        Program::start(&mut folder.httpd(&["-h", "127.0.0.1", "-p", &port, "-w", "1", "www"]));
    assert_eq!(Process::running_in(&folder).len(), 3, "the open answer was cut");
    for _ in 0..10 {
        next.get("/").expect(200).body("from www\n");
    }
    let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert!(rest > LARGE_BYTES);
    let next_alone = BTreeSet::from([next.process(), next.serving()]);
    let running = || BTreeSet::from_iter(Process::running_in(&folder));
    until("the last one has ended", || running() == next_alone);
}

/// Connections that have each sent a request.
fn fifty_requests(serving: &Program) -> Vec<TcpStream> {
    let mut waiting: Vec<TcpStream> = (0..50).map(|_| serving.stream()).collect();
    waiting.iter_mut().for_each(request);
    waiting
}

fn all_get_a_reply(mut waiting: Vec<TcpStream>) {
    for stream in &mut waiting {
        reply(stream).unwrap();
    }
}

fn ends_without_an_error(serving: Program, folder: &Folder) {
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("[ERROR]"), "{log}");
    nobody_is_left(folder);
}
