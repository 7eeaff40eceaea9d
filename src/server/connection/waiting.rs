//! What threads bring to a connection that waits for them.

use super::{CLOSE, Connection, SLEEP, Step};
use crate::files::{Disk, Spool, WriteError};
use crate::server::context::WorkerContext;
use crate::server::mailbox::Completion;
use crate::server::outbox::Piped;
use crate::server::state::{Awaited, Handed, State, Verdict, Yielded};
use crate::server::transport::Transport;
use crate::site::{Forward, Job, RequestBody};
use std::io;

impl<T: Transport> Connection<T> {
    /// A message has come. One that comes too late, for the wait was given up, means nothing.
    pub fn deliver(&mut self, delivery: Completion, cx: &mut WorkerContext) -> Verdict {
        let step = match (self.state, delivery) {
            (State::Waiting(Awaited::Lookup), Completion::Prefetched) => self.answer(cx),
            (State::Waiting(Awaited::Piece), Completion::Prefetched)
            | (State::Waiting(Awaited::Production), Completion::Moved) => {
                Step::Next(State::Sending)
            }
            (State::Waiting(Awaited::Write), Completion::Spooled(result)) => {
                self.spooled(result, cx)
            }
            (State::Waiting(Awaited::Room), Completion::Moved) => {
                self.resume_content(cx);
                Step::Next(State::Body)
            }
            (
                State::Waiting(Awaited::Answer | Awaited::Application | Awaited::Room)
                | State::Body,
                Completion::Answered(response),
            ) => {
                if let Some(active) = &mut self.active {
                    active.answered = Some(*response);
                    active.work = None;
                }
                self.answer(cx)
            }
            // Its handler reads content that is pumped while the answer is sent, or has made more of
            // the answer than the client takes.
            (State::Sending, Completion::Moved) => Step::Next(State::Sending),
            (state, Completion::BacklogWritten(written)) => {
                if let Some(piped) = self.active.as_mut().and_then(|it| it.outbox.piped()) {
                    piped.written(written);
                }
                match state {
                    State::Sending | State::Waiting(Awaited::Production) => {
                        Step::Next(State::Sending)
                    }
                    _ => SLEEP,
                }
            }
            (_, Completion::Spooled(Ok(spool))) => {
                cx.drop_elsewhere(spool);
                SLEEP
            }
            _ => SLEEP,
        };
        self.enter(step, cx)
    }

    /// A piece of content is on the disk, or the disk cannot take it.
    fn spooled(&mut self, result: Result<Spool, WriteError>, cx: &mut WorkerContext) -> Step {
        match (result, &mut self.active) {
            (Ok(spool), Some(active)) => {
                active.intake.written(spool);
                self.resume_content(cx);
                Step::Next(State::Body)
            }
            (Err(error), _) => {
                let response = cx.site.not_written(error);
                self.refuse_with(response, cx)
            }
            (Ok(_), None) => CLOSE,
        }
    }

    /// Has a thread find the answer.
    pub(super) fn hand_over(&mut self, job: Job, cx: &mut WorkerContext) -> Step {
        self.transport.look();
        if self.transport.is_gone() {
            cx.drop_elsewhere(job);
            return self.gone();
        }
        let Some(work) = cx.answer(self.id, job) else {
            log::warn!("{}: no thread is free for a handler", self.name());
            let response = cx.site.busy();
            return self.finish_answer(response, cx);
        };
        if let Some(active) = &mut self.active {
            active.work = Some(work);
        }
        if self.is_taking_content() {
            return Step::Next(State::Body);
        }
        match self.wait_for(Awaited::Answer, cx) {
            SLEEP => self.yield_place(Awaited::Answer, cx),
            step => step,
        }
    }

    /// Sends the request on to an application.
    pub(super) fn forward(&mut self, forward: Forward, cx: &mut WorkerContext) -> Step {
        self.transport.look();
        if self.transport.is_gone() {
            cx.drop_elsewhere(forward.content);
            return self.gone();
        }
        let deadline = cx.clock.monotonic() + forward.application.timeout;
        let disk = cx.threads.as_ref().map(|threads| &threads.disk);
        match cx.gateway.submit(self.id, forward, disk) {
            Handed::Refused => {
                log::info!("{}: the application has too many requests", self.name());
                let response = cx.site.busy();
                self.finish_answer(response, cx)
            }
            Handed::Over => match self.wait_for(Awaited::Application, cx) {
                SLEEP => {
                    self.deadline = deadline;
                    self.yield_place(Awaited::Application, cx)
                }
                step => step,
            },
        }
    }

    /// Lets the requests of others go before that of a client that will send nothing more, for it may have
    /// gone; see [`gateway`](crate::server::application::gateway).
    pub(super) fn yield_place(&mut self, awaited: Awaited, cx: &mut WorkerContext) -> Step {
        if !self.transport.is_half_closed() {
            return SLEEP;
        }
        let yielded = match awaited {
            Awaited::Application => cx.gateway.yield_place(self.id),
            Awaited::Answer => {
                let work = self.active.as_ref().and_then(|active| active.work.as_ref());
                work.map_or(Yielded::Kept, |work| cx.yield_place(work))
            }
            _ => Yielded::Kept,
        };
        match yielded {
            Yielded::Kept => SLEEP,
            Yielded::Refused => {
                log::debug!("{}: too many wait whose clients may have gone", self.name());
                let response = cx.site.busy();
                self.refuse_with(response, cx)
            }
        }
    }

    fn is_taking_content(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.streams_content())
    }

    /// Writes what it can of the answers gathered so far, of which none has a tail.
    pub(super) fn flush_gathered(&mut self, cx: &mut WorkerContext) -> io::Result<()> {
        match &mut self.active {
            Some(active) if active.outbox.has_room() && !active.outbox.is_empty() => {
                let budget = &mut cx.send_budget;
                active.outbox.flush(&mut self.transport, budget, Disk::MayBlock).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// The connection goes: what may keep the disk busy to be dropped is dropped by a thread.
    pub fn abandon(&mut self, cx: &mut WorkerContext) {
        if self.state == State::Waiting(Awaited::Application) {
            cx.gateway.withdraw(self.id, cx.clock.monotonic());
        }
        if let Some(active) = &mut self.active {
            if let Some(work) = active.work.take() {
                cx.cancel(work);
            }
            if let Some(spool) = active.outbox.piped().and_then(Piped::abandon) {
                cx.drop_elsewhere(spool);
            }
            for content in [active.intake.abandon(), std::mem::take(&mut active.content)] {
                if let RequestBody::Spooled(spool) = content {
                    cx.drop_elsewhere(spool);
                }
            }
        }
    }
}
