//! What a connection of the server is driven over: a socket, or one with TLS on it.

use super::plain::Plain;
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::{Edge, More, ReadOutcome, Readiness, Transport, WriteOutcome};
use crate::http::{Proxied, Scheme, TlsFacts};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

/// Either of them.
pub(crate) enum Wire {
    Plain(Plain),
    /// Boxed, so that plain connections are not larger for it.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

/// Calls a method of whichever it is.
macro_rules! either {
    ($wire:expr, $it:ident => $call:expr) => {
        match $wire {
            Wire::Plain($it) => $call,
            #[cfg(feature = "tls")]
            Wire::Tls($it) => $call,
        }
    };
}

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        either!(self, it => it.as_raw_fd())
    }
}

impl Transport for Wire {
    fn note(&mut self, edge: Edge) {
        either!(self, it => it.note(edge));
    }

    fn progress(&mut self) -> io::Result<Readiness> {
        either!(self, it => it.progress())
    }

    fn take_proxied(&mut self) -> Option<Proxied> {
        either!(self, it => it.take_proxied())
    }

    fn has_unread(&self) -> bool {
        either!(self, it => it.has_unread())
    }

    fn wants_write(&self) -> bool {
        either!(self, it => it.wants_write())
    }

    fn scheme(&self) -> Scheme {
        either!(self, it => it.scheme())
    }

    fn tls(&self) -> Option<Arc<TlsFacts>> {
        either!(self, it => it.tls())
    }

    fn covers(&mut self, host: &[u8]) -> bool {
        either!(self, it => it.covers(host))
    }

    fn has_agreed_on_http2(&self) -> bool {
        either!(self, it => it.has_agreed_on_http2())
    }

    fn has_handshake(&self) -> bool {
        either!(self, it => it.has_handshake())
    }

    fn look(&mut self) {
        either!(self, it => it.look());
    }

    fn is_half_closed(&self) -> bool {
        either!(self, it => it.is_half_closed())
    }

    fn is_gone(&self) -> bool {
        either!(self, it => it.is_gone())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
        either!(self, it => it.read(buffer))
    }

    fn write(&mut self, runs: [&[u8]; 3], more: More) -> io::Result<WriteOutcome> {
        either!(self, it => it.write(runs, more))
    }

    fn scatters(&self) -> bool {
        either!(self, it => it.scatters())
    }

    fn write_many(&mut self, runs: &[IoSlice<'_>], more: More) -> io::Result<WriteOutcome> {
        either!(self, it => it.write_many(runs, more))
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome> {
        either!(self, it => it.send_file(file, offset, count))
    }

    fn shut_write(&mut self) {
        either!(self, it => it.shut_write());
    }

    fn has_unsent(&self) -> bool {
        either!(self, it => it.has_unsent())
    }

    fn take_leave(&mut self) {
        either!(self, it => it.take_leave());
    }

    fn fail_on_close(&mut self) {
        either!(self, it => it.fail_on_close());
    }
}
