//! Whether memory is about to run out, as a worker knows it. Without a bound of memory, it asks nothing.
//!
//! Rust aborts when there is no memory, and the kernel kills what exceeds the bound of its control group: both end all
//! requests of a process. So less is kept while little is left: files are forgotten, bodies go to the disk at once, those
//! that cannot get 503, and new connections wait in the kernel's queue.

use crate::files::CacheLimits;
use crate::sys::memory_bound::{MemoryBound, Shortage};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Looks from time to time.
#[derive(Default)]
pub(crate) struct MemoryWatch {
    bound: Option<&'static MemoryBound>,
    looked_at: Option<Instant>,
    shortage: Option<Shortage>,
    is_short: MemoryFlag,
}

/// Whether memory is short, for what keeps something in it for long.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryFlag(Rc<Cell<bool>>);

impl MemoryFlag {
    /// Whether it is now.
    pub(crate) fn is_set(&self) -> bool {
        self.0.get()
    }
}

impl MemoryWatch {
    /// Watches this process.
    pub(crate) fn of_this_process() -> MemoryWatch {
        MemoryWatch { bound: MemoryBound::of_this_process(), ..MemoryWatch::default() }
    }

    /// Looks, unless it has just done so. Returns whether memory is short now and was not before.
    #[inline]
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let Some(bound) = self.bound else { return false };
        let is_recent = |at| now.saturating_duration_since(at) < LOOK_EVERY;
        if self.looked_at.is_some_and(is_recent) {
            return false;
        }
        self.looked_at = Some(now);
        let before = std::mem::replace(&mut self.shortage, bound.shortage());
        self.is_short.0.set(self.shortage.is_some());
        before.is_none() && self.shortage.is_some()
    }

    /// How much is in use, if that is nearly all.
    #[inline]
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        self.shortage
    }

    /// Shows at any time whether it is.
    pub(crate) fn flag(&self) -> MemoryFlag {
        self.is_short.clone()
    }

    /// Plays what the next look finds.
    #[cfg(test)]
    pub(crate) fn play(&mut self, is_short: bool) {
        self.shortage = is_short.then_some(Shortage::SOME);
        self.is_short.0.set(is_short);
    }
}

/// Lowers what each of so many workers keeps of files to a part of the memory that there may be.
pub(crate) fn fit(cache: &mut CacheLimits, workers: usize) {
    if let Some(bound) = MemoryBound::of_this_process() {
        fit_to(bound.bytes_max(), cache, workers);
    }
}

fn fit_to(bytes_max: u64, cache: &mut CacheLimits, workers: usize) {
    let share = bytes_max / CACHES_SHARE / workers.max(1) as u64;
    if cache.bytes_max > share {
        let mib = |bytes: u64| bytes >> 20;
        log::info!(
            "{} MiB of memory may be used: bytes_max of each worker's cache is {} MiB instead of {}",
            mib(bytes_max),
            mib(share),
            mib(cache.bytes_max)
        );
        cache.bytes_max = share;
    }
    cache.compressed_bytes_max = cache.compressed_bytes_max.min(share / 4);
}

/// All caches together may take this part of the memory.
const CACHES_SHARE: u64 = 8;

/// How much comes within this time is little beside what is kept free.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caches_of_all_workers_fit_the_memory() {
        let fitted = |bytes_max, workers| {
            let mut cache = CacheLimits::default();
            fit_to(bytes_max, &mut cache, workers);
            (cache.bytes_max >> 20, cache.compressed_bytes_max >> 20)
        };
        assert_eq!(fitted(u64::MAX, 64), (128, 32));
        assert_eq!(fitted(256 << 20, 1), (32, 8));
        assert_eq!(fitted(256 << 20, 4), (8, 2));
        assert_eq!(fitted(0, 1), (0, 0));
    }

    #[test]
    fn without_a_bound_nothing_is_ever_short() {
        let mut watch = MemoryWatch::default();
        assert!(!watch.look(Instant::now()));
        assert!(watch.shortage().is_none() && !watch.flag().is_set());
    }
}
