//! How much a root may hold, and how much it holds.
//!
//! It must never know why a file is stored or removed.

use super::Root;
use crate::sys::file::{self, Cause, Disk, FileKind, LastLink, Symlinks};
use crate::sys::write;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A bound on the bytes of all regular files beneath a root, and on the number of files and directories: one
/// for every [`NAME_BYTES`] of the bound, and [`NAMES_FREE`] more, so that empty files cannot fill a disk.
///
/// The first upload counts what is there. From then on only what is stored and removed through this value is
/// added and subtracted. What other processes do beneath the root is noticed at the next count, ten minutes
/// later at the soonest; until then each process stores as much as it believes to be free. What is stored
/// during a count may count twice until the next one. Uploads in progress count separately, up to twice the
/// bound, because a form is there whole beside its files. Lengths count, not blocks. A file with two names
/// counts twice. What cannot be read does not count.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_max: u64,
    state: Mutex<Account>,
    counted: Condvar,
}

#[derive(Debug)]
struct Account {
    bytes: u64,
    names: u64,
    /// Bytes of uploads in progress.
    incoming: u64,
    count: Count,
    /// How much was added since the current count began.
    grown_meanwhile: Growth,
}

/// How much is added, or removed if it is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Growth {
    bytes: i128,
    names: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Never,
    /// A thread counts for the first time: nothing is known yet.
    First,
    Done(Instant),
    Again,
}

/// Why something may not be stored.
#[derive(Debug)]
pub(super) enum QuotaError {
    /// The first count is not complete.
    Counting,
    /// There is no room for so many bytes.
    Bytes { bytes_max: u64 },
    /// There is no room for another file or directory.
    Names { names_max: u64 },
    /// Counting failed.
    Failed(io::Error),
}

/// Room that was taken. It is given back when this is dropped, unless it was kept.
#[derive(Debug)]
pub(super) struct Charge<'a> {
    quota: &'a Quota,
    growth: Growth,
}

impl Quota {
    pub(super) fn new(bytes_max: u64) -> Quota {
        let state = Account {
            bytes: 0,
            names: 0,
            incoming: 0,
            count: Count::Never,
            grown_meanwhile: Growth::default(),
        };
        Quota { bytes_max, state: Mutex::new(state), counted: Condvar::new() }
    }

    /// Counts what is there, if it is time. Where another thread does so for the first time, waits for it.
    pub(super) fn prepare(&self, root: &Root, wait: Duration) -> Result<(), QuotaError> {
        let mut state = self.state();
        if state.count == Count::First {
            let is_counting = |state: &mut Account| state.count == Count::First;
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
        state.grown_meanwhile = Growth::default();
        drop(state);

        let counted = count(root);
        let mut state = self.state();
        let result = match (counted, state.count) {
            (Ok((bytes, names)), _) => {
                state.bytes = add(bytes, state.grown_meanwhile.bytes.max(0));
                state.names = add(names, state.grown_meanwhile.names.max(0));
                state.count = Count::Done(Instant::now());
                Ok(())
            }
            (Err(error), Count::First) => {
                state.count = Count::Never;
                Err(QuotaError::Failed(error))
            }
            // The old numbers are good enough until the next count.
            (Err(_), _) => {
                state.count = Count::Done(Instant::now());
                Ok(())
            }
        };
        drop(state);
        self.counted.notify_all();
        result
    }

    /// Takes room for a file of `new_bytes`, which replaces one of `old_bytes` if there is one.
    pub(super) fn charge(
        &self,
        new_bytes: u64,
        old_bytes: Option<u64>,
    ) -> Result<Charge<'_>, QuotaError> {
        self.charge_growth(Growth::of(new_bytes, old_bytes))
    }

    /// Takes room for a directory.
    pub(super) fn charge_directory(&self) -> Result<Charge<'_>, QuotaError> {
        self.charge_growth(Growth { bytes: 0, names: 1 })
    }

    /// Gives back the room of a file of this length, or of a directory, with 0 bytes.
    pub(super) fn release(&self, bytes: u64) {
        self.state().grow(Growth { bytes: -i128::from(bytes), names: -1 });
    }

    fn charge_growth(&self, growth: Growth) -> Result<Charge<'_>, QuotaError> {
        let mut state = self.state();
        self.check(&state, growth)?;
        state.grow(growth);
        Ok(Charge { quota: self, growth })
    }

    fn check(&self, state: &Account, growth: Growth) -> Result<(), QuotaError> {
        let names_max = self.bytes_max / NAME_BYTES + NAMES_FREE;
        if growth.bytes > 0 && add(state.bytes, growth.bytes) > self.bytes_max {
            Err(QuotaError::Bytes { bytes_max: self.bytes_max })
        } else if growth.names > 0 && add(state.names, growth.names) > names_max {
            Err(QuotaError::Names { names_max })
        } else {
            Ok(())
        }
    }

    /// Adds bytes to the uploads in progress. Each of them may fit, but not all of them together.
    pub(super) fn add_incoming(&self, bytes: u64) -> Result<(), QuotaError> {
        let mut state = self.state();
        let incoming = state.incoming.saturating_add(bytes);
        if incoming > self.bytes_max.saturating_mul(2) {
            return Err(QuotaError::Bytes { bytes_max: self.bytes_max });
        }
        state.incoming = incoming;
        Ok(())
    }

    /// Removes bytes from the uploads in progress: the upload was stored, or has ended.
    pub(super) fn remove_incoming(&self, bytes: u64) {
        let mut state = self.state();
        state.incoming = state.incoming.saturating_sub(bytes);
    }

    /// Whether there would be room, if that is known without counting.
    pub(super) fn precheck(
        &self,
        new_bytes: u64,
        old_bytes: Option<u64>,
    ) -> Result<(), QuotaError> {
        let state = self.state();
        let is_known = !matches!(state.count, Count::Never | Count::First);
        if is_known { self.check(&state, Growth::of(new_bytes, old_bytes)) } else { Ok(()) }
    }

    /// No invariant connects its fields, so what a thread left that panicked is still correct.
    fn state(&self) -> MutexGuard<'_, Account> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn grow(&mut self, growth: Growth) {
        self.bytes = add(self.bytes, growth.bytes);
        self.names = add(self.names, growth.names);
        self.grown_meanwhile.bytes += growth.bytes;
        self.grown_meanwhile.names += growth.names;
    }
}

