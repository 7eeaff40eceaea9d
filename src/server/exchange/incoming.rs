//! The body of a request while it comes: where it goes, how large it may be, and how long it may take.

use super::body_sink::BodySink;
use crate::http::Reject;
use crate::server::clock::FOR_EVER;
use crate::server::limits::Limits;
use std::time::{Duration, Instant};

/// A body on its way in.
#[derive(Default)]
pub(crate) struct IncomingBody {
    pub(super) sink: BodySink,
    bytes_max: u64,
    /// The key of the configuration that sets this bound, for the log. `None`: a handler sets it.
    key: Option<&'static str>,
    received_bytes: u64,
    /// When it began, moved on by the time that the server itself has taken since.
    began: Option<Instant>,
}

impl IncomingBody {
    /// No body comes any more.
    pub(super) fn clear(&mut self) {
        self.sink = BodySink::Discard;
        self.received_bytes = 0;
        self.began = None;
    }

    /// How large it may be, and which key says so.
    pub(super) fn bound(&mut self, bytes_max: u64, key: Option<&'static str>) {
        self.bytes_max = bytes_max;
        self.key = key;
    }

    /// Its first byte may come.
    pub(super) fn begin(&mut self, sink: BodySink, now: Instant) {
        self.sink = sink;
        self.began = Some(now);
    }

    /// How much of it has come.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The bound that was exceeded, and what sets it.
    pub(crate) fn exceeded(&self) -> (u64, &'static str) {
        (self.bytes_max, self.key.unwrap_or("body_bytes_max of its handler"))
    }

    /// Whether a handler reads it while it arrives.
    pub(crate) fn is_stream(&self) -> bool {
        self.sink.is_stream()
    }

    /// How much of it is taken before a thread has to make room.
    pub(crate) fn room(&self) -> usize {
        self.sink.room()
    }

    /// Takes in a part of it, no more than there is room for.
    ///
    /// # Errors
    /// If it is larger than it may be.
    pub(crate) fn receive(&mut self, data: &[u8]) -> Result<(), Reject> {
        self.received_bytes += data.len() as u64;
        if self.received_bytes > self.bytes_max {
            return Err(Reject::BodyTooLarge);
        }
        self.sink.push(data);
        Ok(())
    }

    /// The end of a body whose handler has responded already.
    pub(crate) fn finish_stream(&mut self) {
        self.sink.finish();
    }

    /// A body that its handler reads is broken: the handler's next read fails.
    pub(crate) fn break_stream(&mut self) {
        self.sink = BodySink::Discard;
    }

    /// RFC 9110 §15.5.9: it has `body_timeout`, and longer the more has come. The time that the server itself takes does
    /// not count.
    pub(crate) fn deadline(&self, limits: &Limits, now: Instant) -> Instant {
        let earned = self.received_bytes / limits.body_rate_min_bytes.max(1);
        let allowance = limits.body_timeout + Duration::from_secs(earned).min(FOR_EVER);
        self.began.unwrap_or(now) + allowance
    }

    /// The server itself has taken this long, which does not count against the client.
    pub(super) fn excuse(&mut self, time: Duration) {
        if let Some(began) = &mut self.began {
            *began += time;
        }
    }
}
