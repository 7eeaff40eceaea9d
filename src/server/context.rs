//! What a worker owns and lends to each connection that it drives. Nothing in here is shared.

use super::access_log::LogWriter;
use super::application::gateway::Gateway;
use super::buffers::Buffers;
use super::clock::Clock;
use super::exchange::Spare;
use super::id::ConnectionId;
use super::intake::OnDisk;
use super::jobs::{self, CompletionSender};
use super::limits::Limits;
use super::mailbox::{Completion, Mailbox};
use super::outbox::{Backlog, Room};
use super::pool::{Job, Pool, Ticket};
use super::share::Share;
use super::state::Yielded;
use crate::files::{Disk, Now, OpenFiles, Prefetch};
use crate::http::Cancellation;
use crate::http::h1::head::HeadLimits;
use crate::site::pipe::{self, BodyReader, Inlet};
use crate::site::{self, Freshness, Site};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The worker's belongings.
pub struct WorkerContext {
    pub site: Arc<Site>,
    pub files: OpenFiles,
    /// What is known of the bytes that the connection at hand will read next.
    pub freshness: Freshness,
    pub clock: Clock,
    pub limits: Limits,
    pub head_limits: HeadLimits,
    /// Bytes of files that may still be sent in this turn. Whoever begins while there are any may send
    /// a whole piece: pieces that are cut to what is left are more work, and no less to wait for.
    pub send_budget: usize,
    /// How large a piece is.
    pub piece_bytes: usize,
    /// What the connection at hand may still do in this turn.
    pub share: Share,
    /// What all connections have done in this turn, in the currency of [`Share`].
    pub work_done: u32,
    pub spare: Spare,
    pub buffers: Buffers,
    /// For content of responses whose clients are too slow for it.
    pub room: Room,
    /// Whose content found none left by others, so that its maker waits; open connections alone.
    pub without_room: BTreeSet<ConnectionId>,
    pub log: Option<LogWriter>,
    pub scratch: Vec<u8>,
    pub stage: Stage,
    pub gateway: Gateway,
    /// The addresses of the worker's listeners; `None` for a Unix socket.
    pub listening: Vec<Option<SocketAddr>>,
    /// Who may wait. Without them the worker waits for the disk itself, and handlers that block are
    /// not served.
    pub threads: Option<Threads>,
}

/// Threads that may wait for the disk or for a handler, and where they answer to.
pub struct Threads {
    pub disk: Arc<Pool>,
    pub handlers: Arc<Pool>,
    pub mailbox: Arc<Mailbox>,
    /// Where content goes that is too large for memory.
    pub spool_directory: Arc<Path>,
}

impl Threads {
    fn sender(&self, id: ConnectionId) -> CompletionSender {
        CompletionSender { id, mailbox: Arc::clone(&self.mailbox) }
    }

    /// The queue of the disk pool is bounded by those who use it: a connection has one job under
    /// way at most, and files to drop.
    fn submit_to_disk(&self, job: Job) {
        if self.disk.submit(job).is_err() {
            log::error!("the disk pool refuses a job");
        }
    }
}

/// A job of a handler that a connection waits for.
pub struct PendingJob {
    ticket: Ticket,
    cancellation: Cancellation,
}

/// Whether new requests are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Serving,
    Stopping,
}

impl WorkerContext {
    /// The belongings of a new worker.
    pub fn new(
        site: Arc<Site>,
        files: OpenFiles,
        limits: Limits,
        log: Option<LogWriter>,
        reactor: usize,
        now: Now,
    ) -> WorkerContext {
        WorkerContext {
            site,
            files,
            freshness: Freshness::Unknown,
            clock: Clock::new(now),
            head_limits: limits.head(),
            room: Room::new(limits.response_spool_bytes_max),
            without_room: BTreeSet::new(),
            limits,
            send_budget: 0,
            piece_bytes: 0,
            share: Share::new(),
            work_done: 0,
            spare: Spare::default(),
            buffers: Buffers::default(),
            log,
            scratch: Vec::new(),
            stage: Stage::Serving,
            gateway: Gateway::new(reactor),
            listening: Vec::new(),
            threads: None,
        }
    }

