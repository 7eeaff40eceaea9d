//! Bodies that are too large for memory, in files that last as long as they are needed.
//!
//! Everything here but reading may wait for the disk, so it is for threads. It must never know whose body it
//! is.

use super::prefetch::{Disk, Prefetch};
use super::temporary::{self, Create, Temporary};
use super::upload::Upload;
use super::writable::WritableRoot;
use super::write_error::WriteError;
use crate::sys::broker::share_with;
use crate::sys::file::{self, Cause};
use crate::sys::write;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a body goes that is too large for memory.
#[derive(Clone, Debug)]
pub(crate) enum SpoolPlace {
    /// A file without a name in the directory for temporary files. It is gone when it is dropped.
    Temporary,
    /// The same with a name, by which other processes can open it until it is dropped: those of this user, and of a
    /// group.
    Named { group: Option<u32> },
    /// A file where the body is to be stored, so that it need not be copied. It has to be committed.
    Root { root: WritableRoot, path: Vec<u8> },
}

impl SpoolPlace {
    /// Makes an empty file. `temporary` is the directory for temporary files.
    ///
    /// # Errors
    /// As [`WritableRoot::upload`].
    pub(crate) fn create(self, temporary: &Path) -> Result<Spool, WriteError> {
        let kept = match self {
            SpoolPlace::Temporary => {
                let file = create_in(temporary, Temporary::create)?;
                Kept::Temporary { file, length: 0, path: None }
            }
            SpoolPlace::Named { group } => {
                let mut file = create_in(temporary, Temporary::create_under_name)?;
                if let Some(group) = group {
                    share_with(group, file.file().as_fd())?;
                }
                let path = file.reserved_name().map(|name| temporary.join(OsStr::from_bytes(name)));
                Kept::Temporary { file, length: 0, path }
            }
            SpoolPlace::Root { root, path } => Kept::Upload(Box::new(root.upload(&path)?)),
        };
        Ok(Spool { kept, read: 0 })
    }
}

/// Makes a file in the directory for temporary files. An error of that directory is the server's fault, not
/// the client's, and names the directory. A full disk stays [`WriteError::Full`].
fn create_in(temporary: &Path, create: Create) -> Result<Temporary, WriteError> {
    file::open_directory(temporary)
        .and_then(|directory| create(directory.as_fd(), SPOOL_MODE))
        .map_err(|error| match (Cause::of(&error), error) {
            (Cause::Full | Cause::Exhausted, error) => error.into(),
            (_, error) => WriteError::Failed(io::Error::new(
                error.kind(),
                format!("the directory for temporary files, {}: {error}", temporary.display()),
            )),
        })
}

/// Removes what killed servers left behind in a directory for temporary files, and checks that files can be
/// made there.
///
/// # Errors
/// Why they cannot.
pub(crate) fn prepare(temporary: &Path) -> Result<(), WriteError> {
    if let Ok(directory) = file::open_directory(temporary) {
        // An error can wait until the next start.
        let _ = temporary::sweep_all(directory.as_fd());
    }
    create_in(temporary, Temporary::create).map(drop)
}

/// A file for a body. It is written at its end, and read from its beginning.
#[derive(Debug)]
pub(crate) struct Spool {
    kept: Kept,
    read: u64,
}

#[derive(Debug)]
enum Kept {
    Temporary { file: Temporary, length: u64, path: Option<PathBuf> },
    Upload(Box<Upload>),
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match &mut self.kept {
            Kept::Temporary { file, length, .. } => {
                write::append(file.file(), bytes)?;
                *length += bytes.len() as u64;
                Ok(())
            }
            Kept::Upload(upload) => upload.write(bytes),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn length(&self) -> u64 {
        match &self.kept {
            Kept::Temporary { length, .. } => *length,
            Kept::Upload(upload) => upload.length(),
        }
    }

    /// The path of a [named](SpoolPlace::Named { group: None }) one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Temporary { path, .. } => path.as_deref(),
            Kept::Upload(_) => None,
        }
    }

    /// The file to commit, if it was made with [`SpoolPlace::Root`].
    pub(crate) fn into_upload(self) -> Option<Upload> {
        match self.kept {
            Kept::Temporary { .. } => None,
            Kept::Upload(upload) => Some(*upload),
        }
    }

    /// How many bytes remain to be read.
    pub(crate) fn unread(&self) -> u64 {
        self.length() - self.read
    }

    /// Reads the next bytes until `buffer` is full.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] with [`Disk::MustNotBlock`], when the kernel would have to read from
    /// the disk.
    pub(crate) fn read_next(&mut self, buffer: &mut [u8], disk: Disk) -> io::Result<usize> {
        let at = self.read;
        let count = file::read_at(self.file().as_fd(), buffer, at, disk)?;
        self.read += count as u64;
        Ok(count)
    }

    /// A job that reads the next bytes into memory.
    ///
    /// # Errors
    /// When out of descriptors.
    pub(crate) fn prefetch(&mut self, bytes: u64) -> io::Result<Prefetch> {
        let range = self.read..self.read + bytes.min(self.unread());
        Ok(Prefetch::Piece { file: self.file().try_clone()?.into(), range, ahead_bytes: bytes })
    }

    fn file(&mut self) -> &File {
        match &mut self.kept {
            Kept::Temporary { file, .. } => file.file(),
            Kept::Upload(upload) => upload.file(),
        }
    }
}

