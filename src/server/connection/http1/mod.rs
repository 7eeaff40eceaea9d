//! HTTP/1 on a connection: one exchange at a time, framed as RFC 9112 requires.
//!
//! [`Http1::drive`] shows the whole life. Its steps are here, in `answering.rs` (a request from its head to its
//! response), `body.rs` (bodies of requests), `sending.rs` (responses) and `ending.rs` (everything that ends early). The
//! state changes in one way only: by the step that an arm returns.
//!
//! It must never know mio, TOML or the disk, nor what an exchange waits for.

mod answering;
mod body;
mod ending;
mod free_list;
mod resting;
mod sending;

pub(crate) use free_list::FreeList;
pub(crate) use resting::Resting;

use super::inbox::Inbox;
use super::outbox::Outbox;
use super::{Http2, Pause, Socket};
use crate::http::h1::request_reader::RequestReader;
use crate::http::h1::write::{Delimiter, Persistence, ResponseLine, write_head};
use crate::http::{Headers, Reject, RequestHead, Scheme, Status};
use crate::server::context::WorkerContext;
use crate::server::exchange::{Exchange, ExchangeState, Records};
use crate::server::id::ExchangeId;
use crate::server::share::Share;
use crate::server::wire::{ReadOutcome, Transport};
use crate::site::Freshness;
use std::time::Instant;

/// What a connection holds while a request is read or answered.
pub(crate) struct Http1 {
    inbox: Inbox,
    reader: RequestReader,
    outbox: Outbox,
    exchange: Exchange,
    /// Those of the responses in the outbox.
    records: Records,
    /// When the first byte of the request at hand was seen.
    started: Option<Instant>,
    /// The length of its head, once that is complete.
    head_bytes: usize,
    /// Where in the inbox its body goes on.
    unread_at: usize,
    after: After,
}

/// What follows when all responses are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    NextRequest,
    Close,
    Linger,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Bytes,
    /// The client will send nothing more. It may still read.
    End,
}

/// What a step leads to: another state, or a pause in this one.
type Step = Result<ExchangeState, Pause>;

impl Http1 {
    /// The id of the exchange at hand.
    pub(crate) fn id(&self) -> ExchangeId {
        self.exchange.id
    }

    /// Its state.
    pub(crate) fn state(&self) -> ExchangeState {
        self.exchange.state
    }

