//! An HTTP/1 connection whose response waits for its sender: what it keeps while its buffers serve others.

use super::{After, Http1};
use crate::server::connection::outbox::BodyFraming;
use crate::server::connection::{Pause, Socket};
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, ExchangeState, RestingExchange, RestingRecord};
use crate::server::wire::Transport;

/// What is left of an [`Http1`].
pub(crate) struct Resting {
    pub exchange: RestingExchange,
    framing: BodyFraming,
    after: After,
    record: Option<RestingRecord>,
}

impl Resting {
    /// Looks whether the client has gone.
    pub(crate) fn watch<W: Transport>(&self, socket: &mut Socket<W>, cx: &WorkerContext) -> Pause {
        if socket.wire.is_gone() {
            let state = ExchangeState::Waiting(Awaited::Production);
            log::debug!("{}: gone while {state}", socket.name());
            return Pause::Close;
        }
        if socket.wire.is_half_closed()
            && let Some(until) = self.exchange.deadline_if_closed(cx)
        {
            socket.deadline = socket.deadline.min(until);
        }
        Pause::Sleep
    }
}

impl Http1 {
    /// Reduces it to what it needs until its sender sends something, if nothing else is under way.
    pub(crate) fn rest(&mut self, cx: &mut WorkerContext) -> Option<Box<Resting>> {
        if !self.inbox.is_empty() || !self.outbox.is_empty() {
            return None;
        }
        let exchange = self.exchange.rest()?;
        let framing = self.outbox.framing();
        let record = self.records.rest(cx);
        Some(Box::new(Resting { exchange, framing, after: self.after, record }))
    }

    /// The server begins to stop: ends a stream that has no end of its own.
    pub(crate) fn stop_stream(&self) {
        self.exchange.stop();
    }

    /// Goes on where it rested.
    pub(crate) fn resume(&mut self, rested: Resting) {
        self.exchange.resume(rested.exchange);
        self.outbox.resume_body(rested.framing);
        self.after = rested.after;
        self.records.resume(rested.record);
    }
}
