//! The client's frames, and what each of them does.

use super::account::Cost;
use super::answering::Next;
use super::stream::PushFault;
use super::{Http2, STREAMS_MAX};
use crate::http::h2::error::{ErrorCode, Fault};
use crate::http::h2::frame::{DataPart, Frame, PREFACE};
use crate::http::h2::write;
use crate::http::priority::Priority;
use crate::server::connection::Socket;
use crate::server::connection::inbox::Inbox;
use crate::server::context::WorkerContext;
use crate::server::share::Share;
use crate::server::wire::{ReadOutcome, Transport};
use crate::site::Freshness;

/// Why reading frames stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// All that has come is read.
    All,
    /// Others have their turn.
    Paused,
    /// What waits to be written has to leave first.
    Full,
    /// The connection has died.
    Broken,
}

impl Http2 {
    /// Reads frames and does what they say.
    pub(super) fn receive<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Received {
        loop {
            match self.read_frames(socket, share, cx) {
                Ok(Received::All) => {}
                Ok(stopped) => return stopped,
                Err(fault) => {
                    self.fail(fault, socket, cx);
                    return Received::All;
                }
            }
            if self.link.client_ended {
                return Received::All;
            }
            if share.is_used_up() && socket.wire.has_unread() {
                return Received::Paused;
            }
            share.spend_read();
            if !self.inbox.is_allocated() {
                self.inbox = cx.free_streams.take_inbox();
            }
            self.inbox.widen_if_filled(WIDE_BYTES);
            match socket.wire.read(self.inbox.room(WIDE_BYTES)) {
                Ok(ReadOutcome::Bytes(count)) => {
                    self.inbox.arrived(count, socket.take_reported());
                    share.spend_bytes(count as u64);
                    share.note_read(count);
                }
                Ok(ReadOutcome::Blocked) => {
                    // What arrives from here on was not reported before the last look at file changes.
                    socket.take_reported();
                    self.note_unfinished(cx);
                    return Received::All;
                }
                Ok(ReadOutcome::End) => {
                    self.end_of_client(socket, share, cx);
                    return Received::All;
                }
                Err(error) => {
                    socket.log_failure(&error, self.phase());
                    return Received::Broken;
                }
            }
        }
    }

    /// A frame that has begun, or a block of fields, has to come to its end in time.
    fn note_unfinished(&mut self, cx: &WorkerContext) {
        let is_whole = self.inbox.is_empty() && self.reader.is_between_frames();
        // The data of a request has its own time.
        let is_awaited = !is_whole && (self.has_no_streams() || self.reader.is_in_block());
        match is_awaited || self.preface_left > 0 {
            true => {
                let due = cx.clock.monotonic() + cx.setup.limits.head_timeout;
                self.frame_due.get_or_insert(due);
            }
            false => self.frame_due = None,
        }
    }

    fn read_frames<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<Received, Fault> {
        self.read_preface()?;
        if self.preface_left > 0 {
            return Ok(Received::All);
        }
        // The inbox is lent to the loop, because frames are views of it.
        let mut inbox = std::mem::replace(&mut self.inbox, Inbox::unallocated());
        let result = loop {
            if !self.link.has_room() {
                break Ok(Received::Full);
            }
            if share.is_used_up() && !inbox.is_empty() {
                break Ok(Received::Paused);
            }
            let (used, frame) = match self.reader.next(inbox.bytes()) {
                Ok(Some(read)) => read,
                Ok(None) => break Ok(Received::All),
                Err(fault) => break Err(fault),
            };
            let mut freshness = inbox.freshness();
            let before = freshness;
            let taken = self.take(frame, &mut freshness, socket, share, cx);
            inbox.consume(used);
            if freshness != before {
                inbox.know_all();
            }
            if let Err(fault) = taken {
                break Err(fault);
            }
        };
        self.inbox = inbox;
        result
    }

    fn read_preface(&mut self) -> Result<(), Fault> {
        if self.preface_left == 0 {
            return Ok(());
        }
        let arrived = self.inbox.bytes();
        let expected = &PREFACE[PREFACE.len() - self.preface_left..];
        let count = arrived.len().min(expected.len());
        if arrived[..count] != expected[..count] {
            return Err(Fault::protocol("the preface is not that of HTTP/2"));
        }
        self.inbox.consume(count);
        self.preface_left -= count;
        Ok(())
    }

