//! Notifications about changes in directories (inotify).
//!
//! It must never know what the changes mean, or what waits for the descriptor.

use super::file_system::FileSystem;
use rustix::fs::inotify;
use rustix::fs::inotify::{CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A watched directory. A directory has one id, whatever path led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WatchId(i32);

/// Which changes in a directory the kernel reports reliably.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watchable {
    /// Nothing: changes may be made by other machines, which this kernel does not notice.
    Not,
    /// Names that appear, disappear and move; but not the contents of files.
    Names,
    /// Names, and writes to the files in it.
    Contents,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchEvent<'a> {
    /// Something of this name appeared, disappeared, moved, was written to, or got other permissions.
    Name(WatchId, &'a [u8]),
    /// The directory itself was moved, deleted or given other permissions.
    Directory(WatchId),
    /// The directory is not watched any more: it or its file system is gone, or the watch was removed.
    Gone(WatchId),
    /// The kernel's queue overflowed: anything may have changed.
    Overflow,
}

/// What to do when no more directories can be watched.
pub(crate) const HOW_TO_WATCH_MORE: &str = "raise the sysctl fs.inotify.max_user_watches";

/// A queue of the changes in the directories that it watches. Its descriptor is readable while there
/// are any.
#[derive(Debug)]
pub(crate) struct Watcher {
    inotify: OwnedFd,
}

impl Watcher {
    /// Makes an empty queue.
    ///
    /// # Errors
    /// `EMFILE` when this user has too many of them (`fs.inotify.max_user_instances`).
    pub(crate) fn new() -> io::Result<Watcher> {
        Ok(Watcher { inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)? })
    }

    /// Watches a directory for changes of names, or of names and contents. It stays watched for what it was
    /// watched for before.
    ///
    /// # Errors
    /// `EACCES`: the directory is not readable. `ENOSPC`: this user watches too much already
    /// (`fs.inotify.max_user_watches`). `ENOENT`: there is no `/proc`. `EOPNOTSUPP` for
    /// [`Watchable::Not`].
    pub(crate) fn add(&self, directory: BorrowedFd<'_>, what: Watchable) -> io::Result<WatchId> {
        let what = match what {
            Watchable::Not => return Err(io::ErrorKind::Unsupported.into()),
            Watchable::Names => NAME_CHANGES,
            Watchable::Contents => NAME_CHANGES | CONTENT_CHANGES,
        };
        // By descriptor: a path could lead elsewhere by now.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let flags = what | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD;
        Ok(WatchId(inotify::add_watch(&self.inotify, path, flags)?))
    }

    /// Stops watching. [`WatchEvent::Gone`] follows, after all earlier changes.
    pub(crate) fn remove(&self, watch: WatchId) {
        // EINVAL: the directory is gone.
        let _ = inotify::remove_watch(&self.inotify, watch.0);
    }

    /// Hands over the changes since the last call, in order. It takes one system call if there are none.
    pub(crate) fn read(&self, mut each: impl FnMut(WatchEvent<'_>)) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        for _ in 0..CHANGES_MAX {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let watch = WatchId(event.wd());
            let flags = event.events();
            each(match event.file_name() {
                _ if flags.contains(ReadFlags::QUEUE_OVERFLOW) => WatchEvent::Overflow,
                _ if flags.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT) => {
                    WatchEvent::Gone(watch)
                }
                Some(name) => WatchEvent::Name(watch, name.to_bytes()),
                None => WatchEvent::Directory(watch),
            });
        }
        // A program makes changes faster than this reads them: the rest counts as lost.
        each(WatchEvent::Overflow);
        Ok(())
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Which changes in this directory the kernel reports reliably, as a list of local file systems says. Any other
/// file system may be shared with another machine, or served by a program.
pub(crate) fn watchable(directory: BorrowedFd<'_>) -> Watchable {
    match FileSystem::of(directory) {
        Ok(FileSystem::OVERLAY) => Watchable::Names,
        Ok(system) if LOCAL_FILE_SYSTEMS.contains(&system) => Watchable::Contents,
        _ => Watchable::Not,
    }
}

const NAME_CHANGES: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MOVE_SELF);

const CONTENT_CHANGES: WatchFlags = WatchFlags::MODIFY.union(WatchFlags::CLOSE_WRITE);

/// Some hundred changes at a time. It must hold at least one with a name of 255 bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// The kernel's own queue holds 16,384 by default (`fs.inotify.max_queued_events`).
pub(crate) const CHANGES_MAX: usize = 32 * 1024;

