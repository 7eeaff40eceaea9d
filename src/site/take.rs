//! From what a handler or a thread has found to the answer. It must never know how that was found.

use super::{Answer, Body, Context, Deferred, Response, handed_over};
use crate::http::{RequestHead, Status};

/// Takes the response of a check that a request has passed, so that its handler is asked now.
pub(crate) fn take_passed(found: &mut Option<Response>) {
    if found.as_ref().is_some_and(Response::is_passed) {
        *found = None;
    }
}

/// The answer from a response that a handler or a thread has found: what it only names is looked up now.
///
/// The response is taken out of `found`, except for one that has to wait for the disk: it is asked for again.
pub(crate) fn take_answer(
    found: &mut Option<Response>,
    head: &RequestHead<'_>,
    context: &mut Context<'_>,
) -> Answer {
    if let Some(Response { body: Body::Deferred(deferred), status, headers, .. }) = found
        && let Deferred::Named(file) = &**deferred
    {
        return handed_over::send(head, file, headers, *status, context);
    }
    let Some(response) = found.take() else {
        return Response::new(Status::INTERNAL_SERVER_ERROR).into();
    };
    let Response { body, status, reason, headers } = response;
    match body {
        Body::Deferred(deferred) => match *deferred {
            Deferred::Open(open, offset, length) => {
                let part = (open, offset, length);
                let sent = handed_over::send_open(head, part, &headers, status, context);
                // It may have become another status.
                let reason = reason.filter(|_| sent.status == status);
                Response { reason, ..sent }.into()
            }
            other => {
                let body = Body::Deferred(Box::new(other));
                let response = Response { body, status, reason, headers };
                Answer::blocking(move |_| response)
            }
        },
        body => Response { body, status, reason, headers }.into(),
    }
}
