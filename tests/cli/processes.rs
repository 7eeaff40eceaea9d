//! The pool of processes: how many there are, what each has, and what keeps them from starting.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::thread;

use super::pool::{Load, children, nobody_is_left, pool, reply, request, start};
use crate::support::process::Process;
use crate::support::{Child, Folder, Lines, PATIENCE, Program, Signal, lossy, output, until};

#[test]
fn a_test_that_panics_leaves_no_process() {
    let folder = Folder::with_www();
    let failed = thread::scope(|scope| {
        let test = scope.spawn(|| {
            // One of them has lost its parent and is in another session.
            let script = "(setsid sleep 1000 &); sleep 1000 & echo begun >&2; exec sleep 1000";
            let mut command = folder.command("sh", &["-c", script]);
            let mut child = Child::spawn(command.stderr(Stdio::piped()));
            Lines::of(child.stderr.take().unwrap()).find("begun");
            until("all of them run", || Process::running_in(&folder).len() == 3);
            std::panic::resume_unwind(Box::new("as a failed assertion does"));
        });
        test.join().is_err()
    });
    assert!(failed);
    nobody_is_left(&folder);
}

#[test]
fn one_process_has_a_supervisor_unless_the_configuration_wants_none() {
    let folder = Folder::with_www();
    for arguments in [&["www"][..], &["-P", "1", "www"]] {
        let serving = start(&folder, arguments);
        serving.get("/").expect(200).body("from www\n");
        assert_eq!(children(&serving).len(), 1);
        assert_eq!(Process::running_in(&folder).len(), 2);
        assert!(!serving.line.contains("processes="), "{}", serving.line);
    }
    folder.write("alone.toml", "root = \"www\"\nsupervisor = false\n");
    let serving = start(&folder, &["-c", "alone.toml"]);
    serving.get("/").expect(200).body("from www\n");
    // What it has started opens files for it, and serves nothing.
    assert!(serving.process().serving().is_empty());
    assert!(children(&serving).len() < 2);
    let output = folder.output(&["-c", "alone.toml", "-P", "2"]);
    assert_eq!(output.status.code(), Some(2));
    let told = lossy(&output.stderr);
    assert!(told.contains("alone.toml:2:14: supervisor = false leaves one process"), "{told}");
}

/// What is logged of a site is logged once, and nothing tells one of two processes.
#[test]
fn the_log_of_one_process_is_as_if_there_were_no_supervisor() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-d", "www"]);
    serving.get("/none").expect(404);
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("] stopped\n").count(), 1, "{log}");
    assert!(!log.contains("): "), "{log}");
}

#[test]
fn a_supervisor_takes_little_memory() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-w", "2", "www"]);
    let own = serving.process().own_memory_bytes();
    println!(
        "the supervisor has {own} bytes, the process {}",
        serving.serving().own_memory_bytes()
    );
    assert!(own < 3 * 1024 * 1024, "{own} bytes");
}

#[test]
fn every_process_serves_and_has_its_own_listeners_and_nothing_else() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "3", "-w", "2", "www"]);
    assert!(serving.line.ends_with(" processes=3 workers=2\n"), "{}", serving.line);
    let children = children(&serving);
    assert_eq!(children.len(), 3);
    let mut open = Vec::new();
    until("each of them has a connection", || {
        let mut stream = serving.stream();
        request(&mut stream);
        reply(&mut stream).unwrap();
        open.push(stream);
        children.iter().all(|child| child.listeners_and_connections().1 > 0)
    });
    let mut seen = HashSet::new();
    for child in &children {
        assert_eq!(child.listeners_and_connections().0, 2);
        assert_eq!(fs::read_to_string(child.path("comm")).unwrap(), "httpd\n");
        assert_eq!(fs::read_link(child.path("fd/0")).unwrap(), Path::new("/dev/null"));
        assert!(child.sockets().into_iter().all(|socket| seen.insert(socket)), "one is shared");
    }
}

#[test]
fn processes_are_counted_by_flag_environment_and_file() {
    let folder = Folder::with_www();
    let text = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n";
    folder.write("httpd.toml", text);
    let serve = |arguments: &[&str], variables: &[(&str, &str)]| {
        let all: Vec<&str> = ["-c", "httpd.toml"].iter().chain(arguments).copied().collect();
        Program::start(folder.httpd(&all).envs(variables.iter().copied()))
    };
    let variables = [("HTTPD_PROCESSES", "3")];
    for (serving, count) in
        [(serve(&[], &[]), 2), (serve(&[], &variables), 3), (serve(&["-P", "4"], &variables), 4)]
    {
        assert_eq!(children(&serving).len(), count);
        serving.get("/").expect(200).body("from www\n");
    }
}

