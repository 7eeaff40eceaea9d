//! A root that may be changed: what is put into it or removed, in one step and under a condition.
//!
//! It must never know requests or statuses, or who asks. Everything in it may wait for the disk, and
//! for others that change the same directory.

use super::lock_wait::{Attempt, LockWait, Waiters};
use super::locked::Locked;
use super::name::{check_length, check_name};
use super::quota::Quota;
use super::temporary::{self, Create, Temporary};
use super::upload::{Target, Upload, sleep_while_locked};
use super::write_error::{Obstacle, WriteError, is_missing};
use super::{Root, Version, key};
use crate::http::conditional::Preconditions;
use crate::sys::file::{self, Disk, FileKind, LastLink};
use crate::sys::write;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// A [`Root`] that files may be put into and removed from.
///
/// **Each change is one step**: whoever reads meanwhile, or after a crash, sees the file as it was or
/// as it is, and a change that is given up leaves nothing behind.
///
/// **No update is lost** among those who change it through values of this type, be it in other threads
/// or other processes: from when the preconditions are judged until the file is in place, the
/// directory is locked (flock(2)). Each version that is stored has a time of modification of its own,
/// so that its entity tag, which is strong at once, never names another. Programs that do not take that
/// lock can still fall between. The file system must have such locks for directories (NFS has none),
/// and the process must be allowed to read the directory.
///
/// **Nothing leads out of the root.** A symbolic link on the way is followed as far as the root's
/// policy says; one at the end is neither followed nor replaced, since what it points to is guarded by
/// the lock of another directory.
///
/// A clone is the same, with one account of its quota.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use httpd::files::{Outcome, Root, WritableRoot, WriteRules};
/// use httpd::http::conditional::Preconditions;
///
/// let root = WritableRoot::new(Root::open("uploads")?, WriteRules::default());
/// let mut upload = root.upload(b"a.txt")?;
/// upload.write(b"hello\n")?;
/// let stored = upload.commit(&Preconditions::if_none_match(b"*"))?;
/// assert_eq!(stored.outcome, Outcome::Created);
/// root.remove(b"a.txt", &Preconditions::if_match(stored.version.etag().as_bytes()))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WritableRoot {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: Root,
    rules: WriteRules,
    quota: Option<Quota>,
    create: Create,
    waiters: Waiters,
}

/// How files are put into a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteRules {
    /// The permissions of new files, and of those that replace others; less the process's umask.
    pub file_mode: u32,
    /// The permissions of directories that are made, less the process's umask.
    pub directory_mode: u32,
    pub missing_directories: MissingDirectories,
    pub durability: Durability,
    /// The largest file, in bytes.
    pub file_bytes_max: u64,
    /// Bytes of all files beneath the root; none: as much as the disk holds. It also bounds how many
    /// files and directories there are: 1000, and one for every 4096 bytes. They are counted when
    /// something is first stored, and again ten minutes later at the soonest; between that, what others
    /// do is not seen, so that a pool of processes may exceed it by what each lets in meanwhile.
    pub quota_bytes: Option<u64>,
    /// How long to wait for others who change the same directory.
    pub lock_wait: Duration,
}

impl Default for WriteRules {
    fn default() -> WriteRules {
        WriteRules {
            file_mode: 0o644,
            directory_mode: 0o755,
            missing_directories: MissingDirectories::default(),
            durability: Durability::default(),
            file_bytes_max: 128 * 1024 * 1024,
            quota_bytes: None,
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// What to do when the directory in which a file is to stand is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingDirectories {
    /// The file is refused, as by nginx without `create_full_put_path`.
    #[default]
    Refuse,
    /// It is made, up to 32 at a time, when the file is complete.
    Make,
}

/// What is on the disk, beyond the caches, when a change is reported as made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing need be. After a crash of the system a file may be empty that was just stored.
    Never,
    /// The contents, before they get their name: after a crash a name stands for the one version or
    /// the other, whole, but the last seconds' changes may be undone. The default: this much is part
    /// of the promise that nobody sees a mixture, and costs one flush of a file that would have been
    /// written soon anyway.
    #[default]
    File,
    /// The name too: what was reported as stored or removed is so after a crash. It costs a second
    /// flush.
    FileAndDirectory,
}

impl WritableRoot {
    /// The same files, to be changed by these rules.
    pub fn new(root: Root, rules: WriteRules) -> WritableRoot {
        WritableRoot::creating_by(Temporary::create, root, rules)
    }

