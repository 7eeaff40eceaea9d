//! What finding a file returns. It must never know how a file is found.

use super::{CachedFile, Prefetch};
use crate::http::Coding;
use crate::sys::file::Cause;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub monotonic: Instant,
    pub wall: SystemTime,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Directory,
    File(Arc<CachedFile>),
}

/// What is at a path, where a file may have encoded siblings.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    Directory,
    /// A file without siblings.
    File(Arc<CachedFile>),
    /// The file or one of its siblings, as a [`variant`](CachedFile::variant).
    Variant(Arc<CachedFile>),
    /// A file that is compressed while it is served.
    Encoded {
        file: Arc<CachedFile>,
        /// The file itself, or what was made of it, as a [`variant`](CachedFile::variant).
        sent: Arc<CachedFile>,
        /// What the client prefers.
        coding: Option<Coding>,
    },
}

impl From<Found> for Chosen {
    fn from(found: Found) -> Chosen {
        match found {
            Found::Directory => Chosen::Directory,
            Found::File(file) => Chosen::File(file),
        }
    }
}

/// What the cache of open files did for a request. What is greater took more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CacheUse {
    /// It was not asked.
    #[default]
    None,
    /// Everything was in it.
    Hit,
    /// A file in it was compared with that on the disk, and was the same.
    Revalidated,
    /// Something was looked up on the disk.
    Miss,
}

impl CacheUse {
    /// In one word, as nginx has it in `$upstream_cache_status`.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        match self {
            CacheUse::None => None,
            CacheUse::Hit => Some("HIT"),
            CacheUse::Revalidated => Some("REVALIDATED"),
            CacheUse::Miss => Some("MISS"),
        }
    }
}

/// Why there is nothing to serve at a path.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// Nothing is there, or a link that is not followed, or neither a file nor a directory.
    NotFound,
    /// The process lacks the permission.
    Forbidden,
    /// Finding it would have to wait for the disk. A thread runs this job, and then it may be found. This
    /// never happens with [`Disk::MayBlock`](super::Disk::MayBlock).
    Cold(Prefetch),
    /// Descriptors or memory have run out. A later attempt may work.
    Exhausted,
    /// Anything else: most likely the disk.
    Failed(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        match Cause::of(&error) {
            Cause::Missing | Cause::Link => OpenError::NotFound,
            Cause::Denied => OpenError::Forbidden,
            // Cold, although waiting was allowed: a program holds a lease on it (fcntl F_SETLEASE).
            Cause::Cold | Cause::Exhausted => OpenError::Exhausted,
            Cause::Full | Cause::Failed => OpenError::Failed(error),
        }
    }
}
