//! The bound on handshakes that are under way. A client that means it takes a moment for one; many that take long are
//! an attack, or a network that is down, and must not keep others out.

use super::Worker;
use super::kernel::Kernel;
use crate::server::connection::Phase;
use crate::server::id::ConnectionId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The handshakes of a worker, the oldest first.
#[derive(Default)]
pub(super) struct Handshakes {
    /// Some have ended.
    order: VecDeque<ConnectionId>,
    /// When it was last a warning that there are too many, and how many were ended since.
    warned_at: Option<Instant>,
    ended: u64,
}

impl<K: Kernel> Worker<K> {
    /// A connection begins with a handshake. If there are too many, the one that has waited longest is ended.
    pub(super) fn bound_handshakes(&mut self, id: ConnectionId) {
        self.handshakes.order.push_back(id);
        let most = self.cx.setup.limits.handshakes_max;
        while let Some(&oldest) = self.handshakes.order.front() {
            let is_under_way = self.is_shaking_hands(oldest);
            if is_under_way && self.cx.tls.counts().under_way <= most {
                break;
            }
            self.handshakes.order.pop_front();
            if is_under_way {
                self.crowd_out(oldest);
            }
        }
        if self.handshakes.order.len() > 2 * most.max(ORDER_MIN) {
            let mut order = std::mem::take(&mut self.handshakes.order);
            order.retain(|id| self.is_shaking_hands(*id));
            self.handshakes.order = order;
        }
    }

    fn is_shaking_hands(&self, id: ConnectionId) -> bool {
        let slot = self.find(id);
        slot.is_some_and(|slot| self.connections[slot].connection.phase() == Phase::Handshake)
    }

    fn crowd_out(&mut self, id: ConnectionId) {
        let Some(slot) = self.find(id) else { return };
        let client = self.connections[slot].connection.name();
        self.cx.tls.crowds_out();
        self.handshakes.ended += 1;
        let now = self.cx.clock.monotonic();
        if self.handshakes.warned_at.is_none_or(|at| now >= at + WARNED_EVERY) {
            self.handshakes.warned_at = Some(now);
            log::warn!(
                "worker {}: more than handshakes_max = {} TLS handshakes at once; those that wait longest are ended: {} \
                 since the last such line, the last one of {client}",
                self.number,
                self.cx.setup.limits.handshakes_max,
                std::mem::take(&mut self.handshakes.ended),
            );
        }
        self.remove(slot);
    }
}

/// How often too many handshakes are a warning.
const WARNED_EVERY: Duration = Duration::from_secs(60);

/// Fewer than this are not worth looking for those that have ended.
const ORDER_MIN: usize = 64;
