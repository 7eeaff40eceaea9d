//! Content that is too large for memory, on the disk while it is wanted.
//!
//! Everything here waits for the disk: it is for threads that may. It must never know whose content
//! it is.

use crate::sys::{file, nameless};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file without a name. It is written at its end, and read from its beginning.
#[derive(Debug)]
pub struct Spool {
    file: File,
    length: u64,
    read: u64,
}

impl Spool {
    /// An empty one in this directory.
    ///
    /// # Errors
    /// When none can be made there.
    pub fn create(directory: &Path) -> io::Result<Spool> {
        let directory = file::open_directory(directory)?;
        Ok(Spool { file: nameless::create(directory.as_fd())?, length: 0, read: 0 })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// `StorageFull` and `QuotaExceeded` among others.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes it holds.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Spool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.read)?;
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;

    #[test]
    fn what_was_added_is_read_from_its_beginning() {
        let here = Directory::new();
        let mut spool = Spool::create(here.path()).expect("there is room");
        spool.append(b"one ").expect("there is room");
        spool.append(b"two").expect("there is room");
        assert_eq!(spool.length(), 7);
        let mut text = String::new();
        spool.read_to_string(&mut text).expect("it is there");
        assert_eq!(text, "one two");
    }

    #[test]
    fn a_directory_that_is_not_there_holds_none() {
        assert!(Spool::create(Path::new("/no/such/directory")).is_err());
    }
}
