//! A bounded pipe of bytes between a worker, which must never wait, and a thread, which may.
//!
//! It goes both ways: [`to_thread`] carries the content of a request to the handler that reads it
//! as it arrives, [`to_worker`] that of a response as it is produced. [`within_worker`] is for content
//! that comes from another process, which the worker itself puts in. Neither end can make the other
//! keep more than [`PIPE_BYTES_MAX`] and one piece in memory. It must never know what the bytes mean,
//! nor how a worker is woken.

mod inbound;
mod outbound;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use inbound::{BodyReader, Inlet};
pub use outbound::{BodyWriter, Feeder, Outlet, Piece};

/// Wakes the worker whose end it is.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// A pipe that the worker writes and a thread reads.
pub fn to_thread(wake: Wake) -> (Inlet, BodyReader) {
    let shared = PipeCore::new(wake);
    (Inlet::new(Arc::clone(&shared)), BodyReader::new(shared))
}

/// A pipe that a thread writes and the worker reads.
pub fn to_worker(wake: Wake) -> (BodyWriter, Outlet) {
    let shared = PipeCore::new(wake);
    (BodyWriter::new(Arc::clone(&shared)), Outlet::new(shared, None))
}

/// A pipe of which the worker has both ends. `taken` is told what has become of what was put in, so
/// that whoever sends it can be held to a bound.
pub fn within_worker(taken: Box<dyn FnMut(Drained) + Send>) -> (Feeder, Outlet) {
    let shared = PipeCore::new(Box::new(|| {}));
    (Feeder::new(Arc::clone(&shared)), Outlet::new(shared, Some(taken)))
}

/// What has become of content that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// So many bytes are on their way to the client, or wait for it elsewhere.
    Bytes(usize),
    /// Nobody wants the rest.
    NoMore,
}

struct PipeCore {
    state: Mutex<PipeState>,
    moved: Condvar,
    wake: Wake,
}

struct PipeState {
    pieces: VecDeque<Vec<u8>>,
    /// In all pieces.
    bytes: usize,
    flow: Flow,
    wake_when: WakeWhen,
}

/// How things stand between the two ends, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    /// Everything was written.
    Finished,
    /// The writing end has gone without saying that this was all.
    Broken,
    /// The reading end has gone.
    Abandoned,
}

/// What the worker sleeps for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WakeWhen {
    /// It does not sleep.
    Never,
    /// Any change.
    Moved,
    /// A backlog.
    Backlogged,
}

impl PipeState {
    /// Puts bytes behind those of the last piece, if that stays small: each piece costs more than its
    /// bytes.
    fn joins(&mut self, bytes: &[u8]) -> bool {
        let last = self.pieces.back_mut();
        let last = last.filter(|last| last.len() + bytes.len() <= PIECE_BYTES);
        last.map(|last| last.extend_from_slice(bytes)).is_some()
    }

    /// Whether the worker sleeps for what has happened. It is woken once.
    fn wakes_worker(&mut self) -> bool {
        let is_due = match self.wake_when {
            WakeWhen::Never => false,
            WakeWhen::Moved => true,
            WakeWhen::Backlogged => self.bytes >= BACKLOG_BYTES,
        };
        if is_due {
            self.wake_when = WakeWhen::Never;
        }
        is_due
    }
}

impl PipeCore {
    fn new(wake: Wake) -> Arc<PipeCore> {
        let state = PipeState {
            pieces: VecDeque::new(),
            bytes: 0,
            flow: Flow::Open,
            wake_when: WakeWhen::Never,
        };
        Arc::new(PipeCore { state: Mutex::new(state), moved: Condvar::new(), wake })
    }

    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the worker of a change, if it waits for one. The lock is gone by then.
    fn tell_worker(&self, mut state: MutexGuard<'_, PipeState>) {
        let is_due = state.wakes_worker();
        drop(state);
        if is_due {
            (self.wake)();
        }
    }

    fn end(&self, flow: Flow) -> MutexGuard<'_, PipeState> {
        let mut state = self.lock();
        if state.flow == Flow::Open {
            state.flow = flow;
        }
        if flow == Flow::Abandoned {
            state.flow = flow;
            state.pieces.clear();
            state.bytes = 0;
        }
        self.moved.notify_all();
        state
    }
}

/// What a pipe holds at most: enough to keep a fast client busy while the thread is not running.
pub const PIPE_BYTES_MAX: usize = 256 * 1024;

/// So much of it is too much to wait for a client in memory. Less never makes a writer wait: not one
/// that may have [`PIPE_BYTES_MAX`] under way, writes half of that at once, and is told of as much as
/// this that was taken.
pub const BACKLOG_BYTES: usize = PIPE_BYTES_MAX / 4;

/// What may be added to a piece without moving it, to frame it.
pub const FRAMING_BYTES: usize = 8;

/// Bytes are handed on by so many, unless a flush says otherwise.
const PIECE_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests;
