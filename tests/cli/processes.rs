//! The pool of processes: who dies is replaced, nobody who waits is lost, and nothing is left.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::stopping::{LARGE_BYTES, open_download, with_large_file};
use crate::support::process::Process;
use crate::support::program::{HTTPD, connect};
use crate::support::{Child, Folder, Lines, PATIENCE, Program, Signal, lossy, output, until};

/// The processes that serve, in the order of their ids.
fn children(serving: &Program) -> BTreeSet<Process> {
    let is_child = |it: &Process| {
        let stat = it.stat("stat");
        stat.is_some_and(|(state, parent)| state != "Z" && parent == serving.child.id())
    };
    Process::all().into_iter().filter(is_child).collect()
}

/// Waits until there are so many, none of them among `gone`.
fn pool(serving: &Program, count: usize, gone: &BTreeSet<Process>) -> BTreeSet<Process> {
    let mut found = BTreeSet::new();
    until("the pool is complete", || {
        found = children(serving);
        found.len() == count && found.is_disjoint(gone)
    });
    found
}

/// Kills both processes of a pool, and waits for the others.
fn replace_both(serving: &Program) {
    let dead = children(serving);
    dead.iter().for_each(|child| child.send(Signal::KILL));
    pool(serving, 2, &dead);
}

fn start(folder: &Folder, arguments: &[&str]) -> Program {
    let all: Vec<&str> = arguments.iter().copied().chain(["-h", "127.0.0.1", "-p", "0"]).collect();
    Program::start(&mut folder.httpd(&all))
}

fn nobody_is_left(folder: &Folder) {
    until("no process is left", || Process::running_in(folder).is_empty());
}

fn request(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
}

/// Reads the answer to one request for `/`; the connection stays open.
fn reply(stream: &mut impl Read) -> std::io::Result<()> {
    let mut text = Vec::new();
    while !text.ends_with(b"from www\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => text.extend_from_slice(&piece[..count]),
        }
    }
    assert!(text.starts_with(b"HTTP/1.1 200 "), "{}", text.escape_ascii());
    Ok(())
}

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
fn one_process_has_no_supervisor() {
    let folder = Folder::with_www();
    for arguments in [&["www"][..], &["-P", "1", "www"]] {
        let serving = start(&folder, arguments);
        serving.get("/").expect(200).body("from www\n");
        assert_eq!(Process::running_in(&folder), [Process(serving.child.id())]);
        assert!(!serving.line.contains("processes="), "{}", serving.line);
    }
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

/// Clients that ask all the time, until they are told to end, on connections that they keep for a
/// while or close.
struct Load {
    address: SocketAddr,
    /// On one connection: of every other client, and of those between.
    requests: [usize; 2],
    is_over: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Load {
    fn on(serving: &Program, requests: [usize; 2]) -> Load {
        let (answered, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let address = serving.addresses()[0];
        Load { address, requests, is_over: AtomicBool::new(false), answered, failed }
    }

    /// Runs clients for as long as `during` takes; how many requests failed.
    fn run(&self, during: impl FnOnce()) -> usize {
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || self.ask(self.requests[number % 2]));
            }
            // The clients are told to end even when a check fails.
            struct Over<'a>(&'a AtomicBool);
            impl Drop for Over<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let _over = Over(&self.is_over);
            during();
        });
        self.failed.load(Ordering::Relaxed)
    }

    fn ask(&self, requests_each: usize) {
        while !self.is_over.load(Ordering::Relaxed) {
            // To be refused is no option: the listeners live.
            let mut stream = connect(self.address);
            for number in 1..=requests_each {
                let last = if number == requests_each { "Connection: close\r\n" } else { "" };
                let asked = write!(stream, "GET / HTTP/1.1\r\nHost: x\r\n{last}\r\n");
                if asked.and_then(|()| reply(&mut stream)).is_err() {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until so many more requests have been answered.
    fn goes_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        until("the load goes on", || self.answered.load(Ordering::Relaxed) >= wanted);
    }
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
fn a_process_that_is_told_to_stop_is_relieved_and_nobody_notices() {
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
fn a_process_that_is_told_to_stop_lets_an_open_answer_end() {
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
fn a_process_that_is_told_twice_stops_now() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n[limits]\nstop_timeout = \"1h\"\nsend_timeout = \"1h\"\n");
    let mut serving = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let before = children(&serving);
    let download = open_download(&serving);
    before.iter().for_each(|child| child.send(Signal::TERM));
    serving.says("another is in its place");
    serving.says("another is in its place");
    before.iter().filter(|child| children(&serving).contains(child)).for_each(|child| {
        child.send(Signal::TERM);
    });
    pool(&serving, 2, &before);
    drop(download);
}

#[test]
fn whoever_connects_to_a_stopped_process_is_served_by_the_one_that_takes_its_place() {
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
    serving.says("another takes its place");
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
    serving.says("another takes its place at once");
    for pause in ["100ms", "200ms", "400ms", "800ms"] {
        let line = serving.says("another takes its place");
        let end = format!("no such directory; another takes its place after {pause}\n");
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
    let mut waiting: Vec<TcpStream> = (0..50).map(|_| serving.stream()).collect();
    waiting.iter_mut().for_each(request);
    // As a service manager does it: each process is sent the signal.
    children.iter().for_each(|child| child.send(Signal::TERM));
    serving.signal(Signal::TERM);
    children.iter().for_each(|child| child.send(Signal::CONT));
    for stream in &mut waiting {
        reply(stream).unwrap();
    }
    let (code, told) = serving.end();
    // On a busy machine, they may have been stopped for long enough to be replaced, with a warning.
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("[ERROR]"), "{told}");
    nobody_is_left(&folder);
}

#[test]
fn stopped_processes_go_on_when_the_pool_stops() {
    let folder = Folder::with_www();
    let serving = start(&folder, &["-P", "2", "-w", "1", "www"]);
    children(&serving).iter().for_each(|child| child.freeze());
    let mut waiting: Vec<TcpStream> = (0..50).map(|_| serving.stream()).collect();
    waiting.iter_mut().for_each(request);
    serving.signal(Signal::TERM);
    for stream in &mut waiting {
        reply(stream).unwrap();
    }
    let (code, told) = serving.end();
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("[ERROR]"), "{told}");
    nobody_is_left(&folder);
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
    assert_eq!(Process::running_in(&folder).len(), 2, "the open answer was cut");
    for _ in 0..10 {
        next.get("/").expect(200).body("from www\n");
    }
    let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert!(rest > LARGE_BYTES);
    let next_alone = [Process(next.child.id())];
    until("the last one has ended", || Process::running_in(&folder) == next_alone);
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
    // Only the processes that serve open this one.
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 3\n[access_log]\nfile = \"/proc/none.log\"\n");
    refused(&["-c", "httpd.toml"], 1, "cannot write the log \"/proc/none.log\"");
}

#[test]
fn the_flag_of_the_supervisor_is_of_no_use_to_others() {
    let folder = Folder::with_www();
    let output = output(&mut folder.httpd(&["--supervised", "www"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(lossy(&output.stderr).contains("no supervisor has started this"));
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
    // One that has just been started may have its end of the channel open for a moment.
    until("nothing is left of them", || open() == before);
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
