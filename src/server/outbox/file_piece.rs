//! A piece of a file on its way out: from memory, from its descriptor, or not yet from the disk.
//!
//! It must never know what is sent before or after it.

use crate::files::{CachedFile, Contents, Disk};
use crate::server::transport::{Transport, Write};
use crate::sys::file;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

/// Whether a file was left in the middle, so that it may have changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Interrupted {
    #[default]
    No,
    Yes,
}

/// Whether the disk would have to be waited for. The last byte of a piece stands for all of it, for
/// the pool brings in what lies before it too; before the first piece nothing is known of the
/// beginning.
pub(super) fn is_cold(file: &CachedFile, piece: Range<u64>, warm_until: u64) -> bool {
    let Contents::Descriptor(descriptor) = file.contents() else {
        return false;
    };
    let cold = |offset| file::residency(descriptor.as_fd(), offset) != file::Residency::Resident;
    cold(piece.end - 1) || warm_until == 0 && cold(piece.start)
}

/// The range of a file whose contents are in memory.
pub(super) fn memory<'a>(file: &'a CachedFile, range: &Range<u64>) -> Option<&'a [u8]> {
    match file.contents() {
        Contents::Memory(bytes) => {
            Some(bytes.get(range.start as usize..range.end as usize).unwrap_or_default())
        }
        Contents::Descriptor(_) => None,
    }
}

/// Reads a small piece of a large file behind its head: one call, where sending it from the
/// descriptor would take one to ask for its pages and one to send them. Only what the kernel has in
/// memory; anything else is left to the tail, which can wait and can fail.
pub(super) fn read_behind(gathered: &mut Vec<u8>, file: &CachedFile, range: &Range<u64>) -> bool {
    let Contents::Descriptor(descriptor) = file.contents() else {
        return false;
    };
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    if length > READ_BYTES_MAX {
        return false;
    }
    let start = gathered.len();
    gathered.resize(start + length, 0);
    let room = &mut gathered[start..];
    let read = file::read_at(descriptor.as_fd(), room, range.start, Disk::MustNotBlock);
    let complete = read.is_ok_and(|count| count == length);
    if !complete {
        gathered.truncate(start);
    }
    complete
}

/// Sends up to `end` and moves the range on.
///
/// A file that was left in the middle is looked at again first: were it rewritten in place, the
/// rest would belong to another version than the beginning and the validators in the head. One that
/// has only grown is sent up to the length that was promised.
pub(super) fn send_piece(
    file: &CachedFile,
    range: &mut Range<u64>,
    end: u64,
    interrupted: Interrupted,
    transport: &mut impl Transport,
) -> io::Result<Write> {
    let Contents::Descriptor(descriptor) = file.contents() else {
        return Ok(Write::Took(0));
    };
    if interrupted == Interrupted::Yes && !file.still_holds()? {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file has changed while it was sent",
        ));
    }
    let count = usize::try_from(end - range.start).unwrap_or(usize::MAX);
    let sent = transport.send_file(descriptor.as_fd(), range.start, count)?;
    match sent {
        Write::Took(0) => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file has shrunk while it was sent",
        )),
        Write::Took(count) => {
            range.start = (range.start + count as u64).min(range.end);
            Ok(Write::Took(count))
        }
        Write::Blocked => Ok(Write::Blocked),
    }
}

/// A piece of a larger file up to this size is read behind its head.
const READ_BYTES_MAX: usize = 12 * 1024;
