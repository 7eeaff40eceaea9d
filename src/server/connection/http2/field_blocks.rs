//! Blocks of fields: each begins a request, or ends the body of one (RFC 9113 §8.1).

use super::account::Cost;
use super::answering::Next;
use super::{Http2, STREAMS_MAX, Stage};
use crate::http::h2::error::{ErrorCode, Fault};
use crate::http::h2::frame::HeadersFrame;
use crate::http::h2::head_reader::{HeadFault, HeadReader, TrailerReader};
use crate::http::h2::request::StreamHead;
use crate::http::hpack::HpackError;
use crate::server::connection::Socket;
use crate::server::context::WorkerContext;
use crate::server::id::ExchangeId;
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::Freshness;

impl Http2 {
    pub(super) fn take_headers<W: Transport>(
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
    pub(super) fn take_block<W: Transport>(
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
            if ends_stream && self.late_resets.remove(id) {
                return Ok(());
            }
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
        let early_priority = self.early_priority(id);
        if self.streams() >= STREAMS_MAX {
            self.pass_over(block, cx)?;
            return self.refuse_stream(id, cx);
        }
        let id = ExchangeId { connection: socket.id, stream: id };
        let mut stream = cx.free_streams.take(id, &cx.setup, &self.link, cx.clock.monotonic());
        let mut reader = HeadReader::new(&mut stream.head, &cx.setup.head_limits);
        let decoded =
            self.decoder.decode(block, &mut cx.scratch, |name, value| reader.field(name, value));
        let read = reader.finish(ends_stream);
        decoded.map_err(broken_block)?;
        stream.has_all = ends_stream;
        stream.priority = early_priority.unwrap_or(stream.head.priority());
        stream.freshness = *freshness;
        self.note_urgent(stream.priority);
        self.link.turn += 1;
        stream.turn = self.link.turn;
        socket.has_served = true;
        let next = match read {
            Err(HeadFault::Malformed(what)) => {
                log::debug!("{}: stream {}: {what}", socket.name(), id.stream);
                cx.free_streams.give(stream, &cx.setup);
                self.closed.add(id.stream, true);
                self.link.account.charge(Cost::Reset, cx.clock.monotonic())?;
                self.link.reset(id.stream, ErrorCode::Protocol);
                return Ok(());
            }
            Err(HeadFault::Rejected(reject)) => {
                stream.refuse(reject, &mut self.link, share, socket, cx)
            }
            Ok(()) if !self.has_room_for(&stream.head) => {
                log::debug!("{}: the heads of its requests take too much memory", socket.name());
                cx.free_streams.give(stream, &cx.setup);
                return self.refuse_stream(id.stream, cx);
            }
            Ok(()) => stream.head_complete(&mut self.link, share, socket, cx),
        };
        cx.counters.streams += 1;
        self.streams.push(stream);
        let place = self.streams.len() - 1;
        *freshness = self.step(place, next, socket, share, cx).unwrap_or(*freshness);
        Ok(())
    }

    /// Ends a stream of which nothing was done: its client may ask again (RFC 9113 §8.7).
    fn refuse_stream(&mut self, id: u32, cx: &WorkerContext) -> Result<(), Fault> {
        self.link.account.charge(Cost::Reset, cx.clock.monotonic())?;
        self.link.reset(id, ErrorCode::RefusedStream);
        self.closed.add(id, true);
        Ok(())
    }

    /// Whether the heads of all requests that wait for their responses leave room for one more. Heads of the usual length
    /// always do.
    fn has_room_for(&self, head: &StreamHead) -> bool {
        let held = head.held_bytes();
        let others = || self.streams.iter().map(|stream| stream.head.held_bytes()).sum::<usize>();
        held <= HEADS_BYTES_MAX / STREAMS_MAX || held + others() <= HEADS_BYTES_MAX
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
        let mut trailers = TrailerReader::new(cx.setup.limits.head_bytes_max);
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

/// The memory for the heads of a connection. A head of a few bytes can be long, because it names what was sent before.
const HEADS_BYTES_MAX: usize = 512 * 1024;

fn broken_block(HpackError(what): HpackError) -> Fault {
    Fault::new(ErrorCode::Compression, what)
}
