//! The program replaces itself while it serves (SIGUSR2): no client notices, and what is wrong with the new program is
//! found before the old one gives anything up.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::pool::{Load, children, nobody_is_left, pool, reply, request};
use super::stopping::{LARGE_BYTES, open_download};
use crate::support::process::Process;
use crate::support::program::{HTTPD, connect};
use crate::support::{Folder, Program, Signal, until};

/// A program of the test's own, which can be replaced, and a folder that clients may store files in.
pub struct Upgraded {
    pub folder: Folder,
    program: PathBuf,
}

impl Upgraded {
    pub fn new() -> Upgraded {
        let folder = Folder::with_www();
        fs::create_dir(folder.path("www/drop")).unwrap();
        fs::File::create(folder.path("www/large.bin")).unwrap().set_len(LARGE_BYTES).unwrap();
        let program = folder.path("httpd");
        fs::copy(HTTPD, &program).unwrap();
        Upgraded { folder, program }
    }

    fn start(&self, processes: &str) -> Program {
        Program::start(&mut self.command(processes))
    }

    pub fn command(&self, processes: &str) -> Command {
        let text = "listen = [\"127.0.0.1:0\", \"h2c://127.0.0.1:0\", \"unix:x.sock\"]\nroot = \"www\"\nworkers = 1\n\
                    [[location]]\npath = \"/drop/\"\nmethods = [\"GET\", \"PUT\"]\n";
        self.folder.write("httpd.toml", text);
        let program = self.program.to_str().unwrap();
        let arguments = ["-v", "-c", "httpd.toml", "-P", processes];
        self.folder.command(program, &arguments)
    }

    /// Puts another file in the place of the program.
    pub fn replace(&self, with: impl AsRef<[u8]>, mode: u32) {
        let new = self.folder.write("new", with);
        fs::set_permissions(&new, Permissions::from_mode(mode)).unwrap();
        fs::rename(new, &self.program).unwrap();
    }

    /// The same with a copy of the program.
    pub fn renew(&self) {
        self.replace(fs::read(HTTPD).unwrap(), 0o755);
    }

    pub fn runs_what_is_there(&self, process: Process) -> bool {
        let there = fs::metadata(&self.program).unwrap().ino();
        fs::metadata(process.path("exe")).is_ok_and(|running| running.ino() == there)
    }
}

/// Has it upgrade, and waits for the processes that serve then and have not served before.
fn upgrade(serving: &mut Program, count: usize) -> BTreeSet<Process> {
    let before = children(serving);
    serving.signal(Signal::USR2);
    serving.says("upgraded to httpd ");
    pool(serving, count, &before)
}

#[test]
fn an_upgrade_replaces_every_process_and_keeps_the_id_of_the_first() {
    let upgraded = Upgraded::new();
    for processes in [1, 3] {
        let mut serving = upgraded.start(&processes.to_string());
        let open = |serving: &Program| fs::read_dir(serving.process().path("fd")).unwrap().count();
        let opened = open(&serving);
        for _ in 0..3 {
            upgraded.renew();
            assert!(!upgraded.runs_what_is_there(serving.process()));
            let new = upgrade(&mut serving, processes);
            assert!(upgraded.runs_what_is_there(serving.process()));
            assert!(new.iter().all(|it| upgraded.runs_what_is_there(*it)), "{new:?}");
            serving.get("/").expect(200).body("from www\n");
        }
        until("nothing is left open", || open(&serving) <= opened);
        // It does what a supervisor does.
        let killed = children(&serving);
        killed.iter().for_each(|it| it.send(Signal::KILL));
        pool(&serving, processes, &killed);
        serving.get("/").expect(200).body("from www\n");
        assert!(upgraded.folder.path("x.sock").exists());
        serving.signal(Signal::TERM);
        assert_eq!(serving.end().0, Some(0));
        assert!(!upgraded.folder.path("x.sock").exists());
        nobody_is_left(&upgraded.folder);
    }
}

