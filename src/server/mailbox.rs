//! Messages to a worker, and connections that are handed to it: the one place where threads meet, off the path of
//! every request.

use super::application::link::ProcessEvent;
use super::exchange::encoding::EncodedPiece;
use super::exchange::overflow::BacklogWritten;
use super::id::{ConnectionId, ExchangeId};
use super::replacement::Replacement;
use crate::files::{Spool, WriteError};
use crate::site::stream::{StreamKey, WakeWorker};
use crate::site::{Application, Response};
use crate::sys::sync::{AtomicUsize, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What a worker is asked to do, or has to know.
pub(crate) enum Message {
    /// Stop: take no new connections, finish the open requests, and end by this time at the latest.
    Stop { deadline: Instant },
    /// Put the numbers on the board.
    Report,
    /// End now.
    StopNow,
    /// A completion for an exchange of one of its connections.
    To(ExchangeId, Completion),
    /// A process of an application comes or goes.
    Application(Arc<Application>, ProcessEvent),
    /// Say that this worker works.
    Ping(Arc<Ping>),
    /// Serve the next requests by another setup.
    Reload(Box<Replacement>),
}

/// A question to all workers of a server.
pub(crate) struct Ping {
    /// How many have not answered yet.
    left: AtomicUsize,
    /// What to do when the last one has.
    then: Box<dyn Fn() + Send + Sync>,
}

impl Ping {
    pub(crate) fn new(workers: usize, then: impl Fn() + Send + Sync + 'static) -> Ping {
        Ping { left: AtomicUsize::new(workers), then: Box::new(then) }
    }

    /// One worker answers.
    pub(crate) fn answer(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            (self.then)();
        }
    }
}

/// What a thread or an application has done for an exchange.
pub(crate) enum Completion {
    /// The disk has been read.
    Prefetched,
    /// A part of a request body was written to the disk, or could not be.
    Spooled(Result<Spool, WriteError>),
    /// A part of a response body was written to the disk, as far as the disk took it.
    BacklogWritten(BacklogWritten),
    /// A piece of a response body was encoded.
    Encoded(EncodedPiece),
    /// A full pipe has room again, or an empty one has bytes.
    Moved,
    /// A handler or an application has found its response.
    Answered(Box<Response>),
}

/// A worker's mailbox, which the worker shares with the threads that may write to it.
pub(crate) struct Mailbox {
    contents: Mutex<Contents>,
    waker: Waker,
}

/// Wakes a worker that waits for events.
enum Waker {
    Epoll(mio::Waker),
    #[cfg(test)]
    Model(Arc<models::Epoll>),
}

#[derive(Default)]
struct Contents {
    messages: Vec<Message>,
    /// Exchanges whose senders have sent something. One message to ten thousand clients is ten thousand of them: they
    /// are small, come many at a time, and the worker does a portion of them in a turn.
    woken: Vec<ExchangeId>,
    /// Connections from elsewhere that the worker has not taken yet.
    connections: VecDeque<OwnedFd>,
    /// Whether the worker takes no more connections.
    is_closed: bool,
    /// Whether the worker stays although it has nothing to do.
    is_held: bool,
    /// Whether the worker has ended, so that nobody reads messages any more.
    has_ended: bool,
}

/// Why a mailbox does not take a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// [`WAITING_MAX`] connections wait there.
    Full,
    /// Its worker stops, or has ended.
    Closed,
}

impl Mailbox {
    /// An empty mailbox that wakes the poll whose waker this is.
    pub(crate) fn new(waker: mio::Waker) -> Mailbox {
        Mailbox { contents: Mutex::default(), waker: Waker::Epoll(waker) }
    }

    /// Puts a message in and wakes the worker, if the box was empty.
    ///
    /// # Errors
    /// When the worker cannot be woken; the message is in the box all the same.
    pub(crate) fn post(&self, message: Message) -> io::Result<()> {
        let mut contents = self.lock();
        if contents.has_ended {
            return Ok(());
        }
        contents.messages.push(message);
        if contents.messages.len() == 1 { self.waker.wake() } else { Ok(()) }
    }

    /// Keeps a worker that has nothing to do from ending. Returns whether it has not ended yet.
    pub(crate) fn hold(&self) -> bool {
        let mut contents = self.lock();
        contents.is_held = !contents.has_ended;
        contents.is_held
    }

    /// Lets the worker end when it has nothing to do.
    pub(crate) fn release(&self) {
        self.lock().is_held = false;
        if let Err(error) = self.waker.wake() {
            log::error!("waking a worker: {error}");
        }
    }

    /// Ends the life of a worker that has nothing to do, unless there is a message or a connection for it. Returns whether
    /// it may end: nothing is put in any more then.
    pub(crate) fn end_if_empty(&self) -> bool {
        let mut contents = self.lock();
        let is_empty = contents.messages.is_empty() && contents.connections.is_empty();
        if is_empty && !contents.is_held {
            contents.is_closed = true;
            contents.has_ended = true;
        }
        contents.has_ended
    }

