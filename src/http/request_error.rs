//! Why a request cannot be handled: a status, and a text that its client may read.

use super::Status;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

/// Why a request is refused: what was expected and what came, with the status that says whose fault it is.
///
/// The methods that read a request's values return it:
///
/// | status | when |
/// |---|---|
/// | 400 | the bytes break the grammar, or the client broke off |
/// | 413 | there is more than the limit |
/// | 415 | the `Content-Type` is another one |
/// | 422 | the grammar is right, and the values are not those that were asked for |
/// | 500 | the server could not read the body from its disk |
///
/// The text is plain, names nothing of this machine, and is safe to show to the client. A handler can make one
/// for what it finds wrong itself:
///
/// ```
/// use httpd::{RequestError, Status};
///
/// fn page(number: &str) -> Result<u32, RequestError> {
///     number.parse().map_err(|_| RequestError::new(Status::BAD_REQUEST, "page is no number"))
/// }
/// assert_eq!(page("7"), Ok(7));
/// assert_eq!(page("x").unwrap_err().to_string(), "page is no number");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    status: Status,
    text: Cow<'static, str>,
    expected_types: &'static [&'static str],
}

impl RequestError {
    /// An error with this status. The text is one line for the client: control characters become spaces, and what
    /// is longer than 500 bytes is cut off.
    pub fn new(status: Status, text: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError { status, text: line(text.into()), expected_types: &[] }
    }

    /// The status of the response.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The media types that the handler reads, where the request has another: for `Accept` in the response
    /// (RFC 9110 §15.5.16).
    pub(crate) fn expected_types(&self) -> &'static [&'static str] {
        self.expected_types
    }

    /// The bytes break a grammar.
    pub(crate) fn malformed(text: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError::new(Status::BAD_REQUEST, text)
    }

    /// The values are not those that were asked for.
    pub(crate) fn unprocessable(text: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError::new(Status::UNPROCESSABLE_CONTENT, text)
    }

    /// There is more than a limit.
    pub(crate) fn too_large(text: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError::new(Status::CONTENT_TOO_LARGE, text)
    }

    /// The `Content-Type` is none of those that the handler reads.
    pub(crate) fn wrong_type(
        expected: &'static [&'static str],
        found: Option<&[u8]>,
    ) -> RequestError {
        let names = expected.join(" or ");
        let text = match found {
            Some(found) => {
                let found = String::from_utf8_lossy(&found[..found.len().min(TYPE_BYTES_MAX)]);
                format!("Content-Type must be {names}, not {found}")
            }
            None => format!("Content-Type is missing; it must be {names}"),
        };
        RequestError {
            expected_types: expected,
            ..RequestError::new(Status::UNSUPPORTED_MEDIA_TYPE, text)
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Error for RequestError {}

/// For what reads the body of a request; `RequestError::from` takes it out again.
impl From<RequestError> for io::Error {
    fn from(error: RequestError) -> io::Error {
        let kind = match error.status {
            Status::CONTENT_TOO_LARGE => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// One line that is not too long.
fn line(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control) {
        return text;
    }
    let without_controls = |one: char| if one.is_control() { ' ' } else { one };
    if text.len() <= TEXT_BYTES_MAX {
        return text.chars().map(without_controls).collect();
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].chars().map(without_controls).chain(['…']).collect()
}

/// A client that sends a long value gets the beginning of it back at most.
const TEXT_BYTES_MAX: usize = 500;

const TYPE_BYTES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_one_line_of_bounded_length() {
        let text = |text: &str| RequestError::malformed(text.to_owned()).to_string();
        assert_eq!(text("a\r\nSet-Cookie: b\u{85}\0"), "a  Set-Cookie: b  ");
        assert_eq!(text("ä is kept"), "ä is kept");
        let long = text(&"ä".repeat(10_000));
        assert_eq!(long, "ä".repeat(250) + "…");
        assert_eq!(text(&"\n".repeat(501)), " ".repeat(500) + "…");
        assert_eq!(text(&"a".repeat(500)), "a".repeat(500));
    }

    #[test]
    fn another_type_is_named_with_the_one_that_is_wanted() {
        let error = RequestError::wrong_type(&["a/b"], Some(b"text/plain"));
        assert_eq!(error.status(), Status::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(error.expected_types(), ["a/b"]);
        assert_eq!(error.to_string(), "Content-Type must be a/b, not text/plain");
        let error = RequestError::wrong_type(&["a/b", "c/d"], None);
        assert_eq!(error.to_string(), "Content-Type is missing; it must be a/b or c/d");
        let long = RequestError::wrong_type(&["a/b"], Some(&[0xff; 5000])).to_string();
        assert!(long.len() < 600, "{long}");
    }
}
