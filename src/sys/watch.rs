//! Notifications about changes in directories (inotify).
//!
//! It must never know what the changes mean to anyone, or who waits for the descriptor.

use super::file::Watchable;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A watched directory. The same directory, reached by whichever path, has the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(i32);

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Something of this name came, went, moved, was written to, or got other permissions.
    Name(WatchId, &'a [u8]),
    /// The directory itself was moved, deleted or given other permissions.
    Directory(WatchId),
    /// The directory is not watched any more: it is gone, or its file system, or the watch was
    /// removed.
    Gone(WatchId),
    /// The kernel's queue ran over: anything may have happened.
    Overflow,
}

/// A queue of the changes in the directories that it watches. Its descriptor is readable while there
/// are any.
#[derive(Debug)]
pub struct Watcher {
    inotify: OwnedFd,
}

impl Watcher {
    /// # Errors
    /// `EMFILE` when this user has too many of them already (`fs.inotify.max_user_instances`).
    pub fn new() -> io::Result<Watcher> {
        Ok(Watcher {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
        })
    }

    /// Watches a directory, for changes of names or of contents too. What it is watched for already
    /// stays.
    ///
    /// # Errors
    /// `EACCES`: the directory is not readable. `ENOSPC`: this user watches too much already
    /// (`fs.inotify.max_user_watches`). `ENOENT`: there is no `/proc`. `EOPNOTSUPP` for
    /// [`Watchable::Not`].
    pub fn add(&self, directory: BorrowedFd<'_>, what: Watchable) -> io::Result<WatchId> {
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

    /// Stops watching. [`Change::Gone`] will say so, after what happened before.
    pub fn remove(&self, watch: WatchId) {
        // EINVAL: it went by itself.
        let _ = inotify::remove_watch(&self.inotify, watch.0);
    }

    /// Hands over what has happened since the last time, in order; costs one system call if that is
    /// nothing.
    pub fn read(&self, mut each: impl FnMut(Change<'_>)) -> io::Result<()> {
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
                _ if flags.contains(ReadFlags::QUEUE_OVERFLOW) => Change::Overflow,
                _ if flags.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT) => {
                    Change::Gone(watch)
                }
                Some(name) => Change::Name(watch, name.to_bytes()),
                None => Change::Directory(watch),
            });
        }
        // Somebody writes faster than we read. What is left in the queue is as good as lost.
        each(Change::Overflow);
        Ok(())
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
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
const CHANGES_MAX: usize = 32 * 1024;
