//! Threads for what blocks: the disk, and slow handlers, so that no reactor waits.
//!
//! A pool has as many threads as had jobs at once within the last ten to twenty seconds, and one ([`demand`]): each takes
//! memory, and so does what the C library keeps for it. A timeout for each idle thread would not do: the kernel wakes the
//! one that has waited longest, so that a job a second would keep all of them.
//!
//! It must never know for which exchange a job is.

mod demand;
#[cfg(test)]
mod models;
mod queue;
#[cfg(test)]
mod tests;

pub(crate) use queue::{Owner, Ticket};

use crate::sys::sync::{self, Condvar, Mutex, MutexGuard};
use crate::sys::trouble::Trouble;
use demand::Demand;
use queue::{Queue, Work};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A pool that starts its threads when there is work for them. Those that are not needed any more end; one stays.
pub(crate) struct Pool {
    core: Arc<PoolCore>,
    name: &'static str,
}

/// A job that runs once.
pub(crate) type SingleJob = Box<dyn FnOnce() + Send>;

/// A job that returns a pause to be called again after it. Meanwhile its thread does other jobs, so that no thread
/// sleeps.
pub(crate) type RetriedJob = Box<dyn FnMut() -> Option<Duration> + Send>;

/// Whether a job whose client may have gone could go behind the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yielded {
    /// It waits behind them, or has begun already.
    Kept,
    /// Too many jobs wait there.
    Refused,
}

/// The threads of a pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolNumbers {
    pub threads: usize,
    /// How many of them have no job.
    pub idle: usize,
    /// Jobs that no thread has begun.
    pub waiting: usize,
    pub threads_max: usize,
}

impl Pool {
    /// A pool of `threads_max` threads, none of them started yet. When all of them are busy,
    /// `queue_max` jobs may wait.
    pub(crate) fn new(name: &'static str, threads_max: usize, queue_max: usize) -> Pool {
        Pool::with_idle_time(name, threads_max, queue_max, IDLE_TIME)
    }

    fn with_idle_time(
        name: &'static str,
        threads_max: usize,
        queue_max: usize,
        idle_time: Duration,
    ) -> Pool {
        let state = PoolState { threads_max, queue_max, ..PoolState::default() };
        let core = PoolCore { state: Mutex::new(state), work: Condvar::new(), idle_time };
        Pool { core: Arc::new(core), name }
    }

    /// Changes how many threads there may be, and how many jobs may wait. Threads beyond that end when they have done
    /// their jobs; jobs that wait already still have their turn.
    pub(crate) fn set_bounds(&self, threads_max: usize, queue_max: usize) {
        let mut state = self.core.lock();
        state.threads_max = threads_max;
        state.queue_max = queue_max;
        let more = threads_max.saturating_sub(state.threads).min(state.queue.length());
        for _ in 0..more {
            // What happens without a thread is dealt with when the next job comes.
            let _ = self.start_thread(&mut state);
        }
        drop(state);
        self.core.work.notify_all();
    }

    /// Queues a job that runs once.
    ///
    /// # Errors
    /// The job itself, when all threads are busy and the queue is full.
    pub(crate) fn submit(&self, job: SingleJob) -> Result<(), SingleJob> {
        let Some(state) = self.admit() else {
            return Err(job);
        };
        self.enqueue(state, Work::Single(job), None);
        Ok(())
    }

    /// Queues a job that may ask to be called again. Its ticket withdraws it.
    ///
    /// # Errors
    /// The job itself, when all threads are busy and the queue is full.
    pub(crate) fn submit_retried(
        &self,
        attempts: RetriedJob,
        owner: Option<Owner>,
    ) -> Result<Ticket, RetriedJob> {
        let Some(state) = self.admit() else {
            return Err(attempts);
        };
        Ok(self.enqueue(state, Work::Retried(attempts), owner))
    }

    /// Takes back a job that no thread has begun.
    pub(crate) fn withdraw(&self, ticket: Ticket) -> Option<RetriedJob> {
        let mut state = self.core.lock();
        match state.queue.withdraw(ticket)? {
            Work::Retried(attempts) => Some(attempts),
            Work::Single(_) => None,
        }
    }

    /// Lets other jobs go before this one, if no thread has begun it. Refuses when the jobs that have yielded
    /// already fill an eighth of the queue.
    pub(crate) fn yield_place(&self, ticket: Ticket) -> Yielded {
        let mut state = self.core.lock();
        let yielded_max = (state.queue_max / YIELDED_PART).max(1);
        state.queue.yield_place(ticket, yielded_max)
    }

    /// How many jobs no thread has begun.
    pub(crate) fn waiting(&self) -> usize {
        self.core.lock().queue.waiting()
    }

    /// What its threads do.
    pub(crate) fn numbers(&self) -> PoolNumbers {
        let state = self.core.lock();
        PoolNumbers {
            threads: state.threads,
            idle: state.idle,
            waiting: state.queue.waiting(),
            threads_max: state.threads_max,
        }
    }

    /// How many threads it may have.
    pub(crate) fn threads_max(&self) -> usize {
        self.core.lock().threads_max
    }

