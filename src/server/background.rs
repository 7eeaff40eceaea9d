//! Writes the lines of a log on a thread of its own, so that no worker waits for the destination: a pipe
//! that nobody reads, a stopped terminal, a disk that hangs. Lines that do not fit into the queue are
//! dropped and counted. It must never know what the lines mean.
//!
//! [`Background::write`] puts lines into the [`LogQueue`]; its thread takes all of them at once and hands them to the
//! [`Sink`].

use super::destination::{Destination, Framing, Sink, Unwritten};
use crate::sys::sync::{self, Condvar, Mutex, MutexGuard};
use crate::sys::trouble::Trouble;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A log that is written in the background. Dropping it waits until the queued lines are written, for
/// [`FINISH_TIME`] at most.
pub(crate) struct Background {
    queue: Arc<LogQueue>,
    /// Where it goes, in words.
    place: String,
}

/// A log whose destination is opened again.
pub(crate) struct Reopening {
    log: Arc<Background>,
    number: u64,
}

/// Lines cannot be written.
#[derive(Debug)]
pub(crate) enum Loss<'a> {
    /// From now on they are lost, for this reason.
    Begins(&'a io::Error),
    /// They can be written again, or the log ends. So many were lost.
    Ends { lines: u64, error: &'a io::Error },
}

/// Is called once when lines begin to be lost, and once when that has ended, but not again within a minute. What it returns
/// then is written to the same log.
pub(crate) type OnLoss = Box<dyn FnMut(Loss<'_>) -> Vec<u8> + Send>;

impl Background {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    /// When the destination cannot be opened, or the system gives no thread.
    pub(crate) fn start(
        name: &str,
        destination: &Destination,
        on_loss: OnLoss,
    ) -> io::Result<Background> {
        let mut log = Background::start_on(name, destination.open()?, on_loss)?;
        log.place = destination.to_string();
        Ok(log)
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start_on(name: &str, sink: Sink, on_loss: OnLoss) -> io::Result<Background> {
        let queue = Arc::new(LogQueue::new(sink.framing()));
        let thread_queue = Arc::clone(&queue);
        sync::spawn(name, move || thread_queue.write_all_to(sink, on_loss))?;
        Ok(Background { queue, place: name.to_owned() })
    }

    /// Has the destination opened again before the next lines are written. Never waits.
    pub(crate) fn reopen(self: &Arc<Background>) -> Reopening {
        let mut state = self.queue.lock();
        state.reopens_asked += 1;
        let number = state.reopens_asked;
        drop(state);
        self.queue.changed.notify_all();
        Reopening { log: Arc::clone(self), number }
    }

    /// Queues whole lines, or drops all of them when there is no room. Never waits.
    pub(crate) fn write(&self, lines: &[u8]) {
        let mut state = self.queue.lock();
        if state.lines.len() + lines.len() <= QUEUE_BYTES_MAX {
            state.lines.extend_from_slice(lines);
        } else {
            state.lost += self.queue.framing.count(lines);
        }
        drop(state);
        self.queue.changed.notify_all();
    }

    /// Waits until everything is written, for `time` at most.
    pub(crate) fn finish(&self, time: Duration) {
        self.wait_while(time, |state| {
            state.is_writing || state.is_reopening() || !state.lines.is_empty() || state.lost > 0
        });
    }

    fn wait_while(&self, time: Duration, mut is_busy: impl FnMut(&LogQueueState) -> bool) {
        let deadline = Instant::now() + time;
        let mut state = self.queue.lock();
        while is_busy(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.queue.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Reopening {
    /// Waits until it is open, for `time` at most.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn wait(self, time: Duration) -> Result<(), String> {
        let Reopening { log, number } = self;
        log.wait_while(time, |state| state.reopens_done < number);
        let state = log.queue.lock();
        match (&state.reopen_failure, state.reopens_done < number) {
            (_, true) => Err(format!(
                "the log {} was not opened again within {time:?}: it takes nothing",
                log.place
            )),
            (Some(failure), false) => Err(failure.clone()),
            (None, false) => Ok(()),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.queue.lock().has_ended = true;
        self.queue.changed.notify_all();
        // What was lost is reported, too.
        self.wait_while(FINISH_TIME, |state| !state.is_over);
    }
}

/// What [`Background`] and its thread share.
struct LogQueue {
    framing: Framing,
    state: Mutex<LogQueueState>,
    changed: Condvar,
}

struct LogQueueState {
    /// Lines that wait to be written.
    lines: Vec<u8>,
    /// How many lines found no room.
    lost: u64,
    /// Whether the thread has taken lines that it has not written yet.
    is_writing: bool,
    /// How often the destination was to be opened again, and how often that is over.
    reopens_asked: u64,
    reopens_done: u64,
    /// Why it could not be opened the last time.
    reopen_failure: Option<String>,
    has_ended: bool,
    /// Whether the thread has nothing left to do.
    is_over: bool,
}

impl LogQueue {
    fn new(framing: Framing) -> LogQueue {
        let state = LogQueueState {
            lines: Vec::with_capacity(QUEUE_BYTES_MAX),
            lost: 0,
            is_writing: false,
            reopens_asked: 0,
            reopens_done: 0,
            reopen_failure: None,
            has_ended: false,
            is_over: false,
        };
        LogQueue { framing, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, LogQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does: takes all queued lines at once and writes them.
    fn write_all_to(&self, mut sink: Sink, on_loss: OnLoss) {
        // It changes places with the queue, which is as large: neither ever grows while requests are
        // served. The system gives memory only for the pages that are used.
        let mut lines = Vec::with_capacity(QUEUE_BYTES_MAX);
        let mut losses = Losses { lines: 0, error: None, reported_at: None, on_loss };
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() && state.lost == 0 && !state.is_reopening() {
                if state.has_ended {
                    drop(state);
                    // The report of a loss may be lost too: nothing more can be done.
                    let _ = sink.write(&losses.end());
                    self.lock().is_over = true;
                    self.changed.notify_all();
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut state.lines, &mut lines);
            let found_no_room = std::mem::take(&mut state.lost);
            let reopens = state.is_reopening().then_some(state.reopens_asked);
            state.is_writing = true;
            drop(state);
            let followed = sink.follow(reopens.is_some());
            if let Some(number) = reopens {
                let mut state = self.lock();
                state.reopens_done = number;
                state.reopen_failure = followed.err();
                drop(state);
                self.changed.notify_all();
            }
            let result = sink.write(&lines);
            let report = losses.take(result, found_no_room);
            let _ = sink.write(&report);
            lines.clear();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }
}

impl LogQueueState {
    fn is_reopening(&self) -> bool {
        self.reopens_done < self.reopens_asked
    }
}

/// The lines that were lost and not reported yet.
struct Losses {
    lines: u64,
    /// Why the last of them was.
    error: Option<io::Error>,
    reported_at: Option<Instant>,
    on_loss: OnLoss,
}

impl Losses {
    /// Takes in how a write has ended, before which so many lines had found no room. Returns what is to be written.
    fn take(&mut self, result: Result<(), Unwritten>, found_no_room: u64) -> Vec<u8> {
        Trouble::LogLineDropped.note_many(found_no_room);
        self.lines += found_no_room;
        match result {
            // A log that is just too slow loses some lines again and again.
            Ok(()) if self.reported_at.is_some_and(|at| at.elapsed() < REPORTED_AGAIN) => {
                Vec::new()
            }
            Ok(()) => self.end(),
            Err(Unwritten { lines, error }) => {
                if self.error.is_none() {
                    (self.on_loss)(Loss::Begins(&error));
                }
                Trouble::LogLineDropped.note_many(lines);
                self.lines += lines;
                self.error = Some(error);
                Vec::new()
            }
        }
    }

    /// Nothing is lost any more.
    fn end(&mut self) -> Vec<u8> {
        let error = self.error.take();
        let lines = std::mem::take(&mut self.lines);
        if lines == 0 {
            return Vec::new();
        }
        self.reported_at = Some(Instant::now());
        let error = error.unwrap_or_else(|| io::Error::other("the queue was full"));
        (self.on_loss)(Loss::Ends { lines, error: &error })
    }
}

/// How much waits while the destination takes nothing: some thousand lines.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// How long nothing is said of further losses.
const REPORTED_AGAIN: Duration = Duration::from_secs(60);

/// How long a log that ends waits for its queued lines.
const FINISH_TIME: Duration = Duration::from_secs(1);

#[cfg(test)]
mod models;
#[cfg(test)]
mod tests;
