//! What a connection holds while it is not idle, and the worker's store of such.
//!
//! The socket's life is the connection's; the life of a request and its answer is in here.

use super::access_log::{Entries, Subject};
use super::context::{PendingJob, WorkerContext};
use super::inbox::Inbox;
use super::intake::Intake;
use super::outbox::Outbox;
use super::share::Share;
use crate::http::h1::body::BodyEnd;
use crate::http::h1::session::Session;
use crate::http::h1::write::{Delimiter, Persistence, write_head};
use crate::http::{Method, Reject, Status, Version};
use crate::site::{Body, OwnedResponse, RequestBody, Response};
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
    /// Where its content goes.
    pub intake: Intake,
    /// More content than this is refused.
    pub body_bytes_max: u64,
    /// The key of the configuration that sets this bound, for the log; `None` where a handler does.
    pub content_key: Option<&'static str>,
    /// How much content has come.
    pub content_bytes: u64,
    /// When the content at hand would have begun, had it never been waited for by the server itself.
    pub content_began: Option<Instant>,
    /// Where in the inbox content stands that was not taken in yet.
    pub unread_at: usize,
    /// Where in the inbox its content ends, once that was read.
    pub body_end: usize,
    /// The content, once all of it is here and until a handler takes it.
    pub content: RequestBody,
    /// What a thread does to answer it.
    pub work: Option<PendingJob>,
    /// What a thread has answered to it.
    pub answered: Option<OwnedResponse>,
    /// How often the disk was waited for on behalf of the request at hand.
    pub prefetches: u8,
    pub after: After,
}

/// What follows when everything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    NextRequest,
    Close,
    Linger,
}

/// How taking in content came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All that has arrived is taken in, and more is to come.
    Arrived,
    /// The others are due; the rest of what has arrived is taken in after that.
    Interrupted,
    /// It has to be made room first.
    Full,
    /// All of it.
    All,
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
            intake: Intake::Discard,
            body_bytes_max: 0,
            content_key: None,
            content_bytes: 0,
            content_began: None,
            unread_at: 0,
            body_end: 0,
            content: RequestBody::Empty,
            work: None,
            answered: None,
            prefetches: 0,
            after: After::NextRequest,
        }
    }

    /// Forgets the request at hand; its answer is in the outbox.
    pub fn begin_next(&mut self) {
        self.session.reset();
        self.started = None;
        self.head_bytes = 0;
        self.intake = Intake::Discard;
        self.content_bytes = 0;
        self.content_began = None;
        self.unread_at = 0;
        self.body_end = 0;
        self.content = RequestBody::Empty;
        self.work = None;
        self.answered = None;
        self.prefetches = 0;
    }

    /// Decides where the content of the request at hand goes.
    pub fn begin_content(&mut self, intake: Intake, bytes_max: u64, now: Instant) {
        self.intake = intake;
        self.body_bytes_max = bytes_max;
        self.content_began = Some(now);
        self.unread_at = self.head_bytes;
    }

    /// Takes in what has arrived of the content of the request at hand, up to its end.
    ///
    /// # Errors
    /// A [`Reject`] for broken framing, or when there is more of it than it may be.
    pub fn take_content(&mut self, share: &mut Share) -> Result<Taken, Reject> {
        loop {
            let arrived = self.inbox.bytes().get(self.unread_at..).unwrap_or_default();
            let input = &arrived[..arrived.len().min(self.intake.room())];
            let decoded = self.session.read_body(input)?;
            let data = &input[decoded.data];
            self.content_bytes += data.len() as u64;
            if self.content_bytes > self.body_bytes_max {
                return Err(Reject::BodyTooLarge);
            }
            self.intake.push(data);
            self.unread_at += decoded.consumed;
            if decoded.end == BodyEnd::Reached {
                self.body_end = self.unread_at;
                return Ok(Taken::All);
            }
            if decoded.consumed == arrived.len() {
                self.inbox.truncate(self.head_bytes);
                self.unread_at = self.head_bytes;
                return Ok(Taken::Arrived);
            }
            if input.is_empty() {
                return Ok(Taken::Full);
            }
            if share.is_used_up() {
                return Ok(Taken::Interrupted);
            }
            share.spend_chunk();
        }
    }

    /// Whether somebody reads content that is still arriving.
    pub fn streams_content(&self) -> bool {
        self.intake.is_stream()
    }

    /// Queues an answer: its head, and its content unless the method is HEAD (RFC 9110 §9.3.2).
    pub fn queue(
        &mut self,
        response: Response,
        persistence: Persistence,
        peer: Option<SocketAddr>,
        cx: &mut WorkerContext,
    ) {
        let head = self.session.head();
        let status = response.status;
        // RFC 9110 §15.3.6: it has no content, and says so by its length.
        let body = if status == Status::RESET_CONTENT { Body::Empty } else { response.body };
        let delimiter = delimiter(&body, head.version);
        let sends_content = head.method != Method::Head && !status.forbids_content();
        if let Some(writer) = &mut cx.log {
            let bytes = self.inbox.bytes();
            let line = head.line.of(bytes);
            let subject = Subject { peer, request_line: line, headers: &head.headers, bytes };
            let now = cx.clock.now();
            let started = self.started.unwrap_or(now.monotonic);
            // What is piped is counted when it has been.
            let length = if matches!(body, Body::Piped(..)) { None } else { body.length() };
            let body_bytes = length.filter(|_| sends_content).unwrap_or(0);
            self.entries.add(writer, &subject, now, started, status, body_bytes);
        }
        let lines = cx.clock.server_and_date();
        let headers = response.headers.as_bytes();
        let reason = response.reason.as_deref();
        write_head(self.outbox.head(), (status, reason), lines, persistence, delimiter, headers);
        self.outbox.push(if sends_content { body } else { Body::Empty }, delimiter);
    }

    /// The answers in the outbox have ended, so many bytes of them unsent.
    pub fn log_finished(&mut self, cx: &mut WorkerContext, unsent_bytes: u64) {
        let piped_bytes = self.outbox.take_piped_bytes();
        if let Some(writer) = &mut cx.log
            && !self.entries.is_empty()
        {
            self.entries.finish(writer, cx.clock.monotonic(), piped_bytes, unsent_bytes);
        }
    }
}

/// How the content of a response ends for a client of this version.
pub fn delimiter(body: &Body, version: Version) -> Delimiter {
    match (body.length(), version) {
        (Some(length), _) => Delimiter::Length(length),
        (None, Version::Http11) => Delimiter::Chunked,
        (None, Version::Http10) => Delimiter::Close,
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
