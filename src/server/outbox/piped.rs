//! Content that is produced while it is sent, put into chunks where its length is not known
//! (RFC 9112 §7.1).

use super::overflow::{Backlog, Overflow, Room, Waiting, Written};
use crate::files::{Disk, Prefetch, Spool};
use crate::http::h1::write::{CHUNK_END, Delimiter, LAST_CHUNK, write_chunk_head};
use crate::site::pipe::{Outlet, Piece};
use std::io;
use std::time::Duration;

/// The worker's end of the pipe, and what was promised of what comes out of it.
pub struct Piped {
    outlet: Outlet,
    /// What came out of it before its time.
    overflow: Overflow,
    promise: Promise,
    /// How much has come so far.
    pub(super) bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    Length(u64),
    Chunks,
    /// The end of the connection is the end of it.
    Nothing,
}

/// What there is to write next.
pub(super) enum Next {
    /// This; what frames it is placed.
    Piece(Vec<u8>),
    NotYet,
    /// It is on the disk alone; see [`Piped::cold_piece`].
    Cold,
    /// What ends the content is placed, and nothing more will come.
    Ended,
}

impl Piped {
    pub(super) fn new(outlet: Outlet, delimiter: Delimiter) -> Piped {
        let promise = match delimiter {
            Delimiter::Length(length) => Promise::Length(length),
            Delimiter::Chunked => Promise::Chunks,
            Delimiter::Close => Promise::Nothing,
        };
        Piped { outlet, overflow: Overflow::default(), promise, bytes: 0 }
    }

    /// Takes the next piece, and places its framing behind what is gathered.
    ///
    /// # Errors
    /// `UnexpectedEof` when the producer has broken off, or does not keep its promise, and the disk's
    /// errors: the response cannot be completed then.
    pub(super) fn place(&mut self, gathered: &mut Vec<u8>, disk: Disk) -> io::Result<Next> {
        let piece = match self.overflow.next(disk)? {
            Waiting::Nothing => self.outlet.take(),
            Waiting::Piece(bytes) => Piece::Bytes(bytes),
            Waiting::NotYet => return Ok(Next::NotYet),
            Waiting::Cold => return Ok(Next::Cold),
        };
        match piece {
            Piece::Bytes(mut bytes) => {
                self.bytes += bytes.len() as u64;
                match self.promise {
                    Promise::Chunks => {
                        write_chunk_head(gathered, bytes.len());
                        bytes.extend_from_slice(CHUNK_END);
                    }
                    Promise::Length(length) if self.bytes > length => {
                        return Err(broken("more content was produced than was announced"));
                    }
                    Promise::Length(_) | Promise::Nothing => {}
                }
                Ok(Next::Piece(bytes))
            }
            Piece::NotYet => Ok(Next::NotYet),
            Piece::End => {
                match self.promise {
                    Promise::Chunks => gathered.extend_from_slice(LAST_CHUNK),
                    Promise::Length(length) if self.bytes < length => {
                        return Err(broken("less content was produced than was announced"));
                    }
                    Promise::Length(_) | Promise::Nothing => {}
                }
                Ok(Next::Ended)
            }
            Piece::Broken => Err(broken("what produces the content has broken off")),
        }
    }

    /// The client takes no more for now: what the producer should not have to wait for with it, if
    /// there is room for that. It comes back with [`Piped::written`].
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
    pub fn written(&mut self, written: Written) {
        self.overflow.written(written);
    }

    /// What a thread has to read before the next piece can be placed.
    pub(super) fn cold_piece(&mut self) -> io::Result<Option<Prefetch>> {
        self.overflow.cold_piece()
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
