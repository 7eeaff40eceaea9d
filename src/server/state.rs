//! What a connection waits for, and what is to become of it.

use std::fmt;

/// What a connection waits for, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first byte of a request.
    Idle,
    /// The rest of a request head.
    Head,
    /// The rest of the content.
    Body,
    /// A thread.
    Waiting(Awaited),
    /// The client to take the response.
    Sending,
    /// The client to notice that the connection is closed. Closing with unread bytes would make
    /// the kernel send RST, which can destroy the answer that was just written.
    Lingering,
}

/// What a thread is to bring, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Content written to the disk.
    Write,
    /// Content read by the handler, so that there is room for more.
    Room,
    /// What is cold, so that the site can be asked again.
    Lookup,
    /// The handler's answer.
    Answer,
    /// The answer of an application.
    Application,
    /// The next piece of the file that is being sent.
    Piece,
    /// The next piece of content that a handler produces.
    Production,
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

/// Whether a thread or another process will find the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Over,
    Refused,
}

/// What became of work whose client may have gone, when others were to go before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielded {
    /// It waits behind the others, or has begun.
    Kept,
    /// Too many wait there.
    Refused,
}

/// Whether a connection has served a request.
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
            State::Waiting(Awaited::Write) => "writing request content to the disk",
            State::Waiting(Awaited::Room) => "waiting for the handler to read request content",
            State::Waiting(Awaited::Lookup | Awaited::Piece) => "waiting for the disk",
            State::Waiting(Awaited::Answer) => "waiting for the handler",
            State::Waiting(Awaited::Application) => "waiting for the application",
            State::Waiting(Awaited::Production) => "waiting for the handler to produce content",
            State::Sending => "sending a response",
            State::Lingering => "closing",
        })
    }
}
