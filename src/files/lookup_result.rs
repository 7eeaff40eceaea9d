//! What looking up a path found. It must never know how, or for how long it holds.

use super::cached::{CachedFile, Contents};
use super::found::{Found, OpenError};
use std::sync::Arc;

/// What is at a path.
#[derive(Clone, Debug)]
pub(super) enum LookupResult {
    File(Arc<CachedFile>),
    Directory,
    Missing,
}

impl LookupResult {
    pub(super) fn found(&self) -> Result<Found, OpenError> {
        match self {
            LookupResult::File(file) => Ok(Found::File(Arc::clone(file))),
            LookupResult::Directory => Ok(Found::Directory),
            LookupResult::Missing => Err(OpenError::NotFound),
        }
    }

    /// Where the path leads.
    pub(super) fn end(&self) -> PathEnd {
        match self {
            LookupResult::Directory => PathEnd::Directory,
            LookupResult::File(_) => PathEnd::File,
            LookupResult::Missing => PathEnd::Nothing,
        }
    }

    /// Whether both are of the same version.
    pub(super) fn is_same(&self, other: &LookupResult) -> bool {
        match (self, other) {
            (LookupResult::File(one), LookupResult::File(other)) => {
                one.identity() == other.identity()
            }
            _ => self.end() == other.end(),
        }
    }

    pub(super) fn holds_descriptor(&self) -> bool {
        matches!(self, LookupResult::File(file) if matches!(file.contents(), Contents::Descriptor(_)))
    }
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathEnd {
    Directory,
    /// To anything else than a directory or a link.
    File,
    Nothing,
}
