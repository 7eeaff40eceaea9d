//! What one message of a process means, and what its end means, for whom.
//!
//! It must never know a socket.

use super::Completions;
use crate::http::Status;
use crate::server::application::link::{Forwarded, Link, Pending, Progress};
use crate::server::buffers::Buffers;
use crate::server::mailbox::Completion;
use crate::site::pipe::within_worker;
use crate::site::{OwnedBody, OwnedResponse};
use crate::wsgi::answer::{Answer, HEADER_BYTES, Head, Kind, Last};
use crate::wsgi::{Token, WINDOW_BYTES};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Whether a process keeps to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Enough,
    TooMuch,
}

/// One message of a process, as it was received.
pub(super) struct ApplicationMessage<'a> {
    pub header: [u8; HEADER_BYTES],
    /// How much follows the header, …
    pub length: usize,
    /// … at the beginning of this, which is replaced when it is kept.
    pub buffer: &'a mut Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
}

/// When an exchange that has said something has to say more.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub now: Instant,
    /// How long an answer that is under way may be quiet.
    pub quiet_max: Duration,
    /// One that nobody waits for.
    pub given_up: Instant,
}

/// Takes in what a message says. Whatever that is, an exchange is answered once: what comes next on that
/// connection may be for somebody else.
pub(super) fn take_in(
    link: &mut Link,
    message: ApplicationMessage<'_>,
    times: Times,
    buffers: &mut Buffers,
    completions: &mut Completions,
) -> Said {
    let ApplicationMessage { header, length, buffer, mut descriptors } = message;
    let Some(answer) = Answer::read(&header, &buffer[..length]) else {
        refuse(link, &header, completions);
        return Said::Enough;
    };
    let content_bytes = answer.content_bytes;
    let number = answer.token.second();
    let Some(mut pending) = link.pending.remove(&number) else {
        return Said::Enough;
    };
    pending.deadline = Some(times.now + times.quiet_max);
    let id = pending.exchange.id;
    let mut tell = |completion| completions.push((id, completion));
    let answered = |response| Completion::Answered(Box::new(response));
    let goes_on = match (answer.kind, &pending.progress) {
        (_, Progress::Withdrawn | Progress::GivenUp) => {
            pending.progress = Progress::GivenUp;
            pending.deadline = Some(times.given_up);
            answer.last == Last::No
        }
        (Kind::Head(head), Progress::Sent | Progress::Begun) if answer.last == Last::Yes => {
            tell(answered(whole(head, buffers.keep(buffer, content_bytes), answer.is_unknown)));
            false
        }
        (Kind::Head(head), Progress::Sent | Progress::Begun) => {
            let (feeder, outlet) = link.pipe(answer.token, answer.thread);
            feeder.push(buffers.keep(buffer, content_bytes));
            pending.progress = Progress::Streaming(feeder);
            let Head { status, reason, headers, length } = head;
            let body = OwnedBody::Piped(outlet.quiet_for(times.quiet_max), length);
            tell(answered(OwnedResponse { status, reason, headers, body }));
            true
        }
        (Kind::File { head, offset, length }, Progress::Sent | Progress::Begun) => {
            let Head { status, reason, headers, length: announced } = head;
            let body = match descriptors.pop() {
                Some(open) => OwnedBody::Open(open, offset, length.or(announced)),
                None => OwnedBody::Empty,
            };
            tell(answered(OwnedResponse { status, reason, headers, body }));
            false
        }
        (Kind::Piece, Progress::Streaming(feeder)) => {
            if feeder.bytes() + content_bytes > WINDOW_BYTES {
                log::error!("an application sends content without waiting for credit");
                fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
                return Said::TooMuch;
            }
            let mut wakes = feeder.push(buffers.keep(buffer, content_bytes));
            if answer.last == Last::Yes {
                wakes |= feeder.finish();
            }
            if wakes {
                tell(Completion::Moved);
            }
            answer.last == Last::No
        }
        (Kind::Failed, Progress::Sent | Progress::Begun)
        | (Kind::Broken, Progress::Streaming(_)) => {
            fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
            return Said::Enough;
        }
        _ => {
            log::error!("an application says something out of turn");
            fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
            return Said::Enough;
        }
    };
    if goes_on {
        link.pending.insert(number, pending);
    }
    Said::Enough
}

/// An answer that came in one message. What it says of its length counts: to a HEAD it is that of the
/// content that a GET would get (RFC 9110 §9.3.2), and to a GET that is shorter it is a promise broken.
/// Where nobody knows that, nothing is said of it (RFC 9110 §8.6).
fn whole(head: Head, bytes: Vec<u8>, is_unknown: bool) -> OwnedResponse {
    let Head { status, reason, headers, length } = head;
    let piped = |bytes: Vec<u8>| {
        let (feeder, outlet) = within_worker(Box::new(|_| {}));
        feeder.push(bytes);
        feeder.finish();
        OwnedBody::Piped(outlet, length)
    };
    let body = match length {
        None if is_unknown => piped(bytes),
        Some(length) if length != bytes.len() as u64 => piped(bytes),
        _ if bytes.is_empty() => OwnedBody::Empty,
        _ => OwnedBody::Bytes(bytes),
    };
    OwnedResponse { status, reason, headers, body }
}

/// A message that makes no sense, from whoever it is.
pub(super) fn refuse(link: &mut Link, header: &[u8; HEADER_BYTES], completions: &mut Completions) {
    if let Some(pending) = link.pending.remove(&Answer::token(header).second()) {
        log::error!("an application answers with what cannot be sent");
        fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
    }
}

/// An exchange comes to nothing: this status where nothing has been said, an end in its midst otherwise.
fn fail(pending: Pending, status: Status, completions: &mut Completions) {
    let id = pending.exchange.id;
    match pending.progress {
        Progress::Withdrawn | Progress::GivenUp => {}
        Progress::Sent | Progress::Begun => {
            let failed = OwnedResponse::new(status);
            completions.push((id, Completion::Answered(Box::new(failed))));
        }
        Progress::Streaming(feeder) => {
            if feeder.break_off() {
                completions.push((id, Completion::Moved));
            }
        }
    }
}

/// A process has ended: what it had begun is lost, what it had not goes to another.
pub(super) fn lose(
    link: Link,
    reactor: usize,
    begun: &[Token],
    waiting: &mut VecDeque<Forwarded>,
    completions: &mut Completions,
) {
    for (number, pending) in link.pending {
        match pending.progress {
            Progress::Sent if !begun.contains(&Token::new(reactor as u64, number)) => {
                waiting.push_front(pending.exchange);
            }
            _ => fail(pending, Status::BAD_GATEWAY, completions),
        }
    }
}
