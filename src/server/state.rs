//! What a connection waits for, and what is to become of it.

use std::fmt;

/// What a connection waits for, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first byte of a request.
    Idle,
    /// The rest of a request head.
    Head,
    /// The rest of the content, which is thrown away.
    Body,
    /// The disk.
    Waiting,
    /// The client to take the response.
    Sending,
    /// The client to notice that the connection is closed. Closing with unread bytes would make
    /// the kernel send RST, which can destroy the answer that was just written.
    Lingering,
}

/// What is to become of a connection after it was driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wait for an edge, or for the deadline.
    Sleep,
    /// It could go on and was stopped for fairness: drive it again next turn.
    Again,
    /// Drop it.
    Close,
}

/// Whether a connection has been of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    NoneYet,
    Some,
}

/// Whether it stands in the worker's queue of those that can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Out,
    In,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            State::Idle => "waiting for a request",
            State::Head => "reading a request head",
            State::Body => "reading request content",
            State::Waiting => "waiting for the disk",
            State::Sending => "sending a response",
            State::Lingering => "closing",
        })
    }
}
