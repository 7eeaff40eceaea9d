//! What was read before: rates and percentiles are the difference of two readings.
//!
//! Nobody is asked for it: what collectors and people read is kept, at most once a second.

use super::families::{DURATION, RECEIVED, REQUESTS, RESPONSES, SENT};
use super::metrics::{Histogram, Metrics, label_value};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The readings of some minutes.
#[derive(Default)]
pub(super) struct History {
    readings: Mutex<Readings>,
}

#[derive(Default)]
struct Readings {
    points: VecDeque<Point>,
    /// The last of them whole, and the one before.
    whole: VecDeque<(Duration, Metrics)>,
}

/// Sums at one moment.
#[derive(Clone, Debug)]
struct Point {
    at: Duration,
    requests: f64,
    received: f64,
    sent: f64,
    failed: f64,
    durations: Histogram,
}

/// What is seen of it.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// What happened in the last seconds, per second.
    pub(super) rates: Rates,
    /// The same over the last minutes, the latest last: how long ago each stretch ended, and its rates.
    pub(super) past: Vec<(Duration, Rates)>,
    /// The durations of the last minute.
    pub(super) durations: Histogram,
    /// An earlier reading, and how long ago it was made.
    pub(super) earlier: Option<(Duration, Metrics)>,
}

/// Per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) requests: f64,
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) failed: f64,
}

impl History {
    /// Keeps a reading, unless the last one is nearly as new. Returns whether there is none to compare it with.
    pub(super) fn add(&self, now: Duration, metrics: &Metrics) -> bool {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = &mut *readings;
        let last = readings.points.back().map(|it| now.saturating_sub(it.at));
        if last.is_none_or(|age| age >= STEP) {
            readings.points.push_back(Point::of(now, metrics));
            readings.whole.push_back((now, metrics.clone()));
        }
        while readings.points.front().is_some_and(|it| now.saturating_sub(it.at) > KEPT)
            || readings.points.len() > POINTS_MAX
        {
            readings.points.pop_front();
        }
        while readings.whole.len() > WHOLE_MAX {
            readings.whole.pop_front();
        }
        last.is_none_or(|age| age > STALE)
    }

    /// What is known now.
    pub(super) fn view(&self, now: Duration) -> View {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let points = &readings.points;
        let stretches = points.iter().zip(points.iter().skip(1));
        let past = stretches.map(|(from, to)| (now.saturating_sub(to.at), to.since(from)));
        let Some(last) = points.back() else { return View::default() };
        // Over some seconds, so that numbers do not jump; but not over a pause without readings.
        let recent = points.iter().find(|it| last.at.saturating_sub(it.at) <= RECENT);
        let minute = points.iter().find(|it| last.at.saturating_sub(it.at) <= MINUTE);
        let earlier = readings
            .whole
            .iter()
            .find(|(at, _)| *at < last.at && last.at.saturating_sub(*at) <= RECENT);
        View {
            rates: recent.map(|it| last.since(it)).unwrap_or_default(),
            past: past.collect(),
            durations: minute.map(|it| last.durations.since(&it.durations)).unwrap_or_default(),
            earlier: earlier.map(|(at, metrics)| (last.at.saturating_sub(*at), metrics.clone())),
        }
    }
}

impl Point {
    fn of(at: Duration, metrics: &Metrics) -> Point {
        let is_failure = |labels: &str| {
            label_value(labels, "status").is_some_and(|status| status.starts_with('5'))
        };
        let failed = metrics.of(RESPONSES).filter(|(labels, _)| is_failure(labels));
        Point {
            at,
            requests: metrics.sum(REQUESTS),
            received: metrics.sum(RECEIVED),
            sent: metrics.sum(SENT),
            failed: failed.map(|(_, measure)| measure.number()).sum(),
            durations: metrics.histogram(DURATION),
        }
    }

    /// What happened after an earlier one. Numbers become smaller when a process begins again.
    fn since(&self, from: &Point) -> Rates {
        let seconds = self.at.saturating_sub(from.at).as_secs_f64();
        let rate = |now: f64, before: f64| {
            if seconds > 0.0 { (now - before).max(0.0) / seconds } else { 0.0 }
        };
        Rates {
            requests: rate(self.requests, from.requests),
            received: rate(self.received, from.received),
            sent: rate(self.sent, from.sent),
            failed: rate(self.failed, from.failed),
        }
    }
}

/// Readings that come closer are not kept.
const STEP: Duration = Duration::from_millis(350);

/// After so long without a reading, a new one alone says nothing of now. It is less than [`RECENT`].
const STALE: Duration = Duration::from_secs(4);

/// Rates are those of so many seconds.
const RECENT: Duration = Duration::from_secs(5);

/// Percentiles are those of a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// How far the curves reach back.
const KEPT: Duration = Duration::from_secs(300);

/// More than one for each second of that time.
const POINTS_MAX: usize = 900;

/// Enough whole readings for [`RECENT`].
const WHOLE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(requests: u64) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.count(REQUESTS, &[], requests);
        metrics
    }

    #[test]
    fn a_first_reading_says_nothing_of_rates_and_a_second_does() {
        let (history, start) = (History::default(), Duration::from_secs(1000));
        assert!(history.add(start, &reading(100)));
        assert_eq!(history.view(start).rates, Rates::default());
        let later = start + Duration::from_secs(2);
        assert!(!history.add(later, &reading(150)));
        assert_eq!(history.view(later).rates.requests, 25.0);
        assert_eq!(history.view(later).past.len(), 1);
        let restarted = later + Duration::from_secs(1);
        history.add(restarted, &reading(0));
        assert_eq!(history.view(restarted).rates.requests, 0.0, "never less than nothing");
    }

    #[test]
    fn after_a_pause_rates_are_those_of_now() {
        let (history, start) = (History::default(), Duration::from_secs(1000));
        history.add(start, &reading(0));
        let later = start + Duration::from_secs(100);
        assert!(history.add(later, &reading(1_000_000)), "another one is needed");
        let soon = later + Duration::from_millis(400);
        assert!(!history.add(soon, &reading(1_000_004)));
        assert_eq!(history.view(soon).rates.requests.round(), 10.0);
    }

    #[test]
    fn however_often_it_is_read_it_takes_no_more_memory() {
        let (history, start) = (History::default(), Duration::from_secs(1000));
        for millisecond in 0..2_000_000 / 100 {
            history.add(start + Duration::from_millis(millisecond * 100), &Metrics::default());
        }
        let readings = history.readings.lock().unwrap();
        assert!(readings.points.len() <= POINTS_MAX && readings.whole.len() <= WHOLE_MAX);
    }
}
