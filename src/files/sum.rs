//! Sums of contents, of which entity tags are made that are equal on every machine.
//!
//! It must never know who asks for one, or which thread computes it.

use crate::sys::file::{self, Disk, Identity};
use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// What the tag of a file is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ETags {
    /// Its size and its time of modification, which cost nothing. A file whose time is the same in every version, as in
    /// archives and images that are made reproducible, has no tag.
    #[default]
    Time,
    /// Its contents (with the feature `content-tags`): the tag is equal on every machine, and changes only with the
    /// contents. There is no `Last-Modified`. The tag of a large file is computed by a thread after the first request for
    /// it, which is answered without one.
    #[cfg(feature = "content-tags")]
    Content,
}

/// The first half of the SHA-256 of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum(pub(super) [u8; 16]);

impl Sum {
    /// That of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Sum {
        let mut summer = Summer::default();
        summer.add(bytes);
        summer.finish()
    }

    /// That of an open file, which is read to its end.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn of_open(open: BorrowedFd<'_>) -> io::Result<Sum> {
        let mut summer = Summer::default();
        let mut buffer = vec![0; READ_BYTES];
        let mut offset = 0;
        loop {
            let count = file::read_at(open, &mut buffer, offset, Disk::MayBlock)?;
            summer.add(&buffer[..count]);
            offset += count as u64;
            if count < buffer.len() {
                return Ok(summer.finish());
            }
        }
    }
}

/// Makes a sum of bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Summer {
    #[cfg(feature = "content-tags")]
    hash: sha2::Sha256,
}

#[cfg(feature = "content-tags")]
impl Summer {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        use sha2::Digest;
        self.hash.update(bytes);
    }

    pub(super) fn finish(self) -> Sum {
        use sha2::Digest;
        let sum = self.hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&sum[..16]);
        Sum(half)
    }
}

/// Nobody can ask for sums.
#[cfg(not(feature = "content-tags"))]
impl Summer {
    pub(super) fn add(&mut self, _bytes: &[u8]) {}

    pub(super) fn finish(self) -> Sum {
        Sum([0; 16])
    }
}

/// The sums of a root's files that are known, so that none is computed twice. Threads share them; a worker asks only
/// when it looks a file up on the disk, or sends one without its tag.
#[derive(Debug, Default)]
pub(super) struct Sums {
    known: Mutex<Generations>,
    /// Whether one is being computed, of a small and of a large file.
    pub(super) is_computing: [AtomicBool; 2],
}

/// When the younger one is full it becomes the older one, and the older one is forgotten.
#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<Identity, Sum>,
    older: HashMap<Identity, Sum>,
}

impl Sums {
    /// The sum of this version, if it is known. It never waits.
    pub(super) fn get(&self, identity: &Identity) -> Option<Sum> {
        let mut known = self.known.try_lock().ok()?;
        if let Some(sum) = known.younger.get(identity) {
            return Some(*sum);
        }
        let sum = known.older.get(identity).copied()?;
        known.add(identity, sum);
        Some(sum)
    }

    /// Remembers the sum of a version that no other contents can have.
    pub(super) fn add(&self, identity: &Identity, sum: Sum) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).add(identity, sum);
    }
}

impl Generations {
    fn add(&mut self, identity: &Identity, sum: Sum) {
        if self.younger.len() >= KNOWN_MAX / 2 {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(*identity, sum);
    }
}

/// How many sums of a root are remembered: about two megabytes.
const KNOWN_MAX: usize = 16_384;

pub(super) const READ_BYTES: usize = 256 * 1024;

#[cfg(all(test, feature = "content-tags"))]
mod tests {
    use super::*;
    use crate::sys::file::{FileKind, Timestamp};
    use std::os::fd::AsFd;

    /// As `printf abc | sha256sum` says it.
    const ABC: [u8; 16] = 0xba7816bf_8f01cfea_414140de_5dae2223_u128.to_be_bytes();

    #[test]
    fn a_sum_is_the_same_however_the_bytes_are_cut() {
        assert_eq!(Sum::of(b"abc"), Sum(ABC));
        for cut in 0..=3 {
            let mut summer = Summer::default();
            summer.add(&b"abc"[..cut]);
            summer.add(&b"abc"[cut..]);
            assert_eq!(summer.finish(), Sum(ABC));
        }
    }

    #[test]
    fn a_file_of_any_length_is_read_to_its_end() {
        let here = crate::sys::temporary::Directory::new();
        for length in [0, 1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1] {
            let bytes = vec![7; length];
            here.write("a", &bytes);
            let open = std::fs::File::open(here.at("a")).expect("it is there");
            assert_eq!(Sum::of_open(open.as_fd()).expect("it can be read"), Sum::of(&bytes));
        }
    }

    #[test]
    fn a_bounded_number_of_sums_is_remembered_and_those_in_use_stay() {
        let identity = |inode| {
            let time = Timestamp { seconds: 1, nanoseconds: 2 };
            let kind = FileKind::File;
            Identity {
                device: 1,
                inode,
                kind,
                names: 1,
                size_bytes: 3,
                modified: time,
                changed: time,
            }
        };
        let sums = Sums::default();
        for inode in 0..3 * KNOWN_MAX as u64 {
            sums.add(&identity(inode), Sum(ABC));
            assert_eq!(sums.get(&identity(0)), Some(Sum(ABC)), "after {inode}");
        }
        assert_eq!(sums.get(&identity(1)), None);
        let known = sums.known.lock().expect("nobody panicked");
        assert!(known.younger.len() + known.older.len() <= KNOWN_MAX);
    }
}
