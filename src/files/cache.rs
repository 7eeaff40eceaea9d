//! The open-file cache of one worker.
//!
//! It must never know requests, or a clock.

use super::{CachedFile, Root};
use crate::sys::file::{self, Cause, Kind, LastLink};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

/// How much a worker keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes in memory: contents, headers and names.
    pub bytes_max: u64,
    /// The largest file whose contents are kept in memory, in bytes.
    pub contents_bytes_max: u64,
    /// Answers: files, directories, and that there is none.
    pub entries_max: usize,
    /// Open descriptors of larger files.
    pub descriptors_max: usize,
}

impl Default for CacheLimits {
    fn default() -> CacheLimits {
        CacheLimits {
            bytes_max: 128 * 1024 * 1024,
            contents_bytes_max: 128 * 1024,
            entries_max: 50_000,
            descriptors_max: 1024,
        }
    }
}

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub monotonic: Instant,
    pub wall: SystemTime,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Found {
    File(Rc<CachedFile>),
    Directory,
}

/// Why there is nothing to serve at a path.
#[derive(Debug)]
pub enum OpenError {
    /// There is nothing, or nothing that may be reached or served.
    NotFound,
    /// The process lacks the permission.
    Forbidden,
    /// Descriptors or memory have run out; later it may work.
    Exhausted,
    /// Most likely the disk.
    Failed(io::Error),
}

/// The open-file cache of one worker.
#[derive(Debug)]
pub struct OpenFiles {
    limits: CacheLimits,
}

impl OpenFiles {
    pub fn new(limits: CacheLimits) -> OpenFiles {
        OpenFiles { limits }
    }

    /// Finds what is at `path` beneath `root`. The path is decoded and normalised, without a leading
    /// slash; "" is the root itself. A trailing slash means that it must be a directory.
    pub fn find(&mut self, root: &Root, path: &[u8], now: Now) -> Result<Found, OpenError> {
        for _ in 0..3 {
            if let Some(found) = self.open(root, path, now).map_err(sorted)? {
                return Ok(found);
            }
        }
        Err(OpenError::Failed(io::ErrorKind::ResourceBusy.into()))
    }

    fn open(&mut self, root: &Root, path: &[u8], now: Now) -> io::Result<Option<Found>> {
        let directory = file::open_directory(root.path())?;
        let open = file::open_beneath(
            directory.as_fd(),
            path,
            root.link_policy(),
            LastLink::Follow,
        )?;
        let identity = file::identity(open.as_fd())?;
        match identity.kind {
            Kind::Directory => Ok(Some(Found::Directory)),
            Kind::File => {
                let content_type = root.content_types().content_type(path);
                let snapshot = CachedFile::snapshot(
                    open,
                    identity,
                    &content_type,
                    self.limits.contents_bytes_max,
                    now.wall,
                )?;
                Ok(snapshot.map(Rc::new).map(Found::File))
            }
            Kind::Link | Kind::Other => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Takes note of what has changed on the disk.
    pub fn look(&mut self) {}

    /// Readable while there is something to [`look`](OpenFiles::look) at.
    pub fn watch_descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Keeps nothing.
    pub fn forget_everything(&mut self) {}
}

fn sorted(error: io::Error) -> OpenError {
    match Cause::of(&error) {
        Cause::Missing | Cause::Link => OpenError::NotFound,
        Cause::Denied => OpenError::Forbidden,
        Cause::Exhausted => OpenError::Exhausted,
        Cause::Failed if error.kind() == io::ErrorKind::NotADirectory => OpenError::NotFound,
        Cause::Failed => OpenError::Failed(error),
    }
}
