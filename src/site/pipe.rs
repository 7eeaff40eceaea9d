//! A bounded pipe of bytes between a worker, which must never wait, and a thread, which may.
//!
//! It goes both ways: [`to_thread`] carries the content of a request to the handler that reads it
//! as it arrives, [`to_worker`] that of a response as it is produced. [`within_worker`] is for content
//! that comes from another process, which the worker itself puts in. Neither end can make the other
//! keep more than [`PIPE_BYTES_MAX`] and one piece in memory. It must never know what the bytes mean,
//! nor how a worker is woken.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Wakes the worker whose end it is.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// A pipe that the worker writes and a thread reads.
pub fn to_thread(wake: Wake) -> (Inlet, ContentReader) {
    let shared = Shared::new(wake);
    let reader =
        ContentReader { shared: Arc::clone(&shared), piece: Vec::new(), read: 0, ended: Ended::No };
    (Inlet { shared }, reader)
}

/// A pipe that a thread writes and the worker reads.
pub fn to_worker(wake: Wake) -> (ContentWriter, Outlet) {
    let shared = Shared::new(wake);
    let writer = ContentWriter { shared: Arc::clone(&shared), piece: Vec::new() };
    (writer, Outlet { shared, taken: None })
}

/// A pipe of which the worker has both ends. `taken` is told what has become of what was put in, so
/// that whoever sends it can be held to a bound.
pub fn within_worker(taken: Box<dyn FnMut(Taken) + Send>) -> (Feeder, Outlet) {
    let shared = Shared::new(Box::new(|| {}));
    (Feeder { shared: Arc::clone(&shared) }, Outlet { shared, taken: Some(taken) })
}

/// What has become of content that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many bytes are on their way to the client, or wait for it elsewhere.
    Bytes(usize),
    /// Nobody wants the rest.
    NoMore,
}

struct Shared {
    state: Mutex<State>,
    moved: Condvar,
    wake: Wake,
}

struct State {
    pieces: VecDeque<Vec<u8>>,
    /// In all pieces.
    bytes: usize,
    flow: Flow,
    worker: Worker,
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

/// Whether the worker has to be told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Busy,
    /// Until there is anything.
    Waits,
    /// Until there is a backlog.
    WaitsForBacklog,
}

impl State {
    /// Whether the worker waits for what has happened. It is told once.
    fn takes_note(&mut self) -> bool {
        let is_due = match self.worker {
            Worker::Busy => false,
            Worker::Waits => true,
            Worker::WaitsForBacklog => self.bytes >= BACKLOG_BYTES,
        };
        if is_due {
            self.worker = Worker::Busy;
        }
        is_due
    }
}

