//! Whose data comes next, and how bodies become frames (RFC 9113 §6.1, RFC 9218 §10).
//!
//! The most urgent stream comes first. Of equally urgent ones, each is sent whole, in the order of the requests, but
//! those that are incremental share, a frame each in turn.

use super::Http2;
use super::account;
use super::answering::Next;
use super::data::Framing;
use super::free_list::FreeStreams;
use super::link::Link;
use super::stream::Stream;
use crate::http::h2::error::ErrorCode;
use crate::http::h2::write;
use crate::http::priority::Priority;
use crate::server::connection::Socket;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, Chunk, ExchangeState};
use crate::server::share::Share;
use crate::server::wire::{More, Transport};
use std::io;
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
    /// All of it: so many bytes are in the outbox.
    Complete(usize),
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
                if cx.free_streams.lacks_read_buffers() {
                    self.link.lent.settle();
                }
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

    /// Puts data into frames. Returns whether more could be sent at once.
    fn fill<W: Transport>(
        &mut self,
        left: &mut usize,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) -> bool {
        let scatters = socket.wire.scatters();
        let now = cx.clock.monotonic();
        while let Some(place) = self.next_sender() {
            // What is copied keeps to its bound, so that the outbox can be used again. What is lent may exceed it.
            let room = FILLED_BYTES.saturating_sub(self.link.waiting_bytes());
            let least = if scatters { 1 } else { SHARED_BYTES };
            if *left == 0 || room < least {
                return true;
            }
            let stream = &mut self.streams[place];
            let run = if stream.priority.incremental { SHARED_BYTES } else { FILLED_BYTES };
            let allowance = stream.exchange.body.allowance(now);
            let filled = if allowance == Some(0) {
                Ok(Filled::Waits(Awaited::Pace))
            } else {
                let run = if scatters { run } else { run.min(room) };
                // A run may exceed what is left of the turn: a shorter one would save nobody's time.
                let budget = run.min(allowance.unwrap_or(usize::MAX));
                stream.fill(&mut self.link, budget, scatters, now, &mut cx.free_streams)
            };
            if let Some(used) = stream.exchange.body.take_used() {
                cx.buffers.give(used);
            }
            if let Some(spent) = stream.exchange.body.take_spent() {
                cx.drop_elsewhere(spent);
            }
            match filled {
                Ok(Filled::Data(count)) => {
                    *left = left.saturating_sub(count);
                    stream.deadline = now + stream.exchange.limits().send_timeout;
                    if stream.priority.incremental {
                        self.link.turn += 1;
                        stream.turn = self.link.turn;
                    }
                    self.settle(place);
                }
                Ok(Filled::Complete(count)) => {
                    *left = left.saturating_sub(count);
                    self.finish(place, cx);
                }
                Ok(Filled::Waits(Awaited::Piece)) => match stream.exchange.body.prefetch() {
                    Ok(Some(prefetch)) => {
                        cx.threads.prefetch(stream.exchange.id, prefetch);
                        let _: Next = stream.begin_wait(Awaited::Piece, cx);
                        self.settle(place);
                    }
                    _ => self.break_off(place, ErrorCode::Internal, cx),
                },
                Ok(Filled::Waits(awaited)) => {
                    let _: Next = stream.begin_wait(awaited, cx);
                    self.settle(place);
                }
                Err(error) => {
                    log::warn!("{}: {error}; the response is broken off", socket.name());
                    self.break_off(place, ErrorCode::Internal, cx);
                }
            }
        }
        false
    }

    /// The stream whose data comes next. Where the window of the connection is used up, only the ends of bodies can be
    /// sent.
    pub(super) fn next_sender(&self) -> Option<usize> {
        let places = self.queue.iter().filter_map(|stream| self.place(stream).ok());
        places.into_iter().find(|place| self.streams[*place].can_send(&self.link))
    }

    /// Something has changed for a stream: puts it into the queue of those that can send, or takes it out.
    pub(super) fn settle(&mut self, place: usize) {
        if let Some(stream) = self.streams.get_mut(place) {
            self.queue.settle(stream);
        }
    }

    /// Notes whether data waits that is more urgent than that of a stream with this priority, whose response is about to
    /// be queued: a short one does not leave before it.
    pub(super) fn note_urgent(&mut self, priority: Priority) {
        self.link.has_more_urgent = self
            .streams
            .iter()
            .any(|it| it.priority.urgency < priority.urgency && it.can_send(&self.link));
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
    /// Puts data into frames, as much as the windows and the budget allow of what is at hand. `scatters`: data that stays
    /// where it is need not be copied.
    fn fill(
        &mut self,
        link: &mut Link,
        budget: usize,
        scatters: bool,
        now: Instant,
        free: &mut FreeStreams,
    ) -> io::Result<Filled> {
        let allowed = budget.min(self.window.left()).min(link.window.left());
        let framing = Framing { stream: self.id, payload_bytes_max: link.payload_bytes_max() };
        let body = &mut self.exchange.body;
        let (sent, ends) = match body.next_to_read(allowed)? {
            Chunk::NotYet => return Ok(Filled::Waits(Awaited::Production)),
            Chunk::Cold => return Ok(Filled::Waits(Awaited::Piece)),
            Chunk::End => {
                link.outbox.extend_from_slice(&write::data_head(0, true, self.id));
                return Ok(Filled::Complete(0));
            }
            Chunk::Memory { bytes, owner, is_last, .. } => {
                let count = bytes.len().min(allowed);
                let ends = is_last && count == bytes.len();
                match owner.filter(|_| scatters && count >= LENT_BYTES_MIN) {
                    Some(owner) => framing.lend(owner, count, ends, link),
                    None => framing.copy(&bytes[..count], ends, link),
                }
                (count, ends)
            }
            Chunk::File { file, piece, may_wait, is_last } => {
                let ends = is_last && piece.end - piece.start <= allowed as u64;
                let piece = piece.start..piece.end.min(piece.start + allowed as u64);
                let count = piece.end - piece.start;
                let read = match scatters && count >= READ_BYTES_MIN {
                    true => framing.read(file, piece, may_wait, ends, link, free)?,
                    false => framing.read_behind(file, piece, may_wait, ends, link)?,
                };
                match read {
                    Some(read) => read,
                    None => return Ok(Filled::Waits(Awaited::Piece)),
                }
            }
        };
        body.advance(sent);
        body.spend(sent, now);
        self.window.spend(sent);
        link.window.spend(sent);
        link.data_at = now;
        // A short piece that the client has left room for is all that there is.
        if sent >= WORTH_BYTES || sent < allowed {
            link.account.earn(account::EARNED_BY_WORK * sent.div_ceil(WORK_BYTES) as u32);
        }
        Ok(if ends { Filled::Complete(sent) } else { Filled::Data(sent) })
    }
}

/// How much is put into frames before it is written: it stays in the CPU's cache. With the heads of seven frames of the
/// usual length, it is a little less than two segments of the loopback interface, where HTTP/2 without TLS is at home
/// behind proxies: a few bytes that exceed a segment cost as much as a segment.
pub(super) const FILLED_BYTES: usize = 112 * 1024;

/// How much of an incremental body is sent in its turn: others have theirs often enough.
const SHARED_BYTES: usize = 16 * 1024;

/// Fewer bytes are copied: a run of their own costs the kernel more.
const LENT_BYTES_MIN: usize = 2 * 1024;

/// Fewer bytes of a file are read behind what is gathered. More have a buffer of their own, which need not be cleared.
const READ_BYTES_MIN: u64 = 32 * 1024;

/// A client that takes less at a time earns nothing by it.
const WORTH_BYTES: usize = 1024;

/// So much is a piece of work. There are clients that make room for each 4 KiB that they have read, by two frames.
const WORK_BYTES: usize = 4096;
