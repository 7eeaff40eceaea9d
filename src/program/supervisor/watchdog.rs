//! What is known of a service manager, such as systemd.

use std::time::{Duration, Instant};

use crate::sys::notify::{self, Manager};

/// The service manager, and when the next message is due that the processes work.
pub(super) struct Watchdog {
    pub(super) manager: Manager,
    /// Half of what the manager allows, as it advises.
    pub(super) period: Option<Duration>,
    pub(super) due: Instant,
    /// Whether the manager knows that the server changes, and not yet that it serves again.
    pub(super) is_changing: bool,
    /// What to say instead of how many processes serve.
    pub(super) failure: Option<&'static str>,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Watchdog {
        let period = notify::watchdog().map(|time| time / 2);
        Watchdog {
            manager: Manager::of_environment(),
            period,
            due: now,
            is_changing: false,
            failure: None,
        }
    }

    /// When the next message is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.period.map(|_| self.due)
    }
}
