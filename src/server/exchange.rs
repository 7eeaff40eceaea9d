//! What a connection holds while it is not idle, and the worker's store of such.
//!
//! The socket's life is the connection's; the life of a request and its answer is in here.

use super::access_log::Entries;
use super::inbox::Inbox;
use super::local::Local;
use super::outbox::Outbox;
use crate::http::h1::session::Session;
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
    }

    /// The answers in the outbox have ended, so many bytes of them unsent.
    pub fn log_finished(&mut self, local: &mut Local, unsent_bytes: u64) {
        if let Some(writer) = &mut local.log
            && !self.entries.is_empty()
        {
            self.entries
                .finish(writer, local.clock.monotonic(), unsent_bytes);
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
