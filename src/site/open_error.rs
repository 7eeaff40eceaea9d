//! What is answered when a file cannot be opened.

use super::{Answer, Decision, Response};
use crate::files::OpenError;
use crate::http::Status;

/// The answer: the same handler again when the disk has been read, or a refusal.
pub(super) fn refuse(error: OpenError, path: &[u8]) -> Answer {
    match error {
        OpenError::Cold(prefetch) => Answer(Decision::Cold(prefetch)),
        error => refusal(error, path).into(),
    }
}

/// The one place where an error of the disk becomes a status.
pub(super) fn refusal(error: OpenError, path: &[u8]) -> Response {
    match error {
        OpenError::NotFound => Response::new(Status::NOT_FOUND),
        OpenError::Forbidden => Response::new(Status::FORBIDDEN),
        OpenError::Exhausted | OpenError::Cold(_) => {
            Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "1")
        }
        OpenError::Failed(error) => {
            log::error!("opening {}: {error}", path.escape_ascii());
            Response::new(Status::INTERNAL_SERVER_ERROR)
        }
    }
}
