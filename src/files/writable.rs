//! A root in which files are stored and removed, each in one step and under preconditions.
//!
//! It must never know requests or statuses. Everything in it may wait for the disk, and for other changes of
//! the same directory.

use super::destination::Destination;
#[cfg(test)]
use super::lock_wait::sleep_while_locked;
use super::lock_wait::{Attempt, LockWait, Waiters};
use super::locked::{self, Locked, NeedsTag};
use super::name::{check_length, check_name};
use super::quota::Quota;
use super::temporary::{self, Create, Temporary};
use super::write_error::{Obstacle, WriteError, is_missing};
use super::write_rules::{Durability, MissingDirectories, WriteRules};
use super::{FileVersion, Root, key};
use crate::http::conditional::Preconditions;
use crate::sys::file::{self, Disk, FileKind, LastLink};
use crate::sys::write;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A [`Root`] in which files may be stored and removed.
///
/// **Each change is one step**: a reader sees the old or the new file, even after a crash, and a change that
/// is abandoned leaves nothing behind.
///
/// **No update is lost** among changes through values of this type, also in other threads and processes:
/// the directory is locked (flock(2)) from checking the preconditions until the file has its name. Each
/// stored version has its own time of modification, so its entity tag, which is strong at once, never names
/// another version. A program that does not take the lock can still interfere. The file system must have
/// such locks for directories (NFS has none), and the process must be allowed to read the directory.
///
/// **Nothing leads out of the root.** A symbolic link within a path is followed as the root's policy says.
/// One at the end is neither followed nor replaced, because the lock of another directory protects what it
/// points to.
///
/// A clone is the same root, with the same account of its quota.
///
/// ```no_run
/// use httpd::{Root, Site, Store, WritableRoot, WriteRules};
/// let uploads = WritableRoot::new(Root::open("uploads")?, WriteRules::default());
/// let site = Site::new().at("/uploads", Store::new(uploads));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WritableRoot {
    inner: Arc<WritableRootInner>,
}

#[derive(Debug)]
struct WritableRootInner {
    root: Root,
    rules: WriteRules,
    quota: Option<Quota>,
    create: Create,
    waiters: Waiters,
}

impl WritableRoot {
    /// A root whose files are changed by these rules.
    pub fn new(root: Root, rules: WriteRules) -> WritableRoot {
        WritableRoot::creating_by(Temporary::create, root, rules)
    }

    /// The rules.
    pub fn rules(&self) -> &WriteRules {
        &self.inner.rules
    }

    /// Checks that every name of a path is allowed for a file.
    ///
    /// # Errors
    /// [`WriteError::Name`].
    pub(crate) fn check_path(path: &[u8]) -> Result<(), WriteError> {
        check_length(path).map_err(WriteError::Name)?;
        path.split(|&byte| byte == b'/').try_for_each(check_name).map_err(WriteError::Name)
    }

    /// Removes the file at `path`. With a trailing slash it removes the directory, which must be empty.
    ///
    /// A directory has no version: no entity tag matches it.
    ///
    /// # Errors
    /// See [`WriteError`]. [`WriteError::NotFound`] precedes the preconditions (RFC 9110 §13.2.1).
    #[cfg(test)]
    pub(crate) fn remove(
        &self,
        path: &[u8],
        preconditions: &Preconditions,
    ) -> Result<(), WriteError> {
        let mut wait = self.lock_wait();
        sleep_while_locked(|| self.try_remove(path, preconditions, &mut wait))
    }