impl Read for Spool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_next(buffer, Disk::MayBlock)
    }
}

/// Only this user may read it.
const SPOOL_MODE: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::super::{Root, WriteRules};
    use super::*;
    use crate::http::conditional::Preconditions;
    use crate::sys::temporary::Directory;

    #[test]
    fn what_was_added_is_read_from_its_beginning_and_leaves_nothing() {
        let here = Directory::new();
        let mut spool = SpoolPlace::Temporary.create(here.path()).expect("there is room");
        spool.append(b"one ").expect("there is room");
        spool.append(b"two").expect("there is room");
        assert_eq!(spool.length(), 7);
        let mut text = String::new();
        spool.read_to_string(&mut text).expect("it is there");
        assert_eq!(text, "one two");
        assert!(spool.into_upload().is_none());
        assert_eq!(std::fs::read_dir(here.path()).expect("it is there").count(), 0);
    }

    #[test]
    fn one_with_a_name_is_read_by_it_until_it_is_dropped() {
        let here = Directory::new();
        let mut spool =
            SpoolPlace::Named { group: None }.create(here.path()).expect("there is room");
        spool.append(b"text").expect("there is room");
        let path = spool.path().expect("it has one").to_owned();
        assert_eq!(std::fs::read(&path).expect("it is there"), b"text");
        drop(spool);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_is_made_in_a_root_can_be_committed_there() {
        let here = Directory::new();
        let root = WritableRoot::new(Root::open(here.path()).expect("it"), WriteRules::default());
        let place = SpoolPlace::Root { root, path: b"a.txt".to_vec() };
        let mut spool = place.create(Path::new("/no/such/directory")).expect("there is room");
        spool.append(b"text").expect("there is room");
        let upload = spool.into_upload().expect("it was made in a root");
        upload.commit(&Preconditions::none()).expect("nothing is in the way");
        assert_eq!(std::fs::read(here.at("a.txt")).expect("it is there"), b"text");
    }

    #[test]
    fn a_directory_that_is_not_there_holds_none() {
        for place in [SpoolPlace::Temporary, SpoolPlace::Named { group: None }] {
            let error = place.create(Path::new("/no/such/directory")).expect_err("it is not there");
            assert!(matches!(error, WriteError::Failed(_)), "{error:?}");
            assert!(error.to_string().contains("/no/such/directory"), "{error}");
        }
        assert!(prepare(Path::new("/no/such/directory")).is_err());
    }

    #[test]
    fn a_directory_that_may_not_be_written_is_no_fault_of_a_client() {
        use std::os::unix::fs::PermissionsExt;
        crate::sys::temporary::bound_by_permissions(|| {
            let here = Directory::new();
            let closed = std::fs::Permissions::from_mode(0o500);
            std::fs::set_permissions(here.path(), closed).expect("it is ours");
            let error =
                SpoolPlace::Named { group: None }.create(here.path()).expect_err("it is closed");
            assert!(matches!(error, WriteError::Failed(_)), "{error:?}");
            assert!(prepare(here.path()).is_err());
        });
    }

    #[test]
    fn what_a_killed_server_left_is_swept_at_the_next_start_however_young_and_many() {
        let here = Directory::new();
        let living = SpoolPlace::Named { group: None }.create(here.path()).expect("there is room");
        for number in 0..1500 {
            here.write(format!(".httpd-upload-{number:016x}"), "left");
        }
        here.write("another", "stays");
        prepare(here.path()).expect("it can be used");
        assert!(living.path().expect("it has one").exists(), "somebody holds it");
        assert_eq!(std::fs::read_dir(here.path()).expect("it is there").count(), 2);
    }
}
