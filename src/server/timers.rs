//! A wheel of hints: when to look at which connection again.
//!
//! A connection's deadline moves with every request; its hint does not. The hint is due no later than
//! the deadline; if the deadline has moved on by then, the connection gets another hint. So a busy
//! keep-alive connection touches the wheel about once per timeout, not once per request.

use super::id::ConnectionId;
use std::time::{Duration, Instant};

/// The wheel.
pub(crate) struct Timers {
    slots: Vec<Vec<ConnectionId>>,
    origin: Instant,
    /// The first tick whose slot has not been emptied.
    next: u64,
    /// The first tick that has a hint.
    soonest: Option<u64>,
}

impl Timers {
    /// A wheel that begins to turn now.
    pub(crate) fn new(now: Instant) -> Timers {
        Timers { slots: vec![Vec::new(); SLOTS], origin: now, next: 0, soonest: None }
    }

    /// Adds a hint for this time, or for the wheel's horizon if that is sooner; returns the time of
    /// the hint.
    pub(crate) fn hint(&mut self, id: ConnectionId, at: Instant) -> Instant {
        let last = self.next + SLOTS as u64 - 1;
        let tick = (self.tick_of(at) + 1).clamp(self.next, last);
        self.slots[tick as usize % SLOTS].push(id);
        self.soonest = Some(self.soonest.map_or(tick, |soonest| soonest.min(tick)));
        self.time_of(tick)
    }

    /// Takes every hint that is due.
    pub(crate) fn due(&mut self, now: Instant, due: &mut Vec<ConnectionId>) {
        let current = self.tick_of(now);
        // After a long sleep one round empties every slot.
        let rounds = (current + 1).saturating_sub(self.next).min(SLOTS as u64);
        for step in 0..rounds {
            due.append(&mut self.slots[(self.next + step) as usize % SLOTS]);
        }
        self.next = self.next.max(current + 1);
        if self.soonest.is_some_and(|soonest| soonest <= current) {
            self.soonest = (self.next..self.next + SLOTS as u64)
                .find(|&tick| !self.slots[tick as usize % SLOTS].is_empty());
        }
    }

    /// When the next hint comes up.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.soonest.map(|tick| self.time_of(tick))
    }

    fn tick_of(&self, time: Instant) -> u64 {
        (time.saturating_duration_since(self.origin).as_millis() / TICK.as_millis()) as u64
    }

    fn time_of(&self, tick: u64) -> Instant {
        self.origin + Duration::from_millis(tick * TICK.as_millis() as u64)
    }
}

/// How late a timeout may be. The wheel spans about half a minute.
const TICK: Duration = Duration::from_millis(64);
const SLOTS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> ConnectionId {
        ConnectionId::new(slot, 0)
    }

    #[test]
    fn a_hint_comes_up_at_its_time_and_not_before() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let at = timers.hint(id(1), start + Duration::from_secs(3));
        assert!(at >= start + Duration::from_secs(3));
        assert!(at <= start + Duration::from_secs(3) + TICK);
        assert_eq!(timers.next_due(), Some(at));
        let mut due = Vec::new();
        timers.due(at - TICK, &mut due);
        assert!(due.is_empty());
        timers.due(at, &mut due);
        assert_eq!(due, [id(1)]);
        assert_eq!(timers.next_due(), None);
    }

    #[test]
    fn a_time_beyond_the_horizon_is_hinted_at_the_horizon() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let at = timers.hint(id(1), start + Duration::from_secs(3600));
        assert!(at < start + TICK * SLOTS as u32);
    }

    #[test]
    fn after_a_long_sleep_every_hint_is_due_once() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        for slot in 0..1000 {
            timers.hint(id(slot), start + Duration::from_millis(u64::from(slot) * 100));
        }
        let mut due = Vec::new();
        timers.due(start + Duration::from_secs(100_000), &mut due);
        due.sort();
        assert_eq!(due, (0..1000).map(id).collect::<Vec<_>>());
    }
}
