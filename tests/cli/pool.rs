//! A pool of processes, and clients that ask it all the time.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::process::Process;
use crate::support::program::connect;
use crate::support::{Folder, Program, Signal, until};

/// The processes that serve, in the order of their ids.
pub fn children(serving: &Program) -> BTreeSet<Process> {
    Process(serving.child.id()).children()
}

/// Waits until there are so many, none of them among `gone`.
pub fn pool(serving: &Program, count: usize, gone: &BTreeSet<Process>) -> BTreeSet<Process> {
    let mut found = BTreeSet::new();
    until("the pool is complete", || {
        found = children(serving);
        found.len() == count && found.is_disjoint(gone)
    });
    found
}

/// Kills both processes of a pool, and waits for the others.
pub fn replace_both(serving: &Program) {
    let dead = children(serving);
    dead.iter().for_each(|child| child.send(Signal::KILL));
    pool(serving, 2, &dead);
}

pub fn start(folder: &Folder, arguments: &[&str]) -> Program {
    let all: Vec<&str> = arguments.iter().copied().chain(["-h", "127.0.0.1", "-p", "0"]).collect();
    Program::start(&mut folder.httpd(&all))
}

pub fn nobody_is_left(folder: &Folder) {
    until("no process is left", || Process::running_in(folder).is_empty());
}

pub fn request(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
}

/// Reads the answer to one request for `/`. Says whether the connection stays open.
pub fn reply(stream: &mut impl Read) -> std::io::Result<bool> {
    let mut text = Vec::new();
    while !text.ends_with(b"from www\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => text.extend_from_slice(&piece[..count]),
        }
    }
    assert!(text.starts_with(b"HTTP/1.1 200 "), "{}", text.escape_ascii());
    Ok(memchr::memmem::find(&text, b"Connection: close").is_none())
}

/// Clients that ask all the time, until a flag ends them, on connections that they keep for a
/// while or close.
pub struct Load {
    address: SocketAddr,
    /// On one connection: of every other client, and of those between.
    requests: [usize; 2],
    is_over: AtomicBool,
    pub answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Load {
    pub fn on(serving: &Program, requests: [usize; 2]) -> Load {
        let (answered, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let address = serving.addresses()[0];
        Load { address, requests, is_over: AtomicBool::new(false), answered, failed }
    }

    /// Runs clients for as long as `during` takes; how many requests failed.
    pub fn run(&self, during: impl FnOnce()) -> usize {
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || self.ask(self.requests[number % 2]));
            }
            // The flag ends the clients even when a check fails.
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
                let Ok(is_kept) = asked.and_then(|()| reply(&mut stream)) else {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    break;
                };
                self.answered.fetch_add(1, Ordering::Relaxed);
                if !is_kept {
                    break;
                }
            }
        }
    }

    /// Waits until so many more requests have been answered.
    pub fn goes_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        until("the load goes on", || self.answered.load(Ordering::Relaxed) >= wanted);
    }
}
