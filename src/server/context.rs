//! What a worker lends to each connection that it drives. Nothing in here is shared.

use super::access_log::LogWriter;
use super::application::gateway::Gateway;
use super::buffers::Buffers;
use super::clock::TurnClock;
use super::connection::FreeList;
use super::exchange::body_sink::OnDisk;
use super::exchange::{Backlog, Room};
use super::id::{ConnectionId, ExchangeId};
use super::jobs::{self, CompletionSender};
use super::limits::Limits;
use super::mailbox::{Completion, Mailbox};
use super::pool::{Pool, SingleJob, Ticket, Yielded};
use crate::files::{Now, OpenFiles, Prefetch};
use crate::http::Cancellation;
use crate::http::h1::head::HeadLimits;
use crate::site::pipe::{self, BodyReader, Inlet};
use crate::site::{self, Site};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// What a worker owns and its connections use.
pub struct WorkerContext {
    /// What a new exchange is served by.
    pub setup: Rc<Setup>,
    pub files: OpenFiles,
    pub clock: TurnClock,
    pub free_list: FreeList,
    pub buffers: Buffers,
    /// For bodies of responses whose clients are too slow for them.
    pub room: Room,
    /// Connections whose responses found none left by others, so that their makers wait.
    pub without_room: BTreeSet<ConnectionId>,
    pub log: Option<LogWriter>,
    pub scratch: Vec<u8>,
    /// Whether no new requests are welcome.
    pub is_stopping: bool,
    pub gateway: Gateway,
    /// The addresses of the worker's listeners; `None` for a Unix socket.
    pub listening: Vec<Option<SocketAddr>>,
    pub threads: Threads,
}

/// Everything that holds for an exchange from its begin to its end, whatever the operator changes meanwhile.
pub struct Setup {
    pub site: Arc<Site>,
    pub limits: Limits,
    pub head_limits: HeadLimits,
}

/// Threads that may wait for the disk or for a handler, and where they answer to.
pub struct Threads {
    pub disk: Arc<Pool>,
    pub handlers: Arc<Pool>,
    pub mailbox: Arc<Mailbox>,
    /// Where bodies go that are too large for memory.
    pub spool_directory: Arc<Path>,
}

/// A job of a handler that an exchange waits for.
pub struct PendingJob {
    ticket: Ticket,
    cancellation: Cancellation,
}

impl Setup {
    /// A site within these limits.
    pub fn new(site: Arc<Site>, limits: Limits) -> Setup {
        Setup { site, head_limits: limits.head(), limits }
    }
}

impl WorkerContext {
    /// That of a new worker with this number.
    pub fn new(
        setup: Setup,
        files: OpenFiles,
        log: Option<LogWriter>,
        threads: Threads,
        worker: usize,
        now: Now,
    ) -> WorkerContext {
        WorkerContext {
            files,
            clock: TurnClock::new(now),
            room: Room::new(setup.limits.response_spool_bytes_max),
            without_room: BTreeSet::new(),
            setup: Rc::new(setup),
            free_list: FreeList::default(),
            buffers: Buffers::default(),
            log,
            scratch: Vec::new(),
            is_stopping: false,
            gateway: Gateway::new(worker),
            listening: Vec::new(),
            threads,
        }
    }

    /// The address of a listener.
    pub fn listening_at(&self, listener: u16) -> Option<SocketAddr> {
        self.listening.get(usize::from(listener)).copied().flatten()
    }

    /// Drops what may hold a file without a name: to free its blocks may take the disk a while.
    pub fn drop_elsewhere(&self, value: impl Send + 'static) {
        self.threads.submit_to_disk(Box::new(move || drop(value)));
    }

    /// Nobody waits for this any more.
    pub fn drop_completion(&self, completion: Completion) {
        if matches!(completion, Completion::Spooled(_) | Completion::BacklogWritten(_)) {
            self.drop_elsewhere(completion);
        }
    }
}

impl Threads {
    fn sender(&self, id: ExchangeId) -> CompletionSender {
        CompletionSender { id, mailbox: Arc::clone(&self.mailbox) }
    }

    /// The queue of the disk pool is bounded by those who use it: an exchange has one job under
    /// way at most, and files to drop.
    fn submit_to_disk(&self, job: SingleJob) {
        if self.disk.submit(job).is_err() {
            log::error!("the disk pool refuses a job");
        }
    }

    /// Has something read from the disk; a message says when that is done.
    pub fn prefetch(&self, id: ExchangeId, prefetch: Prefetch) {
        self.submit_to_disk(jobs::prefetch(self.sender(id), prefetch));
    }

    /// Has a part of a request body written to the disk; a message says when that is done.
    pub fn write(&self, id: ExchangeId, on_disk: OnDisk, bytes: Vec<u8>) {
        let directory = Arc::clone(&self.spool_directory);
        self.submit_to_disk(jobs::write(self.sender(id), directory, on_disk, bytes));
    }

    /// Has a part of a response body written to the disk; a message says how much of it is.
    pub fn write_backlog(&self, id: ExchangeId, backlog: Backlog) {
        let directory = Arc::clone(&self.spool_directory);
        self.submit_to_disk(jobs::write_backlog(self.sender(id), directory, backlog));
    }

    /// Has a handler find its answer, which comes as a message. `None` if no thread will be free for it.
    pub fn answer(&self, id: ExchangeId, job: site::Job) -> Option<PendingJob> {
        let cancellation = Cancellation::default();
        let attempts = jobs::answer(self.sender(id), job, cancellation.clone());
        match self.handlers.submit_retried(attempts) {
            Ok(ticket) => Some(PendingJob { ticket, cancellation }),
            Err(attempts) => {
                self.submit_to_disk(Box::new(move || drop(attempts)));
                None
            }
        }
    }

    /// Nobody waits for a handler any more: it is not begun, or finds that it is cancelled.
    pub fn cancel(&self, work: PendingJob) {
        work.cancellation.cancel();
        if let Some(attempts) = self.handlers.withdraw(work.ticket) {
            self.submit_to_disk(Box::new(move || drop(attempts)));
        }
    }

    /// Lets others go before a handler that has not begun, for its client may have gone.
    pub fn yield_place(&self, work: &PendingJob) -> Yielded {
        self.handlers.yield_place(work.ticket)
    }

    /// A pipe to a thread that wakes this exchange.
    pub fn pipe_to_thread(&self, id: ExchangeId) -> (Inlet, BodyReader) {
        pipe::to_thread(self.sender(id).wake())
    }
}
