use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Remembers which streams it was woken for.
#[derive(Default)]
struct Woken(Mutex<Vec<u64>>);

impl Woken {
    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().expect("nobody panics"))
    }
}

impl WakeWorker for Woken {
    fn wake(&self, streams: &[StreamKey]) {
        let connections = streams.iter().map(|key| key.connection);
        self.0.lock().expect("nobody panics").extend(connections);
    }
}

fn attached(worker: &Arc<Woken>, connection: u64) -> (Sender, Receiver) {
    let (sender, receiver) = channel();
    let worker: Arc<dyn WakeWorker> = Arc::<Woken>::clone(worker);
    receiver.attach(Waker { worker, key: StreamKey { connection, stream: 0 } });
    (sender, receiver)
}

fn bytes(text: &str) -> Received {
    Received::Bytes(text.as_bytes().to_vec())
}

#[test]
fn what_is_sent_before_the_worker_begins_waits_for_it() {
    let (sender, receiver) = channel();
    sender.send("one").expect("there is room");
    sender.clone().try_send("two").expect("there is room");
    sender.finish();
    assert_eq!([receiver.take(), receiver.take()], [bytes("onetwo"), Received::End]);
}

#[test]
fn a_worker_that_has_taken_all_is_woken_once() {
    let worker = Arc::default();
    let (sender, receiver) = attached(&worker, 7);
    sender.send("not yet asked for").expect("there is room");
    assert_eq!(worker.take(), [0_u64; 0]);
    receiver.take();
    assert_eq!(receiver.take(), Received::NotYet);
    sender.send("one").expect("there is room");
    sender.send("two").expect("there is room");
    sender.send("").expect("nothing needs no room");
    assert_eq!(worker.take(), [7]);
    assert_eq!(receiver.take(), bytes("onetwo"));
    assert_eq!(receiver.take(), Received::NotYet);
    sender.finish();
    assert_eq!((worker.take(), receiver.take()), (vec![7], Received::End));
}

#[test]
fn the_body_ends_with_the_last_sender_and_breaks_off_with_a_panic() {
    let (sender, receiver) = channel();
    let clone = sender.clone();
    drop(sender);
    assert_eq!(receiver.take(), Received::NotYet);
    drop(clone);
    assert_eq!(receiver.take(), Received::End);
    let (sender, receiver) = channel();
    let panics = thread::spawn(move || {
        sender.send("half").expect("there is room");
        panic!("this test's sender panics, as it should");
    });
    panics.join().expect_err("it panics");
    assert_eq!(receiver.take(), Received::Broken);
}

#[test]
fn a_finished_body_takes_no_more_from_other_clones() {
    let (sender, receiver) = channel();
    let clone = sender.clone();
    sender.finish();
    assert_eq!((clone.try_send("late"), clone.send("late")), (Err(TrySendError::Gone), Err(Gone)));
    assert!(clone.is_gone());
    assert_eq!(receiver.take(), Received::End);
}

#[test]
fn a_full_buffer_refuses_or_makes_wait() {
    let (sender, receiver) = channel();
    let sender = sender.buffer_bytes_max(10);
    sender.try_send([b'x'; 1000]).expect("one always finds room");
    assert_eq!(sender.try_send("y"), Err(TrySendError::Full));
    let (started, starts) = mpsc::channel();
    let waiting = thread::spawn(move || {
        started.send(()).expect("the test waits");
        sender.send("0123456789").and_then(|()| sender.send("z"))
    });
    starts.recv().expect("it starts");
    let mut all = Vec::new();
    while all.len() < 1011 {
        match receiver.take() {
            Received::Bytes(bytes) => all.extend(bytes),
            Received::NotYet => thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
    assert!(all.ends_with(b"x0123456789z"));
    assert_eq!(waiting.join().expect("it does not panic"), Ok(()));
}

#[test]
fn a_sender_that_waits_learns_that_its_client_has_gone() {
    let (sender, receiver) = channel();
    let sender = sender.buffer_bytes_max(1);
    sender.try_send("x").expect("there is room");
    let clone = sender.clone();
    let waiting = thread::spawn(move || clone.send("y"));
    drop(receiver);
    assert_eq!(waiting.join().expect("it does not panic"), Err(Gone));
    assert_eq!(sender.try_send("z"), Err(TrySendError::Gone));
}

#[test]
fn a_worker_may_send_but_not_wait() {
    let worker = thread::spawn(|| {
        forbid_waiting();
        let (sender, _receiver) = channel();
        let sender = sender.buffer_bytes_max(1);
        sender.send("x").expect("there is room");
        sender.send("y")
    });
    let panic = worker.join().expect_err("it would wait for itself");
    let message = panic.downcast_ref::<&str>().expect("it is text");
    assert!(message.contains("use try_send"), "{message}");
}

#[test]
fn a_call_is_made_once_when_the_client_has_gone() {
    let calls = Arc::new(AtomicUsize::new(0));
    let call = || {
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (sender, receiver) = channel();
    sender.on_gone(call());
    sender.clone().on_gone(|| panic!("this test's call panics, as it should"));
    sender.on_gone(call());
    drop(receiver);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    sender.on_gone(call());
    assert_eq!(calls.load(Ordering::SeqCst), 3, "it has gone already");
    let (sender, receiver) = channel();
    sender.on_gone(call());
    sender.finish();
    assert_eq!(receiver.take(), Received::End);
    drop(receiver);
    assert_eq!(calls.load(Ordering::SeqCst), 3, "the program has ended it itself");
}

#[test]
fn a_body_without_an_end_ends_when_the_server_stops() {
    let (sender, receiver) = channel();
    receiver.stop();
    sender.send("it goes on").expect("it has an end of its own");
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    sender.on_gone(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    sender.end_at_stop();
    receiver.stop();
    assert_eq!(sender.send("too late"), Err(Gone));
    assert_eq!([receiver.take(), receiver.take()], [bytes("it goes on"), Received::End]);
    drop(receiver);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn an_abort_drops_what_waits_and_wakes_a_worker_that_waits_for_the_client() {
    let worker = Arc::default();
    let (sender, receiver) = attached(&worker, 3);
    sender.send("one").expect("there is room");
    sender.clone().abort();
    assert_eq!((worker.take(), receiver.take()), (vec![3], Received::Broken));
    assert!(sender.is_gone() && receiver.is_broken());
}

#[test]
fn many_streams_of_a_worker_are_woken_with_one_call() {
    let (first, second) = (Arc::default(), Arc::default());
    let streams = [(&first, 1), (&second, 2), (&first, 3)].map(|(worker, key)| {
        let (sender, receiver) = attached(worker, key);
        assert_eq!(receiver.take(), Received::NotYet);
        (sender, receiver)
    });
    let mut batch = WakeBatch::default();
    let message = Arc::from(*b"all");
    for (sender, _) in &streams {
        sender.try_send_shared(&message, &mut batch).expect("there is room");
    }
    assert_eq!((first.take(), second.take()), (vec![], vec![]));
    batch.wake();
    assert_eq!((first.take(), second.take()), (vec![1, 3], vec![2]));
    // What waits behind something else is copied.
    streams[0].0.try_send(" more").expect("there is room");
    assert_eq!(streams[0].1.take(), bytes("all more"));
}
