//! Encoding a file in a content coding: the work of a thread, and how its result reaches the cache of a worker.
//!
//! It must never know who asks for the file, or how long the result is kept.

use super::cached::{CachedFile, Contents};
use crate::http::Coding;
use crate::http::encoder::{self, Effort};
use crate::sys::file::{self, Disk};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};

/// A file to be encoded. Its result is there when this has run, or was dropped.
#[derive(Debug)]
pub(crate) struct Encoding {
    file: Arc<CachedFile>,
    coding: Coding,
    effort: Effort,
    result: Arc<EncodingResult>,
}

/// The result of an encoding, once it is there. A thread sets it, and one worker reads it.
pub(super) type EncodingResult = OnceLock<Encoded>;

/// What came of an encoding.
#[derive(Clone, Debug)]
pub(super) enum Encoded {
    Smaller(Arc<CachedFile>),
    /// It saves too little, or nothing.
    NotSmaller,
    /// It was not done, or the file has changed meanwhile.
    Failed,
}

impl Encoding {
    pub(super) fn new(file: &Arc<CachedFile>, coding: Coding, effort: Effort) -> Encoding {
        Encoding { file: Arc::clone(file), coding, effort, result: Arc::default() }
    }

    pub(super) fn result(&self) -> &Arc<EncodingResult> {
        &self.result
    }

    /// Whether nobody waits for it.
    pub(crate) fn is_for_idle_time(&self) -> bool {
        self.effort == Effort::Best
    }

    /// Reads and encodes the file.
    pub(crate) fn run(self) {
        let encoded = self.encoded().unwrap_or_else(|error| {
            log::debug!("a file was not compressed: {error}");
            Encoded::Failed
        });
        let _ = self.result.set(encoded);
    }

    fn encoded(&self) -> io::Result<Encoded> {
        let read;
        let bytes = match self.file.contents() {
            Contents::Memory(bytes) => bytes,
            Contents::Descriptor(open) => {
                let mut room = vec![0; usize::try_from(self.file.length()).unwrap_or(usize::MAX)];
                let count = file::read_at(open.as_fd(), &mut room, 0, Disk::MayBlock)?;
                // A file with a strong entity tag that has the same identity has the same bytes.
                if count < room.len() || file::identity(open.as_fd())? != *self.file.identity() {
                    return Ok(Encoded::Failed);
                }
                read = room.into_boxed_slice();
                &read
            }
        };
        let encoded = encoder::encode(bytes, self.coding, self.effort)?;
        if encoded.len() + bytes.len() / SAVING_PART >= bytes.len() {
            return Ok(Encoded::NotSmaller);
        }
        let name = tag_name(self.coding, &encoded);
        let encoded = encoded.into_boxed_slice();
        let file = CachedFile::encoded(&self.file, self.coding, &name, encoded);
        Ok(Encoded::Smaller(Arc::new(file)))
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        let _ = self.result.set(Encoded::Failed);
    }
}

/// What the entity tag of encoded bytes has in addition to that of the file: the coding, and a hash of the bytes. One
/// version of a file can be encoded in several ways (fast or well, by another version of a library, on another machine):
/// a strong tag says which.
fn tag_name(coding: Coding, bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let mut hash = hasher.finish();
    let mut name = String::from(match coding {
        Coding::Zstd => "z",
        Coding::Brotli => "b",
        Coding::Gzip => "g",
    });
    for _ in 1..TAG_NAME_BYTES {
        name.push(char::from(DIGITS[(hash % 32) as usize]));
        hash /= 32;
    }
    name
}

/// The coding that such a name in a tag is of.
pub(crate) fn coding_of_tag_name(name: &[u8]) -> Option<Coding> {
    let (first, digits) = name.split_first()?;
    if digits.len() != TAG_NAME_BYTES - 1 || !digits.iter().all(|digit| DIGITS.contains(digit)) {
        return None;
    }
    match first {
        b'z' => Some(Coding::Zstd),
        b'b' => Some(Coding::Brotli),
        b'g' => Some(Coding::Gzip),
        _ => None,
    }
}

const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

const TAG_NAME_BYTES: usize = 8;

/// A file that does not become smaller by this part is sent as it is: decoding it would save next to nothing.
const SAVING_PART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_tag_says_coding_and_bytes() {
        for coding in Coding::ALL {
            let name = tag_name(coding, b"abc");
            assert_eq!(coding_of_tag_name(name.as_bytes()), Some(coding), "{name}");
            assert_eq!(name, tag_name(coding, b"abc"));
            assert_ne!(name, tag_name(coding, b"abd"));
        }
        for other in ["", "z", "gzip", "zstd", "br", "x0000000", "g000000", "g00000000", "g000000w"]
        {
            assert_eq!(coding_of_tag_name(other.as_bytes()), None, "{other}");
        }
    }
}
