//! How the body of a request is read out of the inbox (RFC 9112 §6, §7) and handed to its exchange.

use super::{After, Arrived, Http1, Pause, Socket, Step};
use crate::http::Reject;
use crate::http::h1::body::BodyEnd;
use crate::server::context::WorkerContext;
use crate::server::exchange::ExchangeState;
use crate::server::share::Share;
use crate::server::wire::Transport;

/// Why reading a body stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyProgress {
    /// All that has arrived is handed on, and more is to come.
    Arrived,
    /// Others have their turn; the rest of what has arrived is read after that.
    Interrupted,
    /// The exchange has no room for more.
    Full,
    /// The body is complete.
    All,
}

/// What comes after handing on a body whose handler has responded already.
enum Pumped {
    /// Nothing more has arrived.
    All,
    /// More may have arrived, but others have their turn first.
    ForNow,
    /// The connection has died.
    Failed,
}

impl Http1 {
    /// Reads the body up to its end. Then the site is asked.
    pub(super) fn read_body<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        loop {
            match self.decode_body(share) {
                Ok(BodyProgress::All) => {
                    let state = self.exchange.body_complete(cx);
                    return Ok(self.waits_from_now(state, socket, cx));
                }
                Ok(BodyProgress::Full) => {
                    let state = self.exchange.make_room(cx);
                    return Ok(self.waits_from_now(state, socket, cx));
                }
                Ok(BodyProgress::Interrupted) => return Err(Pause::Again),
                Ok(BodyProgress::Arrived) => {}
                Err(Reject::BodyTooLarge) if self.exchange.is_refused() => {
                    return Ok(ExchangeState::Answer);
                }
                Err(reject) => return self.refuse(reject, socket, share, cx),
            }
            self.inbox.widen_if_filled(WIDE_BYTES);
            socket.deadline = self.exchange.body_deadline(cx);
            // Neither earlier responses nor a 100 may wait until the body is complete.
            if let Err(error) = self.flush_gathered(socket, cx) {
                return Err(self.fail(&error, socket));
            }
            if self.read(socket, share)? == Arrived::End {
                // The body has broken off, but the client still wants the responses to its earlier requests.
                return match self.outbox.is_empty() {
                    true => Err(Pause::Close),
                    false => Ok(self.end_after_responses(cx)),
                };
            }
        }
    }

    /// Sets the deadline of a wait that has begun.
    fn waits_from_now<W: Transport>(
        &mut self,
        state: ExchangeState,
        socket: &mut Socket<W>,
        cx: &WorkerContext,
    ) -> ExchangeState {
        if let ExchangeState::Waiting(awaited) = state {
            socket.deadline = self.exchange.wait_deadline(awaited, cx);
        }
        state
    }

    /// Hands on the part of the body that has arrived.
    ///
    /// # Errors
    /// A [`Reject`] for broken framing, or for a body that is too large.
    fn decode_body(&mut self, share: &mut Share) -> Result<BodyProgress, Reject> {
        loop {
            let arrived = self.inbox.bytes().get(self.unread_at..).unwrap_or_default();
            let input = &arrived[..arrived.len().min(self.exchange.incoming.room())];
            let decoded = self.reader.read_body(input)?;
            self.exchange.incoming.receive(&input[decoded.data])?;
            self.unread_at += decoded.consumed;
            if decoded.end == BodyEnd::Reached {
                return Ok(BodyProgress::All);
            }
            if decoded.consumed == arrived.len() {
                self.inbox.truncate(self.head_bytes);
                self.unread_at = self.head_bytes;
                return Ok(BodyProgress::Arrived);
            }
            if input.is_empty() {
                return Ok(BodyProgress::Full);
            }
            if share.is_used_up() {
                return Ok(BodyProgress::Interrupted);
            }
            share.spend_chunk();
        }
    }

    /// Sends a response. If its handler still reads the request, hands on first what has arrived of that. Since the
    /// response has begun, an error in the request's body is only seen by the handler.
    pub(super) fn pump_and_send<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        match self.pump_body(socket, share) {
            Pumped::All => self.send(socket, share, cx),
            Pumped::ForNow => match self.send(socket, share, cx) {
                Err(Pause::Sleep) => Err(Pause::Again),
                step => step,
            },
            Pumped::Failed => {
                self.break_off(socket, cx);
                Err(Pause::Close)
            }
        }
    }

    /// Hands on what has arrived while the handler produces nothing.
    pub(super) fn pump_while_idle<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Pause {
        match self.pump_body(socket, share) {
            Pumped::All => Pause::Sleep,
            Pumped::ForNow => Pause::Again,
            Pumped::Failed => {
                self.break_off(socket, cx);
                Pause::Close
            }
        }
    }

    fn pump_body<W: Transport>(&mut self, socket: &mut Socket<W>, share: &mut Share) -> Pumped {
        while self.exchange.incoming.is_stream() {
            match self.decode_body(share) {
                Ok(BodyProgress::All) => {
                    self.exchange.incoming.finish_stream();
                    return Pumped::All;
                }
                // The thread sends a message when there is room again.
                Ok(BodyProgress::Full) => return Pumped::All,
                Ok(BodyProgress::Interrupted) => return Pumped::ForNow,
                Ok(BodyProgress::Arrived) => {}
                Err(_) => {
                    self.exchange.incoming.break_stream();
                    return Pumped::All;
                }
            }
            self.inbox.widen_if_filled(WIDE_BYTES);
            match self.read(socket, share) {
                Ok(Arrived::Bytes) => {}
                // The client has closed its half in the midst of its body. Its handler finds that, and the client may
                // still read the response.
                Ok(Arrived::End) => {
                    self.exchange.incoming.break_stream();
                    self.after = After::Close;
                    return Pumped::All;
                }
                Err(Pause::Again) => return Pumped::ForNow,
                Err(Pause::Sleep | Pause::Rest | Pause::Idle | Pause::Http2 | Pause::Linger) => {
                    return Pumped::All;
                }
                Err(Pause::Close) => return Pumped::Failed,
            }
        }
        Pumped::All
    }
}

/// How much of a large body is read at once. With this, a worker takes in a gigabyte with few calls, and others still
/// have their turn.
const WIDE_BYTES: usize = 64 * 1024;
