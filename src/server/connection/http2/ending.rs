//! How streams and connections end: with a fault, out of time, with the server.

use super::account::Cost;
use super::answering::Next;
use super::late_resets::LateResets;
use super::{Http2, Stage};
use crate::http::Reject;
use crate::http::h2::error::{ErrorCode, Fault};
use crate::http::h2::frame::STREAM_MAX;
use crate::http::h2::write;
use crate::server::connection::{Pause, Socket};
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, ExchangeState, Expired};
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::status::Refusal;
use std::time::{Duration, Instant};

impl Http2 {
    /// The client has broken the protocol, or asks for too much: everything ends.
    pub(super) fn fail<W: Transport>(
        &mut self,
        fault: Fault,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) {
        Refusal::Http2Fault.note();
        log::debug!("{}: {fault}; the connection ends", socket.name());
        self.abandon(cx);
        self.inbox.clear();
        self.block.clear();
        self.late_resets = LateResets::default();
        write::goaway(&mut self.link.outbox, self.last_stream, fault.code, fault.what);
        self.stage = Stage::Failed;
        self.settings_due = None;
        self.frame_due = None;
    }

    /// The client has broken a stream.
    ///
    /// # Errors
    /// If it has broken too many.
    pub(super) fn break_stream<W: Transport>(
        &mut self,
        stream: u32,
        fault: Fault,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        log::debug!("{}: stream {stream}: {fault}", socket.name());
        // A client that makes the server reset a stream is charged as for a reset of its own.
        self.link.account.charge(Cost::Reset, cx.clock.monotonic())?;
        self.link.reset(stream, fault.code);
        match self.place(stream) {
            Ok(place) => self.remove(place, true, cx),
            Err(_) => self.closed.add(stream, true),
        }
        Ok(())
    }

    /// A response is complete, and its request is not: the client need not send the rest.
    pub(super) fn reset_later(&mut self, stream: u32, cx: &WorkerContext) {
        let due = cx.clock.monotonic() + LateResets::TIME;
        let at_once = match self.stage {
            Stage::Closing => Some(stream),
            _ => self.late_resets.add(stream, due),
        };
        if let Some(stream) = at_once {
            self.link.reset(stream, ErrorCode::NoError);
        }
    }

    /// A response cannot be completed.
    pub(super) fn break_off(&mut self, place: usize, code: ErrorCode, cx: &mut WorkerContext) {
        let id = self.streams[place].id;
        self.link.reset(id, code);
        self.remove(place, true, cx);
    }

    /// Closes a stream.
    pub(super) fn remove(&mut self, place: usize, is_reset: bool, cx: &mut WorkerContext) {
        let mut stream = self.streams.remove(place);
        self.queue.remove(&mut stream);
        let unsent = stream.exchange.body.left_bytes();
        stream.record_ending(Some(unsent), cx);
        stream.exchange.abandon(cx);
        self.link.growth_left += stream.growth();
        self.closed.add(stream.id, is_reset);
        self.idle_since = cx.clock.monotonic();
        cx.free_streams.give(stream, &cx.setup);
    }

