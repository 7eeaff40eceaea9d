//! What one worker holds of one process: where it sends requests, where answers come from, and which
//! exchanges are under way there.

use super::orders::{Orders, ProcessId};
use super::scoreboard::Scoreboard;
use crate::files::Spool;
use crate::server::id::ExchangeId;
use crate::server::pool::Pool;
use crate::site::pipe::{BACKLOG_BYTES, Drained, Feeder, Outlet, within_worker};
use crate::sys::channel::Channel;
use crate::wsgi::Token;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What a slot tells every worker of its process.
pub enum News {
    /// It serves; this is the worker's link to it.
    Joined(Box<Link>),
    /// It takes no more requests.
    Leaves(ProcessId),
    /// It has ended. Its threads began these requests last: those that it has not answered are lost,
    /// and any other that it was given goes to another process.
    Left(ProcessId, Arc<[Token]>),
}

/// One worker's end of the sockets to one process.
pub struct Link {
    pub process: ProcessId,
    /// To whom it is told when the process hangs.
    pub orders: Orders,
    /// Requests, of all workers.
    pub requests: Arc<Channel>,
    /// Answers to this worker.
    pub answers: Channel,
    /// Credit for content, by thread.
    pub credits: Arc<[Channel]>,
    /// What its threads do.
    pub scoreboard: Arc<Scoreboard>,
    pub state: LinkState,
    /// By the second number of their tokens.
    pub pending: HashMap<u64, Pending>,
    /// Since when it has been seen at every look that a thread is idle although a request waits, and the
    /// number of that request.
    pub idle_since: Option<(Instant, u64)>,
    /// Until when others get requests rather than this, for it hangs and is about to be replaced.
    pub hangs_until: Option<Instant>,
}

/// Whether new requests go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    Open,
    Leaving,
}

/// A request and who waits for its answer.
pub struct Forwarded {
    pub id: ExchangeId,
    /// The marshalled environ.
    pub environ: Vec<u8>,
    /// The marshalled content, or the path of its file.
    pub content: Vec<u8>,
    /// Keeps that file.
    pub spool: Option<KeptSpool>,
}

/// A file with content. To free it may take the disk a while: a thread drops it.
pub struct KeptSpool {
    spool: Option<Spool>,
    disk: Arc<Pool>,
}

impl KeptSpool {
    /// A file that a thread of this pool drops.
    pub fn new(spool: Spool, disk: Arc<Pool>) -> KeptSpool {
        KeptSpool { spool: Some(spool), disk }
    }
}

impl Drop for KeptSpool {
    fn drop(&mut self) {
        let spool = self.spool.take();
        // What is refused is dropped here.
        drop(self.disk.submit(Box::new(move || drop(spool))));
    }
}

/// An exchange that a process has been given.
pub struct Pending {
    pub exchange: Forwarded,
    pub progress: Progress,
    /// When it has to have gone on, once it is seen to have begun.
    pub deadline: Option<Instant>,
}

/// How far it has come, as far as that was seen.
pub enum Progress {
    /// The process has been sent it, and no thread was seen to have begun it.
    Sent,
    /// A thread works on it.
    Begun,
    /// The content of its answer is under way.
    Streaming(Feeder),
    /// Nobody waits for it any more, and no thread was seen to have begun it: the process skips it.
    Withdrawn,
    /// Nobody waits for it any more, and a thread works on it: what the process says of it is dropped.
    GivenUp,
}

impl Progress {
    /// Whether what the process has sent is still to be taken, so that it may have to wait.
    pub fn waits_for_client(&self) -> bool {
        matches!(self, Progress::Streaming(feeder) if feeder.bytes() > 0)
    }

    /// Whether a thread has been seen to begin it.
    pub fn has_begun(&self) -> bool {
        !matches!(self, Progress::Sent | Progress::Withdrawn)
    }

    /// Whether somebody waits for its answer, which has not come.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Progress::Sent | Progress::Begun)
    }
}

impl Link {
    /// A link without exchanges.
    pub fn new(
        process: ProcessId,
        orders: Orders,
        requests: Arc<Channel>,
        answers: Channel,
        credits: Arc<[Channel]>,
        scoreboard: Arc<Scoreboard>,
    ) -> Link {
        Link {
            process,
            orders,
            requests,
            answers,
            credits,
            scoreboard,
            state: LinkState::Open,
            pending: HashMap::new(),
            idle_since: None,
            hangs_until: None,
        }
    }

    /// A pipe for the content of an answer. The thread that sends it is told what has been taken, so
    /// that it never has more than a window of it under way.
    pub fn pipe(&self, token: Token, thread: usize) -> (Feeder, Outlet) {
        let credits = Arc::clone(&self.credits);
        let mut earned = 0;
        within_worker(Box::new(move |taken| {
            let Some(thread) = credits.get(thread) else { return };
            let credit = match taken {
                Drained::Bytes(bytes) => {
                    earned += bytes;
                    // Small answers never wait for credit, so nothing is said of them.
                    if earned < BACKLOG_BYTES {
                        return;
                    }
                    i64::try_from(earned).unwrap_or(i64::MAX)
                }
                Drained::NoMore => -1,
            };
            let mut message = token.0.to_vec();
            message.extend_from_slice(&credit.to_le_bytes());
            // A full socket is read before its thread waits for credit; what was earned is kept.
            if thread.send(&message, &[]).is_ok() {
                earned = 0;
            }
        }))
    }
}
