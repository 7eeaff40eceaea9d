//! The real program in front of Python, in a folder of its own, with what it logs.

use crate::support::client::Request;
use crate::support::process::Process;
use crate::support::{self, Client, Lines, Program, Reply, Signal, lossy, output, until};
use httpd::Address;
use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::{ChildStderr, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use crate::support::PATIENCE;

/// A folder with a copy of the applications (`apps`) and a root for files (`www`), gone when dropped.
pub struct Folder(support::Folder);

impl Folder {
    pub fn new() -> Folder {
        let folder = Folder(support::Folder::with_www());
        copy(Path::new(APPLICATIONS), &folder.path("apps"));
        folder
    }

    /// A command in the folder of the applications, on a free port and without our own virtual environment.
    pub fn httpd(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.httpd(&["-h", "127.0.0.1", "-p", "0"]);
        command.current_dir(self.path("apps")).args(arguments);
        for (name, _) in std::env::vars() {
            if name.starts_with("PYTHON") || name == "VIRTUAL_ENV" {
                command.env_remove(name);
            }
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A command with a configuration, written now.
    pub fn configured(&self, config: &str) -> Command {
        let file =
            self.write("httpd.toml", format!("root = \"www\"\n[log]\nlevel = \"info\"\n{config}"));
        self.httpd(&["-c", file.to_str().expect("a path of ours is text")])
    }
}

impl Deref for Folder {
    type Target = support::Folder;

    fn deref(&self) -> &support::Folder {
        &self.0
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the applications are there") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("an entry has a name"));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("it can be copied");
        }
    }
}

/// A running program, killed when it is dropped, and all that it has logged.
pub struct Server {
    program: Program,
    log: Log,
    reader: JoinHandle<()>,
    pub folder: Folder,
}

impl Server {
    /// The behaviours at `/app`, with further keys of that location.
    pub fn behaviours(keys: &str) -> Server {
        Server::at("/app", "behaviours", keys)
    }

    /// One application, with further keys of its location.
    pub fn at(path: &str, target: &str, keys: &str) -> Server {
        let folder = Folder::new();
        let mut command = folder.configured(&location(path, target, keys));
        Server::start(folder, &mut command)
    }

    #[track_caller]
    pub fn start(folder: Folder, command: &mut Command) -> Server {
        let mut program = Program::start(command);
        let log = Log::default();
        let reader = log.follow(program.take_log());
        Server { program, log, reader, folder }
    }

    pub fn address(&self) -> &Address {
        self.program.address()
    }

    /// `127.0.0.1:8080` and the like.
    pub fn authority(&self) -> String {
        self.address().to_string()
    }

    pub fn connect(&self) -> Client {
        self.program.connect()
    }

    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(self.address(), method, target)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    /// The content of an answer that must be a 200.
    #[track_caller]
    pub fn text(&self, target: &str) -> String {
        let reply = self.get(target);
        reply.expect(200);
        reply.text().to_owned()
    }

    /// Waits for a line with these words.
    #[track_caller]
    pub fn logs(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log.line(words) {
                return line;
            }
            let ended = self.reader.is_finished();
            // What was written last may have come since we looked.
            if let Some(line) = self.log.line(words).filter(|_| ended) {
                return line;
            }
            let late = Instant::now() > deadline;
            assert!(!ended && !late, "no line with {words:?} in:\n{}", self.log.text());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// It and all processes that it has started.
    pub fn tree(&self) -> Vec<u32> {
        tree(self.program.child.id(), |_| true)
    }

    /// The Python processes that the server and its brokers started, without those that applications forked.
    pub fn pythons(&self) -> Vec<u32> {
        tree(self.program.child.id(), |name| name.starts_with("httpd"))
            .into_iter()
            .filter(is_python)
            .collect()
    }

    /// Waits until there are so many Python processes, none of them among `old`.
    #[track_caller]
    pub fn replaces(&self, old: &[u32], count: usize) -> Vec<u32> {
        until("the Python processes are replaced", || {
            let now = self.pythons();
            (now.len() == count && now.iter().all(|id| !old.contains(id))).then_some(now)
        })
    }

    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Memory of all its processes, in bytes, what they share counted once.
    pub fn pss_bytes(&self) -> u64 {
        self.tree().into_iter().map(pss_bytes).sum()
    }

    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub fn stop(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for its end; its exit code and all that it logged.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.program.child.ends(|| self.log.text());
        until("its log ends", || self.reader.is_finished());
        (status.code(), self.log.text())
    }
}

/// A location with a module of the applications, and further keys.
pub fn location(path: &str, target: &str, keys: &str) -> String {
    format!("[[location]]\npath = \"{path}\"\nwsgi = \"{target}\"\nchdir = \"apps\"\n{keys}\n")
}

/// What a program says that must not start; it is killed when it does not end.
#[track_caller]
pub fn refusal(command: &mut Command) -> (Option<i32>, String) {
    let output = output(command);
    (output.status.code(), lossy(&output.stderr))
}

/// What was said on standard error so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads on until the end. A program whose complaints nobody reads would be held up by them.
    fn follow(&self, stderr: Lines<ChildStderr>) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        let note = move |line: &str| {
            let line = line.trim_end_matches('\n').to_owned();
            lines.lock().expect("no reader panics").push(line);
        };
        stderr.seen().lines().for_each(&note);
        thread::spawn(move || stderr.for_each(note))
    }

    fn line(&self, words: &str) -> Option<String> {
        let lines = self.0.lock().expect("no reader panics");
        lines.iter().find(|line| line.contains(words)).cloned()
    }

    fn text(&self) -> String {
        self.0.lock().expect("no reader panics").join("\n")
    }
}

/// A process and its descendants, as far as the parents' names pass. (A process that has ended keeps its
/// name and its children until its last thread is gone.)
fn tree(root: u32, is_parent: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found: Vec<(u32, u32, String)> = entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // proc(5): the name in parentheses may hold anything; after it come state and parent.
            let (name, rest) = stat.rsplit_once(')')?;
            let name = name.split_once('(')?.1.to_owned();
            Some((id, rest.split_whitespace().nth(1)?.parse().ok()?, name))
        })
        .collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        let named = found.iter().find(|(id, ..)| *id == parent);
        if named.is_some_and(|(_, _, name)| is_parent(name)) {
            tree.extend(found.iter().filter(|(_, of, _)| *of == parent).map(|(id, ..)| *id));
        }
        next += 1;
    }
    tree
}

/// Whether a process runs our adapter, whose name is in what its Python is told to do, and in nothing
/// that we name.
pub fn is_python(id: &u32) -> bool {
    let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    memchr::memmem::find(&words, b"httpd-wsgi").is_some()
}

/// Proportional set size; 0 of a process that has ended.
fn pss_bytes(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

pub fn signal(id: u32, signal: Signal) {
    Process(id).send(signal);
}

/// The SHA-256 of bytes, in hexadecimal digits, by the program of that name.
pub fn sha256(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let file = folder.write("hashed", bytes);
    let output = output(Command::new("sha256sum").arg(file));
    let said = String::from_utf8(output.stdout).expect("it says digits");
    said.split(' ').next().expect("it says something").to_owned()
}

const APPLICATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wsgi/apps");
