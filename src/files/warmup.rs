//! Bytes that are on the disk alone, to be brought into memory by a thread that may wait for it.
//!
//! Nothing is handed back: the kernel keeps what was read, and the worker then finds it without
//! waiting. It must never know who waits.

use super::Root;
pub use crate::sys::file::Disk;
use crate::sys::file::{self, LastLink};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

/// What to bring in.
#[derive(Debug)]
pub enum Warmup {
    /// What leads to a file, and its first `bytes_max` bytes.
    Path { root: Root, path: Vec<u8>, bytes_max: u64 },
    /// A piece of an open file.
    Piece { file: OwnedFd, range: Range<u64> },
}

impl Warmup {
    /// Reads, waiting for the disk as long as it takes. What fails here will fail again where it is
    /// answered, so nothing is said of it.
    pub fn run(self) {
        let _ = match self {
            Warmup::Path { root, path, bytes_max } => read_path(&root, &path, bytes_max),
            Warmup::Piece { file, range } => read_through(&file, range),
        };
    }
}

fn read_path(root: &Root, path: &[u8], bytes_max: u64) -> io::Result<()> {
    let directory = file::open_directory(root.path())?;
    let open = file::open_beneath(
        directory.as_fd(),
        path,
        root.link_policy(),
        LastLink::Follow,
        Disk::MayBlock,
    )?;
    let identity = file::identity(open.as_fd())?;
    match identity.kind {
        file::Kind::File => read_through(&open, 0..bytes_max.min(identity.size_bytes)),
        _ => Ok(()),
    }
}

fn read_through(file: &OwnedFd, range: Range<u64>) -> io::Result<()> {
    let length = usize::try_from(range.end - range.start).unwrap_or(READ_BYTES);
    let mut buffer = vec![0; length.min(READ_BYTES)];
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(READ_BYTES).min(READ_BYTES);
        match file::read_at(file.as_fd(), &mut buffer[..count], at, Disk::MayBlock)? {
            0 => break,
            read => at += read as u64,
        }
    }
    Ok(())
}

const READ_BYTES: usize = 128 * 1024;
