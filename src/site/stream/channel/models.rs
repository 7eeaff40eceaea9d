//! Senders and the worker that sends what they say in every interleaving (see [`crate::sys::sync`]).
//!
//! With these faults, one of them fails, most by waiting for ever: the worker looks whether anything waits and says only
//! after another lock that it sleeps; a take, or a receiver that goes, does not notify; a body that is broken off does not
//! wake the worker; whether the client has gone is looked at before the lock that takes the call.

use super::super::wake::{StreamKey, WakeWorker};
use super::*;
use crate::sys::sync::{AtomicUsize, interrupted_up_to};
use loom::thread;
use std::sync::atomic::Ordering;

/// The worker, which sleeps until it is woken.
struct Sleep {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Sleep {
    fn new() -> Arc<Sleep> {
        Arc::new(Sleep { is_woken: Mutex::new(false), changed: Condvar::new() })
    }

    fn waker(self: &Arc<Sleep>) -> Waker {
        let worker: Arc<dyn WakeWorker> = Arc::<Sleep>::clone(self);
        Waker { worker, key: StreamKey { connection: 1, stream: 1 } }
    }

    fn sleep(&self) {
        let mut is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *is_woken) {
            is_woken = self.changed.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl WakeWorker for Sleep {
    fn wake(&self, _: &[StreamKey]) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Takes all that comes; `false`: it was broken off.
fn receives(receiver: &Receiver, sleep: &Sleep) -> (Vec<u8>, bool) {
    let mut taken = Vec::new();
    loop {
        match receiver.take() {
            Received::Bytes(bytes) => taken.extend(bytes),
            Received::Shared(bytes) => taken.extend_from_slice(&bytes),
            Received::NotYet => sleep.sleep(),
            Received::End => return (taken, true),
            Received::Broken => return (taken, false),
        }
    }
}

#[test]
fn what_two_senders_send_reaches_a_worker_that_sleeps_and_the_last_ends_it() {
    interrupted_up_to(2, || {
        let (channel, sleep) = (Channel::open(64), Sleep::new());
        let receiver = Receiver::new(Arc::clone(&channel));
        channel.add_sender();
        let sends = |text: &'static [u8]| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                channel.push(Message::Copied(text), None).expect("there is room");
                channel.remove_sender();
            })
        };
        let threads = [sends(b"one"), sends(b"two")];
        receiver.attach(sleep.waker());
        let (taken, is_whole) = receives(&receiver, &sleep);
        assert!(is_whole && (taken == b"onetwo" || taken == b"twoone"), "{taken:?}");
        for thread in threads {
            thread.join().expect("it does not panic");
        }
    });
}

#[test]
fn a_sender_that_waits_for_room_gets_it_or_learns_that_nobody_takes_anything_any_more() {
    for goes in [false, true] {
        interrupted_up_to(3, move || {
            let (channel, sleep) = (Channel::open(4), Sleep::new());
            let receiver = Receiver::new(Arc::clone(&channel));
            receiver.attach(sleep.waker());
            channel.push(Message::Copied(b"full"), None).expect("it is empty");
            let sender = Arc::clone(&channel);
            let thread = thread::spawn(move || {
                let sent = sender.push_waiting(b"more");
                sender.remove_sender();
                sent
            });
            if goes {
                drop(receiver);
                assert_eq!(thread.join().expect("it does not panic"), Err(Gone));
                return;
            }
            assert_eq!(receives(&receiver, &sleep), (b"fullmore".to_vec(), true));
            assert_eq!(thread.join().expect("it does not panic"), Ok(()));
        });
    }
}

#[test]
fn what_is_broken_off_wakes_its_worker_whatever_else_is_sent() {
    interrupted_up_to(2, || {
        let (channel, sleep) = (Channel::open(64), Sleep::new());
        let receiver = Receiver::new(Arc::clone(&channel));
        receiver.attach(sleep.waker());
        channel.add_sender();
        let (aborts, sends) = (Arc::clone(&channel), Arc::clone(&channel));
        let aborting = thread::spawn(move || aborts.abort());
        let sending = thread::spawn(move || {
            let _ = sends.push(Message::Copied(b"one"), None);
            sends.remove_sender();
        });
        assert!(!receives(&receiver, &sleep).1);
        aborting.join().expect("it does not panic");
        sending.join().expect("it does not panic");
    });
}

#[test]
fn who_asks_is_told_once_that_the_client_has_gone() {
    interrupted_up_to(3, || {
        let channel = Channel::open(64);
        let receiver = Receiver::new(Arc::clone(&channel));
        let count = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&count);
        let asks = Arc::clone(&channel);
        let asking = thread::spawn(move || {
            asks.on_gone(Box::new(move || {
                counts.fetch_add(1, Ordering::Relaxed);
            }));
        });
        drop(receiver);
        asking.join().expect("it does not panic");
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}
