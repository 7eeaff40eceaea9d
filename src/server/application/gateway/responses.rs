//! What a message of a process means for the exchange that waits for it, and what the end of a process means.
//!
//! It must never know a socket.

use crate::http::Status;
use crate::server::application::link::Link;
use crate::server::application::pending::{Forwarded, Pending, PendingState};
use crate::server::buffers::Buffers;
use crate::server::id::ExchangeId;
use crate::server::mailbox::Completion;
use crate::site::pipe::within_worker;
use crate::site::{Body, Deferred, Response};
use crate::wsgi::response::{HEADER_BYTES, MessageKind, ResponseHead, ResponseMessage};
use crate::wsgi::{Token, WINDOW_BYTES};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The completions of exchanges after something was read.
pub(crate) type Completions = Vec<(ExchangeId, Completion)>;

/// A process has sent more of a body than it had credit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreditExceeded;

/// One message of a process, as it was received.
pub(super) struct ApplicationMessage<'a> {
    pub header: [u8; HEADER_BYTES],
    /// How much follows the header, …
    pub length: usize,
    /// … at the beginning of this buffer, which is replaced when it is kept.
    pub buffer: &'a mut Vec<u8>,
    pub descriptors: Vec<OwnedFd>,
}

/// When a process that has sent part of a response must send more of it.
#[derive(Clone, Copy)]
pub(super) struct MessageTimes {
    pub now: Instant,
    /// How long a response that is under way may be quiet.
    pub quiet_max: Duration,
    /// The deadline of a response that nobody waits for.
    pub given_up: Instant,
}

/// Acts on one message. Whatever the process sends, an exchange is answered once: the next request on that
/// connection may be somebody else's.
///
/// # Errors
/// When the process exceeds its credit; its exchange has failed then.
pub(super) fn on_message(
    link: &mut Link,
    message: ApplicationMessage<'_>,
    times: MessageTimes,
    buffers: &mut Buffers,
    completions: &mut Completions,
) -> Result<(), CreditExceeded> {
    let ApplicationMessage { header, length, buffer, mut descriptors } = message;
    let Some(response) = ResponseMessage::read(&header, &buffer[..length]) else {
        refuse(link, &header, completions);
        return Ok(());
    };
    let body_bytes = response.body_bytes;
    let number = response.token.second();
    let Some(mut pending) = link.pending.remove(&number) else {
        return Ok(());
    };
    pending.deadline = Some(times.now + times.quiet_max);
    let id = pending.exchange.id;
    let mut complete = |completion| completions.push((id, completion));
    let answered = |response| Completion::Answered(Box::new(response));
    let goes_on = match (response.kind, &pending.state) {
        (_, PendingState::Withdrawn | PendingState::GivenUp) => {
            pending.state = PendingState::GivenUp;
            pending.deadline = Some(times.given_up);
            !response.is_last
        }
        (MessageKind::Head(head), PendingState::Sent | PendingState::Begun) if response.is_last => {
            complete(answered(whole(head, buffers.keep(buffer, body_bytes), response.is_unknown)));
            false
        }
        (MessageKind::Head(head), PendingState::Sent | PendingState::Begun) => {
            let (feeder, outlet) = link.pipe(response.token, response.thread);
            feeder.push(buffers.keep(buffer, body_bytes));
            pending.state = PendingState::Streaming(feeder);
            let ResponseHead { status, reason, headers, length } = head;
            let body = Body::Piped(outlet.quiet_for(times.quiet_max), length);
            complete(answered(Response { status, reason, headers, body }));
            true
        }
        (MessageKind::File { head, offset, length }, PendingState::Sent | PendingState::Begun) => {
            let ResponseHead { status, reason, headers, length: announced } = head;
            let body = match descriptors.pop() {
                Some(open) => {
                    Body::Deferred(Box::new(Deferred::Open(open, offset, length.or(announced))))
                }
                None => Body::Empty,
            };
            complete(answered(Response { status, reason, headers, body }));
            false
        }
        (MessageKind::Piece, PendingState::Streaming(feeder)) => {
            if feeder.bytes() + body_bytes > WINDOW_BYTES {
                log::error!("an application sends body bytes without waiting for credit");
                fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
                return Err(CreditExceeded);
            }
            let mut wakes = feeder.push(buffers.keep(buffer, body_bytes));
            if response.is_last {
                wakes |= feeder.finish();
            }
            if wakes {
                complete(Completion::Moved);
            }
            !response.is_last
        }
        (MessageKind::Failed, PendingState::Sent | PendingState::Begun)
        | (MessageKind::Broken, PendingState::Streaming(_)) => {
            fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
            return Ok(());
        }
        _ => {
            log::error!("an application sends a message out of turn");
            fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
            return Ok(());
        }
    };
    if goes_on {
        link.pending.insert(number, pending);
    }
    Ok(())
}

