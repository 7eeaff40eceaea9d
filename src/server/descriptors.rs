//! Lowers what a server may hold open to what its process may: with limits beyond the system's, the
//! next client would get EMFILE.

use super::limits::Limits;
use crate::files::CacheLimits;
use crate::site::Application;
use crate::sys::descriptors::{EXTRA_SHARE, limit, open_count};
use std::sync::Arc;

/// How many descriptors the process has open. To be asked for before it serves anybody.
pub(super) fn own() -> usize {
    open_count()
}

/// Lowers the limits of each of so many workers to what this process may have open, and says so. Before it served anybody,
/// `own` were open.
pub(super) fn fit(
    limits: &mut Limits,
    cache: &mut CacheLimits,
    workers: usize,
    applications: &[Arc<Application>],
    own: usize,
) {
    let Some(limit) = limit() else { return };
    let of_applications = applications
        .iter()
        .map(|it| of_application(it.processes, it.threads, workers))
        .fold(0, usize::saturating_add);
    let own = own + workers * OWN_OF_WORKER + of_applications;
    let shares = Shares::of(limit, own, workers, cache.descriptors_max);
    if limits.connections_max <= shares.connections && cache.descriptors_max <= shares.cached {
        return;
    }
    let needed = needed(own, workers);
    if limit < needed {
        log::warn!(
            "RLIMIT_NOFILE = {limit} is too small for this configuration: at least {needed} descriptors are needed \
             (ulimit -n {needed}, or LimitNOFILE={needed} in a systemd unit); when they run out, \
             clients have to wait or get 503"
        );
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
    /// for the cache, and the rest for content that goes to or comes from the disk. What the cache may not use is for
    /// connections too: a program with thousands of open streams has few files.
    fn of(limit: u64, own: usize, workers: usize, cached_max: usize) -> Shares {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let left = limit - limit / EXTRA_SHARE as usize;
        let of_worker = (left.saturating_sub(own) / workers.max(1)).max(LEAST_OF_WORKER);
        let quarter = of_worker / 4;
        let unused = quarter.saturating_sub(cached_max);
        Shares { connections: of_worker / 2 + unused, cached: quarter - unused }
    }
}

/// The smallest limit that leaves each worker what it has in any case.
fn needed(own: usize, workers: usize) -> u64 {
    let used = own.saturating_add(workers.saturating_mul(LEAST_OF_WORKER)) as u64;
    used.saturating_mul(EXTRA_SHARE).div_ceil(EXTRA_SHARE - 1)
}

/// What the processes of an application take, each of which has another beside it while it is replaced.
fn of_application(processes: usize, threads: usize, workers: usize) -> usize {
    (processes * 2).saturating_mul(OWN_OF_APPLICATION_PROCESS + threads + workers)
}

/// epoll, its waker, inotify, and what is open for a moment.
const OWN_OF_WORKER: usize = 8;

/// Two sockets, the other end of one of them, two pipes, its scoreboard and its end; there is a socket for each of its
/// threads and for each worker besides.
const OWN_OF_APPLICATION_PROCESS: usize = 7;

/// A worker has so many in any case. Where even these are too many, the server pauses when descriptors run
/// out.
const LEAST_OF_WORKER: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_together_stays_within_the_limit() {
        assert_eq!(Shares::of(256, 28, 1, usize::MAX), Shares { connections: 82, cached: 41 });
        let own = 30 + 4 * OWN_OF_WORKER + of_application(2, 4, 4);
        let Shares { connections, cached } = Shares::of(1024, own, 4, usize::MAX);
        assert!(4 * (connections + cached) + own + 1024 / 4 <= 1024);
    }

    #[test]
    fn what_the_cache_may_not_use_is_for_connections() {
        let Shares { connections, cached } = Shares::of(20_000, 20, 1, 100);
        assert_eq!((connections > 10_000, cached), (true, 100));
        let Shares { connections: usual, cached } = Shares::of(20_000, 20, 1, usize::MAX);
        assert_eq!(connections + 100, usual + cached);
    }

    #[test]
    fn a_large_limit_changes_nothing() {
        let Shares { connections, cached } = Shares::of(524_288, 200, 8, usize::MAX);
        let (limits, cache) = (Limits::default(), CacheLimits::default());
        assert!(connections >= limits.connections_max && cached >= cache.descriptors_max);
    }

    #[test]
    fn a_tiny_limit_leaves_something() {
        assert_eq!(Shares::of(40, 36, 2, usize::MAX), Shares { connections: 32, cached: 16 });
    }

    #[test]
    fn what_is_needed_is_enough_and_no_less_is() {
        for (own, workers) in [(20, 1), (28, 2), (100, 8), (5000, 64)] {
            let needed = needed(own, workers);
            let fits = |limit: u64| {
                let Shares { connections, cached } = Shares::of(limit, own, workers, usize::MAX);
                let content = LEAST_OF_WORKER / 4;
                let forms = (limit / EXTRA_SHARE) as usize;
                own + workers * (connections + cached + content) + forms <= limit as usize
            };
            assert!(fits(needed) && !fits(needed - 2), "{needed} for {own} and {workers} workers");
        }
    }
}
