//! A stream from its request to its response. `responding` queues that.

use super::link::Link;
use super::stream::{Fed, Stream};
use super::{Http2, account};
use crate::http::expectation::Expectation;
use crate::http::h2::error::ErrorCode;
use crate::http::h2::request::StreamHead;
use crate::http::h2::response::write_continue;
use crate::http::{Method, Reject, RequestHead};
use crate::server::connection::Socket;
use crate::server::context::WorkerContext;
use crate::server::exchange::{
    Announced, Answered, Awaited, Begin, Ending, Exchange, ExchangeState, Resumed,
};
use crate::server::mailbox::Completion;
use crate::server::pool::Yielded;
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::Freshness;
use std::net::SocketAddr;

/// How a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes as far as it can in the state that it has.
    Driven,
    /// Its response is queued as a whole.
    Answered,
    /// Its response cannot be completed.
    BrokenOff,
    /// It waits for an edge, a message, or its turn to send.
    Waits,
}

/// What a message leads to.
pub(super) enum Resumption {
    Not,
    Goes(Next),
}

impl Http2 {
    /// Lets a stream go as far as it can. Returns how fresh the file cache was for it at last, if the site was asked.
    pub(super) fn step<W: Transport>(
        &mut self,
        place: usize,
        next: Next,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Option<Freshness> {
        let stream = self.streams.get_mut(place)?;
        socket.know_client(stream.client);
        let mut next = next;
        while next == Next::Driven {
            next = stream.advance(&mut self.link, share, socket, cx);
        }
        let freshness = stream.freshness;
        match next {
            Next::Answered => self.finish(place, cx),
            Next::BrokenOff => self.break_off(place, ErrorCode::Internal, cx),
            Next::Driven | Next::Waits => self.settle(place),
        }
        Some(freshness)
    }
}

impl Stream {
    /// The head is here: decides what becomes of the body before a byte of it comes.
    pub(super) fn head_complete<W: Transport>(
        &mut self,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        self.exchange.state = ExchangeState::Answer;
        // What follows CONNECT is for the tunnel that its client waits for (RFC 9113 §8.5).
        if self.has_all || self.head.method() == Method::Connect {
            return Next::Driven;
        }
        self.begin_body(link, share, socket, cx)
    }

    /// Decides what becomes of the body before a byte of it is read.
    fn begin_body<W: Transport>(
        &mut self,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        let asks_first = self.head.expectation() == Expectation::Continue;
        let announced = Announced { bytes: self.head.content_length(), asks_first };
        let begin = match request(&self.head, &mut self.exchange, &mut self.client, socket, cx) {
            Ok(head) => self.exchange.begin(&head, announced, cx),
            Err(reject) => return self.refuse(reject, link, share, socket, cx),
        };
        match begin {
            Begin::Receive => self.exchange.state = ExchangeState::Body,
            Begin::Stream => {}
            Begin::Answer => return Next::Driven,
            Begin::Refuse(response) => return self.refuse_with(*response, link, share, socket, cx),
            Begin::TooLarge => return self.refuse(Reject::BodyTooLarge, link, share, socket, cx),
        }
        // RFC 9110 §10.1.1: a client that has begun to send the body does not wait any more.
        if asks_first && !self.has_data() {
            let payload_bytes_max = link.payload_bytes_max();
            write_continue(&mut link.outbox, &mut link.encoder, self.id, payload_bytes_max);
        }
        self.deadline = self.exchange.body_deadline(cx);
        Next::Driven
    }

    /// One step in the state that it has.
    fn advance<W: Transport>(
        &mut self,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        match self.exchange.state {
            ExchangeState::Body => match self.feed(link, cx) {
                // The rest of its request will never come.
                Ok(Fed::Open) if link.client_ended => Next::BrokenOff,
                Ok(Fed::Open) => {
                    self.deadline = self.exchange.body_deadline(cx);
                    Next::Waits
                }
                Ok(Fed::In(state)) => self.enter(state, cx),
                Err(Reject::BodyTooLarge) if self.exchange.is_refused() => {
                    self.enter(ExchangeState::Answer, cx)
                }
                Err(reject) => self.refuse(reject, link, share, socket, cx),
            },
            ExchangeState::Answer => self.answer(link, share, socket, cx),
            ExchangeState::Sending | ExchangeState::Waiting(Awaited::Production) => {
                self.pump(link);
                Next::Waits
            }
            ExchangeState::Head | ExchangeState::Waiting(_) => Next::Waits,
        }
    }

    /// Goes on in this state.
    fn enter(&mut self, state: ExchangeState, cx: &WorkerContext) -> Next {
        self.exchange.state = state;
        match state {
            ExchangeState::Waiting(awaited) => {
                self.deadline = self.exchange.wait_deadline(awaited, cx);
                Next::Waits
            }
            _ => Next::Driven,
        }
    }

