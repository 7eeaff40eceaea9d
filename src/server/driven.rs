//! The real [`Connection`] driven over a [`Script`] and a clock that stands still until it is told
//! to move: no sockets, no threads, no sleeping (RFC 9112 §8–9 and the bounds of [`Limits`]).
//!
//! [`Driven`] does for one connection what the worker does for all: it hands in edges, drives again
//! while the verdict is `Again`, and lets deadlines expire. After each drive it holds the invariants
//! of the machine, whatever the case is about.

mod reply;
mod sample;
mod script;

#[cfg(test)]
mod content;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod files;
#[cfg(test)]
mod offloaded;
#[cfg(test)]
mod overflow;
#[cfg(test)]
mod pipelining;
#[cfg(test)]
mod random;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod timeouts;

#[cfg(any(feature = "cli", feature = "fuzzing"))]
mod any_bytes;
#[cfg(any(feature = "cli", feature = "fuzzing"))]
pub use any_bytes::connection;

use super::clock;
use super::connection::Connection;
use super::context::{Stage, Threads, WorkerContext};
use super::id::ConnectionId;
use super::limits::Limits;
use super::mailbox::{Completion, Mailbox, Message};
use super::pool::Pool;
use super::state::{Awaited, State, Verdict};
use super::transport::{Edge, Transport};
use crate::files::{CacheLimits, Now, OpenFiles};
use crate::site::Freshness;
use reply::{Content, Reply};
use sample::{Folder, IN_MEMORY_BYTES_MAX, LARGE_BYTES, LONG_BYTES, MIDDLE_BYTES};
use script::{Calls, End, Script};
use std::sync::Arc;
use std::time::Duration;

/// A connection, its client, and the worker's belongings.
struct Driven {
    connection: Connection<Script>,
    cx: WorkerContext,
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
        let cache =
            CacheLimits { contents_bytes_max: IN_MEMORY_BYTES_MAX, ..CacheLimits::default() };
        let files = OpenFiles::new(cache);
        let mut cx = WorkerContext::new(
            Arc::new(sample::site(&folder)),
            files,
            limits,
            None,
            0,
            clock::read(),
        );
        let (connection, client) = accepted(&mut cx);
        Driven {
            connection,
            cx,
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
        it.cx.threads = Some(Threads {
            disk: Arc::new(Pool::new("disk", 0, usize::MAX)),
            handlers: Arc::new(Pool::new("handler", 0, 1)),
            mailbox: Arc::new(Mailbox::new(waker)),
            spool_directory: Arc::from(it.folder.path.as_path()),
        });
        it
    }

    /// The threads do everything that they were given, and the messages arrive.
    fn works(&mut self) {
        for _ in 0..TURNS_MAX {
            let threads = self.cx.threads.as_ref().expect("it is threaded");
            let worked = threads.disk.do_next() || threads.handlers.do_next();
            let messages = threads.mailbox.take();
            if !worked && messages.is_empty() {
                return;
            }
            for message in messages {
                if let Message::To(id, delivery) = message
                    && id == self.connection.id()
                    && self.verdict != Verdict::Close
                {
                    self.is_told(delivery);
                }
            }
        }
        panic!("the threads work for ever");
    }

    /// A message comes.
    fn is_told(&mut self, delivery: Completion) {
        self.cx.freshness = Freshness::Unknown;
        self.cx.begin_turn(self.send_budget, self.send_budget);
        self.verdict = self.connection.deliver(delivery, &mut self.cx);
        self.check();
        self.goes_on();
    }

    /// Another client, the same worker.
    fn reconnects(&mut self) {
        (self.connection, self.client) = accepted(&mut self.cx);
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
            self.cx.files.look();
            self.cx.freshness = self.connection.note(edge);
            self.cx.begin_turn(self.send_budget, self.send_budget);
            self.verdict = self.connection.drive(&mut self.cx);
            self.check();
        }
    }

    /// One more turn for a connection that was stopped for fairness.
    fn has_its_turn(&mut self) {
        assert_eq!(self.verdict, Verdict::Again);
        self.cx.freshness = Freshness::Unknown;
        self.cx.begin_turn(self.send_budget, self.send_budget);
        self.verdict = self.connection.drive(&mut self.cx);
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
        let now = self.cx.clock.now();
        self.cx.clock.set(Now { monotonic: now.monotonic + time, wall: now.wall + time });
        if self.verdict != Verdict::Close && self.connection.deadline() <= self.cx.clock.monotonic()
        {
            self.cx.freshness = Freshness::Unknown;
            self.cx.begin_turn(self.send_budget, self.send_budget);
            self.verdict = self.connection.expire(&mut self.cx);
            self.check();
            self.goes_on();
        }
    }

    /// A message says that the disk was read.
    fn is_prefetched(&mut self) {
        self.is_told(Completion::Prefetched);
    }

    /// The worker is told to stop.
    fn is_told_to_stop(&mut self) {
        self.cx.stage = Stage::Stopping;
    }

    /// What holds after every drive: nobody sleeps on a set flag, and every sleeper will be woken.
    fn check(&self) {
        if self.verdict != Verdict::Sleep {
            return;
        }
        let state = self.connection.state();
        match state {
            // The message wakes it, and it reads on then.
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
            self.connection.deadline() > self.cx.clock.monotonic(),
            "asleep {state} without a deadline to come"
        );
    }

    /// Waits in this state and has nothing left to do.
    fn sleeps(&self, state: State) {
        assert_eq!((self.verdict, self.connection.state()), (Verdict::Sleep, state));
    }

    /// How long it would go on waiting.
    fn patience(&self) -> Duration {
        self.connection.deadline().saturating_duration_since(self.cx.clock.monotonic())
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

fn accepted(cx: &mut WorkerContext) -> (Connection<Script>, Script) {
    let client = Script::new();
    let connection = Connection::new(ConnectionId::new(1, 1), None, 0, client.clone(), cx);
    (connection, client)
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

/// More turns than anything in here can need.
const TURNS_MAX: usize = 100_000;

/// More than any file of the sample site.
const SEND_BUDGET: usize = 512 * 1024;
