//! Requests that are refused because all threads are busy: the log has a line for the first, and then one a second
//! with how many there were since.
//!
//! It must never know why they are refused.

use std::time::{Duration, Instant};

/// The refusals of one worker.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    logged_at: Option<Instant>,
    unlogged: u64,
}

impl Refusals {
    /// Counts a refusal. Returns whether it has a line of its own, because it is the first one for a second.
    pub(crate) fn note(&mut self, now: Instant) -> bool {
        let is_first =
            self.unlogged == 0 && self.logged_at.is_none_or(|at| now >= at + LOGGED_EVERY);
        match is_first {
            true => self.logged_at = Some(now),
            false => self.unlogged += 1,
        }
        is_first
    }

    /// How many refusals have no line yet, if a line for them is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let is_due = self.due().is_some_and(|due| due <= now);
        is_due.then(|| {
            self.logged_at = Some(now);
            std::mem::take(&mut self.unlogged)
        })
    }

    /// When the next line is due, if there is something to say in it.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.unlogged > 0).then(|| self.logged_at.map(|at| at + LOGGED_EVERY))?
    }
}

const LOGGED_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_has_a_line_and_the_others_share_one_a_second() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(refusals.due(), None);
        assert!(refusals.note(at(0)));
        assert_eq!((refusals.due(), refusals.take_due(at(5000))), (None, None));
        assert!(!refusals.note(at(10)) && !refusals.note(at(20)));
        assert_eq!((refusals.take_due(at(999)), refusals.due()), (None, Some(at(1000))));
        assert_eq!(refusals.take_due(at(1000)), Some(2));
        assert_eq!(refusals.due(), None);
        assert!(!refusals.note(at(1500)), "another second has not passed");
        assert_eq!(refusals.take_due(at(2000)), Some(1));
        assert!(refusals.note(at(3000)), "it was quiet for a second");
    }
}
