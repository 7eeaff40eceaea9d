//! What a process does with one request, and what its client may get.

use crate::server::worker::simulation::ask::Judged;
use crate::server::worker::simulation::content::{all_produced, pattern};

/// What a process does with one request, and how far that is.
pub(super) struct Plan {
    pub manner: Manner,
    pub request: &'static [u8],
    pub response: &'static [u8],
    /// How much of the response it has sent.
    pub sent_bytes: usize,
    pub course: Course,
}

/// How it responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// In one message, with its length.
    Whole,
    /// In one message, without.
    Unmeasured,
    /// In pieces, without a length.
    Pieces,
    /// In pieces, with one.
    Measured,
    /// With a part of a file.
    File,
    /// To HEAD, with the length of what GET would get.
    Head,
    /// Not at all: it raises.
    Fails,
    /// It raises after some of the body.
    Breaks,
    /// It ends before the length that it has announced.
    Short,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// No thread has taken it.
    Waits,
    /// A thread has.
    Begun,
    /// The response is whole.
    Whole,
    /// It has raised, before the head or after that.
    Failed,
    Broken,
    /// Its process has died.
    Lost,
    /// Nobody wanted it, or the rest of it, any more.
    Unwanted,
}

impl Plan {
    pub(super) fn new(number: usize, size: usize) -> Plan {
        let choice = 7 * number + size;
        let manner = MANNERS[choice % MANNERS.len()];
        let is_long = size.is_multiple_of(5) && matches!(manner, Manner::Pieces | Manner::Measured);
        let response = if is_long { all_produced() } else { pattern(size) };
        let request = match manner {
            Manner::Head => b"",
            _ if (choice / MANNERS.len()).is_multiple_of(2) => b"",
            _ => pattern(size / 2),
        };
        Plan { manner, request, response, sent_bytes: 0, course: Course::Waits }
    }

    pub(super) fn method(&self) -> &'static str {
        match self.manner {
            Manner::Head => "HEAD",
            _ if self.request.is_empty() => "GET",
            _ => "POST",
        }
    }

    /// What a response is. Panics if it cannot be.
    pub(super) fn judge(&self, status: u16, body: &[u8]) -> Judged {
        let Plan { manner, course, .. } = *self;
        match status {
            200 => {
                let all = if manner == Manner::Head { b"" } else { self.response };
                assert_eq!(course, Course::Whole, "{manner:?} was not sent whole");
                assert!(body == all, "{manner:?}: {} bytes for {}", body.len(), all.len());
                Judged::Right
            }
            500 => {
                assert_eq!(course, Course::Failed, "{manner:?}");
                Judged::Right
            }
            502 => {
                assert_eq!((course, self.sent_bytes), (Course::Lost, 0), "{manner:?}");
                Judged::Failed
            }
            503 | 504 => Judged::Refused,
            other => panic!("{other} for {manner:?} {course:?}"),
        }
    }
}

const MANNERS: [Manner; 12] = [
    Manner::Whole,
    Manner::Pieces,
    Manner::Unmeasured,
    Manner::Measured,
    Manner::File,
    Manner::Pieces,
    Manner::Head,
    Manner::Measured,
    Manner::Fails,
    Manner::Breaks,
    Manner::Short,
    Manner::Whole,
];
