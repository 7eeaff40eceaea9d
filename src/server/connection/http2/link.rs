//! What all streams of a connection share: the bytes that are written next, the encoder, the windows, the account.

use super::account::Account;
use super::outgoing::LentRuns;
use crate::http::h2::error::{ErrorCode, Fault};
use crate::http::h2::settings::PeerSettings;
use crate::http::h2::window::{ReceiveWindow, SendWindow};
use crate::http::h2::write;
use crate::http::hpack::{Encoder, TABLE_BYTES_USUAL};
use crate::server::wire::{More, Transport, WriteOutcome};
use std::io;
use std::time::Instant;

/// The sending side of a connection.
pub(super) struct Link {
    /// Whole frames, in order, as far as their data is not lent.
    pub outbox: Vec<u8>,
    /// Data between those bytes that is sent from where it is.
    pub lent: LentRuns,
    /// How much of that has been written.
    written: usize,
    /// How many bytes the stream has taken that are not counted yet.
    pub sent_bytes: u64,
    pub encoder: Encoder,
    pub peer: PeerSettings,
    /// For the data of all streams.
    pub window: SendWindow,
    /// For the data of all requests. It is given back as soon as data comes: the windows of the streams bound what is
    /// kept, and a stream that stands still stops no other.
    pub received: ReceiveWindow,
    pub account: Account,
    /// How much the windows of all requests may still grow.
    pub growth_left: u32,
    /// When the client last took anything, or something began to wait for it.
    pub moved_at: Instant,
    /// When data of any response was last put into frames: the client had made room for it.
    pub data_at: Instant,
    /// Whether the client sends nothing more.
    pub client_ended: bool,
    /// Whether something waits for the client.
    is_blocked: bool,
    /// Whether data waits that is more urgent than that of the stream which has its turn.
    pub has_more_urgent: bool,
    /// Counts the turns of streams; see [`Stream`](super::stream::Stream).
    pub turn: u64,
}

impl Link {
    /// The sending side of a new connection.
    pub(super) fn new(now: Instant) -> Link {
        let peer = PeerSettings::default();
        Link {
            outbox: Vec::new(),
            lent: LentRuns::default(),
            written: 0,
            sent_bytes: 0,
            encoder: Encoder::new(TABLE_BYTES_USUAL),
            window: SendWindow::new(peer.window),
            peer,
            received: ReceiveWindow::new(WINDOW_USUAL),
            account: Account::new(now),
            growth_left: GROWTH_MAX,
            moved_at: now,
            data_at: now,
            client_ended: false,
            is_blocked: false,
            has_more_urgent: false,
            turn: 0,
        }
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty() && self.lent.is_empty()
    }

    /// Whether something waits for the client.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// How many bytes wait to be written.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.outbox.len() - self.written + self.lent.bytes()
    }

    /// What waits is written together with what is queued when the connection goes on in this turn.
    pub(super) fn hold(&mut self, now: Instant) {
        if !self.is_blocked {
            self.moved_at = now;
        }
    }

    /// Whether requests may be read whose responses come behind what waits already.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes() < WAITING_BYTES_MAX
    }

    /// The longest payload of a frame for this client.
    pub(super) fn payload_bytes_max(&self) -> usize {
        PAYLOAD_BYTES_MAX.min(self.peer.payload_bytes_max as usize)
    }

    /// Ends a stream with this code.
    pub(super) fn reset(&mut self, stream: u32, code: ErrorCode) {
        write::reset(&mut self.outbox, stream, code);
    }

    /// Counts data of a request that has come.
    ///
    /// # Errors
    /// If it is more than the client was allowed to send.
    pub(super) fn receive(&mut self, bytes: u32) -> Result<(), Fault> {
        if !self.received.receive(bytes) {
            let what = "more data than the window of the connection";
            return Err(Fault::new(ErrorCode::FlowControl, what));
        }
        self.received.take(bytes);
        if let Some(increment) = self.received.give_back() {
            write::window_update(&mut self.outbox, 0, increment);
        }
        Ok(())
    }

    /// Writes what waits, as far as the client takes it. Returns whether it took everything.
    ///
    /// # Errors
    /// The error that ends the connection.
    pub(super) fn write(
        &mut self,
        wire: &mut impl Transport,
        more: More,
        now: Instant,
    ) -> io::Result<bool> {
        while self.written < self.outbox.len() || !self.lent.is_empty() {
            match self.lent.write(&self.outbox, self.written, wire, more)? {
                WriteOutcome::Took(count) => {
                    self.written = self.lent.took(self.written, count);
                    self.sent_bytes += count as u64;
                    self.moved_at = now;
                }
                WriteOutcome::Blocked | WriteOutcome::Cold => {
                    if !std::mem::replace(&mut self.is_blocked, true) {
                        self.moved_at = now;
                    }
                    return Ok(false);
                }
            }
        }
        self.outbox.clear();
        self.written = 0;
        self.is_blocked = false;
        Ok(true)
    }
}

/// With this much unwritten, no more requests are read.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// Longer frames save nothing: their heads cost little.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Data that the server has not taken yet takes memory.
pub(super) const GROWTH_MAX: u32 = 4 * 1024 * 1024;

/// The window of a new connection (RFC 9113 §6.9.2).
const WINDOW_USUAL: u32 = 65_535;
