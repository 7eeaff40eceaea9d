//! The content of a response on its way to the worker that sends it: from a thread, or from another
//! process, by way of the worker.

use super::{
    BACKLOG_BYTES, Drained, FRAMING_BYTES, Flow, PIECE_BYTES, PIPE_BYTES_MAX, PipeCore, WakeWhen,
};
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Writes the content of a response as it is produced. What the client does not take waits for it on
/// the disk, up to a bound; beyond that, the writer waits. It fails with
/// [`io::ErrorKind::BrokenPipe`] when the client has gone: then stop.
///
/// Bytes are handed on in pieces; [`Write::flush`] hands on what there is, for a client that waits
/// for every line.
pub struct BodyWriter {
    pub(super) shared: Arc<PipeCore>,
    piece: Vec<u8>,
}

impl BodyWriter {
    pub(super) fn new(shared: Arc<PipeCore>) -> BodyWriter {
        BodyWriter { shared, piece: Vec::new() }
    }

    /// Says that this was all. Dropped without it, the response is broken off.
    ///
    /// # Errors
    /// `BrokenPipe` when the client has gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let state = self.shared.end(Flow::Finished);
        self.shared.tell_worker(state);
        Ok(())
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        if self.piece.capacity() == 0 {
            // With room for what frames it.
            self.piece.reserve(bytes.len().min(PIECE_BYTES) + FRAMING_BYTES);
        }
        let count = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.shared.lock();
        while state.bytes >= PIPE_BYTES_MAX && state.flow != Flow::Abandoned {
            state = self.shared.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.flow == Flow::Abandoned {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"));
        }
        if !self.piece.is_empty() {
            state.bytes += self.piece.len();
            if state.joins(&self.piece) {
                self.piece.clear();
            } else {
                state.pieces.push_back(std::mem::take(&mut self.piece));
            }
            self.shared.tell_worker(state);
        }
        Ok(())
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        let state = self.shared.end(Flow::Broken);
        self.shared.tell_worker(state);
    }
}

/// The worker's other end of a pipe within it. Dropped before [`Feeder::finish`], the content has
/// broken off.
pub struct Feeder {
    pub(super) shared: Arc<PipeCore>,
}

impl Feeder {
    pub(super) fn new(shared: Arc<PipeCore>) -> Feeder {
        Feeder { shared }
    }

    /// How many bytes wait to be taken.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Whether nobody takes anything any more.
    pub fn is_abandoned(&self) -> bool {
        self.shared.lock().flow == Flow::Abandoned
    }

    /// Puts bytes in; returns whether the outlet waits for them and has to be woken. The pipe does not bound how
    /// many are in it: the sender does, by the [`Drained`] that is reported to it.
    pub fn push(&self, piece: Vec<u8>) -> bool {
        let mut state = self.shared.lock();
        if !piece.is_empty() && state.flow == Flow::Open {
            state.bytes += piece.len();
            if !state.joins(&piece) {
                state.pieces.push_back(piece);
            }
        }
        state.wakes_worker()
    }

    /// Says that this was all; returns whether the outlet has to be woken.
    pub fn finish(&self) -> bool {
        self.shared.end(Flow::Finished).wakes_worker()
    }

    /// Says that the body breaks off here; returns whether the outlet has to be woken.
    pub fn break_off(&self) -> bool {
        self.shared.end(Flow::Broken).wakes_worker()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        drop(self.shared.end(Flow::Broken));
    }
}

/// The worker's end of a pipe from a thread, or of one within it.
pub struct Outlet {
    pub(super) shared: Arc<PipeCore>,
    taken: Option<Box<dyn FnMut(Drained) + Send>>,
    quiet_max: Option<Duration>,
}

/// What a pipe from a thread has for the worker.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// Nothing yet; the worker will be woken.
    NotYet,
    /// All has been taken.
    End,
    /// There will be no more, and it was not all.
    Broken,
}

impl Outlet {
    pub(super) fn new(
        shared: Arc<PipeCore>,
        taken: Option<Box<dyn FnMut(Drained) + Send>>,
    ) -> Outlet {
        Outlet { shared, taken, quiet_max: None }
    }

    /// The same, of which it is known how long nothing may come out of it.
    pub fn quiet_for(mut self, quiet_max: Duration) -> Outlet {
        self.quiet_max = Some(quiet_max);
        self
    }

    /// How long nothing may come out of it, if that is known.
    pub fn quiet_max(&self) -> Option<Duration> {
        self.quiet_max
    }

    /// Takes the next piece.
    pub fn take(&mut self) -> Piece {
        let mut state = self.shared.lock();
        if let Some(piece) = state.pieces.pop_front() {
            state.bytes -= piece.len();
            self.shared.moved.notify_all();
            let flow = state.flow;
            drop(state);
            self.tell_taken(piece.len(), flow);
            return Piece::Bytes(piece);
        }
        match state.flow {
            Flow::Open => {
                state.wake_when = WakeWhen::Moved;
                Piece::NotYet
            }
            Flow::Finished => Piece::End,
            Flow::Broken | Flow::Abandoned => Piece::Broken,
        }
    }

    /// Takes all that waits in it, if that is so much that whoever writes may soon have to wait.
    /// Otherwise nothing, and the worker is told when it is.
    pub fn take_backlog(&mut self) -> Vec<Vec<u8>> {
        let mut state = self.shared.lock();
        if state.flow != Flow::Open {
            // Nobody writes any more.
            return Vec::new();
        }
        if state.bytes < BACKLOG_BYTES {
            state.wake_when = WakeWhen::Backlogged;
            return Vec::new();
        }
        let bytes = std::mem::take(&mut state.bytes);
        let pieces = std::mem::take(&mut state.pieces).into();
        self.shared.moved.notify_all();
        drop(state);
        self.tell_taken(bytes, Flow::Open);
        pieces
    }

    /// Whoever has put in all that there is waits for nothing any more: not to be told what becomes of
    /// it keeps the way free for what somebody waits for.
    fn tell_taken(&mut self, bytes: usize, flow: Flow) {
        if let Some(taken) = &mut self.taken
            && flow == Flow::Open
        {
            taken(Drained::Bytes(bytes));
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let was = self.shared.lock().flow;
        drop(self.shared.end(Flow::Abandoned));
        if let Some(taken) = &mut self.taken
            && was == Flow::Open
        {
            taken(Drained::NoMore);
        }
    }
}