/// One per CPU in all, and at least one in each process.
#[test]
fn workers_are_divided_among_the_processes_by_default() {
    let folder = Folder::with_www();
    let cpus = thread::available_parallelism().unwrap().get();
    for processes in [2, cpus + 1] {
        let serving = start(&folder, &["-P", &processes.to_string(), "www"]);
        let expected =
            format!(" processes={processes} workers={}\n", cpus.div_ceil(processes).max(1));
        assert!(serving.line.ends_with(&expected), "{}", serving.line);
    }
}

#[test]
fn what_keeps_one_process_from_starting_keeps_all() {
    let folder = Folder::with_www();
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let output = folder.output(arguments);
        let told = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(words), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        nobody_is_left(&folder);
    };
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let taken = ["-P", "3", "-h", "127.0.0.1", "-p", &port, "www"];
    refused(&taken, 1, "listens there already");
    refused(&["-P", "3", "nowhere"], 2, "no such directory");
    refused(&["-P", "3", "-p", "0", "-l", "/proc/none.log", "www"], 2, "cannot write the log");
    // Only the processes that serve open this one, and find that it leads nowhere.
    std::os::unix::fs::symlink("nowhere/a.log", folder.path("access.log")).unwrap();
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 3\n[access_log]\nfile = \"access.log\"\n");
    refused(&["-c", "httpd.toml"], 1, "cannot write the log \"");
}

#[test]
fn the_flag_of_the_supervisor_is_of_no_use_to_others() {
    let folder = Folder::with_www();
    let output = output(&mut folder.httpd(&["--supervised", "www"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(lossy(&output.stderr).contains("for processes that a supervisor starts"));
}

#[test]
fn processes_share_a_unix_socket() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "listen = \"unix:x.sock\"\nroot = \"www\"\nprocesses = 2\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let ask = || {
        let mut stream = UnixStream::connect(folder.path("x.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream
    };
    reply(&mut ask()).unwrap();
    let dead = children(&serving);
    dead.iter().for_each(|child| child.freeze());
    let mut waiting: Vec<UnixStream> = (0..20).map(|_| ask()).collect();
    dead.iter().for_each(|child| child.send(Signal::KILL));
    for stream in &mut waiting {
        reply(stream).unwrap();
    }
    let others = pool(&serving, 2, &dead);
    others.first().unwrap().send(Signal::TERM);
    pool(&serving, 2, &BTreeSet::from([*others.first().unwrap()]));
    reply(&mut ask()).unwrap();
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    assert!(!folder.path("x.sock").exists());
    nobody_is_left(&folder);
}

#[test]
fn diagnostics_say_which_process_speaks_and_lines_stay_whole() {
    let folder = Folder::with_www();
    let text = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 3\nworkers = 2\n\
                [log]\nfile = \"d.log\"\nlevel = \"debug\"\n[access_log]\nfile = \"a.log\"\n";
    folder.write("httpd.toml", text);
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let load = Load::on(&serving, [1, 20]);
    let failed = load.run(|| load.goes_on(3000));
    assert_eq!(failed, 0);
    let ids: Vec<u32> = children(&serving).iter().map(|child| child.0).collect();
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let lines = fs::read_to_string(folder.path("a.log")).unwrap();
    assert_eq!(lines.lines().count(), load.answered.load(Ordering::Relaxed));
    for line in lines.lines() {
        let is_whole =
            line.starts_with("127.0.0.1 - - [") && line.contains("\" 200 9 \"-\" \"-\" ");
        assert!(is_whole, "{line:?}");
    }
    let told = fs::read_to_string(folder.path("d.log")).unwrap();
    for line in told.lines() {
        assert!(line.starts_with("20") && line.contains(" ["), "{line:?}");
    }
    for id in ids {
        let name = format!(" ({id}): ");
        let own: Vec<&str> = told.lines().filter(|line| line.contains(&name)).collect();
        assert!(own.iter().any(|line| line.ends_with("stopped")), "{own:?}");
    }
}
