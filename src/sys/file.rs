//! Files as the kernel offers them: opening, identity, reading, sending.
//!
//! It must never know HTTP, a cache, or why a file is wanted.

use super::file_system::FileSystem;
use rustix::fs::{self, Advice, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Why the kernel did not open what may well be there, in words; `None` where nothing is there, or
/// the error says more than these words.
pub fn refusal(error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::XDEV => "a symbolic link leads out of the root",
        Errno::LOOP => "a symbolic link is not to be followed, or leads round in a circle",
        Errno::NXIO | Errno::NODEV => "it is a socket or a device",
        Errno::NAMETOOLONG => "its name or path is too long",
        Errno::ACCESS | Errno::PERM => {
            "the server lacks the permission to read it, or to search a directory on the way"
        }
        _ => return None,
    })
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
    match FileSystem::of(file) {
        Ok(system) if KERNEL_CLOCKED.contains(&system) => Clock::Kernel,
        _ => Clock::Unknown,
    }
}

/// Reads at `offset` until `buffer` is full or the file ends; says how many bytes there were. Who
/// must not wait fails with [`Cause::Cold`] also where the kernel cannot tell whether it would have
/// to be waited.
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
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if disk == Disk::MustNotBlock => {
                match untold_residency(file) {
                    Residency::Resident => disk = Disk::MayBlock,
                    _ => return Err(Errno::AGAIN.into()),
                }
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
    /// This kernel or file system does not tell: network file systems, FUSE and overlayfs do not.
    Unknown,
}

/// Whether the byte at `offset` can be read without waiting for the disk. The kernel may begin to
/// read it, as it does for every reader, but nobody waits for it.
pub fn residency(file: BorrowedFd<'_>, offset: u64) -> Residency {
    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(file, &mut buffers, offset, NOWAIT) {
        Ok(_) => Residency::Resident,
        Err(Errno::AGAIN) => Residency::Cold,
        Err(_) => untold_residency(file),
    }
}

/// How large a page of memory is.
pub fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// The same where the kernel does not say it of a byte: a file system without a disk, once
/// [`bring_in`] has come across it. To ask for its kind may take as long as to read.
fn untold_residency(file: BorrowedFd<'_>) -> Residency {
    match fs::fstat(file) {
        Ok(stat) if stat.st_dev == WITHOUT_DISK.load(Ordering::Relaxed) => Residency::Resident,
        _ => Residency::Unknown,
    }
}

/// The device number of a file system that has no disk, the last one that was met.
static WITHOUT_DISK: AtomicU64 = AtomicU64::new(u64::MAX);

/// Has the kernel read no more of this open file than it is asked for. What it reads ahead by itself
/// it reads at the cost of whoever happens to ask: to make room for some megabytes, and to fill them
/// where the file has holes, takes milliseconds. [`bring_in`] reads ahead all the same.
pub fn read_nothing_ahead(file: BorrowedFd<'_>) {
    // Advice may be ignored, and so may its failure.
    let _ = fs::fadvise(file, 0, None, Advice::Random);
}

/// Waits until the kernel has this piece of a file in memory, or the file ends. Nothing is copied.
/// So many bytes after it are then asked for but not waited for, so that the disk has something to
/// do while this piece is used.
///
/// # Errors
/// What reading fails with.
pub fn bring_in(file: BorrowedFd<'_>, range: Range<u64>, ahead_bytes: u64) -> io::Result<()> {
    if let Ok(FileSystem::TMPFS | FileSystem::RAMFS) = FileSystem::of(file) {
        WITHOUT_DISK.store(fs::fstat(file)?.st_dev, Ordering::Relaxed);
        return Ok(());
    }
    ask_for(file, range.start, range.end - range.start);
    let nowhere = fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(usize::MAX);
        match fs::sendfile(&nowhere, file, Some(&mut at), count) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            // A file system that cannot lend its pages.
            Err(Errno::INVAL) => {
                read_through(file, at..range.end)?;
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    ask_for(file, range.end, ahead_bytes);
    Ok(())
}

fn ask_for(file: BorrowedFd<'_>, offset: u64, bytes: u64) {
    if let Some(bytes) = NonZeroU64::new(bytes) {
        // Advice may be ignored, and so may its failure.
        let _ = fs::fadvise(file, offset, Some(bytes), Advice::WillNeed);
    }
}

fn read_through(file: BorrowedFd<'_>, range: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(READ_BYTES).min(READ_BYTES);
        match read_at(file, &mut buffer[..count], at, Disk::MayBlock)? {
            0 => break,
            read => at += read as u64,
        }
    }
    Ok(())
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

const READ_BYTES: usize = 128 * 1024;

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
    fn what_was_brought_in_is_resident_unless_the_kernel_does_not_tell() {
        let here = Directory::new();
        here.write("a", vec![b'1'; 3_000_000]);
        let file = here.make_cold("a");
        let was = residency(file.as_fd(), 2_999_999);
        bring_in(file.as_fd(), 0..10_000_000, 0).expect("it ends where the file does");
        for offset in [0, 1_500_000, 2_999_999] {
            let is = residency(file.as_fd(), offset);
            assert!(is == Residency::Resident || is == was && was == Residency::Unknown, "{is:?}");
        }
    }

    #[test]
    fn a_file_system_without_a_disk_is_known_once_it_was_met() {
        let path = format!("/dev/shm/httpd-{}", std::process::id());
        if std::fs::write(&path, "0123456789").is_err() {
            eprintln!("skipped: there is no tmpfs at /dev/shm");
            return;
        }
        let file = std::fs::File::open(&path).expect("it is there");
        std::fs::remove_file(&path).expect("it is there");
        if FileSystem::of(file.as_fd()).expect("it is open") != FileSystem::TMPFS {
            eprintln!("skipped: /dev/shm is not a tmpfs");
            return;
        }
        bring_in(file.as_fd(), 0..10, 0).expect("it is there");
        assert_eq!(residency(file.as_fd(), 5), Residency::Resident);
        let mut bytes = [0; 4];
        let count = read_at(file.as_fd(), &mut bytes, 3, Disk::MustNotBlock);
        assert_eq!(count.expect("it need not wait"), 4);
        assert_eq!(&bytes, b"3456");
    }
}
