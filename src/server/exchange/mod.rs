//! One request and its response, whatever carries it.
//!
//! ```text
//!          body announced
//!  Head ───────────────────▶ Body
//!   │ complete                │ all of it is here
//!   └────────▶ Answer ◀───────┘
//!                │ ▲ a thread or an application has answered
//!                │ └──────── Waiting (also in the midst of Body and Sending)
//!                ▼
//!             Sending
//! ```
//!
//! The protocol that carries it ([`http1`](super::connection::http1)) moves it from state to state, hands in the bytes
//! of the request's body, and pulls those of the response's out of [`BodySource`]. It must never know a socket, a
//! version of HTTP, or how anything is framed.

pub(crate) mod body_sink;
pub(crate) mod body_source;
mod encoding;
mod file_piece;
mod overflow;
mod pace;
mod parts;
mod resting;
mod slow;
pub(crate) mod state;
mod stream;
mod terms;
mod waiting;

pub(crate) use body_sink::BodySink;
pub(crate) use body_source::{BodySource, Chunk};
pub(crate) use encoding::{EncodedPiece, PieceEncoding};
pub(crate) use overflow::{Backlog, BacklogWritten, Room};
pub(crate) use resting::RestingExchange;
pub(crate) use state::{Awaited, ExchangeState};
pub(crate) use terms::BodyTerms;
pub(crate) use waiting::{Expired, Resumed};

use super::client_name::ClientName;
use super::context::{PendingJob, Setup, WorkerContext};
use super::id::ExchangeId;
use super::limits::Limits;
use crate::files::{Disk, Prefetch, SpoolPlace};
use crate::http::{Reject, RequestHead, Status};
use crate::site::{
    self, Answer, Body, BodyPolicy, BodyStore, BodyUse, Context, Decision, Freshness, Leading,
    RequestBody, Response, Route,
};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A request's life. It is cleared and used again for the next request of its connection.
pub(crate) struct Exchange {
    pub id: ExchangeId,
    /// Only the protocol that carries it changes it.
    pub state: ExchangeState,
    /// Its site and bounds, even if a later request gets others.
    setup: Rc<Setup>,
    /// Where the request goes. Found when its head is complete.
    route: Option<Route>,
    sink: BodySink,
    bounds: BodyBounds,
    /// Whether a body was announced, and it is not known yet whether the request may go on: nothing of it is read.
    is_asking: bool,
    /// How much of the request body has come.
    received_bytes: u64,
    /// When the request body began, moved on by the time that the server itself has taken since.
    body_began: Option<Instant>,
    /// The request body, once all of it is here and until a handler takes it.
    request_body: RefCell<RequestBody>,
    /// The job of a thread that finds its response.
    work: Option<PendingJob>,
    /// The response that a thread or an application has found.
    answered: Option<Response>,
    /// How often it has waited for the disk.
    prefetches: u8,
    /// Whether it has waited for a file to be compressed.
    has_waited_for_encoding: bool,
    /// How long the backend that it was forwarded to may take.
    backend_timeout: Option<Duration>,
    /// Whether a function of the program was called on the worker for it, and its time not looked at yet.
    ran_function: bool,
    /// When it began to wait for a thread or an application.
    waits_since: Option<Instant>,
    /// What is left to send of the response's body.
    pub body: BodySource,
}

/// How large a request body may be, and which key sets that bound.
#[derive(Clone, Copy, Default)]
struct BodyBounds {
    bytes_max: u64,
    /// The key of the configuration, for the log. `None`: a handler sets the bound.
    key: Option<&'static str>,
}

/// What a request head says of the body behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Its length. `None`: its framing will show its end.
    pub bytes: Option<u64>,
    /// Whether the client waits for an interim response before it sends the body (RFC 9110 §10.1.1).
    pub asks_first: bool,
}

/// What becomes of an announced body.
pub(crate) enum Begin {
    /// It is read, and then the site is asked.
    Receive,
    /// It is read while the site is asked.
    Stream,
    /// Nothing of it is read now: the client waits for 100 and no handler wants the body, or it is not known yet whether
    /// the request may go on. The site is asked.
    Answer,
    /// Nothing of it is read. This is the response.
    Refuse(Box<Response>),
    /// It is too large.
    TooLarge,
}

