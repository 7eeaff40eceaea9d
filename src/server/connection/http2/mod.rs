//! HTTP/2 on a connection: many exchanges at once, framed as RFC 9113 requires.
//!
//! [`Http2::drive`] shows the whole life: frames are read and their requests answered, then what streams have to send
//! is put into frames and written. Its parts are `receiving.rs` (frames of the client), `answering.rs` (a stream from
//! its request to its response), `responding.rs` (which queues that), `sending.rs` (whose data comes next) and
//! `ending.rs` (everything that ends). [`Stream`] is one exchange, [`Link`] what all of them share.
//!
//! It must never know mio, TOML or the disk, nor what an exchange waits for.

mod account;
mod answering;
#[cfg(test)]
mod audit;
mod data;
mod ending;
mod field_blocks;
mod free_list;
mod late_resets;
mod link;
mod outgoing;
mod queue;
mod receiving;
mod responding;
mod resting;
mod sending;
mod stream;

#[cfg(test)]
pub(crate) use audit::Audit;
pub(crate) use free_list::FreeStreams;

use super::inbox::Inbox;
use super::{Pause, Phase, Socket};
use crate::http::h2::block::HeaderBlock;
use crate::http::h2::frame::FrameReader;
use crate::http::h2::settings::identifier;
use crate::http::h2::write;
use crate::http::hpack::{Decoder, TABLE_BYTES_USUAL};
use crate::http::priority::Priority;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, ExchangeState};
use crate::server::id::ExchangeId;
use crate::server::mailbox::Completion;
use crate::server::share::Share;
use crate::server::wire::Transport;
use answering::Resumption;
use free_list::Buffers;
use late_resets::LateResets;
use link::Link;
use queue::SendQueue;
use receiving::Received;
use resting::RestingStream;
use sending::Sent;
use std::time::Instant;
use stream::{STREAM_WINDOW, Stream};

/// What a connection holds that speaks HTTP/2.
pub(crate) struct Http2 {
    inbox: Inbox,
    /// How much of the preface has not come yet.
    preface_left: usize,
    reader: FrameReader,
    block: HeaderBlock,
    decoder: Decoder,
    link: Link,
    /// In the order of their ids. Boxed, because they come and go all the time.
    #[expect(clippy::vec_box)]
    streams: Vec<Box<Stream>>,
    /// Those of them that can send.
    queue: SendQueue,
    /// Streams that are open too, whose responses wait for their senders.
    #[expect(clippy::vec_box)]
    resting: Vec<Box<RestingStream>>,
    /// Whether it has the worker's buffers, because it is busy.
    has_buffers: bool,
    /// The highest stream that the client has opened.
    last_stream: u32,
    closed: ClosedStreams,
    late_resets: LateResets,
    /// Priorities of streams that are not open yet. Together with those that are, there are no more than
    /// [`STREAMS_MAX`].
    early_priorities: Vec<(u32, Priority)>,
    stage: Stage,
    /// By when the client must have acknowledged our settings.
    settings_due: Option<Instant>,
    /// By when the frame, or the block of fields, that has begun must have come.
    frame_due: Option<Instant>,
    /// When the last stream ended.
    idle_since: Instant,
}

/// How far a connection has gone to its end (RFC 9113 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// The client knows that the connection will end. What it has sent by this time is still served.
    Announced {
        until: Instant,
    },
    /// No new streams are served. Those that are open end as they would.
    Closing,
    /// The client has broken the protocol: GOAWAY is the last that is sent.
    Failed,
}

/// The last streams that were closed. A frame for one of them may only be late; for another stream it is an error.
#[derive(Debug, Default)]
struct ClosedStreams {
    /// Streams, each with the uppermost bit if the server has reset it.
    last: [u32; CLOSED_KEPT],
    next: usize,
}

impl ClosedStreams {
    fn add(&mut self, stream: u32, is_reset: bool) {
        self.last[self.next] = stream | if is_reset { RESET } else { 0 };
        self.next = (self.next + 1) % CLOSED_KEPT;
    }

    /// Whether the stream was closed lately, and whether the server has reset it.
    fn find(&self, stream: u32) -> Option<bool> {
        let found = self.last.iter().find(|it| **it & !RESET == stream);
        found.map(|it| it & RESET != 0)
    }
}

