//! How many descriptors this process may have open, and how they are shared. It must never know what they
//! are.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::io;
use std::process::Child;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Raises this process's limit of open descriptors as far as it may, and returns the new limit (`None`: no
/// limit). Keeps the old one for [`restore_for`].
pub(crate) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    STARTED_WITH.get_or_init(|| limit.current);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// The limit that holds now; `None` when there is none.
pub(crate) fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The limit before it was raised.
pub(crate) fn started_with() -> Option<u64> {
    *STARTED_WITH.get_or_init(limit)
}

/// Keeps the limit that the process was started with which started this one, and raised the limit for it.
pub(crate) fn inherit(started_with: Option<u64>) {
    STARTED_WITH.get_or_init(|| started_with);
}

/// Gives a program that was just started the limit that this one was started with: many programs
/// close, or poll with `select`, everything up to their limit.
///
/// # Errors
/// When it has ended.
pub(crate) fn restore_for(child: &Child) -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: started_with(), maximum };
    prlimit(Some(Pid::from_child(child)), Resource::Nofile, limit)?;
    Ok(())
}

/// How many descriptors are open; in a process that may not look, how many there were before.
pub(crate) fn open_count() -> usize {
    let count = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    count.unwrap_or_else(|_| COUNTED_EARLY.load(Ordering::Relaxed))
}

/// Counts them now, for when this process may not look any more.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program confines itself"))]
pub(crate) fn count_early() {
    COUNTED_EARLY.store(open_count(), Ordering::Relaxed);
}

static COUNTED_EARLY: AtomicUsize = AtomicUsize::new(0);

/// One of the descriptors that requests may hold beyond those of their connections. It is given back when this
/// is dropped.
#[derive(Debug)]
pub(crate) struct Extra(());

impl Extra {
    /// Takes one, unless requests hold a quarter of the limit already.
    pub(crate) fn take() -> Option<Extra> {
        let max = limit().map_or(u64::MAX, |limit| limit / EXTRA_SHARE);
        let one_more = |count| (count < max).then_some(count + 1);
        EXTRA.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Extra(()))
    }
}

impl Drop for Extra {
    fn drop(&mut self) {
        EXTRA.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Requests may hold one part in so many of the limit, beyond the descriptors of their connections.
pub(crate) const EXTRA_SHARE: u64 = 4;

/// The limit belongs to the whole process, and so does this count.
static EXTRA: AtomicU64 = AtomicU64::new(0);
static STARTED_WITH: OnceLock<Option<u64>> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_limit_is_as_high_as_may_be() {
        let limit = raise_limit();
        assert_eq!(raise_limit(), limit);
        assert!(limit.is_none_or(|limit| limit > 0));
    }

    #[test]
    fn a_program_is_given_the_limit_that_this_one_was_started_with() {
        raise_limit();
        let mut child = std::process::Command::new("sleep").arg("20").spawn().unwrap();
        restore_for(&child).unwrap();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let expected = started_with().map_or("unlimited".to_owned(), |limit| limit.to_string());
        assert_eq!(line.split_whitespace().nth(3), Some(&expected[..]), "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