    /// Whether every response that has begun has left.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.outbox.is_empty() && self.exchange.body.is_empty()
    }

    /// Goes as far as it can.
    pub(crate) fn drive<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Pause {
        loop {
            let step = match self.exchange.state {
                ExchangeState::Head => self.read_head(socket, share, cx),
                ExchangeState::Body => self.read_body(socket, share, cx),
                ExchangeState::Answer => self.answer(socket, share, cx),
                ExchangeState::Waiting(awaited) => self.wait(awaited, socket, share, cx),
                ExchangeState::Sending => self.pump_and_send(socket, share, cx),
            };
            match step {
                Ok(state) => self.exchange.state = state,
                Err(pause) => return pause,
            }
        }
    }

    fn read_head<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        loop {
            if !self.inbox.is_empty() {
                // The gathered responses are not flushed: this connection may go on within the same turn.
                if share.is_used_up() {
                    // The time for the next head begins with its turn.
                    socket.deadline = cx.clock.monotonic() + self.exchange.limits().head_timeout;
                    return Err(Pause::Again);
                }
                let is_new = self.started.is_none();
                if is_new {
                    let setup = if socket.for_status { &cx.status_setup } else { &cx.setup };
                    self.exchange.begin_head(setup);
                    socket.know_client(None);
                    self.started = Some(cx.clock.monotonic());
                }
                match self.reader.read_head(self.inbox.bytes(), &self.exchange.setup().head_limits)
                {
                    Ok(Some(length)) => return self.head_complete(length, socket, share, cx),
                    Ok(None) | Err(_) if self.is_tls(socket) => {
                        return self.refuse_tls(socket, share, cx);
                    }
                    Ok(None) if is_new => {
                        let time = self.exchange.limits().head_timeout;
                        socket.deadline = cx.clock.monotonic() + time;
                    }
                    Ok(None) => {}
                    Err(Reject::VersionUnsupported) if self.is_preface(socket, cx) => {
                        return Err(Pause::Http2);
                    }
                    Err(reject) => return self.refuse(reject, socket, share, cx),
                }
            }
            if !self.outbox.is_empty() {
                return Ok(self.begin_sending(socket, cx));
            }
            if self.read(socket, share)? == Arrived::End {
                return Err(Pause::Close);
            }
        }
    }

    /// Whether the client has begun the connection as one of HTTP/2 (RFC 9113 §3.3), and may.
    #[cold]
    fn is_preface<W: Transport>(&self, socket: &Socket<W>, cx: &WorkerContext) -> bool {
        let is_first = !socket.has_served && self.outbox.is_empty();
        is_first && socket.may_speak_http2(cx) && self.inbox.bytes().starts_with(PREFACE_LINE)
    }

    /// Whether the client has begun with TLS where none is expected: a record of the handshake begins so.
    fn is_tls<W: Transport>(&self, socket: &Socket<W>) -> bool {
        let is_first = !socket.has_served && self.outbox.is_empty();
        let begins = self.inbox.bytes().starts_with(&[22, 3]);
        begins && is_first && socket.wire.scheme() == Scheme::Http
    }

    /// The client speaks HTTP/2: hands over what it has sent.
    pub(crate) fn speak_http2(&mut self, cx: &mut WorkerContext) -> Box<Http2> {
        let is_known = self.inbox.freshness() == Freshness::Known;
        let http2 = Http2::new(self.inbox.bytes(), is_known, cx);
        self.inbox.clear();
        http2
    }

    /// Reads once. The error is the pause to make if no bytes came.
    fn read<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
    ) -> Result<Arrived, Pause> {
        if share.is_used_up() && socket.wire.has_unread() {
            return Err(Pause::Again);
        }
        share.spend_read();
        let room = self.inbox.room(self.exchange.limits().head_bytes_max);
        match socket.wire.read(room) {
            Ok(ReadOutcome::Bytes(count)) => {
                self.inbox.arrived(count, socket.take_reported());
                share.spend_bytes(count as u64);
                share.note_read(count);
                Ok(Arrived::Bytes)
            }
            Ok(ReadOutcome::Blocked) => {
                // What arrives from here on was not reported before the last look at file changes.
                socket.take_reported();
                if self.exchange.state == ExchangeState::Head && self.inbox.is_empty() {
                    return Err(Pause::Idle);
                }
                self.inbox.shrink();
                Err(Pause::Sleep)
            }
            Ok(ReadOutcome::End) => {
                if !self.inbox.is_empty() {
                    let state = self.exchange.state;
                    log::debug!("{}: closed by the client while {state}", socket.name());
                }
                Ok(Arrived::End)
            }
            Err(error) => Err(self.fail(&error, socket)),
        }
    }

    fn head_complete<W: Transport>(
        &mut self,
        length: usize,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        self.head_bytes = length;
        self.unread_at = length;
        self.begin_body(socket, share, cx)
    }
}

/// The request whose head is complete, from the client that it is from.
///
/// # Errors
/// A [`Reject`] for a target or a host that no request can have.
// With several callers (here, HTTP/2, `explain`), the compiler would call what each request passes: this and the others
// that are inlined by hand cost four of a hundred instructions of a pipelined request.
#[inline(always)]
fn request<'r, W: Transport>(
    reader: &'r RequestReader,
    inbox: &'r Inbox,
    exchange: &mut Exchange,
    socket: &mut Socket<W>,
    cx: &mut WorkerContext,
) -> Result<RequestHead<'r>, Reject> {
    let mut head = reader.request(inbox.bytes(), socket.ends(cx))?;
    socket.resolve(&mut head, exchange, cx)?;
    Ok(head)
}

/// The response to a client that speaks HTTP where TLS is expected. It may not have sent a whole request.
pub(super) fn unsecured(cx: &WorkerContext) -> Vec<u8> {
    const BODY: &str = "This port speaks HTTPS, and the request came without TLS. Use https://.\n";
    let mut headers = Headers::new();
    headers.put("Content-Type", "text/plain; charset=utf-8");
    let line = ResponseLine {
        status: Status::BAD_REQUEST,
        reason: None,
        persistence: Persistence::Close,
        delimiter: Delimiter::Length(BODY.len() as u64),
    };
    let mut response = Vec::new();
    write_head(&mut response, line, cx.clock.server_and_date(), &headers);
    response.extend_from_slice(BODY.as_bytes());
    response
}

/// The first line of the preface of HTTP/2, which is no request of HTTP/1.
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";
