//! The mailbox and its worker in every interleaving (see [`crate::sys::sync`]).
//!
//! With these faults, one of them fails: a message wakes the worker before it is in the box; a closed mailbox takes a
//! connection; a worker ends that is held; a ping is counted and looked at in two steps.

use super::*;
use crate::sys::sync::{Condvar, every_interleaving, interrupted_up_to};
use loom::thread;
use std::os::unix::net::UnixStream;

/// What epoll does for a waker: that it was woken is kept until somebody has waited for it.
pub(in crate::server) struct Epoll {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Epoll {
    pub(in crate::server) fn new() -> Arc<Epoll> {
        Arc::new(Epoll { is_woken: Mutex::new(false), changed: Condvar::new() })
    }

    /// A mailbox whose worker waits here.
    pub(in crate::server) fn mailbox(self: &Arc<Epoll>) -> Arc<Mailbox> {
        let waker = Waker::Model(Arc::clone(self));
        Arc::new(Mailbox { contents: Mutex::default(), waker })
    }

    pub(super) fn wake(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Returns whether it was woken; waits for that if it `may_wait`.
    pub(in crate::server) fn wait(&self, may_wait: bool) -> bool {
        let mut is_woken = self.lock();
        while may_wait && !*is_woken {
            is_woken = self.changed.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut *is_woken)
    }

    /// Whether it was woken since somebody has waited.
    pub(in crate::server) fn is_woken(&self) -> bool {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key() -> StreamKey {
    StreamKey { connection: 1, stream: 1 }
}

/// A wake-up that is lost leaves the worker waiting for ever, which loom finds.
#[test]
fn whatever_is_put_in_wakes_the_worker() {
    interrupted_up_to(3, || {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let (posts, wakes) = (Arc::clone(&mailbox), Arc::clone(&mailbox));
        let posting = thread::spawn(move || {
            posts.post(Message::Report).expect("it can be woken");
            posts.post(Message::StopNow).expect("it can be woken");
        });
        let waking = thread::spawn(move || wakes.wake(&[key()]));
        let (mut messages, mut woken) = (Vec::new(), VecDeque::new());
        while messages.len() < 2 || woken.is_empty() {
            epoll.wait(true);
            mailbox.take_woken(&mut woken);
            messages.extend(mailbox.take());
        }
        assert!(matches!(messages[..], [Message::Report, Message::StopNow]), "in their order");
        assert_eq!(woken.len(), 1);
        posting.join().expect("it does not panic");
        waking.join().expect("it does not panic");
    });
}

/// A connection is taken or given back, never forgotten in a mailbox that nobody empties.
#[test]
fn a_connection_that_is_handed_over_while_the_worker_stops_is_taken_or_given_back() {
    every_interleaving(|| {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let hands = Arc::clone(&mailbox);
        let handing = thread::spawn(move || {
            let connection = UnixStream::pair().expect("descriptors are left").0;
            hands.hand_over(connection.into()).is_ok()
        });
        let stops = Arc::clone(&mailbox);
        let stopping = thread::spawn(move || stops.post(Message::StopNow));
        let mut taken = 0;
        let mut is_stopping = false;
        while !is_stopping {
            epoll.wait(true);
            is_stopping = !mailbox.take().is_empty();
            while mailbox.take_connection().is_some() {
                taken += 1;
            }
        }
        taken += mailbox.close().len();
        let was_taken = handing.join().expect("it does not panic");
        assert_eq!(taken, usize::from(was_taken));
        stopping.join().expect("it does not panic").expect("it can be woken");
        assert!(mailbox.take_connection().is_none());
    });
}

/// A worker that is not needed any more ends, or a reload has found it in time and gives it work again.
#[test]
fn a_worker_that_may_end_is_held_in_time_or_has_ended() {
    every_interleaving(|| {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let reloads = Arc::clone(&mailbox);
        let reloading = thread::spawn(move || {
            let is_held = reloads.hold();
            if is_held {
                reloads.post(Message::Report).expect("it can be woken");
                reloads.release();
            }
            is_held
        });
        let mut messages = 0;
        while !mailbox.end_if_empty() {
            epoll.wait(true);
            messages += mailbox.take().len();
        }
        let was_held = reloading.join().expect("it does not panic");
        assert_eq!(messages, usize::from(was_held), "a message to a worker that has ended");
        assert!(mailbox.take().is_empty());
    });
}

#[test]
fn the_last_worker_that_answers_a_ping_and_no_other_says_so() {
    every_interleaving(|| {
        let said = Arc::new(AtomicUsize::new(0));
        let says = Arc::clone(&said);
        let say = move || {
            says.fetch_add(1, Ordering::Relaxed);
        };
        let ping = Arc::new(Ping::new(3, say));
        let answers = || {
            let ping = Arc::clone(&ping);
            thread::spawn(move || ping.answer())
        };
        let workers = [answers(), answers()];
        ping.answer();
        for worker in workers {
            worker.join().expect("it does not panic");
        }
        assert_eq!(said.load(Ordering::Relaxed), 1);
    });
}
