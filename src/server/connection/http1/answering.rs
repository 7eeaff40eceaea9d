//! A request from its head to its response.

use super::{After, Http1, Step, request};
use crate::http::Reject;
use crate::http::expectation::Expectation;
use crate::http::h1::body::{BodyEnd, Framing};
use crate::http::h1::write::{CONTINUE, Delimiter, Persistence};
use crate::server::connection::{Pause, Socket};
use crate::server::context::WorkerContext;
use crate::server::exchange::{Announced, Answered, Awaited, Begin, ExchangeState, Resumed};
use crate::server::mailbox::Completion;
use crate::server::pool::Yielded;
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::Response;

impl Http1 {
    /// Decides what becomes of the body before a byte of it is read.
    pub(super) fn begin_body<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        let bytes = match self.reader.framing() {
            Framing::None | Framing::Length(0) => return Ok(ExchangeState::Answer),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let asks_first = self.reader.expectation() == Expectation::Continue;
        let begin = match request(&self.reader, &self.inbox, &mut self.exchange, socket, cx) {
            Ok(head) => self.exchange.begin(&head, Announced { bytes, asks_first }, cx),
            Err(reject) => return self.refuse(reject, socket, share, cx),
        };
        let next = match begin {
            Begin::Receive => ExchangeState::Body,
            Begin::Stream => ExchangeState::Answer,
            Begin::Answer => return Ok(ExchangeState::Answer),
            Begin::Refuse(response) => return self.refuse_with(*response, socket, share, cx),
            Begin::TooLarge => return self.refuse(Reject::BodyTooLarge, socket, share, cx),
        };
        // RFC 9110 §10.1.1: a client that has begun to send the body does not wait any more.
        if asks_first && self.inbox.bytes().len() == self.head_bytes {
            self.outbox.gathered().extend_from_slice(CONTINUE);
        }
        socket.deadline = self.exchange.body_deadline(cx);
        Ok(next)
    }

    /// Asks the site, and queues the response if it is ready.
    pub(super) fn answer<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        let known = self.inbox.freshness();
        let mut freshness = known;
        let answered = match request(&self.reader, &self.inbox, &mut self.exchange, socket, cx) {
            Ok(head) => self.exchange.answer(&head, &mut freshness, socket, cx),
            Err(reject) => return self.refuse(reject, socket, share, cx),
        };
        if freshness != known {
            self.inbox.know_all();
        }
        match answered {
            Answered::Ready(response) => self.respond(response, socket, share, cx),
            Answered::Gone => Err(self.gone(socket)),
            Answered::Begins => self.begin_body(socket, share, cx),
            Answered::Waits(Awaited::Answer) if self.exchange.incoming.is_stream() => {
                Ok(ExchangeState::Body)
            }
            Answered::Waits(awaited) => Ok(self.begin_wait(awaited, socket, cx)),
        }
    }

    /// Queues the response to the request at hand, and decides what comes after it.
    pub(super) fn respond<W: Transport>(
        &mut self,
        response: Response,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        let is_complete = self.reader.body_end() == BodyEnd::Reached;
        let delimiter = self.delimiter(&response.body);
        let persistence = match self.reader.persistence() {
            Persistence::KeepAlive
                if is_complete && delimiter != Delimiter::Close && !cx.is_stopping =>
            {
                Persistence::KeepAlive
            }
            _ => Persistence::Close,
        };
        self.queue(response, persistence, socket, share, cx);
        if !is_complete && self.exchange.incoming.is_stream() {
            // Its handler may still read the request; see `pump_body`.
            self.after = After::Linger;
            return Ok(self.begin_sending(socket, cx));
        }
        self.inbox.consume(self.unread_at);
        self.inbox.narrow();
        self.exchange.end_request(cx);
        self.begin_next();
        if persistence == Persistence::Close {
            let is_unread = !self.inbox.is_empty() || socket.wire.has_unread();
            self.after = if is_complete && !is_unread { After::Close } else { After::Linger };
            return Ok(self.begin_sending(socket, cx));
        }
        if self.exchange.body.is_empty() && self.outbox.has_room() {
            Ok(ExchangeState::Head)
        } else {
            Ok(self.begin_sending(socket, cx))
        }
    }

    /// Forgets the request at hand; its response is in the outbox.
    pub(super) fn begin_next(&mut self) {
        self.reader.reset();
        self.started = None;
        self.head_bytes = 0;
        self.unread_at = 0;
    }

    /// Begins to wait for a thread or an application.
    pub(super) fn begin_wait<W: Transport>(
        &mut self,
        awaited: Awaited,
        socket: &mut Socket<W>,
        cx: &WorkerContext,
    ) -> ExchangeState {
        socket.deadline = self.exchange.wait_deadline(awaited, cx);
        self.exchange.wait_for(awaited, cx)
    }

    /// Sleeps until a thread or an application sends its message. Earlier responses are sent meanwhile.
    pub(super) fn wait<W: Transport>(
        &mut self,
        awaited: Awaited,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        if socket.wire.is_gone() {
            return Err(self.gone(socket));
        }
        if awaited == Awaited::Production {
            if socket.wire.is_half_closed()
                && let Some(until) = self.exchange.deadline_if_closed(cx)
            {
                socket.deadline = socket.deadline.min(until);
            }
            return Err(match self.pump_while_idle(socket, share, cx) {
                Pause::Sleep => Pause::Rest,
                pause => pause,
            });
        }
        if awaited == Awaited::Pace {
            // What the client does not get yet shall not keep its producer waiting.
            self.relieve_producer(socket, cx);
            return Err(self.pump_while_idle(socket, share, cx));
        }
        if let Err(error) = self.flush_gathered(socket, cx) {
            return Err(self.fail(&error, socket));
        }
        if socket.wire.is_half_closed()
            && self.exchange.yield_place(awaited, cx) == Yielded::Refused
        {
            log::debug!(
                "{}: too many requests wait whose clients may have gone; answered 503",
                socket.name()
            );
            let response = self.exchange.busy();
            return self.refuse_with(response, socket, share, cx);
        }
        Err(Pause::Sleep)
    }

    /// A message has come. Returns whether to drive the connection.
    pub(crate) fn complete<W: Transport>(
        &mut self,
        completion: Completion,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> bool {
        let step = match self.exchange.complete(completion, cx) {
            Resumed::Not => return false,
            Resumed::In(state) => Ok(state),
            Resumed::Refused(response) => self.refuse_with(*response, socket, share, cx),
        };
        if let Ok(state) = step {
            match (self.exchange.state, state) {
                (_, ExchangeState::Body) => socket.deadline = self.exchange.body_deadline(cx),
                // The client's time begins again. While it takes nothing, a message does not prolong it.
                (ExchangeState::Waiting(_), ExchangeState::Sending) => {
                    socket.deadline = cx.clock.monotonic() + self.exchange.limits().send_timeout;
                }
                _ => {}
            }
            self.exchange.state = state;
        }
        true
    }
}
