//! How bytes are cut into records, and where decrypted ones go.

use super::TlsWorker;
use std::fmt;
use std::io;

/// A reader's buffer, which is filled from the front.
#[derive(Default)]
pub(super) struct Room<'a> {
    buffer: &'a mut [u8],
    filled: usize,
}

impl<'a> Room<'a> {
    pub(super) fn new(buffer: &'a mut [u8]) -> Room<'a> {
        Room { buffer, filled: 0 }
    }

    /// Takes as many bytes as there is room for, and returns the others.
    pub(super) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = &mut self.buffer[self.filled..];
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        &bytes[count..]
    }

    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    pub(super) fn length(&self) -> usize {
        self.buffer.len()
    }
}

/// How long the next record is. A client can use nothing of a record before all of it is there: the first ones of a long
/// response fit a packet each. Later ones are large, because each costs.
pub(super) fn record_bytes(answered: usize, left: usize, is_first: bool) -> usize {
    // What arrives in one flight anyway may as well be one record.
    let is_short = is_first && answered == 0 && left <= FLIGHT_BYTES;
    let most = if answered < SMALL_UNTIL && !is_short { SMALL_BYTES } else { RECORD_BYTES };
    left.min(most)
}

/// Takes so many bytes off the front of runs, which have them. Where they are of one run, they are not copied.
pub(super) fn next_piece<'p, 'r: 'p>(
    runs: &mut [&'r [u8]; 3],
    length: usize,
    scratch: &'p mut Vec<u8>,
    worker: &TlsWorker,
) -> &'p [u8] {
    if let Some(run) = runs.iter_mut().find(|run| !run.is_empty())
        && run.len() >= length
    {
        let (piece, rest) = run.split_at(length);
        *run = rest;
        return piece;
    }
    if scratch.is_empty() {
        *scratch = worker.lend();
    }
    let mut filled = 0;
    for run in runs {
        let count = run.len().min(length - filled);
        scratch[filled..filled + count].copy_from_slice(&run[..count]);
        *run = &run[count..];
        filled += count;
    }
    &scratch[..filled]
}

/// An error of TLS, which is the client's or the network's.
pub(super) fn failure(error: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, format!("TLS: {error}"))
}

/// The most that a record holds (RFC 8446 §5.1).
const RECORD_BYTES: usize = 16 * 1024;

/// Fits a packet of 1,500 bytes.
const SMALL_BYTES: usize = 1_350;

/// What a fresh TCP connection sends before it waits: ten packets.
const FLIGHT_BYTES: usize = 10 * SMALL_BYTES;

/// From here on, a client that reads is busy with what it has.
const SMALL_UNTIL: usize = 8 * SMALL_BYTES;
