//! A byte stream and what is known of its readiness. It must never know HTTP.
//!
//! Readiness is kept here and only here. epoll reports an edge once; from then on the stream
//! counts as ready until the kernel says otherwise, which it does in two ways: `WouldBlock`, or a
//! read that fills less than the buffer. A short read has drained the socket, so the bytes that
//! come later are a new edge; a FIN that was already reported is not, so after `read_closed` we
//! read on to the end.

use crate::sys::file;
use crate::sys::socket::{self, More};
use crate::sys::wait;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

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
pub enum Read {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing for now.
    Blocked,
    /// The client will send nothing more.
    End,
}

/// What a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// So many bytes. For a file, 0 means that the file ended.
    Took(usize),
    /// Nothing for now.
    Blocked,
}

/// A stream that a connection is driven over.
pub trait Transport {
    /// Takes in what epoll reported.
    fn note(&mut self, edge: Edge);

    /// Whether a read is worth a call.
    fn is_readable(&self) -> bool;

    /// Whether the last write was not cut short: there may be room for another.
    fn is_writable(&self) -> bool;

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
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read>;

    /// Writes two runs of bytes, the second after the first.
    ///
    /// # Errors
    /// What the connection died of.
    fn write(&mut self, first: &[u8], second: &[u8], more: More) -> io::Result<Write>;

    /// Sends a piece of a file.
    ///
    /// # Errors
    /// What the connection died of, or a read error of the file.
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, count: usize) -> io::Result<Write>;

    /// Says that nothing more will be written.
    fn shut_write(&mut self);

    /// Makes the coming close look like a failure to the client, which a cut response is.
    fn fail_on_close(&mut self);
}

/// A socket.
pub struct Plain {
    socket: OwnedFd,
    ready: Edge,
}

impl Plain {
    /// A socket fresh from accept, which counts as ready for everything: trying is cheaper than
    /// asking.
    pub fn new(socket: OwnedFd) -> Plain {
        Plain { socket, ready: Edge { readable: true, writable: true, ..Edge::default() } }
    }
}

impl AsRawFd for Plain {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Transport for Plain {
    fn note(&mut self, edge: Edge) {
        self.ready.readable |= edge.readable || edge.read_closed;
        self.ready.writable |= edge.writable;
        self.ready.read_closed |= edge.read_closed;
        self.ready.gone |= edge.gone;
    }

    fn is_readable(&self) -> bool {
        self.ready.readable
    }

    fn is_writable(&self) -> bool {
        self.ready.writable
    }

    fn look(&mut self) {
        let closed = wait::closed(self.socket.as_fd());
        self.ready.gone |= closed.both_ways;
        if closed.other_end {
            self.ready.read_closed = true;
            self.ready.readable = true;
        }
    }

    fn is_half_closed(&self) -> bool {
        self.ready.read_closed
    }

    fn is_gone(&self) -> bool {
        self.ready.gone
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Read> {
        if !self.ready.readable {
            return Ok(Read::Blocked);
        }
        match retry_interrupted(|| socket::receive(self.socket.as_fd(), buffer)) {
            Ok(0) => Ok(Read::End),
            Ok(count) => {
                self.ready.readable = count == buffer.len() || self.ready.read_closed;
                Ok(Read::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.readable = false;
                Ok(Read::Blocked)
            }
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, first: &[u8], second: &[u8], more: More) -> io::Result<Write> {
        if !self.ready.writable {
            return Ok(Write::Blocked);
        }
        match retry_interrupted(|| socket::send_two(self.socket.as_fd(), first, second, more)) {
            Ok(count) => {
                // The kernel took less than it was given because its buffer is full; it reports
                // an edge when there is room again.
                self.ready.writable = count == first.len() + second.len();
                Ok(Write::Took(count))
            }
            Err(error) => self.blocked(error),
        }
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, count: usize) -> io::Result<Write> {
        if !self.ready.writable {
            return Ok(Write::Blocked);
        }
        match retry_interrupted(|| file::send_file(self.socket.as_fd(), file, offset, count)) {
            // A short count may be the file's end as well as a full buffer: the next call tells.
            Ok(count) => Ok(Write::Took(count)),
            Err(error) => self.blocked(error),
        }
    }

    fn shut_write(&mut self) {
        // Fails only when the connection is gone, which the next read tells as well.
        let _ = socket::shut_write(self.socket.as_fd());
    }

    fn fail_on_close(&mut self) {
        socket::reset_on_close(self.socket.as_fd());
    }
}

impl Plain {
    fn blocked(&mut self, error: io::Error) -> io::Result<Write> {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.ready.writable = false;
            return Ok(Write::Blocked);
        }
        Err(error)
    }
}

fn retry_interrupted<V>(mut call: impl FnMut() -> io::Result<V>) -> io::Result<V> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    fn pair() -> (Plain, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Plain::new(ours.into()), theirs)
    }

    #[test]
    fn a_short_read_ends_reading_until_the_next_edge() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Bytes(3));
        assert!(!ours.is_readable());
        theirs.write_all(b"de").unwrap();
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Blocked, "no call without an edge");
        ours.note(Edge { readable: true, ..Edge::default() });
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Bytes(2));
    }

    #[test]
    fn a_read_that_fills_the_buffer_leaves_it_readable() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"abc").unwrap();
        let mut buffer = [0; 3];
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Bytes(3));
        assert!(ours.is_readable());
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Blocked);
        assert!(!ours.is_readable());
    }

    #[test]
    fn the_last_bytes_wait_for_the_end_of_the_stream_and_leave_with_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut ours = Plain::new(listener.accept().unwrap().0.into());
        assert_eq!(ours.write(b"abc", b"", More::Follows).unwrap(), Write::Took(3));
        let nothing = theirs.read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        ours.shut_write();
        theirs.set_nonblocking(false).unwrap();
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abc");
    }

    #[test]
    fn a_fin_that_was_reported_is_read_to_its_end() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"abc").unwrap();
        drop(theirs);
        ours.note(Edge { readable: true, read_closed: true, ..Edge::default() });
        let mut buffer = [0; 8];
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::Bytes(3));
        assert!(ours.is_readable(), "no second edge will come for the FIN");
        assert_eq!(ours.read(&mut buffer).unwrap(), Read::End);
    }
}
