//! The body of a response on its way to the worker that sends it, from a thread or from another process.

use super::{
    BACKLOG_BYTES, Drained, Flow, PIECE_BYTES, PIPE_BYTES_MAX, PipeCore, Producer, WakeWhen,
};
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Writes the body of a response as it is produced. What the client does not read yet waits on the disk, up to a
/// bound; beyond that, the writer waits. A write fails with [`io::ErrorKind::BrokenPipe`] when the client has gone:
/// then stop.
///
/// Bytes are handed on in pieces. [`Write::flush`] hands them on at once, for a client that waits for every line.
pub struct BodyWriter {
    pub(super) shared: Arc<PipeCore>,
    piece: Vec<u8>,
}

impl BodyWriter {
    pub(super) fn new(shared: Arc<PipeCore>) -> BodyWriter {
        BodyWriter { shared, piece: Vec::new() }
    }

    /// Marks the end of the body. If the writer is dropped without it, the response is broken off.
    ///
    /// # Errors
    /// `BrokenPipe` when the client has gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let state = self.shared.end(Flow::Finished);
        self.shared.wake_worker(state);
        Ok(())
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        if self.piece.capacity() == 0 {
            self.piece.reserve(bytes.len().min(PIECE_BYTES));
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
            self.shared.wake_worker(state);
        }
        Ok(())
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        let state = self.shared.end(Flow::Broken);
        self.shared.wake_worker(state);
    }
}

/// The writing end of a pipe within a worker. If it is dropped before [`Feeder::finish`], the body has broken off.
pub(crate) struct Feeder {
    pub(super) shared: Arc<PipeCore>,
}

impl Feeder {
    pub(super) fn new(shared: Arc<PipeCore>) -> Feeder {
        Feeder { shared }
    }

    /// How many bytes are in the pipe.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Whether the reading end has gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.shared.lock().flow == Flow::Abandoned
    }

    /// Puts bytes in; returns whether the outlet waits for them and has to be woken. The pipe does not bound how
    /// many are in it: the sender does, by the [`Drained`] that is reported to it.
    pub(crate) fn push(&self, piece: Vec<u8>) -> bool {
        let mut state = self.shared.lock();
        if !piece.is_empty() && state.flow == Flow::Open {
            state.bytes += piece.len();
            if !state.joins(&piece) {
                state.pieces.push_back(piece);
            }
        }
        state.wakes_worker()
    }

    /// Marks the end of the body; returns whether the outlet has to be woken.
    pub(crate) fn finish(&self) -> bool {
        self.shared.end(Flow::Finished).wakes_worker()
    }

    /// Breaks the body off; returns whether the outlet has to be woken.
    pub(crate) fn break_off(&self) -> bool {
        self.shared.end(Flow::Broken).wakes_worker()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        drop(self.shared.end(Flow::Broken));
    }
}

/// The worker's end from which a body is sent: of a pipe from a thread, or within the worker.
pub(crate) struct Outlet {
    pub(super) shared: Arc<PipeCore>,
    drained: Option<Box<dyn FnMut(Drained) + Send>>,
    quiet_max: Option<Duration>,
    producer: Option<Box<Producer>>,
}

/// What a pipe has for the worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// Nothing yet; the worker will be woken.
    NotYet,
    /// The body is complete.
    End,
    /// The body has broken off.
    Broken,
}

impl Outlet {
    pub(super) fn new(
        shared: Arc<PipeCore>,
        drained: Option<Box<dyn FnMut(Drained) + Send>>,
    ) -> Outlet {
        Outlet { shared, drained, quiet_max: None, producer: None }
    }

    /// The same, with a bound for how long nothing may come out of it.
    pub(crate) fn quiet_for(mut self, quiet_max: Duration) -> Outlet {
        self.quiet_max = Some(quiet_max);
        self
    }

    /// Names what writes into it, for the log.
    pub(crate) fn name_producer(&mut self, producer: Producer) {
        self.producer = Some(Box::new(producer));
    }

    /// What writes into it, if that was named.
    pub(crate) fn producer(&self) -> Option<&Producer> {
        self.producer.as_deref()
    }

    /// How long nothing may come out of it, if there is a bound.
    pub(crate) fn quiet_max(&self) -> Option<Duration> {
        self.quiet_max
    }

    /// Takes the next piece.
    pub(crate) fn take(&mut self) -> Piece {
        let mut state = self.shared.lock();
        if let Some(piece) = state.pieces.pop_front() {
            state.bytes -= piece.len();
            self.shared.moved.notify_all();
            let flow = state.flow;
            drop(state);
            self.report_drained(piece.len(), flow);
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

    /// Takes everything in the pipe if that is so much that the writer may soon have to wait. Otherwise takes
    /// nothing, and the worker is woken when it is so much.
    pub(crate) fn take_backlog(&mut self) -> Vec<Vec<u8>> {
        let mut state = self.shared.lock();
        if state.flow != Flow::Open {
            // No writer is left that could have to wait.
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
        self.report_drained(bytes, Flow::Open);
        pieces
    }

    /// Reports drained bytes, unless the body is complete: then its sender waits for nothing any more, and the report
    /// would only delay others.
    fn report_drained(&mut self, bytes: usize, flow: Flow) {
        if let Some(drained) = &mut self.drained
            && flow == Flow::Open
        {
            drained(Drained::Bytes(bytes));
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let was = self.shared.lock().flow;
        drop(self.shared.end(Flow::Abandoned));
        if let Some(drained) = &mut self.drained
            && was == Flow::Open
        {
            drained(Drained::NoMore);
        }
    }
}
