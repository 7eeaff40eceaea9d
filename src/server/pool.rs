//! Threads for what blocks: reading cold parts of files, so that no reactor ever waits for a disk.
//!
//! It must never know connections, only the letter that each job ends in.

use super::mailbox::{Letter, Mailbox};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// A pool that starts its threads when there is work for them.
///
/// Its queue is bounded by those who use it: a connection has one job under way at most.
pub struct Pool {
    shared: Arc<Shared>,
    threads_max: usize,
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

/// Something that blocks, and who is told when it is done.
struct Job {
    work: Box<dyn FnOnce() + Send>,
    letter: Letter,
    reply: Arc<Mailbox>,
}

impl Pool {
    /// A pool of so many threads at most, none of them started.
    pub fn new(threads_max: usize) -> Pool {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0, stage: Stage::Open };
        Pool {
            shared: Arc::new(Shared { state: Mutex::new(state), work: Condvar::new() }),
            threads_max,
        }
    }

    /// Has `work` done, then `letter` posted to `reply`, be it that the work panicked.
    pub fn submit(
        &self,
        work: impl FnOnce() + Send + 'static,
        letter: Letter,
        reply: Arc<Mailbox>,
    ) {
        let mut state = self.shared.lock();
        state.queue.push_back(Job { work: Box::new(work), letter, reply });
        if state.idle > 0 {
            self.shared.work.notify_one();
        } else if state.threads < self.threads_max {
            state.threads += 1;
            let shared = Arc::clone(&self.shared);
            let spawned = thread::Builder::new().name("pool".into()).spawn(move || shared.serve());
            if let Err(error) = spawned {
                state.threads -= 1;
                log::error!("starting a pool thread: {error}");
                if state.threads == 0 {
                    // Nobody else would ever do it.
                    let jobs = std::mem::take(&mut state.queue);
                    drop(state);
                    jobs.into_iter().for_each(Job::run);
                }
            }
        }
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
                job.run();
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

impl Job {
    fn run(self) {
        if catch_unwind(AssertUnwindSafe(self.work)).is_err() {
            log::error!("a job of the pool panicked");
        }
        if let Err(error) = self.reply.post(self.letter) {
            log::error!("waking a worker: {error}");
        }
    }
}

/// Threads that may wait for the disk at the same time. More would not make one disk faster, and
/// a hundred reads of a dead network share need not take a hundred stacks.
pub const THREADS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::id::ConnectionId;
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    fn letters(poll: &mut Poll, mailbox: &Mailbox, count: usize) -> Vec<Letter> {
        let mut events = Events::with_capacity(8);
        let mut letters = Vec::new();
        while letters.len() < count {
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(!events.is_empty(), "no letter came within ten seconds");
            letters.append(&mut mailbox.take());
        }
        letters
    }

    #[test]
    fn every_job_ends_in_its_letter_even_one_that_panics() {
        let mut poll = Poll::new().unwrap();
        let mailbox = Arc::new(Mailbox::new(mio::Waker::new(poll.registry(), Token(0)).unwrap()));
        let pool = Pool::new(2);
        for slot in 0..20 {
            let letter = Letter::Warmed(ConnectionId::new(slot, 1));
            pool.submit(
                move || assert!(slot != 7, "a job may panic"),
                letter,
                Arc::clone(&mailbox),
            );
        }
        let mut slots: Vec<_> = letters(&mut poll, &mailbox, 20)
            .into_iter()
            .map(|letter| match letter {
                Letter::Warmed(id) => id.slot(),
                other => panic!("{other:?}"),
            })
            .collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..20).collect::<Vec<_>>());
    }
}
