//! Why a request cannot be served at all, and the status of the response.
//!
//! A reject is the client's fault. It is `Copy` and owns no heap, so that refusing a hostile
//! client costs nothing.

use super::Status;
use std::fmt;

/// The reasons, in the order in which a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    /// The bytes break the grammar of RFC 9112 or RFC 3986; the text names the place.
    Malformed(&'static str),
    /// The request line is longer than `target_bytes_max` allows.
    TargetTooLong,
    /// The head is longer than `head_bytes_max`, or has more headers than `header_count_max`.
    HeadersTooLarge,
    /// A major version other than 1 (RFC 9110 §15.6.6).
    VersionUnsupported,
    /// A method whose name is longer than that of any method in use (RFC 9112 §3).
    MethodUnknown,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    TransferCodingUnknown,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    ExpectationUnknown,
    /// A target that needs a secured connection (RFC 9110 §7.4).
    Misdirected,
    /// A host that the certificate of the connection does not cover (RFC 9110 §7.4).
    NotCovered,
    /// The request's body is larger than the handler accepts.
    BodyTooLarge,
    /// The head or the body did not arrive in time (RFC 9110 §15.5.9).
    TimedOut,
}

impl Reject {
    /// The one place where a reject becomes a status.
    pub(crate) fn status(self) -> Status {
        match self {
            Reject::Malformed(_) => Status::BAD_REQUEST,
            Reject::TargetTooLong => Status::URI_TOO_LONG,
            Reject::HeadersTooLarge => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Reject::VersionUnsupported => Status::HTTP_VERSION_NOT_SUPPORTED,
            Reject::MethodUnknown | Reject::TransferCodingUnknown => Status::NOT_IMPLEMENTED,
            Reject::ExpectationUnknown => Status::EXPECTATION_FAILED,
            Reject::Misdirected | Reject::NotCovered => Status::MISDIRECTED_REQUEST,
            Reject::BodyTooLarge => Status::CONTENT_TOO_LARGE,
            Reject::TimedOut => Status::REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reject::Malformed(what) => what,
            Reject::TargetTooLong => "request line too long",
            Reject::HeadersTooLarge => "headers too large or too many",
            Reject::VersionUnsupported => "HTTP version not supported",
            Reject::MethodUnknown => "name of the method too long",
            Reject::TransferCodingUnknown => "transfer coding not known",
            Reject::ExpectationUnknown => "expectation not known",
            Reject::Misdirected => "the target has the scheme of other connections",
            Reject::NotCovered => "a host that the certificate of this connection does not cover",
            Reject::BodyTooLarge => "request content too large",
            Reject::TimedOut => "request not received in time",
        })
    }
}
