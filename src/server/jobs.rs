//! The jobs that threads do for an exchange. Every job sends exactly one message with its result, even if it panics; but
//! for a sum, which nobody waits for.
//!
//! It must never know the exchange, only its id.

use super::exchange::body_sink::OnDisk;
use super::exchange::encoding::PieceEncoding;
use super::exchange::overflow::{Backlog, BacklogWritten};
use super::handler_runs::HandlerJob;
use super::id::ExchangeId;
use super::mailbox::{Completion, Mailbox, Message};
use super::pool::{Pool, RetriedJob, SingleJob};
use crate::files::{Prefetch, SpoolPlace, Summation, WriteError};
use crate::http::{Cancellation, Status};
use crate::site::pipe::{self, BodyWriter};
use crate::site::request_at_hand::working_for;
use crate::site::response::Produce;
use crate::site::{self, Body, Response, Worked};
use crate::sys::trouble::Trouble;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Weak};

/// Sends messages to one exchange.
#[derive(Clone)]
pub(crate) struct CompletionSender {
    pub id: ExchangeId,
    pub mailbox: Arc<Mailbox>,
}

impl CompletionSender {
    /// Sends a message.
    pub(crate) fn send(&self, completion: Completion) {
        if let Err(error) = self.mailbox.post(Message::To(self.id, completion)) {
            log::error!("waking a worker: {error}");
        }
    }

    /// A function that wakes the exchange when its pipe has moved.
    pub(crate) fn wake(&self) -> pipe::Wake {
        let sender = self.clone();
        Box::new(move || sender.send(Completion::Moved))
    }
}

/// Reads what is cold.
pub(crate) fn prefetch(sender: CompletionSender, prefetch: Prefetch) -> SingleJob {
    Box::new(move || {
        if catch_unwind(AssertUnwindSafe(|| prefetch.run())).is_err() {
            log::error!("reading a cold file panicked");
        }
        sender.send(Completion::Prefetched);
    })
}

/// Encodes a piece of a response body.
pub(crate) fn encode(sender: CompletionSender, piece: PieceEncoding) -> SingleJob {
    Box::new(move || {
        let encoded = catch_unwind(AssertUnwindSafe(|| piece.run()));
        let panicked = || io::Error::other("encoding a response body panicked");
        sender.send(Completion::Encoded(encoded.unwrap_or_else(|_| Err(panicked()))));
    })
}

/// Computes the sum of a file, one step at a time: other jobs of the pool go in between.
pub(crate) fn sum(pool: Weak<Pool>, summation: Summation) -> SingleJob {
    Box::new(move || match catch_unwind(AssertUnwindSafe(|| summation.go_on())) {
        Ok(None) => {}
        Ok(Some(summation)) => {
            // Without a pool the server has stopped.
            if let Some(threads) = pool.upgrade() {
                drop(threads.submit(sum(pool, summation)));
            }
        }
        Err(_) => log::error!("computing the tag of a file panicked"),
    })
}

/// Writes a part of a request body to the disk. The first part creates the file.
pub(crate) fn write(
    sender: CompletionSender,
    directory: Arc<Path>,
    on_disk: OnDisk,
    bytes: Vec<u8>,
) -> SingleJob {
    Box::new(move || {
        let spool = match on_disk {
            OnDisk::Nothing(place) => place.create(&directory),
            OnDisk::Spooled(spool) => Ok(spool),
            OnDisk::BeingWritten => Err(WriteError::Busy),
        };
        let spooled = spool.and_then(|mut spool| spool.append(&bytes).map(|()| spool));
        if let Err(error @ (WriteError::Full | WriteError::Failed(_))) = &spooled
            && Trouble::BodyNotStored.note_to_log()
        {
            log::error!(
                "bodies of requests cannot be written to the disk: {error} (logged once a minute)"
            );
        }
        sender.send(Completion::Spooled(spooled));
    })
}

/// Writes the part of a response body that a slow client has not read yet to the disk. The first part creates the
/// file. What the disk does not take comes back, because it has to be sent all the same.
pub(crate) fn write_backlog(
    sender: CompletionSender,
    directory: Arc<Path>,
    backlog: Backlog,
) -> SingleJob {
    Box::new(move || {
        let Backlog { spool, pieces } = backlog;
        let spool = spool.map_or_else(|| SpoolPlace::Temporary.create(&directory), Ok);
        let mut pieces = pieces.into_iter();
        let written = match spool {
            Ok(mut spool) => {
                let mut refused = Vec::new();
                for piece in pieces.by_ref() {
                    if let Err(error) = spool.append(&piece) {
                        warn(&directory, &error);
                        refused.push(piece);
                        break;
                    }
                }
                refused.extend(pieces);
                BacklogWritten { spool: Some(spool), refused }
            }
            Err(error) => {
                warn(&directory, &error);
                BacklogWritten { spool: None, refused: pieces.collect() }
            }
        };
        sender.send(Completion::BacklogWritten(written));
    })
}

fn warn(directory: &Path, error: &WriteError) {
    if Trouble::BodyNotStored.note_to_log() {
        let directory = directory.display();
        log::warn!(
            "{directory}: {error}: responses cannot wait there for slow clients, so their producers wait (logged once a minute)"
        );
    }
}

/// Finds the response to a request, and then produces its body if it is a stream. A request that was cancelled is not
/// begun.
pub(crate) fn answer(
    sender: CompletionSender,
    mut job: site::Job,
    cancellation: Cancellation,
    handler: HandlerJob,
) -> RetriedJob {
    let mut has_begun = false;
    Box::new(move || {
        if cancellation.is_cancelled() && !has_begun {
            return None;
        }
        // From here on the handler asks itself whether it is cancelled: it may have something to undo.
        has_begun = true;
        let running = handler.begin();
        let work = || working_for(handler.request(), || job(&cancellation));
        let worked = catch_unwind(AssertUnwindSafe(work));
        let mut response = match worked {
            Ok(Worked::Later(pause)) => return Some(pause),
            Ok(Worked::Done(response)) => response,
            Err(_) => {
                log::error!("{}: its handler panicked; answered 500", handler.request());
                Response::new(Status::INTERNAL_SERVER_ERROR)
            }
        };
        match response.take_production() {
            Some(production) => {
                let (writer, outlet) = pipe::to_worker(sender.wake());
                response.body = Body::Piped(outlet, production.length);
                sender.send(Completion::Answered(Box::new(response)));
                running.streams();
                produce(production.produce, writer, &handler);
            }
            None => sender.send(Completion::Answered(Box::new(response))),
        }
        None
    })
}

/// Produces a body. Dropping the writer without `finish` breaks the response off.
fn produce(produce: Box<Produce>, mut writer: BodyWriter, handler: &HandlerJob) {
    let request = handler.request();
    let work = || working_for(request, || produce(&mut writer));
    match catch_unwind(AssertUnwindSafe(work)) {
        // An error means that the client has gone in the meantime, so nothing is lost.
        Ok(Ok(())) => drop(writer.finish()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            log::debug!("producing a response body: {error}");
        }
        Ok(Err(error)) => {
            log::error!("{request}: producing a response body: {error}; the response is broken off")
        }
        Err(_) => log::error!(
            "{request}: its handler panicked while producing a response body; the response is broken off"
        ),
    }
}
