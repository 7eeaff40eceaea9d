//! The real [`Connection`] driven over a [`Script`] and a clock that stands still until it is told
//! to move: no sockets, no threads, no sleeping (RFC 9112 §8–9 and the bounds of [`Limits`]).
//!
//! [`Driven`] does for one connection what the worker does for all: it hands in edges, drives again
//! while the verdict is `Again`, and lets deadlines expire. After each drive it holds the invariants
//! of the machine, whatever the case is about.

mod content;
mod conversation;
mod files;
mod offloaded;
mod overflow;
mod pipelining;
mod random;
mod script;
mod splits;
mod timeouts;

use super::clock;
use super::connection::Connection;
use super::id::ConnectionId;
use super::limits::Limits;
use super::local::{Local, Stage, Threads};
use super::mailbox::{Delivery, Letter, Mailbox};
use super::pool::Pool;
use super::state::{Awaited, State, Verdict};
use super::transport::{Edge, Transport};
use crate::files::{CacheLimits, Now, OpenFiles, Root, Warmup};
use crate::http::{Method, Request, Status};
use crate::site::{
    Answer, Desk, Freshness, Handler, OwnedRequest, OwnedResponse, Response, Site, StaticFiles,
    blocking, inline,
};
use memchr::memmem;
use script::{Calls, End, Script};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// A connection, its client, and the worker's belongings.
struct Driven {
    connection: Connection<Script>,
    local: Local,
    /// Bytes of files that may be sent each time that the connection is driven.
    send_budget: usize,
    client: Script,
    verdict: Verdict,
    /// How much of what was sent the test has looked at.
    looked_at: usize,
    folder: Folder,
}

impl Driven {
    /// A fresh connection to the sample site, with the default limits.
    fn new() -> Driven {
        Driven::with(Limits::default())
    }

