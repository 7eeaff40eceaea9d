//! What a worker asks of the kernel: events, connections, and the time. A simulation puts its own in the place.

use super::reloading::WorkerListener;
use crate::files::Now;
use crate::server::application::commands::ProcessId;
use crate::server::clock;
use crate::server::context::WorkerContext;
use crate::server::id::ConnectionId;
#[cfg(feature = "tls")]
use crate::server::wire::TlsStream;
use crate::server::wire::{Edge, Plain, Transport, Wire};
use crate::sys::socket;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The kernel, as a worker sees it.
pub(crate) trait Kernel {
    /// A connection.
    type Wire: Transport;

    /// Waits for events, no longer than this, and takes in what has happened.
    ///
    /// # Errors
    /// If nothing can be waited for any more.
    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened) -> io::Result<()>;

    /// The time.
    fn now(&mut self) -> Now;

    /// Reports changes of files.
    ///
    /// # Errors
    /// Those of epoll, as for the others.
    fn watch_changes(&mut self, changes: BorrowedFd<'_>) -> io::Result<()>;

    /// Reports connections that come to a listener.
    fn watch_listener(&mut self, index: usize, listener: BorrowedFd<'_>) -> io::Result<()>;

    /// Reports no more of a listener.
    fn forget_listener(&mut self, listener: BorrowedFd<'_>);

    /// Reports messages of a process of an application.
    fn watch_process(&mut self, process: ProcessId, messages: BorrowedFd<'_>) -> io::Result<()>;

    /// Reports of a connection. `is_known`: something of it is reported already.
    fn watch(
        &mut self,
        wire: &Self::Wire,
        id: ConnectionId,
        what: Watched,
        is_known: bool,
    ) -> io::Result<()>;

    /// Takes a connection from the queue of a listener. `None`: it cannot be served, and that was logged.
    ///
    /// # Errors
    /// Those of accept(2).
    fn accept(
        &mut self,
        listener: &WorkerListener,
        cx: &WorkerContext,
    ) -> io::Result<(Option<Self::Wire>, Option<SocketAddr>)>;

    /// Takes a connection that comes from elsewhere.
    fn adopt(&mut self, connection: OwnedFd) -> Self::Wire;
}

/// What is reported of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// What comes in.
    Arrivals,
    /// That, and when there is room to send.
    Both,
}

/// What has happened since the worker has waited last.
#[derive(Default)]
pub(crate) struct Happened {
    /// Files have changed.
    pub changes: bool,
    /// Other threads have put messages into the mailbox.
    pub messages: bool,
    /// Listeners to which connections have come.
    pub listeners: Vec<usize>,
    /// Processes of applications that have sent messages, and connections, in the order in which they were reported.
    pub sources: Vec<Source>,
}

/// Who has something to be read or written.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Process(ProcessId),
    Connection(ConnectionId, Edge),
}

impl Happened {
    /// Nothing has happened.
    pub(crate) fn clear(&mut self) {
        self.changes = false;
        self.messages = false;
        self.listeners.clear();
        self.sources.clear();
    }
}

/// The kernel itself.
pub(crate) struct Epoll {
    poll: Poll,
    events: Events,
}

impl Epoll {
    /// Over this poll, which has the waker of a mailbox with the token [`MESSAGES`].
    pub(crate) fn new(poll: Poll) -> Epoll {
        Epoll { poll, events: Events::with_capacity(EVENTS_PER_TURN) }
    }

    fn register(&self, source: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let source = source.as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&source), token, Interest::READABLE)
    }
}

