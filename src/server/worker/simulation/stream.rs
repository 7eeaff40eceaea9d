//! A stream, as a client of HTTP/2 sees it.

use super::ask::{Ask, Judged};
use super::truth::Truth;

/// One request of the client, and what came of it.
pub(super) struct Stream {
    pub ask: Ask,
    /// What is left of the body of the request. `None`: its end has been said.
    pub body: Option<&'static [u8]>,
    /// Whether it waits until the server wants that.
    pub waits: bool,
    pub window: i64,
    pub status: Option<u16>,
    pub received: Vec<u8>,
    pub has_ended: bool,
    /// Whether the client has taken the request back.
    pub is_cancelled: bool,
    pub was_reset: bool,
    pub was_refused: bool,
    /// What the client never does for it.
    pub stall: Option<Stall>,
}

/// How a client leaves a stream stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    /// It makes no room for the response.
    Room,
    /// It keeps half of the request to itself.
    Body,
}

impl Stream {
    /// How much of the body the client keeps to itself.
    pub(super) fn kept_bytes(&self) -> usize {
        if self.stall == Some(Stall::Body) { self.ask.body.len() / 2 } else { 0 }
    }

    pub(super) fn can_send(&self, window: i64) -> bool {
        let has_room = |rest: &[u8]| rest.is_empty() || self.window > 0 && window > 0;
        let is_kept = |rest: &[u8]| !rest.is_empty() && rest.len() <= self.kept_bytes();
        !self.waits && self.body.is_some_and(|rest| has_room(rest) && !is_kept(rest))
    }

    pub(super) fn is_open(&self) -> bool {
        !(self.has_ended || self.is_cancelled || self.was_reset)
    }

    pub(super) fn check(&mut self, truth: &Truth, stops: bool) {
        if self.has_ended && !self.is_cancelled {
            let status = self.status.expect("it has ended");
            let judged = truth.judge(&self.ask, status, &self.received, stops);
            self.was_refused = judged == Judged::Refused;
        }
    }
}