    /// The rules.
    pub fn rules(&self) -> &WriteRules {
        &self.shared.rules
    }

    /// Whether a file may stand at a path, by the names in it.
    ///
    /// # Errors
    /// [`WriteError::Name`].
    pub fn check_path(path: &[u8]) -> Result<(), WriteError> {
        check_length(path).map_err(WriteError::Name)?;
        path.split(|&byte| byte == b'/').try_for_each(check_name).map_err(WriteError::Name)
    }

    /// Begins to store a file at `path`: decoded and normalised, without a leading slash.
    ///
    /// # Errors
    /// [`WriteError::Name`] for a path with a component that [`check_name`] refuses,
    /// [`Obstacle::NoDirectory`] where no directory is and none is to be made.
    pub fn upload(&self, path: &[u8]) -> Result<Upload, WriteError> {
        WritableRoot::check_path(path)?;
        if let Some(quota) = self.quota() {
            quota.prepare(&self.shared.root, self.rules().lock_wait)?;
        }
        let target = Target::of(path);
        for _ in 0..TRIES_MAX {
            let directory = match self.open(target.directory()) {
                Err(error) if is_missing(&error) && self.makes_directories() => {
                    self.nearest(target.directory())?.0
                }
                opened => opened?,
            };
            match (self.shared.create)(directory.as_fd(), self.rules().file_mode) {
                Ok(file) => return Ok(Upload::new(self.clone(), target, file)),
                // It was removed since it was opened, which file systems tell in several ways.
                Err(_) if file::identity(directory.as_fd())?.names == 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(WriteError::Conflict(Obstacle::NoDirectory))
    }

    /// Removes the file at `path`; with a slash at its end, the directory, which must be empty.
    ///
    /// A directory has no version: no entity tag matches it.
    ///
    /// # Errors
    /// [`WriteError::NotFound`] comes before the preconditions are judged (RFC 9110 §13.2.1).
    pub fn remove(&self, path: &[u8], preconditions: &Preconditions) -> Result<(), WriteError> {
        let mut wait = self.lock_wait();
        sleep_while_locked(|| self.try_remove(path, preconditions, &mut wait))
    }

    /// The same without waiting for others who change the same directory: it has to be called again where
    /// they do, with the same wait.
    ///
    /// # Errors
    /// As [`WritableRoot::remove`]; [`WriteError::Busy`] when the wait is over.
    pub fn try_remove(
        &self,
        path: &[u8],
        preconditions: &Preconditions,
        wait: &mut LockWait,
    ) -> Result<Attempt<()>, WriteError> {
        check_length(path).map_err(WriteError::Name)?;
        if !key::leads_somewhere(path) {
            return Err(WriteError::NotFound);
        }
        let target = Target::of(path.strip_suffix(b"/").unwrap_or(path));
        if target.name().is_empty() {
            return Err(WriteError::Conflict(Obstacle::Directory));
        }
        let directory = match self.open(target.directory()) {
            Err(error) if is_missing(&error) => return Err(WriteError::NotFound),
            opened => opened?,
        };
        let Some(locked) = Locked::try_take(directory)? else {
            return Ok(Attempt::Locked(wait.again(target.directory())?));
        };
        let (identity, version) = locked.look(target.name())?.ok_or(WriteError::NotFound)?;
        match (identity.kind, path.ends_with(b"/")) {
            (FileKind::File, true) => return Err(WriteError::NotFound),
            (FileKind::File, false) | (FileKind::Directory, true) => {}
            (kind, _) => return Err(WriteError::Conflict(Obstacle::of(kind))),
        }
        let current = version.as_ref().map(Version::validators);
        preconditions.check(current)?;
        let freed_bytes = if identity.kind == FileKind::Directory {
            remove_directory(&locked, target.name())?;
            0
        } else {
            write::remove_file(locked.directory(), target.name())?;
            identity.size_bytes
        };
        if let Some(quota) = self.quota() {
            quota.release(freed_bytes);
        }
        locked.release(self.rules().durability)?;
        Ok(Attempt::Done(()))
    }

    /// A wait for others who change a directory beneath this root.
    pub fn lock_wait(&self) -> LockWait {
        self.shared.waiters.wait(self.rules().lock_wait)
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Root {
        &self.shared.root
    }

    pub(super) fn quota(&self) -> Option<&Quota> {
        self.shared.quota.as_ref()
    }

    pub(super) fn makes_directories(&self) -> bool {
        self.rules().missing_directories == MissingDirectories::Make
    }

    /// Opens a directory beneath the root, by an opening of its own.
    pub(super) fn open(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let root = &self.shared.root;
        let start = file::open_directory(root.path())?;
        // The slash asks for a directory.
        let path = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        file::open_beneath(
            start.as_fd(),
            &path,
            root.link_policy(),
            LastLink::Follow,
            Disk::MayBlock,
        )
    }

    /// The last directory on the way that is there, and how much of the path leads to it.
    fn nearest(&self, path: &[u8]) -> Result<(OwnedFd, usize), WriteError> {
        let mut length = path.len();
        for _ in 0..=MADE_MAX {
            match self.open(&path[..length]) {
                Err(error) if is_missing(&error) && length > 0 => {
                    length = memchr::memrchr(b'/', &path[..length]).unwrap_or(0);
                }
                opened => return Ok((opened?, length)),
            }
        }
        Err(WriteError::Conflict(Obstacle::NoDirectory))
    }

    /// Opens a directory beneath the root, after making it and what leads to it. Each is opened by its
    /// whole path again, so that a link that somebody makes in between leads no further than any. Adds
    /// the directories that it makes to `made`, also where it fails later.
    pub(super) fn make(&self, path: &[u8], made: &mut Vec<Vec<u8>>) -> Result<OwnedFd, WriteError> {
        let (mut here, mut length) = self.nearest(path)?;
        while length < path.len() {
            let start = if length == 0 { 0 } else { length + 1 };
            let end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |end| start + end);
            let mode = self.rules().directory_mode;
            let charge = self.quota().map(Quota::charge_directory).transpose()?;
            match write::make_directory(here.as_fd(), &path[start..end], mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    made.push(path[..end].to_vec());
                    if let Some(charge) = charge {
                        charge.keep();
                    }
                }
            }
            if self.rules().durability == Durability::FileAndDirectory {
                write::sync_directory(here.as_fd())?;
            }
            here = self.open(&path[..end])?;
            length = end;
        }
        Ok(here)
    }

    /// Removes directories that were made for a file that is not stored after all, as far as nobody has
    /// put anything into them.
    pub(super) fn unmake(&self, made: &[Vec<u8>]) {
        for path in made.iter().rev() {
            let target = Target::of(path);
            let removed = self
                .open(target.directory())
                .and_then(|directory| write::remove_directory(directory.as_fd(), target.name()));
            if let Err(error) = removed {
                log::debug!("a directory that was made for a refused file stays: {error}");
                return;
            }
            if let Some(quota) = self.quota() {
                quota.release(0);
            }
        }
    }

    /// With files that have a reserved name, as where the file system knows none without.
    #[cfg(test)]
    pub(super) fn with_named_files(root: Root, rules: WriteRules) -> WritableRoot {
        WritableRoot::creating_by(Temporary::create_named, root, rules)
    }

    fn creating_by(create: Create, root: Root, rules: WriteRules) -> WritableRoot {
        let quota = rules.quota_bytes.map(Quota::new);
        let waiters = Waiters::default();
        WritableRoot { shared: Arc::new(Shared { root, rules, quota, create, waiters }) }
    }
}

/// Removes an empty directory, and with it what a process left in it that died.
fn remove_directory(locked: &Locked, name: &[u8]) -> Result<(), WriteError> {
    let not_empty = match write::remove_directory(locked.directory(), name) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => error,
        removed => return Ok(removed?),
    };
    let inside = file::open_beneath(
        locked.directory(),
        name,
        file::Symlinks::Never,
        LastLink::Refuse,
        Disk::MayBlock,
    )?;
    temporary::sweep_locked(inside.as_fd())?;
    write::remove_directory(locked.directory(), name).map_err(|_| not_empty.into())
}

/// How often a directory may be removed under our hands.
const TRIES_MAX: usize = 4;

/// Directories that are made for one file.
const MADE_MAX: usize = 32;

#[cfg(test)]
mod tests;
