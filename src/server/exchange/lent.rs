//! Bytes of a body that are sent from where they are: those of a file in memory, or of a message to many clients.
//!
//! It must never know what is sent before or after them.

use crate::files::{CachedFile, Contents};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Whose the bytes at hand are, and where in them they begin.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    Static(&'static [u8]),
    Shared(&'a Arc<[u8]>, usize),
    File(&'a Arc<CachedFile>, usize),
}

/// Bytes that stay where they are until this is dropped.
pub(crate) struct LentBytes {
    owner: Lender,
    range: Range<usize>,
}

enum Lender {
    Static(&'static [u8]),
    Shared(Arc<[u8]>),
    File(Arc<CachedFile>),
    Buffer(Rc<[u8]>),
    Copy(Vec<u8>),
}

impl Owner<'_> {
    /// These of the bytes at hand.
    pub(crate) fn lend(self, range: Range<usize>) -> LentBytes {
        let (owner, start) = match self {
            Owner::Static(bytes) => (Lender::Static(bytes), 0),
            Owner::Shared(bytes, start) => (Lender::Shared(Arc::clone(bytes)), start),
            Owner::File(file, start) => (Lender::File(Arc::clone(file)), start),
        };
        LentBytes { owner, range: start + range.start..start + range.end }
    }
}

impl LentBytes {
    /// These bytes of a buffer that a file was read into.
    pub(crate) fn of_buffer(buffer: &Rc<[u8]>, range: Range<usize>) -> LentBytes {
        LentBytes { owner: Lender::Buffer(Rc::clone(buffer)), range }
    }

    /// Copies bytes of a buffer for reading, so that it serves others while these wait.
    pub(crate) fn settle(&mut self) {
        if let Lender::Buffer(_) = self.owner {
            let rest = self.bytes().to_vec();
            let range = 0..rest.len();
            *self = LentBytes { owner: Lender::Copy(rest), range };
        }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let all = match &self.owner {
            Lender::Static(bytes) => bytes,
            Lender::Shared(bytes) => &bytes[..],
            Lender::Buffer(bytes) => &bytes[..],
            Lender::Copy(bytes) => &bytes[..],
            Lender::File(file) => match file.contents() {
                Contents::Memory(bytes) => &bytes[..],
                Contents::Descriptor(_) => &[],
            },
        };
        all.get(self.range.clone()).unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.range.end - self.range.start
    }

    /// Drops so many at the front.
    pub(crate) fn skip(&mut self, count: usize) {
        self.range.start = (self.range.start + count).min(self.range.end);
    }
}
