//! Python processes that die, hang or grow: what that costs, and whom.
//!
//! Nothing but the requests that such a process was serving may be lost, and each of those is answered.

use super::load::Load;
use super::server::{Server, is_python, signal};
use crate::support::{Signal, lacks, until};
use std::time::{Duration, Instant};

const THREADS: usize = 4;
const CLIENTS: usize = 8;

/// Waits until so many more requests were answered.
#[track_caller]
fn passes(load: &Load, count: usize) {
    let enough = load.answered() + count;
    until("requests are answered", || (load.answered() >= enough).then_some(()));
}

fn a_process_that_exits_or_crashes_costs_its_request_a_502() {
    let server = Server::behaviours("threads = 1");
    for target in ["/app/exits", "/app/crashes"] {
        let old = server.pythons();
        server.get(target).expect(502);
        server.get("/app/hello").expect(200);
        assert_ne!(server.pythons(), old, "{target}");
    }
    // How it ended is told.
    server.logs("7");
    server.logs("SIGSEGV");
}

fn a_hanging_application_costs_its_request_a_504_and_the_process() {
    let server = Server::behaviours("threads = 1\ntimeout = \"700ms\"");
    let old = server.pythons();
    let begun = Instant::now();
    server.get("/app/hangs").expect(504);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(700), "{waited:?}");
    let line = server.logs("exceeded timeout = 700ms; replacing it");
    assert!(line.contains("[ERROR]"), "{line}");
    server.replaces(&old, 1);
    server.get("/app/hello").expect(200);
}

fn killed_processes_lose_what_they_were_serving_and_nothing_else() {
    let server = Server::behaviours(&format!("processes = 2\nthreads = {THREADS}"));
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.005");
    let kills = 5;
    for _ in 0..kills {
        passes(&load, 50);
        let all =
            until("both processes run", || Some(server.pythons()).filter(|all| all.len() == 2));
        signal(all[0], Signal::KILL);
        server.replaces(&all[..1], 2);
    }
    passes(&load, 50);
    let tally = load.finish();
    tally.only(&[200, 502]);
    assert!(tally.of(502) <= kills * THREADS, "{tally:?}");
}

fn the_only_process_killed_lets_others_wait_but_not_fail() {
    let server = Server::behaviours(&format!("threads = {THREADS}"));
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.005");
    let kills = 4;
    for _ in 0..kills {
        passes(&load, 50);
        let old = server.pythons();
        signal(old[0], Signal::KILL);
        server.replaces(&old, 1);
    }
    passes(&load, 50);
    let tally = load.finish();
    tally.only(&[200, 502]);
    assert!(tally.of(502) <= kills * THREADS, "{tally:?}");
}

fn crashes_under_load_lose_what_was_being_served_and_nothing_else() {
    let server = Server::behaviours(&format!("processes = 2\nthreads = {THREADS}"));
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.005");
    let crashes = 5;
    for _ in 0..crashes {
        passes(&load, 50);
        server.get("/app/crashes").expect(502);
    }
    passes(&load, 50);
    let tally = load.finish();
    tally.only(&[200, 502]);
    assert!(tally.of(502) <= crashes * (THREADS - 1), "{tally:?}");
}

fn hangs_under_load_lose_what_was_being_served_and_nothing_else() {
    let keys = format!("processes = 2\nthreads = {THREADS}\ntimeout = \"700ms\"");
    let server = Server::behaviours(&keys);
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.005");
    let hangs = 2;
    for _ in 0..hangs {
        server.get("/app/hangs").expect(504);
        passes(&load, 50);
    }
    let tally = load.finish();
    tally.only(&[200, 502, 504]);
    assert!(tally.of(502) + tally.of(504) <= hangs * (THREADS - 1), "{tally:?}");
}

fn a_growing_process_is_replaced_without_a_failed_request() {
    let keys = "processes = 2\nmemory_bytes_max = \"60MiB\"";
    let server = Server::behaviours(keys);
    let old = server.pythons();
    let load = Load::start(&server, 2, "/app/leaks?kib=512");
    let mut most = 0;
    until("both grown processes are replaced", || {
        most = most.max(server.pss_bytes());
        server.pythons().iter().all(|id| !old.contains(id)).then_some(())
    });
    load.finish().only(&[200]);
    // A leak that nobody bounds goes on growing; looks at it are a moment apart.
    assert!(most < 1 << 30, "{most} bytes");
}

fn processes_are_replaced_after_their_requests_without_a_failed_one() {
    let server = Server::behaviours("processes = 2\nrequests_max = 40");
    let old = server.pythons();
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.001");
    passes(&load, 300);
    until("both are replaced", || {
        server.pythons().iter().all(|id| !old.contains(id)).then_some(())
    });
    load.finish().only(&[200]);
}

fn processes_are_replaced_when_they_have_lived_long_enough() {
    let server = Server::behaviours("processes = 2\nlifetime = \"1s\"");
    let old = server.pythons();
    let load = Load::start(&server, CLIENTS, "/app/sleeps?seconds=0.001");
    until("both are replaced", || {
        server.pythons().iter().all(|id| !old.contains(id)).then_some(())
    });
    load.finish().only(&[200]);
}

fn python_ends_when_the_server_is_killed() {
    let mut server = Server::behaviours("processes = 2");
    let pythons = server.pythons();
    assert_eq!(pythons.len(), 2);
    server.kill();
    until("no Python is left", || pythons.iter().all(|id| !is_python(id)).then_some(()));
}

tests! {
    lacks::python:
        a_process_that_exits_or_crashes_costs_its_request_a_502,
        a_hanging_application_costs_its_request_a_504_and_the_process,
        killed_processes_lose_what_they_were_serving_and_nothing_else,
        the_only_process_killed_lets_others_wait_but_not_fail,
        crashes_under_load_lose_what_was_being_served_and_nothing_else,
        hangs_under_load_lose_what_was_being_served_and_nothing_else,
        a_growing_process_is_replaced_without_a_failed_request,
        processes_are_replaced_after_their_requests_without_a_failed_one,
        processes_are_replaced_when_they_have_lived_long_enough,
        python_ends_when_the_server_is_killed;
}
