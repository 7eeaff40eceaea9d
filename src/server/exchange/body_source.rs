//! What is left to send of a response's body. The protocol that frames it pulls it.
//!
//! It must never know how it is framed, or over what it is sent.

use super::at_hand::AtHand;
use super::encoding::EncodedSource;
use super::file_piece::is_cold;
use super::lent::Owner;
use super::pace::Pace;
use super::parts::{Parts, Placed};
use super::stream::{BodyStream, Supply};
use super::terms::BodyTerms;
use crate::files::{CachedFile, Contents, Disk, Prefetch, Spool};
use crate::server::clock::FOR_EVER;
use crate::site::Body;
use crate::site::stream::{Received, Receiver};
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A body on its way out.
#[derive(Default)]
pub(crate) struct BodySource {
    at_hand: AtHand,
    /// Where the rest comes from.
    supplier: Supplier,
    /// Whether the file at hand may have changed since it was last looked at.
    is_unchecked: bool,
    /// Up to where the file at hand needs no check whether a read would wait for the disk.
    warm_until: u64,
    /// How much of a produced body has come so far.
    produced_bytes: u64,
    /// A large buffer whose bytes have been sent, to be used again.
    used: Option<Vec<u8>>,
    /// A file whose bytes have been read. Freeing it may take the disk a while.
    spent: Option<Spool>,
    /// On which terms it is sent, if there are any.
    terms: Option<Box<BodyTerms>>,
}

/// Where the rest of a body comes from.
#[derive(Default)]
enum Supplier {
    #[default]
    Nothing,
    Parts(Parts),
    Stream(Box<BodyStream>),
    Channel(Receiver),
    Encoded(Box<EncodedSource>),
}

/// The next piece of a body, for the protocol that sends it.
pub(crate) enum Chunk<'a> {
    /// Bytes, at least one, and whether more follows at once.
    Memory {
        bytes: &'a [u8],
        /// Whose they are, if they stay where they are when this body has gone.
        owner: Option<Owner<'a>>,
        is_followed: bool,
        /// Whether the body is known to end with them.
        is_last: bool,
    },
    /// A piece of an open file.
    File {
        file: &'a CachedFile,
        piece: Range<u64>,
        /// Whether its first bytes were found in memory, or brought there: then reading them may wait for the disk.
        may_wait: bool,
        /// Whether the body is known to end with it.
        is_last: bool,
    },
    /// The next piece has not been produced yet.
    NotYet,
    /// The next piece is on the disk and not in memory; see [`BodySource::prefetch`].
    Cold,
    /// All has been sent.
    End,
}

impl BodySource {
    /// The source of a whole body, which is sent on these terms.
    pub(crate) fn new(body: Body, terms: Option<Box<BodyTerms>>) -> BodySource {
        let mut source = BodySource { terms, ..BodySource::default() };
        match body {
            // The exchange has made another one of it.
            Body::Deferred(_) => {}
            Body::Empty => {}
            Body::Static(bytes) => source.at_hand = AtHand::Static(bytes),
            Body::Bytes(bytes) => source.at_hand = AtHand::Bytes { bytes, sent: 0 },
            Body::Cached(file, range) => source.at_hand = AtHand::File { file, range },
            Body::Parts(multipart) => source.supplier = Supplier::Parts(Parts::new(multipart)),
            Body::Piped(outlet, length) => {
                source.supplier = Supplier::Stream(Box::new(BodyStream::new(outlet, length)));
            }
            Body::Channel(receiver) => source.supplier = Supplier::Channel(receiver),
            Body::Encoded(body) => {
                source.supplier = Supplier::Encoded(Box::new(EncodedSource::new(*body)));
            }
        }
        source
    }

    /// The terms of a body that is kept elsewhere for a while.
    pub(crate) fn take_terms(&mut self) -> Option<Box<BodyTerms>> {
        self.terms.take()
    }

