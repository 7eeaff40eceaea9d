//! A piece of a file on its way out: from memory, from its descriptor, or not yet from the disk.
//!
//! It must never know what is sent before or after it, or over what.

use crate::files::{CachedFile, Contents, Disk};
use crate::site::Body;
use crate::sys::file;
use std::ops::Range;
use std::os::fd::AsFd;

/// Whether a read of the piece would wait for the disk. The last byte stands for the whole piece, because a thread
/// reads everything before it too; only of the first piece the first byte is checked as well.
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

/// Copies a short body behind its head: this is cheaper than a write of its own, and several responses can be sent
/// together. `false`: the body is not short, or not in memory.
#[inline]
pub(crate) fn copy_if_short(body: &Body, out: &mut Vec<u8>) -> bool {
    let bytes = match body {
        Body::Empty => &b""[..],
        Body::Static(bytes) => bytes,
        Body::Bytes(bytes) => &bytes[..],
        Body::Cached(file, range) => return range.is_empty() || copy_piece(out, file, range),
        _ => return false,
    };
    let is_short = bytes.len() <= COPIED_BYTES_MAX;
    if is_short {
        out.extend_from_slice(bytes);
    }
    is_short
}

/// Appends a short piece of a file. `false`: the piece is not short, or a read would wait for the disk.
pub(super) fn copy_piece(out: &mut Vec<u8>, file: &CachedFile, range: &Range<u64>) -> bool {
    match memory(file, range) {
        Some(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
            out.extend_from_slice(bytes);
            true
        }
        Some(_) => false,
        None => read_behind(out, file, range),
    }
}

/// Reads a short piece of a large file behind its head. This takes one call; sending it from the descriptor would take
/// one to check that its pages are in memory and one to send them. It reads only what is in memory: everything else is
/// sent as a chunk, which can wait and can fail.
fn read_behind(gathered: &mut Vec<u8>, file: &CachedFile, range: &Range<u64>) -> bool {
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

/// A piece of a large file up to this size is read behind its head.
const READ_BYTES_MAX: usize = 12 * 1024;

/// Bytes in memory up to this size are copied behind their head.
const COPIED_BYTES_MAX: usize = 4 * 1024;
