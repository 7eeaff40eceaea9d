//! How an exchange waits for a thread or an application, and how it goes on.

use super::{Answered, Awaited, Exchange, ExchangeState};
use crate::files::{Spool, WriteError};
use crate::http::{RequestHead, RequestName, Status};
use crate::server::application::gateway::Submitted;
use crate::server::application::link::RequestExpired;
use crate::server::carrier::Carrier;
use crate::server::clock::FOR_EVER;
use crate::server::context::WorkerContext;
use crate::server::mailbox::Completion;
use crate::server::pool::{Pool, Yielded};
use crate::site::status::Refusal;
use crate::site::{self, BodyStore, Forward, Job, RequestBody, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an exchange goes on after a message.
pub(crate) enum Resumed {
    /// Not at all: the message came after the wait had ended.
    Not,
    /// In this state.
    In(ExchangeState),
    /// With this response, even if a part of the request is still to come.
    Refused(Box<Response>),
}

/// What becomes of a wait that has taken too long.
pub(crate) enum Expired {
    /// It may wait until this time.
    NotYet(Instant),
    /// This is the response.
    Refused(Box<Response>),
    /// The response has begun, and can only be broken off.
    BrokenOff,
}

impl Exchange {
    /// Begins to wait for a thread or an application.
    pub(crate) fn wait_for(&mut self, awaited: Awaited, cx: &WorkerContext) -> ExchangeState {
        self.waits_since = Some(cx.clock.monotonic());
        // The next piece of the body may be here, and only has to be encoded.
        if awaited == Awaited::Production
            && let Some(piece) = self.body.encoded().and_then(|encoded| encoded.take_due())
        {
            cx.threads.encode_piece(self.id, piece);
        }
        ExchangeState::Waiting(awaited)
    }

    /// The deadline of a wait that begins now.
    pub(crate) fn wait_deadline(&mut self, awaited: Awaited, cx: &WorkerContext) -> Instant {
        let limits = &self.setup.limits;
        let timeout = match awaited {
            Awaited::Pace => {
                let ready_at = self.body.ready_at().unwrap_or(cx.clock.monotonic());
                return ready_at.max(cx.clock.monotonic() + A_MOMENT);
            }
            Awaited::Write | Awaited::Lookup | Awaited::Piece => limits.send_timeout,
            Awaited::Production => self.body.quiet_max(limits.answer_timeout),
            Awaited::Application => {
                let timeout =
                    self.application.as_ref().map_or(limits.answer_timeout, |it| it.timeout);
                self.time_max().map_or(timeout, |time| time.min(timeout))
            }
            Awaited::Answer => self.time_max().unwrap_or(limits.answer_timeout),
            Awaited::Room => limits.answer_timeout,
        };
        cx.clock.monotonic() + timeout
    }

    /// How long the response may take to be found, if a function around the handler says so.
    fn time_max(&self) -> Option<Duration> {
        Some(self.route.as_ref()?.time_max()?.min(FOR_EVER))
    }

    /// Lets a thread find the response.
    pub(super) fn hand_over(
        &mut self,
        job: Job,
        pool: Arc<Pool>,
        request: &RequestHead<'_>,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        if carrier.client_has_gone() {
            cx.drop_elsewhere(job);
            return Answered::Gone;
        }
        let request = Arc::new(RequestName::of(request));
        match cx.threads.answer(self.id, job, pool, Arc::clone(&request)) {
            Some(work) => {
                self.work = Some(work);
                Answered::Waits(Awaited::Answer)
            }
            None => {
                Refusal::HandlersBusy.note();
                let now = cx.clock.monotonic();
                if cx.refusals.note(now) {
                    let (client, load) = (carrier.name(), cx.threads.load(now));
                    let advice = self.limits().handler_advice();
                    log::warn!("{client}: {request}: {load}; answered 503; {advice}");
                }
                Answered::Ready(self.busy())
            }
        }
    }

    /// Sends the request on to an application.
    pub(super) fn forward(
        &mut self,
        forward: Forward,
        carrier: &mut dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Answered {
        if carrier.client_has_gone() {
            cx.drop_elsewhere(forward.body);
            return Answered::Gone;
        }
        self.application = Some(Arc::clone(&forward.backend.0));
        match cx.gateway.submit(self.id, forward, &cx.threads.disk) {
            Submitted::Accepted => Answered::Waits(Awaited::Application),
            Submitted::Refused => {
                Refusal::ApplicationBusy.note();
                log::info!(
                    "{}: too many requests wait for the application; answered 503",
                    carrier.name()
                );
                Answered::Ready(self.busy())
            }
        }
    }

    /// A message has come from a thread or an application.
    pub(crate) fn complete(&mut self, completion: Completion, cx: &WorkerContext) -> Resumed {
        match (self.state, completion) {
            (ExchangeState::Waiting(Awaited::Lookup), Completion::Prefetched) => {
                Resumed::In(ExchangeState::Answer)
            }
            (ExchangeState::Waiting(Awaited::Piece), Completion::Prefetched)
            | (ExchangeState::Waiting(Awaited::Production), Completion::Moved) => {
                Resumed::In(ExchangeState::Sending)
            }
            // The handler reads the request while it responds, or has produced more than the client takes.
            (ExchangeState::Sending, Completion::Moved) => {
                self.body.drop_if_broken();
                Resumed::In(ExchangeState::Sending)
            }
            (ExchangeState::Waiting(Awaited::Write), Completion::Spooled(result)) => {
                self.spooled(result, cx)
            }
            (ExchangeState::Waiting(Awaited::Room), Completion::Moved) => {
                self.resume_body(cx);
                Resumed::In(ExchangeState::Body)
            }
            (
                ExchangeState::Waiting(Awaited::Answer | Awaited::Application | Awaited::Room)
                | ExchangeState::Body,
                Completion::Answered(response),
            ) => {
                self.answered = Some(*response);
                self.work = None;
                Resumed::In(ExchangeState::Answer)
            }
            (state, Completion::BacklogWritten(written)) => {
                if let Some(stream) = self.body.stream() {
                    stream.written(written);
                }
                match state {
                    ExchangeState::Sending | ExchangeState::Waiting(Awaited::Production) => {
                        Resumed::In(ExchangeState::Sending)
                    }
                    _ => Resumed::Not,
                }
            }
            (state, Completion::Encoded(piece)) => {
                if let Some(encoded) = self.body.encoded() {
                    encoded.encoded(piece);
                }
                match state {
                    ExchangeState::Sending | ExchangeState::Waiting(Awaited::Production) => {
                        Resumed::In(ExchangeState::Sending)
                    }
                    _ => Resumed::Not,
                }
            }
            (_, Completion::Spooled(Ok(spool))) => {
                cx.drop_elsewhere(spool);
                Resumed::Not
            }
            _ => Resumed::Not,
        }
    }

    /// A part of the request body is on the disk, or the disk cannot take it.
    fn spooled(&mut self, result: Result<Spool, WriteError>, cx: &WorkerContext) -> Resumed {
        match result {
            Ok(spool) => {
                self.incoming.sink.written(spool);
                self.resume_body(cx);
                Resumed::In(ExchangeState::Body)
            }
            Err(error) => Resumed::Refused(Box::new(self.finish(site::not_written(error)))),
        }
    }

    /// More of the request body can be taken in again. The time of the wait does not count against the client.
    fn resume_body(&mut self, cx: &WorkerContext) {
        if let Some(since) = self.waits_since {
            self.incoming.excuse(cx.clock.monotonic().saturating_duration_since(since));
        }
    }

    /// A wait has taken too long.
    pub(crate) fn expire(
        &mut self,
        awaited: Awaited,
        carrier: &mut dyn Carrier,
        request_line: &[u8],
        cx: &mut WorkerContext,
    ) -> Expired {
        if awaited == Awaited::Production
            && let Some(deadline) = self.keep_alive(cx)
        {
            return Expired::NotYet(deadline);
        }
        match awaited {
            Awaited::Answer => {
                let (client, request) = (carrier.name(), request_line.escape_ascii());
                let bound = match self.time_max() {
                    Some(time) => format!("{time:?}, the time that Next::within gives"),
                    None => format!("answer_timeout = {:?}", self.limits().answer_timeout),
                };
                let has_begun = self.work.take().is_none_or(|work| cx.threads.cancel(work));
                let why = match has_begun {
                    true => "its handler still runs".to_owned(),
                    false => cx.threads.load(cx.clock.monotonic()),
                };
                log::warn!(
                    "{client}: \"{request}\": no response within {bound}: {why}; answered 503"
                );
                Expired::Refused(Box::new(self.busy()))
            }
            Awaited::Write | Awaited::Room | Awaited::Lookup => {
                log::warn!("{}: timed out while {}; answered 503", carrier.name(), self.state);
                Expired::Refused(Box::new(self.respond(Status::SERVICE_UNAVAILABLE)))
            }
            Awaited::Application if self.time_is_over(cx) => {
                cx.gateway.withdraw(self.id, cx.clock.monotonic());
                let (client, request) = (carrier.name(), request_line.escape_ascii());
                let time = self.time_max().unwrap_or_default();
                log::warn!(
                    "{client}: \"{request}\": the application did not respond within {time:?}, the time that \
                     Next::within gives; answered 503"
                );
                Expired::Refused(Box::new(self.busy()))
            }
            Awaited::Application => match cx.gateway.expire(self.id, cx.clock.monotonic()) {
                RequestExpired::NotYet(deadline) => {
                    let over = self.time_over_at();
                    Expired::NotYet(over.map_or(deadline, |over| over.min(deadline)))
                }
                RequestExpired::InQueue => {
                    Refusal::ApplicationBusy.note();
                    Expired::Refused(Box::new(self.busy()))
                }
                RequestExpired::Hangs => {
                    let request = request_line.escape_ascii();
                    log::error!(
                        "{}: \"{request}\": the application exceeded its timeout; answered 504",
                        carrier.name()
                    );
                    Expired::Refused(Box::new(self.respond(Status::GATEWAY_TIMEOUT)))
                }
            },
            Awaited::Piece | Awaited::Production | Awaited::Pace => {
                // Only a client that has closed its side is waited for no longer; then it has most likely gone.
                let is_sent = self.body.receiver().is_some();
                let level = if is_sent { log::Level::Debug } else { log::Level::Warn };
                log::log!(level, "{}: timed out while {}; broken off", carrier.name(), self.state);
                Expired::BrokenOff
            }
        }
    }

    /// When the time is over that a function around the handler gives.
    fn time_over_at(&self) -> Option<Instant> {
        Some(self.waits_since? + self.time_max()?)
    }

    fn time_is_over(&self, cx: &WorkerContext) -> bool {
        self.time_over_at().is_some_and(|over| over <= cx.clock.monotonic())
    }

    /// Lets other requests go before this one, because its client sends nothing more and may have gone; see
    /// [`gateway`](crate::server::application::gateway).
    pub(crate) fn yield_place(&mut self, awaited: Awaited, cx: &mut WorkerContext) -> Yielded {
        match (awaited, &self.work) {
            (Awaited::Application, _) => cx.gateway.yield_place(self.id),
            (Awaited::Answer, Some(work)) => cx.threads.yield_place(work),
            _ => Yielded::Kept,
        }
    }

    /// The client does not wait for the response any more. Files are dropped by a thread, because that may wait for the
    /// disk.
    pub(crate) fn abandon(&mut self, cx: &mut WorkerContext) {
        if self.state == ExchangeState::Waiting(Awaited::Application) {
            cx.gateway.withdraw(self.id, cx.clock.monotonic());
        }
        if let Some(work) = self.work.take() {
            cx.threads.cancel(work);
        }
        if let Some(spool) = self.body.abandon() {
            cx.drop_elsewhere(spool);
        }
        for body in [self.incoming.sink.abandon(), self.request_body.take()] {
            if let RequestBody(BodyStore::Spooled(spool)) = body {
                cx.drop_elsewhere(spool);
            }
        }
    }

    /// The response if no thread and no application is free.
    pub(crate) fn busy(&mut self) -> Response {
        self.finish(site::Response::busy())
    }
}

/// No deadline is now.
const A_MOMENT: Duration = Duration::from_millis(1);
