//! One stream: an exchange, and how its two bodies pass through windows.

use super::link::Link;
use super::queue::Rank;
use crate::http::Reject;
use crate::http::h2::request::StreamHead;
use crate::http::h2::window::{ReceiveWindow, SendWindow};
use crate::http::h2::write;
use crate::http::priority::Priority;
use crate::server::context::{Setup, WorkerContext};
use crate::server::exchange::{Exchange, ExchangeState, Records};
use crate::server::id::ExchangeId;
use crate::site::Freshness;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A stream that is not closed.
pub(super) struct Stream {
    pub id: u32,
    pub head: StreamHead,
    pub exchange: Exchange,
    /// That of its response.
    pub records: Records,
    /// When its request had come.
    pub started: Instant,
    /// When it gives up waiting.
    pub deadline: Instant,
    pub freshness: Freshness,
    /// For the data of the response.
    pub window: SendWindow,
    /// For the data of the request.
    pub received: ReceiveWindow,
    /// Data of the request that the exchange has no room for yet. The window bounds it.
    unread: Vec<u8>,
    /// Whether the whole request has come.
    pub has_all: bool,
    /// How much data has come, to be held against the announced length.
    pub received_bytes: u64,
    pub priority: Priority,
    /// Who its request is from, if its headers or those of a proxy say that.
    pub client: Option<SocketAddr>,
    /// Streams of equal urgency are served in the order of this number. An incremental one gets a new number with each
    /// frame.
    pub turn: u64,
    /// Where it stands in the queue of those that can send.
    pub queued: Option<Rank>,
}

/// Why data is not taken in.
pub(super) enum PushFault {
    /// The request is malformed.
    Malformed(&'static str),
    /// The request is refused.
    Rejected(Reject),
}

/// What comes after taking in a part of the request's body.
pub(super) enum Fed {
    /// More is to come.
    Open,
    /// The exchange goes on in this state.
    In(ExchangeState),
}

impl Stream {
    /// A stream before its head.
    pub(super) fn new(id: ExchangeId, setup: &Rc<Setup>, now: Instant) -> Stream {
        Stream {
            id: id.stream,
            head: StreamHead::default(),
            exchange: Exchange::new(id, setup),
            records: Records::default(),
            started: now,
            deadline: now,
            freshness: Freshness::Unknown,
            window: SendWindow::new(0),
            received: ReceiveWindow::new(STREAM_WINDOW),
            unread: Vec::new(),
            has_all: false,
            received_bytes: 0,
            priority: Priority::default(),
            client: None,
            turn: 0,
            queued: None,
        }
    }

    /// Makes a stream of one that has ended.
    pub(super) fn begin(&mut self, id: ExchangeId, setup: &Rc<Setup>, link: &Link, now: Instant) {
        self.id = id.stream;
        self.exchange.id = id;
        self.exchange.begin_head(setup);
        self.started = now;
        self.deadline = now + setup.limits.answer_timeout;
        self.window = SendWindow::new(link.peer.window);
        self.received = ReceiveWindow::new(STREAM_WINDOW);
        self.has_all = false;
        self.received_bytes = 0;
        self.client = None;
    }

    /// Forgets everything, so that no bytes of one client can reach another.
    pub(super) fn clear(&mut self) {
        debug_assert!(self.records.is_empty(), "its response is logged by then");
        self.head.clear();
        self.exchange.forget_request();
        self.exchange.body = Default::default();
        self.exchange.state = ExchangeState::Head;
        self.unread = Vec::new();
    }

    /// Whether more of its response can be sent at once.
    pub(super) fn can_send(&self, link: &Link) -> bool {
        self.may_send() && (link.window.left() > 0 || self.exchange.body.left_bytes() == 0)
    }

    /// The same if the window of the connection has room.
    pub(super) fn may_send(&self) -> bool {
        self.exchange.state == ExchangeState::Sending
            && (self.window.left() > 0 || self.exchange.body.left_bytes() == 0)
    }

    /// Whether it waits for its turn only, while the client makes room for other responses. One for which there is no room
    /// in its own window does not: the client could hold it for ever by asking for anything else.
    pub(super) fn waits_for_turn(&self, link: &Link, now: Instant, timeout: Duration) -> bool {
        self.can_send(link) || self.may_send() && link.data_at + timeout > now
    }

    /// The order in which streams send.
    pub(super) fn rank(&self) -> Rank {
        (self.priority.urgency, self.turn)
    }

    /// A frame of so much data, padding among it, has come. Returns whether the client was allowed to send it.
    #[must_use]
    pub(super) fn count(&mut self, counted: u32, padding: u32) -> bool {
        self.received.take(padding);
        self.received.receive(counted)
    }

