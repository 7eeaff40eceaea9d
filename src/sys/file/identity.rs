//! What an open file is, and which version of it. It must never know its contents.

use crate::sys::file_system::FileSystem;
use rustix::fs::{self, FileType};
use std::io;
use std::os::fd::BorrowedFd;

/// What an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FileKind {
    Directory,
    File,
    Link,
    /// FIFO, socket, device.
    Other,
}

/// A time as file systems keep it: seconds since 1970, and nanoseconds on top of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Nanoseconds since 1970.
    pub(crate) fn total_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// Which version of which file this is. Two equal identities mean unchanged contents, as far as the
/// file system's clock tells versions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub device: u64,
    pub inode: u64,
    pub kind: FileKind,
    /// How many names the file has.
    pub names: u64,
    pub size_bytes: u64,
    /// When the contents were last written (mtime).
    pub modified: Timestamp,
    /// When contents, names or permissions last changed (ctime). No program can set it back.
    pub changed: Timestamp,
}

impl Identity {
    /// Whether two identities of the same open file mean the same contents. Names and permissions may have
    /// changed: a file that is replaced while it is being read loses its name, but no byte.
    pub(crate) fn has_same_contents(&self, other: &Identity) -> bool {
        self.size_bytes == other.size_bytes && self.modified == other.modified
    }
}

/// Which version of which file this is.
pub(crate) fn identity(file: BorrowedFd<'_>) -> io::Result<Identity> {
    Ok(identity_of(&fs::fstat(file)?))
}

#[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ by architecture")]
pub(in crate::sys) fn identity_of(stat: &fs::Stat) -> Identity {
    Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => FileKind::Directory,
            FileType::RegularFile => FileKind::File,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        },
        names: stat.st_nlink as u64,
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Timestamp {
            seconds: stat.st_mtime as i64,
            nanoseconds: stat.st_mtime_nsec as u32,
        },
        changed: Timestamp {
            seconds: stat.st_ctime as i64,
            nanoseconds: stat.st_ctime_nsec as u32,
        },
    }
}

/// Whether this kernel keeps the times of a file, as a list of file systems says: then mtime and ctime
/// come from one clock and have one granularity. Otherwise another machine or a program may keep them,
/// or the file system keeps only one of the two.
pub(crate) fn kernel_keeps_times(file: BorrowedFd<'_>) -> bool {
    FileSystem::of(file).is_ok_and(|system| KERNEL_CLOCKED.contains(&system))
}

/// An overlay counts: its files that can be written are on one of the others.
const KERNEL_CLOCKED: [FileSystem; 6] = [
    FileSystem::EXT,
    FileSystem::XFS,
    FileSystem::BTRFS,
    FileSystem::TMPFS,
    FileSystem::F2FS,
    FileSystem::OVERLAY,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::open_directory;
    use std::os::fd::AsFd;

    #[test]
    fn times_are_believed_where_the_kernel_keeps_them() {
        let are_kept = |path: &str| {
            let open = open_directory(std::path::Path::new(path)).expect("it is there");
            kernel_keeps_times(open.as_fd())
        };
        assert!(!are_kept("/proc"));
        if std::path::Path::new("/dev/shm").is_dir() {
            assert!(are_kept("/dev/shm"));
        }
    }
}
