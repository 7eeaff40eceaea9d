//! The real [`Connection`] driven over a [`Script`] and a clock that a test moves: no sockets, no threads, no
//! sleeping (RFC 9112 §8–9 and the bounds of [`Limits`]).
//!
//! [`Driven`] does for one connection what the worker does for all: it hands in edges, drives the connection again
//! while the verdict is `Again`, and lets deadlines expire. After each drive it checks the invariants of the machine,
//! whatever the test is about.

mod reply;
pub(super) mod sample;
pub(super) mod script;

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod files;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod offloaded;
#[cfg(test)]
mod overflow;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod pipelining;
#[cfg(test)]
pub(super) mod random;
#[cfg(test)]
mod senders;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod timeouts;

#[cfg(any(feature = "cli", feature = "fuzzing"))]
mod any_bytes;
#[cfg(any(feature = "cli", feature = "fuzzing"))]
mod any_frames;
#[cfg(any(feature = "cli", feature = "fuzzing"))]
pub use any_bytes::connection;
#[cfg(any(feature = "cli", feature = "fuzzing"))]
pub use any_frames::http2;

use super::clock;
use super::connection::{Connection, Phase, Verdict};
use super::context::{Setup, Threads, WorkerContext};
use super::exchange::{Awaited, ExchangeState};
use super::handler_runs::HandlerJobs;
use super::id::{ConnectionId, ExchangeId};
use super::limits::Limits;
use super::mailbox::{Completion, Mailbox, Message};
use super::pool::Pool;
use super::share::Share;
use super::wire::{Edge, Transport};
use crate::files::{CacheLimits, Now, OpenFiles};
use reply::Reply;
use sample::{IN_MEMORY_BYTES_MAX, LARGE_BYTES, LONG_BYTES, MIDDLE_BYTES, SampleFolder};
use script::{KernelCalls, Script, StreamEnd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A connection, its client, and what the worker lends to it.
struct Driven {
    connection: Connection<Script>,
    cx: WorkerContext,
    /// Bytes of files that may be sent each time that the connection is driven.
    send_budget: usize,
    client: Script,
    /// How many connections there were before this one.
    connections: u32,
    verdict: Verdict,
    /// How much of what was sent the test has looked at.
    looked_at: usize,
    /// Whether threads do a job as soon as they get it.
    works_at_once: bool,
    /// What was done in the last turn, in the currency of [`Share`].
    work_done: u32,
    folder: SampleFolder,
}

impl Driven {
    /// A fresh connection to the sample site, with the default limits.
    fn new() -> Driven {
        Driven::with(Limits::default())
    }

    /// The same within these limits. Threads do each job at once.
    fn with(limits: Limits) -> Driven {
        Driven { works_at_once: true, ..Driven::threaded(limits) }
    }

    /// The same with threads that do their jobs when the test calls: [`Driven::works`].
    fn threaded(limits: Limits) -> Driven {
        let folder = SampleFolder::new();
        let cache = CacheLimits::default().contents_bytes_max(IN_MEMORY_BYTES_MAX);
        let poll = mio::Poll::new().expect("descriptors are left");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("descriptors are left");
        let threads = Threads {
            disk: Arc::new(Pool::new("disk", 0, usize::MAX)),
            handlers: Arc::new(Pool::new("handler", 0, 1)),
            status: Arc::new(Pool::new("status", 0, 1)),
            encoders: Arc::default(),
            handler_jobs: HandlerJobs::new(&Arc::default(), 0),
            mailbox: Arc::new(Mailbox::new(waker)),
            spool_directory: Arc::from(folder.path.as_path()),
        };
        let setup = Setup::new(Arc::new(sample::site(&folder)), limits);
        let files = OpenFiles::new(cache);
        let mut cx = WorkerContext::new(setup, files, None, threads, 0, clock::read());
        let (connection, client) = accepted(0, &mut cx);
        Driven {
            connection,
            cx,
            send_budget: SEND_BUDGET,
            client,
            connections: 0,
            verdict: Verdict::Sleep,
            looked_at: 0,
            works_at_once: false,
            work_done: 0,
            folder,
        }
    }

    /// The threads do all their jobs, and the messages arrive.
    fn works(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.works_once() {
                return;
            }
        }
        panic!("the threads work for ever");
    }

    /// The threads do one job, and the messages arrive. `false`: there are none of either.
    fn works_once(&mut self) -> bool {
        let threads = &self.cx.threads;
        let worked = threads.disk.do_next() || threads.handlers.do_next();
        let messages = threads.mailbox.take();
        let mut woken = VecDeque::new();
        threads.mailbox.take_woken(&mut woken);
        let has_done = worked || !messages.is_empty() || !woken.is_empty();
        for id in woken {
            if id.connection == self.connection.id() && self.verdict != Verdict::Close {
                self.completes_for(id, Completion::Moved);
            }
        }
        for message in messages {
            if let Message::To(id, completion) = message
                && id.connection == self.connection.id()
                && self.verdict != Verdict::Close
            {
                self.completes_for(id, completion);
            }
        }
        has_done
    }

    /// A message comes for the one exchange of HTTP/1.
    fn completes(&mut self, completion: Completion) {
        self.completes_for(self.connection.id().into(), completion);
    }

    /// A message comes.
    fn completes_for(&mut self, id: ExchangeId, completion: Completion) {
        let verdict =
            self.acts(|connection, share, cx| connection.complete(id, completion, share, cx));
        // One that can go on stays in its queue, whatever else comes.
        if (self.verdict, verdict) != (Verdict::Again, Verdict::Sleep) {
            self.verdict = verdict;
        }
        self.check();
        self.goes_on();
    }

    /// One turn of the connection.
    fn turn(
        &mut self,
        action: impl FnOnce(&mut Connection<Script>, &mut Share, &mut WorkerContext) -> Verdict,
    ) {
        self.verdict = self.acts(action);
        self.check();
    }

    fn acts(
        &mut self,
        action: impl FnOnce(&mut Connection<Script>, &mut Share, &mut WorkerContext) -> Verdict,
    ) -> Verdict {
        let mut share = Share::new(self.send_budget, self.send_budget);
        let verdict = action(&mut self.connection, &mut share, &mut self.cx);
        self.work_done = share.spent();
        verdict
    }

    /// Another client, the same worker.
    fn reconnects(&mut self) {
        self.connections += 1;
        (self.connection, self.client) = accepted(self.connections, &mut self.cx);
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
            self.connection.note(edge);
            self.turn(Connection::drive);
        }
    }

    /// One more turn for a connection that was stopped for fairness.
    fn has_its_turn(&mut self) {
        assert_eq!(self.verdict, Verdict::Again);
        self.turn(Connection::drive);
    }

    fn goes_on(&mut self) {
        for _ in 0..TURNS_MAX {
            if self.verdict != Verdict::Again {
                if self.works_at_once {
                    self.works();
                }
                return;
            }
            self.has_its_turn();
        }
        panic!("it goes on for ever {}", self.connection.phase());
    }

    /// Time passes; a deadline within it expires.
    fn advances(&mut self, time: Duration) {
        let now = self.cx.clock.now();
        self.cx.clock.set(Now { monotonic: now.monotonic + time, wall: now.wall + time });
        if self.verdict != Verdict::Close && self.connection.deadline() <= self.cx.clock.monotonic()
        {
            self.turn(Connection::expire);
            self.goes_on();
        }
    }

    /// A message says that the disk was read.
    fn is_prefetched(&mut self) {
        self.completes(Completion::Prefetched);
    }

    /// The worker begins to stop.
    fn is_stopped(&mut self) {
        self.cx.is_stopping = true;
        let before = self.verdict;
        let silent_until = self.cx.clock.monotonic() + Duration::from_secs(1);
        if before != Verdict::Close {
            self.turn(|connection, share, cx| connection.stop(silent_until, share, cx));
            if self.verdict == Verdict::Sleep {
                self.verdict = before;
            }
            self.goes_on();
        }
    }

    /// Checks what holds after every drive: a connection never sleeps on a set flag, and something will wake it.
    fn check(&self) {
        if self.verdict != Verdict::Sleep {
            return;
        }
        let state = self.connection.phase();
        match state {
            // The message wakes it, and it reads on then.
            Phase::In(ExchangeState::Waiting(_)) => {}
            Phase::In(ExchangeState::Sending) => {
                assert!(self.client.wants_write(), "asleep {state} with a writable client")
            }
            // The end of the stream stays to be read.
            _ => assert!(
                !self.client.has_unread()
                    || self.client.is_half_closed() && self.client.unread_bytes() == 0,
                "asleep {state} with a readable client"
            ),
        }
        assert!(
            self.connection.deadline() > self.cx.clock.monotonic(),
            "asleep {state} without a deadline to come"
        );
    }

    /// Waits in this state and has nothing left to do.
    fn sleeps(&self, phase: impl Into<Phase>) {
        assert_eq!((self.verdict, self.connection.phase()), (Verdict::Sleep, phase.into()));
    }

    /// How long it would go on waiting.
    fn patience(&self) -> Duration {
        self.connection.deadline().saturating_duration_since(self.cx.clock.monotonic())
    }

    /// The client has got nothing since the test last looked.
    fn sends_nothing(&self) {
        assert_eq!(text(&self.client.sent()[self.looked_at..]), "");
    }

    /// The next response that the client gets, which must be complete.
    fn sends(&mut self, status: u16) -> Reply {
        self.next_reply(status, true)
    }

    /// The next response that the client gets, which must be complete without a body.
    fn sends_head_of(&mut self, status: u16) -> Reply {
        self.next_reply(status, false)
    }

    fn next_reply(&mut self, status: u16, has_body: bool) -> Reply {
        let sent = self.client.sent();
        let (reply, length) = Reply::read(&sent[self.looked_at..], has_body)
            .unwrap_or_else(|| panic!("no {status} but {:?}", text(&sent[self.looked_at..])));
        assert_eq!(reply.status, status, "{}", reply.head);
        self.looked_at += length;
        reply
    }

    /// The client sees the end of the stream, after whole responses.
    fn is_closed(&self) {
        self.sends_nothing();
        let closing = self.verdict == Verdict::Close || self.client.end() == StreamEnd::Finished;
        assert!(closing && self.client.end() != StreamEnd::Broken, "not closed");
    }

    /// The connection is gone, and nothing that it sent can have been destroyed by its going.
    fn is_gone(&self) {
        assert_eq!(self.verdict, Verdict::Close);
        self.is_closed();
    }

    /// The connection is gone, and the client can tell that something is missing.
    fn is_broken_off(&self) {
        assert_eq!((self.verdict, self.client.end()), (Verdict::Close, StreamEnd::Broken));
    }

    /// The connection waits for another request.
    fn is_kept(&self) {
        self.sends_nothing();
        self.sleeps(Phase::Idle);
        assert_eq!(self.client.end(), StreamEnd::Open);
    }

    /// How long what stands between two parts is, of the response under way.
    fn multipart_preamble_bytes(&self) -> usize {
        let sent = text(&self.client.sent());
        let (_, body) = sent.split_once("\r\n\r\n").expect("the head is here");
        body.find("\r\n\r\n").expect("the first part is here") + 4
    }

    fn calls(&self) -> KernelCalls {
        self.client.calls()
    }
}

/// The connection of this generation, so that no message for an earlier one reaches it.
fn accepted(generation: u32, cx: &mut WorkerContext) -> (Connection<Script>, Script) {
    let client = Script::new();
    let connection = Connection::new(ConnectionId::new(1, generation), None, 0, client.clone(), cx);
    (connection, client)
}

/// `0123456789012…`, so that a missing or repeated byte shows.
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
