//! Content that a thread produces while it is sent, put into chunks where its length is not known
//! (RFC 9112 §7.1).

use super::Tail;
use crate::http::h1::write::{CHUNK_END, Delimiter, LAST_CHUNK, write_chunk_head};
use crate::site::pipe::{Outlet, Piece};
use std::io;

/// The worker's end of the pipe, and what was promised of what comes out of it.
pub(super) struct Piped {
    outlet: Outlet,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Placed,
    NotYet,
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
        Piped { outlet, promise, bytes: 0 }
    }

    /// Places the next piece: its framing behind what is gathered, itself in the tail.
    ///
    /// # Errors
    /// `UnexpectedEof` when the producer has broken off, or does not keep its promise: the response
    /// cannot be completed then.
    pub(super) fn place(&mut self, gathered: &mut Vec<u8>, tail: &mut Tail) -> io::Result<Next> {
        match self.outlet.take() {
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
                *tail = Tail::Bytes { bytes, written: 0 };
                Ok(Next::Placed)
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
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
