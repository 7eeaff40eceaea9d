//! What a client does to hurt an application, and what an application does to hurt the server.

use super::server::{Folder, Server, location, signal};
use crate::support::process::Process;
use crate::support::{Child, Lines, Signal, lacks, until};
use std::fs;
use std::process::{ChildStderr, Stdio};
use std::time::{Duration, Instant};

/// An application that knows the adapter beneath it, and means no good.
const HOSTILE: &str = r#"
import ctypes, os, sys, threading, time
import __main__

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    path = environ["PATH_INFO"]
    if path == "/forks":
        # A fork that Python does not know of, with all that its parent has open.
        libc = ctypes.CDLL(None)
        if libc.fork() == 0:
            libc.sleep(60)
            os._exit(0)
    elif path == "/dies-taking":
        # Takes a request as a thread does that is being killed: it never begins it.
        open("taking", "w").close()
        sys._getframe(1).f_locals["self"].worker.requests.recv(131072)
        os.kill(os.getpid(), 9)
    elif path == "/talks":
        def talk():
            while True:
                __main__.control.send(b"C" + b"x" * 100)
        threading.Thread(target=talk).start()
    elif path == "/floods":
        sys._getframe(1).f_locals["exchange"].thread.window = 1 << 40
        return (b"x" * 65536 for _ in range(1 << 20))
    return [str(os.getpid()).encode()]
"#;

fn hostile(keys: &str) -> Server {
    let folder = Folder::new();
    folder.write("apps/hostile.py", HOSTILE);
    let stop = "[limits]\nstop_timeout = \"1s\"\n";
    let mut command = folder.configured(&format!("{stop}{}", location("/app", "hostile", keys)));
    Server::start(folder, &mut command)
}

/// It stops about when it should.
#[track_caller]
fn stops(server: Server) {
    let begun = Instant::now();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}: {log}", begun.elapsed());
}

fn a_process_is_missed_although_what_it_forked_holds_its_sockets() {
    let server = hostile("");
    let id: u32 = server.text("/app/forks").parse().expect("its number");
    signal(id, Signal::KILL);
    server.replaces(&[id], 1);
    server.get("/app/hello").expect(200);
    stops(server);
}

fn a_request_that_a_dying_process_took_and_did_not_begin_is_served_by_the_next() {
    let server = hostile("threads = 1\n");
    let mut first = server.connect();
    first.send("GET /app/dies-taking HTTP/1.1\r\nHost: test\r\n\r\n");
    let taking = server.folder.path("apps/taking");
    until("the process takes what comes next", || taking.exists().then_some(()));
    server.get("/app/hello").expect(200);
    first.reply().expect(502);
}

fn a_server_stops_although_a_process_will_not_and_its_children_hold_its_sockets() {
    let server = hostile("");
    server.get("/app/forks").expect(200);
    stops(server);
}

fn a_process_that_talks_without_end_is_served_with_and_ended() {
    let server = hostile("");
    server.get("/app/talks").expect(200);
    for _ in 0..20 {
        server.get("/app/hello").expect(200);
    }
    stops(server);
}

fn a_process_that_sends_without_waiting_for_credit_is_replaced() {
    let server = hostile("");
    let mut client = server.connect();
    client.send("GET /app/floods HTTP/1.1\r\nHost: test\r\n\r\n");
    server.logs("sends more than it has credit for");
    server.get("/app/hello").expect(200);
    stops(server);
}

/// `Content-Length` and as much content.
fn post(target: &str, header: &str, value: &[u8], content_bytes: usize) -> Vec<u8> {
    let mut request = format!("POST {target} HTTP/1.1\r\nHost: test\r\n{header}: ").into_bytes();
    request.extend_from_slice(value);
    request.extend_from_slice(format!("\r\nContent-Length: {content_bytes}\r\n\r\n").as_bytes());
    request.extend_from_slice(&vec![b'x'; content_bytes]);
    request
}

