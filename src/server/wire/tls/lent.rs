//! What a worker lends to its TLS connections: buffers, and time for handshakes.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// What the TLS connections of one worker share.
pub(crate) struct TlsWorker {
    free: RefCell<Vec<Vec<u8>>>,
    /// How long handshakes may still take in this turn.
    time_left: Cell<Duration>,
}

impl TlsWorker {
    pub(crate) fn new() -> TlsWorker {
        TlsWorker { free: RefCell::default(), time_left: Cell::new(TIME_PER_TURN) }
    }

    /// A turn begins.
    pub(crate) fn begin_turn(&self) {
        self.time_left.set(TIME_PER_TURN);
    }

    /// Whether others have their turn before another handshake goes on.
    pub(super) fn is_out_of_time(&self) -> bool {
        self.time_left.get().is_zero()
    }

    /// A handshake has gone on since then.
    pub(super) fn spend_since(&self, start: Instant) {
        self.time_left.set(self.time_left.get().saturating_sub(start.elapsed()));
    }

    /// A buffer of [`LENT_BYTES`]. It has bytes of other connections in it, which nobody may read.
    pub(super) fn lend(&self) -> Vec<u8> {
        self.free.borrow_mut().pop().unwrap_or_else(|| vec![0; LENT_BYTES])
    }

    /// Takes a buffer back, if it is one of those.
    pub(super) fn give_back(&self, buffer: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if buffer.len() == LENT_BYTES && free.len() < FREE_MAX {
            free.push(buffer);
        }
    }
}

/// Records that the kernel has not taken yet.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Lent by the worker, or as long as what waits for a slow client.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether it has no buffer.
    #[cfg(test)]
    pub(super) fn is_given_back(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What waits.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Room for so many more bytes.
    pub(super) fn room(&mut self, count: usize, worker: &TlsWorker) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = worker.lend();
        }
        if self.bytes.len() - self.end < count {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.bytes.len() < self.end + count {
                self.bytes.resize(self.end + count, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were written into the room.
    pub(super) fn grew(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The kernel has taken so many bytes.
    pub(super) fn took(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Gives the buffer back, or keeps no more of it than waits.
    pub(super) fn settle(&mut self, worker: &TlsWorker) {
        if self.is_empty() {
            worker.give_back(std::mem::take(self).bytes);
        } else if self.len() < self.bytes.len() / 2 {
            let rest = self.waiting().to_vec();
            let end = rest.len();
            let Outgoing { bytes, .. } =
                std::mem::replace(self, Outgoing { bytes: rest, start: 0, end });
            worker.give_back(bytes);
        }
    }
}

/// Four full records with what surrounds them: encrypted at a time, they stay in the CPU's cache.
pub(super) const LENT_BYTES: usize = 72 * 1024;

/// Two are in use at a time, and a few more while clients are slow.
const FREE_MAX: usize = 8;

/// An RSA signature alone takes about this long; others should not wait for a second one.
const TIME_PER_TURN: Duration = Duration::from_micros(500);
