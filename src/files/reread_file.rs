//! A small file that is read again when it has changed.
//!
//! It must never know what the file says.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a file says, as somebody has read it.
pub(crate) struct RereadFile<V> {
    path: PathBuf,
    known: Mutex<Option<(Stamp, Arc<V>)>>,
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
        Ok(RereadFile { path: std::path::absolute(path)?, known: Mutex::new(None) })
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
        let stamp = Stamp::of(&fs::metadata(&self.path)?);
        if let Some((known, value)) = &*self.lock()
            && *known == stamp
        {
            return Ok(Arc::clone(value));
        }
        let file = File::open(&self.path)?;
        // It may be another one meanwhile.
        let stamp = Stamp::of(&file.metadata()?);
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let value = Arc::new(read(&bytes));
        *self.lock() = Some((stamp, Arc::clone(&value)));
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Stamp, Arc<V>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_once_for_each_version() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("file");
        fs::write(&path, "one").expect("it is ours");
        let file = RereadFile::new(&path).expect("it is absolute");
        let read = |bytes: &[u8]| bytes.to_vec();
        let first = file.current(read).expect("it is there");
        assert_eq!(*first, b"one");
        assert!(Arc::ptr_eq(&first, &file.current(|_| unreachable!()).expect("it is known")));
        let next = folder.path().join("next");
        fs::write(&next, "two").expect("it is ours");
        fs::rename(&next, &path).expect("it is ours");
        assert_eq!(*file.current(read).expect("it is there"), b"two");
        fs::remove_file(&path).expect("it is ours");
        assert!(file.current(read).is_err());
    }
}
