//! Reading and sending the bytes of an open file, with or without waiting for the disk.
//!
//! It must never know whose bytes they are.

use super::call::{Call, refused};
use crate::sys::file_system::FileSystem;
use rustix::fs::{self, Advice, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a call may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    MayBlock,
    /// A call that would have to wait fails with [`Cause::Cold`](super::Cause::Cold), where the kernel can tell.
    MustNotBlock,
}

/// Reads at `offset` until `buffer` is full or the file ends; returns the number of bytes. With
/// [`Disk::MustNotBlock`] it fails with [`Cause::Cold`](super::Cause::Cold) also where the kernel cannot tell
/// whether it would have to wait.
pub(crate) fn read_at(
    file: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
    disk: Disk,
) -> io::Result<usize> {
    refused(Call::Read)?;
    let mut disk = disk;
    if disk == Disk::MustNotBlock {
        match said() {
            Some(Residency::Resident) => disk = Disk::MayBlock,
            Some(_) => return Err(Errno::AGAIN.into()),
            None => {}
        }
    }
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
                match residency_by_file_system(file) {
                    Residency::Resident => disk = Disk::MayBlock,
                    _ => return Err(Errno::AGAIN.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Reads at `offset` as much as one call gives. `None`: it would have to wait for the disk, which only
/// `may_wait` allows. Where the kernel cannot tell, it may wait, as [`send_file`] may.
pub(crate) fn read_resident(
    file: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
    may_wait: bool,
) -> io::Result<Option<usize>> {
    refused(Call::Read)?;
    let mut may_wait = may_wait;
    if !may_wait {
        match said() {
            Some(Residency::Resident) => may_wait = true,
            Some(_) => return Ok(None),
            None => {}
        }
    }
    loop {
        let result = match may_wait {
            true => rustix::io::pread(file, &mut *buffer, offset),
            false => rustix::io::preadv2(file, &mut [io::IoSliceMut::new(buffer)], offset, NOWAIT),
        };
        match result {
            Ok(count) => return Ok(Some(count)),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if !may_wait => may_wait = true,
            Err(Errno::AGAIN) if !may_wait => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads at `offset` into several buffers, as much as one call gives. `None`: it would have to wait for the disk, or may
/// have to, which only `may_wait` allows.
///
/// # Errors
/// Those of reading.
pub(crate) fn read_many(
    file: BorrowedFd<'_>,
    buffers: &mut [io::IoSliceMut<'_>],
    offset: u64,
    may_wait: bool,
) -> io::Result<Option<usize>> {
    refused(Call::Read)?;
    let mut may_wait = may_wait;
    if !may_wait {
        match said() {
            Some(Residency::Resident) => may_wait = true,
            Some(_) => return Ok(None),
            None => {}
        }
    }
    loop {
        let result = match may_wait {
            true => rustix::io::preadv(file, buffers, offset),
            false => rustix::io::preadv2(file, buffers, offset, NOWAIT),
        };
        match result {
            Ok(count) => return Ok(Some(count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if !may_wait => return Ok(None),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if !may_wait => {
                match residency_by_file_system(file) {
                    Residency::Resident => may_wait = true,
                    _ => return Ok(None),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends up to `count` bytes of a file, from `offset` on, to a socket, within the kernel. Zero means that the
/// file ends there: it has shrunk.
///
/// # Errors
/// `WouldBlock` if the socket takes no more.
pub(crate) fn send_file(
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
pub(crate) enum Residency {
    /// They would have to be read from the disk.
    Cold,
    /// They are in memory, or there are none at this place.
    Resident,
    /// This kernel or file system does not tell: network file systems, FUSE and overlayfs do not.
    Unknown,
}

/// Whether the byte at `offset` can be read without waiting for the disk. The kernel may begin to read it,
/// but this call does not wait for it.
pub(crate) fn residency(file: BorrowedFd<'_>, offset: u64) -> Residency {
    if let Some(residency) = said() {
        return residency;
    }
    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(file, &mut buffers, offset, NOWAIT) {
        Ok(_) => Residency::Resident,
        Err(Errno::AGAIN) => Residency::Cold,
        Err(_) => residency_by_file_system(file),
    }
}

#[cfg(test)]
pub(super) use super::simulated::said;

/// The kernel says it.
#[cfg(not(test))]
pub(super) const fn said() -> Option<Residency> {
    None
}

/// How large a page of memory is.
pub(crate) fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// The same where the kernel does not say: bytes on a file system without a disk are resident, once [`bring_in`]
/// has met that file system. Asking for its kind here could take as long as reading.
fn residency_by_file_system(file: BorrowedFd<'_>) -> Residency {
    match fs::fstat(file) {
        Ok(stat) if stat.st_dev == WITHOUT_DISK.load(Ordering::Relaxed) => Residency::Resident,
        _ => Residency::Unknown,
    }
}

/// The device number of the last file system without a disk that was met.
static WITHOUT_DISK: AtomicU64 = AtomicU64::new(u64::MAX);

/// Turns the kernel's readahead off for this open file. It runs in the time of the reader: allocating some
/// megabytes, and filling them if the file has holes, takes milliseconds. [`bring_in`] still reads ahead.
pub(crate) fn read_nothing_ahead(file: BorrowedFd<'_>) {
    // Advice may be ignored, and so may its failure.
    let _ = fs::fadvise(file, 0, None, Advice::Random);
}

/// Waits until the kernel has this range of a file in memory, or the file ends. Nothing is copied. The
/// `ahead_bytes` after it are then requested but not waited for, so that the disk works while this range is
/// used.
///
/// # Errors
/// Those of reading.
pub(crate) fn bring_in(
    file: BorrowedFd<'_>,
    range: Range<u64>,
    ahead_bytes: u64,
) -> io::Result<()> {
    refused(Call::Read)?;
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
    fn what_was_brought_in_is_resident_unless_the_kernel_does_not_say() {
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
        let memory = fs::memfd_create("without a disk", fs::MemfdFlags::CLOEXEC);
        let file = std::fs::File::from(memory.expect("the kernel has one"));
        std::io::Write::write_all(&mut &file, b"0123456789").expect("there is room");
        assert_eq!(FileSystem::of(file.as_fd()).expect("it is open"), FileSystem::TMPFS);
        bring_in(file.as_fd(), 0..10, 0).expect("it is there");
        assert_eq!(residency(file.as_fd(), 5), Residency::Resident);
        let mut bytes = [0; 4];
        let count = read_at(file.as_fd(), &mut bytes, 3, Disk::MustNotBlock);
        assert_eq!(count.expect("it need not wait"), 4);
        assert_eq!(&bytes, b"3456");
    }
}