    /// The state, if there is room for one more job.
    fn admit(&self) -> Option<MutexGuard<'_, PoolState>> {
        let state = self.core.lock();
        // An idle thread may not yet have taken the job that it was woken for.
        let free = state.idle + state.threads_max.saturating_sub(state.threads);
        (state.queue.length() < state.queue_max.saturating_add(free)).then_some(state)
    }

    fn enqueue(
        &self,
        mut state: MutexGuard<'_, PoolState>,
        work: Work,
        owner: Option<Owner>,
    ) -> Ticket {
        let ticket = state.queue.add(work, owner);
        state.note_demand();
        if state.idle >= state.queue.waiting() {
            self.core.work.notify_one();
        } else if state.threads < state.threads_max
            && let Err(error) = self.start_thread(&mut state)
        {
            if Trouble::ThreadNotGiven.note_to_log() {
                log::error!(
                    "the system gives no thread to the {} pool, which has {}: {error} (logged once a minute)",
                    self.name,
                    state.threads
                );
            }
            if state.threads == 0 {
                // No other thread would ever do it.
                let all = state.queue.take_all();
                drop(state);
                all.for_each(|(ticket, work)| self.core.run(ticket, work));
            }
        }
        ticket
    }

    fn start_thread(&self, state: &mut PoolState) -> io::Result<()> {
        let core = Arc::clone(&self.core);
        sync::spawn(self.name, move || core.serve())?;
        state.threads += 1;
        Ok(())
    }
}

impl Drop for Pool {
    /// Lets the threads end once the queue is empty.
    fn drop(&mut self) {
        self.core.lock().is_closed = true;
        self.core.work.notify_all();
    }
}

/// What a pool and its threads share.
struct PoolCore {
    state: Mutex<PoolState>,
    work: Condvar,
    /// How long a thread stays that is not needed.
    idle_time: Duration,
}

#[derive(Default)]
struct PoolState {
    threads_max: usize,
    queue_max: usize,
    queue: Queue,
    /// Until when an idle thread waits for the first of these times.
    watched_until: Option<Instant>,
    threads: usize,
    idle: usize,
    /// Jobs that threads are doing.
    running: usize,
    demand: Demand,
    is_closed: bool,
}

impl PoolState {
    fn note_demand(&mut self) {
        self.demand.note(self.running + self.queue.waiting());
    }

    /// Whether there are more threads than had jobs lately, if one asks that has nothing to do. It may be the one that
    /// waits for a pause to be over.
    fn has_too_many(&mut self, idle_time: Duration) -> bool {
        let lately = self.demand.lately(self.running, Instant::now(), idle_time);
        self.queue.first_due().is_none() && self.threads > lately.max(1)
    }
}

impl PoolCore {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if state.threads > state.threads_max.max(1) {
                // Others do what waits.
                break;
            }
            if let Some((ticket, work)) = state.queue.next() {
                state.running += 1;
                state.note_demand();
                drop(state);
                self.run(ticket, work);
                state = self.lock();
                state.running -= 1;
            } else if state.is_closed && state.queue.first_due().is_none() {
                break;
            } else if state.has_too_many(self.idle_time) {
                // A job that comes from now on does not count on this thread, because it is not idle.
                break;
            } else {
                state = self.wait(state);
            }
        }
        state.threads -= 1;
    }

    /// Waits for a job, or until the first pause is over. One thread is enough to wait for that. A thread that is not the
    /// only one looks from time to time whether it is still needed.
    fn wait<'a>(&self, mut state: MutexGuard<'a, PoolState>) -> MutexGuard<'a, PoolState> {
        let due = state.queue.first_due();
        let due = due.filter(|due| state.watched_until.is_none_or(|until| *due < until));
        state.idle += 1;
        let mut state = match due {
            None if state.threads > 1 => {
                let waited = self.work.wait_timeout(state, self.idle_time);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(due) => {
                state.watched_until = Some(due);
                let time = due.saturating_duration_since(Instant::now());
                let waited = self.work.wait_timeout(state, time);
                let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.watched_until = state.watched_until.filter(|until| *until != due);
                state
            }
        };
        state.idle -= 1;
        state
    }

    fn run(&self, ticket: Ticket, work: Work) {
        match work {
            Work::Single(job) => {
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    log::error!("a job of the pool panicked");
                }
            }
            Work::Retried(mut attempts) => match catch_unwind(AssertUnwindSafe(&mut attempts)) {
                Ok(None) => {}
                Ok(Some(pause)) => {
                    let mut state = self.lock();
                    state.queue.call_again(Instant::now() + pause, ticket, attempts);
                    if state.idle > 0 {
                        // An idle thread now waits for the first of these pauses; this thread may have other jobs.
                        self.work.notify_one();
                    }
                }
                Err(_) => log::error!("a job of the pool panicked"),
            },
        }
    }
}

/// The part of the queue that jobs for clients that may have gone can fill: an eighth.
const YIELDED_PART: usize = 8;

/// How long a thread stays that is not needed. Each takes some 100 KB with what the C library keeps for it.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// How many threads may wait for the disk at the same time. More would not make one disk faster, and
/// a hundred reads of a dead network share need no hundred stacks.
pub(crate) const DISK_THREADS_MAX: usize = 16;

#[cfg(any(test, feature = "fuzzing"))]
impl Pool {
    /// Does the next job on the calling thread: with a pool of no threads, a test decides when something is
    /// done.
    pub(crate) fn do_next(&self) -> bool {
        let next = self.core.lock().queue.next();
        let found = next.is_some();
        next.into_iter().for_each(|(ticket, work)| self.core.run(ticket, work));
        found
    }
}
