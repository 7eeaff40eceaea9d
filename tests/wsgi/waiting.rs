//! Requests that wait for a thread: how long, for whom, and what is no hang.

use super::server::{Folder, Server, location};
use crate::support::client::Request;
use crate::support::{Client, lacks};
use httpd::{Address, Site, Wsgi};
use socket2::SockRef;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn get(target: &str) -> String {
    format!("GET /app/{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// With one worker, which knows all that wait.
fn behaviours(keys: &str) -> Server {
    let folder = Folder::new();
    let mut command = folder.configured(&location("/app", "behaviours", keys));
    command.args(["-w", "1"]);
    Server::start(folder, &mut command)
}

/// Clients that ask for something, each on a connection of its own.
fn ask(server: &Server, target: &str, count: usize) -> Vec<Client> {
    let ask = || {
        let mut client = server.connect();
        client.send(get(target));
        client
    };
    std::iter::repeat_with(ask).take(count).collect()
}

/// One that can be closed without reading.
fn ask_raw(server: &Server, target: &str) -> TcpStream {
    let Address::Tcp(address) = server.address() else { panic!("it listens on TCP") };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(get(target).as_bytes()).expect("it reads");
    stream
}

fn a_request_that_finds_no_thread_in_time_is_503_and_no_process_is_to_blame() {
    let server = behaviours("threads = 2\ntimeout = \"1s\"");
    let old = server.pythons();
    // Two are served at once and two after them, before the time of the others is over.
    let mut clients = ask(&server, "sleeps?seconds=0.7", 10);
    let mut statuses: Vec<u16> = clients.iter_mut().map(|client| client.reply().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 503, 503, 503, 503, 503, 503]);
    let line = server.logs("all 2 threads are busy, ");
    assert!(line.contains("[ERROR]") && line.contains("6 wait"), "{line}");
    server.get("/app/hello").expect(200);
    assert_eq!(server.pythons(), old);
}

fn an_application_that_says_nothing_is_504_when_its_time_is_over_and_not_before() {
    let timeout = Duration::from_secs(2);
    let server = behaviours("threads = 2\ntimeout = \"2s\"");
    // The first request of all, and one after others.
    for round in 0..2 {
        let sent_at = Instant::now();
        server.get("/app/sleeps?seconds=30").expect(504);
        let taken = sent_at.elapsed();
        assert!(timeout <= taken && taken < timeout * 7 / 4, "{taken:?} in round {round}");
        server.get("/app/hello").expect(200);
    }
}

fn requests_behind_one_that_hangs_are_served_by_the_process_that_replaces_it() {
    let folder = Folder::new();
    let keys = "threads = 1\ntimeout = \"12s\"";
    let mut command = folder.configured(&location("/app", "behaviours", keys));
    command.args(["-w", "2"]);
    let server = Server::start(folder, &mut command);
    let old = server.pythons();
    let mut hangs = ask(&server, "sleeps?seconds=60", 1);
    // Their time is not over when that of the first one is: a busy machine has the rest of it for a new process. Both
    // workers have some of them.
    std::thread::sleep(Duration::from_secs(6));
    let mut behind = ask(&server, "hello", 8);
    hangs[0].reply().expect(504);
    for client in &mut behind {
        client.reply().expect(200);
    }
    server.replaces(&old, 1);
}

fn an_answer_that_goes_on_is_not_cut_because_others_wait() {
    let server = behaviours("threads = 1\ntimeout = \"700ms\"");
    let mut stream = ask(&server, "slow?pieces=15&seconds=0.2", 1);
    stream[0].reply_head("GET").expect(200);
    server.get("/app/hello").expect(503).header("Retry-After", "1");
    while !stream[0].try_chunk().expect("it goes on to its end").is_empty() {}
    server.get("/app/hello").expect(200);
    assert!(!server.log().contains("is replaced"), "{}", server.log());
}

fn an_answer_that_has_begun_may_be_quiet_for_longer_than_a_request_may_wait() {
    let server = behaviours("threads = 1\ntimeout = \"300ms\"");
    let gate = server.folder.path("gate");
    let mut client = server.connect();
    client.send(get(&format!("patient?until={}", gate.display())));
    client.reply_head("GET").expect(200);
    assert_eq!(client.try_chunk().expect("it is sent at once"), b"first\n");
    // Twice: they wait for longer than it may be quiet, were it a request that has not begun.
    server.get("/app/hello").expect(503);
    server.get("/app/hello").expect(503);
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::write(gate, "").expect("it can be written");
    assert_eq!(client.try_chunk().expect("it goes on"), b"second\n");
    assert!(!server.log().contains("is replaced"), "{}", server.log());
}

fn threads_that_wait_for_slow_clients_are_reported_and_no_process_is_killed_for_them() {
    let limits = "threads = 2\ntimeout = \"1s\"\n[limits]\nresponse_spool_bytes_max = 0\n";
    let server = behaviours(limits);
    let old = server.pythons();
    let mut slow = ask(&server, "generated?mib=64", 2);
    for client in &mut slow {
        client.reply_head("GET").expect(200);
    }
    server.get("/app/hello").expect(503);
    server.logs(
        "all 2 threads are busy, 2 of them with responses that their clients are slow to read",
    );
    for client in slow {
        let (content, _) = { client }.rest();
        assert_eq!(content.len(), 64 << 20);
    }
    server.get("/app/hello").expect(200);
    assert_eq!(server.pythons(), old);
}

fn clients_that_ask_and_go_do_not_keep_others_waiting() {
    let server = behaviours("threads = 2");
    for _ in 0..1100 {
        drop(ask_raw(&server, "sleeps?seconds=0.25"));
    }
    let begun = Instant::now();
    server.get("/app/hello").expect(200);
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(4), "{waited:?}");
}

