//! One file on its way into a root: it is written where nobody sees it, then put in its place in one step.
//!
//! It must never know where the bytes come from.

use super::FileVersion;
use super::destination::Destination;
#[cfg(test)]
use super::lock_wait::sleep_while_locked;
use super::lock_wait::{Attempt, LockWait};
use super::locked::{Locked, NeedsTag};
use super::sum::Summer;
use super::temporary::Temporary;
use super::writable::WritableRoot;
use super::write_error::{Obstacle, WriteError, is_missing};
use super::write_rules::Durability;
use crate::http::conditional::Preconditions;
use crate::http::date;
use crate::sys::file::{self, Timestamp};
use crate::sys::write::{self, Overwrite};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A file that is being stored. It leaves nothing behind when it is dropped before its commit.
///
/// One thread may write it and another commit it. All of its methods may wait for the disk.
#[derive(Debug)]
pub(crate) struct Upload {
    root: WritableRoot,
    destination: Destination,
    file: Temporary,
    length: u64,
    /// How many of its bytes the last flush brought to the disk.
    flushed: u64,
    /// Whether all of it is on the disk.
    is_synced: bool,
    wait: LockWait,
    /// The directories that were made for it. They are removed again unless it is stored.
    made: Vec<Vec<u8>>,
    /// Makes the sum of what is written, if the tag is made of it.
    summer: Option<Summer>,
}

/// What was stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Whether nothing had the name before.
    pub created: bool,
    /// Its version. Its entity tag, if it is made of the time, is strong, except on file systems whose times cannot be
    /// set to the nanosecond or that this kernel does not keep: there it is weak for two seconds.
    pub version: FileVersion,
}

