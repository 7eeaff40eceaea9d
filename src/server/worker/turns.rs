//! Whose turn it is: the connections that can go on without an edge.
//!
//! Large downloads share the bytes that are sent in a turn. Whoever else wants something is heard
//! before each of their pieces, and then the pieces are small. In the same way, connections that
//! always have another request (endless pipelines, uploads) share the work of a turn.

use super::Worker;
use crate::server::connection::Connection;
use crate::server::id::ConnectionId;
use crate::server::share::{REQUEST_COST, Share};
use std::collections::VecDeque;

/// The queues of a worker, and what is known of its last turns.
#[derive(Default)]
pub struct Turns {
    /// Those with more to do than their share, the next one first: as many have their turn as there
    /// is work to be done in it.
    again: VecDeque<ConnectionId>,
    /// Those in the midst of sending, the next one first: as many have their turn as there are
    /// bytes to be sent in it.
    senders: VecDeque<ConnectionId>,
    /// How many others wanted something in this turn.
    others: usize,
    /// For how many turns before it nobody else did, as far as it matters.
    alone: u8,
    /// Bytes of long bodies that may still be sent in this turn, by all together.
    bytes_left: usize,
    /// How many of them one may send at a time.
    piece_bytes: usize,
    /// What all have done in this turn, in the currency of [`Share`].
    work_done: u32,
}

impl Turns {
    /// Whether somebody has to be driven without an edge.
    pub fn has_work(&self) -> bool {
        !self.again.is_empty() || !self.senders.is_empty()
    }

    /// Begins a turn.
    pub fn begin(&mut self) {
        self.alone = if self.others == 0 { (self.alone + 1).min(ALONE_AFTER) } else { 0 };
        self.others = 0;
        self.work_done = 0;
        self.bytes_left = if self.alone < ALONE_AFTER { SEND_BYTES_MIN } else { SEND_BYTES_MAX };
        let piece_bytes =
            (SEND_BYTES_MAX / self.senders.len().max(1)).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        self.piece_bytes = self.bytes_left.min(piece_bytes);
    }

    /// What the next connection may do.
    pub fn share(&self) -> Share {
        Share::new(self.bytes_left, self.piece_bytes)
    }

    /// A connection has done something.
    pub fn spend(&mut self, share: &Share) {
        self.bytes_left = share.turn_bytes();
        self.work_done = self.work_done.saturating_add(share.spent());
    }

    /// How many bytes of long bodies may still be sent in this turn.
    pub fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// How much work those that were put off may do in a turn, all together.
    fn work_max(&self) -> u32 {
        if self.alone < ALONE_AFTER { WORK_MIN } else { WORK_MAX }
    }

    /// Somebody had a turn who wanted nothing large.
    fn note_other(&mut self) {
        self.others += 1;
    }

    /// What may be sent beyond that, because the others have taken their time as well.
    fn compensation(&self) -> usize {
        (self.others * SEND_BYTES_PER_OTHER).min(SEND_BYTES_MAX - SEND_BYTES_MIN)
    }
}

impl Worker {
    /// Takes note of a connection that was driven, while so many bytes could be sent. Not
    /// of one that sent or is about to send some: downloads do not ask each other for
    /// consideration.
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

    pub(super) fn drive_again(&mut self, id: ConnectionId) {
        if let Some(slot) = self.find(id) {
            self.connections[slot].connection.is_queued = false;
            self.drive(slot, Connection::drive);
        }
    }

    /// Those whose content found no room on the disk, once there is some again.
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

/// What is sent per turn, by all together, while others come and go: it takes as long as a small
/// answer from its client's request to its arrival, about 25 µs.
const SEND_BYTES_MIN: usize = 128 * 1024;

/// What is sent in the time that one of the others takes, so that many of them do not keep a
/// download waiting for much longer than it keeps them.
const SEND_BYTES_PER_OTHER: usize = 32 * 1024;

/// While nobody else is there, so that turns cost nothing beside what is sent. More would not stay
/// in the CPU's cache until it is acknowledged.
const SEND_BYTES_MAX: usize = 1024 * 1024;

/// What one download may send of that before the next one has its piece, while many have a turn. With
/// pieces of 1 MiB, a download filled its client's receive buffer and the CPU's cache while the others
/// waited: half the requests per second on a 955 KB file, and a slowest request several times as long.
const PIECE_BYTES_MIN: usize = 256 * 1024;

/// The same while few have one: a tenth less CPU per byte, and nobody who waits for it.
const PIECE_BYTES_MAX: usize = 512 * 1024;

/// The work of a turn for those that always have more to do, while others come and go: about 50 µs.
const WORK_MIN: u32 = 32 * REQUEST_COST;

/// While nobody else is there, so that turns cost nothing beside it.
const WORK_MAX: u32 = 16 * WORK_MIN;

/// A client that asks again as soon as it has its answer leaves two or three turns empty.
const ALONE_AFTER: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_when_nobody_else_wanted_anything_for_some_turns() {
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
        assert_eq!(turns.piece_bytes, SEND_BYTES_MIN, "somebody wants less");
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
