//! The part of a response body that waits on the disk for a slow client, so that its producer need not wait.
//!
//! It must never know the producer, the framing, or which thread writes it.

use crate::files::{Disk, Prefetch, Spool};
use crate::site::pipe::BACKLOG_BYTES;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// What waits for one client. All of it is sent before the bytes that are still in the pipe.
#[derive(Default)]
pub(super) struct Overflow {
    file: OverflowFile,
    /// What the disk did not take. It follows the bytes in the file.
    refused: VecDeque<Vec<u8>>,
    /// Whether the disk has refused bytes: then it is not tried again.
    has_refused: bool,
    /// A file that was read to its end, to be dropped by a thread.
    spent: Option<Spool>,
    held: Option<Held>,
    /// Whether a thread has just read the next piece. Then its coldness is not checked again, so that a disk cache under
    /// pressure cannot delay it for ever.
    is_prefetched: bool,
}

#[derive(Default)]
enum OverflowFile {
    #[default]
    Nothing,
    /// A thread has the file and writes to it.
    BeingWritten,
    Written(Spool),
}

/// What a thread has to write: to the end of the file, if there is one.
pub(crate) struct Backlog {
    pub spool: Option<Spool>,
    pub pieces: Vec<Vec<u8>>,
}

/// What a thread has written.
pub(crate) struct BacklogWritten {
    /// The file, unless none could be made.
    pub spool: Option<Spool>,
    /// The pieces that the disk did not take.
    pub refused: Vec<Vec<u8>>,
}

/// The next piece to send.
pub(super) enum OverflowPiece {
    Nothing,
    Piece(Vec<u8>),
    /// A thread has the file.
    NotYet,
    /// The piece is on the disk and not in memory.
    Cold,
}

impl Overflow {
    /// The next piece.
    ///
    /// # Errors
    /// Errors of the disk. The body cannot be completed then.
    pub(super) fn next(&mut self, disk: Disk) -> io::Result<OverflowPiece> {
        let spool = match &mut self.file {
            OverflowFile::BeingWritten => return Ok(OverflowPiece::NotYet),
            OverflowFile::Nothing => return Ok(self.next_refused()),
            OverflowFile::Written(spool) => spool,
        };
        let length = spool.unread().min(PIECE_BYTES as u64) as usize;
        let mut piece = vec![0; length];
        let disk = if std::mem::take(&mut self.is_prefetched) { Disk::MayBlock } else { disk };
        match spool.read_next(&mut piece, disk) {
            Ok(count) if count == length => {}
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_prefetched = true;
                return Ok(OverflowPiece::Cold);
            }
            Err(error) => return Err(error),
        }
        self.give_up_if_read();
        Ok(OverflowPiece::Piece(piece))
    }

    fn give_up_if_read(&mut self) {
        if let OverflowFile::Written(spool) = &self.file
            && spool.unread() == 0
        {
            self.spent = self.take_spool();
            self.held = None;
        }
    }

    fn next_refused(&mut self) -> OverflowPiece {
        self.refused.pop_front().map_or(OverflowPiece::Nothing, OverflowPiece::Piece)
    }

    /// Whether it can take a backlog now.
    pub(super) fn has_room(&self, room: &Room) -> bool {
        let bytes = self.held.as_ref().map_or(0, |held| held.bytes);
        !matches!(self.file, OverflowFile::BeingWritten)
            && !self.has_refused
            && bytes < room.bytes_max
            && !room.is_used_up()
    }

    /// Hands out a backlog with the file to write it to. Both come back with [`Overflow::written`].
    pub(super) fn begin(&mut self, pieces: Vec<Vec<u8>>, room: &Room) -> Backlog {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.held.get_or_insert_with(|| room.hold()).add(bytes);
        let spool = self.take_spool();
        self.file = OverflowFile::BeingWritten;
        Backlog { spool, pieces }
    }

    /// A thread has written what it could.
    pub(super) fn written(&mut self, written: BacklogWritten) {
        self.file = written.spool.map_or(OverflowFile::Nothing, OverflowFile::Written);
        if !written.refused.is_empty() {
            self.has_refused = true;
            self.refused = written.refused.into();
            let bytes: usize = self.refused.iter().map(Vec::len).sum();
            if let Some(held) = &mut self.held {
                held.remove(bytes as u64);
            }
        }
        // The disk may have refused everything.
        self.give_up_if_read();
    }

    /// What a thread has to read to bring the next piece into memory.
    pub(super) fn prefetch(&mut self) -> io::Result<Option<Prefetch>> {
        match &mut self.file {
            OverflowFile::Written(spool) => spool.prefetch(PIECE_BYTES as u64).map(Some),
            OverflowFile::Nothing | OverflowFile::BeingWritten => Ok(None),
        }
    }

    /// A file that is not needed any more, if there is one. Freeing it may take a while.
    pub(super) fn take_spent(&mut self) -> Option<Spool> {
        self.spent.take()
    }

    /// The client has gone: returns the file that waited for it.
    pub(super) fn abandon(&mut self) -> Option<Spool> {
        self.take_spent().or_else(|| self.take_spool())
    }

    fn take_spool(&mut self) -> Option<Spool> {
        match std::mem::take(&mut self.file) {
            OverflowFile::Written(spool) => Some(spool),
            OverflowFile::Nothing | OverflowFile::BeingWritten => None,
        }
    }
}

