//! Threads for what blocks: the disk, and handlers that take their time, so that no reactor waits.
//!
//! It must never know whom a job is for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// Something that blocks.
pub type Job = Box<dyn FnOnce() + Send>;

/// A pool that starts its threads when there is work for them.
pub struct Pool {
    shared: Arc<Shared>,
    name: &'static str,
    threads_max: usize,
    queue_max: usize,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
}

impl Pool {
    /// A pool of so many threads at most, none of them started. When all of them are busy,
    /// `queue_max` jobs may wait.
    pub fn new(name: &'static str, threads_max: usize, queue_max: usize) -> Pool {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0, stage: Stage::Open };
        Pool {
            shared: Arc::new(Shared { state: Mutex::new(state), work: Condvar::new() }),
            name,
            threads_max,
            queue_max,
        }
    }

    /// Has a job done.
    ///
    /// # Errors
    /// The job itself, when all threads are busy and the queue is full.
    pub fn submit(&self, job: Job) -> Result<(), Job> {
        let mut state = self.shared.lock();
        // An idle thread may not have taken the job yet that it was woken for.
        let free = state.idle + (self.threads_max - state.threads);
        if state.queue.len() >= self.queue_max.saturating_add(free) {
            return Err(job);
        }
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            self.shared.work.notify_one();
        } else if state.threads < self.threads_max {
            state.threads += 1;
            let shared = Arc::clone(&self.shared);
            let name = self.name.to_owned();
            if let Err(error) = thread::Builder::new().name(name).spawn(move || shared.serve()) {
                state.threads -= 1;
                log::error!("starting a thread for the {} pool: {error}", self.name);
                if state.threads == 0 {
                    // Nobody else would ever do it.
                    let jobs = std::mem::take(&mut state.queue);
                    drop(state);
                    jobs.into_iter().for_each(run);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Pool {
    /// Lets the threads end when they have nothing left to do.
    fn drop(&mut self) {
        self.shared.lock().stage = Stage::Closed;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                run(job);
                state = self.lock();
            } else if state.stage == Stage::Closed {
                state.threads -= 1;
                return;
            } else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

fn run(job: Job) {
    if catch_unwind(AssertUnwindSafe(job)).is_err() {
        log::error!("a job of the pool panicked");
    }
}

/// Threads that may wait for the disk at the same time. More would not make one disk faster, and
/// a hundred reads of a dead network share need not take a hundred stacks.
pub const DISK_THREADS_MAX: usize = 16;

#[cfg(any(test, feature = "fuzzing"))]
impl Pool {
    /// Does the job at the front here and now: of a pool without threads, so that a test decides
    /// when something is done.
    pub fn do_next(&self) -> bool {
        let job = self.shared.lock().queue.pop_front();
        let found = job.is_some();
        job.into_iter().for_each(run);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_job_is_done_and_a_panic_costs_none_but_its_own() {
        let pool = Pool::new("test", 2, usize::MAX);
        let (sender, done) = mpsc::channel();
        for number in 0..20 {
            let sender = sender.clone();
            let job = move || {
                assert!(number != 7, "a job may panic");
                sender.send(number).expect("the test waits");
            };
            assert!(pool.submit(Box::new(job)).is_ok());
        }
        drop(sender);
        let mut numbers: Vec<i32> = done.iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..20).filter(|&number| number != 7).collect::<Vec<_>>());
    }

    #[test]
    fn what_neither_a_thread_nor_the_queue_can_take_is_given_back() {
        let pool = Pool::new("test", 2, 3);
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (sender, started) = mpsc::channel();
        let job = || {
            let (gate, sender) = (Arc::clone(&gate), sender.clone());
            Box::new(move || {
                let _ = sender.send(());
                let _ = gate.lock().map(|gate| gate.recv());
            })
        };
        for _ in 0..2 {
            assert!(pool.submit(job()).is_ok());
            started.recv().expect("a thread starts");
        }
        for _ in 0..3 {
            assert!(pool.submit(job()).is_ok(), "it may wait");
        }
        assert!(pool.submit(job()).is_err(), "two are busy and three wait");
        for _ in 0..5 {
            release.send(()).expect("a job waits for it");
        }
        for _ in 0..3 {
            started.recv().expect("those that waited are begun");
        }
    }
}
