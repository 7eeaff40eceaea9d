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
pub enum Prefetch {
    /// What leads to a file, and its first `bytes_max` bytes.
    Path { root: Root, path: Vec<u8>, bytes_max: u64 },
    /// A piece of an open file. So much of what follows it is asked for and not waited for.
    Piece { file: OwnedFd, range: Range<u64>, ahead_bytes: u64 },
}

impl Prefetch {
    /// Reads, waiting for the disk as long as it takes. What fails here will fail again where it is
    /// answered, so nothing is said of it.
    pub fn run(self) {
        let _ = match self {
            Prefetch::Path { root, path, bytes_max } => read_path(&root, &path, bytes_max),
            Prefetch::Piece { file, range, ahead_bytes } => {
                file::bring_in(file.as_fd(), range, ahead_bytes)
            }
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
    match file::identity(open.as_fd())?.kind {
        file::FileKind::File => file::bring_in(open.as_fd(), 0..bytes_max, 0),
        _ => Ok(()),
    }
}
