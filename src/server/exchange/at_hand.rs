//! The piece of a response's body that is sent next, from wherever it came.

use super::file_piece::memory;
use super::lent::Owner;
use crate::files::CachedFile;
use std::ops::Range;
use std::sync::Arc;

/// What is sent next.
#[derive(Default)]
pub(super) enum AtHand {
    #[default]
    Nothing,
    Static(&'static [u8]),
    Bytes {
        bytes: Vec<u8>,
        sent: usize,
    },
    /// Bytes that other responses send too.
    Shared {
        bytes: Arc<[u8]>,
        sent: usize,
    },
    File {
        file: Arc<CachedFile>,
        range: Range<u64>,
    },
}

impl AtHand {
    /// Its bytes that have not been sent, if they are in memory. `None`: there is nothing.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            AtHand::Nothing => None,
            AtHand::Static(bytes) => Some(bytes),
            AtHand::Bytes { bytes, sent } => Some(&bytes[*sent..]),
            AtHand::Shared { bytes, sent } => Some(&bytes[*sent..]),
            AtHand::File { file, range } => Some(memory(file, range).unwrap_or_default()),
        }
    }

    /// Whose its bytes are, if they stay where they are when this has gone.
    pub(super) fn owner(&self) -> Option<Owner<'_>> {
        match self {
            AtHand::Nothing | AtHand::Bytes { .. } => None,
            AtHand::Static(bytes) => Some(Owner::Static(bytes)),
            AtHand::Shared { bytes, sent } => Some(Owner::Shared(bytes, *sent)),
            AtHand::File { file, range } => Some(Owner::File(file, range.start as usize)),
        }
    }

    /// Whether it is a piece of a file that is not in memory.
    pub(super) fn is_on_disk(&self) -> bool {
        matches!(self, AtHand::File { file, range } if memory(file, range).is_none())
    }

    /// Whether nothing of it is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.left_bytes() == 0
    }

    /// How many bytes of it are left.
    pub(super) fn left_bytes(&self) -> u64 {
        match self {
            AtHand::Nothing => 0,
            AtHand::Static(bytes) => bytes.len() as u64,
            AtHand::Bytes { bytes, sent } => (bytes.len() - sent) as u64,
            AtHand::Shared { bytes, sent } => (bytes.len() - sent) as u64,
            AtHand::File { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// So many bytes of it have been sent.
    pub(super) fn advance(&mut self, count: usize) {
        match self {
            AtHand::Nothing => {}
            AtHand::Static(bytes) => *bytes = bytes.get(count..).unwrap_or_default(),
            AtHand::Bytes { bytes, sent } => *sent = (*sent + count).min(bytes.len()),
            AtHand::Shared { bytes, sent } => *sent = (*sent + count).min(bytes.len()),
            AtHand::File { range, .. } => {
                range.start = (range.start + count as u64).min(range.end);
            }
        }
    }
}
