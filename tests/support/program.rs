//! The real program in a process of its own.

use super::client::Request;
use super::lacks::GIVE_UP;
use super::process::Process;
use super::{Child, Client, Folder, Lines, PATIENCE, Reply, Signal, until};
use httpd::Address;
use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

pub const HTTPD: &str = env!("CARGO_BIN_EXE_httpd");

/// A program that runs; killed when it is dropped, with all that it has started.
pub struct Program {
    pub child: Child,
    /// The line by which it says where it listens.
    pub line: String,
    /// What it says on standard error; read when the test asks for it.
    log: Option<Lines<ChildStderr>>,
    addresses: Vec<Address>,
}

impl Program {
    /// Starts it, and waits until it says that it listens.
    #[track_caller]
    pub fn start(command: &mut Command) -> Program {
        let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut log = Lines::of(child.stderr.take().expect("it is piped"));
        let line = log.find(" listening on ");
        let socket = |word: &str| {
            let rest = word.strip_prefix("http://").or(word.strip_prefix("https://"))?;
            rest.trim_end_matches(',').parse().ok()
        };
        let addresses = line.split_whitespace().filter_map(socket).map(Address::Tcp).collect();
        Program { child, line, log: Some(log), addresses }
    }

    /// Serves a directory on a free port of 127.0.0.1, with one worker.
    pub fn serve(root: &Path) -> Program {
        Program::start(Command::new(HTTPD).args(arguments(root))).unread()
    }

    /// The same with a configuration.
    pub fn serve_with_config(root: &Path, config: &str) -> Program {
        let file = root.with_file_name("httpd.toml");
        fs::write(&file, config).expect("it can be written");
        let mut command = Command::new(HTTPD);
        Program::start(command.args(arguments(root)).arg("-c").arg(file)).unread()
    }

    /// The same with so many descriptors and no more.
    pub fn serve_with_descriptors(root: &Path, count: u32) -> Program {
        Program::start(limited(count).args(arguments(root))).unread()
    }

    /// With a configuration and so many descriptors.
    pub fn serve_with_config_and_descriptors(root: &Path, config: &str, count: u32) -> Program {
        let file = root.with_file_name("httpd.toml");
        fs::write(&file, config).expect("it can be written");
        let mut command = limited(count);
        command.args(["-h", "127.0.0.1", "-p", "0", "-c"]).arg(file);
        Program::start(&mut command).unread()
    }

    /// Throws away what it says from now on.
    pub fn unread(mut self) -> Program {
        self.log.take().into_iter().for_each(Lines::discard);
        self
    }

    /// Where it listens on TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let socket = |address: &Address| match address {
            Address::Tcp(address) => Some(*address),
            _ => None,
        };
        self.addresses.iter().filter_map(socket).collect()
    }

    /// The first of these.
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// A connection without a client that reads responses.
    pub fn stream(&self) -> TcpStream {
        connect(self.addresses()[0])
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        Request::new(self.address(), "GET", target).send()
    }

    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is a child of this process").is_none()
    }

    /// What it says on standard error.
    pub fn log(&mut self) -> &mut Lines<ChildStderr> {
        self.log.as_mut().expect("nobody else reads it")
    }

    /// Has somebody else read it.
    pub fn take_log(&mut self) -> Lines<ChildStderr> {
        self.log.take().expect("nobody else reads it")
    }

    /// Waits for a line with these words.
    #[track_caller]
    pub fn says(&mut self, words: &str) -> String {
        self.log().find(words)
    }

    /// Waits until it has said all of these words, in any order.
    #[track_caller]
    pub fn says_all(&mut self, words: &[&str]) {
        self.log().find_all(words);
    }

    /// Its exit code, and what it still had to say.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let log = self.log.as_mut().expect("nobody else reads it");
        let status = self.child.ends(|| log.seen().to_owned());
        assert_eq!(status.signal(), None, "a signal killed it");
        (status.code(), log.rest())
    }

    /// The process that was started.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// The process that serves: the only one that the supervisor has started, or the program itself without one.
    #[track_caller]
    pub fn serving(&self) -> Process {
        let serving = self.process().serving();
        assert!(serving.len() < 2, "several serve: {serving:?}");
        serving.first().copied().unwrap_or(self.process())
    }

    /// Kills it, and with it the processes that serve.
    pub fn kill(&mut self) {
        let serving = self.process().serving();
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
        // They may end by themselves, because their supervisor has.
        serving.iter().for_each(|it| it.try_send(Signal::KILL));
        until("they have ended", || serving.iter().all(|it| !it.is_running()));
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.serving().path("fd")).expect("it is running").count()
    }

    /// How much memory it has now, and the most that it ever had, in bytes (VmRSS and VmHWM).
    pub fn memory_bytes(&self) -> (u64, u64) {
        self.serving().memory_bytes()
    }

    /// How much of the CPU it takes while this time goes by, in clock ticks: hundredths of a second
    /// nearly everywhere.
    pub fn ticks_within(&self, time: Duration) -> u64 {
        let serving = self.serving();
        let before = serving.cpu_ticks();
        thread::sleep(time);
        serving.cpu_ticks() - before
    }
}

/// The program without privileges, also where the tests run with all of them: see
/// [`lacks::unprivileged`](super::lacks::unprivileged).
pub fn unprivileged(folder: &Folder, arguments: &[&str]) -> Command {
    if !rustix::process::geteuid().is_root() {
        return folder.httpd(arguments);
    }
    // Nobody else may be allowed to reach the build directory.
    let copy = folder.path("httpd-copy");
    fs::copy(HTTPD, &copy).expect("there is room");
    let copy = copy.to_str().expect("it is UTF-8");
    folder.command("setpriv", &[&GIVE_UP[..], &[copy], arguments].concat())
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    stream
}

/// The program with so many descriptors and no more; its arguments follow.
fn limited(count: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {count} && exec \"$@\""), "sh", HTTPD]);
    command
}

fn arguments(root: &Path) -> [&OsStr; 7] {
    let fixed = ["-h", "127.0.0.1", "-p", "0", "-w", "1"].map(OsStr::new);
    let [host, its, port, free, workers, one] = fixed;
    [host, its, port, free, workers, one, root.as_os_str()]
}
