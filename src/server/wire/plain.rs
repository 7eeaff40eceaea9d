//! A socket, without anything between it and the connection.

use super::preface::{self, Preface};
use super::{Edge, ReadOutcome, Readiness, Transport, WriteOutcome};
use crate::http::{Proxied, Scheme};
use crate::sys::file;
use crate::sys::socket::{self, More};
use crate::sys::wait;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A socket.
pub(crate) struct Plain {
    socket: OwnedFd,
    ready: Edge,
    sends_files: bool,
    /// What a proxy sends before anything else, on a listener for that.
    preface: Option<Box<Preface>>,
}

impl Plain {
    /// A socket fresh from accept. It counts as ready for everything, because trying is cheaper than asking.
    pub(crate) fn new(socket: OwnedFd) -> Plain {
        let ready = Edge { readable: true, writable: true, ..Edge::default() };
        Plain { socket, ready, sends_files: false, preface: None }
    }

    /// The same, if a proxy begins it with a PROXY header.
    pub(crate) fn with_proxy_header(self) -> Plain {
        Plain { preface: Some(Box::new(Preface::Expected)), ..self }
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

    #[inline]
    fn progress(&mut self) -> io::Result<Readiness> {
        match &self.preface {
            None => Ok(Readiness::Ready),
            Some(_) => self.read_preface(),
        }
    }

    fn take_proxied(&mut self) -> Option<Proxied> {
        match *self.preface.take()? {
            Preface::Read(proxied) => proxied,
            Preface::Expected => None,
        }
    }

    fn has_unread(&self) -> bool {
        self.ready.readable
    }

    fn wants_write(&self) -> bool {
        !self.ready.writable
    }

    fn scheme(&self) -> Scheme {
        Scheme::Http
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

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
        if !self.ready.readable {
            return Ok(ReadOutcome::Blocked);
        }
        match retry_interrupted(|| socket::receive(self.socket.as_fd(), buffer)) {
            Ok(0) => Ok(ReadOutcome::End),
            Ok(count) => {
                self.ready.readable = count == buffer.len() || self.ready.read_closed;
                Ok(ReadOutcome::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.readable = false;
                Ok(ReadOutcome::Blocked)
            }
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, runs: [&[u8]; 3], more: More) -> io::Result<WriteOutcome> {
        if !self.ready.writable {
            return Ok(WriteOutcome::Blocked);
        }
        match retry_interrupted(|| socket::send_runs(self.socket.as_fd(), runs, more)) {
            Ok(count) => {
                // The kernel took less than it was given because its buffer is full; it reports
                // an edge when there is room again.
                self.ready.writable = count == runs.iter().map(|run| run.len()).sum::<usize>();
                Ok(WriteOutcome::Took(count))
            }
            Err(error) => self.blocked(error),
        }
    }

    fn scatters(&self) -> bool {
        true
    }

    fn write_many(&mut self, runs: &[IoSlice<'_>], more: More) -> io::Result<WriteOutcome> {
        if !self.ready.writable {
            return Ok(WriteOutcome::Blocked);
        }
        match retry_interrupted(|| socket::send_many(self.socket.as_fd(), runs, more)) {
            Ok(count) => {
                self.ready.writable = count == runs.iter().map(|run| run.len()).sum::<usize>();
                Ok(WriteOutcome::Took(count))
            }
            Err(error) => self.blocked(error),
        }
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome> {
        if !self.ready.writable {
            return Ok(WriteOutcome::Blocked);
        }
        self.prepare_for_files();
        match retry_interrupted(|| file::send_file(self.socket.as_fd(), file, offset, count)) {
            // A short count may mean the file's end or a full buffer. The next call shows which.
            Ok(count) => Ok(WriteOutcome::Took(count)),
            Err(error) => self.blocked(error),
        }
    }

    fn shut_write(&mut self) {
        // It fails only if the connection has gone, which the next read shows as well.
        let _ = socket::shut_write(self.socket.as_fd());
    }

    fn fail_on_close(&mut self) {
        socket::reset_on_close(self.socket.as_fd());
    }
}

impl Plain {
    /// Before the first piece of a file.
    pub(super) fn prepare_for_files(&mut self) {
        if !self.sends_files {
            self.sends_files = true;
            socket::prepare_for_files(self.socket.as_fd());
        }
    }

    #[cold]
    fn read_preface(&mut self) -> io::Result<Readiness> {
        let Some(preface) = self.preface.as_deref_mut() else { return Ok(Readiness::Ready) };
        if let Preface::Read(_) = preface {
            return Ok(Readiness::Ready);
        }
        if !self.ready.readable {
            return Ok(Readiness::Blocked);
        }
        let socket = self.socket.as_fd();
        let read = retry_interrupted(|| preface::take_off(socket, self.ready.read_closed))?;
        match read {
            Some(read) => {
                *preface = read;
                Ok(Readiness::Ready)
            }
            None => {
                self.ready.readable = false;
                Ok(Readiness::Blocked)
            }
        }
    }

    fn blocked(&mut self, error: io::Error) -> io::Result<WriteOutcome> {
        if error.kind() == io::ErrorKind::WouldBlock {
            self.ready.writable = false;
            return Ok(WriteOutcome::Blocked);
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
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Bytes(3));
        assert!(!ours.has_unread());
        theirs.write_all(b"de").unwrap();
        assert_eq!(
            ours.read(&mut buffer).unwrap(),
            ReadOutcome::Blocked,
            "no call without an edge"
        );
        ours.note(Edge { readable: true, ..Edge::default() });
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Bytes(2));
    }

    #[test]
    fn a_read_that_fills_the_buffer_leaves_it_readable() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"abc").unwrap();
        let mut buffer = [0; 3];
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Bytes(3));
        assert!(ours.has_unread());
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Blocked);
        assert!(!ours.has_unread());
    }

    #[test]
    fn the_last_bytes_wait_for_the_end_of_the_stream_and_leave_with_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut ours = Plain::new(listener.accept().unwrap().0.into());
        assert_eq!(ours.write([b"abc", b"", b""], More::Follows).unwrap(), WriteOutcome::Took(3));
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
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Bytes(3));
        assert!(ours.has_unread(), "no second edge will come for the FIN");
        assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::End);
    }
}
