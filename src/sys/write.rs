//! Changing what is in a directory: temporary files, names, locks.
//!
//! Each function takes an open directory and a name without a slash, and follows no link. It must never know
//! what a file is for.

use super::file::{Call, Identity, identity_of, refused};
use rustix::fs::{self, AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Makes a file without a name, on the file system of a directory: it is gone when it is closed,
/// unless [`link`] gives it a name. `None`: this file system has no such files, or there is no `/proc`
/// to name one by.
pub(crate) fn create_nameless(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Option<OwnedFd>> {
    refused(Call::Create)?;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match fs::openat(directory, ".", flags, permissions(mode)) {
        Ok(file) if fs::statat(CWD, path_of(file.as_fd()), AtFlags::empty()).is_ok() => {
            Ok(Some(file))
        }
        // EISDIR: a kernel older than 3.11.
        Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes a file. Fails with `EEXIST` if something has the name.
pub(crate) fn create(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<OwnedFd> {
    refused(Call::Create)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(fs::openat(directory, name, flags, permissions(mode))?)
}

/// Appends bytes to a file that is being written. After an error, some of them may have been.
pub(crate) fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = refused(Call::Write) {
        // A disk that is full takes what it has room for.
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(error);
    }
    file.write_all(bytes)
}

/// Gives a file of [`create_nameless`] a name. Fails with `EEXIST` if something has it.
pub(crate) fn link(file: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    refused(Call::Name)?;
    Ok(fs::linkat(CWD, path_of(file), directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// What to do if something has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// Keep it, and fail with `EEXIST`.
    Never,
    /// Replace it in one step, unless it is a directory.
    Always,
}

/// Moves a file to another name, perhaps in another directory of the same file system.
pub(crate) fn rename(
    from: (BorrowedFd<'_>, &[u8]),
    to: (BorrowedFd<'_>, &[u8]),
    overwrite: Overwrite,
) -> io::Result<()> {
    refused(Call::Name)?;
    if overwrite == Overwrite::Never {
        match fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
            // This file system cannot do it in one step. Another program may make the file between the
            // check and the rename.
            Err(Errno::INVAL | Errno::NOSYS) => match identity_at(to.0, to.1) {
                Ok(_) => return Err(Errno::EXIST.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            },
            result => return Ok(result?),
        }
    }
    Ok(fs::renameat(from.0, from.1, to.0, to.1)?)
}

/// Makes a directory.
pub(crate) fn make_directory(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<()> {
    Ok(fs::mkdirat(directory, name, permissions(mode))?)
}

/// Removes the name of a file, or a link.
pub(crate) fn remove_file(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(fs::unlinkat(directory, name, AtFlags::empty())?)
}

/// Removes an empty directory.
pub(crate) fn remove_directory(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?)
}

/// What has this name in a directory; a link is not followed.
pub(crate) fn identity_at(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Identity> {
    Ok(identity_of(&fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Hands over the names in a directory that is open for reading, without `.` and `..`, until `each` breaks. They
/// are in no order. Names that appear or disappear meanwhile may be among them or not.
pub(crate) fn each_name(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") && each(name).is_break() {
            break;
        }
    }
    Ok(())
}

/// Locks an open file or directory against every other opening of it, in this process or another
/// (flock(2)). `false`: somebody else holds the lock. It is unlocked by [`unlock`], or when the last
/// descriptor of this opening is closed; the death of the process closes it too.
///
/// # Errors
/// Where the file system has no such locks; NFS has none for directories.
pub(crate) fn try_lock(open: BorrowedFd<'_>) -> io::Result<bool> {
    match fs::flock(open, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives a lock back.
pub(crate) fn unlock(open: BorrowedFd<'_>) {
    // It fails only for what is not locked.
    let _ = fs::flock(open, FlockOperation::Unlock);
}

/// Waits until the names in a directory are on the disk.
pub(crate) fn sync_directory(directory: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fs::fsync(directory)?)
}

/// `AT_EMPTY_PATH` would work without `/proc`, but needs a capability before Linux 6.10.
fn path_of(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// The process's umask takes some of them away.
fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::open_beneath;
    use crate::sys::file::{Disk, LastLink, Symlinks, open_directory};
    use crate::sys::temporary::Directory;
    use std::io::Write;
    use std::path::Path;

    fn open(directory: &Directory) -> OwnedFd {
        let start = open_directory(directory.path()).expect("it is there");
        open_beneath(start.as_fd(), b"", Symlinks::Never, LastLink::Refuse, Disk::MayBlock)
            .expect("it can be read")
    }

    fn names(directory: &Directory) -> Vec<String> {
        let mut names = Vec::new();
        each_name(open(directory).as_fd(), |name| {
            names.push(String::from_utf8_lossy(name).into_owned());
            ControlFlow::Continue(())
        })
        .expect("it can be read");
        names.sort();
        names
    }

    #[test]
    fn a_nameless_file_is_not_seen_until_it_is_linked() {
        let here = Directory::new();
        let directory = open(&here);
        let file = create_nameless(directory.as_fd(), 0o600).expect("there is room");
        let file = file.expect("this file system has nameless files");
        std::fs::File::from(file.try_clone().expect("there are descriptors"))
            .write_all(b"it")
            .expect("there is room");
        assert_eq!(names(&here), [""; 0]);
        link(file.as_fd(), directory.as_fd(), b"a").expect("nothing has the name");
        assert_eq!(std::fs::read(here.at("a")).expect("it is there"), b"it");
        let taken = link(file.as_fd(), directory.as_fd(), b"a").expect_err("it is taken");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn no_link_is_followed() {
        let here = Directory::new();
        here.write("d/a", "1").link("l", "d/a").link("dangling", "no");
        let directory = open(&here);
        for name in [&b"l"[..], b"dangling"] {
            assert!(create(directory.as_fd(), name, 0o600).is_err());
            assert!(make_directory(directory.as_fd(), name, 0o700).is_err());
        }
        here.write("next", "2");
        let (from, to) = ((directory.as_fd(), &b"next"[..]), (directory.as_fd(), &b"l"[..]));
        let kept = rename(from, to, Overwrite::Never).expect_err("it is taken");
        assert_eq!(kept.kind(), io::ErrorKind::AlreadyExists);
        rename(from, to, Overwrite::Always).expect("it is no directory");
        assert_eq!(std::fs::read(here.at("d/a")).expect("it is there"), b"1");
        assert_eq!(std::fs::read(here.at("l")).expect("it is there"), b"2");
        remove_file(directory.as_fd(), b"dangling").expect("it is there");
        assert_eq!(names(&here), ["d", "l"]);
        assert!(remove_directory(directory.as_fd(), b"d").is_err(), "it is not empty");
    }

    #[test]
    fn a_lock_excludes_other_openings_of_this_process_too() {
        let here = Directory::new();
        let (one, other) = (open(&here), open(&here));
        assert!(try_lock(one.as_fd()).expect("it can be locked"));
        assert!(!try_lock(other.as_fd()).expect("it can be locked"));
        unlock(one.as_fd());
        assert!(try_lock(other.as_fd()).expect("it can be locked"));
        drop(other);
        assert!(try_lock(one.as_fd()).expect("it can be locked"));
    }

    #[test]
    fn a_file_system_without_nameless_files_is_known() {
        let proc = open_directory(Path::new("/proc")).expect("it is there");
        assert!(!matches!(create_nameless(proc.as_fd(), 0o600), Ok(Some(_))));
    }
}
