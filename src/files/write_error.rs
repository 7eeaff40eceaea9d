//! Why something was not stored or not removed.
//!
//! It must never know statuses.

use super::name::NameError;
use super::quota::QuotaError;
use crate::http::conditional::FailedPrecondition;
use crate::sys::file::{Cause, FileKind};
use std::fmt;
use std::io;

/// Why something was not stored or not removed.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// A name of the path is not allowed.
    Name(NameError),
    /// There is nothing to remove.
    NotFound,
    /// The process lacks the permission.
    Forbidden,
    /// Something else is in the way.
    Conflict(Obstacle),
    /// A precondition does not hold.
    PreconditionFailed(FailedPrecondition),
    /// The file is larger than [`WriteRules::file_bytes_max`](super::WriteRules::file_bytes_max).
    TooLarge,
    /// These bytes would exceed
    /// [`WriteRules::quota_bytes`](super::WriteRules::quota_bytes).
    QuotaBytes { quota_bytes: u64 },
    /// Another file or directory would exceed the number that this quota allows.
    QuotaNames { names_max: u64 },
    /// The disk is full.
    Full,
    /// The directory was locked for too long, descriptors have run out, or the quota is being counted. A
    /// later attempt may work.
    Busy,
    /// Anything else: most likely the disk.
    Failed(io::Error),
}

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The directory of the file is missing.
    NoDirectory,
    /// A directory has the name. A trailing slash is needed to remove it.
    Directory,
    /// The directory is not empty.
    NotEmpty,
    /// A symbolic link has the name.
    Link,
    /// Something that is neither a file nor a directory has the name.
    Other,
}

/// Whether nothing is there, or only behind a link that is not followed.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(Cause::of(error), Cause::Missing | Cause::Link)
}

impl Obstacle {
    pub(super) fn of(kind: FileKind) -> Obstacle {
        match kind {
            FileKind::Directory => Obstacle::Directory,
            FileKind::Link => Obstacle::Link,
            FileKind::File | FileKind::Other => Obstacle::Other,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        match (Cause::of(&error), error.kind()) {
            // Among these is EXDEV: another file system was mounted on the directory.
            (Cause::Missing | Cause::Link, _) => WriteError::Conflict(Obstacle::NoDirectory),
            (Cause::Denied, _) => WriteError::Forbidden,
            (Cause::Cold | Cause::Exhausted, _) => WriteError::Busy,
            (Cause::Full, _) => WriteError::Full,
            (_, io::ErrorKind::FileTooLarge) => WriteError::TooLarge,
            (_, io::ErrorKind::IsADirectory) => WriteError::Conflict(Obstacle::Directory),
            (_, io::ErrorKind::DirectoryNotEmpty) => WriteError::Conflict(Obstacle::NotEmpty),
            _ => WriteError::Failed(error),
        }
    }
}

impl From<FailedPrecondition> for WriteError {
    fn from(failed: FailedPrecondition) -> WriteError {
        WriteError::PreconditionFailed(failed)
    }
}

impl From<QuotaError> for WriteError {
    fn from(error: QuotaError) -> WriteError {
        match error {
            QuotaError::Counting => WriteError::Busy,
            QuotaError::Bytes { bytes_max } => WriteError::QuotaBytes { quota_bytes: bytes_max },
            QuotaError::Names { names_max } => WriteError::QuotaNames { names_max },
            QuotaError::Failed(error) => error.into(),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Name(error) => error.fmt(formatter),
            WriteError::NotFound => formatter.write_str("there is no such file"),
            WriteError::Forbidden => formatter.write_str("permission denied"),
            WriteError::Conflict(obstacle) => obstacle.fmt(formatter),
            WriteError::PreconditionFailed(failed) => failed.fmt(formatter),
            WriteError::TooLarge => formatter.write_str("the file is too large"),
            WriteError::QuotaBytes { quota_bytes } => {
                write!(
                    formatter,
                    "quota_bytes = {quota_bytes} would be exceeded; remove files first"
                )
            }
            WriteError::QuotaNames { names_max } => write!(
                formatter,
                "quota_bytes allows {names_max} files and directories; remove some first"
            ),
            WriteError::Full => formatter.write_str("the disk is full"),
            WriteError::Busy => formatter.write_str("too many changes at once; try again later"),
            WriteError::Failed(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for WriteError {}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Obstacle::NoDirectory => "there is no such directory",
            Obstacle::Directory => "a directory has this name",
            Obstacle::NotEmpty => "the directory is not empty",
            Obstacle::Link => "a symbolic link has this name",
            Obstacle::Other => "something that is not a file has this name",
        })
    }
}
