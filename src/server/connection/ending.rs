//! How a connection ends when it does not simply go on: refused, timed out, broken off, lingering.

use super::{CLOSE, Connection, Step};
use crate::http::h1::write::Persistence;
use crate::http::{Reject, Status};
use crate::server::application::gateway::Expired;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Active, After};
use crate::server::state::{Awaited, State, Verdict};
use crate::server::transport::Transport;
use crate::site::{Answer, Response};
use std::fmt;
use std::io;
use std::net::SocketAddr;

impl<T: Transport> Connection<T> {
    /// The deadline has passed: answers 408 where a request had begun, gives up otherwise.
    pub fn expire(&mut self, cx: &mut WorkerContext) -> Verdict {
        log::debug!("{}: no progress while {}", self.name(), self.state);
        match self.state {
            State::Head | State::Body => {
                let step = self.refuse(Reject::TimedOut, cx);
                self.enter(step, cx)
            }
            State::Waiting(Awaited::Write | Awaited::Room | Awaited::Lookup | Awaited::Answer) => {
                log::warn!("{}: given up while {}", self.name(), self.state);
                let response = cx.site.failure(Status::SERVICE_UNAVAILABLE);
                let step = self.refuse_with(response, cx);
                self.enter(step, cx)
            }
            State::Waiting(Awaited::Application) => {
                let response = match cx.gateway.expire(self.id, cx.clock.monotonic()) {
                    Expired::NotYet(deadline) => {
                        self.deadline = deadline;
                        return Verdict::Sleep;
                    }
                    Expired::InQueue => cx.site.busy(),
                    Expired::Hangs => {
                        let request = self.request_line().escape_ascii();
                        log::error!(
                            "{}: \"{request}\": the application exceeded its timeout; answered 504",
                            self.name()
                        );
                        cx.site.failure(Status::GATEWAY_TIMEOUT)
                    }
                };
                let step = self.refuse_with(response, cx);
                self.enter(step, cx)
            }
            State::Sending => {
                let time = cx.limits.send_timeout;
                log::info!("{}: took nothing of a response for {time:?}: broken off", self.name());
                self.break_off(cx);
                Verdict::Close
            }
            State::Waiting(Awaited::Piece | Awaited::Production) => {
                log::warn!("{}: broken off while {}", self.name(), self.state);
                self.break_off(cx);
                Verdict::Close
            }
            State::Idle | State::Lingering => Verdict::Close,
        }
    }

    /// The first line of the request at hand.
    fn request_line(&self) -> &[u8] {
        let line = |active: &Active| active.session.head().line;
        self.active.as_ref().map_or(b"", |active| line(active).of(active.inbox.bytes()))
    }

    /// Queues the answer to what cannot be served. What follows on this connection cannot be told
    /// from its content any more, so it ends.
    pub(super) fn refuse(&mut self, reject: Reject, cx: &mut WorkerContext) -> Step {
        log::debug!("{}: {reject} while {}", self.name(), self.state);
        if reject == Reject::BodyTooLarge
            && let Some(active) = &self.active
        {
            let request = self.request_line().escape_ascii();
            let bound = active.body_bytes_max;
            let key = active.content_key.unwrap_or("its handler");
            let name = self.name();
            log::warn!("{name}: \"{request}\": content of more than {bound} bytes ({key}): 413");
        }
        let response = cx.site.reject(reject);
        self.refuse_with(response, cx)
    }

    /// Queues the last answer of this connection, whatever has come or may come after the head.
    pub(super) fn refuse_with(&mut self, response: Response, cx: &mut WorkerContext) -> Step {
        self.queue(response, Persistence::Close, cx);
        self.abandon(cx);
        if let Some(active) = &mut self.active {
            active.inbox.clear();
            active.inbox.narrow();
            active.begin_next();
            active.after = After::Linger;
        }
        Step::Next(State::Sending)
    }

    /// A handler has panicked: costs its request, and the cached files, which it may have left half
    /// changed.
    pub(super) fn panicked(&self, cx: &mut WorkerContext) -> Answer {
        log::error!("{}: a handler panicked; its request is answered with 500", self.name());
        cx.files.forget_everything();
        cx.site.failure(Status::INTERNAL_SERVER_ERROR).into()
    }

    pub(super) fn linger(&mut self, cx: &mut WorkerContext) -> Step {
        loop {
            if let Err(step) = self.receive(cx) {
                return step;
            }
            let now = cx.clock.monotonic();
            if now >= self.linger_until {
                return CLOSE;
            }
            self.deadline = (now + cx.limits.lingering_timeout).min(self.linger_until);
            if let Some(active) = &mut self.active {
                active.inbox.clear();
            }
        }
    }

    /// Nobody is there any more who could read an answer.
    pub(super) fn gone(&self) -> Step {
        log::debug!("{}: gone while {}", self.name(), self.state);
        CLOSE
    }

    /// The server ends and waits no longer: a response that is under way is broken off.
    pub fn cut(&mut self, cx: &mut WorkerContext) {
        let has_unsent = self.active.as_ref().is_some_and(|active| !active.outbox.is_empty());
        if has_unsent || matches!(self.state, State::Waiting(_)) {
            self.break_off(cx);
        }
    }

    /// A response cannot be completed: logs what was sent of it and lets the client see a failure
    /// rather than an end.
    pub(super) fn break_off(&mut self, cx: &mut WorkerContext) {
        if let Some(active) = &mut self.active {
            let unsent = active.outbox.waiting_bytes();
            active.log_finished(cx, unsent);
            self.transport.fail_on_close();
        }
    }

    pub(super) fn fail(&self, error: &io::Error) -> Step {
        // A client that goes away is no event; anything else may be.
        let level = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut => log::Level::Debug,
            _ => log::Level::Warn,
        };
        log::log!(level, "{}: {error} while {}", self.name(), self.state);
        CLOSE
    }

    pub(super) fn name(&self) -> Name {
        Name(self.peer)
    }
}

/// A client, as diagnostics call it.
pub(super) struct Name(Option<SocketAddr>);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(formatter),
            None => formatter.write_str("unix client"),
        }
    }
}
