//! Which representation of a file a client gets where files are compressed while they are served: the file, a sibling
//! next to it, or what a thread has made of it.
//!
//! It must never know a request: the caller says what the client prefers.

use super::{OpenFiles, key};
use crate::files::encoded_cache::Kept;
use crate::files::encoding::Encoding;
use crate::files::{CachedFile, Chosen, Found, Now, OpenError, Prefetch, Root, sibling};
use crate::http::encoder::Effort;
use crate::http::{AcceptedCodings, Coding, Compression};
use crate::sys::file::Disk;
use std::sync::Arc;

/// What a client prefers, and what there may be for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) accepted: AcceptedCodings,
    /// Whether siblings count.
    pub(crate) precompressed: bool,
    /// What is compressed while it is served.
    pub(crate) compression: Option<&'a Compression>,
    /// Whether the request may wait for a thread.
    pub(crate) may_wait: bool,
}

impl OpenFiles {
    /// Finds what is at a path as [`find`](OpenFiles::find) does, or the representation of the file there that the
    /// client prefers.
    ///
    /// # Errors
    /// As [`find`](OpenFiles::find). With `may_wait`, a file that has to be encoded first is
    /// [`OpenError::Cold`] once.
    pub(crate) fn find_chosen(
        &mut self,
        root: &Root,
        path: &[u8],
        choice: &Choice<'_>,
        now: Now,
        disk: Disk,
    ) -> Result<Chosen, OpenError> {
        let found = match choice.precompressed {
            true => self.find_variant(root, path, &choice.accepted, now, disk)?,
            false => Chosen::from(self.find(root, path, now, disk)?),
        };
        let Some(compression) = choice.compression else { return Ok(found) };
        let coding = compression.choose(&choice.accepted);
        let file = match &found {
            Chosen::Directory => return Ok(found),
            Chosen::File(file) => Arc::clone(file),
            Chosen::Variant(variant) => match (variant.variant().coding(), coding) {
                (None, _) => Arc::clone(variant),
                // A sibling was made with more time than there is now.
                (Some(its), Some(ours))
                    if choice.accepted.weight(ours) > choice.accepted.weight(its) =>
                {
                    match self.find(root, path, now, disk)? {
                        Found::File(file) => file,
                        Found::Directory => return Ok(found),
                    }
                }
                _ => return Ok(found),
            },
            Chosen::Encoded { .. } => return Ok(found),
        };
        // A sibling is encoded already, whatever its type is said to be.
        if sibling::is_one(path) || !compression.covers(file.content_type(), Some(file.length())) {
            return Ok(found);
        }
        let sent = match coding {
            Some(coding) if is_encodable(&file) => {
                key::write(&mut self.key, root.id(), path);
                self.encoded(&file, coding, choice.may_wait)?
            }
            _ => None,
        };
        file.become_variant_of(&file, None);
        let sent = sent.unwrap_or_else(|| Arc::clone(&file));
        Ok(Chosen::Encoded { file, sent, coding })
    }

    /// The file of the key in a coding, if it is here; otherwise it is begun to be encoded.
    fn encoded(
        &mut self,
        file: &Arc<CachedFile>,
        coding: Coding,
        may_wait: bool,
    ) -> Result<Option<Arc<CachedFile>>, OpenError> {
        match self.encoded.get(&self.key, file.identity(), coding) {
            Kept::Identity => Ok(None),
            Kept::Encoded(encoded, is_popular) => {
                if is_popular && file.length() <= IMPROVED_BYTES_MAX {
                    let encoding = Encoding::new(file, coding, Effort::Best);
                    self.encoded.improve(&self.key, coding, encoding.result());
                    self.encodings.push(encoding);
                }
                Ok(Some(encoded))
            }
            Kept::Nothing => {
                let encoding = Encoding::new(file, coding, Effort::Fast);
                if !self.encoded.begin(&self.key, file, coding, encoding.result()) {
                    return Ok(None);
                }
                if may_wait && file.length() <= AWAITED_BYTES_MAX {
                    return Err(OpenError::Cold(Prefetch::Encode(encoding)));
                }
                self.encodings.push(encoding);
                Ok(None)
            }
        }
    }

    /// Takes out the encodings that threads have to do, and for which no request waits.
    pub(crate) fn take_encodings(&mut self) -> Vec<Encoding> {
        std::mem::take(&mut self.encodings)
    }
}

/// Whether no other contents of the file can ever have its identity, so that an encoding of it is never stale.
fn is_encodable(file: &CachedFile) -> bool {
    let version = file.plain().version();
    // A tag that is made of contents says nothing about the clock.
    let is_sure = version.modified().is_some() || file.is_settled();
    let is_strong = version.etag().is_none_or(|etag| !etag.is_weak());
    is_sure && is_strong && !version.is_tag_awaited() && file.length() <= ENCODED_BYTES_MAX
}

/// A larger file is sent as it is: a thread would be busy with it for a second, and hold it in memory.
const ENCODED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The first request for a larger file does not wait until it is encoded, but gets it as it is: 40 ms of a thread.
const AWAITED_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A larger file is not encoded with much effort: brotli takes three seconds of a thread for this much.
const IMPROVED_BYTES_MAX: u64 = 1024 * 1024;
