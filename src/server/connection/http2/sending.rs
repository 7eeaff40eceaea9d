//! Whose data comes next, and how bodies become frames (RFC 9113 §6.1, RFC 9218 §10).
//!
//! The most urgent stream comes first. Of equally urgent ones, each is sent whole, in the order of the requests, but
//! those that are incremental share, a frame each in turn.

use super::Http2;
use super::account;
use super::answering::Next;
use super::link::Link;
use super::stream::Stream;
use crate::files::{CachedFile, Contents, Disk};
use crate::http::h2::error::ErrorCode;
use crate::http::h2::frame::HEAD_BYTES;
use crate::http::h2::write;
use crate::server::connection::Socket;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, Chunk, ExchangeState};
use crate::server::share::Share;
use crate::server::wire::{More, Transport};
use crate::sys::file;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All that may be sent has left.
    All,
    /// The client takes no more for now.
    Blocked,
    /// Others have their turn.
    Again,
}

/// What became of the body of a stream.
enum Filled {
    /// So many bytes of it are in the outbox.
    Data(usize),
    /// All of it.
    Complete,
    Waits(Awaited),
}

impl Http2 {
    /// Puts the data of streams into frames, and writes.
    ///
    /// # Errors
    /// The error that ends the connection.
    pub(super) fn send<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> io::Result<Sent> {
        let now = cx.clock.monotonic();
        let allowed = share.piece_bytes();
        let was_blocked = self.link.is_blocked();
        let mut left = allowed;
        let sent = loop {
            let is_cut = self.fill(&mut left, socket, cx);
            let more = if is_cut { More::Follows } else { More::Nothing };
            if !self.link.write(&mut socket.wire, more, now)? {
                break Sent::Blocked;
            }
            match (is_cut, left) {
                (false, _) => break Sent::All,
                (true, 0) => break Sent::Again,
                (true, _) => {}
            }
        };
        if was_blocked && sent == Sent::All {
            // What was sent last has left only now.
            self.idle_since = now;
        }
        share.spend_piece(allowed - left);
        self.pause(sent, socket, cx);
        Ok(sent)
    }

    /// Fills the outbox with data. Returns whether more could be sent at once.
    fn fill<W: Transport>(
        &mut self,
        left: &mut usize,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) -> bool {
        while let Some(place) = self.next_sender() {
            if *left == 0 || self.link.waiting_bytes() >= FILLED_BYTES {
                return true;
            }
            let stream = &mut self.streams[place];
            let run = match stream.priority.incremental {
                true => self.link.payload_bytes_max(),
                false => FILLED_BYTES,
            };
            let now = cx.clock.monotonic();
            let allowance = stream.exchange.body.allowance(now);
            if allowance == Some(0) {
                let _: Next = stream.begin_wait(Awaited::Pace, cx);
                continue;
            }
            let budget = (*left).min(run).min(allowance.unwrap_or(usize::MAX));
            let filled = stream.fill(&mut self.link, budget, now);
            if let Some(used) = stream.exchange.body.take_used() {
                cx.buffers.give(used);
            }
            if let Some(spent) = stream.exchange.body.take_spent() {
                cx.drop_elsewhere(spent);
            }
            match filled {
                Ok(Filled::Data(count)) => {
                    *left = left.saturating_sub(count);
                    stream.deadline = cx.clock.monotonic() + stream.exchange.limits().send_timeout;
                    if stream.priority.incremental {
                        self.link.turn += 1;
                        stream.turn = self.link.turn;
                    }
                }
                Ok(Filled::Complete) => self.finish(place, cx),
                Ok(Filled::Waits(Awaited::Piece)) => match stream.exchange.body.prefetch() {
                    Ok(Some(prefetch)) => {
                        cx.threads.prefetch(stream.exchange.id, prefetch);
                        let _: Next = stream.begin_wait(Awaited::Piece, cx);
                    }
                    _ => self.break_off(place, ErrorCode::Internal, cx),
                },
                Ok(Filled::Waits(awaited)) => {
                    let _: Next = stream.begin_wait(awaited, cx);
                }
                Err(error) => {
                    log::warn!("{}: {error}; the response is broken off", socket.name());
                    self.break_off(place, ErrorCode::Internal, cx);
                }
            }
        }
        false
    }

    /// The stream whose data comes next.
    fn next_sender(&self) -> Option<usize> {
        let senders = self.streams.iter().enumerate().filter(|(_, it)| it.can_send(&self.link));
        senders.min_by_key(|(_, stream)| stream.rank()).map(|(place, _)| place)
    }