    /// The address of a listener.
    pub fn listening_at(&self, listener: u16) -> Option<SocketAddr> {
        self.listening.get(usize::from(listener)).copied().flatten()
    }

    /// Begins a turn in which so many bytes of files may be sent, in pieces of so many.
    pub fn begin_turn(&mut self, turn_bytes: usize, piece_bytes: usize) {
        self.send_budget = turn_bytes;
        self.piece_bytes = piece_bytes;
        self.work_done = 0;
    }

    /// Whether the worker may wait for the disk.
    pub fn disk(&self) -> Disk {
        if self.threads.is_some() { Disk::MustNotBlock } else { Disk::MayBlock }
    }

    /// Has something read from the disk; a message will say when it is done.
    pub fn read(&self, id: ConnectionId, prefetch: Prefetch) {
        if let Some(threads) = &self.threads {
            threads.submit_to_disk(jobs::warm(threads.sender(id), prefetch));
        }
    }

    /// Has content written to the disk; a message will say when it is done.
    pub fn write(&self, id: ConnectionId, on_disk: OnDisk, bytes: Vec<u8>) {
        if let Some(threads) = &self.threads {
            let directory = Arc::clone(&threads.spool_directory);
            threads.submit_to_disk(jobs::write(threads.sender(id), directory, on_disk, bytes));
        }
    }

    /// Has content of a response written to the disk; a message will say what that took.
    pub fn write_backlog(&self, id: ConnectionId, backlog: Backlog) {
        if let Some(threads) = &self.threads {
            let directory = Arc::clone(&threads.spool_directory);
            threads.submit_to_disk(jobs::write_backlog(threads.sender(id), directory, backlog));
        }
    }

    /// Has a handler find its answer, which comes as a message. `None` if no thread will be free for it.
    pub fn answer(&self, id: ConnectionId, job: site::Job) -> Option<PendingJob> {
        let threads = self.threads.as_ref()?;
        let cancellation = Cancellation::default();
        let attempts = jobs::answer(threads.sender(id), job, cancellation.clone());
        match threads.handlers.submit_attempts(attempts) {
            Ok(ticket) => Some(PendingJob { ticket, cancellation }),
            Err(attempts) => {
                self.drop_elsewhere(attempts);
                None
            }
        }
    }

    /// Nobody waits for a handler any more: it is not begun, or finds that it is cancelled.
    pub fn cancel(&self, work: PendingJob) {
        work.cancellation.cancel();
        let threads = self.threads.as_ref();
        if let Some(attempts) = threads.and_then(|threads| threads.handlers.withdraw(work.ticket)) {
            self.drop_elsewhere(attempts);
        }
    }

    /// Lets others go before a handler that has not begun, for its client may have gone.
    pub fn yield_place(&self, work: &PendingJob) -> Yielded {
        let threads = self.threads.as_ref();
        threads.map_or(Yielded::Kept, |threads| threads.handlers.yield_place(work.ticket))
    }

    /// A pipe to a thread that wakes this connection.
    pub fn pipe_to_thread(&self, id: ConnectionId) -> (Inlet, BodyReader) {
        match &self.threads {
            Some(threads) => pipe::to_thread(threads.sender(id).wake()),
            None => pipe::to_thread(Box::new(|| {})),
        }
    }

    /// Drops what may hold a file without a name: to free its blocks may take the disk a while.
    pub fn drop_elsewhere(&self, value: impl Send + 'static) {
        if let Some(threads) = &self.threads {
            threads.submit_to_disk(Box::new(move || drop(value)));
        }
    }

    /// Nobody waits for this message any more.
    pub fn drop_completion(&self, delivery: Completion) {
        if matches!(delivery, Completion::Spooled(_) | Completion::BacklogWritten(_)) {
            self.drop_elsewhere(delivery);
        }
    }

    /// Whether the worker is on its way out.
    pub fn is_stopping(&self) -> bool {
        self.stage == Stage::Stopping
    }
}
