//! Files without a name, which are gone with their last descriptor, whatever becomes of the process.

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::BorrowedFd;

/// A new empty file in this directory, to be written and read. Where the file system has no
/// nameless files it bears a name that nobody can guess for a moment.
///
/// # Errors
/// What the kernel says: `StorageFull`, `PermissionDenied` …
pub fn create(directory: BorrowedFd<'_>) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    match fs::openat(directory, ".", flags | OFlags::TMPFILE, mode) {
        Ok(file) => return Ok(file.into()),
        // EISDIR: a kernel that does not know the flag (open(2)).
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let name = format!(".httpd-{:016x}", RandomState::new().build_hasher().finish());
    let file = fs::openat(directory, &name, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
    fs::unlinkat(directory, &name, AtFlags::empty())?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn it_leaves_no_name_behind() {
        let here = Directory::new();
        let directory = std::fs::File::open(here.path()).expect("it is there");
        let mut file = create(directory.as_fd()).expect("there is room");
        file.write_all(b"content").expect("there is room");
        assert_eq!(std::fs::read_dir(here.path()).expect("it is there").count(), 0);
        assert_eq!(file.metadata().expect("it is open").len(), 7);
    }
}
