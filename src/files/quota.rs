//! How much a root may hold, and how much it does.
//!
//! It must never know why a file comes or goes.

use super::Root;
use crate::sys::file::{self, Cause, Disk, Kind, LastLink, Symlinks};
use crate::sys::write;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bound on the bytes of all regular files beneath a root.
///
/// They are counted once, by whoever first wants to store something, and from then on it is only added
/// and taken away what is stored and removed through this value. What others do beneath the root, other
/// processes among them, is seen when it is counted again, every ten minutes at the most; until then
/// each process may let in as much as it believes to be free. What is stored while it is counted may be
/// counted twice until the next time. Lengths count, not blocks; a file of two names counts twice; what
/// cannot be read does not count.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_max: u64,
    state: Mutex<State>,
    counted: Condvar,
}

#[derive(Debug)]
struct State {
    bytes: u64,
    count: Count,
    /// What has come since the count that is under way began.
    grown_meanwhile: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Never,
    /// For the first time: nothing is known yet.
    First,
    Done(Instant),
    Again,
}

/// Why something is not let in.
#[derive(Debug)]
pub(super) enum QuotaError {
    /// It is not known yet how much there is.
    Counting,
    Exceeded,
    /// It cannot be counted.
    Failed(io::Error),
}

/// Room that was taken, and is given back unless it is kept.
#[derive(Debug)]
pub(super) struct Charge<'a> {
    quota: &'a Quota,
    growth: i128,
}

impl Quota {
    pub(super) fn new(bytes_max: u64) -> Quota {
        let state = State { bytes: 0, count: Count::Never, grown_meanwhile: 0 };
        Quota { bytes_max, state: Mutex::new(state), counted: Condvar::new() }
    }

    /// Counts what is there if it is time; where another thread does so for the first time, waits for
    /// it.
    pub(super) fn prepare(&self, root: &Root, wait: Duration) -> Result<(), QuotaError> {
        let mut state = self.state();
        if state.count == Count::First {
            let is_counting = |state: &mut State| state.count == Count::First;
            let waited = self.counted.wait_timeout_while(state, wait, is_counting);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match state.count {
            Count::First => return Err(QuotaError::Counting),
            Count::Again => return Ok(()),
            Count::Done(when) if when.elapsed() < RECOUNT_AFTER => return Ok(()),
            Count::Done(_) => state.count = Count::Again,
            Count::Never => state.count = Count::First,
        }
        state.grown_meanwhile = 0;
        drop(state);

        let counted = count(root);
        let mut state = self.state();
        let result = match (counted, state.count) {
            (Ok(bytes), _) => {
                state.bytes = add(bytes, state.grown_meanwhile.max(0));
                state.count = Count::Done(Instant::now());
                Ok(())
            }
            (Err(error), Count::First) => {
                state.count = Count::Never;
                Err(QuotaError::Failed(error))
            }
            // What was known will do until the next time.
            (Err(_), _) => {
                state.count = Count::Done(Instant::now());
                Ok(())
            }
        };
        drop(state);
        self.counted.notify_all();
        result
    }

    /// Takes room for a file of this length in place of one of that.
    pub(super) fn charge(&self, new_bytes: u64, old_bytes: u64) -> Result<Charge<'_>, QuotaError> {
        let growth = i128::from(new_bytes) - i128::from(old_bytes);
        let mut state = self.state();
        if growth > 0 && add(state.bytes, growth) > self.bytes_max {
            return Err(QuotaError::Exceeded);
        }
        state.grow(growth);
        Ok(Charge { quota: self, growth })
    }

    /// Whether there would be room, as far as that is known without counting.
    pub(super) fn foresee(&self, new_bytes: u64, old_bytes: u64) -> Result<(), QuotaError> {
        let growth = i128::from(new_bytes) - i128::from(old_bytes);
        let state = self.state();
        let is_known = !matches!(state.count, Count::Never | Count::First);
        let exceeds = growth > 0 && add(state.bytes, growth) > self.bytes_max;
        if is_known && exceeds { Err(QuotaError::Exceeded) } else { Ok(()) }
    }

    /// No invariant spans two of its fields: what a thread that panicked left is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn grow(&mut self, growth: i128) {
        self.bytes = add(self.bytes, growth);
        self.grown_meanwhile += growth;
    }
}

impl Charge<'_> {
    pub(super) fn keep(mut self) {
        self.growth = 0;
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if self.growth != 0 {
            self.quota.state().grow(-self.growth);
        }
    }
}

