//! A directory that a path leads through: which one it is, and whether its changes are reported.
//!
//! It must never know its path.

use super::watches::Watches;
use crate::sys::file;
use crate::sys::watch::{WatchId, Watchable};
use std::io;
use std::os::fd::BorrowedFd;

/// A directory that a path leads through.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownDirectory {
    /// `None`: changes in it, or of the names that lead to it, are not noticed.
    pub(super) watch: Option<WatchId>,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl KnownDirectory {
    /// An open directory. It is watched if the names that led to it are.
    pub(super) fn of(
        directory: BorrowedFd<'_>,
        watches: &mut Watches,
        what: Watchable,
        trust: Trust,
    ) -> io::Result<KnownDirectory> {
        let watch = match trust {
            Trust::Watched => watches.watch(directory, what),
            Trust::Asked => None,
        };
        Ok(KnownDirectory { watch, ..KnownDirectory::unwatched(directory)? })
    }

    /// An open directory that is not watched.
    pub(super) fn unwatched(directory: BorrowedFd<'_>) -> io::Result<KnownDirectory> {
        let identity = file::identity(directory)?;
        Ok(KnownDirectory { watch: None, device: identity.device, inode: identity.inode })
    }

    /// Whether both are the same directory.
    pub(super) fn is(&self, other: &KnownDirectory) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// How a worker knows that a result is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Every name that led to it is watched.
    Watched,
    /// Each use asks the disk.
    Asked,
}
