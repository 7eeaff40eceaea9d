//! A connection: a socket's life, whatever it speaks.
//!
//! ```text
//! Handshake (TLS)
//!   │     first byte           preface
//!   ▼
//!  Idle ─────────────▶ Http1 ──────────▶ Http2 ──▶ (closed)
//!   ▲                  │ ▲ │               ▲
//!   │ all sent         │ │ │ bytes unread  │
//!   └──────────────────┘ │ └───▶ Lingering ┘
//!                        ▼
//!                     Resting: its response waits for its sender
//! ```
//!
//! An idle connection owns its socket and a few fields. It must never know mio's `Poll`, the slab, TOML or the disk.

pub(crate) mod http1;
pub(crate) mod http2;
mod inbox;
mod lingering;
mod outbox;
mod phase;
mod socket;
mod state;

pub(crate) use http1::{FreeList, Http1, Resting};
pub(crate) use http2::{FreeStreams, Http2};
use lingering::linger;
pub(crate) use phase::Phase;
pub(crate) use socket::Socket;
use state::refusal_of;

use super::client_name::ClientName;
use super::context::WorkerContext;
use super::exchange::{Awaited, ExchangeState};
use super::id::{ConnectionId, ExchangeId};
use super::mailbox::Completion;
use super::share::Share;
use super::wire::{Edge, More, Readiness, Transport};
use crate::site::status::Refusal;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// A connection.
pub(crate) struct Connection<W> {
    socket: Socket<W>,
    protocol: Protocol,
    /// When the timer wheel will look at it; no later than the deadline.
    pub(super) hinted: Option<Instant>,
    /// Whether it stands in the worker's queue of those that can go on.
    pub(super) is_queued: bool,
}

/// What the connection speaks at the moment.
enum Protocol {
    /// Nothing before the stream is ready for it.
    Handshake,
    /// Nothing: it waits for the first byte of a request.
    Idle,
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    /// HTTP/1, but its response waits for its sender, and its buffers serve others meanwhile.
    Resting(Box<Resting>),
    /// Nothing any more: it waits until the client has closed its side. Closing with unread bytes would make the kernel
    /// send RST, which can destroy the response that was just written.
    Lingering {
        until: Instant,
    },
}

/// What the worker does with a connection after it was driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Wait for an edge, or for the deadline.
    Sleep,
    /// It could go on, but others have their turn: drive it again in the next turn.
    Again,
    /// Drop it.
    Close,
}

/// Why a protocol stops for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Until an edge, a message or the deadline.
    Sleep,
    /// The same, and perhaps for very long: the response waits for more of its body.
    Rest,
    /// Others have their turn.
    Again,
    /// No request has begun.
    Idle,
    /// The client speaks HTTP/2.
    Http2,
    /// Everything is sent; the bytes that still come are thrown away.
    Linger,
    /// There is nothing left to do.
    Close,
}

