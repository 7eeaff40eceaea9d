//! A request on its way through an application, and how far it has come.

use crate::files::Spool;
use crate::server::id::ExchangeId;
use crate::server::pool::Pool;
use crate::site::pipe::Feeder;
use std::sync::Arc;
use std::time::Instant;

/// A request for an application, and the exchange that waits for its response.
pub(crate) struct Forwarded {
    pub id: ExchangeId,
    /// The marshalled environ.
    pub environ: Vec<u8>,
    /// The marshalled body, or the marshalled path of its file.
    pub body: Vec<u8>,
    /// Keeps that file.
    #[expect(dead_code, reason = "it keeps the file until the process is done with it")]
    pub spool: Option<KeptSpool>,
}

/// The file of a request's body. Freeing it may take the disk a while, so a thread of the pool drops it.
pub(crate) struct KeptSpool {
    spool: Option<Spool>,
    disk: Arc<Pool>,
}

impl KeptSpool {
    /// A file that a thread of this pool drops.
    pub(crate) fn new(spool: Spool, disk: Arc<Pool>) -> KeptSpool {
        KeptSpool { spool: Some(spool), disk }
    }
}

impl Drop for KeptSpool {
    fn drop(&mut self) {
        let spool = self.spool.take();
        // A pool that refuses the job drops it, and the file, here.
        drop(self.disk.submit(Box::new(move || drop(spool))));
    }
}

/// A request that was sent to a process.
pub(crate) struct Pending {
    pub exchange: Forwarded,
    pub state: PendingState,
    /// When the process must have sent more; `None` until the request is seen to have begun.
    pub deadline: Option<Instant>,
}

/// How far a request has come, as far as the worker has seen.
pub(crate) enum PendingState {
    /// The process has been sent the request, and no thread was seen to have begun it.
    Sent,
    /// A thread works on it.
    Begun,
    /// The body of its response is under way.
    Streaming(Feeder),
    /// Nobody waits for it any more, and no thread was seen to have begun it: the process skips it.
    Withdrawn,
    /// Nobody waits for it any more, and a thread works on it: its response is dropped.
    GivenUp,
}

impl PendingState {
    /// Whether the client has yet to take what the process has sent, so that the process may have to wait.
    pub(crate) fn waits_for_client(&self) -> bool {
        matches!(self, PendingState::Streaming(feeder) if feeder.bytes() > 0)
    }

    /// Whether a thread has been seen to begin it.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self, PendingState::Sent | PendingState::Withdrawn)
    }

    /// Whether an exchange waits for its response, of which nothing has come.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self, PendingState::Sent | PendingState::Begun)
    }
}
