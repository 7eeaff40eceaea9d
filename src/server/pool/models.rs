//! A pool in every interleaving (see [`crate::sys::sync`]).
//!
//! With these faults, one of them fails: a thread ends while jobs wait; a panic ends its thread; any idle thread is woken,
//! although another job has been given to it; a job is given back that a thread has begun; an owner is not forgotten; new
//! bounds end one thread too many.

use super::*;
use crate::sys::sync::{AtomicUsize, interrupted_up_to};
use loom::thread;
use std::sync::atomic::Ordering;

/// Counts what was done.
#[derive(Clone)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn new() -> Count {
        Count(Arc::new(AtomicUsize::new(0)))
    }

    fn job(&self) -> SingleJob {
        let count = self.clone();
        Box::new(move || {
            count.0.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

const OWNER: Owner = Owner { worker: 0, number: 1 };

/// All threads of a model have ended when it ends. What was done is looked at after that.
fn when_all_is_done(pool: Pool, is_right: impl FnOnce(PoolNumbers) + 'static) {
    let core = Arc::clone(&pool.core);
    drop(pool);
    while core.lock().threads > 0 {
        thread::yield_now();
    }
    let state = core.lock();
    assert!(state.queue.knows_nobody(), "who has no job is remembered");
    is_right(PoolNumbers {
        threads: state.threads,
        idle: state.idle,
        waiting: state.queue.waiting(),
        threads_max: state.threads_max,
    });
}

#[test]
fn jobs_that_two_workers_submit_are_all_done_before_a_pool_ends() {
    interrupted_up_to(2, || {
        let (pool, count) = (Arc::new(Pool::new("model", 1, 9)), Count::new());
        let (submits, job) = (Arc::clone(&pool), count.job());
        let worker = thread::spawn(move || assert!(submits.submit(job).is_ok()));
        assert!(pool.submit(count.job()).is_ok());
        worker.join().expect("it does not panic");
        let pool = Arc::into_inner(pool).expect("the other worker has let go of it");
        when_all_is_done(pool, move |numbers| {
            assert_eq!((count.get(), numbers.waiting, numbers.idle), (2, 0, 0));
        });
    });
}

#[test]
fn a_job_that_panics_costs_its_thread_nothing() {
    interrupted_up_to(2, || {
        let (pool, count) = (Pool::new("model", 1, 9), Count::new());
        // Without the hook that would print it in every interleaving.
        assert!(pool.submit(Box::new(|| std::panic::resume_unwind(Box::new(())))).is_ok());
        assert!(pool.submit(count.job()).is_ok());
        when_all_is_done(pool, move |numbers| {
            assert_eq!((count.get(), numbers.waiting), (1, 0));
        });
    });
}

/// A job that ends when another one has begun.
fn meets(meeting: &Arc<(Mutex<usize>, Condvar)>) -> SingleJob {
    let meeting = Arc::clone(meeting);
    Box::new(move || {
        let (arrived, changed) = &*meeting;
        let mut arrived = arrived.lock().expect("nobody panics");
        *arrived += 1;
        changed.notify_all();
        while *arrived < 2 {
            arrived = changed.wait(arrived).expect("nobody panics");
        }
    })
}

/// A thread is started for each job, or an idle one is woken that no other job has been given to.
#[test]
fn no_job_waits_for_another_while_there_may_be_more_threads() {
    interrupted_up_to(2, || {
        let (pool, count) = (Pool::new("model", 2, 9), Count::new());
        let meeting = Arc::new((Mutex::new(0), Condvar::new()));
        // The thread of this job may be idle, or about to be.
        assert!(pool.submit(count.job()).is_ok());
        assert!(pool.submit(meets(&meeting)).is_ok());
        assert!(pool.submit(meets(&meeting)).is_ok());
        when_all_is_done(pool, |numbers| assert_eq!(numbers.waiting, 0));
    });
}

#[test]
fn a_job_is_withdrawn_or_done_and_never_both() {
    interrupted_up_to(2, || {
        let (pool, count) = (Pool::new("model", 1, 9), Count::new());
        let counts = count.clone();
        let attempts = move || {
            counts.0.fetch_add(1, Ordering::Relaxed);
            None
        };
        let ticket =
            pool.submit_retried(Box::new(attempts), Some(OWNER)).ok().expect("there is room");
        let is_withdrawn = pool.withdraw(ticket).is_some();
        when_all_is_done(pool, move |_| assert_eq!(count.get(), usize::from(!is_withdrawn)));
    });
}

/// With fewer threads, those that are left do what waits.
#[test]
fn bounds_may_change_while_threads_begin_and_end() {
    interrupted_up_to(2, || {
        let (pool, count) = (Arc::new(Pool::new("model", 2, 9)), Count::new());
        let changes = Arc::clone(&pool);
        let changing = thread::spawn(move || changes.set_bounds(1, 9));
        for _ in 0..2 {
            assert!(pool.submit(count.job()).is_ok());
        }
        changing.join().expect("it does not panic");
        let pool = Arc::into_inner(pool).expect("nobody else has it");
        when_all_is_done(pool, move |numbers| {
            assert_eq!((count.get(), numbers.waiting), (2, 0));
        });
    });
}

/// In a model, a thread that is not needed stays for no time: a wait may end whenever others have the lock, also when the
/// thread has just been woken.
fn with_impatient_threads(threads_max: usize) -> Pool {
    Pool::with_idle_time("model", threads_max, 9, Duration::ZERO)
}

#[test]
fn a_job_that_comes_while_a_thread_ends_is_done() {
    interrupted_up_to(3, || {
        let (pool, count) = (with_impatient_threads(2), Count::new());
        for _ in 0..3 {
            assert!(pool.submit(count.job()).is_ok());
        }
        when_all_is_done(pool, move |numbers| {
            assert_eq!((count.get(), numbers.waiting, numbers.idle), (3, 0, 0));
        });
    });
}

#[test]
fn jobs_of_two_workers_are_done_while_threads_end() {
    interrupted_up_to(2, || {
        let (pool, count) = (Arc::new(with_impatient_threads(2)), Count::new());
        let (submits, counts) = (Arc::clone(&pool), count.clone());
        let worker = thread::spawn(move || {
            for _ in 0..2 {
                assert!(submits.submit(counts.job()).is_ok());
            }
        });
        assert!(pool.submit(count.job()).is_ok());
        worker.join().expect("it does not panic");
        let pool = Arc::into_inner(pool).expect("the other worker has let go of it");
        when_all_is_done(pool, move |numbers| {
            assert_eq!((count.get(), numbers.waiting, numbers.idle), (3, 0, 0));
        });
    });
}

/// A thread that ends must not be counted on: these jobs are done at the same time, or never.
#[test]
fn jobs_that_need_each_other_find_threads_while_others_end() {
    interrupted_up_to(2, || {
        let (pool, count) = (with_impatient_threads(2), Count::new());
        // Two threads, of which one is about to end.
        assert!(pool.submit(count.job()).is_ok());
        assert!(pool.submit(count.job()).is_ok());
        let meeting = Arc::new((Mutex::new(0), Condvar::new()));
        assert!(pool.submit(meets(&meeting)).is_ok());
        assert!(pool.submit(meets(&meeting)).is_ok());
        when_all_is_done(pool, move |numbers| assert_eq!((count.get(), numbers.waiting), (2, 0)));
    });
}