const LOCAL_FILE_SYSTEMS: [FileSystem; 12] = [
    FileSystem::EXT,
    FileSystem::XFS,
    FileSystem::BTRFS,
    FileSystem::TMPFS,
    FileSystem::RAMFS,
    FileSystem::F2FS,
    FileSystem::ZFS,
    FileSystem::BCACHEFS,
    FileSystem::JFS,
    FileSystem::REISERFS,
    FileSystem::SQUASHFS,
    FileSystem::EROFS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::open_directory;
    use crate::sys::temporary::Directory;

    fn changes(watcher: &Watcher) -> Vec<String> {
        let mut changes = Vec::new();
        let record = |change: WatchEvent<'_>| match change {
            WatchEvent::Name(_, name) => changes.push(String::from_utf8_lossy(name).into_owned()),
            WatchEvent::Directory(_) => changes.push("(directory)".into()),
            WatchEvent::Gone(_) => changes.push("(gone)".into()),
            WatchEvent::Overflow => changes.push("(overflow)".into()),
        };
        watcher.read(record).expect("it can be read");
        changes.dedup();
        changes
    }

    fn watched(directory: &Directory, what: Watchable) -> (Watcher, WatchId) {
        let watcher = Watcher::new().expect("there is one to be had");
        let open = open_directory(directory.path()).expect("it is there");
        let watch = watcher.add(open.as_fd(), what).expect("it can be watched");
        (watcher, watch)
    }

    #[test]
    fn every_kind_of_change_is_reported() {
        let here = Directory::new();
        let (watcher, _) = watched(&here, Watchable::Contents);
        assert_eq!(changes(&watcher), [""; 0]);
        here.write("a", "1");
        assert_eq!(changes(&watcher), ["a"]);
        here.write("a", "2");
        assert_eq!(changes(&watcher), ["a"]);
        here.rename("a", "b");
        assert_eq!(changes(&watcher), ["a", "b"]);
        here.modify("b", std::time::UNIX_EPOCH);
        assert_eq!(changes(&watcher), ["b"]);
        here.remove("b");
        assert_eq!(changes(&watcher), ["b"]);
        here.make("d").link("l", "d");
        assert_eq!(changes(&watcher), ["d", "l.next", "l"]);
    }

    #[test]
    fn where_names_matter_writing_is_not_reported() {
        let here = Directory::new();
        here.write("a", "1");
        let (watcher, _) = watched(&here, Watchable::Names);
        here.write("a", "2").write("b", "1");
        assert_eq!(changes(&watcher), ["b"]);
    }

    #[test]
    fn what_is_watched_for_is_never_less_than_before() {
        let here = Directory::new();
        here.write("a", "1");
        let (watcher, watch) = watched(&here, Watchable::Contents);
        let open = open_directory(here.path()).expect("it is there");
        assert_eq!(watcher.add(open.as_fd(), Watchable::Names).expect("it can be watched"), watch);
        here.write("a", "2");
        assert_eq!(changes(&watcher), ["a"]);
    }

    #[test]
    fn the_directory_itself_is_watched_too() {
        let around = Directory::new();
        around.make("d");
        let watcher = Watcher::new().expect("there is one to be had");
        let open = open_directory(&around.at("d")).expect("it is there");
        watcher.add(open.as_fd(), Watchable::Contents).expect("it can be watched");
        drop(open);
        around.rename("d", "e");
        assert_eq!(changes(&watcher), ["(directory)"]);
        around.remove("e");
        assert_eq!(changes(&watcher), ["(directory)", "(gone)"]);
    }

    #[test]
    fn what_is_removed_is_reported_as_gone_and_then_is_silent() {
        let here = Directory::new();
        let (watcher, watch) = watched(&here, Watchable::Contents);
        watcher.remove(watch);
        watcher.remove(watch);
        here.write("a", "1");
        assert_eq!(changes(&watcher), ["(gone)"]);
    }

    #[test]
    fn what_is_not_on_a_disk_of_ours_cannot_be_watched() {
        let open = open_directory(std::path::Path::new("/proc")).expect("it is there");
        assert_eq!(watchable(open.as_fd()), Watchable::Not);
        let watcher = Watcher::new().expect("there is one to be had");
        assert!(watcher.add(open.as_fd(), Watchable::Not).is_err());
    }
}
