//! What clients of the simulated world ask for, and what they may get.

/// A request, and what it must get.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static [u8],
    /// Whether the length of the body is not said.
    pub is_chunked: bool,
    /// Whether it asks whether its body is wanted, and whether it waits for the answer.
    pub asks_first: bool,
    pub is_patient: bool,
    pub expected: Expected,
    /// Whether its response needs the disk, and how many calls of that had failed when the request was sent.
    pub needs_disk: bool,
    pub failed_before: u64,
}

/// What a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// What was asked for.
    Right,
    /// The server is busy, or the client was too slow.
    Refused,
    /// An error, because the disk or the application has failed.
    Failed,
}

/// What a request must get.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Exactly(u16, &'static [u8]),
    /// A version of the changing file that was true at some time since the request was sent.
    Version(u32),
    /// A setup that was in force at some time since the request was sent.
    Generation(u32),
    /// What was sent to this stream.
    Stream(u32),
    /// That the body is in this file.
    Stored(String, &'static [u8]),
    /// That it is in a file that others put there, too.
    Put,
    /// One of the bodies that were put there, or that nothing is there.
    OneOfThePut,
    /// The file that is written in place, as it was after so many changes or later.
    Ebbing(usize),
    /// What the application has planned.
    Application(u32),
}

impl Ask {
    /// Whether a body belongs to it, which may be empty.
    pub(super) fn has_body(&self) -> bool {
        matches!(self.method, "POST" | "PUT")
    }

    /// Whether the response begins while the request still comes.
    pub(super) fn is_answered_early(&self) -> bool {
        matches!(&self.target[..], "/shout" | "/echo")
    }
}
