//! What the C library does with freed memory.
//!
//! glibc keeps it: as soon as a large block is freed, its bounds for giving memory back grow, and blocks
//! of all sizes end up in heaps of which hardly one ever becomes empty. After 8,000 clients with large
//! heads had gone, 249 of 279 MB stayed; with bounds that do not grow, 15 MB. And it has up to eight heaps for each CPU,
//! one for each thread at first: what the threads of a pool make and a worker frees much later leaves holes in all of
//! them, so that memory grew for hours. There are two ways to set such bounds: a call that is not safe, and an environment
//! variable that is read before `main`. So the program starts itself again, and only `process` and this know that it has:
//! each asks the other.

use super::cpus;
use super::process::{self, OWN_PROGRAM, set_name};
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts this program again in the same process, with fixed bounds for the allocator. Returns if that has
/// been done, makes no difference (another C library), or fails; the server works without it as well.
///
/// Bounds that the operator has set are kept. Call it before anything is opened or started.
pub(crate) fn give_memory_back() {
    if !cfg!(target_env = "gnu") || env::var_os(STARTED_AGAIN).is_some() {
        return rename();
    }
    if env::var_os(TUNABLES).is_some() {
        return;
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(OWN_PROGRAM);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // The kernel removes the first variable from a program with capabilities. The second one stays, so that
    // the program does not start itself again and again; it keeps the path that the kernel forgets.
    let path = process::started_by().unwrap_or_default();
    let bounds = format!("{BOUNDS}:glibc.malloc.arena_max={}", cpus::count() + OTHER_HEAPS);
    let error = command.args(arguments).env(TUNABLES, bounds).env(STARTED_AGAIN, path).exec();
    #[cfg(feature = "cli")]
    super::signal::ignore_broken_pipes();
    log::debug!("freed memory may stay with this process: {error}");
}

/// The path that the program was started by at first, if it has started itself again.
pub(super) fn started_by() -> Option<PathBuf> {
    env::var_os(STARTED_AGAIN).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Without this, the process would be named after the link that it was started by.
fn rename() {
    let name = env::args_os().next().unwrap_or_else(|| OsString::from("httpd"));
    if let Some(name) = Path::new(&name).file_name().and_then(|name| name.to_str()) {
        set_name(name);
    }
}

/// Removes the variables of [`give_memory_back`] from another program's environment.
pub(crate) fn forget_in(command: &mut Command) {
    if env::var_os(STARTED_AGAIN).is_some() {
        command.env_remove(TUNABLES).env_remove(STARTED_AGAIN);
    }
}

const TUNABLES: &str = "GLIBC_TUNABLES";
const STARTED_AGAIN: &str = "GLIBC_TUNABLES_OF_HTTPD";

/// A block of 32 KiB or more is mapped separately, and unmapped when it is freed. Smaller blocks, such as
/// most files in the cache, would waste too much of their last page.
const BOUNDS: &str = "glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=131072";

/// Heaps besides one for each CPU, and so for each worker.
const OTHER_HEAPS: usize = 2;