/// How much may wait on the disk: of one response, and of all responses of a worker.
pub(crate) struct Room {
    held: Rc<Cell<u64>>,
    bytes_max: u64,
}

impl Room {
    /// Room for so many bytes of one response, and for `RESPONSES_MAX` times as many in all. The last backlog, a full
    /// pipe at most, may exceed that.
    pub(crate) fn new(bytes_max: u64) -> Room {
        Room { held: Rc::default(), bytes_max }
    }

    /// Changes how much there is. Who holds more keeps it.
    pub(crate) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// Whether other responses have taken all of it, so that there may be room later.
    pub(crate) fn is_used_up(&self) -> bool {
        self.bytes_max > 0 && self.held.get() >= self.bytes_max.saturating_mul(RESPONSES_MAX)
    }

    /// Whether one response could take its full share, so that those which found no room should try again.
    pub(crate) fn has_much(&self) -> bool {
        self.held.get() <= self.bytes_max.saturating_mul(RESPONSES_MAX - 1)
    }

    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.get()
    }

    fn hold(&self) -> Held {
        Held { of: Rc::clone(&self.held), bytes: 0 }
    }
}

/// How much of the room one response holds. Dropping it gives that back.
struct Held {
    of: Rc<Cell<u64>>,
    bytes: u64,
}

impl Held {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.of.set(self.of.get() + bytes);
    }

    fn remove(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.of.set(self.of.get().saturating_sub(bytes));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.set(self.of.get().saturating_sub(self.bytes));
    }
}

/// How much is read at once.
const PIECE_BYTES: usize = BACKLOG_BYTES;

/// How many responses may take their full share at the same time.
const RESPONSES_MAX: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_of_a_worker_have_on_the_disk_is_bounded_too() {
        let room = Room::new(10);
        let mut full: Vec<Overflow> = (0..RESPONSES_MAX).map(|_| Overflow::default()).collect();
        for one in &mut full {
            assert!(one.has_room(&room));
            one.begin(vec![vec![b'x'; 10]], &room);
        }
        let another = Overflow::default();
        assert!(!another.has_room(&room) && !room.has_much());
        full.pop();
        assert!(another.has_room(&room));
        assert!(room.has_much());
        full.push(Overflow::default());
        full[15].begin(vec![vec![b'x'; 10]], &room);
        assert!(!another.has_room(&room));
        full[0].written(BacklogWritten { spool: None, refused: vec![vec![b'x'; 10]] });
        assert!(another.has_room(&room), "nothing of it is on the disk");
    }
}
