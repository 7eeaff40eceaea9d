//! Whether requests are here by the time that their connections are accepted.
//!
//! On a busy worker they are, for they waited in its queue: then one read answers them at once, and
//! a connection that is closed after its answer never costs a registration. On an idle worker the
//! client has not heard of being accepted yet, and that read is in vain. Nobody can say beforehand
//! which it is (`TCP_DEFER_ACCEPT` would); but it was the same for the connection before.

/// What experience says.
#[derive(Debug, Default)]
pub struct Punctuality {
    /// How often of late a request was here, less how often it was not.
    score: u8,
    skipped: u8,
}

impl Punctuality {
    /// Whether to read from a fresh connection before epoll has said anything of it.
    pub fn is_expected(&mut self) -> bool {
        self.skipped = (self.skipped + 1) % PROBE_EVERY;
        self.score > 0 || self.skipped == 0
    }

    /// A request was here.
    pub fn was_on_time(&mut self) {
        self.score = (self.score + 1).min(SCORE_MAX);
    }

    /// None was.
    pub fn was_late(&mut self) {
        self.score = self.score.saturating_sub(1);
    }
}

/// So many late ones in a row are needed to stop expecting them.
const SCORE_MAX: u8 = 8;

/// How often it is tried all the same.
const PROBE_EVERY: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_now_and_then_and_always_while_it_pays() {
        let mut punctuality = Punctuality::default();
        let tries = (0..160).filter(|_| punctuality.is_expected()).count();
        assert_eq!(tries, 10);
        punctuality.was_on_time();
        assert!((0..160).all(|_| punctuality.is_expected()));
        punctuality.was_late();
        assert!(!(0..160).all(|_| punctuality.is_expected()));
    }
}
