//! Whether a request may go on: at once, or after a check by a thread.

use super::{Deferred, Job, Response, Worked};
use crate::http::{Cancellation, Status};
use std::time::Duration;

/// Whether a request may go on, found by a thread that may wait.
pub(crate) type Check = Box<dyn FnMut(&Cancellation) -> Checked + Send>;

/// What a check has found.
pub(crate) enum Checked {
    Passed,
    Refused(Box<Response>),
    /// It is to be called again after so long.
    Later(Duration),
}

/// Whether a request may go on.
pub(crate) enum Permit {
    Granted,
    Refused(Box<Response>),
    /// A thread finds that out.
    Check(Check),
}

/// The work that a check is: its response is a refusal, or says that the request may go on.
pub(super) fn job(mut check: Check) -> Job {
    Box::new(move |cancellation| match check(cancellation) {
        Checked::Passed => Worked::Done(Response::deferred(Status::OK, Deferred::Passed)),
        Checked::Refused(response) => Worked::Done(*response),
        Checked::Later(pause) => Worked::Later(pause),
    })
}
