//! What a connection does, as it is counted.

use super::{Connection, Phase, Protocol};
use crate::http::Reject;
use crate::server::exchange::{Awaited, ExchangeState};
use crate::server::metrics::ConnectionState;
use crate::server::wire::Transport;
use crate::site::status::Refusal;

impl<W: Transport> Connection<W> {
    /// What it does.
    pub(crate) fn state(&self) -> ConnectionState {
        if let Protocol::Http2(_) = self.protocol {
            return ConnectionState::Http2;
        }
        match self.phase() {
            Phase::Handshake => ConnectionState::Handshake,
            Phase::Idle => ConnectionState::Idle,
            Phase::In(ExchangeState::Head | ExchangeState::Body) => ConnectionState::Reading,
            Phase::In(ExchangeState::Waiting(Awaited::Production)) => ConnectionState::Streaming,
            Phase::In(ExchangeState::Answer | ExchangeState::Waiting(_)) => {
                ConnectionState::Waiting
            }
            Phase::In(ExchangeState::Sending) | Phase::Blocked => ConnectionState::Sending,
            Phase::Lingering => ConnectionState::Closing,
        }
    }

    /// How many streams of HTTP/2 it has open.
    pub(crate) fn streams(&self) -> usize {
        match &self.protocol {
            Protocol::Http2(http2) => http2.streams(),
            _ => 0,
        }
    }
}

/// Why a request is refused, as it is counted.
pub(super) fn refusal_of(reject: Reject) -> Refusal {
    match reject {
        Reject::Malformed(_) => Refusal::Malformed,
        Reject::TargetTooLong | Reject::HeadersTooLarge | Reject::BodyTooLarge => Refusal::TooLarge,
        Reject::VersionUnsupported
        | Reject::MethodUnknown
        | Reject::TransferCodingUnknown
        | Reject::ExpectationUnknown => Refusal::NotSupported,
        Reject::Misdirected | Reject::NotCovered => Refusal::Misdirected,
        Reject::TimedOut => Refusal::TimedOut,
    }
}
