//! How requests and responses end: refused, timed out, broken off, all sent.

use super::{After, Http1, Pause, Socket, Step};
use crate::http::h1::write::Persistence;
use crate::http::{Reject, Status};
use crate::server::connection::Phase;
use crate::server::connection::refusal_of;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, Ending, ExchangeState, Expired};
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::Response;
use crate::site::status::Refusal;
use std::io;

impl Http1 {
    /// Queues the response to a request that cannot be served. The next request cannot be told from the rest of this
    /// one, so the connection ends.
    pub(super) fn refuse<W: Transport>(
        &mut self,
        reject: Reject,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        refusal_of(reject).note();
        log::debug!("{}: {reject} while {}", socket.name(), self.exchange.state);
        if reject == Reject::BodyTooLarge {
            let request = self.request_line().escape_ascii();
            let (bound, key) = self.exchange.incoming.exceeded();
            let name = socket.name();
            log::warn!(
                "{name}: \"{request}\": the body exceeds {bound} bytes ({key}); answered 413"
            );
        }
        let response = self.exchange.respond(reject.status());
        self.refuse_with(response, socket, share, cx)
    }

    /// The client speaks TLS on an address without it. A response in clear makes it say that clearly ("wrong version
    /// number"), which an alert would not.
    pub(super) fn refuse_tls<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        Refusal::TlsOnPlain.note();
        socket.log_tls(cx);
        let response = self.exchange.respond(Status::BAD_REQUEST);
        self.refuse_with(response, socket, share, cx)
    }

    /// Queues the last response of this connection, and drops everything that comes after the head of the request.
    pub(super) fn refuse_with<W: Transport>(
        &mut self,
        response: Response,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        self.exchange.abandon(cx);
        self.queue(response, Persistence::Close, socket, share, cx);
        self.inbox.clear();
        self.inbox.narrow();
        self.exchange.forget_request();
        self.begin_next();
        self.after = After::Linger;
        Ok(self.begin_sending(socket, cx))
    }

    /// Nothing more can be read: sends what is queued, and then ends the connection.
    pub(super) fn end_after_responses(&mut self, cx: &mut WorkerContext) -> ExchangeState {
        self.exchange.abandon(cx);
        self.exchange.forget_request();
        self.begin_next();
        self.after = After::Close;
        ExchangeState::Sending
    }

    /// The deadline has passed: answers 408 if a request has begun, otherwise gives up. `None`: drive the connection.
    pub(crate) fn expire<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Option<Pause> {
        let step = match self.exchange.state {
            ExchangeState::Head | ExchangeState::Body => {
                self.refuse(Reject::TimedOut, socket, share, cx)
            }
            ExchangeState::Waiting(Awaited::Pace) => Ok(self.begin_sending(socket, cx)),
            ExchangeState::Waiting(awaited) => {
                let line = self.reader.head().line.of(self.inbox.bytes());
                match self.exchange.expire(awaited, socket, line, cx) {
                    Expired::NotYet(deadline) => {
                        socket.deadline = deadline;
                        Err(Pause::Sleep)
                    }
                    Expired::Refused(response) => self.refuse_with(*response, socket, share, cx),
                    Expired::BrokenOff => {
                        self.break_off(socket, cx);
                        Err(Pause::Close)
                    }
                }
            }
            ExchangeState::Answer | ExchangeState::Sending => {
                let time = self.exchange.limits().send_timeout;
                let name = socket.name();
                log::info!(
                    "{name}: read nothing of a response within send_timeout = {time:?}; broken off"
                );
                self.break_off(socket, cx);
                Err(Pause::Close)
            }
        };
        match step {
            Ok(state) => {
                self.exchange.state = state;
                None
            }
            Err(pause) => Some(pause),
        }
    }

    /// The first line of the request at hand.
    fn request_line(&self) -> &[u8] {
        self.reader.head().line.of(self.inbox.bytes())
    }

    pub(super) fn all_sent<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Step {
        self.record_ending(None, cx);
        self.exchange.body = Default::default();
        match self.after {
            After::NextRequest => {
                // The beginning of a head may be here already. Its time begins when the parser goes on.
                socket.deadline = cx.clock.monotonic() + self.exchange.limits().head_timeout;
                Ok(ExchangeState::Head)
            }
            After::Close => {
                // If there were unread bytes by now, a close alone would discard the unsent ones.
                socket.wire.shut_write();
                // TLS says that the end follows, which a slow client may have no room for yet.
                Err(if socket.wire.has_unsent() { Pause::Linger } else { Pause::Close })
            }
            After::Linger => Err(Pause::Linger),
        }
    }

    /// The server ends now: breaks off a response that is under way.
    pub(crate) fn cut<W: Transport>(&mut self, socket: &mut Socket<W>, cx: &mut WorkerContext) {
        let has_unsent = !self.outbox.is_empty() || !self.exchange.body.is_empty();
        if has_unsent || matches!(self.exchange.state, ExchangeState::Waiting(_)) {
            self.break_off(socket, cx);
        }
    }

    /// The connection is removed.
    pub(crate) fn abandon(&mut self, cx: &mut WorkerContext) {
        // Nothing of them will be sent any more.
        let unsent = self.outbox.waiting_bytes() + self.exchange.body.left_bytes();
        self.record_ending(Some(unsent), cx);
        self.exchange.abandon(cx);
    }

    /// Breaks off a response that cannot be completed: logs how much of it was sent, and makes the close look like a
    /// failure to the client.
    pub(super) fn break_off<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) {
        let unsent = self.outbox.waiting_bytes() + self.exchange.body.left_bytes();
        self.record_ending(Some(unsent), cx);
        socket.wire.fail_on_close();
    }

    /// The responses in the outbox have ended, the last of them perhaps broken off with so many bytes unsent.
    pub(super) fn record_ending(&mut self, unsent_bytes: Option<u64>, cx: &mut WorkerContext) {
        let ending = Ending {
            produced_bytes: self.exchange.body.produced_bytes(),
            // Only then is the request at hand still that of the last response.
            received_bytes: match self.after {
                After::Linger => self.exchange.received_bytes(),
                After::NextRequest | After::Close => 0,
            },
            unsent_bytes,
        };
        self.records.finish(ending, cx);
    }

    /// The client has gone: no response can be sent.
    pub(super) fn gone<W: Transport>(&self, socket: &Socket<W>) -> Pause {
        log::debug!("{}: gone while {}", socket.name(), self.exchange.state);
        Pause::Close
    }

    pub(super) fn fail<W: Transport>(&self, error: &io::Error, socket: &Socket<W>) -> Pause {
        socket.log_failure(error, Phase::In(self.exchange.state));
        Pause::Close
    }
}
