//! The real program in front of Python, in a folder of its own, with what it logs.

use crate::support::client::Request;
use crate::support::{Child, Client, Reply, until};
use httpd::Address;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A folder with a copy of the applications (`apps`) and a root for files (`www`), gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("httpd-applications-{}-{number}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        copy(Path::new(APPLICATIONS), &folder.path("apps"));
        folder.write("www/index.html", "from www\n");
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is inside the folder")).expect("a folder");
        fs::write(&path, content).expect("it can be written");
        path
    }

    /// A command in the folder of the applications, without our own `HTTPD_…` and virtual environment.
    pub fn httpd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
        command.current_dir(self.path("apps")).args(["-h", "127.0.0.1", "-p", "0"]).args(arguments);
        for (name, _) in std::env::vars() {
            if name.starts_with("HTTPD_") || name.starts_with("PYTHON") || name == "VIRTUAL_ENV" {
                command.env_remove(name);
            }
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    /// A command with a configuration, written now.
    pub fn configured(&self, config: &str) -> Command {
        let file =
            self.write("httpd.toml", format!("root = \"www\"\n[log]\nlevel = \"info\"\n{config}"));
        self.httpd(&["-c", file.to_str().expect("a path of ours is text")])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
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

/// A running program, killed when it is dropped.
pub struct Server {
    child: Child,
    address: Address,
    log: Log,
    reader: Option<JoinHandle<()>>,
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

    pub fn start(folder: Folder, command: &mut Command) -> Server {
        let (child, stderr) = spawn(command);
        let log = Log::default();
        let reader = Some(log.follow(stderr));
        let mut server = Server {
            child,
            address: Address::Tcp(([127, 0, 0, 1], 0).into()),
            log,
            reader,
            folder,
        };
        let line = server.logs("listening on http://");
        let (_, rest) = line.split_once("listening on http://").expect("it was asked for");
        let told = rest.split([' ', '\t', '/', ',']).next().unwrap_or_default();
        server.address = Address::Tcp(told.parse().unwrap_or_else(|_| panic!("{line}")));
        server
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// `127.0.0.1:8080` and the like.
    pub fn authority(&self) -> String {
        match &self.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => panic!("it listens on TCP"),
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.address)
    }

    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(&self.address, method, target)
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
            let ended = self.reader.as_ref().is_none_or(JoinHandle::is_finished);
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
        tree(self.child.id(), |_| true)
    }

    /// The Python processes that the server started, without those that applications forked.
    pub fn pythons(&self) -> Vec<u32> {
        tree(self.child.id(), |name| name == "httpd").into_iter().filter(is_python).collect()
    }

    /// Waits until there are so many Python processes, none of them among `old`.
    #[track_caller]
    pub fn replaces(&self, old: &[u32], count: usize) -> Vec<u32> {
        until("the Python processes are replaced", || {
            let now = self.pythons();
            (now.len() == count && now.iter().all(|id| !old.contains(id))).then_some(now)
        })
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Memory of all its processes, in bytes, what they share counted once.
    pub fn pss_bytes(&self) -> u64 {
        self.tree().into_iter().map(pss_bytes).sum()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub fn stop(self) -> (Option<i32>, String) {
        self.signal("-TERM");
        self.end()
    }

    /// Waits for its end; its exit code and all that it logged.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.ends(|| self.log.text());
        if let Some(reader) = self.reader.take() {
            until("its log ends", || reader.is_finished().then_some(()));
        }
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
    let (mut child, stderr) = spawn(command);
    let log = Log::default();
    let reader = log.follow(stderr);
    let status = child.ends(|| log.text());
    until("its log ends", || reader.is_finished().then_some(()));
    (status.code(), log.text())
}

fn spawn(command: &mut Command) -> (Child, ChildStderr) {
    let mut child = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let stderr = child.stderr.take().expect("it is piped");
    (child, stderr)
}

/// What was said on standard error so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads on until the end. A program whose complaints nobody reads would be held up by them.
    fn follow(&self, stderr: ChildStderr) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.lock().expect("no reader panics").push(line);
            }
        })
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

pub fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([name, &id.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "{name} to {id}");
}

/// The SHA-256 of bytes, in hexadecimal digits, by the program of that name.
pub fn sha256(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let file = folder.write("hashed", bytes);
    let output = Command::new("sha256sum").arg(file).output().expect("sha256sum is there");
    let said = String::from_utf8(output.stdout).expect("it says digits");
    said.split(' ').next().expect("it says something").to_owned()
}

const APPLICATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wsgi/apps");
/// For what a busy machine may take long to do: Python has to start.
pub const PATIENCE: Duration = Duration::from_secs(20);
