//! A byte stream and its readiness. It must never know HTTP.
//!
//! [`plain`] is a socket, [`tls`] one with TLS on it; a [`Wire`] is either. A socket from a proxy may begin with a PROXY
//! header, which the stream takes off ([`preface`]).
//!
//! Readiness is kept here and only here. epoll reports an edge once. From then on the stream counts as ready until the
//! kernel shows otherwise, in one of two ways: `WouldBlock`, or a read that does not fill the buffer. Such a read has
//! drained the socket, so later bytes are a new edge. A FIN that was reported already is not, so after `read_closed` the
//! stream is read to its end.

mod any;
pub(crate) mod plain;
mod preface;
#[cfg(feature = "tls")]
pub(crate) mod tls;

#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
pub use tls::fuzz_records;

pub(crate) use any::Wire;
pub(crate) use plain::Plain;
#[cfg(feature = "tls")]
pub(crate) use tls::{TlsStream, TlsWorker};

use crate::http::{Proxied, Scheme, TlsFacts};
pub(crate) use crate::sys::socket::More;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// What epoll reported of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    pub readable: bool,
    pub writable: bool,
    pub read_closed: bool,
    /// Reset, or closed in both directions: the client has gone.
    pub gone: bool,
}

/// The outcome of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing for now.
    Blocked,
    /// The client will send nothing more.
    End,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The stream took so many bytes. For a file, 0 means that the file ended.
    Took(usize),
    /// The stream takes nothing for now.
    Blocked,
    /// This piece of a file is not in memory, and reading it would wait for the disk.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "sendfile does not say"))]
    Cold,
}

/// Whether a stream can carry bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Bytes can be read and written.
    Ready,
    /// The stream waits for its other end.
    Blocked,
    /// The stream could go on, but others have their turn first.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS has a handshake"))]
    Later,
    /// The client does not speak TLS, and the stream is for TLS. One response in clear can say so.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS has a handshake"))]
    Unsecured,
}

/// A stream that a connection is driven over.
pub(crate) trait Transport {
    /// Takes in what epoll reported.
    fn note(&mut self, edge: Edge);

    /// Does the stream's own work before bytes can be read or written: the header of a proxy, a handshake, or records that
    /// have not been written.
    ///
    /// # Errors
    /// The error that ends the connection.
    fn progress(&mut self) -> io::Result<Readiness>;

    /// Both ends of the connection that a proxy has accepted, if its PROXY header was read and says that. They are here
    /// once.
    fn take_proxied(&mut self) -> Option<Proxied> {
        None
    }

    /// Whether a read is worth a call, because there may be bytes, in the kernel or decrypted already.
    fn has_unread(&self) -> bool;

    /// Whether the last write was cut short, so that epoll has to report when there is room again.
    fn wants_write(&self) -> bool;

    /// The scheme of requests on this stream.
    fn scheme(&self) -> Scheme;

    /// The facts of TLS, once its handshake is over.
    fn tls(&self) -> Option<Arc<TlsFacts>> {
        None
    }

    /// Whether the client may ask for this host here: over TLS, the certificate must cover it.
    fn covers(&mut self, _host: &[u8]) -> bool {
        true
    }

    /// Whether both ends have agreed on HTTP/2, by its name in TLS.
    fn has_agreed_on_http2(&self) -> bool {
        false
    }

    /// Whether [`progress`](Transport::progress) has a handshake to go through first.
    fn has_handshake(&self) -> bool {
        false
    }

    /// Asks the kernel whether the client has closed, which epoll may not have reported yet.
    fn look(&mut self);

    /// Whether the client will send nothing more. It may still read, or have gone.
    fn is_half_closed(&self) -> bool;

    /// Whether the client is known to have gone.
    fn is_gone(&self) -> bool;

    /// Reads into the buffer, which must not be empty.
    ///
    /// # Errors
    /// The error that ends the connection.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome>;

    /// Writes three runs of bytes, one after the other; at least one is not empty.
    ///
    /// # Errors
    /// The error that ends the connection.
    fn write(&mut self, runs: [&[u8]; 3], more: More) -> io::Result<WriteOutcome>;

    /// Whether [`write_many`](Transport::write_many) sends bytes from where they are: then copying them together gains
    /// nothing.
    fn scatters(&self) -> bool {
        false
    }

    /// Writes runs of bytes, one after the other, or the first of them; the first is not empty.
    ///
    /// # Errors
    /// The error that ends the connection.
    fn write_many(&mut self, runs: &[IoSlice<'_>], more: More) -> io::Result<WriteOutcome> {
        let run = |place: usize| runs.get(place).map_or(&b""[..], |run| run);
        let more = if runs.len() > 3 { More::Follows } else { more };
        self.write([run(0), run(1), run(2)], more)
    }

    /// Sends a piece of a file.
    ///
    /// # Errors
    /// The error that ends the connection, or a read error of the file.
    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome>;

    /// Closes the writing side, when everything has left.
    fn shut_write(&mut self);

    /// Whether something of the stream's own waits to be sent, which [`progress`](Transport::progress) does.
    fn has_unsent(&self) -> bool {
        false
    }

    /// The stream ends, and no response is cut: says so, if there is a way.
    fn take_leave(&mut self) {}

    /// Makes the coming close look like a failure, so that the client can tell that the response is cut.
    fn fail_on_close(&mut self);
}