    /// Begins to wait for a thread or an application.
    pub(super) fn begin_wait(&mut self, awaited: Awaited, cx: &WorkerContext) -> Next {
        let state = self.exchange.wait_for(awaited, cx);
        self.enter(state, cx)
    }

    /// Asks the site, and queues the response if it is ready.
    fn answer<W: Transport>(
        &mut self,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        let answered = match request(&self.head, &mut self.exchange, &mut self.client, socket, cx) {
            Ok(head) => self.exchange.answer(&head, &mut self.freshness, socket, cx),
            Err(reject) => return self.refuse(reject, link, share, socket, cx),
        };
        match answered {
            Answered::Ready(response) => {
                let next = self.respond(response, link, share, socket, cx);
                if self.has_all || !self.exchange.incoming.is_stream() {
                    self.exchange.end_request(cx);
                }
                next
            }
            Answered::Begins => self.begin_body(link, share, socket, cx),
            // The connection ends as soon as it is looked at.
            Answered::Gone => Next::Waits,
            Answered::Waits(Awaited::Answer) if self.exchange.incoming.is_stream() => {
                self.deadline = self.exchange.body_deadline(cx);
                self.enter(ExchangeState::Body, cx)
            }
            Answered::Waits(awaited) => self.begin_wait(awaited, cx),
        }
    }

    /// A message has come for its exchange.
    pub(super) fn complete<W: Transport>(
        &mut self,
        completion: Completion,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Resumption {
        match self.exchange.complete(completion, cx) {
            Resumed::Not => Resumption::Not,
            Resumed::In(state) => {
                match (self.exchange.state, state) {
                    (_, ExchangeState::Body) => self.deadline = self.exchange.body_deadline(cx),
                    // The client's time begins again. While it takes nothing, a message does not prolong it.
                    (ExchangeState::Waiting(_), ExchangeState::Sending) => {
                        let timeout = self.exchange.limits().send_timeout;
                        self.deadline = cx.clock.monotonic() + timeout;
                    }
                    _ => {}
                }
                self.exchange.state = state;
                Resumption::Goes(Next::Driven)
            }
            Resumed::Refused(response) => {
                Resumption::Goes(self.refuse_with(*response, link, share, socket, cx))
            }
        }
    }

    /// The client sends nothing more, and may have gone: lets other requests go before this one.
    pub(super) fn yield_place<W: Transport>(
        &mut self,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        match self.exchange.state {
            ExchangeState::Sending => {
                self.pump(link);
                Next::Waits
            }
            ExchangeState::Waiting(Awaited::Production) => {
                self.pump(link);
                if let Some(until) = self.exchange.deadline_if_closed(cx) {
                    self.deadline = self.deadline.min(until);
                }
                Next::Waits
            }
            ExchangeState::Waiting(awaited) => {
                if self.exchange.yield_place(awaited, cx) == Yielded::Refused {
                    let response = self.exchange.busy();
                    return self.refuse_with(response, link, share, socket, cx);
                }
                Next::Waits
            }
            ExchangeState::Body if !self.has_all => Next::Driven,
            _ => Next::Waits,
        }
    }

    /// The response has ended, perhaps broken off with so many bytes unsent.
    pub(super) fn record_ending(&mut self, unsent_bytes: Option<u64>, cx: &mut WorkerContext) {
        let ending = Ending {
            produced_bytes: self.exchange.body.produced_bytes(),
            received_bytes: self.received_bytes,
            unsent_bytes,
        };
        self.records.finish(ending, cx);
    }
}

impl Http2 {
    /// A response is queued as a whole: its stream is closed.
    pub(super) fn finish(&mut self, place: usize, cx: &mut WorkerContext) {
        let stream = &mut self.streams[place];
        stream.record_ending(None, cx);
        self.link.account.earn(account::EARNED_BY_WORK);
        let (id, has_all) = (stream.id, stream.has_all);
        if !has_all {
            self.reset_later(id, cx);
        }
        self.remove(place, !has_all, cx);
    }
}

/// The request whose head is complete, from the client that it is from.
///
/// # Errors
/// A [`Reject`] for a target or a host that no request can have.
fn request<'h, W: Transport>(
    head: &'h StreamHead,
    exchange: &mut Exchange,
    client: &mut Option<SocketAddr>,
    socket: &mut Socket<W>,
    cx: &mut WorkerContext,
) -> Result<RequestHead<'h>, Reject> {
    let mut request = head.request(socket.ends(cx))?;
    socket.resolve(&mut request, exchange, cx)?;
    if socket.is_relayed() {
        *client = request.peer();
    }
    Ok(request)
}
