//! How responses are queued and sent, and what happens when their clients are slow.

use super::{After, Http1, Pause, Socket, Step};
use crate::files::Disk;
use crate::http::h1::write::{Delimiter, Persistence, ResponseLine, write_head};
use crate::http::{Method, Status};
use crate::server::access_log::Subject;
use crate::server::connection::outbox::Flush;
use crate::server::context::WorkerContext;
use crate::server::exchange::{Awaited, BodySource, ExchangeState, copy_if_short};
use crate::server::record::{CountedMethod, Record};
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::{Body, Response};
use std::io;

impl Http1 {
    /// Queues a response: its head, and its body unless the method is HEAD (RFC 9110 §9.3.2).
    pub(super) fn queue<W: Transport>(
        &mut self,
        mut response: Response,
        persistence: Persistence,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) {
        self.exchange.put_id(&mut response, &mut cx.id_maker);
        let head = self.reader.head();
        let status = response.status;
        if status == Status::RESET_CONTENT {
            // RFC 9110 §15.3.6: it has no content, and says so by its length.
            response.body = Body::Empty;
        }
        let length = response.body.length();
        let delimiter = Delimiter::of(length, head.version);
        let has_body = head.method != Method::Head && !status.forbids_content();
        share.spend_request();
        if head.method != Method::Head {
            share.spend_bytes(length.unwrap_or(0));
        }
        let reason = response.reason.as_deref();
        let line = ResponseLine { status, reason, persistence, delimiter };
        let gathered = self.outbox.gathered();
        let gathered_bytes = gathered.len();
        write_head(gathered, line, cx.clock.server_and_date(), &response.headers);
        let head_bytes_out = (gathered.len() - gathered_bytes) as u32;
        let now = cx.clock.monotonic();
        let bytes = self.inbox.bytes();
        let is_whole = self.head_bytes > 0;
        let record = Record {
            method: CountedMethod::of(is_whole.then_some(&head.method)),
            status,
            host_place: self.exchange.host_place(),
            head_bytes_in: if is_whole { self.head_bytes } else { bytes.len() } as u32,
            body_bytes_in: self.exchange.received_bytes(),
            head_bytes_out,
            body_bytes_out: if has_body { response.body.counted_bytes() } else { 0 },
            began: self.started.unwrap_or(now),
            answered: now,
            is_complete: true,
        };
        self.records.add(record, cx, |cx| Subject {
            method: is_whole.then_some(head.method),
            version: head.version,
            scheme: self.exchange.scheme().unwrap_or(socket.wire.scheme()),
            status,
            cache: self.exchange.cache_use(),
            client: socket.client(),
            listener: socket.listener(cx),
            request_line: head.line.of(bytes),
            target: head.target.of(bytes),
            authority: None,
            headers: &head.headers,
            bytes,
            sent: &response.headers,
            request_id: self.exchange.request_id().map(|id| id.value.as_bytes()),
            site: &self.exchange.setup().site,
            route: self.exchange.route(),
            log: self.exchange.setup().log_of(self.exchange.route()),
            carrier: socket,
        });
        if has_body {
            let terms = self.exchange.take_terms(now);
            let is_slow = terms.as_ref().is_some_and(|terms| terms.hold_back(length, now));
            if is_slow || !copy_if_short(&response.body, gathered) {
                let body = BodySource::new(response.body, terms);
                self.exchange.begin_stream(&body, cx);
                self.exchange.body = body;
                self.outbox.begin_body(delimiter);
            }
        }
        socket.has_served = true;
    }

    /// Begins to send what is queued. The client has this long to take the first of it.
    pub(super) fn begin_sending<W>(
        &self,
        socket: &mut Socket<W>,
        cx: &WorkerContext,
    ) -> ExchangeState {
        socket.deadline = cx.clock.monotonic() + self.exchange.limits().send_timeout;
        ExchangeState::Sending
    }

    /// How the body of a response ends for the client at hand.
    pub(super) fn delimiter(&self, body: &Body) -> Delimiter {
        Delimiter::of(body.length(), self.reader.head().version)
    }

    pub(super) fn send<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        share: &mut Share,
        cx: &mut WorkerContext,
    ) -> Step {
        if self.after != After::NextRequest {
            self.outbox.end_follows();
        }
        let before = self.outbox.moved_bytes();
        let body = &mut self.exchange.body;
        let now = cx.clock.monotonic();
        let allowed = match body.allowance(now) {
            None => share.piece_bytes(),
            Some(bytes) => share.piece_bytes().min(bytes),
        };
        let mut left = allowed;
        let flushed = self.outbox.flush(body, &mut socket.wire, &mut left, Disk::MustNotBlock);
        share.spend_piece(allowed - left);
        body.spend(allowed - left, now);
        if let Some(used) = body.take_used() {
            cx.buffers.give(used);
        }
        if let Some(spent) = body.take_spent() {
            cx.drop_elsewhere(spent);
        }
        // A client that takes something gets more time for the rest.
        let moved_bytes = self.outbox.moved_bytes() - before;
        cx.counters.sent_bytes += moved_bytes;
        if moved_bytes > 0 {
            socket.deadline = cx.clock.monotonic() + self.exchange.limits().send_timeout;
        }
        match flushed {
            Ok(Flush::Done) => self.all_sent(socket, cx),
            Ok(Flush::Cold) => match self.exchange.body.prefetch() {
                Ok(Some(prefetch)) => {
                    cx.threads.prefetch(self.exchange.id, prefetch);
                    Ok(self.begin_wait(Awaited::Piece, socket, cx))
                }
                Ok(None) => {
                    self.break_off(socket, cx);
                    Err(Pause::Close)
                }
                Err(error) => {
                    self.break_off(socket, cx);
                    Err(self.fail(&error, socket))
                }
            },
            Ok(Flush::NotYet) => Ok(self.begin_wait(Awaited::Production, socket, cx)),
            Ok(Flush::Again) if self.exchange.body.allowance(now) == Some(0) => {
                Ok(self.begin_wait(Awaited::Pace, socket, cx))
            }
            Ok(Flush::Again) => Err(Pause::Again),
            Ok(Flush::Blocked) => {
                self.relieve_producer(socket, cx);
                Err(Pause::Sleep)
            }
            Err(error) => {
                self.break_off(socket, cx);
                Err(self.fail(&error, socket))
            }
        }
    }

    /// Moves the backlog of a slow client to the disk, so that the producer need not wait.
    pub(super) fn relieve_producer<W: Transport>(
        &mut self,
        socket: &Socket<W>,
        cx: &mut WorkerContext,
    ) {
        let Some(stream) = self.exchange.body.stream() else {
            return;
        };
        match stream.take_backlog(&cx.room) {
            Some(backlog) => cx.threads.write_backlog(self.exchange.id, backlog),
            None if cx.room.is_used_up() => {
                cx.without_room.insert(socket.id);
            }
            None => {}
        }
    }

    /// Writes the gathered responses as far as possible. Their bodies are all gathered too.
    pub(super) fn flush_gathered<W: Transport>(
        &mut self,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let before = self.outbox.moved_bytes();
        let body = &mut self.exchange.body;
        let flushed = self.outbox.flush(body, &mut socket.wire, &mut 0, Disk::MustNotBlock);
        cx.counters.sent_bytes += self.outbox.moved_bytes() - before;
        let flushed = flushed?;
        if flushed == Flush::Done {
            self.record_ending(None, cx);
        }
        Ok(())
    }
}
