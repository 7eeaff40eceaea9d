//! How the content of a request is taken in: thrown away, collected, or handed on as it arrives.
//!
//! It must never know the socket, nor who writes to the disk.

use crate::files::{Spool, SpoolPlace};
use crate::http::h1::body::BodyEnd;
use crate::site::RequestBody;
use crate::site::pipe::Inlet;

/// Where content goes.
#[derive(Default)]
pub enum Intake {
    #[default]
    Discard,
    Collect(Collected),
    /// To a thread that reads it.
    Stream(Inlet),
}

/// Content that is kept until all of it is here.
pub struct Collected {
    memory: Vec<u8>,
    memory_bytes_max: usize,
    on_disk: OnDisk,
}

/// What of the content is on the disk.
pub enum OnDisk {
    /// Nothing yet; this is where it would go.
    Nothing(SpoolPlace),
    /// A thread has the file, to write to it.
    BeingWritten,
    Spooled(Spool),
}

impl Intake {
    /// Collects content, in memory up to so many bytes, then on the disk.
    pub fn collect(memory_bytes_max: usize, place: SpoolPlace) -> Intake {
        let on_disk = OnDisk::Nothing(place);
        Intake::Collect(Collected { memory: Vec::new(), memory_bytes_max, on_disk })
    }

    /// How many bytes it takes before a thread has to do something about those that it has.
    pub fn room(&self) -> usize {
        match self {
            Intake::Discard => usize::MAX,
            Intake::Collect(collected) => {
                collected.memory_bytes_max.saturating_sub(collected.memory.len())
            }
            Intake::Stream(inlet) => inlet.room(),
        }
    }

    /// Takes content in, no more than there is room for.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Intake::Discard => {}
            Intake::Collect(collected) => collected.memory.extend_from_slice(bytes),
            Intake::Stream(inlet) => inlet.push(bytes),
        }
    }

    /// Whether somebody reads it while it arrives.
    pub fn is_stream(&self) -> bool {
        matches!(self, Intake::Stream(_))
    }

    /// What is to be written to the disk before there is room again, or before the content is
    /// whole, and what is there already.
    pub fn to_write(&mut self, end: BodyEnd) -> Option<(OnDisk, Vec<u8>)> {
        let Intake::Collect(collected) = self else {
            return None;
        };
        let is_due = match end {
            BodyEnd::Open => collected.memory.len() >= collected.memory_bytes_max,
            BodyEnd::Reached => {
                matches!(collected.on_disk, OnDisk::Spooled(_)) && !collected.memory.is_empty()
            }
        };
        is_due.then(|| {
            let on_disk = std::mem::replace(&mut collected.on_disk, OnDisk::BeingWritten);
            (on_disk, std::mem::take(&mut collected.memory))
        })
    }

    /// What was to be written has been.
    pub fn written(&mut self, spool: Spool) {
        if let Intake::Collect(collected) = self {
            collected.on_disk = OnDisk::Spooled(spool);
        }
    }

    /// All content is here: what a handler gets of it.
    pub fn finish(&mut self) -> RequestBody {
        match std::mem::take(self) {
            Intake::Discard => RequestBody::Empty,
            Intake::Collect(Collected { on_disk: OnDisk::Spooled(spool), .. }) => {
                RequestBody::Spooled(spool)
            }
            Intake::Collect(Collected { memory, .. }) => RequestBody::from(memory),
            Intake::Stream(inlet) => {
                inlet.finish();
                RequestBody::Empty
            }
        }
    }

    /// The content breaks off: what there is of it. Whoever reads it is told so.
    pub fn abandon(&mut self) -> RequestBody {
        match std::mem::take(self) {
            Intake::Collect(Collected { on_disk: OnDisk::Spooled(spool), .. }) => {
                RequestBody::Spooled(spool)
            }
            Intake::Discard | Intake::Collect(_) | Intake::Stream(_) => RequestBody::Empty,
        }
    }
}
