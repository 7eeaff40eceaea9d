//! A file that is being written and that nobody shall see until it is complete.
//!
//! It must never know what it will be called.

use super::name::RESERVED;
use crate::sys::file::{self, Disk, FileKind, LastLink, Symlinks};
use crate::sys::write::{self, Overwrite};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file without a name; where the file system has none such, with a reserved one that nobody can
/// guess. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    name: TemporaryName,
}

/// How a file is made in a directory, with these permissions.
pub(super) type Create = fn(BorrowedFd<'_>, u32) -> io::Result<Temporary>;

#[derive(Debug)]
enum TemporaryName {
    None,
    /// Locked for as long as it is being written, so that [`sweep`] can tell it from one that a
    /// process left behind when it died.
    Reserved(OwnedFd, Vec<u8>),
    /// Its own: it stays.
    Final,
}

impl Temporary {
    /// On the file system of an open directory, or in it.
    pub(super) fn create(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        match write::create_nameless(directory, mode)? {
            Some(file) => Ok(Temporary { file: file.into(), name: TemporaryName::None }),
            None => Temporary::create_named(directory, mode),
        }
    }

    pub(super) fn create_named(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        let _ = sweep(directory);
        Temporary::create_under_name(directory, mode)
    }

    /// The same where what the dead left is swept at another time.
    pub(super) fn create_under_name(directory: BorrowedFd<'_>, mode: u32) -> io::Result<Temporary> {
        // Each of these states has keys of its own, which begin with what the kernel gave at random.
        let random = RandomState::new().hash_one(SystemTime::now());
        let name = [RESERVED, format!("-{random:016x}").as_bytes()].concat();
        let held = directory.try_clone_to_owned()?;
        let file = match write::create_nameless(directory, mode) {
            // It has the lock before anybody can see it.
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

    /// Gives it its name in a directory that the caller has locked, in one step. With
    /// [`Overwrite::Never`] it fails with `AlreadyExists` where something has that name.
    ///
    /// A nameless file cannot take the place of another directly: it gets a reserved name first. As
    /// the directory is locked, one such name is enough for everybody, and if there is a file of that
    /// name, then a process died between the two steps: it is removed.
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

/// Removes what processes that died left behind in a directory, as far as that is found among the first
/// names in it: files of [`Temporary::create_named`] that nobody has locked.
pub(super) fn sweep(directory: BorrowedFd<'_>) -> io::Result<()> {
    sweep_names(directory, SWEPT_MAX, STALE_AFTER)
}

/// The same among all names, and however young: at a start nobody is about to lock one.
pub(super) fn sweep_all(directory: BorrowedFd<'_>) -> io::Result<()> {
    sweep_names(directory, SWEPT_AT_START_MAX, Duration::ZERO)
}

fn sweep_names(
    directory: BorrowedFd<'_>,
    names_max: usize,
    stale_after: Duration,
) -> io::Result<()> {
    // It may have been opened only to lead further.
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

/// The same, unless somebody is changing the directory; also of what was left between the two steps of
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
    // A file that was made just now may not have been locked yet.
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

/// Names of a directory that are looked at, so that an upload into a large one does not take longer.
const SWEPT_MAX: usize = 1024;

/// The same at a start, which may take a moment.
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
