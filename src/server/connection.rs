//! THE state machine: one connection between its socket, its session and the site.
//!
//! ```text
//!         first byte            head complete, content announced
//!  Idle ──────────▶ Head ───────────────────────────────▶ Body
//!   ▲                │ head complete                        │ content taken in
//!   │                ├────────────────▶ answer ◀────────────┘
//!   │                │ refused            │ ▲ a thread's message
//!   │ all sent       ▼                    │ ▼
//!   └───────────── Sending ◀──────────────┘ Waiting (also in the midst of Body and Sending)
//!                    │ close, bytes unread
//!                    └────────────────▶ Lingering
//! ```
//!
//! States are named for what is waited for. It must never know mio's `Poll`, the slab, TOML or the
//! disk.

mod content;
mod ending;
mod sending;
mod waiting;

use super::context::WorkerContext;
use super::exchange::{Active, After, delimiter};
use super::id::ConnectionId;
use super::share::Share;
use super::state::{Awaited, Queue, Requests, State, Verdict};
use super::transport::{Edge, Read, Transport};
use crate::files::Disk;
use crate::http::Method;
use crate::http::h1::body::BodyEnd;
use crate::http::h1::write::{Delimiter, Persistence};
use crate::site::{Answer, Context, Freshness, RequestBody, Response};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// One step of the machine.
#[derive(PartialEq)]
enum Step {
    Next(State),
    Verdict(Verdict),
}

const SLEEP: Step = Step::Verdict(Verdict::Sleep);
const CLOSE: Step = Step::Verdict(Verdict::Close);

/// A connection. An idle one owns its socket and these fields, nothing else.
pub struct Connection<T> {
    id: ConnectionId,
    peer: Option<SocketAddr>,
    /// Which of the worker's listeners it came through.
    listener: u16,
    transport: T,
    state: State,
    active: Option<Box<Active>>,
    deadline: Instant,
    /// When the timer wheel will look at it; no later than the deadline.
    pub(super) hinted: Option<Instant>,
    /// When it began to wait for a thread.
    waits_since: Instant,
    /// When a lingering close ends in any case.
    linger_until: Instant,
    requests: Requests,
    pub(super) queue: Queue,
}

impl<T: Transport> Connection<T> {
    /// A connection fresh from accept.
    pub fn new(
        id: ConnectionId,
        peer: Option<SocketAddr>,
        listener: u16,
        transport: T,
        cx: &WorkerContext,
    ) -> Connection<T> {
        let now = cx.clock.monotonic();
        Connection {
            id,
            peer,
            listener,
            transport,
            state: State::Idle,
            active: None,
            deadline: now + cx.limits.head_timeout,
            hinted: None,
            waits_since: now,
            linger_until: now,
            requests: Requests::NoneYet,
            queue: Queue::Out,
        }
    }

    /// Its name.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// When it gives up waiting.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What it waits for.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it has served a request.
    pub fn requests(&self) -> Requests {
        self.requests
    }

    /// The stream, to register it.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Makes it give up at this time, if it would have waited longer.
    pub fn hurry(&mut self, until: Instant) {
        self.deadline = self.deadline.min(until);
    }

    /// Takes in an edge. Says what may be believed of the next request: bytes that epoll reported
    /// were there before the worker looked at the file changes.
    pub fn note(&mut self, edge: Edge) -> Freshness {
        self.transport.note(edge);
        match self.state {
            State::Idle | State::Head if edge.readable => Freshness::FirstKnown,
            _ => Freshness::Unknown,
        }
    }

    /// Goes as far as it can.
    pub fn drive(&mut self, cx: &mut WorkerContext) -> Verdict {
        cx.share = Share::new();
        let verdict = self.go(cx);
        cx.work_done = cx.work_done.saturating_add(cx.share.spent());
        verdict
    }

