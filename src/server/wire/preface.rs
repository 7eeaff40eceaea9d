//! The PROXY header at the beginning of a stream.
//!
//! It is looked at where it waits in the kernel, and taken off when it is complete, to its last byte: so nothing is kept
//! meanwhile, and what follows it is there for whoever reads next, a TLS handshake or HTTP.

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
