//! The threads that encode files and bodies: some for what somebody waits for, and one that uses idle time.
//!
//! All workers share them: there are as many as CPUs at most, and these the workers share too. They must never know what
//! is encoded.

use super::exchange::encoding::PieceEncoding;
use super::jobs::{self, CompletionSender};
use super::mailbox::Completion;
use super::pool::{Pool, SingleJob};
use crate::files::{Encoding, Prefetch};
use crate::sys;

/// The threads that encode.
pub(crate) struct Encoders {
    /// For what somebody waits for.
    fast: Pool,
    /// For what is larger, so that nobody waits for it.
    large: Pool,
    /// For bodies that are encoded while they are sent.
    pieces: Pool,
    /// For what is sent often and can become smaller.
    idle: Pool,
}

impl Default for Encoders {
    fn default() -> Encoders {
        let threads_max = crate::sys::cpus::count().clamp(1, THREADS_MAX);
        Encoders {
            fast: Pool::new("encoder", threads_max, AWAITED_QUEUE_MAX),
            large: Pool::new("encoder-large", 1, QUEUE_MAX),
            // Each exchange has one piece under way at most.
            pieces: Pool::new("encoder", threads_max, usize::MAX),
            idle: Pool::new("encoder-idle", 1, IDLE_QUEUE_MAX),
        }
    }
}

impl Encoders {
    /// Has a thread encode a file that an exchange waits for. If it is not done, the exchange goes on without it.
    pub(crate) fn prefetch(&self, sender: CompletionSender, prefetch: Prefetch) {
        let unable = sender.clone();
        if self.fast.submit(jobs::prefetch(sender, prefetch)).is_err() {
            unable.send(Completion::Prefetched);
        }
    }

    /// Has a thread encode a piece of a body, which comes back in a message.
    pub(crate) fn encode_piece(&self, sender: CompletionSender, piece: PieceEncoding) {
        if self.pieces.submit(jobs::encode(sender, piece)).is_err() {
            log::error!("the encoders refuse a job");
        }
    }

    /// Has a thread encode a file that nobody waits for, or drops it if too many wait for that.
    pub(crate) fn encode(&self, encoding: Encoding) {
        let is_for_idle_time = encoding.is_for_idle_time();
        let job: SingleJob = Box::new(move || {
            if is_for_idle_time {
                sys::process::yield_cpu_to_others();
            }
            encoding.run();
        });
        drop(if is_for_idle_time { self.idle.submit(job) } else { self.large.submit(job) });
    }
}

/// More threads would take the CPUs from the workers.
const THREADS_MAX: usize = 8;

/// How many encodings wait at most that somebody waits for; each takes about a millisecond, and 40 at most.
const AWAITED_QUEUE_MAX: usize = 32;

/// The same of larger files.
const QUEUE_MAX: usize = 256;

/// The same in idle time, where each may take seconds, and keeps its file in memory.
const IDLE_QUEUE_MAX: usize = 32;
