//! Who dies or is told to stop is replaced, and nobody who waits is lost.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::pool::{Load, children, pool, replace_both, reply, request, start};
use super::stopping::{LARGE_BYTES, open_download, with_large_file};
use crate::support::process::Process;
use crate::support::program::HTTPD;
use crate::support::{Folder, Program, Signal, until};

#[test]
fn who_waits_in_the_queues_of_dead_processes_is_served_by_those_in_their_places() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    let dead = children(&serving);
    dead.iter().for_each(|child| child.freeze());
    let mut waiting: Vec<TcpStream> = (0..50).map(|_| serving.stream()).collect();
    waiting.iter_mut().for_each(request);
    dead.iter().for_each(|child| child.send(Signal::KILL));
    for stream in &mut waiting {
        reply(stream).unwrap();
    }
    pool(&serving, 2, &dead);
}

#[test]
fn a_killed_process_costs_at_most_the_connections_that_it_had() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "3", "-w", "1", "www"]);
    let load = Load::on(&serving, [1, 20]);
    let mut had = 0;
    let failed = load.run(|| {
        for _ in 0..12 {
            load.goes_on(200);
            let all: Vec<Process> = children(&serving).into_iter().collect();
            let victim = all[RandomState::new().hash_one(had) as usize % all.len()];
            victim.freeze();
            had += victim.listeners_and_connections().1;
            victim.send(Signal::KILL);
            pool(&serving, 3, &BTreeSet::from([victim]));
        }
        load.goes_on(200);
    });
    assert!(failed <= had, "{failed} requests failed, but only {had} connections were open");
    assert!(had > 0, "nothing was tried");
}

#[test]
fn a_process_that_is_signalled_to_stop_is_replaced_and_no_client_notices() {
    let folder = Folder::with_www();
    let mut serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    let before = children(&serving);
    let load = Load::on(&serving, [1, 1]);
    let failed = load.run(|| {
        for child in &before {
            load.goes_on(200);
            child.send(Signal::TERM);
            pool(&serving, 2, &BTreeSet::from([*child]));
        }
        load.goes_on(200);
    });
    assert_eq!(failed, 0);
    assert!(serving.is_running());
}

#[test]
fn a_process_that_is_signalled_to_stop_lets_an_open_response_end() {
    let folder = with_large_file();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    let before = children(&serving);
    let mut download = open_download(&serving);
    before.iter().for_each(|child| child.send(Signal::TERM));
    let is_complete = || children(&serving).difference(&before).count() == 2;
    until("both have successors", is_complete);
    let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert!(rest > LARGE_BYTES);
    pool(&serving, 2, &before);
    serving.get("/").expect(200).body("from www\n");
}

#[test]
fn a_process_that_is_signalled_twice_stops_now() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n[limits]\nstop_timeout = \"1h\"\nsend_timeout = \"1h\"\n");
    let mut serving = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let before = children(&serving);
    let download = open_download(&serving);
    before.iter().for_each(|child| child.send(Signal::TERM));
    serving.says("replaced; stopping when open requests");
    serving.says("replaced; stopping when open requests");
    before.iter().filter(|child| children(&serving).contains(child)).for_each(|child| {
        child.send(Signal::TERM);
    });
    pool(&serving, 2, &before);
    drop(download);
}

#[test]
fn a_client_of_a_stopped_process_is_served_by_the_one_that_takes_its_place() {
    let folder = Folder::with_www();
    let mut serving = start(&folder, &["-v", "-P", "2", "-w", "1", "www"]);
    let before = children(&serving);
    let stopped = *before.first().unwrap();
    stopped.freeze();
    // The kernel deals them out among the listeners of both.
    let clients: Vec<TcpStream> = (0..20).map(|_| serving.stream()).collect();
    for mut client in clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("from www\n"), "{answer}");
    }
    serving.says("is stopped, by a signal or a debugger");
    serving.says("; replacing it");
    serving.says(" serves");
    assert!(children(&serving).contains(&stopped), "it is left alone");
    stopped.send(Signal::CONT);
    until("it ends once it can", || !children(&serving).contains(&stopped));
    assert_eq!(children(&serving).len(), 2);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn one_that_dies_again_and_again_is_started_ever_more_rarely() {
    let folder = Folder::with_www();
    let mut serving = start(&folder, &["-v", "-P", "2", "-w", "1", "www"]);
    fs::rename(folder.path("www"), folder.path("away")).unwrap();
    let before = children(&serving);
    let (first, other) = (*before.first().unwrap(), *before.last().unwrap());
    let killed_at = Instant::now();
    first.send(Signal::KILL);
    serving.says("replacing it now");
    for pause in ["100ms", "200ms", "400ms", "800ms"] {
        let line = serving.says("replacing it in");
        let end = format!("no such directory; replacing it in {pause}\n");
        assert!(line.ends_with(&end), "{line}");
    }
    assert!(killed_at.elapsed() >= Duration::from_millis(700), "{:?}", killed_at.elapsed());
    assert!(children(&serving).contains(&other), "the other one has nothing to do with it");
    fs::rename(folder.path("away"), folder.path("www")).unwrap();
    serving.says(" serves");
    serving.get("/").expect(200).body("from www\n");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_replaced_process_runs_by_the_configuration_of_the_start() {
    let folder = Folder::with_www();
    folder.write("new/index.html", "from new\n");
    let text = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n";
    let file = folder.write("httpd.toml", text);
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    for edited in ["root = \"new\"\n", "rooot = \"nonsense\"\n", ""] {
        folder.write("httpd.toml", edited);
        if edited.is_empty() {
            fs::remove_file(&file).unwrap();
        }
        replace_both(&serving);
        for _ in 0..10 {
            serving.get("/").expect(200).body("from www\n");
        }
    }
}

#[test]
fn a_process_is_replaced_although_the_program_was_replaced_or_removed() {
    let folder = Folder::with_www();
    let program = folder.path("httpd");
    fs::copy(HTTPD, &program).unwrap();
    let arguments = ["-P", "2", "-w", "1", "-h", "127.0.0.1", "-p", "0", "www"];
    let serving = Program::start(&mut folder.command(program.to_str().unwrap(), &arguments));
    let replace = |with: Option<&str>| {
        fs::remove_file(&program).unwrap();
        with.into_iter().for_each(|content| fs::write(&program, content).unwrap());
    };
    for with in [Some("#!/bin/false\n"), None] {
        replace(with);
        replace_both(&serving);
        for _ in 0..10 {
            serving.get("/").expect(200).body("from www\n");
        }
    }
}

#[test]
fn a_supervisor_keeps_nothing_of_the_dead() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    let supervisor = Process(serving.child.id());
    let open = || fs::read_dir(supervisor.path("fd")).unwrap().count();
    let before = open();
    for _ in 0..4 {
        replace_both(&serving);
    }
    // While a process starts, its end of the channel is open for a moment: also when `before` was counted, so that there
    // may be fewer now. Eight processes have ended, and each that left anything would show.
    until("nothing is left of them", || open() <= before);
}
