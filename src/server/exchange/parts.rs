//! Several ranges of one file, one after the other.

use super::file_piece::copy_piece;
use crate::files::CachedFile;
use crate::site::multipart::Multipart;
use std::ops::Range;
use std::sync::Arc;

/// The parts that have not been sent.
pub(super) struct Parts {
    multipart: Box<Multipart>,
    next: usize,
    left_bytes: u64,
    /// A part whose preamble was returned, but not the part itself.
    held: Option<Part>,
}

/// What is sent next.
pub(super) enum Placed {
    /// Preambles, small parts, the closing delimiter.
    Texts(Vec<u8>),
    Part(Part),
}

/// A range of a file.
type Part = (Arc<CachedFile>, Range<u64>);

impl Parts {
    /// All of them.
    pub(super) fn new(multipart: Box<Multipart>) -> Parts {
        let left_bytes = multipart.length();
        Parts { multipart, next: 0, left_bytes, held: None }
    }

    /// The next piece: either texts and small parts together, so that many of them cost few writes, or one part that is
    /// sent from its descriptor. The closing delimiter is the last text.
    pub(super) fn place(&mut self, may_read: bool) -> Placed {
        if let Some((file, range)) = self.held.take() {
            self.left_bytes = self.left_bytes.saturating_sub(range.end - range.start);
            return Placed::Part((file, range));
        }
        let mut texts = Vec::new();
        // The last text comes after the last part.
        while texts.len() < PLACED_BYTES_MAX
            && self.held.is_none()
            && self.next <= self.multipart.count()
        {
            let start = texts.len();
            let part = self.multipart.write_before(self.next, &mut texts);
            self.next += 1;
            self.held = part
                .map(|(file, range)| (Arc::clone(file), range))
                .filter(|(file, range)| !(may_read && copy_piece(&mut texts, file, range)));
            self.left_bytes = self.left_bytes.saturating_sub((texts.len() - start) as u64);
        }
        Placed::Texts(texts)
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.next > self.multipart.count() && self.held.is_none()
    }

    /// The length of what is left, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.left_bytes
    }
}

/// Texts and small parts beyond this are sent before more are placed.
const PLACED_BYTES_MAX: usize = 64 * 1024;
