//! How many workers and processes: a flag, a variable and a key are read in the same way.

use std::num::NonZeroUsize;

use crate::server::Workers;

/// Reads `"auto"` or a count, for the flag, the variable and the key.
///
/// # Errors
/// What was expected, to be put after a name: "must be …".
pub(crate) fn parse_workers(text: &str) -> Result<Workers, String> {
    if text == "auto" {
        return Ok(Workers::Auto);
    }
    let count = text.parse().ok().and_then(NonZeroUsize::new);
    count.filter(|count| count.get() <= WORKERS_MAX).map(Workers::Count).ok_or_else(|| {
        format!("must be \"auto\" or a number from 1 to {WORKERS_MAX}, not {text:?}")
    })
}

/// Reads a count of processes, for the flag, the variable and the key.
///
/// # Errors
/// What was expected, to be put after a name: "must be …".
pub(crate) fn parse_processes(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().and_then(NonZeroUsize::new);
    count
        .filter(|count| count.get() <= PROCESSES_MAX)
        .ok_or_else(|| format!("must be a number from 1 to {PROCESSES_MAX}, not {text:?}"))
}

/// More threads than any machine has CPUs are a typo.
const WORKERS_MAX: usize = 1024;

/// So are more processes, each of which has its own cache and threads.
const PROCESSES_MAX: usize = 256;
