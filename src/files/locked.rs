//! A directory under its lock: no other program that takes the lock changes it. It must never know what is
//! changed.

use super::write_error::WriteError;
use super::write_rules::Durability;
use super::{FileVersion, Root};
use crate::http::conditional::Preconditions;
use crate::sys::file::{self, Disk, FileKind, Identity, LastLink, Symlinks};
use crate::sys::write;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open directory under its lock, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    directory: OwnedFd,
}

impl Locked {
    /// Locks a directory. The caller must have opened it for itself alone, so that the lock excludes other
    /// threads of this process too. `None`: it is locked elsewhere.
    ///
    /// flock(2) has no deadline, so the caller tries again after a pause ([`LockWait`]). This server holds
    /// the lock only for a few calls that change names and times. Whatever takes long, such as writing
    /// contents, computing a tag of them and waiting for the disk, is done before or after.
    ///
    /// [`LockWait`]: super::LockWait
    pub(super) fn try_take(directory: OwnedFd) -> Result<Option<Locked>, WriteError> {
        let is_taken = write::try_lock(directory.as_fd())?;
        Ok(is_taken.then_some(Locked { directory }))
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What has this name, beneath a root, with its tag if that is needed.
    pub(super) fn look(
        &self,
        root: &Root,
        name: &[u8],
        tag: NeedsTag,
    ) -> io::Result<Option<Occupant>> {
        look(self.directory(), root, name, Disk::MayBlock, tag)
    }

    /// Gives the lock back, and then waits for the disk if the durability asks for it.
    pub(super) fn release(self, durability: Durability) -> Result<(), WriteError> {
        write::unlock(self.directory());
        if durability == Durability::FileAndDirectory {
            write::sync_directory(self.directory())?;
        }
        Ok(())
    }
}

/// Whether somebody asks for the tag of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NeedsTag {
    /// The whole file may have to be read for it.
    Yes,
    IfKnown,
}

impl NeedsTag {
    /// Whether preconditions need it.
    pub(super) fn of(preconditions: &Preconditions) -> NeedsTag {
        if preconditions.name_tags() { NeedsTag::Yes } else { NeedsTag::IfKnown }
    }
}

/// What has a name, and its version if it is a file.
pub(super) type Occupant = (Identity, Option<FileVersion>);

/// What has this name in a directory. Unless the directory is locked, this may change at any moment.
pub(super) fn look(
    directory: BorrowedFd<'_>,
    root: &Root,
    name: &[u8],
    disk: Disk,
    tag: NeedsTag,
) -> io::Result<Option<Occupant>> {
    let open = match file::step(directory, name, disk) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let identity = file::identity(open.as_fd())?;
    if identity.kind != FileKind::File {
        return Ok(Some((identity, None)));
    }
    let version = root.version(&identity, open.as_fd());
    if !version.is_tag_awaited() || tag == NeedsTag::IfKnown {
        return Ok(Some((identity, Some(version))));
    }
    // It is opened once more, for reading; it may be another one then.
    let open = file::open_beneath(directory, name, Symlinks::Never, LastLink::Refuse, disk)?;
    let identity = file::identity(open.as_fd())?;
    let version = match identity.kind {
        FileKind::File => Some(root.version_with_tag(&identity, open.as_fd())?),
        FileKind::Directory | FileKind::Link | FileKind::Other => None,
    };
    Ok(Some((identity, version)))
}

impl Drop for Locked {
    /// Closing the descriptor is not enough: a process that is just being started may have a copy of it.
    fn drop(&mut self) {
        write::unlock(self.directory());
    }
}