/// What the site makes of a request.
#[expect(clippy::large_enum_variant, reason = "nearly every response is ready, and goes by value")]
pub(crate) enum Answered {
    /// This is the response.
    Ready(Response),
    /// A thread or an application finds the response.
    Waits(Awaited),
    /// It is known whether the request may go on: the body that it announces begins, by [`Exchange::begin`].
    Begins,
    /// The client has gone.
    Gone,
}

/// What an exchange needs from the connection that carries it.
pub(crate) trait Carrier {
    /// Asks the kernel whether the client has gone.
    fn client_has_gone(&mut self) -> bool;

    /// The client, as the log names it.
    fn name(&self) -> ClientName;
}

impl Exchange {
    /// An exchange before its head.
    pub(crate) fn new(id: ExchangeId, setup: &Rc<Setup>) -> Exchange {
        Exchange {
            id,
            state: ExchangeState::Head,
            setup: Rc::clone(setup),
            route: None,
            sink: BodySink::Discard,
            bounds: BodyBounds::default(),
            is_asking: false,
            received_bytes: 0,
            body_began: None,
            request_body: RefCell::default(),
            work: None,
            answered: None,
            prefetches: 0,
            has_waited_for_encoding: false,
            backend_timeout: None,
            waits_since: None,
            ran_function: false,
            body: BodySource::default(),
        }
    }

    /// The first byte of a request is here: the request gets the setup of this moment.
    pub(crate) fn begin_head(&mut self, setup: &Rc<Setup>) {
        if !Rc::ptr_eq(&self.setup, setup) {
            self.setup = Rc::clone(setup);
        }
    }

    /// Its bounds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// The setup that it keeps from its first byte to its last.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The response is known, and the request is not needed any more.
    pub(crate) fn end_request(&mut self, cx: &WorkerContext) {
        if let RequestBody(BodyStore::Spooled(spool)) = self.request_body.take() {
            cx.drop_elsewhere(spool);
        }
        self.forget_request();
    }

    /// Forgets the request. The body of its response stays.
    pub(crate) fn forget_request(&mut self) {
        self.route = None;
        self.sink = BodySink::Discard;
        self.is_asking = false;
        self.received_bytes = 0;
        self.body_began = None;
        *self.request_body.get_mut() = RequestBody::default();
        self.work = None;
        self.answered = None;
        self.prefetches = 0;
        self.has_waited_for_encoding = false;
        self.backend_timeout = None;
        self.waits_since = None;
    }

    /// The head of a request with a body is here: decides what becomes of the body before a byte of it is read. Where a
    /// thread has to find out first whether the request may go on, this is called again after that.
    pub(crate) fn begin(
        &mut self,
        head: &RequestHead<'_>,
        announced: Announced,
        cx: &WorkerContext,
    ) -> Begin {
        let setup = &self.setup;
        let route = self.route.get_or_insert_with(|| setup.site.route_of(head));
        // The response is known already: a small body is thrown away, so that the connection can go on.
        if announced.bytes.is_some_and(|bytes| bytes > setup.limits.body_discard_bytes_max)
            && let Some(response) = route.take_response()
        {
            return Begin::Refuse(Box::new(self.finish(*response)));
        }
        self.is_asking = route.has_check();
        if self.is_asking {
            return Begin::Answer;
        }
        let policy = match self.answered {
            Some(_) => BodyPolicy::discard(),
            None => setup.site.body_policy(route, head),
        };
        self.bounds.key = policy.key();
        let limits = &setup.limits;
        let (sink, bytes_max) = match policy.0 {
            BodyUse::Discard => (BodySink::Discard, limits.body_discard_bytes_max),
            BodyUse::Refuse(response) => {
                return Begin::Refuse(Box::new(self.finish(*response)));
            }
            BodyUse::Memory { bytes_max } => {
                (BodySink::collect(usize::MAX, SpoolPlace::Temporary), bytes_max)
            }
            BodyUse::Collect { bytes_max, memory_bytes_max, place } => {
                let usual = limits.body_memory_bytes_max;
                let memory_bytes_max = memory_bytes_max.map_or(usual, |its| its.min(usual));
                (BodySink::collect(memory_bytes_max, place), bytes_max)
            }
            BodyUse::Stream { bytes_max } => {
                let (inlet, reader) = cx.threads.pipe_to_thread(self.id);
                self.request_body.replace(RequestBody(BodyStore::Stream(reader)));
                (BodySink::Stream(inlet), bytes_max)
            }
        };
        self.bounds.bytes_max = bytes_max;
        if announced.bytes.is_some_and(|bytes| bytes > bytes_max) {
            return if self.is_refused() { Begin::Answer } else { Begin::TooLarge };
        }
        // A client that waits for 100 gets its response at once if no handler wants its body.
        if announced.asks_first && matches!(sink, BodySink::Discard) {
            return Begin::Answer;
        }
        self.sink = sink;
        self.body_began = Some(cx.clock.monotonic());
        if self.streams_body() { Begin::Stream } else { Begin::Receive }
    }

