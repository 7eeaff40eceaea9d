//! A body that is produced while it is sent.
//!
//! It must never know how it is framed.

use super::overflow::{Backlog, BacklogWritten, Overflow, OverflowPiece, Room};
use crate::files::{Disk, Prefetch, Spool};
use crate::site::pipe::{Outlet, Piece};
use std::io;
use std::time::Duration;

/// The worker's end of the pipe, and what was promised of what comes out of it.
pub struct BodyStream {
    outlet: Outlet,
    /// What came out of it before its time.
    overflow: Overflow,
    /// How much will come, if that was announced.
    length: Option<u64>,
    /// How much has come so far.
    bytes: u64,
}

/// What there is to send next.
pub(super) enum Supply {
    Piece(Vec<u8>),
    NotYet,
    /// It is on the disk alone; see [`BodyStream::prefetch`].
    Cold,
    /// All has come.
    End,
}

impl BodyStream {
    pub(super) fn new(outlet: Outlet, length: Option<u64>) -> BodyStream {
        BodyStream { outlet, overflow: Overflow::default(), length, bytes: 0 }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `UnexpectedEof` when the producer has broken off, or does not keep its promise, and the disk's
    /// errors: the response cannot be completed then.
    pub(super) fn take(&mut self, disk: Disk) -> io::Result<Supply> {
        let piece = match self.overflow.next(disk)? {
            OverflowPiece::Nothing => self.outlet.take(),
            OverflowPiece::Piece(bytes) => Piece::Bytes(bytes),
            OverflowPiece::NotYet => return Ok(Supply::NotYet),
            OverflowPiece::Cold => return Ok(Supply::Cold),
        };
        match piece {
            Piece::Bytes(bytes) => {
                self.bytes += bytes.len() as u64;
                match self.length {
                    Some(length) if self.bytes > length => {
                        Err(broken("more content was produced than was announced"))
                    }
                    _ => Ok(Supply::Piece(bytes)),
                }
            }
            Piece::NotYet => Ok(Supply::NotYet),
            Piece::End => match self.length {
                Some(length) if self.bytes < length => {
                    Err(broken("less content was produced than was announced"))
                }
                _ => Ok(Supply::End),
            },
            Piece::Broken => Err(broken("what produces the content has broken off")),
        }
    }

    /// How much has come so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The client takes no more for now: what the producer should not have to wait for with it, if
    /// there is room for that. It comes back with [`BodyStream::written`].
    pub fn take_backlog(&mut self, room: &Room) -> Option<Backlog> {
        if !self.overflow.has_room(room) {
            return None;
        }
        let pieces = self.outlet.take_backlog();
        (!pieces.is_empty()).then(|| self.overflow.begin(pieces, room))
    }

    /// How long nothing may come, if that is known.
    pub fn quiet_max(&self) -> Option<Duration> {
        self.outlet.quiet_max()
    }

    /// A thread has written a backlog.
    pub fn written(&mut self, written: BacklogWritten) {
        self.overflow.written(written);
    }

    /// What a thread has to read before the next piece can be placed.
    pub(super) fn prefetch(&mut self) -> io::Result<Option<Prefetch>> {
        self.overflow.prefetch()
    }

    /// A file whose content has been read.
    pub(super) fn take_spent(&mut self) -> Option<Spool> {
        self.overflow.take_spent()
    }

    /// The client has gone: the file that waited for it, to be dropped by who may wait for the disk.
    pub fn abandon(&mut self) -> Option<Spool> {
        self.overflow.abandon()
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
