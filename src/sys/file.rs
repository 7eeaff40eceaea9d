//! Files as the kernel offers them: opening, identity, reading, sending.
//!
//! It must never know HTTP, a cache, or why a file is wanted.

use rustix::fs::{self, FileType};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;

pub use super::open::{
    LastLink, Symlinks, open_beneath, open_directory, open_directory_at_once, read_link, step,
};

/// Whether whoever asks may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    MayBlock,
    /// What would have to wait fails with [`Cause::Cold`], where the kernel can tell.
    MustNotBlock,
}

/// What an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File,
    Link,
    /// FIFO, socket, device.
    Other,
}

/// A time as file systems keep it: seconds since 1970, and nanoseconds on top of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Nanoseconds since 1970.
    pub fn total_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// Which version of which file this is. Two equal identities mean unchanged contents, as far as the
/// file system's clock tells versions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub kind: Kind,
    /// How many names the file has.
    pub names: u64,
    pub size_bytes: u64,
    /// When the contents were last written (mtime).
    pub modified: Timestamp,
    /// When contents, names or permissions last changed (ctime). No program can set it back.
    pub changed: Timestamp,
}

impl Identity {
    /// Whether contents of that identity are, of the same open file, still the contents of this
    /// one. Names and permissions may have changed: a file that is replaced while it is being read
    /// loses its name, not a byte.
    pub fn has_same_contents(&self, other: &Identity) -> bool {
        self.size_bytes == other.size_bytes && self.modified == other.modified
    }
}

/// Why a file could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no such file, or none that may be reached, or nothing that can be opened.
    Missing,
    /// A symbolic link stood where none is followed, or too many in a row.
    Link,
    /// The process lacks the permission.
    Denied,
    /// The disk would have to be waited for.
    Cold,
    /// Descriptors or memory have run out; later it may work.
    Exhausted,
    /// There is no room on the file system, or none left for this user.
    Full,
    /// Anything else: most likely the disk.
    Failed,
}

impl Cause {
    /// Sorts an error of one of this module's functions.
    pub fn of(error: &io::Error) -> Cause {
        match Errno::from_io_error(error) {
            // EXDEV: the path leads out. ENXIO, ENODEV: a socket, or a device without a driver.
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::NAMETOOLONG
                | Errno::XDEV
                | Errno::NXIO
                | Errno::NODEV,
            ) => Cause::Missing,
            Some(Errno::LOOP) => Cause::Link,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Cause::Denied,
            Some(Errno::AGAIN) => Cause::Cold,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Cause::Exhausted,
            Some(Errno::NOSPC | Errno::DQUOT) => Cause::Full,
            _ => Cause::Failed,
        }
    }
}

/// Which version of which file this is.
pub fn identity(file: BorrowedFd<'_>) -> io::Result<Identity> {
    Ok(identity_of(&fs::fstat(file)?))
}

#[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ by architecture")]
pub(super) fn identity_of(stat: &fs::Stat) -> Identity {
    Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
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

/// Who keeps the times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// This kernel: mtime and ctime come from one clock and have one granularity.
    Kernel,
    /// Perhaps another machine or a program, or a file system that keeps one of the two.
    Unknown,
}

/// Who keeps the times of this file, going by its file system: a list of those that are known.
pub fn clock(file: BorrowedFd<'_>) -> Clock {
    match fs::fstatfs(file).map(|stat| stat.f_type as u32) {
        Ok(kind) if KERNEL_CLOCKED.contains(&kind) => Clock::Kernel,
        _ => Clock::Unknown,
    }
}

/// Reads at `offset` until `buffer` is full or the file ends; says how many bytes there were.
pub fn read_at(
    file: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
    disk: Disk,
) -> io::Result<usize> {
    let mut disk = disk;
    let mut filled = 0;
    while filled < buffer.len() {
        let (rest, at) = (&mut buffer[filled..], offset + filled as u64);
        let result = match disk {
            Disk::MayBlock => rustix::io::pread(file, rest, at),
            Disk::MustNotBlock => {
                rustix::io::preadv2(file, &mut [io::IoSliceMut::new(rest)], at, NOWAIT)
            }
        };
        match result {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            // This kernel or file system cannot tell.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if disk == Disk::MustNotBlock => {
                disk = Disk::MayBlock;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Sends up to `count` bytes from `offset` of a file to a socket, within the kernel. Zero means that
/// the file ends there: it has shrunk.
///
/// # Errors
/// `WouldBlock` when the socket takes no more.
pub fn send_file(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    let mut offset = offset;
    Ok(fs::sendfile(socket, file, Some(&mut offset), count)?)
}

/// Whether bytes of a file can be read without waiting for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residency {
    /// The disk would have to be asked.
    Cold,
    /// They are in memory, or there are none at this place.
    Resident,
    /// This kernel or file system does not tell.
    Unknown,
}

/// Whether the byte at `offset` can be read without waiting for the disk. Nothing is read in.
pub fn residency(file: BorrowedFd<'_>, offset: u64) -> Residency {
    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(file, &mut buffers, offset, NOWAIT) {
        Ok(_) => Residency::Resident,
        Err(Errno::AGAIN) => Residency::Cold,
        Err(_) => Residency::Unknown,
    }
}

/// Raises this process's limit of open descriptors as far as it may, and says how many may be open
/// now (`None`: without limit).
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// ext2 to 4, XFS, Btrfs, tmpfs, F2FS; and overlays, whose files that can be written are on one of
/// these.
const KERNEL_CLOCKED: [u32; 6] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010, 0x794c_7630];

const NOWAIT: rustix::io::ReadWriteFlags = rustix::io::ReadWriteFlags::NOWAIT;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_sent_from_where_it_is_asked() {
        use std::io::Read;
        let here = Directory::new();
        here.write("a", "0123456789");
        let file = std::fs::File::open(here.at("a")).expect("it is there");
        let (ours, mut theirs) =
            std::os::unix::net::UnixStream::pair().expect("sockets can be made");
        assert_eq!(send_file(ours.as_fd(), file.as_fd(), 3, 4).expect("there is room"), 4);
        assert_eq!(send_file(ours.as_fd(), file.as_fd(), 10, 4).expect("there is room"), 0);
        drop(ours);
        let mut sent = String::new();
        theirs.read_to_string(&mut sent).expect("it was closed");
        assert_eq!(sent, "3456");
    }

    #[test]
    fn what_was_just_written_is_not_cold() {
        let here = Directory::new();
        here.write("a", "0123456789");
        let file = std::fs::File::open(here.at("a")).expect("it is there");
        assert_ne!(residency(file.as_fd(), 0), Residency::Cold);
        assert_ne!(residency(file.as_fd(), 1000), Residency::Cold);
    }

    #[test]
    fn times_are_believed_where_the_kernel_keeps_them() {
        let kept_by = |path: &str| {
            let open = open_directory(std::path::Path::new(path)).expect("it is there");
            clock(open.as_fd())
        };
        assert_eq!(kept_by("/proc"), Clock::Unknown);
        if std::path::Path::new("/dev/shm").is_dir() {
            assert_eq!(kept_by("/dev/shm"), Clock::Kernel);
        }
    }

    #[test]
    fn the_descriptor_limit_is_as_high_as_may_be() {
        let limit = raise_descriptor_limit();
        assert_eq!(raise_descriptor_limit(), limit);
        assert!(limit.is_none_or(|limit| limit > 0));
    }
}
