//! Functions that block a worker or panic on it: the log names them.

use super::Exchange;
use crate::http::{RequestHead, RequestName, Status};
use crate::server::carrier::Carrier;
use crate::server::context::WorkerContext;
use crate::site::Response;
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

    /// The response if a handler has panicked on the worker. The panic hook has logged the message.
    #[cold]
    pub(super) fn panicked(
        &mut self,
        head: &RequestHead<'_>,
        carrier: &dyn Carrier,
        cx: &mut WorkerContext,
    ) -> Response {
        let (client, request) = (carrier.name(), RequestName::of(head));
        log::error!("{client}: {request}: its handler panicked; answered 500");
        // The handler may have left the file cache in an inconsistent state.
        cx.files.forget_everything();
        self.respond(Status::INTERNAL_SERVER_ERROR)
    }
}

/// Nobody notices less, and a busy machine may take as much from any thread.
const SLOW_TIME_MAX: Duration = Duration::from_millis(200);
