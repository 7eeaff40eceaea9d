//! What a connection waits for.

use crate::server::exchange::ExchangeState;
use std::fmt;

/// What a connection waits for, for the log and for the worker, which decides whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Handshake,
    Idle,
    In(ExchangeState),
    /// Responses wait until the client makes room in its windows.
    Blocked,
    Lingering,
}

impl From<ExchangeState> for Phase {
    fn from(state: ExchangeState) -> Phase {
        Phase::In(state)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Handshake => formatter.write_str("in the TLS handshake"),
            Phase::Idle => formatter.write_str("waiting for a request"),
            Phase::In(state) => state.fmt(formatter),
            Phase::Blocked => formatter.write_str("waiting for room in the client's windows"),
            Phase::Lingering => formatter.write_str("closing"),
        }
    }
}
