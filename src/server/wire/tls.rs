//! A socket with TLS between it and the connection.
//!
//! rustls does the cryptography in buffers that the worker lends, so that an idle connection owns none. A write counts
//! as taken when the kernel has its records: what is encrypted but still waits is remembered as *ahead*, and skipped
//! when the connection offers the same bytes again. So everything above works as over a plain socket: when a response
//! is all sent, it has left.
//!
//! Where rustls has another alert for a hello than the standards, `alerts` puts theirs in its place.

mod alerts;
#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
mod any_records;
mod handshake;
mod lent;
mod records;
mod session;

#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
pub use any_records::records as fuzz_records;

pub(crate) use lent::TlsWorker;

use super::{Edge, Plain, ReadOutcome, Readiness, Transport, WriteOutcome};
use crate::http::{Proxied, Scheme, TlsFacts};
use crate::server::tls::Chosen;
use crate::sys::file;
use crate::sys::socket::More;
use lent::HandshakeEnd;
use records::{Room, failure, next_piece, record_bytes};
use rustls::ServerConfig;
use session::Session;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;

/// A TLS connection.
pub(crate) struct TlsStream {
    socket: Plain,
    session: Session,
    worker: Rc<TlsWorker>,
    stage: Stage,
    /// How many bytes at the front of what the connection writes next are encrypted already.
    ahead: usize,
    /// How many bytes have been written since the last read.
    answered_bytes: usize,
    /// How many bytes have come since something was decrypted.
    barren_bytes: usize,
    /// Where a file was cold when it was last read.
    cold_at: Option<u64>,
    /// Whether the writing side is closed when all that waits has left.
    ends_when_sent: bool,
    /// The certificate that the client got, and the name that it asked for.
    chosen: Option<Chosen>,
    /// What requests learn of it, once it is open.
    facts: Option<Arc<TlsFacts>>,
    /// Whether its handshake is among those that are under way.
    is_counted: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client has said nothing yet. Its first bytes say whether it speaks TLS at all.
    New,
    Handshake,
    /// The client speaks no TLS. What is written goes out as it is.
    Clear,
    Open,
    /// The server has said that it will send nothing more, or the connection has failed.
    Closed,
}

impl TlsStream {
    /// A socket fresh from accept.
    ///
    /// # Errors
    /// If rustls does not take the configuration.
    pub(crate) fn new(
        socket: Plain,
        config: &Arc<ServerConfig>,
        worker: &Rc<TlsWorker>,
    ) -> io::Result<TlsStream> {
        let session = Session::new(config, worker)?;
        worker.begins_handshake();
        Ok(TlsStream {
            socket,
            session,
            worker: Rc::clone(worker),
            stage: Stage::New,
            ahead: 0,
            answered_bytes: 0,
            barren_bytes: 0,
            cold_at: None,
            ends_when_sent: false,
            chosen: None,
            facts: None,
            is_counted: true,
        })
    }

    /// Gives so much of a lent buffer to rustls. If that fails, the client gets an alert.
    fn feed(&mut self, lent: Vec<u8>, length: usize, room: &mut Room<'_>) -> io::Result<()> {
        self.session.feed(lent, length, room).inspect_err(|_| {
            // It fails only if the client has gone.
            let _ = self.push(More::Nothing);
            self.stage = Stage::Closed;
        })
    }

    /// Encrypts bytes, in records of the size that fits the moment.
    fn encrypt(&mut self, mut bytes: &[u8], is_all: bool) -> io::Result<()> {
        while !bytes.is_empty() {
            let length = record_bytes(self.answered_bytes, bytes.len(), is_all);
            let (record, rest) = bytes.split_at(length);
            self.session.encrypt(record)?;
            self.answered_bytes += length;
            bytes = rest;
        }
        Ok(())
    }

    /// Gives what waits to the kernel, as far as it takes it.
    fn push(&mut self, more: More) -> io::Result<()> {
        while !self.session.outgoing.is_empty() {
            match self.socket.write([self.session.outgoing.waiting(), b"", b""], more)? {
                WriteOutcome::Took(count) => self.session.outgoing.took(count),
                WriteOutcome::Blocked | WriteOutcome::Cold => break,
            }
        }
        self.session.outgoing.settle(&self.worker);
        Ok(())
    }

