//! An account of the frames that ask for work and get nothing done: resets, pings, settings, empty frames.
//!
//! Each such frame is charged, also a reset that the server sends. Useful work earns credit, and so does time. A client
//! that spends more than it has ends its connection with ENHANCE_YOUR_CALM.

use crate::http::h2::error::{ErrorCode, Fault};
use std::time::Instant;

/// The account of one connection.
#[derive(Debug)]
pub(super) struct Account {
    credit: u32,
    /// Up to when time has earned its part.
    earned_until: Instant,
}

/// What something costs.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum Cost {
    /// A frame that has no effect, or a small one.
    Frame = 1,
    /// A frame that is answered, or that carries nothing.
    Answer = 4,
    /// A change of settings.
    Settings = 20,
    /// A stream that ends before its response has: its request was work all the same.
    Reset = 10,
}

impl Account {
    /// The account of a new connection.
    pub(super) fn new(now: Instant) -> Account {
        Account { credit: CREDIT_MAX, earned_until: now }
    }

    /// Charges for something.
    ///
    /// # Errors
    /// If the client has spent more than it may. The connection ends then.
    pub(super) fn charge(&mut self, cost: Cost, now: Instant) -> Result<(), Fault> {
        let cost = cost as u32;
        if self.credit < cost {
            let seconds = now.saturating_duration_since(self.earned_until).as_millis() / 1000;
            self.earned_until = now;
            self.earn(u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(EARNED_PER_SECOND));
        }
        match self.credit.checked_sub(cost) {
            Some(credit) => {
                self.credit = credit;
                Ok(())
            }
            None => Err(Fault::new(ErrorCode::EnhanceYourCalm, "too many frames without work")),
        }
    }

    /// A response has been sent, or a large part of one.
    pub(super) fn earn(&mut self, credit: u32) {
        self.credit = self.credit.saturating_add(credit).min(CREDIT_MAX);
    }
}

/// So much that a browser may leave a page with all its images under way, twice.
const CREDIT_MAX: u32 = 2000;

const EARNED_PER_SECOND: u32 = 100;

/// What a response, or a piece of a long one, earns: room for it, in the window of its stream and in that of the
/// connection.
pub(super) const EARNED_BY_WORK: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_and_work_earn_what_frames_cost() {
        let start = Instant::now();
        let mut account = Account::new(start);
        let resets = |account: &mut Account, now| {
            (0..1_000_000).take_while(|_| account.charge(Cost::Reset, now).is_ok()).count()
        };
        assert_eq!(resets(&mut account, start), 200);
        let later = start + Duration::from_secs(1);
        assert_eq!(resets(&mut account, later), 10);
        assert_eq!(resets(&mut account, later), 0);
        account.earn(20);
        assert_eq!(resets(&mut account, later), 2);
        assert_eq!(resets(&mut account, later + Duration::from_secs(10_000)), 200);
    }

    #[test]
    fn a_client_that_works_is_never_told_to_calm_down() {
        let now = Instant::now();
        let mut account = Account::new(now);
        for _ in 0..100_000 {
            account.charge(Cost::Frame, now).expect("it has credit");
            account.earn(EARNED_BY_WORK);
        }
    }
}
