//! A file that is being written, which no reader sees until it is complete.
//!
//! It must never know its final name.

use super::name::RESERVED;
use crate::sys::file::{self, Disk, FileKind, LastLink, Symlinks};
use crate::sys::write::{self, Overwrite};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file without a name. On a file system that has no such files, it has a reserved name that cannot be
/// guessed. It leaves nothing behind when it is dropped before [`Temporary::place`].
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    name: TemporaryName,
}

/// Makes a file in a directory, with these permissions.
pub(super) type Create = fn(BorrowedFd<'_>, u32) -> io::Result<Temporary>;

#[derive(Debug)]
enum TemporaryName {
    None,
    /// The file is locked while it is being written, so that [`sweep`] can tell it from one that a dead
    /// process left behind.
    Reserved(OwnedFd, Vec<u8>),
    /// Its own name: the file stays.
    Final,
}

impl Temporary {
    /// Makes a file on the file system of an open directory, or in the directory.
    pub(super) fn create(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        match write::create_nameless(directory, mode)? {
            Some(file) => Ok(Temporary { file: file.into(), name: TemporaryName::None }),
            None => Temporary::create_named(directory, mode),
        }
    }

    /// Makes a file with a reserved name, and first removes those that dead processes left behind.
    pub(super) fn create_named(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        let _ = sweep(directory);
        Temporary::create_under_name(directory, mode)
    }

    /// Makes a file with a reserved name.
    pub(super) fn create_under_name(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        // Each state has its own keys, which come from the kernel's random numbers.
        let random = RandomState::new().hash_one(SystemTime::now());
        let name = [RESERVED, format!("-{random:016x}").as_bytes()].concat();
        let held = directory.try_clone_to_owned()?;
        let file = match write::create_nameless(directory, mode) {
            // It is locked before any other process can see it.
            Ok(Some(file)) => {
                write::try_lock(file.as_fd())?;
                write::link(file.as_fd(), directory, &name)?;
                file
            }
            _ => {
                let file = write::create(directory, &name, mode)?;
                write::try_lock(file.as_fd())?;
                file
            }
        };
        Ok(Temporary { file: file.into(), name: TemporaryName::Reserved(held, name) })
    }

    /// The name that it has while it is being written, if it has one.
    pub(super) fn reserved_name(&self) -> Option<&[u8]> {
        match &self.name {
            TemporaryName::Reserved(_, name) => Some(name),
            TemporaryName::None | TemporaryName::Final => None,
        }
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it its final name, in one step, in a directory that the caller has locked. With
    /// [`Overwrite::Never`] this fails with `AlreadyExists` if something has that name.
    ///
    /// A file without a name cannot replace another directly, so it gets a reserved name first. Because the
    /// directory is locked, one such name is enough for all processes. A file that already has this name
    /// is removed: a process died between the two steps.
    pub(super) fn place(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        overwrite: Overwrite,
    ) -> io::Result<()> {
        match (&self.name, overwrite) {
            (TemporaryName::Reserved(from, reserved), _) => {
                write::rename((from.as_fd(), reserved), (directory, name), overwrite)?;
            }
            (_, Overwrite::Never) => write::link(self.file.as_fd(), directory, name)?,
            (_, Overwrite::Always) => {
                if let Err(error) = write::link(self.file.as_fd(), directory, RESERVED) {
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        return Err(error);
                    }
                    write::remove_file(directory, RESERVED)?;
                    write::link(self.file.as_fd(), directory, RESERVED)?;
                }
                let renamed =
                    write::rename((directory, RESERVED), (directory, name), Overwrite::Always);
                if let Err(error) = renamed {
                    let _ = write::remove_file(directory, RESERVED);
                    return Err(error);
                }
            }
        }
        self.name = TemporaryName::Final;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let TemporaryName::Reserved(directory, name) = &self.name {
            let _ = write::remove_file(directory.as_fd(), name);
        }
    }
}

/// Removes the files of [`Temporary::create_named`] that dead processes left behind in a directory, which are
/// those that are not locked. It looks only at the first names of a large directory.
pub(super) fn sweep(directory: BorrowedFd<'_>) -> io::Result<()> {
    sweep_names(directory, SWEPT_MAX, STALE_AFTER)
}

/// The same for all names and files of any age: at a start, no process is about to lock one.
pub(super) fn sweep_all(directory: BorrowedFd<'_>) -> io::Result<()> {
    sweep_names(directory, SWEPT_AT_START_MAX, Duration::ZERO)
}

fn sweep_names(
    directory: BorrowedFd<'_>,
    names_max: usize,
    stale_after: Duration,
) -> io::Result<()> {
    // The directory may have been opened with `O_PATH`, which does not allow to read it.
    let readable =
        file::open_beneath(directory, b"", Symlinks::Never, LastLink::Refuse, Disk::MayBlock)?;
    let mut left = names_max;
    let mut found = Vec::new();
    write::each_name(readable.as_fd(), |name| {
        if name.starts_with(RESERVED) && name.len() > RESERVED.len() {
            found.push(name.to_vec());
        }
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    for name in found {
        let _ = remove_if_stale(directory, &name, stale_after);
    }
    Ok(())
}

/// The same unless the directory is locked; also removes a file that was left between the two steps of
/// [`Temporary::place`].
pub(super) fn sweep_locked(directory: BorrowedFd<'_>) -> io::Result<()> {
    if write::try_lock(directory)? {
        let _ = write::remove_file(directory, RESERVED);
        let swept = sweep(directory);
        write::unlock(directory);
        return swept;
    }
    Ok(())
}

fn remove_if_stale(
    directory: BorrowedFd<'_>,
    name: &[u8],
    stale_after: Duration,
) -> io::Result<()> {
    let open =
        file::open_beneath(directory, name, Symlinks::Never, LastLink::Refuse, Disk::MayBlock)?;
    let identity = file::identity(open.as_fd())?;
    // A file that was just made may not be locked yet.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = Duration::from_secs(u64::try_from(identity.modified.seconds).unwrap_or(0));
    if identity.kind == FileKind::File
        && now.saturating_sub(modified) >= stale_after
        && write::try_lock(open.as_fd())?
    {
        write::remove_file(directory, name)?;
    }
    Ok(())
}

/// How many names of a directory a sweep looks at, so that an upload into a large directory takes no longer.
const SWEPT_MAX: usize = 1024;

/// How many at a start, which may take a moment.
const SWEPT_AT_START_MAX: usize = 1_000_000;

const STALE_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;
    use std::io::Write;
    use std::time::Duration;

    fn open(directory: &Directory) -> OwnedFd {
        File::open(directory.path()).expect("it can be read").into()
    }

    fn names(directory: &Directory) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory.path())
            .expect("it can be read")
            .map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn dropped_it_leaves_nothing_and_placed_it_stays() {
        for create in [Temporary::create as Create, Temporary::create_named] {
            let here = Directory::new();
            let directory = open(&here);
            let directory = directory.as_fd();
            drop(create(directory, 0o600).expect("there is room"));
            assert_eq!(names(&here), [""; 0]);
            for (contents, overwrite) in [("1", Overwrite::Never), ("2", Overwrite::Always)] {
                let mut temporary = create(directory, 0o600).expect("there is room");
                temporary.file().write_all(contents.as_bytes()).expect("there is room");
                temporary.place(directory, b"a", overwrite).expect("it can be named");
                drop(temporary);
                assert_eq!(names(&here), ["a"]);
                assert_eq!(std::fs::read_to_string(here.at("a")).expect("it is there"), contents);
            }
            let mut third = create(directory, 0o600).expect("there is room");
            let taken = third.place(directory, b"a", Overwrite::Never).expect_err("it is taken");
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            here.make("d");
            assert!(third.place(directory, b"d", Overwrite::Always).is_err());
            drop(third);
            assert_eq!(names(&here), ["a", "d"]);
        }
    }

    #[test]
    fn what_a_crash_left_between_two_steps_is_in_nobodys_way() {
        let here = Directory::new();
        here.write("a", "old").write(".httpd-upload", "left");
        let directory = open(&here);
        let mut temporary = Temporary::create(directory.as_fd(), 0o600).expect("there is room");
        temporary.place(directory.as_fd(), b"a", Overwrite::Always).expect("it can be named");
        assert_eq!(names(&here), ["a"]);
    }

    #[test]
    fn what_the_dead_left_is_swept_and_what_the_living_write_is_not() {
        let here = Directory::new();
        let directory = open(&here);
        let mut living = Temporary::create_named(directory.as_fd(), 0o600).expect("there is room");
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        living.file().set_modified(long_ago).expect("it is ours");
        here.write(".httpd-upload-1", "").modify(".httpd-upload-1", long_ago);
        here.write(".httpd-upload-2", "");
        here.write("z", "").modify("z", long_ago);
        sweep(directory.as_fd()).expect("it can be read");
        let left = names(&here);
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(!left.contains(&".httpd-upload-1".to_owned()), "{left:?}");
        drop(living);
        assert_eq!(names(&here), [".httpd-upload-2", "z"]);
    }
}