    /// Pushes, and reports what has left. An error is for the call after the one that reports the last of it.
    fn push_and_report(&mut self, most: usize, more: More) -> io::Result<WriteOutcome> {
        let pushed = self.push(more);
        match (self.report(most), pushed) {
            (WriteOutcome::Blocked, Err(error)) => Err(error),
            (outcome, _) => Ok(outcome),
        }
    }

    /// How many of the bytes that were encrypted ahead have left; those are reported as taken, `most` at a time. What is
    /// encrypted is longer than what it was, so that no byte is reported too early.
    fn report(&mut self, most: usize) -> WriteOutcome {
        let left = self.ahead - self.ahead.min(self.session.outgoing.len());
        match left.min(most) {
            0 => WriteOutcome::Blocked,
            count => {
                self.ahead -= count;
                WriteOutcome::Took(count)
            }
        }
    }

    /// Reads a piece of a file, without waiting for the disk unless it was brought in and is cold again. `None`: cold.
    fn read_file(
        &mut self,
        file: BorrowedFd<'_>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<Option<usize>> {
        let was_cold = self.cold_at == Some(offset);
        let read = file::read_resident(file, buffer, offset, was_cold)?;
        self.cold_at = if read.is_none() { Some(offset) } else { None };
        Ok(read)
    }

    /// Says that the server will send nothing more.
    fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closed;
            self.session.queue_end();
            // It fails only if the client has gone.
            let _ = self.push(More::Nothing);
        }
    }

    /// Closes the writing side behind the notice of the end.
    fn end_if_sent(&mut self) {
        if self.ends_when_sent && self.session.outgoing.is_empty() {
            self.ends_when_sent = false;
            self.socket.shut_write();
        }
    }

    /// Pushes alerts, updates of keys and tickets, which no write waits for.
    fn push_what_is_not_ahead(&mut self) -> io::Result<()> {
        if self.ahead == 0 && !self.session.outgoing.is_empty() {
            self.push(More::Nothing)?;
        }
        Ok(())
    }
}

impl Transport for TlsStream {
    fn note(&mut self, edge: Edge) {
        self.socket.note(edge);
    }

    fn progress(&mut self) -> io::Result<Readiness> {
        match self.stage {
            Stage::New | Stage::Handshake => self.shake_hands(),
            _ => {
                // An alert or an update of keys that found no room.
                if self.ahead == 0 && !self.session.outgoing.is_empty() {
                    if !self.has_unread() || self.ends_when_sent {
                        self.push(More::Nothing)?;
                    }
                    self.end_if_sent();
                }
                Ok(Readiness::Ready)
            }
        }
    }

    fn take_proxied(&mut self) -> Option<Proxied> {
        self.socket.take_proxied()
    }

    fn has_unread(&self) -> bool {
        self.session.has_decrypted() || self.session.has_ended() || self.socket.has_unread()
    }

    fn wants_write(&self) -> bool {
        self.socket.wants_write()
    }

    fn scheme(&self) -> Scheme {
        Scheme::Https
    }

    fn tls(&self) -> Option<Arc<TlsFacts>> {
        self.facts.clone()
    }

    fn covers(&mut self, host: &[u8]) -> bool {
        self.chosen.as_mut().is_none_or(|chosen| chosen.covers(host))
    }

    fn has_agreed_on_http2(&self) -> bool {
        self.session.has_agreed_on(b"h2")
    }

    fn has_handshake(&self) -> bool {
        matches!(self.stage, Stage::New | Stage::Handshake)
    }

    fn look(&mut self) {
        self.socket.look();
    }

    fn is_half_closed(&self) -> bool {
        self.session.has_ended() || self.socket.is_half_closed()
    }

