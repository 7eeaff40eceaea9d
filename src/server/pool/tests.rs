//! In which order jobs run, and what becomes of them.

use super::*;
use std::sync::{Barrier, mpsc};

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

/// A job that reports when it is done.
fn attempts(sender: &mpsc::Sender<u32>, number: u32) -> RetriedJob {
    let sender = sender.clone();
    Box::new(move || {
        sender.send(number).expect("the test waits");
        None
    })
}

#[test]
fn work_that_is_called_again_leaves_its_thread_to_others_meanwhile() {
    let pool = Pool::new("test", 1, 9);
    let (sender, done) = mpsc::channel();
    let again = sender.clone();
    let mut calls = 0;
    let retried = pool.submit_retried(
        Box::new(move || {
            calls += 1;
            again.send(calls).expect("the test waits");
            (calls < 3).then_some(Duration::from_millis(20))
        }),
        None,
    );
    assert!(retried.is_ok());
    assert_eq!(done.recv(), Ok(1));
    assert!(pool.submit_retried(attempts(&sender, 100), None).is_ok());
    assert_eq!([done.recv(), done.recv(), done.recv()], [Ok(100), Ok(2), Ok(3)]);
}

#[test]
fn jobs_that_are_called_again_at_once_and_new_ones_take_turns() {
    let pool = Pool::new("test", 0, 9);
    let (sender, done) = mpsc::channel();
    for number in 1..=2 {
        let sender = sender.clone();
        let busy = move || {
            sender.send(number).expect("the test waits");
            Some(Duration::ZERO)
        };
        assert!(pool.submit_retried(Box::new(busy), None).is_ok());
    }
    (0..2).for_each(|_| assert!(pool.do_next()));
    // Both are due by now, and so before what comes now; after that, their next calls are.
    assert!(pool.submit_retried(attempts(&sender, 3), None).is_ok());
    (0..4).for_each(|_| assert!(pool.do_next()));
    assert_eq!(done.try_iter().collect::<Vec<_>>(), [1, 2, 1, 2, 3, 1]);
}

#[test]
fn what_is_withdrawn_is_not_done_and_frees_its_place() {
    let pool = Pool::new("test", 0, 2);
    let (sender, done) = mpsc::channel();
    let submit = |number| pool.submit_retried(attempts(&sender, number), None).ok();
    let (one, two) = (submit(1).expect("there is room"), submit(2).expect("there is room"));
    assert!(submit(3).is_none(), "it is full");
    assert!(pool.withdraw(one).is_some());
    assert!(pool.withdraw(one).is_none());
    assert!(submit(4).is_some());
    while pool.do_next() {}
    assert!(pool.withdraw(two).is_none(), "it is done");
    assert_eq!(done.try_iter().collect::<Vec<_>>(), [2, 4]);
    let later = pool.submit_retried(Box::new(|| Some(Duration::from_secs(60))), None).ok();
    assert!(pool.do_next());
    assert!(pool.withdraw(later.expect("there is room")).is_none(), "it has begun");
}

#[test]
fn what_yields_its_place_is_done_after_all_other_and_not_in_any_number() {
    let pool = Pool::new("test", 0, 16);
    let (sender, done) = mpsc::channel();
    let submit =
        |number| pool.submit_retried(attempts(&sender, number), None).ok().expect("there is room");
    let tickets: Vec<Ticket> = (0..16).map(submit).collect();
    for ticket in [tickets[3], tickets[1]] {
        assert_eq!(pool.yield_place(ticket), Yielded::Kept);
    }
    assert_eq!(pool.yield_place(tickets[0]), Yielded::Refused);
    submit(16);
    submit(17);
    assert!(pool.withdraw(tickets[3]).is_some());
    while pool.do_next() {}
    let order: Vec<u32> = done.try_iter().collect();
    assert_eq!(order.first(), Some(&0));
    assert_eq!(order.last(), Some(&1));
    assert_eq!(order.len(), 17);
}

#[test]
fn one_who_has_many_jobs_has_them_done_between_those_of_others() {
    let pool = Pool::new("test", 0, 99);
    let (sender, done) = mpsc::channel();
    let submit = |owner, number| {
        let owner = Some(Owner { worker: 0, number: owner });
        pool.submit_retried(attempts(&sender, number), owner).ok().expect("there is room")
    };
    let order = |count: usize| -> Vec<u32> {
        (0..count).for_each(|_| assert!(pool.do_next()));
        done.try_iter().collect()
    };
    let many: Vec<Ticket> = (0..10).map(|number| submit(1, number)).collect();
    assert_eq!(order(2), [0, 1]);
    submit(2, 20);
    submit(3, 30);
    submit(2, 21);
    assert_eq!(order(3), [2, 20, 30]);
    // What is withdrawn leaves its turn to others.
    assert!(pool.withdraw(many[3]).is_some());
    submit(3, 31);
    assert_eq!(order(4), [21, 31, 4, 5]);
    submit(1, 10);
    assert_eq!(order(5), [6, 7, 8, 9, 10]);
    assert!(!pool.do_next());
    // One who has none left is like one who comes for the first time.
    submit(2, 22);
    submit(1, 11);
    assert_eq!(order(2), [22, 11]);
}

#[test]
fn its_bounds_may_change_while_it_works() {
    let pool = Pool::new("test", 1, 0);
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
    assert!(pool.submit(job()).is_ok());
    started.recv().expect("a thread starts");
    assert!(pool.submit(job()).is_err());
    pool.set_bounds(3, 1);
    for _ in 0..2 {
        assert!(pool.submit(job()).is_ok());
        started.recv().expect("another thread starts");
    }
    assert!(pool.submit(job()).is_ok(), "one may wait");
    assert!(pool.submit(job()).is_err());
    pool.set_bounds(1, 10);
    assert!(pool.submit(job()).is_ok());
    drop(release);
    for _ in 0..2 {
        started.recv().expect("one thread is left, and does what waits");
    }
    assert_eq!(pool.threads_max(), 1);
}

#[test]
fn threads_that_are_not_needed_any_more_end_and_one_stays() {
    let pool = Pool::with_idle_time("test", 8, usize::MAX, Duration::from_millis(10));
    for _ in 0..2 {
        let meeting = Arc::new(Barrier::new(5));
        for _ in 0..4 {
            let meeting = Arc::clone(&meeting);
            assert!(pool.submit(Box::new(move || _ = meeting.wait())).is_ok());
        }
        assert!(pool.numbers().threads >= 4);
        meeting.wait();
        until(|| pool.numbers().threads == 1);
        until(|| pool.numbers().idle == 1);
    }
}

#[test]
fn a_thread_stays_for_what_is_called_again_later() {
    let pool = Pool::with_idle_time("test", 2, usize::MAX, Duration::ZERO);
    let (sender, done) = mpsc::channel();
    let mut pauses = [Duration::from_millis(50); 2].into_iter();
    let attempts = move || {
        let pause = pauses.next();
        sender.send(pause.is_none()).expect("the test waits");
        pause
    };
    assert!(pool.submit_retried(Box::new(attempts), None).is_ok());
    assert!(pool.submit(Box::new(|| {})).is_ok());
    assert_eq!([done.recv(), done.recv(), done.recv()], [Ok(false), Ok(false), Ok(true)]);
    until(|| pool.numbers().threads == 1);
}

/// Waits until it is so.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}
