//! A clock that only goes forward. It must never know what time of day it is.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The time since the first call.
pub(crate) fn uptime() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