    fn pace(&self) -> Option<&Pace> {
        self.terms.as_ref()?.pace.as_ref()
    }

    /// How many bytes of it its pace lets leave now. `None`: it has no pace.
    pub(crate) fn allowance(&self, now: Instant) -> Option<usize> {
        self.pace().map(|pace| usize::try_from(pace.allowance(now)).unwrap_or(usize::MAX))
    }

    /// When its pace lets the next piece leave.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.pace().map(Pace::ready_at)
    }

    /// So many bytes of it have left.
    pub(crate) fn spend(&mut self, bytes: usize, now: Instant) {
        if let Some(terms) = &mut self.terms {
            terms.spend(bytes, now);
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.at_hand, AtHand::Nothing) && matches!(self.supplier, Supplier::Nothing)
    }

    /// Whether it is so long that other connections should have turns while it is sent.
    pub(crate) fn is_long(&self) -> bool {
        if self.pace().is_some() {
            return true;
        }
        self.at_hand.is_on_disk() || !matches!(self.supplier, Supplier::Nothing)
    }

    /// The next piece; of a file, and of a body with a pace, no more than `budget` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if a file has changed since its head was sent, or a producer breaks off, and errors of the
    /// disk. The response can only be broken off then.
    pub(crate) fn next(&mut self, budget: usize, disk: Disk) -> io::Result<Chunk<'_>> {
        self.pull(budget, disk, true)
    }

    /// The same for what reads files by a call that does not wait for the disk: nobody looks whether they are in memory.
    ///
    /// # Errors
    /// As [`next`](BodySource::next).
    pub(crate) fn next_to_read(&mut self, budget: usize) -> io::Result<Chunk<'_>> {
        self.pull(budget, Disk::MustNotBlock, false)
    }

    fn pull(&mut self, budget: usize, disk: Disk, is_checked: bool) -> io::Result<Chunk<'_>> {
        while self.at_hand.is_used_up() {
            if let AtHand::Bytes { bytes, .. } = std::mem::take(&mut self.at_hand) {
                self.used = Some(bytes);
            }
            match self.refill(disk)? {
                Supply::Piece(bytes) => self.at_hand = AtHand::Bytes { bytes, sent: 0 },
                Supply::NotYet => return Ok(Chunk::NotYet),
                Supply::Cold => return Ok(Chunk::Cold),
                Supply::End if self.at_hand.is_used_up() => return Ok(Chunk::End),
                Supply::End => {}
            }
        }
        if let AtHand::File { file, range } = &self.at_hand
            && self.at_hand.is_on_disk()
        {
            let mut end = range.end.min(range.start + budget as u64);
            let mut may_wait = true;
            if disk == Disk::MustNotBlock && end > range.start {
                if self.warm_until > range.start {
                    end = end.min(self.warm_until);
                } else if !is_checked {
                    may_wait = false;
                } else if is_cold(file, range.start..end, self.warm_until) {
                    return Ok(Chunk::Cold);
                }
            }
            // If the file was rewritten in place, its rest belongs to another version than its beginning and the
            // validators in the head. A file that has only grown is sent up to the announced length.
            if std::mem::take(&mut self.is_unchecked) && !file.still_holds()? {
                return Err(unexpected_end("the file has changed while it was sent"));
            }
            let is_last = end == range.end && matches!(self.supplier, Supplier::Nothing);
            return Ok(Chunk::File { file, piece: range.start..end, may_wait, is_last });
        }
        let Some(all) = self.at_hand.bytes() else {
            return Ok(Chunk::End);
        };
        let bytes = match &mut self.terms {
            None => all,
            Some(terms) => &all[..terms.cut(all.len(), budget)],
        };
        let is_last = bytes.len() == all.len() && matches!(self.supplier, Supplier::Nothing);
        let is_followed = matches!(self.supplier, Supplier::Parts(_));
        let owner = self.at_hand.owner();
        Ok(Chunk::Memory { bytes, owner, is_followed, is_last })
    }

    /// So many bytes of the last chunk have been sent.
    pub(crate) fn advance(&mut self, count: usize) {
        if let Some(terms) = &mut self.terms {
            terms.advance(count);
        }
        self.at_hand.advance(count);
        if let AtHand::File { range, .. } = &self.at_hand {
            self.warm_until = self.warm_until.max(range.start);
        }
    }

    /// Other connections have their turn before the next chunk is pulled, so files may change.
    pub(crate) fn pause(&mut self) {
        self.is_unchecked = true;
    }

    /// Puts the next piece at hand, or returns it.
    fn refill(&mut self, disk: Disk) -> io::Result<Supply> {
        match &mut self.supplier {
            Supplier::Nothing => Ok(Supply::End),
            Supplier::Parts(parts) => {
                // Only a file that was just checked may be read without another check.
                let may_read = !self.is_unchecked;
                let placed = parts.place(may_read);
                if parts.is_over() {
                    self.supplier = Supplier::Nothing;
                }
                match placed {
                    Placed::Texts(texts) => Ok(Supply::Piece(texts)),
                    Placed::Part((file, range)) => {
                        self.warm_until = 0;
                        self.at_hand = AtHand::File { file, range };
                        Ok(Supply::End)
                    }
                }
            }
            Supplier::Stream(stream) => {
                let supply = stream.take(disk)?;
                self.produced_bytes = stream.bytes();
                self.spent = stream.take_spent().or(self.spent.take());
                if let Supply::End = supply {
                    self.supplier = Supplier::Nothing;
                }
                Ok(supply)
            }
            Supplier::Encoded(encoded) => {
                let supply = encoded.take(disk)?;
                self.spent = encoded.inner.take_spent().or(self.spent.take());
                match &supply {
                    Supply::Piece(bytes) => self.produced_bytes += bytes.len() as u64,
                    Supply::End => self.supplier = Supplier::Nothing,
                    Supply::NotYet | Supply::Cold => {}
                }
                Ok(supply)
            }
            Supplier::Channel(receiver) => match receiver.take() {
                Received::Bytes(bytes) => {
                    self.produced_bytes += bytes.len() as u64;
                    Ok(Supply::Piece(bytes))
                }
                Received::Shared(bytes) => {
                    self.produced_bytes += bytes.len() as u64;
                    self.at_hand = AtHand::Shared { bytes, sent: 0 };
                    Ok(Supply::End)
                }
                Received::NotYet => Ok(Supply::NotYet),
                Received::End => {
                    self.supplier = Supplier::Nothing;
                    Ok(Supply::End)
                }
                // The program has its reason, so this is no warning.
                Received::Broken => Err(io::Error::new(
                    io::ErrorKind::ConnectionReset,
                    "its sender has broken it off",
                )),
            },
        }
    }

    /// After [`Chunk::Cold`]: what a thread has to read before the next chunk. Its coldness is not checked again, so that
    /// a disk cache under pressure cannot delay it for ever.
    ///
    /// # Errors
    /// If the descriptor cannot be duplicated.
    pub(crate) fn prefetch(&mut self) -> io::Result<Option<Prefetch>> {
        let AtHand::File { file, range } = &self.at_hand else {
            return self.stream().map_or(Ok(None), BodyStream::prefetch);
        };
        let Contents::Descriptor(descriptor) = file.contents() else {
            return Ok(None);
        };
        let piece = range.start..range.end.min(range.start + PREFETCH_BYTES);
        // A client that has taken one piece will take the next ones too.
        let ahead_bytes = if self.warm_until == 0 { 0 } else { AHEAD_BYTES };
        self.warm_until = piece.end;
        Ok(Some(Prefetch::Piece { file: descriptor.try_clone()?, range: piece, ahead_bytes }))
    }

    /// The stream of a body that is still produced.
    pub(crate) fn stream(&mut self) -> Option<&mut BodyStream> {
        match &mut self.supplier {
            Supplier::Stream(stream) => Some(stream),
            Supplier::Encoded(encoded) => encoded.inner.stream(),
            Supplier::Nothing | Supplier::Parts(_) | Supplier::Channel(_) => None,
        }
    }

    /// The body that threads encode while it is sent.
    pub(crate) fn encoded(&mut self) -> Option<&mut EncodedSource> {
        match &mut self.supplier {
            Supplier::Encoded(encoded) => Some(encoded),
            _ => None,
        }
    }

    /// The worker's end of a body that a sender sends.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        match &self.supplier {
            Supplier::Channel(receiver) => Some(receiver),
            Supplier::Encoded(encoded) => encoded.inner.receiver(),
            Supplier::Nothing | Supplier::Parts(_) | Supplier::Stream(_) => None,
        }
    }

    /// Takes out a body that a sender sends and of which nothing is at hand, and how much of it has come so far. It goes
    /// on with [`BodySource::resumed`].
    pub(crate) fn take_receiver(&mut self) -> Option<(Receiver, u64)> {
        match std::mem::take(&mut self.supplier) {
            Supplier::Channel(receiver) => Some((receiver, self.produced_bytes)),
            other => {
                self.supplier = other;
                None
            }
        }
    }

    /// The source of a body of which so much has come.
    pub(crate) fn resumed(
        receiver: Receiver,
        produced_bytes: u64,
        terms: Option<Box<BodyTerms>>,
    ) -> BodySource {
        let supplier = Supplier::Channel(receiver);
        BodySource { supplier, produced_bytes, terms, ..BodySource::default() }
    }

    /// Drops what is at hand if its sender has broken the body off: a slow client shall not keep it from ending.
    pub(crate) fn drop_if_broken(&mut self) {
        if self.receiver().is_some_and(Receiver::is_broken) {
            self.at_hand = AtHand::Nothing;
        }
        if let Some(encoded) = self.encoded() {
            encoded.inner.drop_if_broken();
        }
    }

    /// How much of a produced body has come so far.
    pub(crate) fn produced_bytes(&self) -> u64 {
        self.produced_bytes
    }

    /// How long nothing may come; `usual` unless the body has a bound of its own.
    pub(crate) fn quiet_max(&mut self, usual: Duration) -> Duration {
        match &mut self.supplier {
            Supplier::Encoded(encoded) => encoded.inner.quiet_max(usual),
            Supplier::Stream(stream) => stream.quiet_max().unwrap_or(usual),
            Supplier::Channel(receiver) => receiver.keep_alive_interval().unwrap_or(FOR_EVER),
            Supplier::Nothing | Supplier::Parts(_) => usual,
        }
    }

    /// How many bytes are left, as far as they are known.
    pub(crate) fn left_bytes(&self) -> u64 {
        let parts = match &self.supplier {
            Supplier::Parts(parts) => parts.length(),
            _ => 0,
        };
        self.at_hand.left_bytes() + parts
    }

    /// The last large buffer whose bytes have been sent.
    pub(crate) fn take_used(&mut self) -> Option<Vec<u8>> {
        self.used.take()
    }

    /// The last file for a slow client that has been read to its end.
    pub(crate) fn take_spent(&mut self) -> Option<Spool> {
        self.spent.take()
    }

    /// The client has gone: returns the file that waited for it, to be dropped by a thread that may wait for the disk.
    pub(crate) fn abandon(&mut self) -> Option<Spool> {
        self.stream().and_then(BodyStream::abandon)
    }
}

fn unexpected_end(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// How much a thread reads at once.
const PREFETCH_BYTES: u64 = 1024 * 1024;

/// How much the disk reads ahead while that is sent. With less, a fast disk falls idle; with more, other readers wait
/// longer.
const AHEAD_BYTES: u64 = 3 * PREFETCH_BYTES;