#[test]
fn clients_of_all_kinds_notice_nothing_of_many_upgrades() {
    let upgrades = std::env::var("HTTPD_UPGRADES").map_or(6, |count| count.parse().unwrap());
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("2");
    let address = serving.addresses()[0];
    let load = Load::on(&serving, [1, 20]);
    let is_over = AtomicBool::new(false);
    let done: [AtomicUsize; 3] = Default::default();
    let failed = thread::scope(|scope| {
        let clients: [fn(SocketAddr, usize); 3] = [store, download_slowly, ask_rarely];
        for (client, done) in clients.into_iter().zip(&done) {
            for number in 0..2 {
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        client(address, number);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _over = Over(&is_over);
        load.run(|| {
            for _ in 0..upgrades {
                load.goes_on(200);
                upgraded.renew();
                upgrade(&mut serving, 2);
            }
            load.goes_on(200);
            until("each kind was there", || done.iter().all(|it| it.load(Ordering::Relaxed) > 1));
        })
    });
    println!("{upgrades} upgrades, {} requests, {done:?}", load.answered.load(Ordering::Relaxed));
    assert_eq!(failed, 0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    nobody_is_left(&upgraded.folder);
}

/// Stores a file in pieces, over some time.
fn store(address: SocketAddr, number: usize) {
    let mut stream = connect(address);
    let head = format!("PUT /drop/{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..40 {
        stream.write_all(&[b'x'; 1000]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    let status = status(&mut stream);
    assert!([b"201", b"204"].contains(&&status), "{}", status.escape_ascii());
}

/// Reads a large file in pieces, over some time.
fn download_slowly(address: SocketAddr, _: usize) {
    let mut stream = connect(address);
    write!(stream, "GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let (mut all, mut piece) = (0, vec![0; 4 << 20]);
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => all += count as u64,
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(all > LARGE_BYTES, "{all}");
}

/// Asks on one connection with pauses, until the server announces its end.
fn ask_rarely(address: SocketAddr, _: usize) {
    let mut stream = connect(address);
    for _ in 0..5 {
        request(&mut stream);
        if !reply(&mut stream).unwrap() {
            return;
        }
        thread::sleep(Duration::from_millis(150));
    }
}

fn status(stream: &mut TcpStream) -> [u8; 3] {
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    start[9..].try_into().unwrap()
}

#[test]
fn a_client_that_was_idle_is_answered_by_the_old_process_once_more() {
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("1");
    let old = serving.serving();
    let mut idle = serving.stream();
    request(&mut idle);
    reply(&mut idle).unwrap();
    let silent = serving.stream();
    let mut download = open_download(&serving);
    serving.signal(Signal::USR2);
    serving.says_all(&["upgraded to httpd ", "replaced; stopping when open requests have ended"]);
    // Its worker may have to hear of it first.
    until("it is told that this was the last answer", || {
        request(&mut idle);
        !reply(&mut idle).unwrap()
    });
    let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert!(rest > LARGE_BYTES, "{rest}");
    drop(silent);
    until("the old process ends", || !old.is_running());
    serving.get("/").expect(200).body("from www\n");
}

#[test]
fn a_program_that_cannot_take_over_changes_nothing_and_the_log_says_why() {
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("2");
    let before = children(&serving);
    let mut refuses = |words: &str| {
        serving.signal(Signal::USR2);
        let line = serving.says("no upgrade; the running program keeps serving: ");
        assert!(line.contains("[ERROR]") && line.contains(words), "{line}");
        until("nothing is left behind", || Process::running_in(&upgraded.folder).len() == 3);
        assert_eq!(children(&serving), before);
        serving.get("/").expect(200).body("from www\n");
    };
    fs::remove_file(&upgraded.program).unwrap();
    refuses("httpd\": it does not exist");
    upgraded.replace("#!/bin/sh\n", 0o644);
    refuses("httpd\": permission denied");
    upgraded.replace("no program at all", 0o755);
    refuses("cannot run ");
    for (script, words) in [
        ("exit 0", "does not behave like httpd: it exited with status 0"),
        ("kill -9 $$", "does not behave like httpd: it was killed by signal 9"),
        ("exec httpd-of-another-kind", "does not behave like httpd: it exited with status 127"),
        ("exec <&-; sleep 1000 & sleep 1000", "does not behave like httpd"),
    ] {
        upgraded.replace(format!("#!/bin/sh\n{script}\n"), 0o755);
        refuses(words);
    }
    // As if it had a key that is not known any more.
    upgraded
        .replace(format!("#!/bin/sh\nshift\nexec {HTTPD} --supervised --nonsense \"$@\"\n"), 0o755);
    refuses("it exited with status 2");
    upgraded.renew();
    fs::rename(upgraded.folder.path("www"), upgraded.folder.path("away")).unwrap();
    serving.signal(Signal::USR2);
    let line = serving.says("no upgrade; the running program keeps serving: ");
    assert!(line.contains("cannot serve \"www\": no such directory"), "{line}");
    fs::rename(upgraded.folder.path("away"), upgraded.folder.path("www")).unwrap();
    upgrade(&mut serving, 2);
    serving.get("/").expect(200).body("from www\n");
}

#[test]
fn a_program_that_says_nothing_is_killed_with_all_that_it_has_started() {
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("1");
    upgraded.replace("#!/bin/sh\nsleep 1000 & sleep 1000\n", 0o755);
    serving.signal(Signal::USR2);
    serving.says("upgrade: process 1 ");
    serving.signal(Signal::USR2);
    serving.says("SIGUSR2 changes nothing: an upgrade is under way");
    serving.get("/").expect(200).body("from www\n");
    serving.says("does not behave like httpd: it said nothing within 5s");
    until("nothing is left behind", || Process::running_in(&upgraded.folder).len() == 2);
    serving.get("/").expect(200).body("from www\n");
    upgraded.renew();
    upgrade(&mut serving, 1);
}

#[test]
fn a_stop_ends_an_upgrade_that_is_under_way() {
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("1");
    upgraded.replace("#!/bin/sh\nsleep 1000 & sleep 1000\n", 0o755);
    serving.signal(Signal::USR2);
    serving.says("upgrade: process 1 ");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    nobody_is_left(&upgraded.folder);
}

#[test]
fn an_upgrade_is_too_late_when_the_program_stops() {
    let upgraded = Upgraded::new();
    let mut serving = upgraded.start("1");
    let mut download = open_download(&serving);
    serving.signal(Signal::TERM);
    serving.says("stopping when open requests have ended");
    serving.signal(Signal::USR2);
    serving.says("SIGUSR2 changes nothing: the program stops");
    std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert_eq!(serving.end().0, Some(0));
    nobody_is_left(&upgraded.folder);
}

/// Whatever moment of the upgrade they come in.
#[test]
fn no_signal_is_lost_while_the_program_becomes_another() {
    let upgraded = Upgraded::new();
    for pause in [0, 3, 6, 10, 15, 20, 30, 50, 80] {
        let mut serving = upgraded.start("1");
        serving.signal(Signal::USR2);
        thread::sleep(Duration::from_millis(pause));
        serving.signal(Signal::USR2);
        serving.signal(Signal::TERM);
        until("it ends", || !serving.is_running());
        let (code, log) = serving.end();
        assert_eq!(code, Some(0), "after {pause} ms: {log}");
        nobody_is_left(&upgraded.folder);
    }
}

#[test]
fn a_process_without_a_supervisor_says_that_it_cannot_upgrade() {
    let folder = Folder::with_www();
    folder.write("alone.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nsupervisor = false\n");
    let mut serving = Program::start(&mut folder.httpd(&["-c", "alone.toml"]));
    serving.signal(Signal::USR2);
    serving
        .says("SIGUSR2 changes nothing: without a supervisor, this process cannot replace itself");
    serving.get("/").expect(200).body("from www\n");
    let mut serving = Program::start(&mut folder.httpd(&["-p", "0", "www"]));
    serving.serving().send(Signal::USR2);
    serving.says("SIGUSR2 changes nothing here: send it to the supervisor");
}
