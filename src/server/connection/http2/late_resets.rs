//! Resets that wait for a moment.
//!
//! A response may be complete before its request: an upload that is refused. RST_STREAM(NO_ERROR) says then that the
//! client need not send the rest (RFC 9113 §8.1). A client that gets both at once may throw the response away, as curl
//! does before version 8; so the reset comes a moment later, if the client has not ended its request by then. In this
//! time it can send no more than what its window allows, and nothing of that is kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Streams to be reset, in the order in which that is due.
#[derive(Debug, Default)]
pub(super) struct LateResets {
    due: VecDeque<(u32, Instant)>,
}

impl LateResets {
    /// How long a client has to see the response.
    pub(super) const TIME: Duration = Duration::from_secs(1);

    /// Adds a stream. Returns one to be reset at once, if too many wait.
    pub(super) fn add(&mut self, stream: u32, due: Instant) -> Option<u32> {
        let first = if self.due.len() < WAITING_MAX { None } else { self.take() };
        self.due.push_back((stream, due));
        first
    }

    /// Whether this stream is to be reset.
    pub(super) fn contains(&self, stream: u32) -> bool {
        self.due.iter().any(|(it, _)| *it == stream)
    }

    /// The client has ended a stream. Returns whether it was to be reset.
    pub(super) fn remove(&mut self, stream: u32) -> bool {
        let before = self.due.len();
        self.due.retain(|(it, _)| *it != stream);
        self.due.len() < before
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.front().map(|(_, due)| *due)
    }

    /// Takes out the next one that is due by now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u32> {
        self.next().filter(|due| *due <= now).and_then(|_| self.take())
    }

    /// Takes out the next one.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.due.pop_front().map(|(stream, _)| stream)
    }
}

/// Fewer than the streams that are remembered when they are closed.
const WAITING_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_wait_unless_there_are_too_many_or_the_client_has_ended() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut resets = LateResets::default();
        for number in 0..WAITING_MAX as u32 {
            assert_eq!(resets.add(number, at(u64::from(number))), None);
        }
        assert_eq!(resets.add(100, at(100)), Some(0));
        assert_eq!(resets.next(), Some(at(1)));
        assert!(resets.remove(1) && !resets.remove(1) && !resets.contains(1));
        assert_eq!(resets.take_due(at(1)), None);
        assert_eq!(resets.take_due(at(3)), Some(2));
        assert_eq!(resets.take_due(at(3)), Some(3));
        assert_eq!(resets.take_due(at(3)), None);
        assert_eq!(resets.take(), Some(4));
    }
}