fn add(bytes: u64, growth: i128) -> u64 {
    u64::try_from((i128::from(bytes) + growth).max(0)).unwrap_or(u64::MAX)
}

/// The bytes of all regular files beneath a root, no link followed.
///
/// # Errors
/// When the root cannot be read, or holds more than is worth counting.
fn count(root: &Root) -> io::Result<u64> {
    let start = file::open_directory(root.path())?;
    let mut bytes = 0_u64;
    let mut names_left = NAMES_MAX;
    let mut ahead = vec![Vec::new()];
    while let Some(path) = ahead.pop() {
        let opened = file::open_beneath(
            start.as_fd(),
            &path,
            Symlinks::Never,
            LastLink::Refuse,
            Disk::MayBlock,
        );
        let directory = match opened {
            Ok(directory) => directory,
            Err(error) if path.is_empty() || Cause::of(&error) == Cause::Exhausted => {
                return Err(error);
            }
            // It went meanwhile, or it is not ours to read.
            Err(_) => continue,
        };
        let read = write::each_name(directory.as_fd(), |name| {
            names_left -= 1;
            match write::identity_at(directory.as_fd(), name) {
                Ok(identity) if identity.kind == Kind::File => {
                    bytes = bytes.saturating_add(identity.size_bytes);
                }
                Ok(identity) if identity.kind == Kind::Directory => {
                    ahead.push([&path[..], name, b"/"].concat());
                }
                _ => {}
            }
            if names_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if names_left == 0 {
            return Err(io::Error::other(
                "there are too many files beneath the root to be counted",
            ));
        }
        if path.is_empty() {
            read?;
        }
    }
    Ok(bytes)
}

/// Counting takes about a second for a million names that the kernel knows; from a cold disk minutes.
const RECOUNT_AFTER: Duration = Duration::from_secs(600);

const NAMES_MAX: u64 = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;

    const WAIT: Duration = Duration::from_secs(5);

    #[test]
    fn all_regular_files_beneath_the_root_count() {
        let around = Directory::new();
        around.write("secret", [b's'; 1000]).write("root/a", [b'1'; 10]);
        around.write("root/d/e/b", [b'2'; 20]).write("root/d/.c", [b'3'; 30]);
        around.link("root/l", "a").link("root/out", "../secret").link("root/d/up", "..");
        around.make_others("root/fifo", "root/socket");
        let root = Root::open(around.at("root")).expect("it is there");
        assert_eq!(count(&root).expect("it can be read"), 60);
        around.remove("root");
        assert!(count(&root).is_err());
    }

    #[test]
    fn what_comes_is_let_in_up_to_the_bound_and_what_goes_makes_room() {
        let here = Directory::new();
        here.write("a", [b'1'; 60]);
        let root = Root::open(here.path()).expect("it is there");
        let quota = Quota::new(100);
        quota.prepare(&root, WAIT).expect("it can be counted");
        let fits = |new, old| quota.charge(new, old).is_ok();
        assert!(fits(40, 0) && fits(100, 60) && !fits(41, 0), "none of these was kept");
        quota.charge(40, 0).expect("it fits").keep();
        assert!(!fits(1, 0) && fits(0, 0) && fits(60, 60));
        quota.charge(0, 60).expect("it goes").keep();
        assert!(fits(60, 0) && !fits(61, 0));
        here.write("b", [b'1'; 1000]);
        quota.prepare(&root, WAIT).expect("it was counted just now");
        assert!(fits(60, 0), "what others do is not seen at once");
    }

    #[test]
    fn whoever_is_over_the_bound_can_still_make_it_less() {
        let here = Directory::new();
        here.write("a", [b'1'; 600]);
        let root = Root::open(here.path()).expect("it is there");
        let quota = Quota::new(100);
        quota.prepare(&root, WAIT).expect("it can be counted");
        assert!(quota.charge(1, 0).is_err());
        assert!(quota.charge(500, 600).is_ok());
        assert!(quota.charge(0, 600).is_ok());
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let here = Directory::new();
        let root = Root::open(here.path()).expect("it is there");
        let quota = Quota::new(1000);
        let taken: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        quota.prepare(&root, WAIT).expect("it can be counted");
                        (0..100).filter(|_| quota.charge(7, 0).map(Charge::keep).is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("none panics") as u64).sum()
        });
        assert_eq!(taken, 1000 / 7);
    }
}