    /// Data of the request has come. It goes straight to the exchange, if that takes it now; what there is no room for is
    /// kept.
    ///
    /// # Errors
    /// If it is more than was announced, or than the body may be.
    pub(super) fn push(&mut self, data: &[u8], link: &mut Link) -> Result<(), PushFault> {
        self.received_bytes += data.len() as u64;
        let announced = self.head.content_length();
        if announced.is_some_and(|length| self.received_bytes > length) {
            return Err(PushFault::Malformed("more data than content-length"));
        }
        let mut rest = data;
        if self.unread.is_empty() && self.exchange.state == ExchangeState::Body {
            let (now, later) = data.split_at(self.exchange.incoming.room().min(data.len()));
            self.exchange.incoming.receive(now).map_err(PushFault::Rejected)?;
            rest = later;
            self.give_back(now.len(), link);
        }
        self.unread.extend_from_slice(rest);
        Ok(())
    }

    /// The end of the request has come.
    ///
    /// # Errors
    /// If there was less data than was announced.
    pub(super) fn end(&mut self) -> Result<(), &'static str> {
        self.has_all = true;
        match self.head.content_length() {
            Some(length) if length != self.received_bytes => Err("less data than content-length"),
            _ => Ok(()),
        }
    }

    /// Whether any data of its request has come.
    pub(super) fn has_data(&self) -> bool {
        self.received_bytes > 0 || self.has_all
    }

    /// Hands on what has come of the request's body, as far as there is room.
    ///
    /// # Errors
    /// If the body is larger than it may be.
    pub(super) fn feed(&mut self, link: &mut Link, cx: &WorkerContext) -> Result<Fed, Reject> {
        let mut at = 0;
        let mut is_full = false;
        while at < self.unread.len() {
            let room = self.exchange.incoming.room();
            if room == 0 {
                is_full = true;
                break;
            }
            let piece = &self.unread[at..self.unread.len().min(at.saturating_add(room))];
            self.exchange.incoming.receive(piece)?;
            at += piece.len();
        }
        self.drop_unread(at, link);
        if is_full {
            return Ok(Fed::In(self.exchange.make_room(cx)));
        }
        if self.has_all {
            return Ok(Fed::In(self.exchange.body_complete(cx)));
        }
        Ok(Fed::Open)
    }

    /// Hands on what has come while the handler responds already. An error in the request's body is only seen by the
    /// handler.
    pub(super) fn pump(&mut self, link: &mut Link) {
        if !self.exchange.incoming.is_stream() {
            // Nobody wants it. The client is stopped by its window, and by the reset at the end of the response.
            self.unread.clear();
            return;
        }
        let room = self.exchange.incoming.room().min(self.unread.len());
        if self.exchange.incoming.receive(&self.unread[..room]).is_err() {
            self.exchange.incoming.break_stream();
            self.unread.clear();
            return;
        }
        self.drop_unread(room, link);
        match (self.unread.is_empty(), self.has_all) {
            (true, true) => self.exchange.incoming.finish_stream(),
            // The rest will never come.
            (true, false) if link.client_ended => self.exchange.incoming.break_stream(),
            _ => {}
        }
    }

    fn drop_unread(&mut self, count: usize, link: &mut Link) {
        self.unread.drain(..count);
        if self.unread.capacity() > UNREAD_BYTES_KEPT && self.unread.is_empty() {
            self.unread = Vec::new();
        }
        self.give_back(count, link);
    }

    /// So much of what has come is handed on: gives the client room for more.
    fn give_back(&mut self, count: usize, link: &mut Link) {
        self.received.take(count as u32);
        if self.has_all {
            return;
        }
        // The way to the client may be long. A body that is taken in as fast as it comes may have more under way.
        let size = self.received.size();
        if self.unread.is_empty() && self.received_bytes >= u64::from(size) {
            let more = size.min(STREAM_WINDOW_MAX - size).min(link.growth_left);
            link.growth_left -= more;
            self.received.grow(more);
        }
        if let Some(increment) = self.received.give_back() {
            write::window_update(&mut link.outbox, self.id, increment);
        }
    }

    /// How much its window has grown.
    pub(super) fn growth(&self) -> u32 {
        self.received.size() - STREAM_WINDOW
    }
}

/// What a client may send of each request before the server takes any of it.
pub(super) const STREAM_WINDOW: u32 = 64 * 1024;

/// The same once the server has shown that it takes what comes: enough for 80 Mbit/s over 100 ms.
const STREAM_WINDOW_MAX: u32 = 1024 * 1024;

/// A larger buffer is given back when it is empty.
const UNREAD_BYTES_KEPT: usize = 16 * 1024;
