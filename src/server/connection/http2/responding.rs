//! Queues the response of a stream: its head, and its body if that is short.

use super::answering::Next;
use super::link::Link;
use super::stream::Stream;
use crate::http::h2::response::{ResponseLine, write_head};
use crate::http::h2::write;
use crate::http::{Method, Reject, Status, Version};
use crate::server::access_log::Subject;
use crate::server::connection::{Socket, refusal_of};
use crate::server::context::WorkerContext;
use crate::server::exchange::{BodySource, ExchangeState, copy_if_short};
use crate::server::record::{CountedMethod, Record};
use crate::server::share::Share;
use crate::server::wire::Transport;
use crate::site::{Body, Response};

impl Stream {
    /// Queues the response to a request that cannot be served.
    pub(super) fn refuse<W: Transport>(
        &mut self,
        reject: Reject,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        refusal_of(reject).note();
        log::debug!("{}: {reject} while {}", socket.name(), self.exchange.state);
        if reject == Reject::BodyTooLarge {
            let request = self.head.line().escape_ascii();
            let (bound, key) = self.exchange.incoming.exceeded();
            let name = socket.name();
            log::warn!(
                "{name}: \"{request}\": the body exceeds {bound} bytes ({key}); answered 413"
            );
        }
        let response = self.exchange.respond(reject.status());
        self.refuse_with(response, link, share, socket, cx)
    }

    /// Queues a response that does not wait for the rest of its request.
    pub(super) fn refuse_with<W: Transport>(
        &mut self,
        response: Response,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        self.exchange.abandon(cx);
        let next = self.respond(response, link, share, socket, cx);
        self.exchange.forget_request();
        next
    }

    /// Queues a response: its head, and its body if that is short.
    pub(super) fn respond<W: Transport>(
        &mut self,
        mut response: Response,
        link: &mut Link,
        share: &mut Share,
        socket: &mut Socket<W>,
        cx: &mut WorkerContext,
    ) -> Next {
        socket.know_client(self.client);
        self.exchange.put_id(&mut response, &mut cx.id_maker);
        let status = response.status;
        if status == Status::RESET_CONTENT {
            // RFC 9110 §15.3.6: it has no content, and says so by its length.
            response.body = Body::Empty;
        }
        let length = response.body.length();
        let may_have_body = self.head.method() != Method::Head && !status.forbids_content();
        let has_body = may_have_body && length != Some(0);
        share.spend_request();
        let now = cx.clock.monotonic();
        let line = ResponseLine { stream: self.id, status, length, ends_stream: !has_body };
        let payload_bytes_max = link.payload_bytes_max();
        let queued_bytes = link.outbox.len();
        write_head(
            &mut link.outbox,
            &mut link.encoder,
            line,
            cx.clock.prepared(),
            &response.headers,
            payload_bytes_max,
        );
        let method = (!self.head.line().is_empty()).then(|| self.head.method());
        let record = Record {
            method: CountedMethod::of(method.as_ref()),
            status,
            host_place: self.exchange.host_place(),
            head_bytes_in: self.head.bytes().len() as u32,
            body_bytes_in: self.received_bytes,
            head_bytes_out: (link.outbox.len() - queued_bytes) as u32,
            body_bytes_out: if has_body { response.body.counted_bytes() } else { 0 },
            began: self.started,
            answered: now,
            is_complete: true,
        };
        self.records.add(record, cx, |cx| Subject {
            method,
            version: Version::Http2,
            scheme: self.exchange.scheme().unwrap_or(socket.wire.scheme()),
            status,
            cache: self.exchange.cache_use(),
            client: socket.client(),
            listener: socket.listener(cx),
            request_line: self.head.line(),
            target: self.head.target(),
            authority: Some(self.head.host()),
            headers: self.head.headers(),
            bytes: self.head.bytes(),
            sent: &response.headers,
            request_id: self.exchange.request_id().map(|id| id.value.as_bytes()),
            site: &self.exchange.setup().site,
            route: self.exchange.route(),
            log: self.exchange.setup().log_of(self.exchange.route()),
            carrier: socket,
        });
        if !has_body {
            return Next::Answered;
        }
        let terms = self.exchange.take_terms(now);
        let is_slow = terms.as_ref().is_some_and(|terms| terms.hold_back(length, now));
        let before = link.outbox.len();
        if !is_slow && !link.has_more_urgent && self.copy_if_short(&response.body, link) {
            share.spend_bytes((link.outbox.len() - before) as u64);
            return Next::Answered;
        }
        let body = BodySource::new(response.body, terms);
        self.exchange.begin_stream(&body, cx);
        self.exchange.body = body;
        self.exchange.state = ExchangeState::Sending;
        self.head.keep_line();
        self.deadline = now + self.exchange.limits().send_timeout;
        Next::Waits
    }

    /// Queues a short body behind its head, if the windows have room for any short body.
    fn copy_if_short(&mut self, body: &Body, link: &mut Link) -> bool {
        if self.window.left().min(link.window.left()) < SHORT_BYTES_MAX || !link.has_room() {
            return false;
        }
        let start = link.outbox.len();
        write::frame_head(&mut link.outbox, 0, 0, 0, self.id);
        let data_start = link.outbox.len();
        if !copy_if_short(body, &mut link.outbox) {
            link.outbox.truncate(start);
            return false;
        }
        let length = link.outbox.len() - data_start;
        let head = write::data_head(length, true, self.id);
        link.outbox[start..data_start].copy_from_slice(&head);
        self.window.spend(length);
        link.window.spend(length);
        true
    }
}

/// More than any body that [`copy_if_short`] copies.
const SHORT_BYTES_MAX: usize = 12 * 1024;
