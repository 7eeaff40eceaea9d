//! The time, read once a turn, and the headers that depend on it alone.

use crate::files::Now;
use crate::http::date;
use crate::http::h1::field_lines::FieldLines;
use crate::http::h2::response::prepare;
use crate::http::hpack::PreparedFields;
use crate::sys::trouble::Trouble;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A worker's time, which stands still during a turn.
pub(crate) struct TurnClock {
    now: Now,
    /// Since when [`TurnClock::lap`] counts.
    lap_began: Instant,
    second: Duration,
    server_and_date: FieldLines,
    /// The same as HTTP/2 sends it.
    prepared: PreparedFields,
}

impl TurnClock {
    /// A clock that stands at this time.
    pub(crate) fn new(now: Now) -> TurnClock {
        let mut clock = TurnClock {
            now,
            lap_began: now.monotonic,
            second: Duration::MAX,
            server_and_date: FieldLines::default(),
            prepared: PreparedFields::default(),
        };
        clock.set(now);
        clock
    }

    /// Moves the clock, and renders the date again if the second has changed.
    pub(crate) fn set(&mut self, now: Now) {
        let passed = now.monotonic.saturating_duration_since(self.now.monotonic);
        let expected = self.now.wall + passed;
        if now.wall > expected + STEP_MIN || now.wall + STEP_MIN < expected {
            note_step(now.wall, expected);
        }
        self.now = now;
        self.lap_began = now.monotonic;
        let second = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = Duration::from_secs(second.as_secs());
        if second != self.second {
            self.second = second;
            let date = date::format(now.wall);
            self.server_and_date.replace([("Server", &b"httpd"[..]), ("Date", &date[..])]);
            self.prepared.clear();
            prepare(&mut self.prepared, self.server_and_date.fields());
        }
    }

    /// The time of this turn.
    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// The time of this turn on the monotonic clock, which all timers run on.
    pub(crate) fn monotonic(&self) -> Instant {
        self.now.monotonic
    }

    /// How much time has passed since the turn began, or since this was asked last in it.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.saturating_duration_since(std::mem::replace(&mut self.lap_began, now))
    }

    /// `Server` and `Date` of every response of this second (RFC 9110 §6.6.1).
    pub(crate) fn server_and_date(&self) -> &FieldLines {
        &self.server_and_date
    }

    /// The same as HTTP/2 sends it.
    pub(crate) fn prepared(&self) -> &PreparedFields {
        &self.prepared
    }
}

/// The clock of the system was set, or stood still while the machine slept. Nothing here depends on it but what is
/// shown: the time limits run on the other clock.
#[cold]
fn note_step(now: SystemTime, expected: SystemTime) {
    let (direction, step) = match now.duration_since(expected) {
        Ok(step) => ("forward", step),
        Err(error) => ("back", error.duration()),
    };
    // Every worker notices it.
    if Trouble::ClockStepped.note_unless_recent(STEP_MIN) {
        log::warn!("the clock of the system went {direction} by {:.0} s", step.as_secs_f64());
    }
}

/// As good as no end: what ends so far away can still be added to without an overflow.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);

/// Less is how clocks are kept right.
const STEP_MIN: Duration = Duration::from_secs(1);

/// Reads the system's clocks.
pub(crate) fn read() -> Now {
    Now { monotonic: Instant::now(), wall: SystemTime::now() }
}
