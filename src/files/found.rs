//! What asking for a file comes to.
//!
//! It must never know how it was found out.

use super::{CachedFile, Prefetch};
use crate::sys::file::Cause;
use std::io;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub monotonic: Instant,
    pub wall: SystemTime,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Found {
    Directory,
    File(Rc<CachedFile>),
}

/// Why there is nothing to serve at a path.
#[derive(Debug)]
pub enum OpenError {
    /// There is nothing, or nothing that may be reached, or neither a file nor a directory.
    NotFound,
    /// The process lacks the permission.
    Forbidden,
    /// The disk would have to be waited for, by a thread that runs this; after that it may be found.
    /// Never with [`Disk::MayBlock`](super::Disk::MayBlock).
    Cold(Prefetch),
    /// Descriptors or memory have run out; later it may work.
    Exhausted,
    /// Anything else: most likely the disk.
    Failed(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        match Cause::of(&error) {
            Cause::Missing | Cause::Link => OpenError::NotFound,
            Cause::Denied => OpenError::Forbidden,
            // Of one who may wait: somebody holds a lease on it (fcntl F_SETLEASE).
            Cause::Cold | Cause::Exhausted => OpenError::Exhausted,
            Cause::Full | Cause::Failed => OpenError::Failed(error),
        }
    }
}