    /// The same without waiting for other changes of the same directory. Where there is one, the caller calls
    /// this again after a pause, with the same wait.
    ///
    /// # Errors
    /// As [`WritableRoot::remove`]; [`WriteError::Busy`] when the wait is over.
    pub(crate) fn try_remove(
        &self,
        path: &[u8],
        preconditions: &Preconditions,
        wait: &mut LockWait,
    ) -> Result<Attempt<()>, WriteError> {
        check_length(path).map_err(WriteError::Name)?;
        if !key::may_exist(path) {
            return Err(WriteError::NotFound);
        }
        let destination = Destination::of(path.strip_suffix(b"/").unwrap_or(path));
        if destination.name().is_empty() {
            return Err(WriteError::Conflict(Obstacle::Directory));
        }
        let directory = match self.open(destination.directory()) {
            Err(error) if is_missing(&error) => return Err(WriteError::NotFound),
            opened => opened?,
        };
        self.prepare_tag(directory.as_fd(), destination.name(), preconditions);
        let Some(locked) = Locked::try_take(directory)? else {
            return Ok(Attempt::Locked(wait.again(destination.directory())?));
        };
        let tag = NeedsTag::of(preconditions);
        let found = locked.look(self.root(), destination.name(), tag)?;
        let (identity, version) = found.ok_or(WriteError::NotFound)?;
        match (identity.kind, path.ends_with(b"/")) {
            (FileKind::File, true) => return Err(WriteError::NotFound),
            (FileKind::File, false) | (FileKind::Directory, true) => {}
            (kind, _) => return Err(WriteError::Conflict(Obstacle::of(kind))),
        }
        let current = version.as_ref().map(FileVersion::validators);
        preconditions.check(current)?;
        let freed_bytes = if identity.kind == FileKind::Directory {
            remove_directory(&locked, destination.name())?;
            0
        } else {
            write::remove_file(locked.directory(), destination.name())?;
            identity.size_bytes
        };
        if let Some(quota) = self.quota() {
            quota.release(freed_bytes);
        }
        locked.release(self.rules().durability)?;
        Ok(Attempt::Done(()))
    }

    /// Has the tag of a file at hand that preconditions will be judged by, so that it is not computed under the lock.
    pub(super) fn prepare_tag(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        preconditions: &Preconditions,
    ) {
        if self.root().sums().is_some() && preconditions.name_tags() {
            // An error comes again under the lock.
            let _ = locked::look(directory, self.root(), name, Disk::MayBlock, NeedsTag::Yes);
        }
    }

    /// A wait for other changes of a directory beneath this root.
    pub(crate) fn lock_wait(&self) -> LockWait {
        self.inner.waiters.wait(self.rules().lock_wait)
    }

    /// The root without the rules.
    pub(super) fn root(&self) -> &Root {
        &self.inner.root
    }

    pub(super) fn quota(&self) -> Option<&Quota> {
        self.inner.quota.as_ref()
    }

    pub(super) fn makes_directories(&self) -> bool {
        self.rules().missing_directories == MissingDirectories::Make
    }

    /// Opens a directory beneath the root. Each call opens it separately, so that each has its own lock.
    pub(super) fn open(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let root = &self.inner.root;
        let start = file::open_directory(root.path())?;
        // The trailing slash asks for a directory.
        let path = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        file::open_beneath(
            start.as_fd(),
            &path,
            root.link_policy(),
            LastLink::Follow,
            Disk::MayBlock,
        )
    }

    /// A file in an open directory, without its name yet.
    pub(super) fn create_in(&self, directory: BorrowedFd<'_>) -> io::Result<Temporary> {
        (self.inner.create)(directory, self.rules().file_mode)
    }

    /// The last directory of the path that exists, and how many bytes of the path lead to it.
    pub(super) fn nearest(&self, path: &[u8]) -> Result<(OwnedFd, usize), WriteError> {
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

    /// Makes a directory beneath the root, and those above it that are missing, and opens it. Each is opened
    /// by its whole path again, so that a link that appears in between is followed only as the policy
    /// says. The directories that this makes are added to `made`, even if it fails later.
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

    /// Removes directories that were made for a file that was not stored, unless something else is in them
    /// now.
    pub(super) fn unmake(&self, made: &[Vec<u8>]) {
        for path in made.iter().rev() {
            let destination = Destination::of(path);
            let removed = self.open(destination.directory()).and_then(|directory| {
                write::remove_directory(directory.as_fd(), destination.name())
            });
            if let Err(error) = removed {
                log::debug!("cannot remove a directory that was made for a refused file: {error}");
                return;
            }
            if let Some(quota) = self.quota() {
                quota.release(0);
            }
        }
    }

    /// Writes to files with a reserved name, as on a file system that has no files without a name.
    #[cfg(test)]
    pub(super) fn with_named_files(root: Root, rules: WriteRules) -> WritableRoot {
        WritableRoot::creating_by(Temporary::create_named, root, rules)
    }

    fn creating_by(create: Create, root: Root, rules: WriteRules) -> WritableRoot {
        let quota = rules.quota_bytes.map(Quota::new);
        let waiters = Waiters::default();
        WritableRoot { inner: Arc::new(WritableRootInner { root, rules, quota, create, waiters }) }
    }
}

/// Removes a directory that is empty, or holds only temporary files of a process that died.
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

/// How many directories are made for one file.
const MADE_MAX: usize = 32;

#[cfg(test)]
mod tests;
