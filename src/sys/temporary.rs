//! What a test needs of the system: a directory that is gone when the test is over, and a user whom permissions
//! bind.

use super::file::{kernel_keeps_times, open_directory};
use super::watch::{Watchable, watchable};
use super::write::create_nameless;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

/// A new directory, with a path of its own.
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = base();
        loop {
            let name = format!(
                "httpd-test-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let path = base.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Directory { path },
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, in place if it is there, making its directories.
    pub(crate) fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> &Directory {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a file is in a directory"))
            .expect("directories can be made");
        fs::write(path, contents).expect("files can be written");
        self
    }

    /// Replaces a file by another one, in one step.
    pub(crate) fn replace(&self, name: &str, contents: impl AsRef<[u8]>) -> &Directory {
        let next = format!("{name}.next");
        self.write(&next, contents).rename(&next, name)
    }

    pub(crate) fn make(&self, name: &str) -> &Directory {
        fs::create_dir_all(self.at(name)).expect("directories can be made");
        self
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> &Directory {
        fs::rename(self.at(from), self.at(to)).expect("it can be renamed");
        self
    }

    /// Sets when a file was modified.
    pub(crate) fn modify(&self, name: &str, time: SystemTime) -> &Directory {
        fs::File::open(self.at(name)).and_then(|file| file.set_modified(time)).expect("it is ours");
        self
    }

    /// Lets the kernel forget the contents of a file, as far as it will; the file, open.
    pub(crate) fn make_cold(&self, name: &str) -> fs::File {
        let file = fs::File::open(self.at(name)).expect("it is there");
        file.sync_all().expect("there is room");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("it is advice");
        file
    }

    /// Makes a symbolic link, in one step in place of one that is there.
    pub(crate) fn link(&self, name: &str, target: impl AsRef<Path>) -> &Directory {
        let next = self.at(format!("{name}.next"));
        symlink(target, &next).expect("links can be made");
        fs::rename(next, self.at(name)).expect("it can be renamed");
        self
    }

    pub(crate) fn remove(&self, name: &str) -> &Directory {
        let path = self.at(name);
        let kind = path.symlink_metadata().expect("it is there").file_type();
        let removed = if kind.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.expect("it can be removed");
        self
    }

    /// Makes a FIFO and a socket.
    pub(crate) fn make_others(&self, fifo: &str, socket: &str) -> &Directory {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, self.at(fifo), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("FIFOs can be made");
        drop(std::os::unix::net::UnixListener::bind(self.at(socket)).expect("sockets can be made"));
        let kind = fs::metadata(self.at(fifo)).expect("it is there").file_type();
        assert!(kind.is_fifo());
        self
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Where the directories of tests are made: on a file system that reports all changes, keeps times by the kernel's
/// clock and has files without a name, so that no test has to do without one of these.
fn base() -> PathBuf {
    let serves = |path: &PathBuf| {
        let Ok(open) = open_directory(path) else { return false };
        watchable(open.as_fd()) == Watchable::Contents
            && kernel_keeps_times(open.as_fd())
            && matches!(create_nameless(open.as_fd(), 0o600), Ok(Some(_)))
    };
    // In a container, the directory for temporary files is on an overlay, and the other one in memory.
    let candidates = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    candidates
        .into_iter()
        .filter_map(|path| path.canonicalize().ok())
        .find(serves)
        .expect("TMPDIR is on ext4, XFS, Btrfs, F2FS or a tmpfs: set it to such a directory")
}

/// Runs a test as a user whom permissions bind, even if that is root: capabilities belong to a thread.
pub(crate) fn bound_by_permissions(test: impl FnOnce() + Send) {
    let unprivileged = || {
        let mut sets = capabilities(None).expect("a thread may ask for its own");
        let unbound = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
        sets.effective.remove(unbound);
        set_capabilities(None, sets).expect("a thread may give them up");
        test();
    };
    std::thread::scope(|scope| {
        if let Err(panic) = scope.spawn(unprivileged).join() {
            std::panic::resume_unwind(panic);
        }
    });
}
