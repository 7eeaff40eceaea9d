//! Messages to a worker: the one place where threads meet, off the path of every request.

use super::application::link::ProcessEvent;
use super::exchange::BacklogWritten;
use super::id::ExchangeId;
use crate::files::{Spool, WriteError};
use crate::site::{Application, OwnedResponse};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a worker is asked to do, or has to know.
pub(crate) enum Message {
    /// Stop: take no new connections, finish the open requests, and end by this time at the latest.
    Stop { deadline: Instant },
    /// End now.
    StopNow,
    /// A completion for an exchange of one of its connections.
    To(ExchangeId, Completion),
    /// A process of an application comes or goes.
    Application(Arc<Application>, ProcessEvent),
}

/// What a thread or an application has done for an exchange.
pub(crate) enum Completion {
    /// The disk has been read.
    Prefetched,
    /// A part of a request body was written to the disk, or could not be.
    Spooled(Result<Spool, WriteError>),
    /// A part of a response body was written to the disk, as far as the disk took it.
    BacklogWritten(BacklogWritten),
    /// A full pipe has room again, or an empty one has bytes.
    Moved,
    /// A handler or an application has found its response.
    Answered(Box<OwnedResponse>),
}

/// A worker's mailbox, which the worker shares with the threads that may write to it.
pub(crate) struct Mailbox {
    messages: Mutex<Vec<Message>>,
    waker: mio::Waker,
}

impl Mailbox {
    /// An empty mailbox that wakes the poll whose waker this is.
    pub(crate) fn new(waker: mio::Waker) -> Mailbox {
        Mailbox { messages: Mutex::new(Vec::new()), waker }
    }

    /// Puts a message in and wakes the worker, if the box was empty.
    ///
    /// # Errors
    /// When the worker cannot be woken; the message is in the box all the same.
    pub(crate) fn post(&self, message: Message) -> io::Result<()> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(message);
        if messages.len() == 1 { self.waker.wake() } else { Ok(()) }
    }

    /// Takes all messages out.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
