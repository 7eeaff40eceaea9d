//! Why a form is refused, and the response to that.

use super::LIMITS;
use crate::files::WriteError;
use crate::http::Status;
use crate::http::form::FormError;
use crate::site::Response;
use crate::site::change::{RequestedChange, shown};
use crate::site::store_rules::HIDDEN;
use std::io;

/// Why a form is refused.
pub(super) enum Refusal {
    Form(FormError),
    NoFiles,
    /// A file of this name exists.
    Taken(Vec<u8>),
    /// The name begins with a dot.
    Hidden(Vec<u8>),
    /// The client may not store a file of this name there.
    NotPermitted(Vec<u8>, Box<Response>),
    /// No client waits for it any more.
    Cancelled,
    /// The file of this name cannot be stored.
    File(Vec<u8>, WriteError),
    Write(WriteError),
}

impl Refusal {
    pub(super) fn response(self, change: &RequestedChange) -> Response {
        match self {
            Refusal::Form(FormError::TooManyParts) => {
                let reason = format!("more than {} parts in a form", LIMITS.parts_max);
                change.refuse(Status::CONTENT_TOO_LARGE, &reason)
            }
            Refusal::Form(error) => change.refuse(Status::BAD_REQUEST, &error.to_string()),
            Refusal::NoFiles => change.refuse(Status::BAD_REQUEST, "the form contains no file"),
            Refusal::Taken(name) => {
                let reason = format!(
                    "{} already exists, so nothing was stored; rename your file and send it again",
                    shown(&name)
                );
                change.refuse(Status::CONFLICT, &reason)
            }
            Refusal::Hidden(name) => {
                change.refuse(Status::FORBIDDEN, &format!("{}: {HIDDEN}", shown(&name)))
            }
            Refusal::NotPermitted(name, response) if response.status == Status::FORBIDDEN => {
                let reason = format!("{}: you may not store this file here", shown(&name));
                change.refuse(Status::FORBIDDEN, &reason)
            }
            Refusal::NotPermitted(name, response) => {
                log::info!("a form is refused ({}) for {}", response.status, shown(&name));
                *response
            }
            Refusal::Cancelled => change.failed(WriteError::Busy),
            Refusal::File(name, error) => change.failed_for(error, &format!("{}: ", shown(&name))),
            Refusal::Write(error) => change.failed(error),
        }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Refusal {
        Refusal::Form(error)
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Refusal {
        Refusal::Write(error)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Write(error.into())
    }
}
