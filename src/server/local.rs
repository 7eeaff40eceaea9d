//! What a worker owns and lends to each connection that it drives. Nothing in here is shared.

use super::access_log::LogWriter;
use super::clock::Clock;
use super::exchange::Spare;
use super::id::ConnectionId;
use super::limits::Limits;
use super::mailbox::{Letter, Mailbox};
use super::pool::Pool;
use crate::files::{Disk, Now, OpenFiles, Warmup};
use crate::http::h1::head::HeadLimits;
use crate::site::{Freshness, Site};
use std::sync::Arc;

/// The worker's belongings.
pub struct Local {
    pub site: Arc<Site>,
    pub files: OpenFiles,
    /// What is known of the bytes that the connection at hand will read next.
    pub freshness: Freshness,
    pub clock: Clock,
    pub limits: Limits,
    pub head_limits: HeadLimits,
    /// Bytes of files that one connection may send per turn.
    pub send_budget: usize,
    pub spare: Spare,
    pub log: Option<LogWriter>,
    pub scratch: Vec<u8>,
    pub stage: Stage,
    /// Who reads what is cold. Without one the worker waits for the disk itself.
    pub reader: Option<Reader>,
}

/// Threads that may wait for the disk, and where they answer to.
pub struct Reader {
    pub pool: Arc<Pool>,
    pub mailbox: Arc<Mailbox>,
}

/// Whether new requests are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Serving,
    Stopping,
}

impl Local {
    /// The belongings of a new worker.
    pub fn new(
        site: Arc<Site>,
        files: OpenFiles,
        limits: Limits,
        log: Option<LogWriter>,
        now: Now,
    ) -> Local {
        Local {
            site,
            files,
            freshness: Freshness::Unknown,
            clock: Clock::new(now),
            head_limits: limits.head(),
            limits,
            send_budget: SEND_BYTES_PER_TURN,
            spare: Spare::default(),
            log,
            scratch: Vec::new(),
            stage: Stage::Serving,
            reader: None,
        }
    }

    /// Whether the worker may wait for the disk.
    pub fn disk(&self) -> Disk {
        if self.reader.is_some() { Disk::MustNotBlock } else { Disk::MayBlock }
    }

    /// Has something read from the disk; a letter will say when it is done.
    pub fn read(&self, id: ConnectionId, warmup: Warmup) {
        if let Some(reader) = &self.reader {
            reader.pool.submit(
                move || warmup.run(),
                Letter::Warmed(id),
                Arc::clone(&reader.mailbox),
            );
        }
    }

    /// Whether the worker is on its way out.
    pub fn is_stopping(&self) -> bool {
        self.stage == Stage::Stopping
    }
}

/// Small enough that one download does not delay the others by much and that what is sent is still
/// in the CPU's cache when it is acknowledged; large enough that turns cost nothing beside it.
const SEND_BYTES_PER_TURN: usize = 1024 * 1024;
