//! Streams and buffers that no connection needs at the moment, kept so that a request allocates nothing.

use super::link::Link;
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
    outboxes: Vec<Vec<u8>>,
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

    /// Takes one back and clears it.
    pub(super) fn give(&mut self, mut stream: Box<Stream>) {
        if self.streams.len() < STREAMS_KEPT {
            stream.clear();
            self.streams.push(stream);
        }
    }

    pub(super) fn take_inbox(&mut self) -> Inbox {
        self.inboxes.pop().unwrap_or_default()
    }

    pub(super) fn take_outbox(&mut self) -> Vec<u8> {
        self.outboxes.pop().unwrap_or_default()
    }

    /// Takes the buffers of a connection that is idle.
    pub(super) fn give_buffers(&mut self, mut inbox: Inbox, mut outbox: Vec<u8>) {
        if inbox.is_allocated() && self.inboxes.len() < BUFFERS_KEPT {
            inbox.clear();
            self.inboxes.push(inbox);
        }
        if outbox.capacity() <= OUTBOX_BYTES_KEPT && self.outboxes.len() < BUFFERS_KEPT {
            outbox.clear();
            self.outboxes.push(outbox);
        }
    }
}

/// About 2 KiB each.
const STREAMS_KEPT: usize = 512;

/// Connections that are busy at once need them.
const BUFFERS_KEPT: usize = 64;

/// An outbox that long responses have filled once.
const OUTBOX_BYTES_KEPT: usize = 512 * 1024;
