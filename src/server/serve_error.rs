//! Why a server does not take a connection that is handed to it.

use super::mailbox::WAITING_MAX;
use crate::sys::reason::reason;
use crate::sys::socket::NoConnection;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// A connection that [`Handle::serve`](super::Handle::serve) has not taken, and why.
///
/// The text says why; [`kind`](ServeError::kind) tells what is worth another try.
pub struct ServeError {
    connection: OwnedFd,
    kind: ServeErrorKind,
    error: Option<io::Error>,
}

/// Why a server has not taken a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// It is not a connected stream socket: a file, a datagram socket, a listener, or a socket whose client has gone.
    NotAConnection,
    /// Too many connections wait already, because the workers are busy or have as many connections as
    /// [`Limits::connections_max`](crate::Limits::connections_max) allows. It may be taken later.
    Full,
    /// The server stops, or has stopped.
    Stopped,
    /// The system refuses something that the server has to set.
    System,
}

impl ServeError {
    pub(super) fn full(connection: OwnedFd) -> ServeError {
        ServeError { connection, kind: ServeErrorKind::Full, error: None }
    }

    pub(super) fn stopped(connection: OwnedFd) -> ServeError {
        ServeError { connection, kind: ServeErrorKind::Stopped, error: None }
    }

    pub(super) fn unfit(connection: OwnedFd, why: NoConnection) -> ServeError {
        let (kind, error) = match why {
            NoConnection::Failed(error) => (ServeErrorKind::System, error),
            NoConnection::NoSocket => no("it is not a socket"),
            NoConnection::NoStream => {
                no("it is a socket for datagrams, and HTTP needs a stream (SOCK_STREAM)")
            }
            NoConnection::Listens => {
                no("it is a listener: accept its connections, and hand over each of them")
            }
            NoConnection::NotConnected => no("it is not connected, or not any more"),
        };
        ServeError { connection, kind, error: Some(error) }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ServeErrorKind {
        self.kind
    }

    /// The connection, to try again or to be told that it is not served.
    pub fn into_connection(self) -> OwnedFd {
        self.connection
    }
}

fn no(text: &str) -> (ServeErrorKind, io::Error) {
    (ServeErrorKind::NotAConnection, io::Error::new(io::ErrorKind::InvalidInput, text))
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cannot serve the connection: ")?;
        match (&self.error, self.kind) {
            (Some(error), _) => formatter.write_str(&reason(error)),
            (None, ServeErrorKind::Full) => write!(
                formatter,
                "{WAITING_MAX} connections wait for each worker already; try again later, or raise Limits::connections_max"
            ),
            (None, _) => formatter.write_str("the server has stopped"),
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServeError({:?}: {self})", self.kind)
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}
