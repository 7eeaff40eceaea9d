//! The books of a connection, for tests: what must be as it was when nothing is under way.

use super::Http2;
use super::link::GROWTH_MAX;
use std::time::Instant;

/// What a connection holds.
#[derive(Debug)]
pub(crate) struct Audit {
    streams: usize,
    /// How many of them rest.
    pub resting: usize,
    waiting_bytes: usize,
    /// How much the windows of requests may grow, and how much they could at first.
    growth: (u32, u32),
    early_priorities: usize,
    /// How much the client may send.
    pub window_left: i64,
    /// When the first of its streams gives up waiting.
    pub first_deadline: Option<Instant>,
}

impl Http2 {
    pub(crate) fn audit(&self) -> Audit {
        let deadlines = self.streams.iter().map(|stream| stream.deadline);
        let deadlines = deadlines.chain(self.resting.iter().map(|stream| stream.deadline));
        Audit {
            streams: self.streams(),
            resting: self.resting.len(),
            waiting_bytes: self.link.waiting_bytes(),
            growth: (self.link.growth_left, GROWTH_MAX),
            early_priorities: self.early_priorities.len(),
            window_left: i64::from(self.link.received.left()),
            first_deadline: deadlines.min(),
        }
    }
}

impl Audit {
    /// Nothing is under way, and nothing is lost.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        assert_eq!((self.streams, self.waiting_bytes), (0, 0), "{self:?}");
        assert_eq!(self.growth.0, self.growth.1, "{self:?}");
        assert_eq!(self.early_priorities, 0, "{self:?}");
    }
}
