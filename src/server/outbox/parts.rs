//! Several ranges of one file, one after the other.

use crate::files::CachedFile;
use crate::site::multipart::Multipart;
use std::ops::Range;
use std::rc::Rc;

/// The parts that are left to be sent.
pub(super) struct Parts {
    multipart: Box<Multipart>,
    next: usize,
    left_bytes: u64,
}

impl Parts {
    /// All of them.
    pub(super) fn new(multipart: Box<Multipart>) -> Parts {
        let left_bytes = multipart.length();
        Parts { multipart, next: 0, left_bytes }
    }

    /// Places what goes before the next part, and says which part that is; or the closing delimiter,
    /// after which nothing comes.
    pub(super) fn place(&mut self, gathered: &mut Vec<u8>) -> Option<(Rc<CachedFile>, Range<u64>)> {
        let start = gathered.len();
        let part = self.multipart.write_before(self.next, gathered);
        let part_bytes = part.as_ref().map_or(0, |(_, range)| range.end - range.start);
        let placed_bytes = (gathered.len() - start) as u64 + part_bytes;
        let part = part.map(|(file, range)| (Rc::clone(file), range));
        self.next += 1;
        self.left_bytes = self.left_bytes.saturating_sub(placed_bytes);
        part
    }

    /// The length of what is left, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.left_bytes
    }
}
