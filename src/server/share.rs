//! How much work one connection may do before the others have their turn, measured by the cost of a request.
//!
//! A turn cannot be counted in reads alone: one read brings hundreds of small requests, or thousands
//! of tiny chunks. It must never know what a request is.

/// What one connection may still do in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    reads: u32,
    spent: u32,
    /// Bytes of long bodies that all connections together may still send in this turn. A connection that begins while
    /// there are any may send a whole piece: cutting pieces to the rest would be more work, and shorten no wait.
    turn_bytes: usize,
    /// How large a piece is.
    piece_bytes: usize,
    /// Bytes that were read, for those who count them.
    read_bytes: usize,
}

impl Share {
    /// A whole share of a turn in which so many bytes of long bodies may be sent, in pieces of so many.
    pub(crate) fn new(turn_bytes: usize, piece_bytes: usize) -> Share {
        Share { reads: READS, spent: 0, turn_bytes, piece_bytes, read_bytes: 0 }
    }

    /// How many bytes of a long body may be sent now.
    pub(crate) fn piece_bytes(&self) -> usize {
        if self.turn_bytes == 0 { 0 } else { self.piece_bytes }
    }

    /// So many bytes of a long body were sent.
    pub(crate) fn spend_piece(&mut self, bytes: usize) {
        self.turn_bytes = self.turn_bytes.saturating_sub(bytes);
    }

    /// What is left of the turn's bytes.
    pub(crate) fn turn_bytes(&self) -> usize {
        self.turn_bytes
    }

    /// Whether the others have their turn now.
    pub(crate) fn is_used_up(&self) -> bool {
        self.reads == 0 || self.spent >= COST
    }

    /// A call to read is made.
    pub(crate) fn spend_read(&mut self) {
        self.reads = self.reads.saturating_sub(1);
    }

    /// So many bytes were read or will be written from memory.
    pub(crate) fn spend_bytes(&mut self, bytes: u64) {
        self.spend((bytes.min(COST_BYTES_MAX) / BYTES_PER_COST) as u32);
    }

    /// So many bytes were read.
    pub(crate) fn note_read(&mut self, bytes: usize) {
        self.read_bytes += bytes;
    }

    /// How many bytes were read.
    pub(crate) fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// A request is answered.
    pub(crate) fn spend_request(&mut self) {
        self.spend(REQUEST_COST);
    }

    /// A run of body bytes is taken in, however short it is.
    pub(crate) fn spend_chunk(&mut self) {
        self.spend(1);
    }

    fn spend(&mut self, cost: u32) {
        self.spent = self.spent.saturating_add(cost);
    }

    /// How much of it was used.
    pub(crate) fn spent(&self) -> u32 {
        self.spent
    }
}

/// What a small request costs: about 1.5 µs. A chunk costs a sixty-fourth of that.
pub(crate) const REQUEST_COST: u32 = 64;

/// Requests of a pipeline of the usual depth are answered in one go.
const COST: u32 = 16 * REQUEST_COST;

/// Copying so many bytes takes as long as taking in a chunk.
const BYTES_PER_COST: u64 = 128;

/// More bytes than these use up a share, and large files have a budget of their own.
const COST_BYTES_MAX: u64 = COST as u64 * BYTES_PER_COST;

/// Reads of one connection in a turn.
const READS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_takes_sixteen_small_requests() {
        let mut share = Share::new(0, 0);
        for _ in 0..16 {
            assert!(!share.is_used_up());
            share.spend_request();
        }
        assert!(share.is_used_up());
    }

    #[test]
    fn a_share_takes_a_thousand_chunks_or_eight_reads_or_128_kib() {
        let mut chunks = Share::new(0, 0);
        (0..1023).for_each(|_| chunks.spend_chunk());
        assert!(!chunks.is_used_up());
        chunks.spend_chunk();
        assert!(chunks.is_used_up());
        let mut reads = Share::new(0, 0);
        (0..8).for_each(|_| reads.spend_read());
        assert!(reads.is_used_up());
        let mut bytes = Share::new(0, 0);
        bytes.spend_bytes(128 * 1024 - 1);
        assert!(!bytes.is_used_up());
        bytes.spend_bytes(u64::MAX);
        assert!(bytes.is_used_up());
    }
}