    fn go(&mut self, cx: &mut WorkerContext) -> Verdict {
        loop {
            let step = match self.state {
                State::Waiting(_) if self.transport.is_gone() => self.gone(),
                State::Idle => self.wake(cx),
                State::Head => self.read_head(cx),
                State::Body => self.take_content(cx),
                State::Waiting(Awaited::Production) => self.pump_and(cx, |_, _| SLEEP),
                State::Waiting(awaited) => self.yield_place(awaited, cx),
                State::Sending => self.pump_and(cx, Connection::send),
                State::Lingering => self.linger(cx),
            };
            match step {
                Step::Next(state) => self.state = state,
                Step::Verdict(verdict) => {
                    debug_assert!(
                        verdict != Verdict::Sleep
                            || self.state != State::Idle
                            || self.active.is_none()
                    );
                    return verdict;
                }
            }
        }
    }

    fn enter(&mut self, step: Step, cx: &mut WorkerContext) -> Verdict {
        match step {
            Step::Next(state) => {
                self.state = state;
                self.drive(cx)
            }
            Step::Verdict(verdict) => verdict,
        }
    }

    fn wake(&mut self, cx: &mut WorkerContext) -> Step {
        if !self.transport.is_readable() {
            return SLEEP;
        }
        self.active = Some(cx.spare.take());
        Step::Next(State::Head)
    }

    fn read_head(&mut self, cx: &mut WorkerContext) -> Step {
        loop {
            let Some(active) = &mut self.active else {
                return CLOSE;
            };
            if !active.inbox.is_empty() {
                // What is gathered stays so: it may be this very turn that goes on with it.
                if cx.share.is_used_up() {
                    return Step::Verdict(Verdict::Again);
                }
                if active.started.is_none() {
                    active.started = Some(cx.clock.monotonic());
                    self.deadline = cx.clock.monotonic() + cx.limits.head_timeout;
                }
                match active.session.read_head(active.inbox.bytes(), &cx.head_limits) {
                    Ok(Some(length)) => return self.head_complete(length, cx),
                    Ok(None) => {}
                    Err(reject) => return self.refuse(reject, cx),
                }
            }
            if !active.outbox.is_empty() {
                self.deadline = cx.clock.monotonic() + cx.limits.send_timeout;
                return Step::Next(State::Sending);
            }
            if let Err(step) = self.receive(cx) {
                return step;
            }
        }
    }

