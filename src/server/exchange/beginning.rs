//! What is decided about a request before its body is read: whether it may go on, and what becomes of the body.

use super::body_sink::{BodySink, SHORT_BYTES};
use super::{Answered, Exchange};
use crate::http::RequestHead;
use crate::server::carrier::Carrier;
use crate::server::context::WorkerContext;
use crate::site::status::Refusal;
use crate::site::{
    self, Answer, BodyPolicy, BodyStore, BodyUse, Decision, RequestBody, Response, Route,
};
use std::sync::Arc;

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

impl Exchange {
    /// The head of a request with a body is here: decides what becomes of the body before a byte of it is read. Where a
    /// thread has to find out first whether the request may go on, this is called again after that.
    pub(crate) fn begin(
        &mut self,
        head: &RequestHead<'_>,
        announced: Announced,
        cx: &WorkerContext,
    ) -> Begin {
        let setup = &self.setup;
        self.scheme = Some(head.scheme());
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
        let key = policy.key();
        let limits = &setup.limits;
        let (sink, bytes_max) = match policy.0 {
            BodyUse::Discard => (BodySink::Discard, limits.body_discard_bytes_max),
            BodyUse::Refuse(response) => {
                return Begin::Refuse(Box::new(self.finish(*response)));
            }
            BodyUse::Memory { bytes_max } => {
                let is_small = |bytes: u64| bytes <= SHORT_BYTES as u64;
                if cx.memory.shortage().is_some() && !announced.bytes.is_some_and(is_small) {
                    Refusal::MemoryShort.note();
                    return Begin::Refuse(Box::new(self.busy()));
                }
                (BodySink::collect_in_memory(), bytes_max)
            }
            BodyUse::Collect { bytes_max, memory_bytes_max, place } => {
                let usual = limits.body_memory_bytes_max;
                let memory_bytes_max = memory_bytes_max.map_or(usual, |its| its.min(usual));
                (BodySink::collect(memory_bytes_max, cx.memory.flag(), place), bytes_max)
            }
            BodyUse::Stream { bytes_max } => {
                let (inlet, reader) = cx.threads.pipe_to_thread(self.id);
                self.request_body.replace(RequestBody(BodyStore::Stream(reader)));
                (BodySink::Stream(inlet), bytes_max)
            }
        };
        self.incoming.bound(bytes_max, key);
        if announced.bytes.is_some_and(|bytes| bytes > bytes_max) {
            return if self.is_refused() { Begin::Answer } else { Begin::TooLarge };
        }
        // A client that waits for 100 gets its response at once if no handler wants its body.
        if announced.asks_first && matches!(sink, BodySink::Discard) {
            return Begin::Answer;
        }
        self.incoming.begin(sink, cx.clock.monotonic());
        if self.incoming.is_stream() { Begin::Stream } else { Begin::Receive }
    }

    /// Whether its response is known before its body, which is thrown away.
    pub(crate) fn is_refused(&self) -> bool {
        let is_decided = self.route.as_ref().is_some_and(Route::is_decided);
        matches!(self.incoming.sink, BodySink::Discard) && (is_decided || self.answered.is_some())
    }

    /// Asks whether a request may go on whose body waits for that.
    #[cold]
    pub(super) fn ask(
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
                Some(Answer(Decision::Blocking(job) | Decision::Status(job))) => {
                    let pool = Arc::clone(&cx.threads.handlers);
                    return self.hand_over(job, pool, head, carrier, cx);
                }
                Some(Answer(Decision::Ready(response))) => self.answered = Some(response),
                Some(Answer(Decision::Cold(_) | Decision::Forward(_))) | None => {}
            }
        }
        self.is_asking = false;
        Answered::Begins
    }
}