impl Http2 {
    /// HTTP/2 on a connection of which these bytes have come; it begins with the preface.
    pub(crate) fn new(arrived: &[u8], is_known: bool, cx: &mut WorkerContext) -> Box<Http2> {
        let now = cx.clock.monotonic();
        let limits = &cx.setup.limits;
        let settings_due = Some(now + limits.head_timeout);
        let mut link = Link::new(now);
        let buffers = cx.free_streams.take_buffers();
        link.outbox = cx.free_streams.take_outbox();
        link.lent = buffers.lent;
        let settings = [
            (identifier::MAX_CONCURRENT_STREAMS, STREAMS_MAX as u32),
            (identifier::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (identifier::MAX_HEADER_LIST_SIZE, limits.head_bytes_max as u32),
            (identifier::NO_RFC7540_PRIORITIES, 1),
        ];
        write::settings(&mut link.outbox, &settings);
        link.received.grow(CONNECTION_WINDOW - link.received.size());
        if let Some(increment) = link.received.give_back() {
            write::window_update(&mut link.outbox, 0, increment);
        }
        let mut inbox = cx.free_streams.take_inbox();
        inbox.put(arrived);
        if is_known {
            inbox.know_all();
        }
        Box::new(Http2 {
            inbox,
            preface_left: crate::http::h2::frame::PREFACE.len(),
            reader: FrameReader::new(),
            block: HeaderBlock::default(),
            decoder: Decoder::new(TABLE_BYTES_USUAL),
            link,
            streams: buffers.streams,
            queue: buffers.queue,
            resting: Vec::new(),
            has_buffers: true,
            last_stream: 0,
            closed: ClosedStreams::default(),
            late_resets: LateResets::default(),
            early_priorities: Vec::new(),
            stage: Stage::Serving,
            settings_due,
            frame_due: settings_due,
            idle_since: now,
        })
    }

    /// What the connection waits for, of all its streams the one that decides whose turn it is.
    pub(crate) fn phase(&self) -> Phase {
        if self.link.is_blocked() || self.next_sender().is_some() {
            return Phase::In(ExchangeState::Sending);
        }
        match self.streams.first().map(|stream| stream.exchange.state) {
            Some(ExchangeState::Sending) => Phase::Blocked,
            Some(state) => Phase::In(state),
            None if !self.resting.is_empty() => {
                Phase::In(ExchangeState::Waiting(Awaited::Production))
            }
            None => Phase::Idle,
        }
    }

    /// Goes as far as it can.
    pub(crate) fn drive<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Pause {
        self.take_buffers(cx);
        let pause = self.go_on(socket, share, cx);
        self.give_outbox(cx);
        pause
    }

    fn go_on<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Pause {
        loop {
            if socket.wire.is_gone() {
                log::debug!("{}: gone while {}", socket.name(), self.phase());
                return Pause::Close;
            }
            let received = match self.stage {
                Stage::Failed => Received::All,
                _ => self.receive(socket, share, cx),
            };
            // The site may have found that only now.
            if received == Received::Broken || socket.wire.is_gone() {
                return Pause::Close;
            }
            self.advance_stage(cx);
            // Nothing is written before this connection goes on, which it may do within the same turn.
            if received == Received::Paused && self.queue.is_empty() && self.link.has_room() {
                self.link.hold(cx.clock.monotonic());
                self.set_deadline(socket, cx);
                return Pause::Again;
            }
            let sent = self.send(socket, share, cx);
            cx.counters.sent_bytes += std::mem::take(&mut self.link.sent_bytes);
            let sent = match sent {
                Ok(sent) => sent,
                Err(error) => {
                    socket.log_failure(&error, self.phase());
                    return Pause::Close;
                }
            };
            match (received, sent) {
                (Received::Paused, _) | (_, Sent::Again) => {
                    self.set_deadline(socket, cx);
                    return Pause::Again;
                }
                // There is room for more responses.
                (Received::Full, Sent::All) => {}
                _ => return self.rest(sent, socket, cx),
            }
        }
    }

    /// Nothing can be done for now: sleeps, or ends.
    fn rest<W: Transport>(
        &mut self,
        sent: Sent,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Pause {
        let is_written = sent == Sent::All && self.link.is_empty();
        if self.stage == Stage::Failed && is_written {
            return Pause::Linger;
        }
        if self.link.client_ended {
            // Nothing more comes: neither requests, nor room for data.
            let is_over = |stream: &Stream| stream.exchange.state == ExchangeState::Sending;
            let can_send = self.next_sender().is_some();
            let are_over = self.streams.iter().all(|stream| is_over(stream));
            if is_written && !can_send && are_over && self.resting.is_empty() {
                return Pause::Close;
            }
        } else if self.has_no_streams() && is_written && self.stage == Stage::Closing {
            return Pause::Linger;
        }
        self.rest_streams(cx);
        if self.streams.is_empty() && is_written && self.inbox.is_empty() {
            self.give_buffers(cx);
        }
        self.set_deadline(socket, cx);
        Pause::Sleep
    }

    /// Takes buffers of the worker, if it has none.
    fn take_buffers(&mut self, cx: &mut WorkerContext) {
        if !self.has_buffers {
            self.has_buffers = true;
            let Buffers { lent, streams, queue } = cx.free_streams.take_buffers();
            self.link.lent = lent;
            self.streams = streams;
            self.queue = queue;
        }
        if self.link.outbox.capacity() == 0 {
            self.link.outbox = cx.free_streams.take_outbox();
        }
    }

    /// Gives an outbox back in which nothing waits, so that all connections use the same ones.
    fn give_outbox(&mut self, cx: &mut WorkerContext) {
        if self.link.outbox.is_empty() {
            cx.free_streams.give_outbox(std::mem::take(&mut self.link.outbox));
        }
    }

    /// Gives the buffers back to the worker, because nothing is in them.
    fn give_buffers(&mut self, cx: &mut WorkerContext) {
        self.has_buffers = false;
        let buffers = Buffers {
            lent: std::mem::take(&mut self.link.lent),
            streams: std::mem::take(&mut self.streams),
            queue: std::mem::take(&mut self.queue),
        };
        let inbox = std::mem::replace(&mut self.inbox, Inbox::unallocated());
        cx.free_streams.give_buffers(inbox, buffers);
    }

    /// The next thing that a time limit says.
    fn set_deadline<W: Transport>(&self, socket: &mut Socket<W>, cx: &WorkerContext) {
        let limits = &cx.setup.limits;
        let of_stage = match self.stage {
            Stage::Announced { until } => Some(until),
            _ => None,
        };
        let is_idle = self.has_no_streams() && self.link.is_empty();
        let idle = is_idle.then_some(self.idle_since + limits.keepalive_timeout);
        let blocked = (!self.link.is_empty()).then_some(self.link.moved_at + limits.send_timeout);
        let streams = self.streams.iter().map(|stream| stream.deadline);
        let streams = streams.chain(self.resting.iter().map(|stream| stream.deadline));
        let late_reset = self.late_resets.next();
        let all = [of_stage, idle, blocked, late_reset, self.settings_due, self.frame_due];
        let next = all.into_iter().flatten().chain(streams).min();
        socket.deadline = next.unwrap_or(cx.clock.monotonic() + limits.keepalive_timeout);
    }

    /// A message has come for one of its exchanges. Returns whether to drive the connection.
    pub(crate) fn complete<W: Transport>(
        &mut self,
        id: ExchangeId,
        completion: Completion,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> bool {
        self.wake(id.stream, cx);
        let Ok(place) = self.place(id.stream) else {
            cx.drop_completion(completion);
            return false;
        };
        self.take_buffers(cx);
        self.note_urgent(self.streams[place].priority);
        let stream = &mut self.streams[place];
        let Resumption::Goes(next) = stream.complete(completion, &mut self.link, share, socket, cx)
        else {
            return false;
        };
        self.step(place, next, socket, share, cx);
        true
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len() + self.resting.len()
    }

    /// Where a stream is, or where it would be.
    fn place(&self, stream: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&stream, |it| it.id)
    }

    /// Whether a stream was never opened. One that was passed over while the connection closes was.
    fn is_idle(&self, stream: u32) -> bool {
        stream.is_multiple_of(2) || stream > self.last_stream && self.stage != Stage::Closing
    }
}

/// How many requests one client may have under way.
const STREAMS_MAX: usize = 128;

/// More than the windows of all streams together, so that it never stops any of them.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// No stream has it in its number.
const RESET: u32 = 1 << 31;

/// How many closed streams are remembered.
const CLOSED_KEPT: usize = 32;
