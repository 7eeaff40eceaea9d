//! When a certificate's end is worth a warning. Pure.

use super::certificate::in_days;
use std::time::{Duration, SystemTime};

/// What was last said about the end of one certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpiryWarnings {
    last: Option<(Nearness, SystemTime)>,
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nearness {
    Days30,
    Days14,
    /// From here on, it is worth a warning every day.
    Days7,
    Expired,
}

impl ExpiryWarnings {
    /// What to say of a certificate that ends then, if it is time to say it: with 30 and with 14 days left, and every day
    /// from 7 days on and when it has expired.
    pub(super) fn due(&mut self, expires: SystemTime, now: SystemTime) -> Option<String> {
        let Some(nearness) = nearness(expires, now) else {
            // It was renewed, or the clock was wrong.
            self.last = None;
            return None;
        };
        let is_due = match self.last {
            Some((last, at)) if last == nearness => {
                let is_daily = matches!(nearness, Nearness::Days7 | Nearness::Expired);
                is_daily && now.duration_since(at).is_ok_and(|since| since >= DAY)
            }
            _ => true,
        };
        if !is_due {
            return None;
        }
        self.last = Some((nearness, now));
        Some(match expires.duration_since(now) {
            Ok(left) if !left.is_zero() => format!("expires in {}: renew it", in_days(left)),
            _ => {
                let past = now.duration_since(expires).unwrap_or_default();
                format!("has expired {} ago: clients refuse it; renew it", in_days(past))
            }
        })
    }
}

fn nearness(expires: SystemTime, now: SystemTime) -> Option<Nearness> {
    let left = expires.duration_since(now).unwrap_or_default();
    match left {
        left if left.is_zero() => Some(Nearness::Expired),
        left if left <= 7 * DAY => Some(Nearness::Days7),
        left if left <= 14 * DAY => Some(Nearness::Days14),
        left if left <= 30 * DAY => Some(Nearness::Days30),
        _ => None,
    }
}

const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_end_is_a_warning_at_30_and_14_days_and_every_day_from_7_on() {
        let expires = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut warnings = ExpiryWarnings::default();
        let mut said = Vec::new();
        for hour in 0..24 * 40 {
            let now = expires - 37 * DAY + hour * HOUR;
            if let Some(words) = warnings.due(expires, now) {
                said.push((hour / 24, words));
            }
        }
        let days: Vec<u32> = said.iter().map(|(day, _)| *day).collect();
        assert_eq!(days, [7, 23, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
        assert_eq!(said[0].1, "expires in 30 days: renew it");
        assert_eq!(said[1].1, "expires in 14 days: renew it");
        assert_eq!(said[8].1, "expires in 1 day: renew it");
        assert_eq!(said[9].1, "has expired less than a day ago: clients refuse it; renew it");
        assert_eq!(said[11].1, "has expired 2 days ago: clients refuse it; renew it");
    }

    #[test]
    fn a_renewed_one_is_warned_of_when_its_own_end_comes() {
        let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut warnings = ExpiryWarnings::default();
        assert!(warnings.due(now + 5 * DAY, now).is_some());
        assert_eq!(warnings.due(now + 90 * DAY, now + HOUR), None);
        assert!(warnings.due(now + 90 * DAY, now + 85 * DAY).is_some());
    }

    #[test]
    fn a_clock_that_was_set_back_says_it_again_no_sooner_than_the_next_step() {
        let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let mut warnings = ExpiryWarnings::default();
        assert!(warnings.due(now + 5 * DAY, now).is_some());
        assert_eq!(warnings.due(now + 5 * DAY, now - HOUR), None);
        assert!(warnings.due(now + 5 * DAY, now - 4 * DAY).is_some(), "there are 9 days left");
    }
}
