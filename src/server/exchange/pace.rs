//! How fast a body may leave: `limit_rate` bytes in a second, in pieces of a tenth of a second.
//!
//! Time that nothing was sent in counts for a second or so, so that a client that has paused does not get all that it
//! missed at once. It must never know what is sent, or read a clock.

use crate::server::clock::FOR_EVER;
use crate::site::PaceRule;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The pace of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    bytes_per_second: NonZeroU64,
    /// How many bytes may still leave as fast as they can.
    free_bytes: u64,
    /// Until when the bytes that were sent have used up the rate.
    paid_until: Instant,
}

impl Pace {
    /// The pace of a body that begins now. The first piece may leave at once.
    pub(crate) fn begin(rule: PaceRule, now: Instant) -> Pace {
        Pace {
            bytes_per_second: rule.bytes_per_second,
            free_bytes: rule.after_bytes,
            paid_until: now.checked_sub(PIECE_TIME).unwrap_or(now),
        }
    }

    /// How many bytes may leave now.
    pub(crate) fn allowance(&self, now: Instant) -> u64 {
        if self.free_bytes > 0 {
            return self.free_bytes;
        }
        if now < self.ready_at() {
            return 0;
        }
        let saved = now.saturating_duration_since(self.paid_until).min(self.saved_time_max());
        let bytes = u128::from(self.bytes_per_second.get()) * saved.as_nanos() / NANOS;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
    }

    /// So many bytes have left.
    pub(crate) fn spend(&mut self, bytes: u64, now: Instant) {
        let free = bytes.min(self.free_bytes);
        self.free_bytes -= free;
        let paid = u128::from(bytes - free);
        if paid == 0 {
            return;
        }
        let oldest = now.checked_sub(self.saved_time_max()).unwrap_or(now);
        let nanos = (paid * NANOS).div_ceil(u128::from(self.bytes_per_second.get()));
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paid_until = self.paid_until.max(oldest) + time.min(FOR_EVER);
    }

    /// When the next piece may leave.
    pub(crate) fn ready_at(&self) -> Instant {
        self.paid_until + self.piece_time()
    }

    /// A piece has a byte at least.
    fn piece_time(&self) -> Duration {
        PIECE_TIME.max(Duration::from_nanos(NANOS as u64 / self.bytes_per_second))
    }

    /// For how much time without sending it may make up.
    fn saved_time_max(&self) -> Duration {
        self.piece_time() + LATE_TIME_MAX
    }
}

const NANOS: u128 = 1_000_000_000;

/// What leaves at once: what the rate allows in this time.
const PIECE_TIME: Duration = Duration::from_millis(100);

/// So late a piece may be without a loss: timers are, and so is a worker with much to do.
const LATE_TIME_MAX: Duration = Duration::from_millis(900);

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(bytes_per_second: u64, after_bytes: u64, now: Instant) -> Pace {
        let bytes_per_second = NonZeroU64::new(bytes_per_second).expect("it is not 0");
        Pace::begin(PaceRule { bytes_per_second, after_bytes }, now)
    }

    /// Sends all that may be sent, each time that it may.
    fn sent(pace: &mut Pace, from: Instant, time: Duration, step: Duration) -> u64 {
        let (mut now, mut sent) = (from, 0);
        while now <= from + time {
            let bytes = pace.allowance(now);
            pace.spend(bytes, now);
            sent += bytes;
            now += step;
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_however_often_the_time_is_looked_at() {
        let start = Instant::now();
        for rate in [1, 7, 10, 1000, 123_457, 1_000_000_000] {
            for step in [1, 64, 99, 164, 500] {
                let mut pace = pace(rate, 0, start);
                let time = Duration::from_secs(20);
                let sent = sent(&mut pace, start, time, Duration::from_millis(step));
                // The first piece is a tenth of a second ahead, and the last one may be late by a step.
                let (most, least) = (rate * 20 + rate / 10 + 1, rate * 19);
                assert!((least..=most).contains(&sent), "{rate} {step}: {sent}");
            }
        }
    }

    #[test]
    fn the_first_bytes_may_be_free() {
        let start = Instant::now();
        let mut pace = pace(1000, 5000, start);
        assert_eq!(pace.allowance(start), 5000);
        pace.spend(4999, start);
        assert_eq!(pace.allowance(start), 1);
        pace.spend(1, start);
        assert_eq!(pace.allowance(start), 100, "the first piece of the rate");
        pace.spend(100, start);
        assert_eq!(pace.allowance(start), 0);
        assert_eq!(pace.ready_at(), start + PIECE_TIME);
        assert_eq!(pace.allowance(start + PIECE_TIME), 100);
    }

    #[test]
    fn a_pause_counts_for_a_second_at_most() {
        let start = Instant::now();
        let mut pace = pace(1000, 0, start);
        pace.spend(100, start);
        let late = start + Duration::from_secs(3600);
        assert_eq!(pace.allowance(late), 1000);
        pace.spend(1000, late);
        assert_eq!(pace.allowance(late), 0);
    }
}
