//! Why a body takes nothing more.

use std::error::Error;
use std::fmt;

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrySendError {
    /// The client has not taken what was sent before, and there is no room for more.
    Full,
    /// The body has ended: see [`Gone`].
    Gone,
}

/// The body has ended: the client has gone, the server stops, or the body was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for TrySendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full => {
                formatter.write_str("the client has not taken what was sent before")
            }
            TrySendError::Gone => Gone.fmt(formatter),
        }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the response has ended")
    }
}

impl Error for TrySendError {}

impl Error for Gone {}

impl From<Gone> for TrySendError {
    fn from(_: Gone) -> TrySendError {
        TrySendError::Gone
    }
}
