//! Lowers what a server may hold open to what its process may: with limits beyond the system's, the
//! next client would get EMFILE.

use super::limits::Limits;
use crate::files::CacheLimits;
use crate::sys::descriptors::{EXTRA_SHARE, limit, open_count};

/// Lowers the limits of each of so many workers to what this process may have open, and says so.
pub fn fit(limits: &mut Limits, cache: &mut CacheLimits, workers: usize) {
    let Some(limit) = limit() else { return };
    let shares = Shares::of(limit, open_count(), workers);
    if limits.connections_max <= shares.connections && cache.descriptors_max <= shares.cached {
        return;
    }
    // What was asked for is missed more than what nobody has chosen.
    let is_default = limits.connections_max == Limits::default().connections_max
        && cache.descriptors_max == CacheLimits::default().descriptors_max;
    let level = if is_default { log::Level::Info } else { log::Level::Warn };
    log::log!(
        level,
        "no more than {limit} descriptors may be open (RLIMIT_NOFILE): of each worker, \
         connections_max is {} instead of {}, and descriptors_max {} instead of {}",
        shares.connections.min(limits.connections_max),
        limits.connections_max,
        shares.cached.min(cache.descriptors_max),
        cache.descriptors_max,
    );
    limits.connections_max = limits.connections_max.min(shares.connections);
    cache.descriptors_max = cache.descriptors_max.min(shares.cached);
}

/// What a worker may hold open.
#[derive(Debug, PartialEq, Eq)]
struct Shares {
    connections: usize,
    cached: usize,
}

impl Shares {
    /// Of what the server itself and the files of forms leave, half is for connections, a quarter
    /// for the cache, and the rest for content that goes to or comes from the disk.
    fn of(limit: u64, open: usize, workers: usize) -> Shares {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let own = open + workers * OWN_OF_WORKER;
        let left = limit - limit / EXTRA_SHARE as usize;
        let of_worker = left.saturating_sub(own) / workers.max(1);
        Shares { connections: (of_worker / 2).max(LEAST), cached: (of_worker / 4).max(LEAST) }
    }
}

/// epoll, its waker, inotify, and what applications need for each worker.
const OWN_OF_WORKER: usize = 8;

/// No share is smaller. Where even these are too many, the server pauses when descriptors run out.
const LEAST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_together_stays_within_the_limit() {
        assert_eq!(Shares::of(256, 20, 1), Shares { connections: 82, cached: 41 });
        let Shares { connections, cached } = Shares::of(1024, 30, 4);
        assert!(4 * (connections + cached + OWN_OF_WORKER) + 30 + 1024 / 4 <= 1024);
    }

    #[test]
    fn a_large_limit_changes_nothing() {
        let Shares { connections, cached } = Shares::of(524_288, 100, 8);
        let (limits, cache) = (Limits::default(), CacheLimits::default());
        assert!(connections >= limits.connections_max && cached >= cache.descriptors_max);
    }

    #[test]
    fn a_tiny_limit_leaves_something() {
        assert_eq!(Shares::of(40, 20, 2), Shares { connections: LEAST, cached: LEAST });
    }
}