    /// Reads once. An error is the step to take when no bytes came.
    fn receive(&mut self, cx: &mut WorkerContext) -> Result<(), Step> {
        let Some(active) = &mut self.active else {
            return Err(CLOSE);
        };
        if cx.share.is_used_up() && self.transport.is_readable() {
            return Err(Step::Verdict(Verdict::Again));
        }
        // Only what the first read of a turn brings can have been reported by epoll.
        if !cx.share.has_read_nothing() {
            cx.freshness = Freshness::Unknown;
        }
        cx.share.spend_read();
        match self.transport.read(active.inbox.room(cx.limits.head_bytes_max)) {
            Ok(Read::Bytes(count)) => {
                active.inbox.arrived(count);
                cx.share.spend_bytes(count as u64);
                Ok(())
            }
            Ok(Read::Blocked) if self.state == State::Head && active.inbox.is_empty() => {
                Err(self.fall_idle(cx))
            }
            Ok(Read::Blocked) => {
                active.inbox.shrink();
                Err(SLEEP)
            }
            // Content has broken off; the answers to the requests before it are still wanted.
            Ok(Read::End) if !active.outbox.is_empty() => {
                active.begin_next();
                active.after = After::Close;
                Err(Step::Next(State::Sending))
            }
            Ok(Read::End) => {
                if !active.inbox.is_empty() {
                    log::debug!("{}: closed by the client while {}", self.name(), self.state);
                }
                Err(CLOSE)
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Nothing has begun: buffers go back to the worker.
    fn fall_idle(&mut self, cx: &mut WorkerContext) -> Step {
        if let Some(active) = self.active.take() {
            cx.spare.give(active);
        }
        self.state = State::Idle;
        if self.requests == Requests::Some {
            self.deadline = cx.clock.monotonic() + cx.limits.keepalive_timeout;
            if cx.is_stopping() {
                return CLOSE;
            }
        }
        SLEEP
    }

    /// Asks the site, or hands it what a thread has answered, and queues what it makes of it.
    fn answer(&mut self, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        let disk = if active.prefetches < PREFETCHES_MAX { cx.disk() } else { Disk::MayBlock };
        // Filled in its place: a response is large, and would be moved on its way out of the catch.
        let mut answer = None;
        match active.session.request(active.inbox.bytes(), self.peer) {
            Ok(mut request) => {
                request.listener = cx.listening_at(self.listener);
                let mut context = Context {
                    files: &mut cx.files,
                    freshness: &mut cx.freshness,
                    now: cx.clock.now(),
                    disk,
                    scratch: &mut cx.scratch,
                    ranges_max: cx.limits.ranges_max,
                    content: &mut active.content,
                };
                let (site, answered) = (&cx.site, &mut active.answered);
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    answer = Some(match answered {
                        None => site.answer(&mut request, &mut context),
                        _ => site.deliver(answered, &request, &mut context),
                    });
                }));
                // What it says is told by the hook for panics.
                drop(caught);
            }
            Err(reject) => return self.refuse(reject, cx),
        }
        match answer.unwrap_or_else(|| self.panicked(cx)) {
            Answer::Ready(response) => self.finish_answer(response, cx),
            Answer::Cold(prefetch) => {
                if let Some(active) = &mut self.active {
                    active.prefetches += 1;
                }
                cx.read(self.id, prefetch);
                self.wait_for(Awaited::Lookup, cx)
            }
            Answer::Blocking(job) => self.hand_over(job, cx),
            Answer::Forward(forward) => self.forward(forward, cx),
        }
    }

    /// Queues the answer to the request at hand, and decides what comes after it.
    fn finish_answer(&mut self, response: Response, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        let complete = active.session.body_end() == BodyEnd::Reached;
        let delimiter = delimiter(&response.body, active.session.head().version);
        let persistence = match active.session.persistence() {
            Persistence::KeepAlive
                if complete && delimiter != Delimiter::Close && !cx.is_stopping() =>
            {
                Persistence::KeepAlive
            }
            _ => Persistence::Close,
        };
        self.queue(response, persistence, cx);
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        if !complete && active.streams_content() {
            // Its handler may still read; see `pump_content`.
            active.after = After::Linger;
            return Step::Next(State::Sending);
        }
        active.inbox.consume(active.head_bytes.max(active.body_end));
        active.inbox.narrow();
        if let RequestBody::Spooled(spool) = std::mem::take(&mut active.content) {
            cx.drop_elsewhere(spool);
        }
        active.begin_next();
        cx.freshness = cx.freshness.after_request();
        match persistence {
            Persistence::Close => {
                let unread = !active.inbox.is_empty() || self.transport.is_readable();
                active.after = if complete && !unread { After::Close } else { After::Linger };
                Step::Next(State::Sending)
            }
            Persistence::KeepAlive if active.outbox.has_room() => Step::Next(State::Head),
            Persistence::KeepAlive => Step::Next(State::Sending),
        }
    }

    fn queue(&mut self, response: Response, persistence: Persistence, cx: &mut WorkerContext) {
        if let Some(active) = &mut self.active {
            cx.share.spend_request();
            if active.session.head().method != Method::Head {
                cx.share.spend_bytes(response.body.length().unwrap_or(0));
            }
            active.queue(response, persistence, self.peer, cx);
        }
        self.requests = Requests::Some;
        self.deadline = cx.clock.monotonic() + cx.limits.send_timeout;
    }
}

/// How often a request is asked again after the disk was read for it; then the worker waits itself,
/// so that a disk cache under pressure cannot hold it up for ever.
const PREFETCHES_MAX: u8 = 1;
