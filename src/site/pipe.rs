//! A bounded pipe of bytes between a worker, which must never wait, and a thread, which may.
//!
//! It goes both ways: [`to_thread`] carries the body of a request to a handler that reads it as it arrives,
//! [`to_worker`] that of a response as it is produced. [`within_worker`] is for a body that comes from another
//! process, which the worker itself puts in. Neither end can make the other keep more than [`PIPE_BYTES_MAX`] and one
//! piece in memory. It must never know what the bytes mean, nor how a worker is woken.

mod inbound;
mod outbound;
mod producer;

use crate::sys::sync::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

pub(crate) use inbound::{BodyReader, Inlet};
pub use outbound::BodyWriter;
pub(crate) use outbound::{Feeder, Outlet, Piece};
pub(crate) use producer::Producer;

/// Wakes the worker that has an end of the pipe.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// A pipe that the worker writes and a thread reads.
pub(crate) fn to_thread(wake: Wake) -> (Inlet, BodyReader) {
    let shared = PipeCore::new(wake);
    (Inlet::new(Arc::clone(&shared)), BodyReader::new(shared))
}

/// A pipe that a thread writes and the worker reads.
pub(crate) fn to_worker(wake: Wake) -> (BodyWriter, Outlet) {
    let shared = PipeCore::new(wake);
    (BodyWriter::new(Arc::clone(&shared)), Outlet::new(shared, None))
}

/// A pipe of which the worker has both ends. `drained` is called when bytes leave the pipe, so that the sender can be
/// held to a bound.
pub(crate) fn within_worker(drained: Box<dyn FnMut(Drained) + Send>) -> (Feeder, Outlet) {
    let shared = PipeCore::new(Box::new(|| {}));
    (Feeder::new(Arc::clone(&shared)), Outlet::new(shared, Some(drained)))
}

/// What has left a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// So many bytes: they are on their way to the client, or wait for it elsewhere.
    Bytes(usize),
    /// Everything: the client has gone, and the rest is not wanted.
    NoMore,
}

/// What both ends of a pipe share.
struct PipeCore {
    state: Mutex<PipeState>,
    moved: Condvar,
    wake: Wake,
}

struct PipeState {
    pieces: VecDeque<Vec<u8>>,
    /// The sum of all pieces.
    bytes: usize,
    flow: Flow,
    wake_when: WakeWhen,
}

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    /// Everything was written.
    Finished,
    /// The writing end has gone before the end of the body.
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
    /// Appends bytes to the last piece if that stays small, because each piece has a cost of its own.
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

    /// Wakes the worker if it sleeps for the change, after the lock is released.
    fn wake_worker(&self, mut state: MutexGuard<'_, PipeState>) {
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

/// How much a pipe holds: enough to keep a fast client busy while the thread does not run.
pub(crate) const PIPE_BYTES_MAX: usize = 256 * 1024;

/// When this much waits for a client, it is moved from memory to the disk. With less, no writer has to wait, not even
/// one that may have [`PIPE_BYTES_MAX`] under way, writes half of that at once, and learns only after this much
/// that bytes were taken.
pub(crate) const BACKLOG_BYTES: usize = PIPE_BYTES_MAX / 4;

/// How many bytes are handed on at a time, except for a flush.
const PIECE_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod models;
#[cfg(test)]
mod tests;
