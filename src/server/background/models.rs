//! The queue of a log and its thread in every interleaving (see [`crate::sys::sync`]).
//!
//! With these faults, one of them fails: the thread ends while lines wait, or losses; a write does not wake it; it does not
//! say that it writes; it says that the log is open before that is so, or for those too that asked meanwhile.

use super::*;
use crate::server::destination::ModelSink;
use crate::sys::sync::interrupted_up_to;
use loom::thread;

/// A log that writes how many lines it has lost.
fn log() -> (Background, ModelSink) {
    let sink = ModelSink::new();
    let on_loss: OnLoss = Box::new(|loss| match loss {
        Loss::Begins(_) => Vec::new(),
        Loss::Ends { lines, .. } => format!("lost {lines}\n").into_bytes(),
    });
    let log = Background::start_on("model", Sink::Model(sink.clone()), on_loss);
    (log.expect("it is a coroutine"), sink)
}

/// Drops the log, and waits for its thread however long that takes.
fn ends(log: Background) {
    let queue = Arc::clone(&log.queue);
    drop(log);
    while !queue.lock().is_over {
        thread::yield_now();
    }
}

/// A thread that is not woken would never end, which loom finds.
#[test]
fn what_two_workers_write_is_written_once_and_in_order_before_a_log_ends() {
    interrupted_up_to(2, || {
        let (log, sink) = log();
        let log = Arc::new(log);
        let writes = Arc::clone(&log);
        let writing = thread::spawn(move || {
            writes.write(b"a1\n");
            writes.write(b"a2\n");
        });
        log.write(b"b\n");
        writing.join().expect("it does not panic");
        ends(Arc::into_inner(log).expect("the other worker has let go of it"));
        let text = sink.text();
        let orders = ["a1\na2\nb\n", "a1\nb\na2\n", "b\na1\na2\n"];
        assert!(orders.contains(&&*text), "{text:?}");
    });
}

#[test]
fn who_waits_until_all_is_written_waits_no_longer_and_no_shorter() {
    interrupted_up_to(3, || {
        let (log, sink) = log();
        log.write(b"one\n");
        log.finish(LONG);
        assert_eq!(sink.text(), "one\n");
        log.write(b"two\n");
        log.finish(LONG);
        assert_eq!(sink.text(), "one\ntwo\n");
        ends(log);
    });
}

#[test]
fn who_has_a_log_opened_again_waits_until_it_was_since_it_was_asked_for() {
    fn reopens(log: &Arc<Background>, sink: &ModelSink) {
        let before = sink.lock().reopened;
        log.reopen().wait(LONG).expect("nothing fails");
        assert!(sink.lock().reopened > before, "it is not open");
    }
    interrupted_up_to(2, || {
        let (log, sink) = log();
        let log = Arc::new(log);
        let (other, others) = (Arc::clone(&log), sink.clone());
        let reopening = thread::spawn(move || reopens(&other, &others));
        log.write(b"one\n");
        reopens(&log, &sink);
        reopening.join().expect("it does not panic");
        ends(Arc::into_inner(log).expect("nobody else has it"));
        assert_eq!(sink.text(), "one\n");
    });
}

#[test]
fn every_line_that_finds_no_room_is_counted_in_a_report_before_a_log_ends() {
    interrupted_up_to(2, || {
        let (log, sink) = log();
        let log = Arc::new(log);
        let loses = Arc::clone(&log);
        let losing = thread::spawn(move || loses.lose(2));
        log.lose(1);
        losing.join().expect("it does not panic");
        ends(Arc::into_inner(log).expect("nobody else has it"));
        let text = sink.text();
        let reported = text.lines().map(|line| line.strip_prefix("lost ").expect("a report"));
        let lost: u64 = reported.map(|number| number.parse::<u64>().expect("a number")).sum();
        assert_eq!(lost, 3, "{text:?}");
    });
}

impl Background {
    /// Writes lines that find no room, however much there is.
    fn lose(&self, lines: usize) {
        let mut text = vec![b'x'; QUEUE_BYTES_MAX];
        text.extend(vec![b'\n'; lines]);
        self.write(&text);
    }
}

/// No time passes in a model.
const LONG: Duration = Duration::from_secs(600);
