//! What the supervisor tells a service manager such as systemd.

use std::time::Instant;

use super::child::ChildState;
use super::protocol::Instruction;
use super::{Supervisor, SupervisorState};
use crate::sys::notify;

impl Supervisor {
    /// All processes serve.
    pub(super) fn tell_ready(&self) {
        let processes = match self.slots.len() {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        let version = env!("CARGO_PKG_VERSION");
        let serving = format!("httpd {version}: {processes} serving");
        let status = self.watchdog.failure.unwrap_or(&serving);
        self.watchdog.manager.notify(&format!("READY=1\nSTATUS={status}"));
    }

    /// The server begins to change: to another configuration, or to another program. Each change that is asked for has a
    /// message, because the manager looks at its time; while the server does not serve, none has.
    pub(super) fn tell_changing(&mut self, status: &str) {
        if self.state == SupervisorState::Serving {
            self.watchdog.is_changing = true;
            self.watchdog.failure = None;
            let now = notify::monotonic_microseconds();
            let message = format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS={status}");
            self.watchdog.manager.notify(&message);
        }
    }

    /// A reload was asked for.
    pub(super) fn tell_reloading(&mut self) {
        self.tell_changing("Reading the configuration again");
    }

    /// What was begun has failed. [`Supervisor::tell_if_changed`] says it.
    pub(super) fn note_failure(&mut self, failure: &'static str) {
        self.watchdog.failure = Some(failure);
    }

    /// Whether the manager knows that the server changes.
    pub(super) fn is_told_of_change(&self) -> bool {
        self.watchdog.is_changing
    }

    /// Another program has begun to change the server, in this process.
    pub(super) fn go_on_changing(&mut self) {
        self.watchdog.is_changing = true;
    }

    /// Says that the server serves as soon as nothing changes any more, whatever came of it.
    pub(super) fn tell_if_changed(&mut self) {
        let changes = self.reloads.has_work() || self.upgrades.have_work();
        if self.watchdog.is_changing && !changes && self.state == SupervisorState::Serving {
            self.watchdog.is_changing = false;
            if std::mem::take(&mut self.reloads.has_failed) {
                self.note_failure("The last reload failed: see the log");
            }
            self.tell_ready();
        }
    }

    pub(super) fn tell_stopping(&self) {
        self.watchdog.manager.notify("STOPPING=1\nSTATUS=Finishing open requests");
    }

    /// Says that all is well if each process has answered since the last time, by all of its workers; and asks again.
    pub(super) fn feed_watchdog(&mut self, now: Instant) {
        let Some(period) = self.watchdog.period.filter(|_| self.watchdog.due <= now) else {
            return;
        };
        self.watchdog.due = now + period;
        // While the processes start or end, others watch over the time.
        let is_serving = self.state == SupervisorState::Serving;
        let serving = |state| matches!(state, ChildState::Serving | ChildState::Leaving);
        let mut serving: Vec<_> =
            self.children.iter_mut().filter(|child| serving(child.state)).collect();
        let slots = 0..self.slots.len();
        let works = |slot| serving.iter().any(|child| child.slot == slot && child.has_answered);
        if !is_serving || slots.into_iter().all(works) {
            self.watchdog.manager.notify("WATCHDOG=1");
        } else if self.has_asked {
            log::warn!("the watchdog is not fed: a process does not answer");
        }
        self.has_asked = is_serving;
        for child in &mut serving {
            child.has_answered = false;
            child.send(Instruction::Ping);
        }
    }
}