    /// The worker has ended. What is in the mailbox is dropped.
    pub(crate) fn end(&self) {
        let mut contents = self.lock();
        contents.is_closed = true;
        contents.has_ended = true;
        let messages = std::mem::take(&mut contents.messages);
        let connections = std::mem::take(&mut contents.connections);
        drop(contents);
        drop((messages, connections));
    }

    /// Takes connections in again.
    pub(crate) fn open(&self) {
        self.lock().is_closed = false;
    }

    /// Takes all messages out.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.lock().messages)
    }

    /// Takes out the exchanges whose senders have sent something.
    pub(crate) fn take_woken(&self, woken: &mut VecDeque<ExchangeId>) {
        woken.extend(self.lock().woken.drain(..));
    }

    /// Puts a connection in and wakes the worker.
    ///
    /// # Errors
    /// The connection, and why it is not taken.
    pub(crate) fn hand_over(&self, connection: OwnedFd) -> Result<(), (OwnedFd, NotTaken)> {
        let mut contents = self.lock();
        if contents.is_closed {
            return Err((connection, NotTaken::Closed));
        }
        if contents.connections.len() >= WAITING_MAX {
            return Err((connection, NotTaken::Full));
        }
        contents.connections.push_back(connection);
        if contents.connections.len() == 1
            && let Err(error) = self.waker.wake()
        {
            log::error!("waking a worker: {error}");
        }
        Ok(())
    }

    /// Takes out the connection that has waited longest.
    pub(crate) fn take_connection(&self) -> Option<OwnedFd> {
        self.lock().connections.pop_front()
    }

    /// Takes in no more connections; returns those that wait.
    pub(crate) fn close(&self) -> VecDeque<OwnedFd> {
        let mut contents = self.lock();
        contents.is_closed = true;
        std::mem::take(&mut contents.connections)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waker {
    fn wake(&self) -> io::Result<()> {
        match self {
            Waker::Epoll(waker) => waker.wake(),
            #[cfg(test)]
            Waker::Model(epoll) => {
                epoll.wake();
                Ok(())
            }
        }
    }
}

impl WakeWorker for Mailbox {
    fn wake(&self, streams: &[StreamKey]) {
        let mut contents = self.lock();
        let was_empty = contents.woken.is_empty();
        contents.woken.extend(streams.iter().map(|&key| ExchangeId::from(key)));
        drop(contents);
        if was_empty && let Err(error) = self.waker.wake() {
            log::error!("waking a worker: {error}");
        }
    }
}

impl From<StreamKey> for ExchangeId {
    fn from(key: StreamKey) -> ExchangeId {
        let connection = ConnectionId::from_token(key.connection as usize);
        ExchangeId { connection, stream: key.stream }
    }
}

impl From<ExchangeId> for StreamKey {
    fn from(id: ExchangeId) -> StreamKey {
        StreamKey { connection: id.connection.to_token() as u64, stream: id.stream }
    }
}

/// How many connections may wait for a worker that is busy, or has `connections_max` of them. Each waits with an open
/// descriptor.
pub(crate) const WAITING_MAX: usize = 512;

#[cfg(test)]
pub(super) mod models;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn mailbox() -> (mio::Poll, Mailbox) {
        let poll = mio::Poll::new().expect("descriptors are left");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("descriptors are left");
        (poll, Mailbox::new(waker))
    }

    fn connection() -> OwnedFd {
        UnixStream::pair().expect("descriptors are left").0.into()
    }

    #[test]
    fn so_many_connections_wait_and_no_more() {
        let (_poll, mailbox) = mailbox();
        for _ in 0..WAITING_MAX {
            mailbox.hand_over(connection()).expect("there is room");
        }
        let (_, why) = mailbox.hand_over(connection()).expect_err("it is full");
        assert_eq!(why, NotTaken::Full);
        assert!(mailbox.take_connection().is_some());
        mailbox.hand_over(connection()).expect("one was taken");
    }

    #[test]
    fn a_worker_ends_when_nothing_is_left_for_it_and_takes_nothing_more() {
        let (_poll, mailbox) = mailbox();
        mailbox.post(Message::StopNow).expect("it can be woken");
        assert!(!mailbox.end_if_empty(), "there is a message");
        assert_eq!(mailbox.take().len(), 1);
        assert!(mailbox.hold());
        assert!(!mailbox.end_if_empty(), "it is held");
        mailbox.release();
        assert!(mailbox.end_if_empty());
        assert!(!mailbox.hold(), "it has ended");
        mailbox.post(Message::StopNow).expect("that is no error");
        assert!(mailbox.take().is_empty());
        assert_eq!(
            mailbox.hand_over(connection()).expect_err("nobody is there").1,
            NotTaken::Closed
        );
    }

    #[test]
    fn a_closed_mailbox_gives_back_what_waits_and_takes_no_connection_but_messages() {
        let (_poll, mailbox) = mailbox();
        mailbox.hand_over(connection()).expect("there is room");
        assert_eq!(mailbox.close().len(), 1);
        let (_, why) = mailbox.hand_over(connection()).expect_err("it is closed");
        assert_eq!(why, NotTaken::Closed);
        assert!(mailbox.take_connection().is_none());
        mailbox.post(Message::StopNow).expect("it can be woken");
        assert_eq!(mailbox.take().len(), 1);
    }
}