    fn with(limits: Limits) -> Driven {
        let folder = Folder::new();
        let root = Root::open(&folder.path).expect("the folder was just made");
        let site = Site::new()
            .at("/", StaticFiles::new(root))
            .at("/hello", |_: &Request<'_>| Response::text("hello\n"))
            .at("/long", |_: &Request<'_>| Response::text(digits(LONG_BYTES)))
            .at("/empty", |_: &Request<'_>| Response::new(Status::NO_CONTENT))
            .at("/cold", ColdOnce::default())
            .at("/mirror", inline(mirror).methods(&[Method::Post]))
            .at("/offload", blocking(offload).methods(&[Method::Post]))
            .at("/shout", blocking(shout).methods(&[Method::Post]).streamed());
        let cache =
            CacheLimits { contents_bytes_max: IN_MEMORY_BYTES_MAX, ..CacheLimits::default() };
        let files = OpenFiles::new(cache);
        let mut local = Local::new(Arc::new(site), files, limits, None, 0, clock::read());
        let (connection, client) = accepted(&mut local);
        Driven {
            connection,
            local,
            send_budget: SEND_BUDGET,
            client,
            verdict: Verdict::Sleep,
            looked_at: 0,
            folder,
        }
    }

    /// The same with threads, whose work is done when the test says so: [`Driven::works`].
    fn threaded(limits: Limits) -> Driven {
        let mut it = Driven::with(limits);
        let poll = mio::Poll::new().expect("descriptors are left");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("descriptors are left");
        it.local.threads = Some(Threads {
            disk: Arc::new(Pool::new("disk", 0, usize::MAX)),
            handlers: Arc::new(Pool::new("handler", 0, 1)),
            mailbox: Arc::new(Mailbox::new(waker)),
            spool_directory: Arc::from(it.folder.path.as_path()),
        });
        it
    }

    /// The threads do everything that they were given, and the letters arrive.
    fn works(&mut self) {
        for _ in 0..TURNS_MAX {
            let threads = self.local.threads.as_ref().expect("it is threaded");
            let worked = threads.disk.do_next() || threads.handlers.do_next();
            let letters = threads.mailbox.take();
            if !worked && letters.is_empty() {
                return;
            }
            for letter in letters {
                if let Letter::To(id, delivery) = letter
                    && id == self.connection.id()
                    && self.verdict != Verdict::Close
                {
                    self.is_told(delivery);
                }
            }
        }
        panic!("the threads work for ever");
    }

    /// A letter comes.
    fn is_told(&mut self, delivery: Delivery) {
        self.local.freshness = Freshness::Unknown;
        self.local.begin_turn(self.send_budget);
        self.verdict = self.connection.deliver(delivery, &mut self.local);
        self.check();
        self.goes_on();
    }

    /// Another client, the same worker.
    fn reconnects(&mut self) {
        (self.connection, self.client) = accepted(&mut self.local);
        self.verdict = Verdict::Sleep;
        self.looked_at = 0;
    }

    /// The client sends bytes and the connection goes as far as it can.
    fn receives(&mut self, bytes: impl AsRef<[u8]>) {
        let edge = self.client.send(bytes.as_ref());
        self.notes(edge);
    }

    /// The client closes its side.
    fn receives_fin(&mut self) {
        let edge = self.client.finish();
        self.notes(edge);
    }

    /// The client resets the connection.
    fn receives_reset(&mut self) {
        let edge = self.client.reset();
        self.notes(edge);
    }

    /// The client takes so many bytes more.
    fn takes(&mut self, bytes: usize) {
        let edge = self.client.make_room(bytes);
        self.notes(edge);
    }

    /// The client takes nothing for now but so many bytes.
    fn will_take(&mut self, bytes: usize) {
        self.client.limit(bytes);
    }

    /// As the worker does with an event.
    fn notes(&mut self, edge: Edge) {
        self.begins_with(edge);
        self.goes_on();
    }

    /// One drive for an event.
    fn begins_with(&mut self, edge: Edge) {
        if self.verdict != Verdict::Close {
            // A turn begins with the file changes.
            self.local.files.look();
            self.local.freshness = self.connection.note(edge);
            self.local.begin_turn(self.send_budget);
            self.verdict = self.connection.drive(&mut self.local);
            self.check();
        }
    }

    /// One more turn for a connection that was stopped for fairness.
    fn has_its_turn(&mut self) {
        assert_eq!(self.verdict, Verdict::Again);
        self.local.freshness = Freshness::Unknown;
        self.local.begin_turn(self.send_budget);
        self.verdict = self.connection.drive(&mut self.local);
        self.check();
    }

    fn goes_on(&mut self) {
        for _ in 0..TURNS_MAX {
            if self.verdict != Verdict::Again {
                return;
            }
            self.has_its_turn();
        }
        panic!("it goes on for ever {}", self.connection.state());
    }

    /// Time passes; a deadline that lies in it expires.
    fn advances(&mut self, time: Duration) {
        let now = self.local.clock.now();
        self.local.clock.set(Now { monotonic: now.monotonic + time, wall: now.wall + time });
        if self.verdict != Verdict::Close
            && self.connection.deadline() <= self.local.clock.monotonic()
        {
            self.local.freshness = Freshness::Unknown;
            self.local.begin_turn(self.send_budget);
            self.verdict = self.connection.expire(&mut self.local);
            self.check();
            self.goes_on();
        }
    }

    /// A letter says that the disk was read.
    fn is_warmed(&mut self) {
        self.is_told(Delivery::Warmed);
    }

    /// The worker is told to stop.
    fn is_told_to_stop(&mut self) {
        self.local.stage = Stage::Stopping;
    }

    /// What holds after every drive: nobody sleeps on a set flag, and every sleeper will be woken.
    fn check(&self) {
        if self.verdict != Verdict::Sleep {
            return;
        }
        let state = self.connection.state();
        match state {
            // The letter wakes it, and it reads on then.
            State::Waiting(_) => {}
            State::Sending => {
                assert!(!self.client.is_writable(), "asleep {state} with a writable client")
            }
            _ => assert!(
                !self.connection.transport().is_readable(),
                "asleep {state} with a readable client"
            ),
        }
        assert!(
            self.connection.deadline() > self.local.clock.monotonic(),
            "asleep {state} without a deadline to come"
        );
    }

    /// Waits in this state and has nothing left to do.
    fn sleeps(&self, state: State) {
        assert_eq!((self.verdict, self.connection.state()), (Verdict::Sleep, state));
    }

    /// How long it would go on waiting.
    fn patience(&self) -> Duration {
        self.connection.deadline().saturating_duration_since(self.local.clock.monotonic())
    }

    /// The client has got nothing since the test last looked.
    fn sends_nothing(&self) {
        assert_eq!(text(&self.client.sent()[self.looked_at..]), "");
    }

    /// The next response the client gets, which must be complete.
    fn sends(&mut self, status: u16) -> Reply {
        self.next_reply(status, Content::Announced)
    }

    /// The next response the client gets, which must be complete without content.
    fn sends_head_of(&mut self, status: u16) -> Reply {
        self.next_reply(status, Content::None)
    }

    fn next_reply(&mut self, status: u16, content: Content) -> Reply {
        let sent = self.client.sent();
        let (reply, length) = Reply::read(&sent[self.looked_at..], content)
            .unwrap_or_else(|| panic!("no {status} but {:?}", text(&sent[self.looked_at..])));
        assert_eq!(reply.status, status, "{}", reply.head);
        self.looked_at += length;
        reply
    }

    /// The client sees the end of the stream, after whole responses.
    fn is_closed(&self) {
        self.sends_nothing();
        let closing = self.verdict == Verdict::Close || self.client.end() == End::Finished;
        assert!(closing && self.client.end() != End::Broken, "not closed");
    }

    /// The connection is gone, and nothing that it sent can have been destroyed by its going.
    fn is_gone(&self) {
        assert_eq!(self.verdict, Verdict::Close);
        self.is_closed();
    }

    /// The connection is gone, and the client can tell that something is missing.
    fn is_broken_off(&self) {
        assert_eq!((self.verdict, self.client.end()), (Verdict::Close, End::Broken));
    }

    /// The connection waits for another request.
    fn is_kept(&self) {
        self.sends_nothing();
        self.sleeps(State::Idle);
        assert_eq!(self.client.end(), End::Open);
    }

    /// How long what stands between two parts is, of the response under way.
    fn multipart_preamble_bytes(&self) -> usize {
        let sent = text(&self.client.sent());
        let (_, content) = sent.split_once("\r\n\r\n").expect("the head is here");
        content.find("\r\n\r\n").expect("the first part is here") + 4
    }

    fn calls(&self) -> Calls {
        self.client.calls()
    }
}

fn accepted(local: &mut Local) -> (Connection<Script>, Script) {
    let client = Script::new();
    let connection = Connection::new(ConnectionId::new(1, 1), None, client.clone(), local);
    (connection, client)
}

/// A response as a client reads it.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    content: Vec<u8>,
}

/// Whether content follows a head that announces it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Announced,
    None,
}

impl Reply {
    /// The response at the front and its length, if it is complete.
    fn read(bytes: &[u8], content: Content) -> Option<(Reply, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = text(&bytes[..end]);
        let status = head.get(9..12)?.parse().ok()?;
        let mut reply = Reply { status, head, content: Vec::new() };
        if content == Content::Announced && reply.header("Transfer-Encoding").is_some() {
            let rest = bytes.get(end..)?;
            let length = memmem::find(rest, b"0\r\n\r\n")? + 5;
            reply.content = rest[..length].to_vec();
            return Some((reply, end + length));
        }
        let length = match (content, reply.header("Content-Length")) {
            (Content::Announced, Some(length)) => length.parse().expect("a length is a number"),
            _ => 0,
        };
        reply.content = bytes.get(end..end + length)?.to_vec();
        Some((reply, end + length))
    }