impl WritableRoot {
    /// Begins to store a file at `path`: decoded and normalised, without a leading slash.
    ///
    /// # Errors
    /// [`WriteError::Name`] for a path with a component that [`check_name`](super::check_name) refuses,
    /// [`Obstacle::NoDirectory`] where the directory is missing and the rules do not let it be made.
    pub(crate) fn upload(&self, path: &[u8]) -> Result<Upload, WriteError> {
        WritableRoot::check_path(path)?;
        if let Some(quota) = self.quota() {
            quota.prepare(self.root(), self.rules().lock_wait)?;
        }
        let destination = Destination::of(path);
        for _ in 0..TRIES_MAX {
            let directory = match self.open(destination.directory()) {
                Err(error) if is_missing(&error) && self.makes_directories() => {
                    self.nearest(destination.directory())?.0
                }
                opened => opened?,
            };
            match self.create_in(directory.as_fd()) {
                Ok(file) => return Ok(Upload::new(self.clone(), destination, file)),
                // The directory was removed since it was opened; file systems report that in several ways.
                Err(_) if file::identity(directory.as_fd())?.names == 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(WriteError::Conflict(Obstacle::NoDirectory))
    }
}

impl Upload {
    fn new(root: WritableRoot, destination: Destination, file: Temporary) -> Upload {
        let wait = root.lock_wait();
        let (is_synced, made) = (false, Vec::new());
        let summer = root.root().sums().map(|_| Summer::default());
        Upload { root, destination, file, length: 0, flushed: 0, is_synced, wait, made, summer }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`WriteError::TooLarge`], [`WriteError::QuotaBytes`], or an error of the disk. After an error some of
    /// the bytes may have been written, so the file must not be committed.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let length = self.length + bytes.len() as u64;
        if length > self.root.rules().file_bytes_max {
            return Err(WriteError::TooLarge);
        }
        if let Some(quota) = self.root.quota() {
            quota.add_incoming(bytes.len() as u64)?;
        }
        // They are counted even if writing them fails.
        self.length = length;
        write::append(self.file.file(), bytes)?;
        if let Some(summer) = &mut self.summer {
            summer.add(bytes);
        }
        // Flushed now and then, so that the commit of a large file does not take as long as its upload.
        if length - self.flushed >= FLUSHED_BYTES
            && self.root.rules().durability != Durability::Never
        {
            self.file.file().sync_data()?;
            self.flushed = length;
        }
        Ok(())
    }

    /// The file, to read what was written.
    pub(super) fn file(&mut self) -> &File {
        self.file.file()
    }

    /// How many bytes were written.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Gives it another name in the same directory, which must be one that
    /// [`check_name`](super::check_name) lets pass.
    pub(crate) fn rename(&mut self, name: &[u8]) {
        self.destination.rename(name);
    }

    /// Gives the file its name, if the preconditions hold at that moment.
    ///
    /// The path is resolved again: if a directory was moved meanwhile, or a link of the path was replaced,
    /// the file is stored where the path leads now. The file keeps its own permissions, not those of the
    /// file that it replaces.
    ///
    /// # Errors
    /// See [`WriteError`]. After an error nothing has changed, except where waiting for the disk failed
    /// after the file got its name ([`Durability::FileAndDirectory`]).
    #[cfg(test)]
    pub(crate) fn commit(mut self, preconditions: &Preconditions) -> Result<Stored, WriteError> {
        sleep_while_locked(|| self.try_commit(preconditions))
    }

    /// The same without waiting for other changes of the same directory. Where there is one, the caller calls
    /// this again after a pause.
    ///
    /// # Errors
    /// As [`Upload::commit`]; [`WriteError::Busy`] when the directory was locked for too long, or too many
    /// changes wait for it.
    pub(crate) fn try_commit(
        &mut self,
        preconditions: &Preconditions,
    ) -> Result<Attempt<Stored>, WriteError> {
        let durability = self.root.rules().durability;
        if durability != Durability::Never && !self.is_synced {
            self.file.file().sync_data()?;
            self.is_synced = true;
        }
        let directory = match self.root.open(self.destination.directory()) {
            Err(error) if is_missing(&error) && self.root.makes_directories() => {
                preconditions.check(None)?;
                self.root.make(self.destination.directory(), &mut self.made)?
            }
            opened => opened?,
        };
        self.root.prepare_tag(directory.as_fd(), self.destination.name(), preconditions);
        let Some(locked) = Locked::try_take(directory)? else {
            return Ok(Attempt::Locked(self.wait.again(self.destination.directory())?));
        };
        let stored = self.place(&locked, preconditions)?;
        self.made.clear();
        locked.release(durability)?;
        Ok(Attempt::Done(stored))
    }

    fn place(
        &mut self,
        locked: &Locked,
        preconditions: &Preconditions,
    ) -> Result<Stored, WriteError> {
        for _ in 0..TRIES_MAX {
            let tag = NeedsTag::of(preconditions);
            let current = locked.look(self.root.root(), self.destination.name(), tag)?;
            if let Some((identity, None)) = current {
                return Err(WriteError::Conflict(Obstacle::of(identity.kind)));
            }
            let current = current.and_then(|(identity, version)| Some((identity, version?)));
            let validators = current.as_ref().map(|(_, version)| version.validators());
            preconditions.check(validators)?;

            let replaced = current.as_ref().map(|(identity, _)| identity);
            let old_bytes = replaced.map(|identity| identity.size_bytes);
            let quota = self.root.quota();
            let charge = quota.map(|quota| quota.charge(self.length, old_bytes)).transpose()?;
            set_time(self.file.file(), replaced.map(|identity| identity.modified))?;
            let created = replaced.is_none();
            let overwrite = if created { Overwrite::Never } else { Overwrite::Always };
            match self.file.place(locked.directory(), self.destination.name(), overwrite) {
                // A program that does not take the lock has just made a file of this name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                placed => placed?,
            }
            if let Some(charge) = charge {
                charge.keep();
            }
            let file = &*self.file.file();
            let identity = file::identity(file.as_fd())?;
            let sum = self.summer.clone().map(Summer::finish);
            let version = self.root.root().stored_version(&identity, file.as_fd(), sum);
            return Ok(Stored { created, version });
        }
        Err(WriteError::Busy)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(quota) = self.root.quota() {
            quota.remove_incoming(self.length);
        }
        self.root.unmake(&self.made);
    }
}

/// Gives the file a time of modification that no other version of its name has, as far as the clock and the
/// file system tell times apart. It is later than that of the version before. It comes from the fine clock,
/// so that it also differs from that of a version that was removed in between. (The kernel's own stamps are
/// the same within a tick of up to 10 ms.)
///
/// The time is a little in the past, so that the time of change, which the kernel takes from its coarse
/// clock, is later. That makes the entity tag strong at once ([`FileVersion`]). It takes a short wait if the
/// version before was just written, or the file system keeps coarser times.
fn set_time(file: &File, before: Option<Timestamp>) -> io::Result<()> {
    let started = Instant::now();
    loop {
        let (wanted, before) = next_time(SystemTime::now(), before.map(system_time));
        file.set_modified(wanted)?;
        let seen = file::identity(file.as_fd())?;
        let kept = system_time(seen.modified);
        let is_later = before.is_none_or(|before| kept > before);
        let will_be_strong = seen.changed > seen.modified;
        let wait = match (is_later, kept == wanted) {
            (false, _) => COARSE_TICK_MAX,
            (true, true) if !will_be_strong => TICK_MAX,
            (true, _) => return Ok(()),
        };
        if started.elapsed() >= wait {
            return Ok(());
        }
        std::thread::sleep(STEP);
    }
}

/// The time that a new version gets, and the time that it must be later than. A version from the future does
/// not count: its tag was never strong.
fn next_time(now: SystemTime, before: Option<SystemTime>) -> (SystemTime, Option<SystemTime>) {
    let recent = now - BEHIND;
    match before.filter(|before| *before <= now + FUTURE_MIN) {
        Some(before) => (recent.max(before + Duration::from_nanos(1)), Some(before)),
        None => (recent, None),
    }
}

/// Times before 1970 count as 1970.
fn system_time(time: Timestamp) -> SystemTime {
    let seconds = u64::try_from(time.seconds).unwrap_or(0).min(date::SECONDS_MAX);
    UNIX_EPOCH + Duration::new(seconds, time.nanoseconds % 1_000_000_000)
}

/// A slow disk writes this in a few seconds.
const FLUSHED_BYTES: u64 = 32 * 1024 * 1024;

/// How often the directory may be removed before the file is made, or the name taken before the file gets
/// it.
const TRIES_MAX: usize = 4;

/// Longer than a tick of the kernel's coarse clock, 10 ms at 100 Hz.
const BEHIND: Duration = Duration::from_millis(20);
const TICK_MAX: Duration = Duration::from_millis(40);

/// Longer than the tick of any file system's clock, FAT's two seconds.
const COARSE_TICK_MAX: Duration = Duration::from_millis(2200);

const STEP: Duration = Duration::from_millis(2);

/// More than the clocks of one machine differ.
const FUTURE_MIN: Duration = Duration::from_secs(1);
