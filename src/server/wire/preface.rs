//! The PROXY header at the beginning of a stream.
//!
//! It is looked at where it waits in the kernel, and taken off when it is complete, to its last byte. So nothing is kept
//! meanwhile, and TLS or HTTP finds its own first byte.

use crate::http::Proxied;
use crate::http::proxy_protocol::{self, PROXY_HEADER_BYTES_MAX};
use crate::sys::socket;
use std::io;
use std::os::fd::BorrowedFd;

/// How far the header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preface {
    Expected,
    /// It was taken off.
    Read(Option<Proxied>),
}

/// Takes off the header, if all of it has arrived. `None`: more is to come, and will be reported.
///
/// # Errors
/// `InvalidData` if it is no such header, `UnexpectedEof` if it breaks off, and those of the connection.
pub(super) fn take_off(
    socket: BorrowedFd<'_>,
    is_half_closed: bool,
) -> io::Result<Option<Preface>> {
    let mut bytes = [0; PROXY_HEADER_BYTES_MAX];
    let count = match socket::peek(socket, &mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        count => count?,
    };
    let header = proxy_protocol::read(&bytes[..count])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.0))?;
    let Some(header) = header else {
        if count == 0 || is_half_closed {
            let message = "the client has closed before its PROXY header was complete";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        return Ok(None);
    };
    let mut left = header.length;
    while left > 0 {
        match socket::receive(socket, &mut bytes[..left]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Preface::Read(header.proxied)))
}

#[cfg(test)]
mod tests {
    use crate::server::wire::{Edge, Plain, ReadOutcome, Readiness, Transport};
    use std::io::{ErrorKind, Write};
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 80\r\n";

    fn pair() -> (Plain, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Plain::new(ours.into()).with_proxy_header(), theirs)
    }

    fn readable() -> Edge {
        Edge { readable: true, ..Edge::default() }
    }

    #[test]
    fn a_header_is_taken_off_to_its_last_byte_however_it_comes() {
        for first in 0..HEADER.len() {
            let (mut ours, mut theirs) = pair();
            theirs.write_all(&HEADER[..first]).unwrap();
            assert_eq!(ours.progress().unwrap(), Readiness::Blocked);
            assert!(!ours.has_unread(), "nothing more until the next edge");
            assert_eq!(ours.progress().unwrap(), Readiness::Blocked);
            theirs.write_all(&HEADER[first..]).unwrap();
            theirs.write_all(b"GET").unwrap();
            ours.note(readable());
            assert_eq!(ours.progress().unwrap(), Readiness::Ready);
            let proxied = ours.take_proxied().expect("it says who the client is");
            assert_eq!(proxied.client, "192.0.2.1:4660".parse().unwrap());
            assert_eq!(ours.take_proxied(), None);
            let mut buffer = [0; 8];
            assert_eq!(ours.read(&mut buffer).unwrap(), ReadOutcome::Bytes(3));
            assert_eq!(&buffer[..3], b"GET");
        }
    }

    #[test]
    fn what_is_no_header_or_breaks_off_is_an_error() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        assert_eq!(ours.progress().unwrap_err().kind(), ErrorKind::InvalidData);
        for length in [0, 7] {
            let (mut ours, mut theirs) = pair();
            theirs.write_all(&HEADER[..length]).unwrap();
            theirs.shutdown(Shutdown::Write).unwrap();
            ours.note(Edge { read_closed: true, ..readable() });
            assert_eq!(ours.progress().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_client_that_sends_everything_and_closes_is_served() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(HEADER).unwrap();
        theirs.write_all(b"GET").unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        ours.note(Edge { read_closed: true, ..readable() });
        assert_eq!(ours.progress().unwrap(), Readiness::Ready);
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), ReadOutcome::Bytes(3));
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), ReadOutcome::End);
    }
}
