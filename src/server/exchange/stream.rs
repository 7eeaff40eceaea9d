//! A body that is produced while it is sent.
//!
//! It must never know how it is framed.

use super::overflow::{Backlog, BacklogWritten, Overflow, OverflowPiece, Room};
use crate::files::{Disk, Prefetch, Spool};
use crate::site::pipe::{Outlet, Piece};
use std::fmt;
use std::io;
use std::time::Duration;

/// The worker's end of the pipe, and the announced length of the body.
pub(crate) struct BodyStream {
    outlet: Outlet,
    /// The bytes that were taken out of it before the client could read them.
    overflow: Overflow,
    /// How much will come, if that was announced.
    length: Option<u64>,
    /// How much has come so far.
    bytes: u64,
}

/// The next piece to send.
pub(super) enum Supply {
    Piece(Vec<u8>),
    NotYet,
    /// The piece is on the disk and not in memory; see [`BodyStream::prefetch`].
    Cold,
    /// The body is complete.
    End,
}

impl BodyStream {
    pub(super) fn new(outlet: Outlet, length: Option<u64>) -> BodyStream {
        BodyStream { outlet, overflow: Overflow::default(), length, bytes: 0 }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `UnexpectedEof` if the producer breaks off or produces another length than it announced, and errors of the disk.
    /// The response cannot be completed then.
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
                        Err(self.broken("sent more than it announced"))
                    }
                    _ => Ok(Supply::Piece(bytes)),
                }
            }
            Piece::NotYet => Ok(Supply::NotYet),
            Piece::End => match self.length {
                Some(length) if self.bytes < length => {
                    Err(self.broken("sent less than it announced"))
                }
                _ => Ok(Supply::End),
            },
            Piece::Broken => Err(self.broken("ended the response early")),
        }
    }

    fn broken(&self, how: &str) -> io::Error {
        let text = match self.outlet.producer() {
            Some(producer) => format!("{producer} {how}"),
            None => format!("what produces a response {how}"),
        };
        io::Error::new(io::ErrorKind::UnexpectedEof, BrokenBody(text))
    }

    /// How much has come so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The client takes no more for now: returns the bytes that the disk should take, so that the producer need not
    /// wait, if there is room for them. They come back with [`BodyStream::written`].
    pub(crate) fn take_backlog(&mut self, room: &Room) -> Option<Backlog> {
        if !self.overflow.has_room(room) {
            return None;
        }
        let pieces = self.outlet.take_backlog();
        (!pieces.is_empty()).then(|| self.overflow.begin(pieces, room))
    }

    /// How long nothing may come, if there is a bound.
    pub(crate) fn quiet_max(&self) -> Option<Duration> {
        self.outlet.quiet_max()
    }

    /// A thread has written a backlog.
    pub(crate) fn written(&mut self, written: BacklogWritten) {
        self.overflow.written(written);
    }

    /// What a thread has to read before the next piece.
    pub(super) fn prefetch(&mut self) -> io::Result<Option<Prefetch>> {
        self.overflow.prefetch()
    }

    /// A file that has been read to its end.
    pub(super) fn take_spent(&mut self) -> Option<Spool> {
        self.overflow.take_spent()
    }

    /// The client has gone: returns the file that waited for it, to be dropped by a thread that may wait for the disk.
    pub(crate) fn abandon(&mut self) -> Option<Spool> {
        self.overflow.abandon()
    }
}

/// A response cannot be completed, because what produces it does not.
#[derive(Debug)]
pub(crate) struct BrokenBody(String);

impl fmt::Display for BrokenBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BrokenBody {}
