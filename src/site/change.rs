//! A change that a request asks for, and its refusal with a reason, for the client and for the log.
//!
//! It must never know what is changed, or how.

use super::redirect_page::escape_html;
use super::{Request, Response, error_page};
use crate::files::{NameError, WriteError};
use crate::http::{HeaderName, Status, list};

/// A change that a request asks for: what a thread needs in order to refuse it.
#[derive(Clone, Debug)]
pub(super) struct RequestedChange {
    /// Client, method and target, for the log.
    what: String,
    /// Whether a browser shows the response: then it is a page, from which a person can go back without sending the
    /// form again.
    pub(super) wants_html: bool,
}

impl RequestedChange {
    pub(super) fn of(request: &Request<'_>) -> RequestedChange {
        let client = request.peer().map_or("unix".to_owned(), |peer| peer.ip().to_string());
        let target = String::from_utf8_lossy(request.as_head().target);
        RequestedChange {
            what: format!("{client} \"{} {target}\"", request.method().as_str()),
            wants_html: wants_html(request),
        }
    }

    /// Refuses the change. The reason is a sentence without a full stop that names no path of this machine.
    pub(super) fn refuse(&self, status: Status, reason: &str) -> Response {
        log::info!("{}: refused with {}: {reason}", self.what, status.code());
        let response = if self.wants_html {
            // A form is usually sent to the URL of its own page: this link loads that page again.
            let body = format!("<p>{}.\n<p><a href=\"\">Go back</a>\n", escape_html(reason));
            Response::html(error_page::document(&status.to_string(), &body))
        } else {
            Response::text(format!("{reason}\n"))
        };
        response.status(status)
    }

    /// Refuses the change because of an error of the disk, or because the rules forbid it.
    pub(super) fn failed(&self, error: WriteError) -> Response {
        self.failed_for(error, "")
    }

    /// The same, for an error of the file that `subject` names.
    pub(super) fn failed_for(&self, error: WriteError, subject: &str) -> Response {
        let status = status(&error);
        let response = match error {
            WriteError::Failed(error) => {
                log::error!("{}: writing to the disk: {error}", self.what);
                Response::new(status)
            }
            error => self.refuse(status, &format!("{subject}{error}")),
        };
        with_hints(response)
    }
}

/// The response when a request body cannot be written and the request is not at hand any more.
pub(crate) fn not_written(error: WriteError) -> Response {
    let status = status(&error);
    let response = match error {
        WriteError::Failed(error) => {
            log::error!("writing to the disk: {error}");
            Response::new(status)
        }
        error => {
            log::info!("change refused with {}: {error}", status.code());
            Response::text(format!("{error}\n")).status(status)
        }
    };
    with_hints(response)
}

/// The one place where a failure to change files becomes a status.
fn status(error: &WriteError) -> Status {
    match error {
        // Not 414: the target as such is not too long.
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

fn with_hints(response: Response) -> Response {
    match response.status {
        Status::SERVICE_UNAVAILABLE => response.header("Retry-After", "1"),
        _ => response,
    }
}

/// A name that a client has chosen, in a form that is safe in a reason.
pub(super) fn shown(name: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(name).chars().take(SHOWN_MAX).collect();
    format!("{shown:?}")
}

/// Browsers accept `text/html` by name when they load a page; other programs and scripts do not.
fn wants_html(request: &Request<'_>) -> bool {
    let accepted = request.as_head().joined(HeaderName::Accept).unwrap_or_default();
    list::elements(&accepted).any(|range| {
        let kind = range.split(|&byte| byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}

/// How many characters of a name are shown.
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