impl<W: Transport> Connection<W> {
    /// A connection fresh from accept.
    pub(crate) fn new(
        id: ConnectionId,
        peer: Option<SocketAddr>,
        listener: u16,
        wire: W,
        cx: &WorkerContext,
    ) -> Connection<W> {
        let limits = &cx.setup.limits;
        let (protocol, time) = match wire.has_handshake() {
            true => (Protocol::Handshake, limits.handshake_timeout),
            false => (Protocol::Idle, limits.head_timeout),
        };
        let deadline = cx.clock.monotonic() + time;
        let for_status = cx.is_for_status(listener);
        Connection {
            socket: Socket::new(id, peer, listener, wire, deadline, for_status),
            protocol,
            hinted: None,
            is_queued: false,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> ConnectionId {
        self.socket.id
    }

    /// Whether it came to an address for the status of the server.
    pub(crate) fn is_for_status(&self) -> bool {
        self.socket.for_status
    }

    /// When it gives up waiting.
    pub(crate) fn deadline(&self) -> Instant {
        self.socket.deadline
    }

    /// Its client, as the log names it.
    pub(crate) fn name(&self) -> ClientName {
        self.socket.name()
    }

    /// What it waits for.
    pub(crate) fn phase(&self) -> Phase {
        match &self.protocol {
            Protocol::Handshake => Phase::Handshake,
            Protocol::Idle => Phase::Idle,
            Protocol::Http1(http1) => Phase::In(http1.state()),
            Protocol::Http2(http2) => http2.phase(),
            Protocol::Resting(_) => Phase::In(ExchangeState::Waiting(Awaited::Production)),
            Protocol::Lingering { .. } => Phase::Lingering,
        }
    }

    /// Whether it is sending a response.
    pub(crate) fn is_sending(&self) -> bool {
        self.phase() == Phase::In(ExchangeState::Sending)
    }

    /// The books of HTTP/2, if that is spoken.
    #[cfg(test)]
    pub(crate) fn audit(&self) -> Option<http2::Audit> {
        match &self.protocol {
            Protocol::Http2(http2) => Some(http2.audit()),
            _ => None,
        }
    }

    /// The stream, to register it with epoll.
    pub(crate) fn wire(&self) -> &W {
        &self.socket.wire
    }

    /// Makes it give up at this time, if it would have waited longer.
    pub(crate) fn hurry(&mut self, until: Instant) {
        self.socket.deadline = self.socket.deadline.min(until);
    }

    /// Takes in an edge, before it is driven.
    pub(crate) fn note(&mut self, edge: Edge) {
        self.socket.note(edge);
    }

    /// Goes as far as it can.
    pub(crate) fn drive(&mut self, share: &mut Share, cx: &mut WorkerContext) -> Verdict {
        loop {
            match self.socket.wire.progress() {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Blocked) => return Verdict::Sleep,
                Ok(Readiness::Later) => return Verdict::Again,
                Ok(Readiness::Unsecured) => {
                    let pause = self.refuse_unsecured(cx);
                    match self.pause(pause, cx) {
                        Some(verdict) => return verdict,
                        None => continue,
                    }
                }
                Err(error) => {
                    match error.kind() {
                        // The header of a proxy.
                        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                            self.socket.log_bad_beginning(&error, cx);
                        }
                        _ => self.socket.log_failure(&error, self.phase()),
                    }
                    return Verdict::Close;
                }
            }
            let pause = match &mut self.protocol {
                Protocol::Handshake => {
                    if log::log_enabled!(log::Level::Debug)
                        && let Some(tls) = self.socket.wire.tls()
                    {
                        self.socket.log_handshake(&tls);
                    }
                    self.protocol = Protocol::Idle;
                    self.socket.deadline = cx.clock.monotonic() + cx.setup.limits.head_timeout;
                    continue;
                }
                Protocol::Idle if !self.socket.wire.has_unread() => return Verdict::Sleep,
                Protocol::Idle => {
                    if !self.socket.has_served {
                        self.socket.meet(cx);
                    }
                    let id = ExchangeId::from(self.socket.id);
                    self.protocol = Protocol::Http1(cx.free_list.take(id, &cx.setup));
                    continue;
                }
                Protocol::Http1(http1) => http1.drive(&mut self.socket, share, cx),
                Protocol::Http2(http2) => http2.drive(&mut self.socket, share, cx),
                Protocol::Resting(resting) => resting.watch(&mut self.socket, cx),
                Protocol::Lingering { until } => linger(&mut self.socket, *until, share, cx),
            };
            if let Some(verdict) = self.pause(pause, cx) {
                return verdict;
            }
        }
    }

    /// The client speaks HTTP where TLS is expected: says so, and closes.
    fn refuse_unsecured(&mut self, cx: &WorkerContext) -> Pause {
        Refusal::NoTls.note();
        log::info!(
            "{}: speaks HTTP without TLS on an https:// address; answered 400",
            self.socket.name()
        );
        match self.socket.wire.write([&http1::unsecured(cx), b"", b""], More::Follows) {
            Ok(_) => Pause::Linger,
            Err(_) => Pause::Close,
        }
    }

    /// The protocol has paused. `None`: the connection goes on with another protocol.
    fn pause(&mut self, pause: Pause, cx: &mut WorkerContext) -> Option<Verdict> {
        let limits = &cx.setup.limits;
        match pause {
            Pause::Sleep => Some(Verdict::Sleep),
            Pause::Rest => {
                if let Protocol::Http1(http1) = &mut self.protocol
                    && let Some(resting) = http1.rest(cx)
                    && let Protocol::Http1(http1) =
                        std::mem::replace(&mut self.protocol, Protocol::Resting(resting))
                {
                    cx.free_list.give(http1, &cx.setup);
                }
                Some(Verdict::Sleep)
            }
            Pause::Again => Some(Verdict::Again),
            Pause::Close => Some(Verdict::Close),
            Pause::Idle => {
                // Buffers go back to the worker.
                if let Protocol::Http1(http1) =
                    std::mem::replace(&mut self.protocol, Protocol::Idle)
                {
                    cx.free_list.give(http1, &cx.setup);
                }
                if self.socket.has_served {
                    self.socket.deadline = cx.clock.monotonic() + limits.keepalive_timeout;
                    if cx.is_stopping && !cx.is_draining {
                        return Some(Verdict::Close);
                    }
                }
                Some(Verdict::Sleep)
            }
            Pause::Http2 => {
                if let Protocol::Http1(mut http1) =
                    std::mem::replace(&mut self.protocol, Protocol::Idle)
                {
                    self.protocol = Protocol::Http2(http1.speak_http2(cx));
                    cx.free_list.give(http1, &cx.setup);
                }
                None
            }
            Pause::Linger => {
                self.socket.wire.shut_write();
                let now = cx.clock.monotonic();
                let until = now + limits.lingering_time;
                let time = match self.socket.wire.has_unsent() {
                    true => limits.send_timeout,
                    false => limits.lingering_timeout,
                };
                self.socket.deadline = now + time;
                let lingering = Protocol::Lingering { until };
                if let Protocol::Http1(http1) = std::mem::replace(&mut self.protocol, lingering) {
                    cx.free_list.give(http1, &cx.setup);
                }
                None
            }
        }
    }

