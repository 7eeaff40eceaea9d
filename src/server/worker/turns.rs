//! Whose turn it is: the connections that can go on without an edge.
//!
//! Large downloads share the bytes that are sent in a turn. All other connections have their turn before each piece of
//! a download, and while there are others, the pieces are small. In the same way, connections that always have
//! another request (endless pipelines, uploads) share the work of a turn.

use super::Worker;
use super::kernel::Kernel;
use crate::server::connection::Connection;
use crate::server::id::{ConnectionId, ExchangeId};
use crate::server::mailbox::Completion;
use crate::server::share::{REQUEST_COST, Share};
use std::collections::VecDeque;

/// The queues of a worker, and the measures of its last turns.
#[derive(Default)]
pub(super) struct Turns {
    /// Connections with more to do than their share. As many have their turn as its work allows.
    again: VecDeque<ConnectionId>,
    /// Connections that send a long body. As many have their turn as its bytes allow.
    senders: VecDeque<ConnectionId>,
    /// Exchanges whose senders have sent something. So many of them have their turn that no other connection waits long.
    pub(super) woken: VecDeque<ExchangeId>,
    /// How many other connections were driven in this turn.
    others: usize,
    /// For how many turns before it there were no others, up to [`ALONE_AFTER`].
    alone: u8,
    /// Bytes of long bodies that all connections together may still send in this turn.
    bytes_left: usize,
    /// How many of them one connection may send at a time.
    piece_bytes: usize,
    /// The work of all connections in this turn, as [`Share`] measures it.
    work_done: u32,
}

impl Turns {
    /// Whether a connection has to be driven without an edge.
    pub(super) fn has_work(&self) -> bool {
        !self.again.is_empty() || !self.senders.is_empty() || !self.woken.is_empty()
    }

    /// Begins a turn.
    pub(super) fn begin(&mut self) {
        self.alone = if self.others == 0 { (self.alone + 1).min(ALONE_AFTER) } else { 0 };
        self.others = 0;
        self.work_done = 0;
        self.bytes_left = if self.alone < ALONE_AFTER { SEND_BYTES_MIN } else { SEND_BYTES_MAX };
        let piece_bytes =
            (SEND_BYTES_MAX / self.senders.len().max(1)).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        self.piece_bytes = self.bytes_left.min(piece_bytes);
    }

    /// What the next connection may do.
    pub(super) fn share(&self) -> Share {
        Share::new(self.bytes_left, self.piece_bytes)
    }

    /// A connection has done something.
    pub(super) fn spend(&mut self, share: &Share) {
        self.bytes_left = share.turn_bytes();
        self.work_done = self.work_done.saturating_add(share.spent());
    }

    /// How many bytes of long bodies may still be sent in this turn.
    pub(super) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// How much work the connections that were put off may do in a turn, all together.
    fn work_max(&self) -> u32 {
        if self.alone < ALONE_AFTER { WORK_MIN } else { WORK_MAX }
    }

    /// A connection that sends no long body had its turn.
    fn note_other(&mut self) {
        self.others += 1;
    }

    /// How many more bytes may be sent to make up for the time of the others.
    fn compensation(&self) -> usize {
        (self.others * SEND_BYTES_PER_OTHER).min(SEND_BYTES_MAX - SEND_BYTES_MIN)
    }
}

impl<K: Kernel> Worker<K> {
    /// Counts a connection that was driven as another one, unless it has sent or will send a long body: downloads do not
    /// count for each other.
    pub(super) fn note_other(&mut self, id: ConnectionId, bytes_left_before: usize) {
        let is_sending = |slot: usize| self.connections[slot].connection.is_sending();
        if self.turns.bytes_left == bytes_left_before && !self.find(id).is_some_and(is_sending) {
            self.turns.note_other();
        }
    }

    /// Lets a connection go on when those before it have had their turn.
    pub(super) fn put_off(&mut self, slot: usize) {
        let connection = &mut self.connections[slot].connection;
        if !connection.is_queued {
            connection.is_queued = true;
            match connection.is_sending() {
                true => self.turns.senders.push_back(connection.id()),
                false => self.turns.again.push_back(connection.id()),
            }
        }
    }

    pub(super) fn drive_all_again(&mut self) {
        let work_max = self.turns.work_done.saturating_add(self.turns.work_max());
        for _ in 0..self.turns.again.len() {
            if self.turns.work_done >= work_max {
                break;
            }
            if let Some(id) = self.turns.again.pop_front() {
                self.drive_again(id);
            }
        }
    }

