//! What waits to be written: small answers gathered into one write, a large one after them.
//!
//! It must never know requests or states.

mod file_piece;
mod overflow;
mod parts;
mod piped;

use super::transport::{Transport, Write};
use crate::files::{CachedFile, Contents, Disk, Prefetch, Spool};
use crate::http::h1::write::Delimiter;
use crate::site::Body;
use crate::sys::socket::More;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use file_piece::{Interrupted, is_cold, memory, read_behind, send_piece};
pub use overflow::{Backlog, Room, Written};
use parts::Parts;
use piped::Next;
pub use piped::Piped;

/// The bytes of one or more responses, in order.
#[derive(Default)]
pub struct Outbox {
    /// Heads and small contents.
    gathered: Vec<u8>,
    /// How much of `gathered` has been written.
    written: usize,
    /// What comes after `gathered`.
    tail: Tail,
    /// What comes after `tail`.
    rest: Rest,
    /// How much the transport has taken since this was last empty: whether there is progress.
    moved_bytes: u64,
    /// How much of that a pipe brought.
    piped_bytes: u64,
    /// What follows the last byte: the end of the stream, or nothing for now.
    follows: More,
    /// A large buffer whose content has been written, to be used again.
    used: Option<Vec<u8>>,
    /// A file whose content has been read: to free it may take the disk a while.
    spent: Option<Spool>,
    /// Whether a file was left in the middle, so that it may have changed since.
    interrupted: Interrupted,
    /// Up to where in the file at hand there is no need to ask whether the disk would be waited for.
    warm_until: u64,
}

