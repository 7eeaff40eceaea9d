//! A small file that is read again when it has changed.
//!
//! It must never know what the file says.

use crate::sys::broker::open_read;
use std::collections::hash_map::RandomState;
use std::fs::{self, Metadata};
use std::hash::BuildHasher;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a file says, as somebody has read it.
pub(crate) struct RereadFile<V> {
    path: PathBuf,
    known: Mutex<Option<Known<V>>>,
    digest: RandomState,
}

/// A version of the file.
struct Known<V> {
    stamp: Stamp,
    /// Whether any change from now on changes the stamp.
    is_settled: bool,
    /// That of its bytes.
    digest: u64,
    value: Arc<V>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    identity: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl<V> RereadFile<V> {
    /// The file at a path, which is made absolute. Nothing is read yet.
    ///
    /// # Errors
    /// If there is no working directory that the path could be relative to.
    pub(crate) fn new(path: &Path) -> io::Result<RereadFile<V>> {
        Ok(RereadFile {
            path: std::path::absolute(path)?,
            known: Mutex::new(None),
            digest: RandomState::new(),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says now. It may wait for the disk.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than 16 MiB.
    pub(crate) fn current(&self, read: impl FnOnce(&[u8]) -> V) -> io::Result<Arc<V>> {
        let (metadata, opened) = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let file = open_read(&self.path)?;
                (file.metadata()?, Some(file))
            }
            metadata => (metadata?, None),
        };
        if !metadata.is_file() {
            // To open a pipe would wait for somebody who writes to it.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let stamp = Stamp::of(&metadata);
        if let Some(known) = &*self.lock()
            && known.is_settled
            && known.stamp == stamp
        {
            return Ok(Arc::clone(&known.value));
        }
        let file = opened.map_or_else(|| open_read(&self.path), Ok)?;
        // It may be another one meanwhile.
        let stamp = Stamp::of(&file.metadata()?);
        // Somebody who writes to it just now may go on without a trace: then it is read again the next time.
        let is_settled = stamp.is_settled(SystemTime::now());
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let digest = self.digest.hash_one(&bytes);
        let same =
            self.lock().as_ref().filter(|it| it.digest == digest).map(|it| Arc::clone(&it.value));
        let value = same.unwrap_or_else(|| Arc::new(read(&bytes)));
        *self.lock() = Some(Known { stamp, is_settled, digest, value: Arc::clone(&value) });
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known<V>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
    /// Whether a change of the file after this moment changes the stamp: the kernel's clock for files is coarse.
    fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let changed = u64::try_from(seconds).ok().and_then(|seconds| {
            let nanoseconds = u32::try_from(nanoseconds).ok()?;
            UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
        });
        changed.is_some_and(|changed| now.duration_since(changed).is_ok_and(|age| age > TICK_MAX))
    }

    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            identity: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A larger file is not a list of names.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Longer than a tick of that clock, 10 ms at 100 Hz.
const TICK_MAX: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_an_error_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().expect("there is room");
        for path in [folder.path(), Path::new("/dev/zero")] {
            let file = RereadFile::new(path).expect("it is absolute");
            assert!(file.current(<[u8]>::to_vec).is_err());
        }
    }

    #[test]
    fn it_is_read_once_for_each_version() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("file");
        fs::write(&path, "one").expect("it is ours");
        let file = RereadFile::new(&path).expect("it is absolute");
        let read = |bytes: &[u8]| bytes.to_vec();
        let first = file.current(read).expect("it is there");
        assert_eq!(*first, b"one");
        // Whether it settles meanwhile or not.
        for _ in 0..30 {
            std::thread::sleep(Duration::from_millis(5));
            assert!(Arc::ptr_eq(&first, &file.current(|_| unreachable!()).expect("it is known")));
        }
        let next = folder.path().join("next");
        fs::write(&next, "two").expect("it is ours");
        fs::rename(&next, &path).expect("it is ours");
        assert_eq!(*file.current(read).expect("it is there"), b"two");
        fs::remove_file(&path).expect("it is ours");
        assert!(file.current(read).is_err());
    }

    #[test]
    fn no_change_is_missed_while_somebody_writes_to_it() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("file");
        let file = RereadFile::new(&path).expect("it is absolute");
        // All of the same length, and many within a tick of the clock of files.
        for number in 1000..2000_u32 {
            fs::write(&path, number.to_string()).expect("it is ours");
            let read = file.current(|bytes| bytes.to_vec()).expect("it is there");
            assert_eq!(*read, number.to_string().into_bytes());
        }
    }
}