    /// Does what a frame says.
    ///
    /// # Errors
    /// A fault that ends the connection.
    fn take<W: Transport>(
        &mut self,
        frame: Frame<'_>,
        freshness: &mut Freshness,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        let now = cx.clock.monotonic();
        share.spend_chunk();
        self.wake(frame.stream(), cx);
        match frame {
            Frame::Data(part) => self.take_data(part, socket, share, cx),
            Frame::Headers(headers) => self.take_headers(headers, freshness, socket, share, cx),
            Frame::Continuation { fragment, ends_headers, .. } => {
                self.link.account.charge(Cost::Frame, now)?;
                self.block.push(fragment, cx.setup.limits.head_bytes_max)?;
                if !ends_headers {
                    return Ok(());
                }
                let block = std::mem::take(&mut self.block);
                let (stream, ends_stream) = (block.stream(), block.ends_stream());
                self.take_block(stream, ends_stream, block.bytes(), freshness, socket, share, cx)
            }
            Frame::Priority | Frame::Unknown | Frame::GoAway => {
                self.link.account.charge(Cost::Frame, now)
            }
            Frame::Reset { stream } => self.take_reset(stream, cx),
            Frame::Settings { payload } => {
                self.link.account.charge(Cost::Settings, now)?;
                self.take_settings(payload, cx)
            }
            Frame::SettingsAck => match self.settings_due.take() {
                Some(_) => Ok(()),
                None => self.link.account.charge(Cost::Answer, now),
            },
            Frame::Ping { data } => {
                self.link.account.charge(Cost::Answer, now)?;
                write::ping_ack(&mut self.link.outbox, data);
                Ok(())
            }
            Frame::PingAck => {
                self.take_ping_ack(now);
                self.link.account.charge(Cost::Frame, now)
            }
            Frame::WindowUpdate { stream, increment } => {
                self.link.account.charge(Cost::Frame, now)?;
                self.take_window(stream, increment, socket, cx)
            }
            Frame::PriorityUpdate { stream, value } => {
                self.link.account.charge(Cost::Frame, now)?;
                self.take_priority(stream, value)
            }
            Frame::Broken { stream, .. } if self.is_idle(stream) => {
                Err(Fault::protocol("a broken frame of a stream that was never opened"))
            }
            Frame::Broken { stream, fault } => self.break_stream(stream, fault, socket, cx),
        }
    }

    fn take_settings(&mut self, payload: &[u8], cx: &mut WorkerContext) -> Result<(), Fault> {
        let before = self.link.peer.window;
        self.link.peer.apply(payload)?;
        self.link.encoder.bound(self.link.peer.header_table_bytes as usize);
        let by = i64::from(self.link.peer.window) - i64::from(before);
        if by != 0 {
            // RFC 9113 §6.9.2: of all streams, and not of the connection.
            self.wake_if(|_| true, cx);
            let all_fit = self.streams.iter_mut().all(|stream| stream.window.change(by));
            if !all_fit {
                return Err(Fault::new(ErrorCode::FlowControl, "a window becomes too large"));
            }
            (0..self.streams.len()).for_each(|place| self.settle(place));
        }
        write::settings_ack(&mut self.link.outbox);
        Ok(())
    }

    fn take_window<W: Transport>(
        &mut self,
        stream: u32,
        increment: u32,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        const TOO_LARGE: Fault = Fault::new(ErrorCode::FlowControl, "a window becomes too large");
        if stream == 0 {
            return match self.link.window.change(i64::from(increment)) {
                true => Ok(()),
                false => Err(TOO_LARGE),
            };
        }
        match self.place(stream) {
            Ok(place) if !self.streams[place].window.change(i64::from(increment)) => {
                self.break_stream(stream, TOO_LARGE, socket, cx)
            }
            Ok(place) => {
                self.settle(place);
                Ok(())
            }
            Err(_) if self.is_idle(stream) => {
                Err(Fault::protocol("WINDOW_UPDATE of a stream that was never opened"))
            }
            Err(_) => Ok(()),
        }
    }