fn the_largest_head_with_the_largest_body_in_memory_is_served() {
    // Every one of these characters takes two bytes on its way to Python.
    let value = vec![0xff; 32 * 1024 - 100];
    let server = Server::behaviours("");
    for content_bytes in [0, 56 * 1024, 60 * 1024, 64 * 1024, 64 * 1024 + 1] {
        let mut client = server.connect();
        client.send(post("/app/hello", "X", &value, content_bytes)).reply().expect(200);
    }
    server.get("/app/hello").expect(200);
}

fn limits_that_let_in_more_than_a_message_holds_cost_nobody_the_application() {
    let folder = Folder::new();
    let location = location("/app", "behaviours", "");
    let limits = "[limits]\nhead_bytes_max = \"256KiB\"\nbody_memory_bytes_max = \"1MiB\"\n";
    let mut command = folder.configured(&format!("{limits}{location}"));
    let server = Server::start(folder, &mut command);
    let mut client = server.connect();
    client.send(post("/app/hello", "X", b"y", 512 * 1024)).reply().expect(200);
    let mut client = server.connect();
    client.send(post("/app/hello", "X", &[b'y'; 200 * 1024], 0)).reply().expect(431);
    server.get("/app/hello").expect(200);
}

/// The program while its application starts, what it logs, and the folder in which the application makes a file `begun`.
fn with_a_late_application(keys: &str) -> (Child, Lines<ChildStderr>, Folder) {
    let folder = Folder::new();
    folder.write("apps/late.py", "import time\nopen('begun', 'w').close()\ntime.sleep(60)\n");
    let mut command = folder.configured(&location("/app", "late", ""));
    let config = fs::read_to_string(folder.path("httpd.toml")).expect("it is there");
    folder.write("httpd.toml", keys.to_owned() + &config);
    let mut program = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let log = Lines::of(program.stderr.take().expect("it is piped"));
    begins(&folder);
    (program, log, folder)
}

/// Waits until the application begins to start.
fn begins(folder: &Folder) {
    let begun = folder.path("apps/begun");
    until("the application begins", || fs::remove_file(&begun).is_ok());
}

fn a_server_can_be_stopped_while_an_application_takes_its_time_to_start() {
    for supervisor in [true, false] {
        let (mut program, mut log, _folder) =
            with_a_late_application(&format!("supervisor = {supervisor}\n"));
        signal(program.id(), Signal::TERM);
        let code = program.ends(String::new).code();
        let log = log.rest();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped before all applications served"), "{log}");
        assert!(!log.contains("[ERROR]"), "{log}");
    }
}

fn a_process_that_gets_a_signal_while_its_application_starts_is_replaced() {
    let (mut program, mut log, folder) = with_a_late_application("");
    let serving = Process(program.id()).serving();
    serving.first().expect("it is starting").send(Signal::TERM);
    begins(&folder);
    // A service manager sends it to all at once.
    let next = Process(program.id()).serving();
    assert!(next.is_disjoint(&serving));
    next.first().expect("it is starting").send(Signal::TERM);
    signal(program.id(), Signal::TERM);
    let code = program.ends(String::new).code();
    let log = log.rest();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("got a signal to stop"), "{log}");
    assert!(!log.contains("[ERROR]"), "{log}");
}

tests! {
    lacks::python:
        a_process_is_missed_although_what_it_forked_holds_its_sockets,
        a_request_that_a_dying_process_took_and_did_not_begin_is_served_by_the_next,
        a_server_stops_although_a_process_will_not_and_its_children_hold_its_sockets,
        a_process_that_talks_without_end_is_served_with_and_ended,
        a_process_that_sends_without_waiting_for_credit_is_replaced,
        the_largest_head_with_the_largest_body_in_memory_is_served,
        limits_that_let_in_more_than_a_message_holds_cost_nobody_the_application,
        a_server_can_be_stopped_while_an_application_takes_its_time_to_start,
        a_process_that_gets_a_signal_while_its_application_starts_is_replaced;
}
