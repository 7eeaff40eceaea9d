//! How a connection sends what waits in its outbox, and what follows when that is done.

use super::{CLOSE, Connection, SLEEP, Step};
use crate::server::context::WorkerContext;
use crate::server::exchange::After;
use crate::server::outbox::Flush;
use crate::server::state::{Awaited, State, Verdict};
use crate::server::transport::Transport;

impl<T: Transport> Connection<T> {
    pub(super) fn send(&mut self, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        if active.after != After::NextRequest {
            active.outbox.end_follows();
        }
        let before = active.outbox.moved_bytes();
        let disk = cx.disk();
        let allowed = if cx.send_budget == 0 { 0 } else { cx.piece_bytes };
        let mut left = allowed;
        let flushed = active.outbox.flush(&mut self.transport, &mut left, disk);
        cx.send_budget = cx.send_budget.saturating_sub(allowed - left);
        if let Some(used) = active.outbox.take_used() {
            cx.buffers.give(used);
        }
        if let Some(spent) = active.outbox.take_spent() {
            cx.drop_elsewhere(spent);
        }
        match flushed {
            Ok(Flush::Done) => self.all_sent(cx),
            Ok(Flush::Cold) => match active.outbox.cold_piece() {
                Ok(Some(prefetch)) => {
                    cx.read(self.id, prefetch);
                    self.wait_for(Awaited::Piece, cx)
                }
                Ok(None) => CLOSE,
                Err(error) => self.fail(&error),
            },
            Ok(Flush::NotYet) => self.wait_for(Awaited::Production, cx),
            Ok(Flush::Again) => {
                self.prolong_if_moved(before, cx);
                Step::Verdict(Verdict::Again)
            }
            Ok(Flush::Blocked) => {
                self.prolong_if_moved(before, cx);
                self.relieve_maker(cx);
                SLEEP
            }
            Err(error) => {
                self.break_off(cx);
                self.fail(&error)
            }
        }
    }

    /// A client that takes something has time for the rest.
    fn prolong_if_moved(&mut self, before: u64, cx: &WorkerContext) {
        if self.active.as_ref().is_some_and(|active| active.outbox.moved_bytes() != before) {
            self.deadline = cx.clock.monotonic() + cx.limits.send_timeout;
        }
    }

    /// Whoever makes the content does not wait for a client that is slow to take it.
    fn relieve_maker(&mut self, cx: &mut WorkerContext) {
        if cx.threads.is_none() {
            return;
        }
        let Some(piped) = self.active.as_mut().and_then(|active| active.outbox.piped()) else {
            return;
        };
        match piped.take_backlog(&cx.room) {
            Some(backlog) => cx.write_backlog(self.id, backlog),
            None if cx.room.is_used_up() => {
                cx.without_room.insert(self.id);
            }
            None => {}
        }
    }

    fn all_sent(&mut self, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        active.log_finished(cx, 0);
        match active.after {
            After::NextRequest => {
                // The beginning of a head may wait already; its time begins when it is read on.
                self.deadline = cx.clock.monotonic() + cx.limits.head_timeout;
                Step::Next(State::Head)
            }
            After::Close => {
                // A close alone would discard what is unsent, were there anything unread by now.
                self.transport.shut_write();
                CLOSE
            }
            After::Linger => {
                self.transport.shut_write();
                let now = cx.clock.monotonic();
                self.linger_until = now + cx.limits.lingering_time;
                self.deadline = now + cx.limits.lingering_timeout;
                active.inbox.clear();
                Step::Next(State::Lingering)
            }
        }
    }
}