    fn is_gone(&self) -> bool {
        self.socket.is_gone()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
        if matches!(self.stage, Stage::Clear | Stage::Closed) {
            return self.socket.read(buffer);
        }
        if self.session.has_decrypted() {
            return Ok(ReadOutcome::Bytes(self.session.take_decrypted(buffer)));
        }
        let mut room = Room::new(buffer);
        loop {
            if self.session.has_ended() {
                return Ok(ReadOutcome::End);
            }
            let (mut lent, held) = self.session.lend_input()?;
            let most = (held + room.length().max(RECORD_BYTES_MAX)).min(lent.len());
            let count = match self.socket.read(&mut lent[held..most])? {
                ReadOutcome::Bytes(count) => count,
                other => {
                    self.worker.give_back(lent);
                    self.push_what_is_not_ahead()?;
                    return Ok(other);
                }
            };
            self.feed(lent, held + count, &mut room)?;
            if room.filled() > 0 {
                self.answered_bytes = 0;
                self.barren_bytes = 0;
                return Ok(ReadOutcome::Bytes(room.filled()));
            }
            // Such records could go on for ever, and nobody else would have a turn.
            self.barren_bytes += count;
            if self.barren_bytes > BARREN_BYTES_MAX {
                return Err(failure("the client sends records with nothing in them"));
            }
        }
    }

    fn write(&mut self, runs: [&[u8]; 3], more: More) -> io::Result<WriteOutcome> {
        if self.stage == Stage::Clear {
            return self.socket.write(runs, more);
        }
        let total = runs.iter().map(|run| run.len()).sum();
        if self.ahead > 0 {
            return self.push_and_report(total, more);
        }
        if self.socket.wants_write() {
            return Ok(WriteOutcome::Blocked);
        }
        let mut runs = runs;
        let mut scratch = Vec::new();
        let mut encrypted = 0;
        while encrypted < total && encrypted < PIECE_BYTES {
            // No further than to the end of the piece: a lent buffer holds no more.
            let left = total.min(PIECE_BYTES) - encrypted;
            let length = record_bytes(self.answered_bytes, left, encrypted == 0);
            let piece = next_piece(&mut runs, length, &mut scratch, &self.worker);
            encrypted += piece.len();
            self.answered_bytes += piece.len();
            self.session.encrypt(piece)?;
        }
        self.worker.give_back(scratch);
        self.ahead = encrypted;
        self.push_and_report(total, if encrypted < total { More::Follows } else { more })
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome> {
        self.socket.prepare_for_files();
        let mut lent = self.worker.lend();
        let mut sent = 0;
        let outcome = loop {
            if self.ahead > 0 {
                match self.push_and_report(count - sent, More::Nothing) {
                    Ok(WriteOutcome::Took(more)) => sent += more,
                    Ok(outcome) => break outcome,
                    // It comes again, when what was sent before is accounted for.
                    Err(_) if sent > 0 => break WriteOutcome::Blocked,
                    Err(error) => return Err(error),
                }
            }
            if self.socket.wants_write() {
                break WriteOutcome::Blocked;
            }
            if sent == count {
                break WriteOutcome::Took(sent);
            }
            let length = (count - sent).min(PIECE_BYTES);
            let read = self.read_file(file, &mut lent[..length], offset + sent as u64)?;
            let Some(read) = read else { break WriteOutcome::Cold };
            if read == 0 {
                break WriteOutcome::Took(sent);
            }
            self.encrypt(&lent[..read], read == count)?;
            self.ahead = read;
        };
        self.worker.give_back(lent);
        Ok(if sent > 0 { WriteOutcome::Took(sent) } else { outcome })
    }

    fn shut_write(&mut self) {
        self.close();
        self.ends_when_sent = true;
        self.end_if_sent();
    }

    fn has_unsent(&self) -> bool {
        !self.session.outgoing.is_empty()
    }

    fn fail_on_close(&mut self) {
        self.stage = Stage::Closed;
        self.socket.fail_on_close();
    }

    fn take_leave(&mut self) {
        self.close();
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.count_handshake(HandshakeEnd::Failed);
    }
}

impl AsRawFd for TlsStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What is encrypted before the kernel gets it: as much as a lent buffer holds.
const PIECE_BYTES: usize = 64 * 1024;

/// A few records, each of which may come in pieces.
const BARREN_BYTES_MAX: usize = 4 * RECORD_BYTES_MAX;

/// The largest record with all that may surround it (RFC 5246 §6.2.3).
const RECORD_BYTES_MAX: usize = 16 * 1024 + 2048 + 5;

#[cfg(test)]
mod tests;
