//! What the supervisor tells a service manager such as systemd.

use std::time::{Duration, Instant};

use super::child::ChildState;
use super::protocol::Instruction;
use super::{Supervisor, SupervisorState};
use crate::sys::notify::{self, Manager};

/// The service manager, and when the next message is due that the processes work.
pub(super) struct Watchdog {
    manager: Manager,
    /// Half of what the manager allows, as it advises.
    period: Option<Duration>,
    due: Instant,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Watchdog {
        let period = notify::watchdog().map(|time| time / 2);
        Watchdog { manager: Manager::of_environment(), period, due: now }
    }

    /// When the next message is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.period.map(|_| self.due)
    }
}

impl Supervisor {
    /// All processes serve.
    pub(super) fn tell_ready(&self) {
        let processes = match self.slots.len() {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        let version = env!("CARGO_PKG_VERSION");
        self.watchdog
            .manager
            .notify(&format!("READY=1\nSTATUS=httpd {version}: {processes} serving"));
    }

    /// [`Supervisor::tell_ready`] follows when it is done.
    pub(super) fn tell_reloading(&self) {
        let now = notify::monotonic_microseconds();
        self.watchdog.manager.notify(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    pub(super) fn tell_stopping(&self) {
        self.watchdog.manager.notify("STOPPING=1\nSTATUS=Finishing open requests");
    }

    pub(super) fn tell_status(&self, status: &str) {
        self.watchdog.manager.notify(&format!("STATUS={status}"));
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
