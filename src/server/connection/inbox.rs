//! The bytes that have arrived and are not used yet.

use crate::site::Freshness;

/// A read buffer. It starts small, grows up to the bound of a head, and goes back to the worker when its connection
/// becomes idle.
#[derive(Debug)]
pub(super) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last read filled the buffer.
    filled: bool,
    /// Up to where, from `start`, the bytes had arrived before the worker last looked at the file changes. A request
    /// that begins there may be answered from the cache.
    known_bytes: usize,
}

impl Inbox {
    /// An empty inbox of the usual size.
    pub(super) fn new() -> Inbox {
        Inbox { buffer: vec![0; INBOX_BYTES], start: 0, end: 0, filled: false, known_bytes: 0 }
    }

    /// An empty inbox that takes no memory until it is read into.
    pub(super) fn unallocated() -> Inbox {
        Inbox { buffer: Vec::new(), start: 0, end: 0, filled: false, known_bytes: 0 }
    }

    /// Whether it takes memory.
    pub(super) fn is_allocated(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Puts bytes in that have arrived elsewhere.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.room(self.end + bytes.len());
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            self.arrived(count, false);
            rest = &rest[count..];
        }
    }

    /// The bytes that are not used yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Room to read into. It is never empty while the inbox holds fewer than `bytes_max` bytes.
    pub(super) fn room(&mut self, bytes_max: usize) -> &mut [u8] {
        if self.end == self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < INBOX_BYTES {
            self.buffer.resize(INBOX_BYTES, 0);
        } else if self.end == self.buffer.len() {
            let length = (self.buffer.len() * 2).min(bytes_max.max(self.end + INBOX_BYTES));
            self.buffer.resize(length, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Doubles the buffer, up to `bytes_max`, if the last read has filled it: a client that has sent much may send more.
    /// A client that has only announced much takes no memory.
    pub(super) fn widen_if_filled(&mut self, bytes_max: usize) {
        if self.filled && self.buffer.len() < bytes_max {
            self.buffer.resize((self.buffer.len() * 2).min(bytes_max), 0);
        }
    }

    /// Shrinks a grown buffer to the usual size, if that is enough again.
    pub(super) fn narrow(&mut self) {
        if !self.is_usual_size() && self.end - self.start <= INBOX_BYTES {
            let mut usual = vec![0; INBOX_BYTES];
            let bytes = self.bytes();
            usual[..bytes.len()].copy_from_slice(bytes);
            self.end -= self.start;
            self.start = 0;
            self.buffer = usual;
        }
    }

    /// Shrinks the buffer to the bytes that have arrived, if they are few, while the server waits for the rest of a
    /// request. A client that has sent much keeps its buffer, because it may send more.
    pub(super) fn shrink(&mut self) {
        let length = (self.end - self.start).next_multiple_of(SHRUNK_BYTES);
        if self.is_usual_size() && length <= INBOX_BYTES / 2 {
            let mut shrunk = Vec::with_capacity(length);
            shrunk.extend_from_slice(self.bytes());
            self.end -= self.start;
            self.start = 0;
            shrunk.resize(length, 0);
            self.buffer = shrunk;
        }
    }

    /// So many bytes were read into the room. `is_reported`: epoll had reported the first of them before the worker
    /// looked at the file changes.
    pub(super) fn arrived(&mut self, count: usize, is_reported: bool) {
        if is_reported && count > 0 {
            self.known_bytes = self.end - self.start + 1;
        }
        self.end = (self.end + count).min(self.buffer.len());
        self.filled = self.end == self.buffer.len();
    }

    /// Whether the request at the front was sent before the worker last looked at the file changes.
    pub(super) fn freshness(&self) -> Freshness {
        if self.known_bytes > 0 { Freshness::Known } else { Freshness::Unknown }
    }

    /// The worker has looked at the file changes.
    pub(super) fn know_all(&mut self) {
        self.known_bytes = self.end - self.start;
    }

    /// So many bytes at the front are used.
    pub(super) fn consume(&mut self, count: usize) {
        self.known_bytes = self.known_bytes.saturating_sub(count);
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Drops everything after the first `count` bytes.
    pub(super) fn truncate(&mut self, count: usize) {
        self.known_bytes = self.known_bytes.min(count);
        self.end = self.end.min(self.start + count);
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.consume(self.end - self.start);
    }

    /// Whether it has its usual size, so that another connection can use it.
    pub(super) fn is_usual_size(&self) -> bool {
        self.buffer.len() == INBOX_BYTES
    }
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::new()
    }
}

/// Room for several heads of a browser, or for dozens of pipelined requests in one read.
const INBOX_BYTES: usize = 8 * 1024;

/// The size of a shrunk buffer is a multiple of this.
const SHRUNK_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(inbox: &mut Inbox, bytes: &[u8], bytes_max: usize) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = inbox.room(bytes_max);
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            inbox.arrived(count, false);
            rest = &rest[count..];
        }
    }

    #[test]
    fn an_inbox_that_waits_holds_little_more_than_what_has_come() {
        let mut inbox = Inbox::new();
        fill(&mut inbox, b"GET / HT", 32_768);
        inbox.shrink();
        assert_eq!((inbox.bytes(), inbox.buffer.capacity()), (&b"GET / HT"[..], SHRUNK_BYTES));
        inbox.shrink();
        assert_eq!(inbox.room(32_768).len(), INBOX_BYTES - 8, "a read has its usual room");
        fill(&mut inbox, b"TP/1.1\r\n", 32_768);
        assert_eq!(inbox.bytes(), b"GET / HTTP/1.1\r\n");
        assert!(inbox.is_usual_size());
        fill(&mut inbox, &[b'x'; INBOX_BYTES], 32_768);
        let widened = inbox.buffer.len();
        inbox.shrink();
        assert_eq!(inbox.buffer.len(), widened, "it may send more");
    }

    #[test]
    fn bytes_survive_growth_and_moving_up() {
        let mut inbox = Inbox::new();
        let bytes: Vec<u8> = (0..20_000u32).map(|number| number as u8).collect();
        fill(&mut inbox, &bytes[..6000], 32_768);
        inbox.consume(5000);
        fill(&mut inbox, &bytes[6000..], 32_768);
        assert_eq!(inbox.bytes(), &bytes[5000..]);
        assert!(!inbox.is_usual_size());
        inbox.consume(15_000);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_request_is_known_if_its_first_byte_was_there_before_the_last_look() {
        let mut inbox = Inbox::new();
        let arrive = |inbox: &mut Inbox, is_reported| {
            inbox.room(100)[..4].copy_from_slice(b"abcd");
            inbox.arrived(4, is_reported);
        };
        arrive(&mut inbox, false);
        assert_eq!(inbox.freshness(), Freshness::Unknown);
        inbox.know_all();
        arrive(&mut inbox, false);
        inbox.consume(3);
        assert_eq!(inbox.freshness(), Freshness::Known, "it began before the look");
        inbox.consume(1);
        assert_eq!(inbox.freshness(), Freshness::Unknown, "it came after the look");
        arrive(&mut inbox, true);
        assert_eq!(
            inbox.freshness(),
            Freshness::Known,
            "what came before it was there even earlier"
        );
        inbox.consume(5);
        assert_eq!(inbox.freshness(), Freshness::Unknown, "only the first byte was reported");
    }
}
