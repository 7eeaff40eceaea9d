//! Reading what is only on the disk into memory, by a thread that may wait for the disk.
//!
//! Nothing is returned: the kernel keeps what was read, and the worker then finds it without waiting. It
//! must never know what waits.

use super::{Encoding, Root, sibling};
use crate::http::Coding;
pub(crate) use crate::sys::file::Disk;
use crate::sys::file::{self, LastLink};
use std::fmt;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

/// What to read.
#[derive(Debug)]
pub(crate) enum Prefetch {
    /// The directories of a path, and the first `bytes_max` bytes of the file there.
    Path { root: Root, path: Vec<u8>, bytes_max: u64 },
    /// The same, also for each encoded sibling.
    Siblings { root: Root, path: Vec<u8>, bytes_max: u64 },
    /// A range of an open file. The `ahead_bytes` after it are requested, but not waited for.
    Piece { file: OwnedFd, range: Range<u64>, ahead_bytes: u64 },
    /// A file to be encoded.
    Encode(Encoding),
    /// What somebody makes of a file, and keeps with it.
    Derived(Derivation),
}

/// Makes something of a file.
pub(crate) struct Derivation(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Derivation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Derivation")
    }
}

impl Prefetch {
    /// Has something made of a file.
    pub(crate) fn derive(make: impl FnOnce() + Send + 'static) -> Prefetch {
        Prefetch::Derived(Derivation(Box::new(make)))
    }

    /// Reads, and waits for the disk as long as it takes. Errors are ignored: they will come again in the
    /// worker, which reports them.
    pub(crate) fn run(self) {
        let _ = match self {
            Prefetch::Path { root, path, bytes_max } => read_path(&root, &path, bytes_max),
            Prefetch::Siblings { root, path, bytes_max } => {
                let mut name = Vec::new();
                for coding in Coding::ALL {
                    sibling::write_name(&mut name, &path, coding);
                    // Most files have few siblings, or none.
                    let _ = read_path(&root, &name, bytes_max);
                }
                read_path(&root, &path, bytes_max)
            }
            Prefetch::Derived(Derivation(make)) => {
                make();
                Ok(())
            }
            Prefetch::Piece { file, range, ahead_bytes } => {
                file::bring_in(file.as_fd(), range, ahead_bytes)
            }
            Prefetch::Encode(encoding) => {
                encoding.run();
                Ok(())
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
