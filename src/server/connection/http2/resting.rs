//! Streams whose responses wait for their senders: what is kept of each, and how it goes on.
//!
//! A frame or a message for a stream that rests wakes it. So everything else sees only streams that are awake, but for
//! what counts them or ends them.

use super::Http2;
use super::stream::Stream;
use crate::http::h2::window::{ReceiveWindow, SendWindow};
use crate::http::priority::Priority;
use crate::server::context::WorkerContext;
use crate::server::exchange::{RestingExchange, RestingRecord};
use std::net::SocketAddr;
use std::time::Instant;

/// What is left of a [`Stream`] whose request has come, and whose response waits for its sender.
pub(super) struct RestingStream {
    pub exchange: RestingExchange,
    pub deadline: Instant,
    record: Option<RestingRecord>,
    window: SendWindow,
    received: ReceiveWindow,
    received_bytes: u64,
    priority: Priority,
    client: Option<SocketAddr>,
    turn: u64,
}

impl Stream {
    /// Reduces it to what it needs until its sender sends something, if it waits for nothing else.
    fn rest(&mut self, cx: &mut WorkerContext) -> Option<Box<RestingStream>> {
        if !self.has_all {
            return None;
        }
        let exchange = self.exchange.rest()?;
        Some(Box::new(RestingStream {
            exchange,
            deadline: self.deadline,
            record: self.records.rest(cx),
            window: self.window,
            received: self.received,
            received_bytes: self.received_bytes,
            priority: self.priority,
            client: self.client,
            turn: self.turn,
        }))
    }

    /// Goes on where it rested.
    fn resume(&mut self, rested: RestingStream) {
        self.exchange.resume(rested.exchange);
        self.deadline = rested.deadline;
        self.records.resume(rested.record);
        self.window = rested.window;
        self.received = rested.received;
        self.received_bytes = rested.received_bytes;
        self.has_all = true;
        self.priority = rested.priority;
        self.client = rested.client;
        self.turn = rested.turn;
    }
}

impl Http2 {
    /// Reduces the streams that wait for nothing but their senders. Their buffers go back to the worker.
    pub(super) fn rest_streams(&mut self, cx: &mut WorkerContext) {
        let mut place = 0;
        while let Some(stream) = self.streams.get_mut(place) {
            match stream.rest(cx) {
                Some(resting) => {
                    self.resting.push(resting);
                    cx.free_streams.give(self.streams.remove(place), &cx.setup);
                }
                None => place += 1,
            }
        }
    }

    /// Lets a stream go on, if it rests.
    #[inline]
    pub(super) fn wake(&mut self, stream: u32, cx: &mut WorkerContext) {
        if !self.resting.is_empty() {
            self.wake_if(|it| it.exchange.id.stream == stream, cx);
        }
    }

    /// Lets the streams go on of which this holds.
    pub(super) fn wake_if(
        &mut self,
        wakes: impl Fn(&RestingStream) -> bool,
        cx: &mut WorkerContext,
    ) {
        while let Some(place) = self.resting.iter().position(|it| wakes(it)) {
            self.take_buffers(cx);
            let rested = self.resting.swap_remove(place);
            let (id, now) = (rested.exchange.id, cx.clock.monotonic());
            let mut stream = cx.free_streams.take(id, &cx.setup, &self.link, now);
            stream.resume(*rested);
            let place = self.streams.partition_point(|it| it.id < id.stream);
            self.streams.insert(place, stream);
        }
    }

    /// Whether no stream is open.
    pub(super) fn has_no_streams(&self) -> bool {
        self.streams.is_empty() && self.resting.is_empty()
    }
}