impl Kernel for Epoll {
    type Wire = Wire;

    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened) -> io::Result<()> {
        happened.clear();
        if let Err(error) = self.poll.poll(&mut self.events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &self.events {
            match event.token() {
                CHANGES => happened.changes = true,
                MESSAGES => happened.messages = true,
                Token(token) if token >= FIRST_PROCESS.0 => {
                    let process = ProcessId((token - FIRST_PROCESS.0) as u64);
                    happened.sources.push(Source::Process(process));
                }
                Token(token) if token >= FIRST_LISTENER.0 => {
                    happened.listeners.push(token - FIRST_LISTENER.0);
                }
                Token(token) => {
                    let id = ConnectionId::from_token(token);
                    happened.sources.push(Source::Connection(id, edge(event)));
                }
            }
        }
        Ok(())
    }

    fn now(&mut self) -> Now {
        clock::read()
    }

    fn watch_changes(&mut self, changes: BorrowedFd<'_>) -> io::Result<()> {
        self.register(changes, CHANGES)
    }

    fn watch_listener(&mut self, index: usize, listener: BorrowedFd<'_>) -> io::Result<()> {
        self.register(listener, Token(FIRST_LISTENER.0 + index))
    }

    fn forget_listener(&mut self, listener: BorrowedFd<'_>) {
        // It fails only for a listener that was never registered.
        let _ = self.poll.registry().deregister(&mut SourceFd(&listener.as_raw_fd()));
    }

    fn watch_process(&mut self, process: ProcessId, messages: BorrowedFd<'_>) -> io::Result<()> {
        self.register(messages, Token(FIRST_PROCESS.0 + process.0 as usize))
    }

    fn watch(
        &mut self,
        wire: &Wire,
        id: ConnectionId,
        what: Watched,
        is_known: bool,
    ) -> io::Result<()> {
        let socket = wire.as_raw_fd();
        let mut source = SourceFd(&socket);
        let (token, interest) = (Token(id.to_token()), what.interest());
        match is_known {
            false => self.poll.registry().register(&mut source, token, interest),
            // epoll reports readiness that came before this call.
            true => self.poll.registry().reregister(&mut source, token, interest),
        }
    }

    fn accept(
        &mut self,
        listener: &WorkerListener,
        cx: &WorkerContext,
    ) -> io::Result<(Option<Wire>, Option<SocketAddr>)> {
        let (socket, peer) = socket::accept(listener.socket.as_fd())?;
        let socket = match listener.is_proxied {
            true => Plain::new(socket).with_proxy_header(),
            false => Plain::new(socket),
        };
        let wire = match listener.is_secured {
            true => secured(socket, cx),
            false => Some(Wire::Plain(socket)),
        };
        Ok((wire, peer))
    }

    fn adopt(&mut self, connection: OwnedFd) -> Wire {
        Wire::Plain(Plain::new(connection))
    }
}

impl Watched {
    fn interest(self) -> Interest {
        match self {
            Watched::Arrivals => Interest::READABLE,
            Watched::Both => Interest::READABLE.add(Interest::WRITABLE),
        }
    }
}

/// A connection that will speak TLS.
#[cfg(feature = "tls")]
fn secured(socket: Plain, cx: &WorkerContext) -> Option<Wire> {
    match TlsStream::new(socket, cx.setup.tls.as_ref()?.config(), &cx.tls) {
        Ok(stream) => Some(Wire::Tls(Box::new(stream))),
        Err(error) => {
            log::error!("a connection cannot be secured: {error}");
            None
        }
    }
}

/// Without TLS, no such address is listened on.
#[cfg(not(feature = "tls"))]
fn secured(_socket: Plain, _cx: &WorkerContext) -> Option<Wire> {
    None
}

fn edge(event: &Event) -> Edge {
    Edge {
        readable: event.is_readable() || event.is_error(),
        writable: event.is_writable() || event.is_error(),
        read_closed: event.is_read_closed(),
        gone: event.is_error() || event.is_write_closed(),
    }
}

/// Tokens above every [`ConnectionId`], whose uppermost bit is never set.
const FIRST_LISTENER: Token = Token(1 << 63);
/// Above those of any number of listeners.
const FIRST_PROCESS: Token = Token(1 << 63 | 1 << 32);
const CHANGES: Token = Token(usize::MAX);
/// The waker's token.
pub(crate) const MESSAGES: Token = Token(usize::MAX - 1);

/// So many that a busy worker calls epoll rarely; a batch of them takes well under 10 ms.
const EVENTS_PER_TURN: usize = 1024;
