//! What a connection holds while it is not idle, and the worker's store of such.
//!
//! The socket's life is the connection's; the life of a request and its answer is in here.

use super::access_log::{Entries, Subject};
use super::inbox::Inbox;
use super::local::Local;
use super::outbox::Outbox;
use crate::http::h1::body::BodyEnd;
use crate::http::h1::session::Session;
use crate::http::h1::write::{Persistence, write_head};
use crate::http::{Method, Reject, Status};
use crate::site::{Body, Response};
use std::net::SocketAddr;
use std::time::Instant;

/// Buffers and state of the requests being read and answered.
pub struct Active {
    pub inbox: Inbox,
    pub session: Session,
    pub outbox: Outbox,
    /// What the access log knows of the answers in the outbox.
    pub entries: Entries,
    /// When the first byte of the request at hand was seen.
    pub started: Option<Instant>,
    /// The length of its head, once it is complete.
    pub head_bytes: usize,
    /// How much of its content was thrown away.
    pub body_bytes: u64,
    /// Where in the inbox its content ends, once that was read.
    pub body_end: usize,
    /// How often the disk was waited for on behalf of the request at hand.
    pub warmups: u8,
    pub after: After,
}

/// What follows when everything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    NextRequest,
    Close,
    Linger,
}

impl Active {
    fn new() -> Active {
        Active {
            inbox: Inbox::new(),
            session: Session::new(),
            outbox: Outbox::default(),
            entries: Entries::default(),
            started: None,
            head_bytes: 0,
            body_bytes: 0,
            body_end: 0,
            warmups: 0,
            after: After::NextRequest,
        }
    }

    /// Forgets the request at hand; its answer is in the outbox.
    pub fn begin_next(&mut self) {
        self.session.reset();
        self.started = None;
        self.head_bytes = 0;
        self.body_bytes = 0;
        self.body_end = 0;
        self.warmups = 0;
    }

    /// Throws away what has arrived of the content of the request at hand, up to its end.
    ///
    /// # Errors
    /// A [`Reject`] for broken framing, or when there is more than `bytes_max` of it.
    pub fn discard_content(&mut self, bytes_max: u64) -> Result<BodyEnd, Reject> {
        let mut at = self.head_bytes;
        loop {
            let input = self.inbox.bytes().get(at..).unwrap_or_default();
            let decoded = self.session.read_body(input)?;
            let used_up = decoded.consumed == input.len();
            at += decoded.consumed;
            self.body_bytes += decoded.data.len() as u64;
            if self.body_bytes > bytes_max {
                return Err(Reject::BodyTooLarge);
            }
            if decoded.end == BodyEnd::Reached {
                self.body_end = at;
                return Ok(BodyEnd::Reached);
            }
            if used_up {
                self.inbox.truncate(self.head_bytes);
                return Ok(BodyEnd::Open);
            }
        }
    }

    /// Queues an answer: its head, and its content unless the method is HEAD (RFC 9110 §9.3.2).
    pub fn queue(
        &mut self,
        response: Response,
        persistence: Persistence,
        peer: Option<SocketAddr>,
        local: &mut Local,
    ) {
        let head = self.session.head();
        let status = response.status;
        // RFC 9110 §15.3.6: it has no content, and says so by its length.
        let body = if status == Status::RESET_CONTENT { Body::Empty } else { response.body };
        let length = body.length();
        let sends_content = head.method != Method::Head && !status.forbids_content();
        if let Some(writer) = &mut local.log {
            let bytes = self.inbox.bytes();
            let line = head.line.of(bytes);
            let subject = Subject { peer, request_line: line, headers: &head.headers, bytes };
            let now = local.clock.now();
            let started = self.started.unwrap_or(now.monotonic);
            let body_bytes = if sends_content { length } else { 0 };
            self.entries.add(writer, &subject, now, started, status, body_bytes);
        }
        let lines = local.clock.server_and_date();
        let headers = response.headers.as_bytes();
        write_head(self.outbox.head(), status, lines, persistence, length, headers);
        self.outbox.push(if sends_content { body } else { Body::Empty });
    }

    /// The answers in the outbox have ended, so many bytes of them unsent.
    pub fn log_finished(&mut self, local: &mut Local, unsent_bytes: u64) {
        if let Some(writer) = &mut local.log
            && !self.entries.is_empty()
        {
            self.entries.finish(writer, local.clock.monotonic(), unsent_bytes);
        }
    }
}

/// Active parts that no connection holds at the moment, kept so that a request allocates nothing.
#[derive(Default)]
pub struct Spare {
    // Boxed as connections hold them: moving one in or out must not copy it.
    #[expect(clippy::vec_box)]
    kept: Vec<Box<Active>>,
}

impl Spare {
    /// One ready for a first request.
    pub fn take(&mut self) -> Box<Active> {
        self.kept.pop().unwrap_or_else(|| Box::new(Active::new()))
    }

    /// Takes one back. It is cleared here, so that nothing of one client can reach another.
    pub fn give(&mut self, mut active: Box<Active>) {
        if self.kept.len() < SPARE_MAX && active.inbox.is_usual_size() {
            active.inbox.clear();
            active.outbox.clear();
            active.begin_next();
            active.after = After::NextRequest;
            self.kept.push(active);
        }
    }
}

/// About 12 KiB each. More are busy at once only while clients are slow, and those keep theirs.
const SPARE_MAX: usize = 64;
