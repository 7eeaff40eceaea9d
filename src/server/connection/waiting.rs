//! How a connection waits for the disk without the worker waiting with it.

use super::{Connection, SLEEP, Step};
use crate::files::{Disk, Warmup};
use crate::server::local::Local;
use crate::server::state::{State, Verdict};
use crate::server::transport::Transport;
use std::io;

impl<T: Transport> Connection<T> {
    /// What it waited for has been read from the disk: asks the site once more, or sends on.
    pub fn warmed(&mut self, local: &mut Local) -> Verdict {
        if self.state != State::Waiting {
            return Verdict::Sleep;
        }
        let step =
            if self.has_unanswered() { self.answer(local) } else { Step::Next(State::Sending) };
        self.enter(step, local)
    }

    pub(super) fn has_unanswered(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.head_bytes > 0)
    }

    /// Waits until a thread has read what is cold. Earlier answers must not wait with it.
    pub(super) fn wait_for_disk(&mut self, warmup: Warmup, local: &mut Local) -> Step {
        self.state = State::Waiting;
        self.deadline = local.clock.monotonic() + local.limits.send_timeout;
        local.read(self.id, warmup);
        match self.flush_gathered(local) {
            Ok(()) => SLEEP,
            Err(error) => self.fail(&error),
        }
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
}
