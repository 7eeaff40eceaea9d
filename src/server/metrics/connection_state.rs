//! By what connections are counted.

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
