//! Counts what ran short or went wrong in this process. All of it is rare, so an atomic is no cost.

use super::uptime::uptime;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Something that the operator should see when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There was no descriptor or no memory for a connection.
    AcceptPaused,
    /// The system gave no thread.
    ThreadNotGiven,
    /// A directory could not be watched: its files are looked at each time.
    WatchRefused,
    /// The kernel's queue of changes overflowed.
    ChangesLost,
    /// The disk did not take the body of a request or a response.
    BodyNotStored,
    /// A line could not be written to a log.
    LogLineDropped,
    /// The clock of the system was set.
    ClockStepped,
    /// The path of a root leads to another directory than before.
    RootReplaced,
    /// A root could not be opened.
    RootGone,
    /// Memory was about to run out.
    MemoryShort,
}

impl Trouble {
    /// Counts one more. Returns whether it is the first.
    pub(crate) fn note(self) -> bool {
        self.note_many(1)
    }

    /// Counts so many. Returns whether there were none before.
    pub(crate) fn note_many(self, count: u64) -> bool {
        COUNTS[self as usize].fetch_add(count, Ordering::Relaxed) == 0
    }

    /// Counts one more, unless the last one was counted within this time: several threads notice the same. Returns whether
    /// it was counted.
    pub(crate) fn note_unless_recent(self, time: Duration) -> bool {
        let now = u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let before = NOTED_AT[self as usize].swap(now, Ordering::Relaxed);
        let is_recent = before > 0 && u128::from(now - before.min(now)) < time.as_millis();
        if !is_recent {
            self.note();
        }
        !is_recent
    }

    /// Counts one more. Returns whether to log it: the first, and then at most once a minute.
    pub(crate) fn note_to_log(self) -> bool {
        self.note();
        let now = u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let logged = &LOGGED_AT[self as usize];
        let before = logged.load(Ordering::Relaxed);
        let is_due = before == 0 || now - before.min(now) >= LOGGED_EVERY_MILLIS;
        // Of several threads, one logs it.
        is_due && logged.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// How many there were.
    pub(crate) fn count(self) -> u64 {
        COUNTS[self as usize].load(Ordering::Relaxed)
    }
}

static COUNTS: [AtomicU64; TROUBLES] = [const { AtomicU64::new(0) }; TROUBLES];

/// When each was noted last, in milliseconds of the uptime.
static NOTED_AT: [AtomicU64; TROUBLES] = [const { AtomicU64::new(0) }; TROUBLES];

/// When each was logged last, in milliseconds of the uptime.
static LOGGED_AT: [AtomicU64; TROUBLES] = [const { AtomicU64::new(0) }; TROUBLES];

const LOGGED_EVERY_MILLIS: u64 = 60_000;

const TROUBLES: usize = 10;
