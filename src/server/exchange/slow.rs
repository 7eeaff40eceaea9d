//! Functions that block a worker: the log names them.

use super::{Carrier, Exchange};
use crate::http::RequestHead;
use crate::server::context::WorkerContext;
use crate::server::handler_runs::RequestName;
use std::time::Duration;

impl Exchange {
    /// A function of the program has run on the worker: names the request in the log if that took long.
    pub(super) fn name_slow_function(
        &self,
        head: &RequestHead<'_>,
        carrier: &dyn Carrier,
        cx: &mut WorkerContext,
    ) {
        let time = cx.clock.lap();
        if time < self.limits().handler_slow_time.min(SLOW_TIME_MAX) {
            return;
        }
        log::warn!(
            "{}: {}: a function took {time:.1?} on a worker, and all other connections of the worker waited; \
             use blocking() for a function that waits or calculates for long",
            carrier.name(),
            RequestName::of(head)
        );
    }
}

/// Nobody notices less, and a busy machine may take as much from any thread.
const SLOW_TIME_MAX: Duration = Duration::from_millis(200);
