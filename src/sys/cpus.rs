//! How many CPUs this process may use.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

/// How many they are, as far as the kernel and the control group allow; as they were when it was first asked, because a
/// confined process does not see its control group.
pub(crate) fn count() -> usize {
    *COUNT.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

static COUNT: OnceLock<usize> = OnceLock::new();
