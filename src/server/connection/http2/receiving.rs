//! The client's frames, and what each of them does.

use super::account::Cost;
use super::answering::Next;
use super::stream::PushFault;
use super::{Http2, STREAMS_MAX, Stage};
use crate::http::h2::error::{ErrorCode, Fault};
use crate::http::h2::frame::{DataPart, Frame, HeadersFrame, PREFACE};
use crate::http::h2::request::{HeadFault, TrailerReader};
use crate::http::h2::write;
use crate::http::hpack::HpackError;
use crate::http::priority::Priority;
use crate::server::connection::Socket;
use crate::server::connection::inbox::Inbox;
use crate::server::context::WorkerContext;
use crate::server::id::ExchangeId;
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
            if self.client_ended {
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
        let is_awaited = !is_whole && (self.streams.is_empty() || self.reader.is_in_block());
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
                self.take_settings(payload)
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
                if stream.is_multiple_of(2) {
                    return Err(Fault::protocol("PRIORITY_UPDATE for a stream of the server"));
                }
                if let (Ok(place), Some(priority)) = (self.place(stream), Priority::parse(value)) {
                    self.streams[place].priority = priority;
                }
                Ok(())
            }
            Frame::Broken { stream, .. } if self.is_idle(stream) => {
                Err(Fault::protocol("a broken frame of a stream that was never opened"))
            }
            Frame::Broken { stream, fault } => self.break_stream(stream, fault, socket, cx),
        }
    }

    fn take_settings(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let before = self.link.peer.window;
        self.link.peer.apply(payload)?;
        self.link.encoder.bound(self.link.peer.header_table_bytes as usize);
        let by = i64::from(self.link.peer.window) - i64::from(before);
        if by != 0 {
            // RFC 9113 §6.9.2: of all streams, and not of the connection.
            let all_fit = self.streams.iter_mut().all(|stream| stream.window.change(by));
            if !all_fit {
                return Err(Fault::new(ErrorCode::FlowControl, "a window becomes too large"));
            }
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
            Ok(_) => Ok(()),
            Err(_) if self.is_idle(stream) => {
                Err(Fault::protocol("WINDOW_UPDATE of a stream that was never opened"))
            }
            Err(_) => Ok(()),
        }
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
            Err(_) => self.link.account.charge(Cost::Frame, now),
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
        let DataPart { stream: id, bytes, counted, padding, is_last, ends_stream } = part;
        self.link.receive(counted)?;
        if is_last && bytes.is_empty() && !ends_stream {
            self.link.account.charge(Cost::Answer, now)?;
        }
        let Ok(place) = self.place(id) else {
            if self.is_idle(id) {
                return Err(Fault::protocol("data of a stream that was never opened"));
            }
            self.link.account.charge(Cost::Frame, now)?;
            if is_last && self.closed.find(id) != Some(true) {
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

    fn take_headers<W: Transport>(
        &mut self,
        headers: HeadersFrame<'_>,
        freshness: &mut Freshness,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        let HeadersFrame { stream, fragment, ends_headers, ends_stream, depends_on_itself } =
            headers;
        if stream.is_multiple_of(2) {
            return Err(Fault::protocol("a client opens a stream of the server"));
        }
        if depends_on_itself {
            return Err(Fault::protocol("a stream depends on itself"));
        }
        if !ends_headers {
            return self.block.begin(stream, ends_stream, fragment, cx.setup.limits.head_bytes_max);
        }
        self.take_block(stream, ends_stream, fragment, freshness, socket, share, cx)
    }

    /// A block of fields is complete: it begins a request, or ends the body of one.
    #[expect(clippy::too_many_arguments, reason = "what a frame says, and what every step needs")]
    fn take_block<W: Transport>(
        &mut self,
        id: u32,
        ends_stream: bool,
        block: &[u8],
        freshness: &mut Freshness,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        if let Ok(place) = self.place(id) {
            return self.take_trailers(place, ends_stream, block, socket, share, cx);
        }
        if id <= self.last_stream {
            self.pass_over(block, cx)?;
            return match self.closed.find(id) {
                Some(true) => self.link.account.charge(Cost::Answer, cx.clock.monotonic()),
                Some(false) => {
                    Err(Fault::new(ErrorCode::StreamClosed, "a request on a closed stream"))
                }
                None => Err(Fault::protocol("a stream with a lower number than one before")),
            };
        }
        if self.stage == Stage::Closing {
            // It was sent before the client knew, and can be sent again elsewhere (RFC 9113 §6.8).
            return self.pass_over(block, cx);
        }
        self.last_stream = id;
        if self.streams.len() >= STREAMS_MAX {
            self.pass_over(block, cx)?;
            self.link.account.charge(Cost::Reset, cx.clock.monotonic())?;
            self.link.reset(id, ErrorCode::RefusedStream);
            self.closed.add(id, true);
            return Ok(());
        }
        let id = ExchangeId { connection: socket.id, stream: id };
        let mut stream = cx.free_streams.take(id, &cx.setup, &self.link, cx.clock.monotonic());
        let mut reader = stream.head.read(&cx.setup.head_limits);
        let decoded =
            self.decoder.decode(block, &mut cx.scratch, |name, value| reader.field(name, value));
        let read = reader.finish(ends_stream);
        decoded.map_err(broken_block)?;
        stream.has_all = ends_stream;
        stream.priority = stream.head.priority();
        stream.freshness = *freshness;
        self.link.turn += 1;
        stream.turn = self.link.turn;
        socket.has_served = true;
        let next = match read {
            Err(HeadFault::Malformed(what)) => {
                log::debug!("{}: stream {}: {what}", socket.name(), id.stream);
                cx.free_streams.give(stream);
                self.closed.add(id.stream, true);
                self.link.account.charge(Cost::Reset, cx.clock.monotonic())?;
                self.link.reset(id.stream, ErrorCode::Protocol);
                return Ok(());
            }
            Err(HeadFault::Rejected(reject)) => {
                stream.refuse(reject, &mut self.link, share, socket, cx)
            }
            Ok(()) => stream.head_complete(&mut self.link, share, socket, cx),
        };
        self.streams.push(stream);
        let place = self.streams.len() - 1;
        *freshness = self.step(place, next, socket, share, cx).unwrap_or(*freshness);
        Ok(())
    }

    fn take_trailers<W: Transport>(
        &mut self,
        place: usize,
        ends_stream: bool,
        block: &[u8],
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Result<(), Fault> {
        let mut trailers = TrailerReader::default();
        self.decoder
            .decode(block, &mut cx.scratch, |name, value| trailers.field(name, value))
            .map_err(broken_block)?;
        let stream = &mut self.streams[place];
        let id = stream.id;
        if stream.has_all {
            let fault = Fault::new(ErrorCode::StreamClosed, "fields behind the end of a request");
            return self.break_stream(id, fault, socket, cx);
        }
        let ended = match (trailers.finish(), ends_stream) {
            (Err(fault), _) => Err(fault),
            (Ok(()), false) => Err(Fault::protocol("fields in the middle of a request")),
            (Ok(()), true) => stream.end().map_err(Fault::protocol),
        };
        match ended {
            Ok(()) => {
                self.step(place, Next::Driven, socket, share, cx);
                Ok(())
            }
            Err(fault) => self.break_stream(id, fault, socket, cx),
        }
    }

    /// Decodes a block that nobody needs, so that the next one can be decoded.
    fn pass_over(&mut self, block: &[u8], cx: &mut WorkerContext) -> Result<(), Fault> {
        self.decoder.decode(block, &mut cx.scratch, |_, _| {}).map_err(broken_block)
    }
}

fn broken_block(HpackError(what): HpackError) -> Fault {
    Fault::new(ErrorCode::Compression, what)
}

/// How much is read at once.
const WIDE_BYTES: usize = 64 * 1024;
