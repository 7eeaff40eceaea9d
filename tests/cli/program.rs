//! What the tests of the program stand on: a folder, and the program running in it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::child::{Child, Lines};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

pub const HTTPD: &str = env!("CARGO_BIN_EXE_httpd");
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of a test's own, gone when it ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("httpd-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("www")).unwrap();
        fs::write(path.join("www/index.html"), "from www\n").unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A command that runs in this folder, with none of our own `HTTPD_…` variables.
    pub fn httpd(&self, arguments: &[&str]) -> Command {
        self.command(HTTPD, arguments)
    }

    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HTTPD_")) {
            command.env_remove(name);
        }
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        output(&mut self.httpd(arguments))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs, and the line by which it told so. Killed when the test ends.
pub struct Serving {
    pub child: Child,
    pub stderr: Lines<ChildStderr>,
    pub line: String,
}

impl Serving {
    #[track_caller]
    pub fn start(command: &mut Command) -> Serving {
        let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut stderr = Lines::of(child.stderr.take().unwrap());
        let line = stderr.find("httpd ");
        assert!(line.contains(" listening on "), "{line}");
        Serving { child, stderr, line }
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        let words = self.line.split_whitespace();
        words.filter_map(|word| word.strip_prefix("http://")?.parse().ok()).collect()
    }

    pub fn get(&self, path: &str) -> String {
        get(self.addresses()[0], path)
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.addresses()[0])
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for a line with these words.
    #[track_caller]
    pub fn says(&mut self, words: &str) {
        self.stderr.find(words);
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its exit code, and what it still had to say.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.ends(|| self.stderr.seen().to_owned());
        assert_eq!(status.signal(), None, "a signal killed it");
        (status.code(), self.stderr.rest())
    }
}

/// A program on a terminal of its own, which shows what it prints. Killed when the test ends.
pub struct OnTerminal {
    pub child: Child,
    shown: Arc<Mutex<String>>,
    /// What a person types goes in here; the terminal closes with it.
    keyboard: Option<File>,
}

impl OnTerminal {
    pub fn start(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> OnTerminal {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let stream = || File::options().read(true).write(true).open(&name).unwrap();
        // It leads a session of its own whose terminal this is, as what a terminal runs does.
        let mut command = folder.command("setsid", &["--ctty", HTTPD]);
        command.args(arguments).env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(variables.iter().copied());
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let child = Child::spawn(&mut command);
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        rustix::io::ioctl_fionbio(&screen, true).unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let noted = Arc::downgrade(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Some(shown) = noted.upgrade() {
                match screen.read(&mut bytes) {
                    Ok(count) => shown.lock().unwrap().push_str(&said(&bytes[..count])),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if shown.lock().unwrap().contains(CLOSED) {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(_) => return,
                }
            }
        });
        OnTerminal { child, shown, keyboard: Some(keyboard) }
    }

    pub fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    pub fn shows(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown().contains(words) {
            assert!(Instant::now() < deadline, "it does not show {words:?}: {}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it for something once it says where it serves.
    pub fn get(&self, path: &str) -> String {
        self.shows("Ctrl-C");
        let shown = self.shown();
        let address = shown.split_once("http://").unwrap().1.split_whitespace().next().unwrap();
        get(address.parse().unwrap(), path)
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Closes the terminal, as somebody does who closes its window.
    pub fn close(&mut self) {
        self.shown.lock().unwrap().push_str(CLOSED);
        self.keyboard = None;
    }
}

/// Stands on a screen that nobody looks at any more.
const CLOSED: &str = "\0closed";

/// What a program says that ends by itself, or must: it is killed when it does not.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdout = Lines::of(child.stdout.take().unwrap());
    let mut stderr = Lines::of(child.stderr.take().unwrap());
    // It says a few lines, which a pipe holds.
    let (told, stdout) = (stderr.rest(), stdout.rest());
    let status = child.ends(|| told.clone());
    Output { status, stdout: stdout.into(), stderr: told.into() }
}

pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

pub fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
