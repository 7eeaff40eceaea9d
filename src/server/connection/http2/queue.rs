//! In which order streams send (RFC 9218 §10).

use super::stream::Stream;

/// Where a stream stands: the most urgent first, and of equally urgent ones in the order of their turns.
pub(super) type Rank = (u8, u64);

/// The streams that have something to send, and room for it in their own windows.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    /// Each with its stream. The first of them is last, where taking it out moves no other.
    waiting: Vec<(Rank, u32)>,
}

impl SendQueue {
    /// Puts a stream where it belongs now, or takes it out.
    pub(super) fn settle(&mut self, stream: &mut Stream) {
        let wanted = stream.may_send().then(|| stream.rank());
        if wanted == stream.queued {
            return;
        }
        self.remove(stream);
        if let Some(rank) = wanted {
            let place = self.waiting.partition_point(|(it, _)| *it > rank);
            self.waiting.insert(place, (rank, stream.id));
            stream.queued = wanted;
        }
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, stream: &mut Stream) {
        if let Some(rank) = stream.queued.take()
            && let Ok(place) = self.waiting.binary_search_by(|(it, _)| rank.cmp(it))
        {
            self.waiting.remove(place);
        }
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().rev().map(|(_, stream)| *stream)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
