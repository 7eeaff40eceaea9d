//! What is written next: frames, whose heads and short data are gathered here, and whose long data stays where it is.

use crate::server::exchange::LentBytes;
use crate::server::wire::{More, Transport, WriteOutcome};
use std::collections::VecDeque;
use std::io::{self, IoSlice};

/// Data that is sent from where it is.
struct Run {
    /// How many of the gathered bytes come before it.
    at: usize,
    bytes: LentBytes,
}

/// The long data between gathered bytes, in order.
#[derive(Default)]
pub(super) struct LentRuns {
    runs: VecDeque<Run>,
    bytes: usize,
}

impl LentRuns {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes they are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds data behind so many gathered bytes.
    pub(super) fn add(&mut self, at: usize, bytes: LentBytes) {
        self.bytes += bytes.len();
        self.runs.push_back(Run { at, bytes });
    }

    /// The client takes no more for now: gives back what was lent for reading files.
    pub(super) fn settle(&mut self) {
        for run in &mut self.runs {
            run.bytes.settle();
        }
    }

    /// Writes once: what is not written of the gathered bytes, and the data between them.
    ///
    /// # Errors
    /// The error that ends the connection.
    pub(super) fn write(
        &self,
        gathered: &[u8],
        written: usize,
        wire: &mut impl Transport,
        more: More,
    ) -> io::Result<WriteOutcome> {
        if self.runs.is_empty() {
            return wire.write([gathered.get(written..).unwrap_or_default(), b"", b""], more);
        }
        let mut slices = [IoSlice::new(b""); SLICES_MAX];
        let mut count = 0;
        let mut add = |bytes| {
            if !<[u8]>::is_empty(bytes)
                && let Some(slice) = slices.get_mut(count)
            {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
        };
        let mut at = written;
        // Each takes two slices at most, and one is for what is behind the last.
        let fitting = self.runs.len().min((SLICES_MAX - 1) / 2);
        for run in self.runs.iter().take(fitting) {
            add(gathered.get(at..run.at).unwrap_or_default());
            add(run.bytes.bytes());
            at = run.at;
        }
        let is_all = fitting == self.runs.len();
        if is_all {
            add(gathered.get(at..).unwrap_or_default());
        }
        wire.write_many(&slices[..count], if is_all { more } else { More::Follows })
    }

    /// The client has taken this many bytes. Returns how many of the gathered bytes are written then.
    pub(super) fn took(&mut self, written: usize, count: usize) -> usize {
        let (mut written, mut left) = (written, count);
        while let Some(run) = self.runs.front_mut() {
            let before = (run.at - written).min(left);
            written += before;
            left -= before;
            if written < run.at || left == 0 {
                return written;
            }
            let taken = run.bytes.len().min(left);
            left -= taken;
            self.bytes -= taken;
            if taken == run.bytes.len() {
                self.runs.pop_front();
            } else {
                run.bytes.skip(taken);
            }
        }
        written + left
    }
}

/// As many as [`FILLED_BYTES`](super::sending::FILLED_BYTES) in frames of the usual length take, and some more.
const SLICES_MAX: usize = 32;