/// Content too large to be copied. `range` is what is left to write.
#[derive(Default)]
enum Tail {
    #[default]
    None,
    Static(&'static [u8]),
    Bytes {
        bytes: Vec<u8>,
        written: usize,
    },
    File {
        file: Rc<CachedFile>,
        range: Range<u64>,
    },
}

/// Content that is put into the tail one piece after the other.
#[derive(Default)]
enum Rest {
    #[default]
    Nothing,
    Parts(Parts),
    Piped(Box<Piped>),
}

/// How far a flush came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Everything is written.
    Done,
    /// The client takes no more for now.
    Blocked,
    /// The turn's budget is used up.
    Again,
    /// The next piece is on the disk alone; see [`Outbox::cold_piece`].
    Cold,
    /// The next piece has not been produced yet.
    NotYet,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.ends_with_gathered()
    }

    fn ends_with_gathered(&self) -> bool {
        matches!(self.tail, Tail::None) && matches!(self.rest, Rest::Nothing)
    }

    /// Whether another response may be gathered before this is written.
    pub fn has_room(&self) -> bool {
        self.gathered.len() < GATHERED_BYTES_MAX && self.ends_with_gathered()
    }

    /// The buffer that heads are written to. Only while [`Outbox::has_room`].
    pub fn head(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    /// Adds the content that belongs to the head just written, which says how it ends.
    pub fn push(&mut self, body: Body, delimiter: Delimiter) {
        match body {
            Body::Empty => {}
            Body::Static(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                self.gathered.extend_from_slice(bytes)
            }
            Body::Static(bytes) => self.tail = Tail::Static(bytes),
            Body::Bytes(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                self.gathered.extend_from_slice(&bytes)
            }
            Body::Bytes(bytes) => self.tail = Tail::Bytes { bytes, written: 0 },
            Body::Cached(file, range) if read_behind(&mut self.gathered, &file, &range) => {}
            Body::Cached(file, range) => self.push_file(file, range),
            Body::Parts(multipart) => {
                self.rest = Rest::Parts(Parts::new(multipart));
                self.next_parts();
            }
            Body::Piped(outlet, _) => {
                self.rest = Rest::Piped(Box::new(Piped::new(outlet, delimiter)));
            }
        }
    }

    fn push_file(&mut self, file: Rc<CachedFile>, range: Range<u64>) {
        match memory(&file, &range) {
            Some(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
                self.gathered.extend_from_slice(bytes);
            }
            _ if range.is_empty() => {}
            _ => {
                self.warm_until = 0;
                self.tail = Tail::File { file, range };
            }
        }
    }

    /// The stream ends at once after what waits here.
    pub fn end_follows(&mut self) {
        self.follows = More::Follows;
    }

    /// Writes until all is written, the client takes no more, or `budget` bytes of files are sent,
    /// of which it takes what it uses.
    ///
    /// # Errors
    /// What the connection died of, or `UnexpectedEof` when a file is not any more what its head
    /// said: the response cannot be completed then, only broken off.
    pub fn flush(
        &mut self,
        transport: &mut impl Transport,
        budget: &mut usize,
        disk: Disk,
    ) -> io::Result<Flush> {
        loop {
            let head = &self.gathered[self.written..];
            let (slice, more) = match &self.tail {
                Tail::None => (&b""[..], self.follows),
                Tail::Static(bytes) => (*bytes, self.follows),
                Tail::Bytes { bytes, written } => (&bytes[*written..], self.follows),
                Tail::File { file, range } => match memory(file, range) {
                    Some(bytes) => (bytes, self.follows),
                    None => (&b""[..], More::Follows),
                },
            };
            if !head.is_empty() || !slice.is_empty() {
                let more = match self.rest {
                    Rest::Nothing => more,
                    Rest::Parts(_) => More::Follows,
                    // Nobody knows when.
                    Rest::Piped(_) => More::Nothing,
                };
                match transport.write(head, slice, more)? {
                    Write::Blocked => {
                        self.interrupted = Interrupted::Yes;
                        return Ok(Flush::Blocked);
                    }
                    Write::Took(count) => {
                        self.advance(count);
                        if matches!(self.rest, Rest::Piped(_) | Rest::Parts(_)) {
                            *budget = budget.saturating_sub(count);
                        }
                    }
                }
                continue;
            }
            match &mut self.tail {
                Tail::File { file, range } if !range.is_empty() => {
                    if *budget == 0 {
                        self.interrupted = Interrupted::Yes;
                        return Ok(Flush::Again);
                    }
                    let mut end = range.end.min(range.start + *budget as u64);
                    if disk == Disk::MustNotBlock {
                        if self.warm_until > range.start {
                            end = end.min(self.warm_until);
                        } else if is_cold(file, range.start..end, self.warm_until) {
                            self.interrupted = Interrupted::Yes;
                            return Ok(Flush::Cold);
                        }
                    }
                    match send_piece(file, range, end, self.interrupted, transport)? {
                        Write::Blocked => {
                            self.interrupted = Interrupted::Yes;
                            return Ok(Flush::Blocked);
                        }
                        Write::Took(count) => {
                            self.interrupted = Interrupted::No;
                            self.moved_bytes += count as u64;
                            self.warm_until = self.warm_until.max(range.start);
                            *budget = budget.saturating_sub(count);
                        }
                    }
                }
                _ => {
                    if let Some(flush) = self.refill(*budget, disk)? {
                        return Ok(flush);
                    }
                }
            }
        }
    }

    /// All that was placed is written: places what comes after it. Otherwise this flush ends so.
    fn refill(&mut self, budget: usize, disk: Disk) -> io::Result<Option<Flush>> {
        self.gathered.clear();
        self.written = 0;
        if let Tail::Bytes { bytes, .. } = std::mem::take(&mut self.tail) {
            self.used = Some(bytes);
        }
        match &mut self.rest {
            Rest::Nothing => {
                self.clear();
                Ok(Some(Flush::Done))
            }
            Rest::Parts(_) if budget == 0 => {
                self.interrupted = Interrupted::Yes;
                Ok(Some(Flush::Again))
            }
            Rest::Parts(_) => {
                self.next_parts();
                Ok(None)
            }
            Rest::Piped(_) if budget == 0 => Ok(Some(Flush::Again)),
            Rest::Piped(piped) => {
                let next = piped.place(&mut self.gathered, disk)?;
                self.piped_bytes = piped.bytes;
                self.spent = piped.take_spent().or(self.spent.take());
                match next {
                    Next::Piece(bytes) => {
                        self.tail = Tail::Bytes { bytes, written: 0 };
                        Ok(None)
                    }
                    Next::NotYet => Ok(Some(Flush::NotYet)),
                    Next::Cold => Ok(Some(Flush::Cold)),
                    Next::Ended => {
                        self.rest = Rest::Nothing;
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Puts the next parts in place: small ones together, so that many of them cost few writes, up
    /// to one that is sent from its descriptor, or the closing delimiter.
    fn next_parts(&mut self) {
        while self.gathered.len() < GATHERED_BYTES_MAX
            && matches!(self.tail, Tail::None)
            && let Rest::Parts(parts) = &mut self.rest
        {
            match parts.place(&mut self.gathered) {
                // Only a file that has just been looked at may be read without looking again.
                Some((file, range))
                    if self.interrupted == Interrupted::No
                        && read_behind(&mut self.gathered, &file, &range) => {}
                Some((file, range)) => self.push_file(file, range),
                None => self.rest = Rest::Nothing,
            }
        }
    }

    fn advance(&mut self, count: usize) {
        self.moved_bytes += count as u64;
        let of_head = count.min(self.gathered.len() - self.written);
        self.written += of_head;
        let of_tail = count - of_head;
        match &mut self.tail {
            Tail::None => {}
            Tail::Static(bytes) => *bytes = bytes.get(of_tail..).unwrap_or_default(),
            Tail::Bytes { bytes, written } => *written = (*written + of_tail).min(bytes.len()),
            Tail::File { range, .. } => range.start = (range.start + of_tail as u64).min(range.end),
        }
    }

    /// After [`Flush::Cold`]: what a thread that may wait has to read before the next flush. That
    /// flush will not ask again, so that a disk cache under pressure cannot hold it up for ever.
    ///
    /// # Errors
    /// When the descriptor cannot be duplicated.
    pub fn cold_piece(&mut self) -> io::Result<Option<Prefetch>> {
        let Tail::File { file, range } = &self.tail else {
            return self.piped().map_or(Ok(None), Piped::cold_piece);
        };
        let Contents::Descriptor(descriptor) = file.contents() else {
            return Ok(None);
        };
        let piece = range.start..range.end.min(range.start + PREFETCH_BYTES);
        // Whoever has taken one piece will take the next ones too.
        let ahead_bytes = if self.warm_until == 0 { 0 } else { AHEAD_BYTES };
        self.warm_until = piece.end;
        Ok(Some(Prefetch::Piece { file: descriptor.try_clone()?, range: piece, ahead_bytes }))
    }

    /// Content that is still being made.
    pub fn piped(&mut self) -> Option<&mut Piped> {
        match &mut self.rest {
            Rest::Piped(piped) => Some(piped),
            Rest::Nothing | Rest::Parts(_) => None,
        }
    }

    /// How many bytes still wait, as far as they are known.
    pub fn waiting_bytes(&self) -> u64 {
        let tail = match &self.tail {
            Tail::None => 0,
            Tail::Static(bytes) => bytes.len() as u64,
            Tail::Bytes { bytes, written } => (bytes.len() - written) as u64,
            Tail::File { range, .. } => range.end - range.start,
        };
        let parts = match &self.rest {
            Rest::Parts(parts) => parts.length(),
            Rest::Nothing | Rest::Piped(_) => 0,
        };
        (self.gathered.len() - self.written) as u64 + tail + parts
    }

    /// The last large buffer whose content has been written.
    pub fn take_used(&mut self) -> Option<Vec<u8>> {
        self.used.take()
    }

    /// The last file of which everything has been read that waited for a slow client.
    pub fn take_spent(&mut self) -> Option<Spool> {
        self.spent.take()
    }

    /// How much has been taken since this was last empty.
    pub fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }

    /// How much content has come out of a pipe since this was last asked.
    pub fn take_piped_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.piped_bytes)
    }

    /// Drops everything and keeps the buffer, unless it has grown out of the usual.
    pub fn clear(&mut self) {
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_BYTES_MAX * 2);
        self.written = 0;
        self.tail = Tail::None;
        self.rest = Rest::Nothing;
        self.moved_bytes = 0;
        self.follows = More::Nothing;
        self.interrupted = Interrupted::No;
        self.warm_until = 0;
    }
}

/// Content up to this size is copied behind its head: cheaper than a second vector, and it can be
/// gathered with the answers of other pipelined requests.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// How much is read at once when the disk has to be waited for.
const PREFETCH_BYTES: u64 = 1024 * 1024;

/// How much the disk is given to read while that is sent. Less lets a fast disk fall idle, more
/// lets the others who wait for it wait for longer.
const AHEAD_BYTES: u64 = 3 * PREFETCH_BYTES;

/// Gathered answers beyond this are written before another request is parsed.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