fn what_a_client_that_was_reset_asked_for_is_not_run() {
    let server = behaviours("threads = 1");
    let (gate, told) = (server.folder.path("gate"), server.folder.path("told"));
    let mut held = ask(&server, &format!("patient?until={}", gate.display()), 1);
    held[0].reply_head("GET").expect(200);
    let gone: Vec<TcpStream> =
        (0..20).map(|_| ask_raw(&server, &format!("closing?tell={}", told.display()))).collect();
    // It has seen all of them by the time that it answers something else.
    server.get("/").expect(200);
    for stream in gone {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }
    server.get("/").expect(200);
    let mut wanted = ask(&server, "hello", 1);
    std::fs::write(gate, "").expect("it can be written");
    wanted[0].reply().expect(200);
    server.get("/app/hello").expect(200);
    assert!(!told.exists(), "{}", std::fs::read_to_string(told).unwrap_or_default());
}

fn a_client_that_closes_its_half_and_still_reads_is_served() {
    let server = behaviours("threads = 1");
    let mut held = ask(&server, "sleeps?seconds=0.3", 4);
    let mut half = server.connect();
    half.send(get("hello")).finish();
    half.reply().expect(200).body("hello, world\n");
    for client in &mut held {
        client.reply().expect(200);
    }
}

/// In a program of its own, where a function around an application limits its time.
fn an_application_that_exceeds_the_time_of_its_part_is_503_and_keeps_its_process() {
    let folder = Folder::new();
    let wsgi = Wsgi::new("behaviours").directory(folder.path("apps")).threads(1);
    let site = Site::new()
        .at("/app", wsgi)
        .around("/app/sleeps", |_, next| next.within(Duration::from_millis(300)).run());
    let server = httpd::Server::new(site).listen("127.0.0.1:0").start().expect("it serves");
    let address = &server.addresses()[0];
    let process =
        || Request::new(address, "GET", "/app/process").send().expect(200).text().to_owned();
    let old = process();
    let reply = Request::new(address, "GET", "/app/sleeps?seconds=1.5").send();
    reply.expect(503).header("Retry-After", "1");
    assert_eq!(process(), old);
    server.handle().stop();
    server.wait();
}

tests! {
    lacks::python:
        an_application_that_exceeds_the_time_of_its_part_is_503_and_keeps_its_process,
        a_request_that_finds_no_thread_in_time_is_503_and_no_process_is_to_blame,
        an_application_that_says_nothing_is_504_when_its_time_is_over_and_not_before,
        requests_behind_one_that_hangs_are_served_by_the_process_that_replaces_it,
        an_answer_that_goes_on_is_not_cut_because_others_wait,
        an_answer_that_has_begun_may_be_quiet_for_longer_than_a_request_may_wait,
        threads_that_wait_for_slow_clients_are_reported_and_no_process_is_killed_for_them,
        clients_that_ask_and_go_do_not_keep_others_waiting,
        what_a_client_that_was_reset_asked_for_is_not_run,
        a_client_that_closes_its_half_and_still_reads_is_served;
}