impl Growth {
    fn of(new_bytes: u64, old_bytes: Option<u64>) -> Growth {
        Growth {
            bytes: i128::from(new_bytes) - i128::from(old_bytes.unwrap_or(0)),
            names: i128::from(old_bytes.is_none()),
        }
    }
}

impl Charge<'_> {
    pub(super) fn keep(mut self) {
        self.growth = Growth::default();
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if self.growth != Growth::default() {
            let Growth { bytes, names } = self.growth;
            self.quota.state().grow(Growth { bytes: -bytes, names: -names });
        }
    }
}

fn add(bytes: u64, growth: i128) -> u64 {
    u64::try_from((i128::from(bytes) + growth).max(0)).unwrap_or(u64::MAX)
}

/// The bytes of all regular files beneath a root, and the number of files and directories. No link is
/// followed.
///
/// # Errors
/// When the root cannot be read, or holds too many files.
fn count(root: &Root) -> io::Result<(u64, u64)> {
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
            // It was removed meanwhile, or this process may not read it.
            Err(_) => continue,
        };
        let read = write::each_name(directory.as_fd(), |name| {
            names_left -= 1;
            match write::identity_at(directory.as_fd(), name) {
                Ok(identity) if identity.kind == FileKind::File => {
                    bytes = bytes.saturating_add(identity.size_bytes);
                }
                Ok(identity) if identity.kind == FileKind::Directory => {
                    ahead.push([&path[..], name, b"/"].concat());
                }
                _ => {}
            }
            if names_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if names_left == 0 {
            return Err(io::Error::other(format!(
                "quota_bytes cannot be counted: there are more than {NAMES_MAX} files"
            )));
        }
        if path.is_empty() {
            read?;
        }
    }
    Ok((bytes, NAMES_MAX - names_left))
}

/// Counting a million names takes about a second if the kernel has them in memory, and minutes if not.
const RECOUNT_AFTER: Duration = Duration::from_secs(600);

const NAMES_MAX: u64 = 20_000_000;

/// The bound allows one name for so many bytes: about the least that a file takes on a disk.
const NAME_BYTES: u64 = 4096;

/// How many names every root may have.
const NAMES_FREE: u64 = 1000;

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
        assert_eq!(count(&root).expect("it can be read"), (60, 10));
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
        let fits = |new, old| quota.charge(new, Some(old)).is_ok();
        assert!(fits(40, 0) && fits(100, 60) && !fits(41, 0), "none of these was kept");
        quota.charge(40, None).expect("it fits").keep();
        assert!(!fits(1, 0) && fits(0, 0) && fits(60, 60));
        quota.release(60);
        assert!(fits(60, 0) && !fits(61, 0));
        here.write("b", [b'1'; 1000]);
        quota.prepare(&root, WAIT).expect("it was counted just now");
        assert!(fits(60, 0), "what others do is not seen at once");
    }

    #[test]
    fn what_is_over_the_bound_can_still_be_made_less() {
        let here = Directory::new();
        here.write("a", [b'1'; 600]);
        let root = Root::open(here.path()).expect("it is there");
        let quota = Quota::new(100);
        quota.prepare(&root, WAIT).expect("it can be counted");
        assert!(quota.charge(1, None).is_err());
        assert!(quota.charge(500, Some(600)).is_ok());
        assert!(quota.charge(0, Some(600)).is_ok());
    }

    #[test]
    fn what_is_empty_is_bounded_by_its_number() {
        let here = Directory::new();
        here.write("a", "").make("d");
        let root = Root::open(here.path()).expect("it is there");
        let quota = Quota::new(NAME_BYTES);
        quota.prepare(&root, WAIT).expect("it can be counted");
        for number in 2..=NAMES_FREE {
            let charge = match number % 2 {
                0 => quota.charge(0, None),
                _ => quota.charge_directory(),
            };
            charge.expect("it is not too many").keep();
        }
        assert!(quota.charge(0, None).is_err() && quota.charge_directory().is_err());
        assert!(quota.precheck(0, None).is_err());
        assert!(quota.charge(1, Some(0)).is_ok(), "it has a name already");
        quota.release(0);
        assert!(quota.charge(0, None).is_ok());
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
                        (0..100).filter(|_| quota.charge(7, None).map(Charge::keep).is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("none panics") as u64).sum()
        });
        assert_eq!(taken, 1000 / 7);
    }
}
