//! What is left of an exchange whose response waits for its sender: ten thousand of them must cost little.
//!
//! Its request is answered and forgotten, so all that it needs is the body and the setup. It must never know how a
//! body is framed.

use super::{Awaited, BodySource, BodyTerms, Exchange, ExchangeState};
use crate::server::context::{Setup, WorkerContext};
use crate::server::id::ExchangeId;
use crate::site::stream::Receiver;
use std::rc::Rc;
use std::time::Instant;

/// An exchange that waits for its sender.
pub(crate) struct RestingExchange {
    pub id: ExchangeId,
    receiver: Receiver,
    produced_bytes: u64,
    terms: Option<Box<BodyTerms>>,
    setup: Rc<Setup>,
}

impl Exchange {
    /// A body that a sender sends begins: from now on it wakes the exchange.
    pub(crate) fn begin_stream(&self, body: &BodySource, cx: &WorkerContext) {
        if let Some(receiver) = body.receiver() {
            receiver.attach(cx.threads.waker(self.id));
            if cx.is_stopping {
                receiver.stop();
            }
        }
    }

    /// Reduces it to what it needs until its sender sends something, if that is all that it waits for.
    pub(crate) fn rest(&mut self) -> Option<RestingExchange> {
        if self.state != ExchangeState::Waiting(Awaited::Production) || self.incoming.is_stream() {
            return None;
        }
        let (receiver, produced_bytes) = self.body.take_receiver()?;
        let (terms, setup) = (self.body.take_terms(), Rc::clone(&self.setup));
        Some(RestingExchange { id: self.id, receiver, produced_bytes, terms, setup })
    }

    /// Goes on where it rested.
    pub(crate) fn resume(&mut self, rested: RestingExchange) {
        self.id = rested.id;
        self.setup = rested.setup;
        self.body = BodySource::resumed(rested.receiver, rested.produced_bytes, rested.terms);
        self.state = ExchangeState::Waiting(Awaited::Production);
    }

    /// The client has closed its side while its response waits for its sender: see [`deadline_if_closed`].
    pub(crate) fn deadline_if_closed(&self, cx: &WorkerContext) -> Option<Instant> {
        deadline_if_closed(self.body.receiver()?, &self.setup, cx)
    }

    /// The body was quiet for long: sends what keeps it alive, and returns when to do that again. `None`: there is no
    /// such thing.
    pub(crate) fn keep_alive(&self, cx: &WorkerContext) -> Option<Instant> {
        keep_alive(self.body.receiver()?, cx)
    }

    /// The server begins to stop: ends a body that has no end of its own.
    pub(crate) fn stop(&self) {
        if let Some(receiver) = self.body.receiver() {
            receiver.stop();
        }
    }
}

impl RestingExchange {
    /// As [`Exchange::deadline_if_closed`].
    pub(crate) fn deadline_if_closed(&self, cx: &WorkerContext) -> Option<Instant> {
        deadline_if_closed(&self.receiver, &self.setup, cx)
    }

    /// As [`Exchange::keep_alive`].
    pub(crate) fn keep_alive(&self, cx: &WorkerContext) -> Option<Instant> {
        keep_alive(&self.receiver, cx)
    }

    /// As [`Exchange::stop`].
    pub(crate) fn stop(&self) {
        self.receiver.stop();
    }
}

/// A client that has closed its side may still read, or have gone. If something can be sent that means nothing, it is
/// sent now, and a client that has gone answers with a reset. Otherwise the next piece has to come by this time.
fn deadline_if_closed(receiver: &Receiver, setup: &Setup, cx: &WorkerContext) -> Option<Instant> {
    (!receiver.probe()).then(|| cx.clock.monotonic() + setup.limits.answer_timeout)
}

/// Sends as a sender would: the exchange is woken, and does it when it has its turn.
fn keep_alive(receiver: &Receiver, cx: &WorkerContext) -> Option<Instant> {
    let interval = receiver.keep_alive_interval()?;
    receiver.keep_alive();
    Some(cx.clock.monotonic() + interval)
}
