//! How a worker looks at the handlers that run on threads for its requests: it names slow ones in the log, and counts
//! the requests that found no thread.

use super::Worker;
use super::kernel::Kernel;
use std::time::{Duration, Instant};

impl<K: Kernel> Worker<K> {
    /// Looks at the handlers, once a second while there are any.
    pub(super) fn look_at_handlers(&mut self) {
        let now = self.cx.clock.monotonic();
        if self.handlers_look_at.is_some_and(|at| at <= now) {
            self.handlers_look_at = None;
            self.name_slow_handlers(now);
            self.count_refusals(now);
        }
        if self.handlers_look_at.is_none()
            && (self.cx.threads.handler_jobs.exist() || self.cx.refusals.due().is_some())
        {
            let slow_time = self.cx.setup.limits.handler_slow_time;
            self.handlers_look_at = Some(now + slow_time.clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX));
        }
    }

    fn name_slow_handlers(&mut self, now: Instant) {
        let slow_time = self.cx.setup.limits.handler_slow_time;
        let (slow, count) = self.cx.threads.handler_jobs.slow(slow_time, now);
        let threads = self.cx.threads.handlers.threads_max();
        for run in slow {
            log::warn!(
                "{}: its handler has run for {:.1?} and still runs (handler_slow_time = {slow_time:?}); \
                 {count} of {threads} threads are busy for that long",
                run.request,
                run.time
            );
        }
    }

    fn count_refusals(&mut self, now: Instant) {
        if let Some(count) = self.cx.refusals.take_due(now) {
            let advice = self.cx.setup.limits.handler_advice();
            log::warn!(
                "{count} more requests found no thread for their handler within a second; answered 503; {advice}"
            );
        }
    }
}

/// Once a second costs nothing.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// More often would keep the worker awake.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(10);
