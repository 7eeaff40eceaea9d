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

mod at_hand;
mod beginning;
pub(crate) mod body_sink;
pub(crate) mod body_source;
pub(crate) mod encoding;
mod file_piece;
mod identity;
mod incoming;
mod lent;
pub(crate) mod overflow;
mod pace;
mod parts;
pub(crate) mod records;
mod resting;
mod slow;
pub(crate) mod state;
mod stream;
mod terms;
mod waiting;

pub(crate) use beginning::{Announced, Begin};
pub(crate) use body_source::{BodySource, Chunk};
pub(crate) use file_piece::copy_if_short;
use incoming::IncomingBody;
pub(crate) use lent::{LentBytes, Owner};
pub(crate) use records::{Ending, Records, RestingRecord};
pub(crate) use resting::RestingExchange;
pub(crate) use state::{Awaited, ExchangeState};
pub(crate) use stream::BrokenBody;
pub(crate) use terms::BodyTerms;
pub(crate) use waiting::{Expired, Resumed};

use super::carrier::Carrier;
use super::context::{PendingJob, Setup, WorkerContext};
use super::id::ExchangeId;
use super::limits::Limits;
use crate::files::{CacheUse, Disk, Prefetch};
use crate::http::{RequestHead, RequestId, RequestName, Scheme, Status};
use crate::site::pipe::Producer;
use crate::site::{
    self, Answer, Application, Body, BodyStore, Context, Decision, Freshness, Leading, RequestBody,
    Response, Route,
};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A request's life. It is cleared and used again for the next request of its connection.
pub(crate) struct Exchange {
    pub id: ExchangeId,
    /// Only the protocol that carries it changes it.
    pub state: ExchangeState,
    /// Its site and bounds, even if a later request gets others.
    setup: Rc<Setup>,
    /// Where the request goes. Found when its head is complete.
    route: Option<Route>,
    /// The id of the request, if requests have ids.
    request_id: Option<Arc<RequestId>>,
    /// The request body while it comes.
    pub incoming: IncomingBody,
    /// Whether a body was announced, and it is not known yet whether the request may go on: nothing of it is read.
    is_asking: bool,
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
    /// The application that it was forwarded to.
    application: Option<Arc<Application>>,
    /// Whether a function of the program was called on the worker for it, and its time not looked at yet.
    ran_function: bool,
    /// When it began to wait for a thread or an application.
    waits_since: Option<Instant>,
    /// How its client uses the connection, as far as its head says that.
    scheme: Option<Scheme>,
    /// What the cache of open files has done for it so far.
    cache_use: CacheUse,
    /// What is left to send of the response's body.
    pub body: BodySource,
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

impl Exchange {
    /// An exchange before its head.
    pub(crate) fn new(id: ExchangeId, setup: &Rc<Setup>) -> Exchange {
        Exchange {
            id,
            state: ExchangeState::Head,
            setup: Rc::clone(setup),
            route: None,
            request_id: None,
            incoming: IncomingBody::default(),
            is_asking: false,
            request_body: RefCell::default(),
            work: None,
            answered: None,
            prefetches: 0,
            has_waited_for_encoding: false,
            application: None,
            waits_since: None,
            scheme: None,
            cache_use: CacheUse::None,
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

    /// Whether it has this setup.
    pub(crate) fn is_by(&self, setup: &Rc<Setup>) -> bool {
        Rc::ptr_eq(&self.setup, setup)
    }

    /// Its bounds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// The setup that it keeps from its first byte to its last.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Where the worker counts the requests of its host.
    #[inline]
    pub(crate) fn host_place(&self) -> u32 {
        self.setup.host_place(self.route.as_ref())
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
        self.request_id = None;
        self.incoming.clear();
        self.is_asking = false;
        *self.request_body.get_mut() = RequestBody::default();
        self.work = None;
        self.answered = None;
        self.prefetches = 0;
        self.has_waited_for_encoding = false;
        self.application = None;
        self.waits_since = None;
        self.scheme = None;
        self.cache_use = CacheUse::None;
    }

    /// The body is complete: returns the next state.
    pub(crate) fn body_complete(&mut self, cx: &WorkerContext) -> ExchangeState {
        if let Some((on_disk, bytes)) = self.incoming.sink.take_due(body_sink::Due::AtEnd) {
            cx.threads.write(self.id, on_disk, bytes);
            return self.wait_for(Awaited::Write, cx);
        }
        if self.incoming.is_stream() {
            // Its handler was asked when the body began.
            self.incoming.sink.finish();
            return self.wait_for(Awaited::Answer, cx);
        }
        self.request_body.replace(self.incoming.sink.finish());
        ExchangeState::Answer
    }

    /// There is no room for more of the body: waits until a thread has made some.
    pub(crate) fn make_room(&mut self, cx: &WorkerContext) -> ExchangeState {
        match self.incoming.sink.take_due(body_sink::Due::WhenFull) {
            Some((on_disk, bytes)) => {
                cx.threads.write(self.id, on_disk, bytes);
                self.wait_for(Awaited::Write, cx)
            }
            None => self.wait_for(Awaited::Room, cx),
        }
    }

    /// Until when the client may take for the request body.
    pub(crate) fn body_deadline(&self, cx: &WorkerContext) -> Instant {
        self.incoming.deadline(&self.setup.limits, cx.clock.monotonic())
    }

    /// Asks the site, or takes the response that a thread or an application has found.
    pub(crate) fn answer(
        &mut self,
        head: &RequestHead<'_>,
        freshness: &mut Freshness,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        self.scheme = Some(head.scheme());
        let answered = match self.is_asking {
            true => self.ask(head, carrier, cx),
            false => self.find_answer(head, freshness, carrier, cx),
        };
        if std::mem::take(&mut self.ran_function) {
            self.name_slow_function(head, carrier, cx);
        }
        answered
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
        self.cache_use = self.cache_use.max(cx.files.take_use());
        match answer {
            Some(Answer(Decision::Ready(mut response))) => {
                if let Body::Piped(outlet, _) = &mut response.body {
                    let application = self.application.clone();
                    outlet.name_producer(Producer::new(RequestName::of(head), application));
                }
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
            Some(Answer(Decision::Blocking(job))) => {
                let pool = Arc::clone(&cx.threads.handlers);
                self.hand_over(job, pool, head, carrier, cx)
            }
            Some(Answer(Decision::Status(job))) => {
                let pool = Arc::clone(&cx.threads.status);
                self.hand_over(job, pool, head, carrier, cx)
            }
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

    /// The terms of the response, whose body begins now.
    pub(crate) fn take_terms(&mut self, now: Instant) -> Option<Box<BodyTerms>> {
        let terms = self.route.as_mut()?.take_terms()?;
        Some(Box::new(BodyTerms::begin(*terms, now)))
    }

    /// How much of the request's body has come.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.incoming.received_bytes()
    }

    /// Where the request went, if that is known.
    pub(crate) fn route(&self) -> Option<&Route> {
        self.route.as_ref()
    }

    /// How the client uses the connection, if its head was read.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// What the cache of open files has done for it.
    pub(crate) fn cache_use(&self) -> CacheUse {
        self.cache_use
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
