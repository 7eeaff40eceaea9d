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
        if let Some((direction, step)) = step(now.wall, expected) {
            note_step(direction, step);
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

/// How far the clock of the system was set, and in which direction.
fn step(now: SystemTime, expected: SystemTime) -> Option<(&'static str, Duration)> {
    let (direction, step) = match now.duration_since(expected) {
        Ok(step) => ("forward", step),
        Err(error) => ("back", error.duration()),
    };
    (step > STEP_MIN).then_some((direction, step))
}

/// The clock of the system was set, or stood still while the machine slept. Nothing here depends on it but what is
/// shown: the time limits run on the other clock.
#[cold]
fn note_step(direction: &str, step: Duration) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn date(clock: &TurnClock) -> String {
        let mut fields = clock.server_and_date().fields();
        let (_, date) = fields.find(|(name, _)| *name == b"Date").expect("it is rendered");
        String::from_utf8(date.to_vec()).expect("a date is ASCII")
    }

    #[test]
    fn a_clock_that_is_set_is_counted_and_moves_the_date_and_no_time_limit() {
        let began = Instant::now();
        let wall = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut clock = TurnClock::new(Now { monotonic: began, wall });
        assert_eq!(date(&clock), "Tue, 14 Nov 2023 22:13:20 GMT");
        let later = began + Duration::from_secs(1);
        clock.set(Now { monotonic: later, wall: wall + Duration::from_secs(3601) });
        assert_eq!((clock.monotonic(), &*date(&clock)), (later, "Tue, 14 Nov 2023 23:13:21 GMT"));
        clock.set(Now { monotonic: later, wall: UNIX_EPOCH - Duration::from_secs(5) });
        assert_eq!((clock.monotonic(), &*date(&clock)), (later, "Thu, 01 Jan 1970 00:00:00 GMT"));
        // Another test may have counted one a moment ago, so that this is the same one.
        assert!(Trouble::ClockStepped.count() > 0);
    }

    #[test]
    fn a_step_is_more_than_what_keeps_a_clock_right() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let second = Duration::from_secs(1);
        assert_eq!(step(expected, expected), None);
        assert_eq!(
            (step(expected + second, expected), step(expected - second, expected)),
            (None, None)
        );
        assert_eq!(step(expected + 2 * second, expected), Some(("forward", 2 * second)));
        assert_eq!(step(expected - 3600 * second, expected), Some(("back", 3600 * second)));
    }
}
