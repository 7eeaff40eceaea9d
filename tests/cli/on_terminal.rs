//! The program on a terminal of its own.

use crate::support::client::Request;
use crate::support::program::HTTPD;
use crate::support::{Child, Folder, PATIENCE, Reply, Signal, lossy, until};
use httpd::Address;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
                    Ok(count) => shown.lock().unwrap().push_str(&lossy(&bytes[..count])),
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
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.shows("Ctrl-C");
        let shown = self.shown();
        let address = shown.split_once("http://").unwrap().1.split_whitespace().next().unwrap();
        let address = Address::Tcp(address.parse().unwrap());
        Request::new(&address, "GET", path).send()
    }

    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Stops what it shows, as Ctrl-S does, and waits until that is so.
    pub fn freeze(&self) {
        self.keyboard.as_ref().unwrap().write_all(b"\x13").unwrap();
        let screen = File::options().write(true).open(format!("/proc/{}/fd/1", self.child.id()));
        let screen = screen.unwrap();
        until("the terminal is stopped", || {
            let mut polled = [PollFd::new(&screen, PollFlags::OUT)];
            poll(&mut polled, Some(&Timespec::default())).unwrap() == 0
        });
    }

    /// Closes the terminal, as somebody does who closes its window.
    pub fn close(&mut self) {
        self.shown.lock().unwrap().push_str(CLOSED);
        self.keyboard = None;
    }
}

/// Stands on a screen that nobody looks at any more.
const CLOSED: &str = "\0closed";
