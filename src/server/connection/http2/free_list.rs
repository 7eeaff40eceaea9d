//! Streams and buffers that no connection needs at the moment, kept so that a request allocates nothing.

use super::link::Link;
use super::outgoing::LentRuns;
use super::queue::SendQueue;
use super::sending::FILLED_BYTES;
use super::stream::Stream;
use crate::server::connection::inbox::Inbox;
use crate::server::context::Setup;
use crate::server::id::ExchangeId;
use std::rc::Rc;
use std::time::Instant;

/// The free ones of a worker.
#[derive(Default)]
pub(crate) struct FreeStreams {
    // Boxed as connections hold them: moving one in or out must not copy it.
    #[expect(clippy::vec_box)]
    streams: Vec<Box<Stream>>,
    inboxes: Vec<Inbox>,
    buffers: Vec<Buffers>,
    outboxes: Vec<Vec<u8>>,
    /// What files are read into. Some of them are lent: their bytes wait to be written.
    read_buffers: Vec<Rc<[u8]>>,
}

/// What a connection has while it is busy. All of them are empty when they are here.
#[derive(Default)]
pub(super) struct Buffers {
    pub lent: LentRuns,
    #[expect(clippy::vec_box)]
    pub streams: Vec<Box<Stream>>,
    pub queue: SendQueue,
}

impl FreeStreams {
    /// Takes a stream that is ready for its head.
    pub(super) fn take(
        &mut self,
        id: ExchangeId,
        setup: &Rc<Setup>,
        link: &Link,
        now: Instant,
    ) -> Box<Stream> {
        let kept = self.streams.pop();
        let mut stream = kept.unwrap_or_else(|| Box::new(Stream::new(id, setup, now)));
        stream.begin(id, setup, link, now);
        stream
    }

    /// Takes one back and clears it. One with an older setup is dropped, because it would keep that alive.
    pub(super) fn give(&mut self, mut stream: Box<Stream>, setup: &Rc<Setup>) {
        if self.streams.len() < STREAMS_KEPT && stream.exchange.is_by(setup) {
            stream.clear();
            self.streams.push(stream);
        }
    }

    pub(super) fn take_inbox(&mut self) -> Inbox {
        self.inboxes.pop().unwrap_or_default()
    }

    pub(super) fn take_buffers(&mut self) -> Buffers {
        self.buffers.pop().unwrap_or_default()
    }

    /// Takes the buffers of a connection that is idle.
    pub(super) fn give_buffers(&mut self, mut inbox: Inbox, buffers: Buffers) {
        if inbox.is_allocated() && self.inboxes.len() < BUFFERS_KEPT {
            inbox.clear();
            self.inboxes.push(inbox);
        }
        debug_assert!(buffers.are_empty());
        if self.buffers.len() < BUFFERS_KEPT {
            self.buffers.push(buffers);
        }
    }

    /// An empty outbox. The one that was given back last is the one that the CPU has in its cache.
    pub(super) fn take_outbox(&mut self) -> Vec<u8> {
        self.outboxes.pop().unwrap_or_default()
    }

    /// Takes an empty outbox back.
    pub(super) fn give_outbox(&mut self, outbox: Vec<u8>) {
        debug_assert!(outbox.is_empty());
        let is_kept = (1..=OUTBOX_BYTES_KEPT).contains(&outbox.capacity());
        if is_kept && self.outboxes.len() < BUFFERS_KEPT {
            self.outboxes.push(outbox);
        }
    }

    /// A buffer of [`READ_BYTES`] that nobody else has.
    pub(super) fn take_read_buffer(&mut self) -> Rc<[u8]> {
        let is_free = |buffer: &Rc<[u8]>| Rc::strong_count(buffer) == 1;
        match self.read_buffers.iter().rposition(is_free) {
            Some(place) => self.read_buffers.remove(place),
            None => Rc::from(vec![0; READ_BYTES]),
        }
    }

    /// Whether so many buffers wait for slow clients that they should be copied.
    pub(super) fn lacks_read_buffers(&self) -> bool {
        self.read_buffers.iter().filter(|buffer| Rc::strong_count(buffer) > 1).count()
            > READ_BUFFERS_LENT
    }

    /// Takes it back, also if some of its bytes still wait.
    pub(super) fn give_read_buffer(&mut self, buffer: Rc<[u8]>) {
        if self.read_buffers.len() == READ_BUFFERS_KEPT {
            self.read_buffers.remove(0);
        }
        self.read_buffers.push(buffer);
    }
}

impl Buffers {
    fn are_empty(&self) -> bool {
        self.lent.is_empty() && self.streams.is_empty() && self.queue.is_empty()
    }
}

/// About 2 KiB each.
const STREAMS_KEPT: usize = 512;

/// Connections that are busy at once need them.
const BUFFERS_KEPT: usize = 64;

/// As much as is put into frames before it is written.
const READ_BYTES: usize = FILLED_BYTES;

/// One is enough, unless clients are slow for a moment.
const READ_BUFFERS_KEPT: usize = 12;

/// So many may wait for clients.
const READ_BUFFERS_LENT: usize = 8;

/// An outbox that long responses have filled once.
const OUTBOX_BYTES_KEPT: usize = 512 * 1024;
