//! The end comes in time although a process, or one of its threads, does not return from what it does.

use super::held::{Held, tracing};
use crate::support::process::Process;
use crate::support::{Child, Folder, Lines, Program, Signal, lacks, until};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn a_second_signal_ends_the_process_although_a_worker_is_stuck() {
    let folder = with_stop_timeout("1h");
    let mut program = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let _held = Held::threads(program.serving(), "worker-0");
    program.signal(Signal::TERM);
    program.says("stopping when open requests have ended");
    assert!(program.is_running());
    let asked_at = Instant::now();
    program.signal(Signal::TERM);
    let (code, told) = program.end();
    assert!(asked_at.elapsed() < SOON, "{:?}", asked_at.elapsed());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("stopping now") && told.contains(GIVES_UP), "{told}");
}

fn the_stop_timeout_ends_the_process_although_a_worker_is_stuck() {
    let folder = with_stop_timeout("50ms");
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let _held = Held::threads(program.serving(), "worker-0");
    let asked_at = Instant::now();
    program.signal(Signal::TERM);
    let (code, told) = program.end();
    assert!(asked_at.elapsed() < SOON, "{:?}", asked_at.elapsed());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(GIVES_UP), "{told}");
}

fn a_second_signal_ends_a_pool_although_a_worker_is_stuck() {
    let folder = with_stop_timeout("1h");
    let mut program = Program::start(&mut folder.httpd(&["-v", "-P", "2", "-c", "httpd.toml"]));
    let _held = Held::threads(first_child(&program), "worker-0");
    program.signal(Signal::TERM);
    program.says("a second signal stops now");
    let asked_at = Instant::now();
    program.signal(Signal::TERM);
    let (code, told) = program.end();
    assert!(asked_at.elapsed() < SOON, "{:?}", asked_at.elapsed());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(GIVES_UP), "{told}");
}

fn a_second_signal_ends_a_pool_although_a_process_does_not_obey() {
    let folder = with_stop_timeout("1h");
    let mut program = Program::start(&mut folder.httpd(&["-v", "-P", "2", "-c", "httpd.toml"]));
    let _held = Held::threads(first_child(&program), "orders");
    program.signal(Signal::TERM);
    program.says("a second signal stops now");
    let asked_at = Instant::now();
    program.signal(Signal::TERM);
    program.says("takes too long to end");
    assert!(asked_at.elapsed() < SOON, "{:?}", asked_at.elapsed());
    assert_eq!(program.end().0, Some(1));
}

fn a_process_that_does_not_obey_is_killed_in_the_end() {
    let folder = with_stop_timeout("50ms");
    let program = Program::start(&mut folder.httpd(&["-P", "2", "-c", "httpd.toml"]));
    let _held = Held::threads(first_child(&program), "orders");
    program.signal(Signal::TERM);
    let (code, told) = program.end();
    assert_eq!(code, Some(1));
    assert!(told.contains("takes too long to end"), "{told}");
    until("no process is left", || Process::running_in(&folder).is_empty());
}

fn a_process_that_is_stopped_while_it_starts_is_replaced() {
    let folder = Folder::new();
    folder.write("slow.py", SLOW_APPLICATION);
    let arguments =
        ["-v", "-P", "2", "-w", "1", "-h", "127.0.0.1", "-p", "0", "--wsgi", "slow:app"];
    let mut program = Program::start(&mut folder.httpd(&arguments));
    let before = Process(program.child.id()).children();
    folder.write("slow", "");
    first_child(&program).send(Signal::KILL);
    let is_new = |it: &Process| !before.contains(it);
    until("another starts", || Process(program.child.id()).children().iter().any(is_new));
    let starting =
        Process(program.child.id()).children().into_iter().find(is_new).expect("it starts");
    starting.freeze();
    program.says("is stopped while it starts");
    program.says("replacing it");
    fs::remove_file(folder.path("slow")).expect("it was written");
    program.says(") serves");
    let now = Process(program.child.id()).children();
    assert!(now.len() == 2 && !now.contains(&starting), "{now:?}");
    program.get("/").expect(200).body("from slow\n");
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

fn a_process_that_is_stopped_in_the_first_start_is_replaced() {
    let folder = Folder::new();
    folder.write("slow.py", SLOW_APPLICATION);
    folder.write("slow", "");
    let arguments = ["-P", "2", "-w", "1", "-h", "127.0.0.1", "-p", "0", "--wsgi", "slow:app"];
    let mut command = folder.httpd(&arguments);
    let mut program = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let mut log = Lines::of(program.stderr.take().expect("it is piped"));
    let processes = || Process(program.id()).children();
    until("both start", || processes().len() == 2);
    let first = *processes().first().expect("there are two");
    first.freeze();
    log.find("is stopped while it starts");
    log.find("replacing it");
    until("another starts", || processes().len() == 2 && !processes().contains(&first));
    fs::remove_file(folder.path("slow")).expect("it was written");
    log.find(" listening on ");
    log.discard();
    program.signal(Signal::TERM);
    assert_eq!(program.ends(String::new).code(), Some(0));
}

fn with_stop_timeout(stop_timeout: &str) -> Folder {
    let folder = Folder::with_www();
    let text = format!(
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n\
         [limits]\nstop_timeout = \"{stop_timeout}\"\n"
    );
    folder.write("httpd.toml", text);
    folder
}

/// The processes of a pool.
fn first_child(program: &Program) -> Process {
    *Process(program.child.id()).children().first().expect("it has some")
}

/// It takes as long to load as there is a file "slow".
const SLOW_APPLICATION: &str = r#"
import os, time
while os.path.exists("slow"):
    time.sleep(0.01)
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from slow\n"]
"#;

const GIVES_UP: &str = "a worker or a log is stuck; exiting without waiting for it";

/// A stop that is to be immediate takes five seconds in a program that is stuck, and its log one.
const SOON: Duration = Duration::from_secs(15);

tests! {
    tracing:
        a_second_signal_ends_the_process_although_a_worker_is_stuck,
        the_stop_timeout_ends_the_process_although_a_worker_is_stuck,
        a_second_signal_ends_a_pool_although_a_worker_is_stuck,
        a_second_signal_ends_a_pool_although_a_process_does_not_obey,
        a_process_that_does_not_obey_is_killed_in_the_end;
    lacks::python:
        a_process_that_is_stopped_while_it_starts_is_replaced,
        a_process_that_is_stopped_in_the_first_start_is_replaced;
}
