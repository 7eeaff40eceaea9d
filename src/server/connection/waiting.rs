//! What threads bring to a connection that waits for them.

use super::{CLOSE, Connection, SLEEP, Step};
use crate::files::{Disk, Spool, WriteError};
use crate::server::local::Local;
use crate::server::mailbox::Delivery;
use crate::server::outbox::Piped;
use crate::server::state::{Awaited, Handed, State, Verdict, Yielded};
use crate::server::transport::Transport;
use crate::site::{Content, Forward, Job};
use std::io;

impl<T: Transport> Connection<T> {
    /// A letter has come. One that comes too late, for the wait was given up, means nothing.
    pub fn deliver(&mut self, delivery: Delivery, local: &mut Local) -> Verdict {
        let step = match (self.state, delivery) {
            (State::Waiting(Awaited::Lookup), Delivery::Warmed) => self.answer(local),
            (State::Waiting(Awaited::Piece), Delivery::Warmed)
            | (State::Waiting(Awaited::Production), Delivery::Moved) => Step::Next(State::Sending),
            (State::Waiting(Awaited::Write), Delivery::Spooled(result)) => {
                self.spooled(result, local)
            }
            (State::Waiting(Awaited::Room), Delivery::Moved) => {
                self.resume_content(local);
                Step::Next(State::Body)
            }
            (
                State::Waiting(Awaited::Answer | Awaited::Application | Awaited::Room)
                | State::Body,
                Delivery::Answered(response),
            ) => {
                if let Some(active) = &mut self.active {
                    active.answered = Some(*response);
                    active.work = None;
                }
                self.answer(local)
            }
            // Its handler reads content that is pumped while the answer is sent, or has made more of
            // the answer than the client takes.
            (State::Sending, Delivery::Moved) => Step::Next(State::Sending),
            (state, Delivery::BacklogWritten(written)) => {
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
            (_, Delivery::Spooled(Ok(spool))) => {
                local.drop_elsewhere(spool);
                SLEEP
            }
            _ => SLEEP,
        };
        self.enter(step, local)
    }

    /// A piece of content is on the disk, or the disk cannot take it.
    fn spooled(&mut self, result: Result<Spool, WriteError>, local: &mut Local) -> Step {
        match (result, &mut self.active) {
            (Ok(spool), Some(active)) => {
                active.intake.written(spool);
                self.resume_content(local);
                Step::Next(State::Body)
            }
            (Err(error), _) => {
                let response = local.site.not_written(error);
                self.refuse_with(response, local)
            }
            (Ok(_), None) => CLOSE,
        }
    }

    /// Has a thread find the answer.
    pub(super) fn hand_over(&mut self, job: Job, local: &mut Local) -> Step {
        self.transport.look();
        if self.transport.is_gone() {
            local.drop_elsewhere(job);
            return self.gone();
        }
        let Some(work) = local.answer(self.id, job) else {
            log::warn!("{}: no thread is free for a handler", self.name());
            let response = local.site.busy();
            return self.finish_answer(response, local);
        };
        if let Some(active) = &mut self.active {
            active.work = Some(work);
        }
        if self.is_taking_content() {
            return Step::Next(State::Body);
        }
        match self.wait_for(Awaited::Answer, local) {
            SLEEP => self.yield_place(Awaited::Answer, local),
            step => step,
        }
    }

    /// Sends the request on to an application.
    pub(super) fn forward(&mut self, forward: Forward, local: &mut Local) -> Step {
        self.transport.look();
        if self.transport.is_gone() {
            local.drop_elsewhere(forward.content);
            return self.gone();
        }
        let deadline = local.clock.monotonic() + forward.application.timeout;
        let disk = local.threads.as_ref().map(|threads| &threads.disk);
        match local.gateway.submit(self.id, forward, disk) {
            Handed::Refused => {
                log::info!("{}: the application has too many requests", self.name());
                let response = local.site.busy();
                self.finish_answer(response, local)
            }
            Handed::Over => match self.wait_for(Awaited::Application, local) {
                SLEEP => {
                    self.deadline = deadline;
                    self.yield_place(Awaited::Application, local)
                }
                step => step,
            },
        }
    }

    /// Lets the requests of others go before that of a client that will send nothing more, for it may have
    /// gone; see [`gateway`](crate::server::application::gateway).
    pub(super) fn yield_place(&mut self, awaited: Awaited, local: &mut Local) -> Step {
        if !self.transport.is_half_closed() {
            return SLEEP;
        }
        let yielded = match awaited {
            Awaited::Application => local.gateway.yield_place(self.id),
            Awaited::Answer => {
                let work = self.active.as_ref().and_then(|active| active.work.as_ref());
                work.map_or(Yielded::Kept, |work| local.yield_place(work))
            }
            _ => Yielded::Kept,
        };
        match yielded {
            Yielded::Kept => SLEEP,
            Yielded::Refused => {
                log::debug!("{}: too many wait whose clients may have gone", self.name());
                let response = local.site.busy();
                self.refuse_with(response, local)
            }
        }
    }

    fn is_taking_content(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.streams_content())
    }

    /// Writes what it can of the answers gathered so far, of which none has a tail.
    pub(super) fn flush_gathered(&mut self, local: &mut Local) -> io::Result<()> {
        match &mut self.active {
            Some(active) if active.outbox.has_room() && !active.outbox.is_empty() => {
                let budget = &mut local.send_budget;
                active.outbox.flush(&mut self.transport, budget, Disk::MayBlock).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// The connection goes: what may keep the disk busy to be dropped is dropped by a thread.
    pub fn abandon(&mut self, local: &mut Local) {
        if self.state == State::Waiting(Awaited::Application) {
            local.gateway.withdraw(self.id, local.clock.monotonic());
        }
        if let Some(active) = &mut self.active {
            if let Some(work) = active.work.take() {
                local.cancel(work);
            }
            if let Some(spool) = active.outbox.piped().and_then(Piped::abandon) {
                local.drop_elsewhere(spool);
            }
            for content in [active.intake.abandon(), std::mem::take(&mut active.content)] {
                if let Content::Spooled(spool) = content {
                    local.drop_elsewhere(spool);
                }
            }
        }
    }
}