    pub(super) fn drive_senders(&mut self) {
        self.turns.bytes_left += self.turns.compensation();
        for _ in 0..self.turns.senders.len() {
            if self.turns.bytes_left == 0 {
                break;
            }
            if let Some(id) = self.turns.senders.pop_front() {
                self.drive_again(id);
            }
        }
    }

    /// Sends what senders have sent.
    pub(super) fn drive_woken(&mut self) {
        for _ in 0..WOKEN_PER_TURN.min(self.turns.woken.len()) {
            if let Some(id) = self.turns.woken.pop_front() {
                self.complete(id, Completion::Moved);
            }
        }
    }

    pub(super) fn drive_again(&mut self, id: ConnectionId) {
        if let Some(slot) = self.find(id) {
            self.connections[slot].connection.is_queued = false;
            self.drive(slot, Connection::drive);
        }
    }

    /// Drives connections whose bodies found no room on the disk, once there is some again.
    pub(super) fn relieve_producers(&mut self) {
        if self.cx.without_room.is_empty() || !self.cx.room.has_much() {
            return;
        }
        for id in std::mem::take(&mut self.cx.without_room) {
            if let Some(slot) = self.find(id) {
                self.drive(slot, Connection::relieve);
            }
        }
    }
}

/// Bytes of long bodies per turn while there are others. Sending them takes as long as a small response from its
/// request to its arrival, about 25 µs.
const SEND_BYTES_MIN: usize = 128 * 1024;

/// Bytes that are sent in the time of one of the others, so that many of them do not delay a download for much longer
/// than it delays them.
const SEND_BYTES_PER_OTHER: usize = 32 * 1024;

/// Bytes of long bodies per turn without others: so many that the cost of a turn does not matter. More would not stay
/// in the CPU's cache until it is acknowledged.
const SEND_BYTES_MAX: usize = 1024 * 1024;

/// The piece of one download while many have a turn. With pieces of 1 MiB, a download filled its client's receive buffer
/// and the CPU's cache while the others waited: half the requests per second on a 955 KB file, and a slowest request
/// several times as long.
const PIECE_BYTES_MIN: usize = 256 * 1024;

/// The piece of one download while few have a turn: it takes a tenth less CPU per byte, and no other waits for it.
const PIECE_BYTES_MAX: usize = 512 * 1024;

/// The work per turn of connections that always have more to do, while there are others: about 50 µs.
const WORK_MIN: u32 = 32 * REQUEST_COST;

/// The same without others: so much that the cost of a turn does not matter.
const WORK_MAX: u32 = 16 * WORK_MIN;

/// How many exchanges are woken in a turn: their writes take about 150 µs, which is what others wait. With fewer, the
/// cost of a turn would show.
const WOKEN_PER_TURN: usize = 32;

/// A client that sends its next request as soon as it has a response leaves two or three turns empty.
const ALONE_AFTER: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_after_some_turns_without_others() {
        let mut turns = Turns::default();
        for _ in 0..2 {
            turns.note_other();
            for _ in 0..ALONE_AFTER {
                turns.begin();
                assert_eq!(turns.bytes_left(), SEND_BYTES_MIN);
            }
            turns.begin();
            assert_eq!(turns.bytes_left(), SEND_BYTES_MAX);
        }
    }

    #[test]
    fn the_more_downloads_have_a_turn_the_smaller_are_their_pieces() {
        let mut turns = Turns::default();
        turns.note_other();
        turns.begin();
        assert_eq!(turns.piece_bytes, SEND_BYTES_MIN, "there is another");
        let mut piece = |senders: u32| {
            turns.senders = (0..senders).map(|slot| ConnectionId::new(slot, 1)).collect();
            (0..=ALONE_AFTER).for_each(|_| turns.begin());
            turns.piece_bytes
        };
        assert_eq!([0, 1, 2].map(&mut piece), [PIECE_BYTES_MAX; 3]);
        assert_eq!(piece(3), SEND_BYTES_MAX / 3);
        assert_eq!([4, 1000].map(&mut piece), [PIECE_BYTES_MIN; 2]);
    }

    #[test]
    fn many_others_leave_time_for_more_but_not_for_more_than_the_most() {
        let mut turns = Turns::default();
        turns.begin();
        assert_eq!(turns.compensation(), 0);
        turns.note_other();
        assert_eq!(turns.compensation(), SEND_BYTES_PER_OTHER);
        (0..1000).for_each(|_| turns.note_other());
        assert_eq!(SEND_BYTES_MIN + turns.compensation(), SEND_BYTES_MAX);
    }
}
