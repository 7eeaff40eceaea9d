//! The bytes that HTTP/1 writes next: heads and short bodies of one or more responses, and the framing of the last
//! body (RFC 9112 §6, §7).
//!
//! It must never know requests or states.

use crate::files::{CachedFile, Contents, Disk};
use crate::http::h1::write::{CHUNK_END, Delimiter, LAST_CHUNK, write_chunk_head};
use crate::server::exchange::{BodySource, Chunk};
use crate::server::wire::{More, Transport, WriteOutcome};
use std::io;
use std::os::fd::AsFd;

/// The bytes of one or more responses, in order. The last body, if it is not short, is pulled out of its [`BodySource`]
/// when it is written.
#[derive(Default)]
pub(super) struct Outbox {
    /// Heads, short bodies, and the framing of chunks.
    gathered: Vec<u8>,
    /// How much of `gathered` has been written.
    written: usize,
    framing: BodyFraming,
    /// How much the stream has taken.
    moved_bytes: u64,
    /// What follows the last byte: more at once, which may be the end of the stream, or nothing for now.
    follows: More,
}

/// How the body under way is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// By its length, or by the end of the connection.
    #[default]
    Bare,
    /// In chunks. None is under way.
    BetweenChunks,
    /// In chunks. The head of one is gathered.
    InChunk,
}

/// Why a flush ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// Everything is written.
    Done,
    /// The client takes no more for now.
    Blocked,
    /// The budget is used up.
    Again,
    /// The next piece is on the disk and not in memory; see [`BodySource::prefetch`].
    Cold,
    /// The next piece has not been produced yet.
    NotYet,
}

impl Outbox {
    /// Whether nothing is gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// Whether another response may be gathered before this is written.
    pub(super) fn has_room(&self) -> bool {
        self.gathered.len() < GATHERED_BYTES_MAX
    }

