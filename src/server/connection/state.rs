//! What a connection does, as it is counted.

use super::{Connection, Phase, Protocol};
use crate::http::Reject;
use crate::server::exchange::{Awaited, ExchangeState};
use crate::server::wire::Transport;
use crate::site::status::Refusal;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Handshake,
    /// No request has begun.
    Idle,
    /// A request arrives.
    Reading,
    /// A thread, an application or the disk has to do something for the response.
    Waiting,
    Sending,
    /// The response waits for its sender, as event streams do.
    Streaming,
    /// It speaks HTTP/2, with any number of streams.
    Http2,
    /// Everything is sent, and the client has not closed its side.
    Closing,
}

impl ConnectionState {
    pub(crate) const COUNT: usize = 8;

    /// As labels have them, in the order of the states.
    pub(crate) const NAMES: [&str; ConnectionState::COUNT] =
        ["handshake", "idle", "reading", "waiting", "sending", "streaming", "http2", "closing"];
}

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