    /// Has exactly this content, which is too long to be printed.
    #[track_caller]
    fn is(&self, content: &str) {
        assert!(self.content == content.as_bytes(), "other content");
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A handler that has to wait for the disk every other time that it is asked.
#[derive(Default)]
struct ColdOnce(AtomicBool);

impl Handler for ColdOnce {
    fn answer(&self, _request: &Request<'_>, _desk: &mut Desk<'_>) -> Answer {
        if self.0.fetch_not(Ordering::Relaxed) {
            Response::text("warm\n").into()
        } else {
            let file = File::open("/dev/null").expect("every Linux has it");
            Answer::Cold(Warmup::Piece { file: file.into(), range: 0..1, ahead_bytes: 0 })
        }
    }
}

/// Gives content back, at once.
fn mirror(_: &Request<'_>, content: &[u8]) -> Response {
    Response::bytes("text/plain", content.to_vec())
}

/// Gives content back, from a thread.
fn offload(request: OwnedRequest) -> OwnedResponse {
    let content = request.content.into_bytes(usize::MAX).expect("it is whole");
    OwnedResponse::bytes("text/plain", content)
}

/// Gives content back in capitals as it comes, from a thread.
fn shout(mut request: OwnedRequest) -> OwnedResponse {
    OwnedResponse::stream("text/plain", move |out| {
        let mut content = Vec::new();
        request.content.read_to_end(&mut content)?;
        out.write_all(&content.to_ascii_uppercase())
    })
}

/// A folder with the sample files, gone when it is dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("httpd-driven-{}-{number}", std::process::id());
        let folder = Folder { path: std::env::temp_dir().join(name) };
        fs::create_dir(&folder.path).expect("the name is new");
        folder.write("small.txt", "small\n");
        folder.write("middle.txt", &digits(MIDDLE_BYTES));
        folder.write("large.bin", &digits(LARGE_BYTES));
        folder
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that has rested for a day.
    fn write(&self, name: &str, contents: &str) {
        write_old(&self.path_of(name), contents);
    }
}

fn write_old(path: &Path, contents: &str) {
    fs::write(path, contents).expect("the folder is ours");
    let file = File::options().write(true).open(path);
    let a_day_ago = SystemTime::now() - Duration::from_secs(86_400);
    file.and_then(|file| file.set_modified(a_day_ago)).expect("the file is ours");
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `0123456789012…`, so that a byte that is missing or stands twice shows.
fn digits(length: usize) -> String {
    ('0'..='9').cycle().take(length).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a browser would send, in short.
fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

fn get(target: &str) -> String {
    request("GET", target, "")
}

/// Larger than what is copied behind a head, small enough to be kept in memory.
const MIDDLE_BYTES: usize = 5_000;
const IN_MEMORY_BYTES_MAX: u64 = 6_000;

/// Sent from its descriptor.
const LARGE_BYTES: usize = 12_500;

/// Content of a handler that is not copied behind its head.
const LONG_BYTES: usize = 4_500;

/// More turns than anything in here can need.
const TURNS_MAX: usize = 100_000;

/// More than any file of the sample site.
const SEND_BUDGET: usize = 512 * 1024;
