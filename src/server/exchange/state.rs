//! The states of an exchange, each named for what it waits for.

use std::fmt;

/// What an exchange waits for, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeState {
    /// The rest of the request head.
    Head,
    /// The rest of the request body.
    Body,
    /// Nothing: the site is asked next.
    Answer,
    /// A thread or another process.
    Waiting(Awaited),
    /// The client to take the response.
    Sending,
}

/// What a thread or another process has to bring, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A part of the request body, written to the disk.
    Write,
    /// Room for more of the request body, which the handler reads.
    Room,
    /// A cold file, so that the site can be asked again.
    Lookup,
    /// The handler's response.
    Answer,
    /// The response of an application.
    Application,
    /// The next piece of the file that is being sent.
    Piece,
    /// The next piece of a body that a handler produces.
    Production,
    /// Nobody: the time at which the next piece may be sent.
    Pace,
}

impl fmt::Display for ExchangeState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ExchangeState::Head => "reading a request head",
            ExchangeState::Body => "reading a request body",
            ExchangeState::Answer => "answering",
            ExchangeState::Waiting(Awaited::Write) => "writing a request body to the disk",
            ExchangeState::Waiting(Awaited::Room) => {
                "waiting for the handler to read the request body"
            }
            ExchangeState::Waiting(Awaited::Lookup | Awaited::Piece) => "waiting for the disk",
            ExchangeState::Waiting(Awaited::Answer) => "waiting for the handler",
            ExchangeState::Waiting(Awaited::Application) => "waiting for the application",
            ExchangeState::Waiting(Awaited::Pace) => "keeping to limit_rate",
            ExchangeState::Waiting(Awaited::Production) => "waiting for more of the response body",
            ExchangeState::Sending => "sending a response",
        })
    }
}
