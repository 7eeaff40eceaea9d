//! A byte stream and its readiness. It must never know HTTP.
//!
//! [`plain`] is a socket; TLS will be another [`Transport`].
//!
//! Readiness is kept here and only here. epoll reports an edge once; from then on the stream
//! counts as ready until the kernel says otherwise, which it does in two ways: `WouldBlock`, or a
//! read that fills less than the buffer. A short read has drained the socket, so the bytes that
//! come later are a new edge; a FIN that was already reported is not, so after `read_closed` we
//! read on to the end.

pub mod plain;

pub use plain::Plain;

use crate::http::Scheme;
pub use crate::sys::socket::More;
use std::io;
use std::os::fd::BorrowedFd;

/// What epoll reported of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    pub readable: bool,
    pub writable: bool,
    pub read_closed: bool,
    /// Reset, or closed in both directions: nobody is there any more.
    pub gone: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing for now.
    Blocked,
    /// The client will send nothing more.
    End,
}

/// What a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// So many bytes. For a file, 0 means that the file ended.
    Took(usize),
    /// Nothing for now.
    Blocked,
}

/// Whether a stream carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Bytes can be read and written.
    Ready,
    /// The stream waits for its other end.
    Blocked,
}

/// A stream that a connection is driven over.
pub trait Transport {
    /// Takes in what epoll reported.
    fn note(&mut self, edge: Edge);

    /// Does what the stream itself has to do before bytes can be read or written: a handshake, or records that
    /// are still to be written.
    ///
    /// # Errors
    /// What the connection died of.
    fn progress(&mut self) -> io::Result<Readiness>;

    /// Whether a read is worth a call: there may be bytes, in the kernel or decrypted already.
    fn has_unread(&self) -> bool;

    /// Whether the last write was cut short: epoll is to report when there is room again.
    fn wants_write(&self) -> bool;

    /// What protects the stream, as a request has to know it.
    fn scheme(&self) -> Scheme;

    /// Asks the kernel whether the client has closed, which epoll may not have reported yet.
    fn look(&mut self);

    /// Whether the client will send nothing more. It may still read, or have gone.
    fn is_half_closed(&self) -> bool;

    /// Whether the client is known to have gone.
    fn is_gone(&self) -> bool;

    /// Reads into the buffer, which must not be empty.
    ///
    /// # Errors
    /// What the connection died of.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome>;

    /// Writes three runs of bytes, one after the other; at least one is not empty.
    ///
    /// # Errors
    /// What the connection died of.
    fn write(&mut self, runs: [&[u8]; 3], more: More) -> io::Result<WriteOutcome>;

    /// Sends a piece of a file.
    ///
    /// # Errors
    /// What the connection died of, or a read error of the file.
    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome>;

    /// Says that nothing more will be written.
    fn shut_write(&mut self);

    /// Makes the coming close look like a failure to the client, which a cut response is.
    fn fail_on_close(&mut self);
}
