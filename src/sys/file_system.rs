//! Which kind of file system something is on. It must never know what follows from that.

use rustix::fs::fstatfs;
use std::io;
use std::os::fd::BorrowedFd;

/// A kind of file system, by the number that the kernel gives it (`f_type` of statfs(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSystem(u32);

impl FileSystem {
    /// ext2, ext3 and ext4 have one number.
    pub(super) const EXT: FileSystem = FileSystem(0xef53);
    pub(super) const XFS: FileSystem = FileSystem(0x5846_5342);
    pub(super) const BTRFS: FileSystem = FileSystem(0x9123_683e);
    pub(super) const TMPFS: FileSystem = FileSystem(0x0102_1994);
    pub(super) const RAMFS: FileSystem = FileSystem(0x8584_58f6);
    pub(super) const F2FS: FileSystem = FileSystem(0xf2f5_2010);
    pub(super) const ZFS: FileSystem = FileSystem(0x2fc1_2fc1);
    pub(super) const BCACHEFS: FileSystem = FileSystem(0xca45_1a4e);
    pub(super) const JFS: FileSystem = FileSystem(0x3153_464a);
    pub(super) const REISERFS: FileSystem = FileSystem(0x5265_4973);
    pub(super) const SQUASHFS: FileSystem = FileSystem(0x7371_7368);
    pub(super) const EROFS: FileSystem = FileSystem(0xe0f5_e1e2);
    pub(super) const OVERLAY: FileSystem = FileSystem(0x794c_7630);

    /// The kind that an open file or directory is on.
    pub(super) fn of(open: BorrowedFd<'_>) -> io::Result<FileSystem> {
        // The width of the field differs by architecture; all numbers have 32 bits.
        Ok(FileSystem(fstatfs(open)?.f_type as u32))
    }
}
