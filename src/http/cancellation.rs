//! Whether somebody still waits for the answer to a request that a thread works on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the thread that works on a request and whoever waits for it. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// Whether nobody waits any more: the client has gone, or the time for the answer is over.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Says so.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
