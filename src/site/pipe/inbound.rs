//! The body of a request on its way to the thread that reads it.

use super::{Flow, PIPE_BYTES_MAX, PipeCore, WakeWhen};
use crate::http::RequestError;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, PoisonError};

/// The worker's end of a pipe to a thread. Dropping it before [`Inlet::finish`] makes the thread's
/// next read fail, so that a body that broke off is not taken for whole.
pub(crate) struct Inlet {
    pub(super) shared: Arc<PipeCore>,
}

impl Inlet {
    pub(super) fn new(shared: Arc<PipeCore>) -> Inlet {
        Inlet { shared }
    }

    /// How many bytes it takes now. If 0, the worker is woken when there is room again.
    pub(crate) fn room(&self) -> usize {
        let mut state = self.shared.lock();
        if state.flow == Flow::Abandoned {
            return PIPE_BYTES_MAX;
        }
        let room = PIPE_BYTES_MAX.saturating_sub(state.bytes);
        if room == 0 {
            state.wake_when = WakeWhen::Moved;
        }
        room
    }

    /// Hands bytes on, no more than there is room for. They are dropped if the reader has gone.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        if bytes.is_empty() || state.flow == Flow::Abandoned {
            return;
        }
        state.bytes += bytes.len();
        if !state.joins(bytes) {
            state.pieces.push_back(bytes.to_vec());
        }
        self.shared.moved.notify_all();
    }

    /// Marks the end of the body.
    pub(crate) fn finish(&self) {
        drop(self.shared.end(Flow::Finished));
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        drop(self.shared.end(Flow::Broken));
    }
}

/// Reads the body of a request as it arrives, and waits for it. If the client breaks off, or takes
/// longer than it may, a read fails with [`io::ErrorKind::UnexpectedEof`].
pub(crate) struct BodyReader {
    pub(super) shared: Arc<PipeCore>,
    piece: Vec<u8>,
    read: usize,
    has_ended: bool,
}

impl BodyReader {
    pub(super) fn new(shared: Arc<PipeCore>) -> BodyReader {
        BodyReader { shared, piece: Vec::new(), read: 0, has_ended: false }
    }

    /// Waits for the next piece. Empty at the end.
    fn next_piece(&mut self) -> io::Result<()> {
        let mut state = self.shared.lock();
        loop {
            if let Some(piece) = state.pieces.pop_front() {
                state.bytes -= piece.len();
                self.piece = piece;
                self.read = 0;
                self.shared.wake_worker(state);
                return Ok(());
            }
            match state.flow {
                Flow::Open => {
                    state = self.shared.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Flow::Finished => {
                    self.has_ended = true;
                    return Ok(());
                }
                Flow::Broken | Flow::Abandoned => {
                    let error = RequestError::malformed("the request body has broken off");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
                }
            }
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() && !self.has_ended && !buffer.is_empty() {
            self.piece.clear();
            self.read = 0;
            self.next_piece()?;
        }
        let rest = &self.piece[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        let state = self.shared.end(Flow::Abandoned);
        self.shared.wake_worker(state);
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BodyReader")
    }
}
