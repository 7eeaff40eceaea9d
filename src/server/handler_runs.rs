//! Which handlers run on the threads of the pool, and for how long: for the log.
//!
//! Threads enter a run when it begins and take it out when it ends; each worker looks now and then for those of its
//! requests that run long. It must never know what a handler does, nor end it.

use crate::http::RequestName;
use slab::Slab;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The handlers that run, of all workers. There are no more of them than threads.
#[derive(Default)]
pub(crate) struct HandlerRuns {
    runs: Mutex<Slab<Run>>,
}

struct Run {
    request: Arc<RequestName>,
    worker: usize,
    begun: Instant,
    /// Whether it has found its response, and writes the body as the client reads it.
    streams: bool,
    /// Whether the log has named it.
    is_named: bool,
}

/// The jobs of one worker's handlers, those that wait for a thread among them.
pub(crate) struct HandlerJobs {
    runs: Arc<HandlerRuns>,
    worker: usize,
    count: Arc<AtomicUsize>,
}

/// The job of one handler. It counts until it is dropped.
pub(crate) struct HandlerJob {
    runs: Arc<HandlerRuns>,
    worker: usize,
    request: Arc<RequestName>,
    count: Arc<AtomicUsize>,
}

/// A handler that has run longer than it should.
#[derive(Debug)]
pub(crate) struct SlowRun {
    pub request: Arc<RequestName>,
    pub time: Duration,
}

impl HandlerJobs {
    /// Of this worker.
    pub(crate) fn new(runs: &Arc<HandlerRuns>, worker: usize) -> HandlerJobs {
        HandlerJobs { runs: Arc::clone(runs), worker, count: Arc::default() }
    }

    /// The number of the worker.
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }

    /// One more job.
    pub(crate) fn job(&self, request: Arc<RequestName>) -> HandlerJob {
        self.count.fetch_add(1, Ordering::Relaxed);
        HandlerJob {
            runs: Arc::clone(&self.runs),
            worker: self.worker,
            request,
            count: Arc::clone(&self.count),
        }
    }

    /// Whether there are any.
    pub(crate) fn exist(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// This worker's handlers that have run longer than `slow_time` and were not returned before, and how many
    /// handlers of all workers run that long.
    pub(crate) fn slow(&self, slow_time: Duration, now: Instant) -> (Vec<SlowRun>, usize) {
        let mut runs = self.runs.lock();
        let (mut slow, mut count) = (Vec::new(), 0);
        for (_, run) in runs.iter_mut() {
            let time = now.saturating_duration_since(run.begun);
            if run.streams || time < slow_time {
                continue;
            }
            count += 1;
            if run.worker == self.worker && !run.is_named {
                run.is_named = true;
                slow.push(SlowRun { request: Arc::clone(&run.request), time });
            }
        }
        (slow, count)
    }

    /// The handler that has run longest, of all workers, and how many of them write response bodies.
    pub(crate) fn longest(&self, now: Instant) -> (Option<SlowRun>, usize) {
        let runs = self.runs.lock();
        let longest = runs.iter().map(|(_, run)| run).min_by_key(|run| run.begun);
        let longest = longest.map(|run| SlowRun {
            request: Arc::clone(&run.request),
            time: now.saturating_duration_since(run.begun),
        });
        (longest, runs.iter().filter(|(_, run)| run.streams).count())
    }
}

impl HandlerJob {
    /// A thread begins it.
    pub(crate) fn begin(&self) -> Running<'_> {
        let run = Run {
            request: Arc::clone(&self.request),
            worker: self.worker,
            begun: Instant::now(),
            streams: false,
            is_named: false,
        };
        Running { runs: &self.runs, place: self.runs.lock().insert(run) }
    }

    /// The request that it is for.
    pub(crate) fn request(&self) -> &Arc<RequestName> {
        &self.request
    }
}

impl Drop for HandlerJob {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handler that a thread runs, until it is dropped.
pub(crate) struct Running<'j> {
    runs: &'j HandlerRuns,
    place: usize,
}

impl Running<'_> {
    /// It has found its response. Writing the body may take as long as the client likes.
    pub(crate) fn streams(&self) {
        if let Some(run) = self.runs.lock().get_mut(self.place) {
            run.streams = true;
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runs.lock().try_remove(self.place);
    }
}

impl HandlerRuns {
    fn lock(&self) -> MutexGuard<'_, Slab<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    fn named(path: &str) -> Arc<RequestName> {
        Arc::new(RequestName { method: Method::Get, path: path.as_bytes().into() })
    }

    fn names(slow: &[SlowRun]) -> Vec<String> {
        slow.iter().map(|run| run.request.to_string()).collect()
    }

    const LONG: Duration = Duration::from_secs(5);

    #[test]
    fn a_run_is_named_once_by_its_own_worker_and_counted_by_all() {
        let runs = Arc::default();
        let workers = [0, 1].map(|worker| HandlerJobs::new(&runs, worker));
        let jobs = [workers[0].job(named("/a")), workers[1].job(named("/b"))];
        let _running = jobs.each_ref().map(HandlerJob::begin);
        let now = Instant::now();
        assert_eq!(workers[0].slow(LONG, now).1, 0);
        let later = now + LONG + LONG;
        for (worker, name) in workers.iter().zip(["GET /a", "GET /b"]) {
            let (slow, count) = worker.slow(LONG, later);
            assert_eq!((names(&slow), count), (vec![name.to_owned()], 2));
            let (slow, count) = worker.slow(LONG, later + LONG);
            assert_eq!((names(&slow), count), (vec![], 2));
        }
    }

    #[test]
    fn what_has_ended_or_writes_a_body_is_not_slow() {
        let jobs = HandlerJobs::new(&Arc::default(), 0);
        let (ended, streaming) = (jobs.job(named("/ended")), jobs.job(named("/stream")));
        drop(ended.begin());
        let running = streaming.begin();
        running.streams();
        let later = Instant::now() + LONG + LONG;
        assert_eq!(jobs.slow(LONG, later).1, 0);
        let (longest, streams) = jobs.longest(later);
        assert_eq!((names(&Vec::from_iter(longest)), streams), (vec!["GET /stream".to_owned()], 1));
    }

    #[test]
    fn a_job_counts_from_its_submission_until_it_is_dropped() {
        let jobs = HandlerJobs::new(&Arc::default(), 0);
        let job = jobs.job(named("/a"));
        assert!(jobs.exist());
        drop(job.begin());
        assert!(jobs.exist());
        drop(job);
        assert!(!jobs.exist());
    }
}