    /// The client sends nothing more. It may still read, or have gone.
    pub(super) fn end_of_client<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) {
        if !self.has_no_streams() {
            log::debug!("{}: closed by the client while {}", socket.name(), self.phase());
        }
        self.link.client_ended = true;
        self.settings_due = None;
        self.frame_due = None;
        self.wake_if(|_| true, cx);
        for place in (0..self.streams.len()).rev() {
            let next = self.streams[place].yield_place(&mut self.link, share, socket, cx);
            self.step(place, next, socket, share, cx);
        }
    }

    /// The server begins to stop, and the client is to know. Streams that have no end of their own are ended.
    pub(crate) fn stop(&mut self, cx: &WorkerContext) {
        for stream in &self.streams {
            stream.exchange.stop();
        }
        for stream in &self.resting {
            stream.exchange.stop();
        }
        if self.stage == Stage::Serving {
            // RFC 9113 §6.8: what the client has sent by the time that it knows is still served. It answers the PING
            // when it knows.
            write::goaway(&mut self.link.outbox, STREAM_MAX, ErrorCode::NoError, "");
            write::ping(&mut self.link.outbox, *b"stopping");
            self.stage = Stage::Announced { until: cx.clock.monotonic() + ANNOUNCED_TIME };
        }
    }

    /// The client has answered a PING: it knows that the connection will end, if it will.
    pub(super) fn take_ping_ack(&mut self, now: Instant) {
        if let Stage::Announced { until } = &mut self.stage {
            *until = now;
        }
    }

    /// Does what is due for the end of the connection.
    pub(super) fn advance_stage(&mut self, cx: &WorkerContext) {
        if cx.is_stopping {
            self.stop(cx);
        }
        if matches!(self.stage, Stage::Announced { until } if until <= cx.clock.monotonic()) {
            self.close(ErrorCode::NoError);
        }
    }

    /// No new streams are served from now on.
    fn close(&mut self, code: ErrorCode) {
        while let Some(stream) = self.late_resets.take() {
            self.link.reset(stream, ErrorCode::NoError);
        }
        write::goaway(&mut self.link.outbox, self.last_stream, code, "");
        self.stage = Stage::Closing;
    }

    /// A deadline has passed. `None`: drive the connection.
    pub(crate) fn expire<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Option<Pause> {
        let now = cx.clock.monotonic();
        let timeout = cx.setup.limits.send_timeout;
        if !self.link.is_empty() && self.link.moved_at + timeout <= now {
            let name = socket.name();
            log::info!("{name}: read nothing within send_timeout = {timeout:?}; broken off");
            socket.wire.fail_on_close();
            return Some(Pause::Close);
        }
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.frame_due) {
            let fault = Fault::protocol("a frame did not come within head_timeout");
            self.fail(fault, socket, cx);
        } else if is_due(self.settings_due) {
            let what = "our settings were not acknowledged within head_timeout";
            self.fail(Fault::new(ErrorCode::SettingsTimeout, what), socket, cx);
        }
        while let Some(stream) = self.late_resets.take_due(now) {
            self.link.reset(stream, ErrorCode::NoError);
        }
        self.wake_if(|stream| stream.deadline <= now, cx);
        for place in (0..self.streams.len()).rev() {
            if self.streams[place].deadline <= now {
                self.expire_stream(place, socket, share, cx);
            }
        }
        let is_idle = self.has_no_streams() && self.link.is_empty();
        let is_open = matches!(self.stage, Stage::Serving | Stage::Announced { .. });
        if is_idle && is_open && self.idle_since + cx.setup.limits.keepalive_timeout <= now {
            log::debug!("{}: idle for keepalive_timeout", socket.name());
            self.close(ErrorCode::NoError);
        }
        None
    }

    /// The deadline of a stream has passed.
    fn expire_stream<W: Transport>(
        &mut self,
        place: usize,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) {
        let now = cx.clock.monotonic();
        let stream = &mut self.streams[place];
        socket.know_client(stream.client);
        let timeout = stream.exchange.limits().send_timeout;
        let next = match stream.exchange.state {
            ExchangeState::Head | ExchangeState::Body => {
                stream.refuse(Reject::TimedOut, &mut self.link, share, socket, cx)
            }
            ExchangeState::Waiting(Awaited::Pace) => {
                stream.exchange.state = ExchangeState::Sending;
                stream.deadline = now + timeout;
                Next::Waits
            }
            ExchangeState::Waiting(awaited) => {
                let line = stream.head.line();
                match stream.exchange.expire(awaited, socket, line, cx) {
                    Expired::NotYet(deadline) => {
                        stream.deadline = deadline;
                        Next::Waits
                    }
                    Expired::Refused(response) => {
                        stream.refuse_with(*response, &mut self.link, share, socket, cx)
                    }
                    Expired::BrokenOff => Next::BrokenOff,
                }
            }
            ExchangeState::Answer if self.link.moved_at + timeout > now => {
                stream.deadline = now + timeout;
                Next::Waits
            }
            ExchangeState::Sending if stream.waits_for_turn(&self.link, now, timeout) => {
                stream.deadline = now + timeout;
                Next::Waits
            }
            ExchangeState::Answer | ExchangeState::Sending => {
                let name = socket.name();
                log::info!(
                    "{name}: took nothing of a response within send_timeout = {timeout:?}; broken off"
                );
                self.break_off(place, ErrorCode::Cancel, cx);
                return;
            }
        };
        self.step(place, next, socket, share, cx);
    }

    /// The server ends now: breaks off what is under way.
    pub(crate) fn cut<W: Transport>(&mut self, socket: &mut Socket<W>, cx: &mut WorkerContext) {
        if !self.has_no_streams() || !self.link.is_empty() {
            socket.wire.fail_on_close();
        }
        self.abandon(cx);
    }

    /// The connection is removed, or will be: all streams end.
    pub(crate) fn abandon(&mut self, cx: &mut WorkerContext) {
        self.wake_if(|_| true, cx);
        while let Some(last) = self.streams.len().checked_sub(1) {
            self.remove(last, true, cx);
        }
    }
}

/// How long a client has to learn that the connection will end. It usually takes no longer than its answer to a PING.
const ANNOUNCED_TIME: Duration = Duration::from_secs(1);
