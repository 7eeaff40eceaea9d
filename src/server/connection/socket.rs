//! What a connection owns, whatever it speaks: the stream, its client, and the deadline.

use super::Phase;
use crate::http::Peer;
use crate::server::client_name::ClientName;
use crate::server::context::WorkerContext;
use crate::server::exchange::Carrier;
use crate::server::id::ConnectionId;
use crate::server::wire::{Edge, Transport};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// A stream and its client.
pub(crate) struct Socket<W> {
    pub id: ConnectionId,
    pub wire: W,
    /// When the connection gives up waiting.
    pub deadline: Instant,
    /// The client's address; `None` on a Unix socket.
    peer: Option<SocketAddr>,
    /// Which of the worker's listeners it came through.
    listener: u16,
    /// Whether it has served a request.
    pub has_served: bool,
    /// Whether there are unread bytes that epoll reported before the worker looked at the file changes.
    is_reported: bool,
}

impl<W: Transport> Socket<W> {
    /// A stream fresh from accept.
    pub(crate) fn new(
        id: ConnectionId,
        peer: Option<SocketAddr>,
        listener: u16,
        wire: W,
        deadline: Instant,
    ) -> Socket<W> {
        Socket { id, wire, deadline, peer, listener, has_served: false, is_reported: false }
    }

    /// Takes in an edge, in a turn that has begun with the file changes.
    pub(crate) fn note(&mut self, edge: Edge) {
        self.wire.note(edge);
        self.is_reported |= edge.readable;
    }

    /// Whether epoll had reported the next bytes before the worker looked at the file changes. To be called once for each
    /// read.
    pub(crate) fn take_reported(&mut self) -> bool {
        std::mem::take(&mut self.is_reported)
    }

    /// Both ends, for a request.
    pub(crate) fn ends(&self, cx: &WorkerContext) -> Peer {
        Peer {
            address: self.peer,
            listener: cx.listening_at(self.listener),
            scheme: self.wire.scheme(),
        }
    }

    /// The client's address; `None` on a Unix socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The client, as the log names it.
    pub(crate) fn name(&self) -> ClientName {
        ClientName(self.peer)
    }

    /// Logs the error that ends the connection. A client that goes away is usual; anything else is a warning.
    pub(crate) fn log_failure(&self, error: &io::Error, phase: Phase) {
        let level = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut => log::Level::Debug,
            _ => log::Level::Warn,
        };
        log::log!(level, "{}: {error} while {phase}", self.name());
    }
}

impl<W: Transport> Carrier for Socket<W> {
    fn client_has_gone(&mut self) -> bool {
        self.wire.look();
        self.wire.is_gone()
    }

    fn name(&self) -> ClientName {
        ClientName(self.peer)
    }
}
