//! Data → DATA frames (RFC 9113 §6.1): copied, lent, or read from a file.

use super::free_list::FreeStreams;
use super::link::Link;
use crate::files::{CachedFile, Contents};
use crate::http::h2::frame::HEAD_BYTES;
use crate::http::h2::write;
use crate::server::exchange::{LentBytes, Owner};
use crate::sys::file;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::fd::AsFd;
use std::rc::Rc;

/// How data of a stream is framed.
#[derive(Clone, Copy)]
pub(super) struct Framing {
    pub stream: u32,
    pub payload_bytes_max: usize,
}

impl Framing {
    /// The lengths of the frames for so many bytes, each with where its data begins and whether it is the last.
    fn frames(self, count: usize) -> impl Iterator<Item = (Range<usize>, bool)> {
        (0..count).step_by(self.payload_bytes_max).map(move |start| {
            let end = count.min(start + self.payload_bytes_max);
            (start..end, end == count)
        })
    }

    fn head(self, data: &Range<usize>, ends: bool) -> [u8; HEAD_BYTES] {
        write::data_head(data.len(), ends, self.stream)
    }

    /// Copies bytes. `ends`: they are the last of the stream.
    pub(super) fn copy(self, bytes: &[u8], ends: bool, link: &mut Link) {
        for (data, is_last) in self.frames(bytes.len()) {
            link.outbox.extend_from_slice(&self.head(&data, ends && is_last));
            link.outbox.extend_from_slice(&bytes[data]);
        }
    }

    /// Has so many bytes sent from where they are.
    pub(super) fn lend(self, owner: Owner<'_>, count: usize, ends: bool, link: &mut Link) {
        for (data, is_last) in self.frames(count) {
            link.outbox.extend_from_slice(&self.head(&data, ends && is_last));
            link.lent.add(link.outbox.len(), owner.lend(data));
        }
    }

    /// Reads a piece of a file into a buffer, and has it sent from there. Returns how much of it, and whether that ends the
    /// stream; `None` if the first byte is not in memory. Only if it `may_wait`, reading waits for the disk.
    ///
    /// # Errors
    /// If the file has ended, or cannot be read.
    pub(super) fn read(
        self,
        file: &CachedFile,
        piece: Range<u64>,
        may_wait: bool,
        ends: bool,
        link: &mut Link,
        free: &mut FreeStreams,
    ) -> io::Result<Option<(usize, bool)>> {
        let Contents::Descriptor(descriptor) = file.contents() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let mut buffer = free.take_read_buffer();
        let Some(room) = Rc::get_mut(&mut buffer) else {
            return Err(io::ErrorKind::OutOfMemory.into());
        };
        let wanted = usize::try_from(piece.end - piece.start).unwrap_or(usize::MAX);
        let count = wanted.min(room.len());
        let mut rooms = [IoSliceMut::new(&mut room[..count])];
        let read = file::read_many(descriptor.as_fd(), &mut rooms, piece.start, may_wait);
        let read = match found(read) {
            Ok(Some(read)) => read,
            other => {
                free.give_read_buffer(buffer);
                return other.map(|_| None);
            }
        };
        let ends = ends && read == wanted;
        for (data, is_last) in self.frames(read) {
            link.outbox.extend_from_slice(&self.head(&data, ends && is_last));
            link.lent.add(link.outbox.len(), LentBytes::of_buffer(&buffer, data));
        }
        free.give_read_buffer(buffer);
        Ok(Some((read, ends)))
    }

    /// The same, behind what is gathered.
    ///
    /// # Errors
    /// As [`Framing::read`].
    pub(super) fn read_behind(
        self,
        file: &CachedFile,
        piece: Range<u64>,
        may_wait: bool,
        ends: bool,
        link: &mut Link,
    ) -> io::Result<Option<(usize, bool)>> {
        let Contents::Descriptor(descriptor) = file.contents() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let wanted = usize::try_from(piece.end - piece.start).unwrap_or(usize::MAX);
        let count = wanted.min(READS_MAX * self.payload_bytes_max);
        let frames = count.div_ceil(self.payload_bytes_max);
        let start = link.outbox.len();
        link.outbox.resize(start + count + frames * HEAD_BYTES, 0);
        let whole = HEAD_BYTES + self.payload_bytes_max;
        let mut rooms = std::array::from_fn::<_, READS_MAX, _>(|_| IoSliceMut::new(&mut []));
        for (room, frame) in rooms.iter_mut().zip(link.outbox[start..].chunks_mut(whole)) {
            *room = IoSliceMut::new(&mut frame[HEAD_BYTES..]);
        }
        let read = file::read_many(descriptor.as_fd(), &mut rooms[..frames], piece.start, may_wait);
        let read = match found(read) {
            Ok(Some(read)) => read,
            other => {
                link.outbox.truncate(start);
                return other.map(|_| None);
            }
        };
        let ends = ends && read == wanted;
        for (data, is_last) in self.frames(read) {
            let place = start + data.start / self.payload_bytes_max * whole;
            let head = self.head(&data, ends && is_last);
            link.outbox[place..place + HEAD_BYTES].copy_from_slice(&head);
        }
        link.outbox.truncate(start + read + read.div_ceil(self.payload_bytes_max) * HEAD_BYTES);
        Ok(Some((read, ends)))
    }
}

/// What was read, if it is anything.
fn found(read: io::Result<Option<usize>>) -> io::Result<Option<usize>> {
    match read {
        Ok(Some(0)) => {
            let shrunk = "the file has shrunk while it was sent";
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, shrunk))
        }
        other => other,
    }
}

/// How many frames are read at once.
const READS_MAX: usize = 16;