    /// Whether its response is known before its body, which is thrown away.
    pub(crate) fn is_refused(&self) -> bool {
        let is_decided = self.route.as_ref().is_some_and(Route::is_decided);
        matches!(self.sink, BodySink::Discard) && (is_decided || self.answered.is_some())
    }

    /// How much of the body it takes before a thread has to make room.
    pub(crate) fn room(&self) -> usize {
        self.sink.room()
    }

    /// Takes in a part of the body, no more than there is room for.
    ///
    /// # Errors
    /// If the body is larger than it may be.
    pub(crate) fn receive(&mut self, data: &[u8]) -> Result<(), Reject> {
        self.received_bytes += data.len() as u64;
        if self.received_bytes > self.bounds.bytes_max {
            return Err(Reject::BodyTooLarge);
        }
        self.sink.push(data);
        Ok(())
    }

    /// The body is complete: returns the next state.
    pub(crate) fn body_complete(&mut self, cx: &WorkerContext) -> ExchangeState {
        if let Some((on_disk, bytes)) = self.sink.take_due(body_sink::Due::AtEnd) {
            cx.threads.write(self.id, on_disk, bytes);
            return self.wait_for(Awaited::Write, cx);
        }
        if self.streams_body() {
            // Its handler was asked when the body began.
            self.sink.finish();
            return self.wait_for(Awaited::Answer, cx);
        }
        self.request_body.replace(self.sink.finish());
        ExchangeState::Answer
    }

    /// The end of a body whose handler has responded already.
    pub(crate) fn finish_stream(&mut self) {
        self.sink.finish();
    }

    /// A body that its handler reads is broken: the handler's next read fails.
    pub(crate) fn break_stream(&mut self) {
        self.sink = BodySink::Discard;
    }

    /// There is no room for more of the body: waits until a thread has made some.
    pub(crate) fn make_room(&mut self, cx: &WorkerContext) -> ExchangeState {
        match self.sink.take_due(body_sink::Due::WhenFull) {
            Some((on_disk, bytes)) => {
                cx.threads.write(self.id, on_disk, bytes);
                self.wait_for(Awaited::Write, cx)
            }
            None => self.wait_for(Awaited::Room, cx),
        }
    }

    /// Whether a handler reads the body while it arrives.
    pub(crate) fn streams_body(&self) -> bool {
        self.sink.is_stream()
    }

    /// RFC 9110 §15.5.9: a body has `body_timeout`, and longer the more has come. The time that the server itself takes
    /// does not count.
    pub(crate) fn body_deadline(&self, cx: &WorkerContext) -> Instant {
        let limits = &self.setup.limits;
        let earned = self.received_bytes / limits.body_rate_min_bytes.max(1);
        let allowance = limits.body_timeout + Duration::from_secs(earned.min(A_YEAR));
        self.body_began.unwrap_or(cx.clock.monotonic()) + allowance
    }

    /// The bound of the body that was exceeded, and what sets it.
    pub(crate) fn body_bound(&self) -> (u64, &'static str) {
        (self.bounds.bytes_max, self.bounds.key.unwrap_or("body_bytes_max of its handler"))
    }

    /// Asks the site, or takes the response that a thread or an application has found.
    pub(crate) fn answer(
        &mut self,
        head: &RequestHead<'_>,
        freshness: &mut Freshness,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        let answered = match self.is_asking {
            true => self.ask(head, carrier, cx),
            false => self.find_answer(head, freshness, carrier, cx),
        };
        if std::mem::take(&mut self.ran_function) {
            self.name_slow_function(head, carrier, cx);
        }
        answered
    }