    /// RFC 9218 §7.1: a priority may come before its request.
    fn take_priority(&mut self, stream: u32, value: &[u8]) -> Result<(), Fault> {
        if stream.is_multiple_of(2) {
            return Err(Fault::protocol("PRIORITY_UPDATE for a stream of the server"));
        }
        let priority = Priority::parse(value);
        if let Ok(place) = self.place(stream) {
            self.streams[place].priority = priority.unwrap_or(self.streams[place].priority);
            self.settle(place);
        } else if self.is_idle(stream) {
            let is_known = self.early_priorities.iter().any(|(it, _)| *it == stream);
            if !is_known && self.early_priorities.len() + self.streams() >= STREAMS_MAX {
                return Err(Fault::protocol("PRIORITY_UPDATE for more streams than there can be"));
            }
            if let Some(priority) = priority {
                self.early_priorities.retain(|(it, _)| *it != stream);
                self.early_priorities.push((stream, priority));
            }
        }
        Ok(())
    }

    /// The priority that came before a request, if any. Streams with lower numbers are never opened any more (RFC 9113
    /// §5.1.1).
    pub(super) fn early_priority(&mut self, stream: u32) -> Option<Priority> {
        let found = self.early_priorities.iter().find(|(it, _)| *it == stream);
        let priority = found.map(|(_, priority)| *priority);
        self.early_priorities.retain(|(it, _)| *it > stream);
        priority
    }

    /// The client takes back a request, or what is left of its response.
    fn take_reset(&mut self, stream: u32, cx: &mut WorkerContext) -> Result<(), Fault> {
        let now = cx.clock.monotonic();
        match self.place(stream) {
            Ok(place) => {
                self.link.account.charge(Cost::Reset, now)?;
                self.remove(place, false, cx);
                Ok(())
            }
            Err(_) if self.is_idle(stream) => {
                Err(Fault::protocol("RST_STREAM of a stream that was never opened"))
            }
            Err(_) => {
                self.late_resets.remove(stream);
                self.link.account.charge(Cost::Frame, now)
            }
        }
    }

    fn take_data<W: Transport>(
        &mut self,
        part: DataPart<'_>,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        let now = cx.clock.monotonic();
        let DataPart { stream: id, bytes, counted, padding, is_last, ends_stream, .. } = part;
        self.link.receive(counted)?;
        if part.is_of_empty_frame && !ends_stream {
            self.link.account.charge(Cost::Answer, now)?;
        }
        let Ok(place) = self.place(id) else {
            if self.is_idle(id) {
                return Err(Fault::protocol("data of a stream that was never opened"));
            }
            self.link.account.charge(Cost::Frame, now)?;
            if self.late_resets.contains(id) {
                // The response was complete before. The client learns that it need not send the rest.
                if ends_stream {
                    self.late_resets.remove(id);
                }
            } else if is_last && id <= self.last_stream && self.closed.find(id) != Some(true) {
                self.link.reset(id, ErrorCode::StreamClosed);
                self.closed.add(id, true);
            }
            return Ok(());
        };
        let stream = &mut self.streams[place];
        if stream.has_all {
            let fault = Fault::new(ErrorCode::StreamClosed, "data behind the end of a request");
            return self.break_stream(id, fault, socket, cx);
        }
        if !stream.count(counted, padding) {
            let what = "more data than the window of the stream";
            return self.break_stream(id, Fault::new(ErrorCode::FlowControl, what), socket, cx);
        }
        let pushed = stream.push(bytes, &mut self.link).and_then(|()| {
            let ended = if ends_stream { stream.end() } else { Ok(()) };
            ended.map_err(PushFault::Malformed)
        });
        let next = match pushed {
            Ok(()) => Next::Driven,
            Err(PushFault::Malformed(what)) => {
                return self.break_stream(id, Fault::protocol(what), socket, cx);
            }
            Err(PushFault::Rejected(reject)) => {
                stream.refuse(reject, &mut self.link, share, socket, cx)
            }
        };
        self.step(place, next, socket, share, cx);
        Ok(())
    }
}

/// How much is read at once.
const WIDE_BYTES: usize = 64 * 1024;
