//! Where the body of a request goes: thrown away, collected, or handed on as it arrives.
//!
//! It must never know the socket, the framing, or which thread writes to the disk.

use crate::files::{Spool, SpoolPlace};
use crate::server::memory_watch::MemoryFlag;
use crate::site::pipe::Inlet;
use crate::site::{BodyStore, RequestBody};

/// Where a request body goes.
#[derive(Default)]
pub(crate) enum BodySink {
    #[default]
    Discard,
    Collect(Collected),
    /// To a thread that reads it as it arrives.
    Stream(Inlet),
}

/// When the bytes in memory are to be written to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// When memory is full.
    WhenFull,
    /// At the end of the body, if a part of it is on the disk already.
    AtEnd,
}

/// A body that is kept until all of it is here.
pub(crate) struct Collected {
    memory: Vec<u8>,
    memory_bytes_max: usize,
    /// `None`: it has to be in memory.
    is_memory_short: Option<MemoryFlag>,
    on_disk: OnDisk,
}

/// The part of a body that is on the disk.
pub(crate) enum OnDisk {
    /// Nothing yet. This is where it would go.
    Nothing(SpoolPlace),
    /// A thread has the file and writes to it.
    BeingWritten,
    Spooled(Spool),
}

impl BodySink {
    /// Collects a body, in memory up to `memory_bytes_max`, then on the disk; while memory is short, with little in
    /// memory.
    pub(crate) fn collect(
        memory_bytes_max: usize,
        is_memory_short: MemoryFlag,
        place: SpoolPlace,
    ) -> BodySink {
        BodySink::Collect(Collected {
            memory: Vec::new(),
            memory_bytes_max,
            is_memory_short: Some(is_memory_short),
            on_disk: OnDisk::Nothing(place),
        })
    }

    /// Collects a body in memory, however long it is.
    pub(crate) fn collect_in_memory() -> BodySink {
        BodySink::Collect(Collected {
            memory: Vec::new(),
            memory_bytes_max: usize::MAX,
            is_memory_short: None,
            on_disk: OnDisk::Nothing(SpoolPlace::Temporary),
        })
    }

    /// How many bytes it takes before a thread has to write or read those that it has.
    pub(crate) fn room(&self) -> usize {
        match self {
            BodySink::Discard => usize::MAX,
            BodySink::Collect(collected) => {
                collected.memory_bytes_max().saturating_sub(collected.memory.len())
            }
            BodySink::Stream(inlet) => inlet.room(),
        }
    }

    /// Takes bytes in, no more than there is room for.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            BodySink::Discard => {}
            BodySink::Collect(collected) => collected.memory.extend_from_slice(bytes),
            BodySink::Stream(inlet) => inlet.push(bytes),
        }
    }

    /// Whether a handler reads the body while it arrives.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, BodySink::Stream(_))
    }

    /// The bytes that have to be written to the disk before there is room again, or before the body is complete, and
    /// the part that is there already.
    pub(crate) fn take_due(&mut self, due: Due) -> Option<(OnDisk, Vec<u8>)> {
        let BodySink::Collect(collected) = self else {
            return None;
        };
        let is_due = match due {
            Due::WhenFull => collected.memory.len() >= collected.memory_bytes_max(),
            Due::AtEnd => {
                matches!(collected.on_disk, OnDisk::Spooled(_)) && !collected.memory.is_empty()
            }
        };
        is_due.then(|| {
            let on_disk = std::mem::replace(&mut collected.on_disk, OnDisk::BeingWritten);
            (on_disk, std::mem::take(&mut collected.memory))
        })
    }

    /// The bytes have been written.
    pub(crate) fn written(&mut self, spool: Spool) {
        if let BodySink::Collect(collected) = self {
            collected.on_disk = OnDisk::Spooled(spool);
        }
    }

    /// The body is complete: returns what a handler gets of it.
    pub(crate) fn finish(&mut self) -> RequestBody {
        match std::mem::take(self) {
            BodySink::Discard => RequestBody::default(),
            BodySink::Collect(Collected { on_disk: OnDisk::Spooled(spool), .. }) => {
                RequestBody(BodyStore::Spooled(spool))
            }
            BodySink::Collect(Collected { memory, .. }) => RequestBody::from(memory),
            BodySink::Stream(inlet) => {
                inlet.finish();
                RequestBody::default()
            }
        }
    }

    /// The body breaks off: returns the file that holds a part of it. A thread that reads the body gets an error.
    pub(crate) fn abandon(&mut self) -> RequestBody {
        match std::mem::take(self) {
            BodySink::Collect(Collected { on_disk: OnDisk::Spooled(spool), .. }) => {
                RequestBody(BodyStore::Spooled(spool))
            }
            BodySink::Discard | BodySink::Collect(_) | BodySink::Stream(_) => {
                RequestBody::default()
            }
        }
    }
}

impl Collected {
    fn memory_bytes_max(&self) -> usize {
        match &self.is_memory_short {
            Some(flag) if flag.is_set() => self.memory_bytes_max.min(SHORT_BYTES),
            _ => self.memory_bytes_max,
        }
    }
}

/// How much of a body is kept in memory while memory is short.
pub(crate) const SHORT_BYTES: usize = 8 * 1024;
