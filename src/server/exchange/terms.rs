//! On which terms the body of a response is sent: whose it is, and how fast it may leave.
//!
//! It must never know what is sent, or over what.

use super::pace::Pace;
use crate::site::{Terms, UnderWay};
use std::time::Instant;

/// The terms of one body.
pub(crate) struct BodyTerms {
    /// Its request counts as one of its client's until it has been sent.
    _under_way: Vec<UnderWay>,
    pub(super) pace: Option<Pace>,
    /// How much is left of a piece in memory that was cut to the pace and begun. It goes on as one piece, because its
    /// length may have been written already.
    begun_bytes: usize,
}

impl BodyTerms {
    /// The terms of a body that begins now.
    pub(super) fn begin(terms: Terms, now: Instant) -> BodyTerms {
        let pace = terms.pace.map(|rule| Pace::begin(rule, now));
        BodyTerms { _under_way: terms.under_way, pace, begun_bytes: 0 }
    }

    /// Whether less than a body of this length may leave now.
    pub(crate) fn hold_back(&self, length: Option<u64>, now: Instant) -> bool {
        let allowance = self.pace.as_ref().map(|pace| pace.allowance(now));
        allowance.is_some_and(|bytes| length.is_none_or(|length| length > bytes))
    }

    /// Cuts a piece in memory to the budget.
    pub(super) fn cut(&mut self, length: usize, budget: usize) -> usize {
        if self.pace.is_none() {
            return length;
        }
        if self.begun_bytes == 0 {
            self.begun_bytes = length.min(budget);
        }
        self.begun_bytes.min(length)
    }

    /// So many bytes of the last piece have been sent.
    pub(super) fn advance(&mut self, count: usize) {
        self.begun_bytes = self.begun_bytes.saturating_sub(count);
    }

    /// So many bytes have left.
    pub(super) fn spend(&mut self, bytes: usize, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.spend(bytes as u64, now);
        }
    }
}
