//! What threads do for a connection, each errand ending in its letter, be it that the work panics.
//!
//! It must never know the connection, only its name.

use super::id::ConnectionId;
use super::intake::OnDisk;
use super::mailbox::{Delivery, Letter, Mailbox};
use super::pool::Job;
use crate::files::{Warmup, WriteError};
use crate::http::Status;
use crate::site::owned_response::Produce;
use crate::site::pipe::{self, ContentWriter};
use crate::site::{self, OwnedContent, OwnedResponse};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Brings letters to one connection.
#[derive(Clone)]
pub struct Courier {
    pub id: ConnectionId,
    pub mailbox: Arc<Mailbox>,
}

impl Courier {
    /// Tells the connection.
    pub fn deliver(&self, delivery: Delivery) {
        if let Err(error) = self.mailbox.post(Letter::To(self.id, delivery)) {
            log::error!("waking a worker: {error}");
        }
    }

    /// What wakes the connection when a pipe has moved.
    pub fn wake(&self) -> pipe::Wake {
        let courier = self.clone();
        Box::new(move || courier.deliver(Delivery::Moved))
    }
}

/// Reads what is cold.
pub fn warm(courier: Courier, warmup: Warmup) -> Job {
    Box::new(move || {
        if catch_unwind(AssertUnwindSafe(|| warmup.run())).is_err() {
            log::error!("reading ahead panicked");
        }
        courier.deliver(Delivery::Warmed);
    })
}

/// Writes content to the disk, making the file for it if this is the first of it.
pub fn write(courier: Courier, directory: Arc<Path>, on_disk: OnDisk, bytes: Vec<u8>) -> Job {
    Box::new(move || {
        let spool = match on_disk {
            OnDisk::Nothing(place) => place.create(&directory),
            OnDisk::Spooled(spool) => Ok(spool),
            OnDisk::BeingWritten => Err(WriteError::Busy),
        };
        let spooled = spool.and_then(|mut spool| spool.append(&bytes).map(|()| spool));
        courier.deliver(Delivery::Spooled(spooled));
    })
}

/// Finds the answer to a request, and then produces its content if it is made while it is sent.
pub fn answer(courier: Courier, job: site::Job) -> Job {
    Box::new(move || {
        let mut response = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| {
            log::error!("a handler panicked; its request is answered with 500");
            OwnedResponse::new(Status::INTERNAL_SERVER_ERROR)
        });
        match std::mem::replace(&mut response.content, OwnedContent::Empty) {
            OwnedContent::Produced(production) => {
                let (writer, outlet) = pipe::to_worker(courier.wake());
                response.content = OwnedContent::Piped(outlet, production.length);
                courier.deliver(Delivery::Answered(Box::new(response)));
                produce(production.produce, writer);
            }
            content => {
                response.content = content;
                courier.deliver(Delivery::Answered(Box::new(response)));
            }
        }
    })
}

/// A writer that goes without `finish` breaks the response off.
fn produce(produce: Box<Produce>, mut writer: ContentWriter) {
    match catch_unwind(AssertUnwindSafe(|| produce(&mut writer))) {
        // The client may have gone in the meantime: nothing is lost that anybody wants.
        Ok(Ok(())) => drop(writer.finish()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            log::debug!("producing content: {error}");
        }
        Ok(Err(error)) => log::error!("producing content: {error}; the response is broken off"),
        Err(_) => log::error!("a handler panicked while producing; the response is broken off"),
    }
}