    /// Goes on where it rested.
    fn resume(&mut self, cx: &mut WorkerContext) {
        if let Protocol::Resting(_) = self.protocol
            && let Protocol::Resting(rested) = std::mem::replace(&mut self.protocol, Protocol::Idle)
        {
            let mut http1 = cx.free_list.take(rested.exchange.id, &cx.setup);
            http1.resume(*rested);
            self.protocol = Protocol::Http1(http1);
        }
    }

    /// A thread or an application has done something for an exchange of this connection.
    pub(crate) fn complete(
        &mut self,
        id: ExchangeId,
        completion: Completion,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Verdict {
        if matches!(completion, Completion::Moved) {
            self.resume(cx);
        }
        match &mut self.protocol {
            Protocol::Http1(http1) if http1.id() == id => {
                if http1.complete(completion, &mut self.socket, share, cx) {
                    self.drive(share, cx)
                } else {
                    Verdict::Sleep
                }
            }
            Protocol::Http2(http2) => {
                if http2.complete(id, completion, &mut self.socket, share, cx) {
                    self.drive(share, cx)
                } else {
                    Verdict::Sleep
                }
            }
            _ => {
                cx.drop_completion(completion);
                Verdict::Sleep
            }
        }
    }

    /// There is room on the disk again for what a slow client does not take.
    pub(crate) fn relieve(&mut self, share: &mut Share, cx: &mut WorkerContext) -> Verdict {
        match self.phase() {
            Phase::In(ExchangeState::Sending) | Phase::Blocked => self.drive(share, cx),
            _ => Verdict::Sleep,
        }
    }

    /// The server begins to stop. An idle connection ends; one that has not sent anything yet has until `silent_until`.
    /// While another process goes on, both keep the time that they have.
    /// Streams that have no end of their own are ended: their exchanges are woken for that.
    pub(crate) fn stop(
        &mut self,
        silent_until: Instant,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Verdict {
        match &mut self.protocol {
            Protocol::Handshake | Protocol::Idle if cx.is_draining => {}
            Protocol::Idle if self.socket.has_served => return Verdict::Close,
            Protocol::Handshake | Protocol::Idle => self.hurry(silent_until),
            Protocol::Http1(http1) => http1.stop_stream(),
            Protocol::Resting(resting) => resting.exchange.stop(),
            Protocol::Http2(http2) => {
                http2.stop(cx);
                return self.drive(share, cx);
            }
            Protocol::Lingering { .. } => {}
        }
        Verdict::Sleep
    }

    /// The deadline has passed.
    pub(crate) fn expire(&mut self, share: &mut Share, cx: &mut WorkerContext) -> Verdict {
        if let Protocol::Resting(resting) = &self.protocol
            && let Some(deadline) = resting.exchange.keep_alive(cx)
        {
            self.socket.deadline = deadline;
            return Verdict::Sleep;
        }
        if self.phase() != Phase::In(ExchangeState::Waiting(Awaited::Pace)) {
            log::debug!("{}: timed out while {}", self.socket.name(), self.phase());
        }
        self.resume(cx);
        match &mut self.protocol {
            Protocol::Handshake
            | Protocol::Idle
            | Protocol::Resting(_)
            | Protocol::Lingering { .. } => Verdict::Close,
            Protocol::Http1(http1) => match http1.expire(&mut self.socket, share, cx) {
                Some(Pause::Close) => Verdict::Close,
                Some(_) => Verdict::Sleep,
                None => self.drive(share, cx),
            },
            Protocol::Http2(http2) => match http2.expire(&mut self.socket, share, cx) {
                Some(_) => Verdict::Close,
                None => self.drive(share, cx),
            },
        }
    }

    /// The server ends now: breaks off a response that is under way.
    pub(crate) fn cut(&mut self, cx: &mut WorkerContext) {
        self.resume(cx);
        match &mut self.protocol {
            Protocol::Http1(http1) => http1.cut(&mut self.socket, cx),
            Protocol::Http2(http2) => http2.cut(&mut self.socket, cx),
            Protocol::Handshake
            | Protocol::Idle
            | Protocol::Resting(_)
            | Protocol::Lingering { .. } => {}
        }
    }

    /// The connection is removed, and with it its exchange.
    pub(crate) fn abandon(&mut self, cx: &mut WorkerContext) {
        self.resume(cx);
        match &mut self.protocol {
            Protocol::Http1(http1) => {
                if http1.owes_nothing() {
                    self.socket.wire.take_leave();
                }
                http1.abandon(cx);
            }
            Protocol::Http2(http2) => http2.abandon(cx),
            Protocol::Idle => self.socket.wire.take_leave(),
            Protocol::Handshake | Protocol::Resting(_) | Protocol::Lingering { .. } => {}
        }
    }
}
