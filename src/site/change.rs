//! A change that a request asks for, and how it is refused: with a reason, for the client and for the
//! log.
//!
//! It must never know what is changed, or how.

use super::redirect::escape_html;
use super::{OwnedResponse, error_page};
use crate::files::{NameError, WriteError};
use crate::http::{HeaderName, Request, Status, list};

/// The change that a request asks for, as refusing it has to know it on a thread.
#[derive(Clone, Debug)]
pub(super) struct RequestedChange {
    /// Client, method and target, for the log.
    what: String,
    /// Whether the answer is read in a browser: by a person, who shall see something and be able to load it again
    /// without sending the form again.
    pub(super) wants_html: bool,
}

impl RequestedChange {
    pub(super) fn of(request: &Request<'_>) -> RequestedChange {
        let client = request.peer().map_or("unix".to_owned(), |peer| peer.ip().to_string());
        let target = String::from_utf8_lossy(request.target);
        RequestedChange {
            what: format!("{client} \"{} {target}\"", request.method().as_str()),
            wants_html: wants_html(request),
        }
    }

    /// Refuses it. The reason is a sentence without a full stop, which names no path of this machine.
    pub(super) fn refuse(&self, status: Status, reason: &str) -> OwnedResponse {
        log::info!("{}: refused with {}: {reason}", self.what, status.code());
        let response = if self.wants_html {
            // A form is sent to the page that it is on: this link loads that page again.
            let body = format!("<p>{}.\n<p><a href=\"\">Go back</a>\n", escape_html(reason));
            OwnedResponse::html(error_page::document(&status.to_string(), &body))
        } else {
            OwnedResponse::text(format!("{reason}\n"))
        };
        response.status(status)
    }

    /// Refuses it because of what the disk, or its rules, have said.
    pub(super) fn failed(&self, error: WriteError) -> OwnedResponse {
        self.failed_for(error, "")
    }

    /// The same, where the error is one of the file that this text names.
    pub(super) fn failed_for(&self, error: WriteError, subject: &str) -> OwnedResponse {
        let status = status(&error);
        let response = match error {
            WriteError::Failed(error) => {
                log::error!("{}: writing to the disk: {error}", self.what);
                OwnedResponse::new(status)
            }
            error => self.refuse(status, &format!("{subject}{error}")),
        };
        with_hints(response)
    }
}

/// The answer where files could not be changed, and nobody knows any more what was asked for.
pub(super) fn failed(error: WriteError) -> OwnedResponse {
    let status = status(&error);
    let response = match error {
        WriteError::Failed(error) => {
            log::error!("writing to the disk: {error}");
            OwnedResponse::new(status)
        }
        error => {
            log::info!("change refused with {}: {error}", status.code());
            OwnedResponse::text(format!("{error}\n")).status(status)
        }
    };
    with_hints(response)
}

/// The one place where a failure to change files becomes a status.
fn status(error: &WriteError) -> Status {
    match error {
        // Not 414: nothing is wrong with the length of the target as such.
        WriteError::Name(
            NameError::Empty
            | NameError::Dots
            | NameError::Impossible
            | NameError::Control
            | NameError::TooLong
            | NameError::Reserved,
        ) => Status::BAD_REQUEST,
        WriteError::NotFound => Status::NOT_FOUND,
        WriteError::Forbidden => Status::FORBIDDEN,
        WriteError::Conflict(_) => Status::CONFLICT,
        WriteError::PreconditionFailed(_) => Status::PRECONDITION_FAILED,
        WriteError::TooLarge => Status::CONTENT_TOO_LARGE,
        // RFC 4918 §11.5.
        WriteError::QuotaBytes { .. } | WriteError::QuotaNames { .. } | WriteError::Full => {
            Status::INSUFFICIENT_STORAGE
        }
        WriteError::Busy => Status::SERVICE_UNAVAILABLE,
        WriteError::Failed(_) => Status::INTERNAL_SERVER_ERROR,
    }
}

fn with_hints(response: OwnedResponse) -> OwnedResponse {
    match response.status {
        Status::SERVICE_UNAVAILABLE => response.header("Retry-After", "1"),
        _ => response,
    }
}

/// A name that a client has chosen, as it can stand in a reason.
pub(super) fn shown(name: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(name).chars().take(SHOWN_MAX).collect();
    format!("{shown:?}")
}

/// Browsers name HTML when they load a page; other programs, and scripts in a page, do not.
fn wants_html(request: &Request<'_>) -> bool {
    let accepted = request.joined(HeaderName::Accept).unwrap_or_default();
    list::elements(&accepted).any(|range| {
        let kind = range.split(|&byte| byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}

/// Characters of a name that are shown.
const SHOWN_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_quotes_or_its_line() {
        assert_eq!(shown("ü x.txt".as_bytes()), "\"ü x.txt\"");
        // U+202E would show what follows from right to left.
        assert_eq!(shown("x\u{202e}gpj.exe".as_bytes()), r#""x\u{202e}gpj.exe""#);
        assert_eq!(shown(b"a\"\\\r\n\x1b"), r#""a\"\\\r\n\u{1b}""#);
    }
}
