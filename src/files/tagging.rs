//! The version of a file beneath a root, by the root's policy of tags.
//!
//! It must never know how the file was found.

use super::sum::Sum;
use super::summation::Summation;
use super::{CachedFile, FileVersion, OpenFiles, Root};
use crate::sys::file::Identity;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::SystemTime;

impl Root {
    /// The version of an open file whose identity was just read, with its tag if that is known.
    pub(super) fn version(&self, identity: &Identity, open: BorrowedFd<'_>) -> FileVersion {
        let wall = SystemTime::now();
        match self.sums() {
            None => FileVersion::of(identity, open, wall),
            Some(sums) => FileVersion::by_content(identity, sums.get(identity), wall),
        }
    }

    /// The same with its tag, for which the whole file may have to be read.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn version_with_tag(
        &self,
        identity: &Identity,
        open: BorrowedFd<'_>,
    ) -> io::Result<FileVersion> {
        let version = self.version(identity, open);
        if !version.is_tag_awaited() {
            return Ok(version);
        }
        let sum = Sum::of_open(open)?;
        if let Some(sums) = self.sums()
            && version.is_settled()
            && crate::sys::file::identity(open)? == *identity
        {
            sums.add(identity, sum);
        }
        Ok(version.with_sum(sum))
    }

    /// The version of a file that was just stored under the lock of its directory, with contents of this sum. Nothing
    /// else can have its identity if its tag by time would be strong.
    pub(super) fn stored_version(
        &self,
        identity: &Identity,
        open: BorrowedFd<'_>,
        sum: Option<Sum>,
    ) -> FileVersion {
        let wall = SystemTime::now();
        let by_time = FileVersion::of(identity, open, wall);
        let (Some(sums), Some(sum)) = (self.sums(), sum) else { return by_time };
        if by_time.etag().is_some_and(|etag| !etag.is_weak()) {
            sums.add(identity, sum);
        }
        FileVersion::by_content(identity, Some(sum), wall)
    }
}

impl OpenFiles {
    /// A file is sent: if its tag is made of its contents and is not there yet, it gets it, or it is computed soon.
    #[cold]
    pub(crate) fn want_tag(&mut self, root: &Root, file: &Arc<CachedFile>) {
        let Some(sums) = root.sums() else { return };
        if !file.is_tag_awaited() {
            return;
        }
        if let Some(sum) = sums.get(file.identity()) {
            file.set_sum(sum);
        } else if file.is_settled() && self.summation.is_none() {
            self.summation = Summation::begin(file, sums, &self.is_summing);
        }
    }

    /// The sum that a thread is to compute.
    pub(crate) fn take_summation(&mut self) -> Option<Summation> {
        self.summation.take()
    }
}