    /// Asks whether a request may go on whose body waits for that.
    #[cold]
    fn ask(
        &mut self,
        head: &RequestHead<'_>,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        site::take_passed(&mut self.answered);
        if self.answered.is_none() {
            let route = self.route.get_or_insert_with(|| self.setup.site.route_of(head));
            self.ran_function = route.has_functions();
            match self.setup.site.admit(route, head) {
                Some(Answer(Decision::Blocking(job))) => {
                    return self.hand_over(job, head, carrier, cx);
                }
                Some(Answer(Decision::Ready(response))) => self.answered = Some(response),
                Some(Answer(Decision::Cold(_) | Decision::Forward(_))) | None => {}
            }
        }
        self.is_asking = false;
        Answered::Begins
    }

    #[inline]
    fn find_answer(
        &mut self,
        head: &RequestHead<'_>,
        freshness: &mut Freshness,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        let route = self.route.get_or_insert_with(|| self.setup.site.route_of(head));
        let disk =
            if self.prefetches < PREFETCHES_MAX { Disk::MustNotBlock } else { Disk::MayBlock };
        // Assigned inside the closure: an answer is large, and returning it would move it once more.
        let mut answer = None;
        let mut context = Context {
            files: &mut cx.files,
            freshness,
            now: cx.clock.now(),
            disk,
            may_wait_for_encoding: !self.has_waited_for_encoding,
            scratch: &mut cx.scratch,
            ranges_max: self.setup.limits.ranges_max,
            ran_function: route.has_functions(),
            leading: Leading::default(),
        };
        let (site, body, answered) = (&self.setup.site, &self.request_body, &mut self.answered);
        site::take_passed(answered);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            answer = Some(match answered {
                None => site.answer(route, head, body, &mut context),
                _ => site::take_answer(answered, head, &mut context),
            });
        }));
        // The panic hook has logged the message.
        drop(caught);
        self.ran_function |= context.ran_function;
        match answer {
            Some(Answer(Decision::Ready(mut response))) => {
                if !matches!(response.body, Body::Deferred(_)) {
                    self.setup.site.finish(route, &mut response);
                }
                if matches!(response.body, Body::Deferred(_)) {
                    // It names a file, say, which is found as that of a thread's response is.
                    return self.answer_deferred(response, head, freshness, carrier, cx);
                }
                Answered::Ready(response)
            }
            Some(Answer(Decision::Cold(prefetch))) => {
                match prefetch {
                    Prefetch::Encode(_) => self.has_waited_for_encoding = true,
                    _ => self.prefetches += 1,
                }
                cx.threads.prefetch(self.id, prefetch);
                Answered::Waits(Awaited::Lookup)
            }
            Some(Answer(Decision::Blocking(job))) => self.hand_over(job, head, carrier, cx),
            Some(Answer(Decision::Forward(forward))) => self.forward(forward, carrier, cx),
            None => Answered::Ready(self.panicked(head, carrier, cx)),
        }
    }

    #[cold]
    fn answer_deferred(
        &mut self,
        response: Response,
        head: &RequestHead<'_>,
        freshness: &mut Freshness,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        self.answered = Some(response);
        self.answer(head, freshness, carrier, cx)
    }

    /// An error response that the server itself makes.
    pub(crate) fn respond(&mut self, status: Status) -> Response {
        self.finish(Response::new(status))
    }

    /// Every response passes the site before it is sent.
    pub(crate) fn finish(&mut self, mut response: Response) -> Response {
        match &mut self.route {
            Some(route) => self.setup.site.finish_at_once(route, &mut response),
            None => self.setup.site.finish_at_once(&mut Route::default(), &mut response),
        }
        if matches!(response.body, Body::Deferred(_)) {
            log::error!(
                "a function around a handler names a file for a refusal ({}), which can only carry bytes",
                response.status
            );
            response.body = Body::Empty;
        }
        response
    }
}

/// How often the site is asked again after the disk was read for a request. Then the worker waits itself, so that a
/// disk cache under pressure cannot delay the request for ever.
const PREFETCHES_MAX: u8 = 1;

/// In seconds. A deadline that far away is no deadline, and no clock overflows.
const A_YEAR: u64 = 365 * 86_400;