    /// The buffer that heads and short bodies are written to.
    pub(super) fn gathered(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    /// Begins the body of the head that was just gathered.
    pub(super) fn begin_body(&mut self, delimiter: Delimiter) {
        self.framing = match delimiter {
            Delimiter::Chunked => BodyFraming::BetweenChunks,
            Delimiter::Length(_) | Delimiter::Close => BodyFraming::Bare,
        };
    }

    /// How the body under way is framed.
    pub(super) fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Goes on with a body that is framed like this, and of which nothing is gathered.
    pub(super) fn resume_body(&mut self, framing: BodyFraming) {
        self.framing = framing;
    }

    /// The end of the stream follows at once.
    pub(super) fn end_follows(&mut self) {
        self.follows = More::Follows;
    }

    /// Writes until all is written, the client takes no more, or `budget` bytes of a long body are sent. Subtracts from
    /// the budget what it uses.
    ///
    /// # Errors
    /// The error that ends the connection, or the reason why the body cannot be completed.
    pub(super) fn flush(
        &mut self,
        body: &mut BodySource,
        wire: &mut impl Transport,
        budget: &mut usize,
        disk: Disk,
    ) -> io::Result<Flush> {
        let flushed = loop {
            match self.write_next(body, wire, budget, disk) {
                Ok(None) => {}
                Ok(Some(flush)) => break Ok(flush),
                Err(error) => break Err(error),
            }
        };
        match flushed {
            Ok(Flush::Done) => self.clear(),
            _ => body.pause(),
        }
        flushed
    }

    /// One write, or how the flush ends.
    fn write_next(
        &mut self,
        body: &mut BodySource,
        wire: &mut impl Transport,
        budget: &mut usize,
        disk: Disk,
    ) -> io::Result<Option<Flush>> {
        if body.is_empty() && self.framing == BodyFraming::Bare {
            return self.write_gathered(wire, self.follows, Flush::Done);
        }
        let is_long = body.is_long();
        if *budget == 0 && is_long {
            return self.write_gathered(wire, More::Follows, Flush::Again);
        }
        match body.next(*budget, disk)? {
            Chunk::Memory { bytes, is_followed, .. } => {
                let length = bytes.len();
                let end = match self.framing {
                    BodyFraming::Bare => &b""[..],
                    BodyFraming::InChunk => CHUNK_END,
                    BodyFraming::BetweenChunks => {
                        write_chunk_head(&mut self.gathered, length);
                        self.framing = BodyFraming::InChunk;
                        CHUNK_END
                    }
                };
                let more = match (is_followed, is_long) {
                    (true, _) => More::Follows,
                    // It is not known when more is produced.
                    (false, true) => More::Nothing,
                    (false, false) => self.follows,
                };
                let head = &self.gathered[self.written..];
                let head_bytes = head.len();
                let WriteOutcome::Took(count) = wire.write([head, bytes, end], more)? else {
                    return Ok(Some(Flush::Blocked));
                };
                if is_long {
                    *budget = budget.saturating_sub(count);
                }
                self.took(count.min(head_bytes));
                let of_body = count.saturating_sub(head_bytes);
                body.advance(of_body.min(length));
                if of_body >= length {
                    self.end_chunk(end, of_body - length);
                }
                self.moved_bytes += count as u64;
                Ok(None)
            }
            Chunk::File { file, piece, .. } => {
                if self.written < self.gathered.len() {
                    let head = &self.gathered[self.written..];
                    let head_bytes = head.len();
                    let WriteOutcome::Took(count) = wire.write([head, b"", b""], More::Follows)?
                    else {
                        return Ok(Some(Flush::Blocked));
                    };
                    self.moved_bytes += count as u64;
                    self.took(count);
                    if count < head_bytes {
                        return Ok(None);
                    }
                }
                let length = usize::try_from(piece.end - piece.start).unwrap_or(usize::MAX);
                let count = match send_piece(wire, file, piece.start, length)? {
                    WriteOutcome::Took(count) => count,
                    WriteOutcome::Blocked => return Ok(Some(Flush::Blocked)),
                    WriteOutcome::Cold => return Ok(Some(Flush::Cold)),
                };
                if count == 0 {
                    let shrunk = "the file has shrunk while it was sent";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, shrunk));
                }
                *budget = budget.saturating_sub(count);
                self.moved_bytes += count as u64;
                body.advance(count);
                Ok(None)
            }
            Chunk::NotYet => self.write_gathered(wire, More::Nothing, Flush::NotYet),
            Chunk::Cold => self.write_gathered(wire, More::Follows, Flush::Cold),
            Chunk::End => {
                if self.framing != BodyFraming::Bare {
                    self.gathered.extend_from_slice(LAST_CHUNK);
                    self.framing = BodyFraming::Bare;
                }
                Ok(None)
            }
        }
    }

    /// Writes the gathered bytes. When all are written, the flush ends with `then`.
    fn write_gathered(
        &mut self,
        wire: &mut impl Transport,
        more: More,
        then: Flush,
    ) -> io::Result<Option<Flush>> {
        let head = &self.gathered[self.written..];
        if head.is_empty() {
            return Ok(Some(then));
        }
        match wire.write([head, b"", b""], more)? {
            WriteOutcome::Blocked | WriteOutcome::Cold => Ok(Some(Flush::Blocked)),
            WriteOutcome::Took(count) => {
                self.moved_bytes += count as u64;
                self.took(count);
                Ok(None)
            }
        }
    }

    /// So many of the gathered bytes have been written.
    fn took(&mut self, count: usize) {
        self.written += count;
        if self.written == self.gathered.len() {
            self.gathered.clear();
            self.written = 0;
        }
    }

    /// The data of a chunk has been written, and so much of its end.
    fn end_chunk(&mut self, end: &[u8], written: usize) {
        self.gathered.extend_from_slice(end.get(written..).unwrap_or_default());
        if self.framing == BodyFraming::InChunk {
            self.framing = BodyFraming::BetweenChunks;
        }
    }

    /// How many bytes are gathered and not written.
    pub(super) fn waiting_bytes(&self) -> u64 {
        (self.gathered.len() - self.written) as u64
    }

    /// How much the stream has taken, of all responses that ever were in it.
    pub(super) fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }

    /// Drops everything and keeps the buffer, shrunk to its usual size.
    pub(super) fn clear(&mut self) {
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_BYTES_MAX * 2);
        self.written = 0;
        self.framing = BodyFraming::Bare;
        self.follows = More::Nothing;
    }
}

/// Sends a piece of a file from its descriptor.
fn send_piece(
    wire: &mut impl Transport,
    file: &CachedFile,
    offset: u64,
    count: usize,
) -> io::Result<WriteOutcome> {
    match file.contents() {
        Contents::Descriptor(descriptor) => wire.send_file(descriptor.as_fd(), offset, count),
        Contents::Memory(_) => Ok(WriteOutcome::Took(0)),
    }
}

/// Gathered responses beyond this are written before another request is parsed.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
