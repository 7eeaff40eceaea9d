//! What a worker lends to its TLS connections: buffers, and time for handshakes. It counts these too.

use crate::http::TlsVersion;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// What the TLS connections of one worker share.
pub(crate) struct TlsWorker {
    free: RefCell<Vec<Vec<u8>>>,
    /// How long handshakes may still take in this turn.
    time_left: Cell<Duration>,
    counts: Cell<HandshakeCounts>,
}

/// The handshakes of one worker since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandshakeCounts {
    /// Complete, without and with a session from before, in TLS 1.2.
    pub full_tls12: u64,
    pub resumed_tls12: u64,
    /// The same in TLS 1.3.
    pub full_tls13: u64,
    pub resumed_tls13: u64,
    /// Ended before they were complete: the other end did not agree, went away or let its time pass.
    pub failed: u64,
    /// Clients that spoke HTTP without TLS.
    pub without_tls: u64,
    /// Those of the failed ones that made room for others, because there were too many at once.
    pub crowded_out: u64,
    /// How many are under way.
    pub under_way: usize,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandshakeEnd {
    Complete { version: TlsVersion, is_resumed: bool },
    WithoutTls,
    Failed,
}

impl TlsWorker {
    pub(crate) fn new() -> TlsWorker {
        TlsWorker {
            free: RefCell::default(),
            time_left: Cell::new(TIME_PER_TURN),
            counts: Cell::default(),
        }
    }

    /// The handshakes so far.
    pub(crate) fn counts(&self) -> HandshakeCounts {
        self.counts.get()
    }

    /// One that is under way will be ended, because there are too many.
    pub(crate) fn crowds_out(&self) {
        self.count(|counts| counts.crowded_out += 1);
    }

    pub(super) fn begins_handshake(&self) {
        self.count(|counts| counts.under_way += 1);
    }

    pub(super) fn ends_handshake(&self, end: HandshakeEnd) {
        self.count(|counts| {
            counts.under_way = counts.under_way.saturating_sub(1);
            *match end {
                HandshakeEnd::Complete { version, is_resumed } => match (version, is_resumed) {
                    (TlsVersion::Tls12, false) => &mut counts.full_tls12,
                    (TlsVersion::Tls12, true) => &mut counts.resumed_tls12,
                    (TlsVersion::Tls13, false) => &mut counts.full_tls13,
                    (TlsVersion::Tls13, true) => &mut counts.resumed_tls13,
                },
                HandshakeEnd::WithoutTls => &mut counts.without_tls,
                HandshakeEnd::Failed => &mut counts.failed,
            } += 1;
        });
    }

    fn count(&self, change: impl FnOnce(&mut HandshakeCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
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

    /// How long its buffer is.
    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What waits.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The same, to be changed before it leaves.
    pub(super) fn waiting_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
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
