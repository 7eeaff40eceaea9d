//! How many threads a pool needs: as many as had jobs at the same time lately. It must never know of threads.

use std::time::{Duration, Instant};

/// The most jobs at once, in this period and in the one before.
#[derive(Default)]
pub(super) struct Demand {
    most: usize,
    most_before: usize,
    /// Since when this period lasts.
    since: Option<Instant>,
}

impl Demand {
    /// So many jobs are there at once.
    pub(super) fn note(&mut self, jobs: usize) {
        self.most = self.most.max(jobs);
    }

    /// How many there were at once at most, for one period of this length at least and for two at most. There are
    /// `jobs` now.
    pub(super) fn lately(&mut self, jobs: usize, now: Instant, period: Duration) -> usize {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= period {
            self.most_before = self.most;
            self.most = jobs;
            self.since = Some(now);
        }
        self.most.max(self.most_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    #[test]
    fn what_was_there_at_once_counts_for_one_period_to_two() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        let mut after = |seconds, jobs: &[usize]| {
            jobs.iter().for_each(|jobs| demand.note(*jobs));
            demand.lately(0, start + Duration::from_secs(seconds), PERIOD)
        };
        assert_eq!(after(0, &[1, 2, 5, 3]), 5);
        assert_eq!(after(9, &[2]), 5);
        assert_eq!(after(10, &[]), 5, "it was within the last period");
        assert_eq!(after(19, &[2]), 5);
        assert_eq!(after(20, &[]), 2);
        assert_eq!(after(30, &[]), 0);
    }

    #[test]
    fn what_lasts_counts_as_long_as_it_lasts() {
        let (mut demand, start) = (Demand::default(), Instant::now());
        demand.note(4);
        for seconds in [0, 15, 30, 45, 60] {
            assert_eq!(demand.lately(4, start + Duration::from_secs(seconds), PERIOD), 4);
        }
    }
}