/// A response that came in one message. The length that it declares counts: to a HEAD it is that of the
/// body that a GET would get (RFC 9110 §9.3.2), and to a GET with fewer bytes it is a promise broken. Where
/// nobody knows the length, none is declared (RFC 9110 §8.6).
fn whole(head: ResponseHead, bytes: Vec<u8>, is_unknown: bool) -> Response {
    let ResponseHead { status, reason, headers, length } = head;
    let piped = |bytes: Vec<u8>| {
        let (feeder, outlet) = within_worker(Box::new(|_| {}));
        feeder.push(bytes);
        feeder.finish();
        Body::Piped(outlet, length)
    };
    let body = match length {
        None if is_unknown => piped(bytes),
        Some(length) if length != bytes.len() as u64 => piped(bytes),
        _ if bytes.is_empty() => Body::Empty,
        _ => Body::Bytes(bytes),
    };
    Response { status, reason, headers, body }
}

/// Fails the exchange of a message that cannot be read.
pub(super) fn refuse(link: &mut Link, header: &[u8; HEADER_BYTES], completions: &mut Completions) {
    if let Some(pending) = link.pending.remove(&ResponseMessage::token(header).second()) {
        log::error!("an application sends a response that cannot be passed on");
        fail(pending, Status::INTERNAL_SERVER_ERROR, completions);
    }
}

/// Fails an exchange: with this status if its response has not begun, by breaking the response off otherwise.
fn fail(pending: Pending, status: Status, completions: &mut Completions) {
    let id = pending.exchange.id;
    match pending.state {
        PendingState::Withdrawn | PendingState::GivenUp => {}
        PendingState::Sent | PendingState::Begun => {
            let failed = Response::new(status);
            completions.push((id, Completion::Answered(Box::new(failed))));
        }
        PendingState::Streaming(feeder) => {
            if feeder.break_off() {
                completions.push((id, Completion::Moved));
            }
        }
    }
}

/// These requests are not with the process any more, in the order in which they were sent: those of this worker go to
/// another one, before all that wait.
pub(super) fn take_back(
    link: &mut Link,
    reactor: usize,
    taken: &[Token],
    waiting: &mut VecDeque<Forwarded>,
) {
    for token in taken.iter().rev().filter(|token| token.first() == reactor as u64) {
        if let Some(Pending { exchange, state: PendingState::Sent, .. }) =
            link.pending.remove(&token.second())
        {
            waiting.push_front(exchange);
        }
    }
}

/// A process has ended. Requests that it had begun are lost; all others go to another process.
pub(super) fn lose(
    link: Link,
    reactor: usize,
    begun: &[Token],
    waiting: &mut VecDeque<Forwarded>,
    completions: &mut Completions,
) {
    // The latest first, so that those which go to another process keep their order.
    let mut pending: Vec<(u64, Pending)> = link.pending.into_iter().collect();
    pending.sort_unstable_by_key(|(number, _)| Reverse(*number));
    for (number, pending) in pending {
        match pending.state {
            PendingState::Sent if !begun.contains(&Token::new(reactor as u64, number)) => {
                waiting.push_front(pending.exchange);
            }
            _ => fail(pending, Status::BAD_GATEWAY, completions),
        }
    }
}
