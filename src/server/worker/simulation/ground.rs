//! Where worlds live, one after the other: what never changes there is written once.

use crate::server::driven::random::Dice;
use crate::sys::file::Call;
use crate::sys::file::simulated::{let_fail, let_say};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The folders of one thread's worlds.
pub(super) struct Ground {
    /// In memory, if the system has such a place: most of the time of a world would be the disk's otherwise.
    memory: TempDir,
    /// Where kernels and file systems answer as they do for servers.
    disk: TempDir,
}

impl Ground {
    /// Folders with the files that no world changes.
    pub(super) fn new(files: &[(&str, &[u8])]) -> Ground {
        let in_memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let memory = in_memory.expect("a folder can be made");
        let disk = tempfile::tempdir().expect("a folder can be made");
        for folder in [&memory, &disk] {
            for (name, bytes) in files {
                write(&folder.path().join(name), bytes, UNIX_EPOCH + BEFORE);
            }
        }
        Ground { memory, disk }
    }

    /// The folder of the world of this seed.
    pub(super) fn of(&self, seed: u64) -> &Path {
        match seed.is_multiple_of(ON_DISK_EVERY) {
            true => self.disk.path(),
            false => self.memory.path(),
        }
    }
}

/// When time begins in a world: always then, so that a seed decides everything, and so long ago that nothing in it comes
/// after what the kernel says of the files.
pub(super) fn beginning() -> SystemTime {
    UNIX_EPOCH + BEFORE + Duration::from_secs(86_400)
}

/// Writes a file as of this time.
pub(super) fn write(path: &Path, bytes: &[u8], time: SystemTime) {
    let mut file = File::create(path).expect("the folder is ours");
    file.write_all(bytes).expect("there is room");
    file.set_modified(time).expect("the file is ours");
}

thread_local! {
    static COLD: RefCell<Dice> = const { RefCell::new(Dice(0)) };
    static FAULTS: RefCell<Faults> = const { RefCell::new(Faults { dice: Dice(0), are_on: false, count: 0 }) };
}

/// The calls of the disk that fail.
struct Faults {
    dice: Dice,
    are_on: bool,
    count: u64,
}

/// From now on, this seed decides on this thread what of the files is in memory, and which calls fail once
/// [`let_calls_fail`] says that some do.
pub(super) fn begin(seed: u64) {
    COLD.set(Dice::new(seed));
    let_say(Some(|| COLD.with_borrow_mut(|dice| dice.below(COLD_EVERY) == 0)));
    FAULTS.set(Faults { dice: Dice::new(!seed), are_on: false, count: 0 });
    let_fail(Some(error_of));
}

/// From now on, calls of the disk fail now and then, or no more.
pub(super) fn let_calls_fail(are_on: bool) {
    FAULTS.with_borrow_mut(|faults| faults.are_on = are_on);
}

/// How many have failed.
pub(super) fn failed_calls() -> u64 {
    FAULTS.with_borrow(|faults| faults.count)
}

fn error_of(call: Call) -> Option<io::Error> {
    FAULTS.with_borrow_mut(|faults| {
        if !faults.are_on || faults.dice.below(FAILS_EVERY) > 0 {
            return None;
        }
        faults.count += 1;
        let errors: &[i32] = match call {
            Call::Open => &[EIO, EACCES, EMFILE],
            Call::Read => &[EIO],
            Call::Create => &[ENOSPC, EIO, EACCES, EMFILE],
            Call::Write | Call::Name => &[ENOSPC, EIO, EDQUOT],
        };
        Some(io::Error::from_raw_os_error(errors[faults.dice.below(errors.len())]))
    })
}

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

const COLD_EVERY: usize = 6;

const FAILS_EVERY: usize = 12;

const BEFORE: Duration = Duration::from_secs(1_000_000_000);

const ON_DISK_EVERY: u64 = 16;
