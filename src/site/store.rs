//! Files that clients put into a root, and remove.

use super::Response;
use crate::files::{NameError, WriteError};
use crate::http::Status;

/// The one place where a failure to change files becomes a status.
pub fn refuse(error: WriteError) -> Response {
    Response::new(match error {
        WriteError::Name(NameError::TooLong) => Status::NOT_FOUND,
        WriteError::Name(_) => Status::BAD_REQUEST,
        WriteError::NotFound => Status::NOT_FOUND,
        WriteError::Forbidden => Status::FORBIDDEN,
        WriteError::Conflict(_) => Status::CONFLICT,
        WriteError::PreconditionFailed => Status::PRECONDITION_FAILED,
        WriteError::TooLarge => Status::CONTENT_TOO_LARGE,
        // RFC 4918 §11.5.
        WriteError::Full => Status::INSUFFICIENT_STORAGE,
        WriteError::Busy => Status::SERVICE_UNAVAILABLE,
        WriteError::Failed(error) => {
            log::error!("writing to the disk: {error}");
            Status::INTERNAL_SERVER_ERROR
        }
    })
}
