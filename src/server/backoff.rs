//! How long to wait before a dead process is replaced. Knows no clock.

use std::time::Duration;

/// The deaths in one place of a pool, of the program's processes or of an application's.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// How many died in a row, each soon after its start.
    deaths: u32,
    pause_max: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::up_to(PAUSE_MAX)
    }
}

impl Backoff {
    /// The same with pauses no longer than this.
    pub(crate) fn up_to(pause_max: Duration) -> Backoff {
        Backoff { deaths: 0, pause_max }
    }

    /// The pause after the death of a process that has served for this time. There is none after the first death,
    /// which may have been an accident. If the next processes die young as well, the pauses double, up to ten seconds
    /// or the bound of [`up_to`](Backoff::up_to): a process that cannot run costs little, and one that can again is
    /// back soon.
    pub(crate) fn after(&mut self, served: Duration) -> Duration {
        if served >= SETTLED_AFTER {
            self.deaths = 0;
        }
        let pause = match self.deaths {
            0 => Duration::ZERO,
            deaths => {
                PAUSE_MIN.saturating_mul(1 << (deaths - 1).min(DOUBLINGS_MAX)).min(self.pause_max)
            }
        };
        self.deaths = self.deaths.saturating_add(1);
        pause
    }
}

/// A process that served this long did not die of its start.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Enough to get from the shortest pause to the longest, and few enough for 32 bits.
const DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_death_costs_no_pause_and_those_in_a_row_ever_more() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> =
            (0..10).map(|_| backoff.after(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        for _ in 0..1000 {
            assert_eq!(backoff.after(Duration::ZERO), PAUSE_MAX);
        }
    }

    #[test]
    fn no_pause_is_longer_than_it_may_be() {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        let longest = (0..100).map(|_| backoff.after(Duration::ZERO)).max();
        assert_eq!(longest, Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_long_life_is_a_new_beginning() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(SETTLED_AFTER), Duration::ZERO);
        assert_eq!(backoff.after(Duration::ZERO), PAUSE_MIN);
    }
}