    /// Other connections have their turn.
    fn pause<W: Transport>(&mut self, sent: Sent, socket: &Socket<W>, cx: &mut WorkerContext) {
        for stream in &mut self.streams {
            stream.exchange.body.pause();
            let is_blocked = match stream.exchange.state {
                ExchangeState::Sending => sent == Sent::Blocked || !stream.can_send(&self.link),
                // What the client does not get yet shall not keep its producer waiting.
                ExchangeState::Waiting(Awaited::Pace) => true,
                _ => false,
            };
            if !is_blocked {
                continue;
            }
            // What a slow client does not take goes to the disk, so that its producer need not wait.
            let Some(body) = stream.exchange.body.stream() else { continue };
            match body.take_backlog(&cx.room) {
                Some(backlog) => cx.threads.write_backlog(stream.exchange.id, backlog),
                None if cx.room.is_used_up() => {
                    cx.without_room.insert(socket.id);
                }
                None => {}
            }
        }
    }
}

impl Stream {
    /// Puts data into frames, as much as the windows and the budget allow of what is at hand.
    fn fill(&mut self, link: &mut Link, budget: usize, now: Instant) -> io::Result<Filled> {
        let allowed = budget.min(self.window.left()).min(link.window.left());
        let payload_bytes_max = link.payload_bytes_max();
        let mut sent = 0;
        match self.exchange.body.next(allowed, Disk::MustNotBlock)? {
            Chunk::NotYet => return Ok(Filled::Waits(Awaited::Production)),
            Chunk::Cold => return Ok(Filled::Waits(Awaited::Piece)),
            Chunk::End => {
                link.outbox.extend_from_slice(&write::data_head(0, true, self.id));
                return Ok(Filled::Complete);
            }
            Chunk::Memory { bytes, .. } => {
                for part in bytes[..bytes.len().min(allowed)].chunks(payload_bytes_max) {
                    link.outbox.extend_from_slice(&write::data_head(part.len(), false, self.id));
                    link.outbox.extend_from_slice(part);
                    sent += part.len();
                }
            }
            Chunk::File(file, piece) => {
                let end = piece.end.min(piece.start + allowed as u64);
                while piece.start + (sent as u64) < end {
                    let offset = piece.start + sent as u64;
                    let length = (end - offset).min(payload_bytes_max as u64) as usize;
                    if let Err(error) = read_frame(&mut link.outbox, file, offset, length, self.id)
                    {
                        link.window.spend(sent);
                        return Err(error);
                    }
                    sent += length;
                }
            }
        }
        self.exchange.body.advance(sent);
        self.exchange.body.spend(sent, now);
        self.window.spend(sent);
        link.window.spend(sent);
        // A short piece that the client has left room for is all that there is.
        if sent >= WORTH_BYTES || sent < allowed {
            link.account.earn(account::EARNED_BY_WORK * sent.div_ceil(WORK_BYTES) as u32);
        }
        if self.exchange.body.is_over() {
            self.end_last_frame(link, sent, payload_bytes_max);
            return Ok(Filled::Complete);
        }
        Ok(Filled::Data(sent))
    }

    /// Marks the last frame in the outbox as the last of the stream.
    fn end_last_frame(&self, link: &mut Link, sent: usize, payload_bytes_max: usize) {
        let length = match sent % payload_bytes_max {
            0 => payload_bytes_max.min(sent),
            rest => rest,
        };
        let end = link.outbox.len() - length;
        if sent == 0 {
            link.outbox.extend_from_slice(&write::data_head(0, true, self.id));
        } else {
            let head = write::data_head(length, true, self.id);
            link.outbox[end - HEAD_BYTES..end].copy_from_slice(&head);
        }
    }
}

/// Reads a piece of a file that is in memory into a frame.
fn read_frame(
    out: &mut Vec<u8>,
    file: &CachedFile,
    offset: u64,
    length: usize,
    stream: u32,
) -> io::Result<()> {
    let Contents::Descriptor(descriptor) = file.contents() else {
        return Ok(());
    };
    let start = out.len();
    out.extend_from_slice(&write::data_head(length, false, stream));
    out.resize(start + HEAD_BYTES + length, 0);
    let room = &mut out[start + HEAD_BYTES..];
    let read = match file::read_at(descriptor.as_fd(), room, offset, Disk::MayBlock) {
        Ok(read) if read == length => return Ok(()),
        other => other,
    };
    out.truncate(start);
    let shrunk = "the file has shrunk while it was sent";
    read.and(Err(io::Error::new(io::ErrorKind::UnexpectedEof, shrunk)))
}

/// How much is put into frames before it is written: it stays in the CPU's cache.
const FILLED_BYTES: usize = 128 * 1024;

/// A client that takes less at a time earns nothing by it.
const WORTH_BYTES: usize = 1024;

/// So much is a piece of work. There are clients that make room for each 4 KiB that they have read, by two frames.
const WORK_BYTES: usize = 4096;
