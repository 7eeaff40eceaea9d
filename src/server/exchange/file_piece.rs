//! A piece of a file on its way out: from memory, from its descriptor, or not yet from the disk.
//!
//! It must never know what is sent before or after it, or over what.

use crate::files::{CachedFile, Contents, Disk};
use crate::sys::file;
use std::ops::Range;
use std::os::fd::AsFd;

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

/// Copies a short piece of a file behind what goes before it. `false`: it is not short, or the disk would have to be
/// waited for.
pub(super) fn copy_if_short(out: &mut Vec<u8>, file: &CachedFile, range: &Range<u64>) -> bool {
    match memory(file, range) {
        Some(bytes) if bytes.len() <= COPIED_BYTES_MAX => {
            out.extend_from_slice(bytes);
            true
        }
        Some(_) => false,
        None => read_behind(out, file, range),
    }
}

/// Reads a small piece of a large file behind its head: one call, where sending it from the
/// descriptor would take one to ask for its pages and one to send them. Only what the kernel has in
/// memory; anything else is left to the tail, which can wait and can fail.
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

/// A piece of a larger file up to this size is read behind its head.
const READ_BYTES_MAX: usize = 12 * 1024;

/// Bytes in memory up to this size are copied behind their head.
pub(super) const COPIED_BYTES_MAX: usize = 4 * 1024;