impl Shared {
    fn new(wake: Wake) -> Arc<Shared> {
        let state =
            State { pieces: VecDeque::new(), bytes: 0, flow: Flow::Open, worker: Worker::Busy };
        Arc::new(Shared { state: Mutex::new(state), moved: Condvar::new(), wake })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the worker of a change, if it waits for one. The lock is gone by then.
    fn tell_worker(&self, mut state: MutexGuard<'_, State>) {
        let is_due = state.takes_note();
        drop(state);
        if is_due {
            (self.wake)();
        }
    }

    fn end(&self, flow: Flow) -> MutexGuard<'_, State> {
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

/// The worker's end of a pipe to a thread. Dropping it before [`Inlet::finish`] makes the thread's
/// next read fail: content that broke off must not be taken for whole.
pub struct Inlet {
    shared: Arc<Shared>,
}

impl Inlet {
    /// How many bytes it takes now. At 0 the worker is woken when it takes some again.
    pub fn room(&self) -> usize {
        let mut state = self.shared.lock();
        if state.flow == Flow::Abandoned {
            return PIPE_BYTES_MAX;
        }
        let room = PIPE_BYTES_MAX.saturating_sub(state.bytes);
        if room == 0 {
            state.worker = Worker::Waits;
        }
        room
    }

    /// Hands bytes on; no more than there is room for. They are dropped when nobody reads any more.
    pub fn push(&self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        if bytes.is_empty() || state.flow == Flow::Abandoned {
            return;
        }
        state.bytes += bytes.len();
        match state.pieces.back_mut() {
            Some(last) if last.len() + bytes.len() <= PIECE_BYTES => last.extend_from_slice(bytes),
            _ => state.pieces.push_back(bytes.to_vec()),
        }
        self.shared.moved.notify_all();
    }

    /// Says that this was all.
    pub fn finish(&self) {
        drop(self.shared.end(Flow::Finished));
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        drop(self.shared.end(Flow::Broken));
    }
}

/// Reads the content of a request as it arrives, waiting for it. A client that breaks off, or that
/// takes longer than it may, is an [`io::ErrorKind::UnexpectedEof`].
pub struct ContentReader {
    shared: Arc<Shared>,
    piece: Vec<u8>,
    read: usize,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl ContentReader {
    /// Waits for the next piece. Empty at the end.
    fn next_piece(&mut self) -> io::Result<()> {
        let mut state = self.shared.lock();
        loop {
            if let Some(piece) = state.pieces.pop_front() {
                state.bytes -= piece.len();
                self.piece = piece;
                self.read = 0;
                self.shared.tell_worker(state);
                return Ok(());
            }
            match state.flow {
                Flow::Open => {
                    state = self.shared.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Flow::Finished => {
                    self.ended = Ended::Yes;
                    return Ok(());
                }
                Flow::Broken | Flow::Abandoned => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the content of the request has broken off",
                    ));
                }
            }
        }
    }
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() && self.ended == Ended::No && !buffer.is_empty() {
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

impl Drop for ContentReader {
    fn drop(&mut self) {
        let state = self.shared.end(Flow::Abandoned);
        self.shared.tell_worker(state);
    }
}

/// Writes the content of a response as it is produced. What the client does not take waits for it on
/// the disk, up to a bound; beyond that, the writer waits. It
/// fails with [`io::ErrorKind::BrokenPipe`] when the client has gone: then stop.
///
/// Bytes are handed on in pieces; [`Write::flush`] hands on what there is, for a client that waits
/// for every line.
pub struct ContentWriter {
    shared: Arc<Shared>,
    piece: Vec<u8>,
}

impl ContentWriter {
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

impl Write for ContentWriter {
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
            state.pieces.push_back(std::mem::take(&mut self.piece));
            self.shared.tell_worker(state);
        }
        Ok(())
    }
}

impl Drop for ContentWriter {
    fn drop(&mut self) {
        let state = self.shared.end(Flow::Broken);
        self.shared.tell_worker(state);
    }
}

/// The worker's other end of a pipe within it. Dropped before [`Feeder::finish`], the content has
/// broken off.
pub struct Feeder {
    shared: Arc<Shared>,
}

/// Whether the reading end sleeps until what has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Busy,
    Waits,
}

impl Feeder {
    /// How many bytes wait to be taken.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Puts bytes in. How many are in is the business of who is told what was taken.
    pub fn push(&self, piece: Vec<u8>) -> Reader {
        let mut state = self.shared.lock();
        if !piece.is_empty() && state.flow == Flow::Open {
            state.bytes += piece.len();
            state.pieces.push_back(piece);
        }
        Feeder::reader(&mut state)
    }

    /// Says that this was all.
    pub fn finish(&self) -> Reader {
        Feeder::reader(&mut self.shared.end(Flow::Finished))
    }

    /// Says that there will be no more, and that it was not all.
    pub fn break_off(&self) -> Reader {
        Feeder::reader(&mut self.shared.end(Flow::Broken))
    }

    fn reader(state: &mut State) -> Reader {
        if state.takes_note() { Reader::Waits } else { Reader::Busy }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        drop(self.shared.end(Flow::Broken));
    }
}

/// The worker's end of a pipe from a thread, or of one within it.
pub struct Outlet {
    shared: Arc<Shared>,
    taken: Option<Box<dyn FnMut(Taken) + Send>>,
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
                state.worker = Worker::Waits;
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
            state.worker = Worker::WaitsForBacklog;
            return Vec::new();
        }
        let bytes = std::mem::take(&mut state.bytes);
        let pieces = std::mem::take(&mut state.pieces).into();
        self.shared.moved.notify_all();
        let flow = state.flow;
        drop(state);
        self.tell_taken(bytes, flow);
        pieces
    }

    /// Whoever has put in all that there is waits for nothing any more: not to be told what becomes of
    /// it keeps the way free for what somebody waits for.
    fn tell_taken(&mut self, bytes: usize, flow: Flow) {
        if let Some(taken) = &mut self.taken
            && flow == Flow::Open
        {
            taken(Taken::Bytes(bytes));
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
            taken(Taken::NoMore);
        }
    }
}

impl fmt::Debug for ContentReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ContentReader")
    }
}

/// What a pipe holds at most: enough to keep a fast client busy while the thread is not running.
pub const PIPE_BYTES_MAX: usize = 256 * 1024;

/// So much of it is too much to wait for a client in memory. Less never makes a writer wait: not one
/// that may have [`PIPE_BYTES_MAX`] under way, writes half of that at once, and is told of as much as
/// this that was taken.
pub const BACKLOG_BYTES: usize = PIPE_BYTES_MAX / 4;

/// Bytes are handed on by so many, unless a flush says otherwise.
const PIECE_BYTES: usize = 32 * 1024;

/// What the worker may add to a piece without moving it.
const FRAMING_BYTES: usize = 8;

#[cfg(test)]
mod tests;
