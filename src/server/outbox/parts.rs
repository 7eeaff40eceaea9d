//! Several ranges of one file, one after the other.

use crate::files::CachedFile;
use crate::site::multipart::Multipart;
use std::ops::Range;
use std::rc::Rc;

/// The parts that are left to be sent.
pub(super) struct Parts {
    multipart: Box<Multipart>,
    next: usize,
}

impl Parts {
    /// All of them.
    pub(super) fn new(multipart: Box<Multipart>) -> Parts {
        Parts { multipart, next: 0 }
    }

    /// Places what goes before the next part, and says which part that is; or the closing delimiter,
    /// after which nothing comes.
    pub(super) fn place(&mut self, gathered: &mut Vec<u8>) -> Option<(Rc<CachedFile>, Range<u64>)> {
        match self.multipart.parts.get(self.next) {
            Some(part) => {
                self.next += 1;
                gathered.extend_from_slice(&part.preamble);
                Some((Rc::clone(&self.multipart.file), part.range.clone()))
            }
            None => {
                gathered.extend_from_slice(&self.multipart.closing);
                None
            }
        }
    }

    /// The length of what is left, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.multipart.length_from(self.next)
    }
}
