//! Whether somebody still waits for the response to a request that a thread works on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the thread that works on a request and the connection that waits for its response. Clones
/// share one state.
///
/// ```
/// let waits = httpd::Cancellation::default();
/// let works = waits.clone();
/// waits.cancel();
/// assert!(works.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// Whether nobody waits any more: the client has gone, or the time for the response is over.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Records that nobody waits any more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}
