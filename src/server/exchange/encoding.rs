//! A body that threads encode while it is sent, one piece at a time.
//!
//! It is a body around a body, so that it and the body import each other. It must never know how it is framed, or which
//! threads those are.

use super::body_source::{BodySource, Chunk};
use super::stream::Supply;
use crate::files::Disk;
use crate::http::Coding;
use crate::http::encoder::Encoder;
use crate::site::encoded::{EncodedBody, Permit};
use std::io;

/// The body as its maker makes it, and how far it is encoded.
pub(crate) struct EncodedSource {
    pub(super) inner: BodySource,
    coding: Coding,
    progress: Progress,
    _permit: Permit,
}

/// How far a body is encoded.
enum Progress {
    /// Everything that came is encoded. Without an encoder, nothing has come yet.
    Idle(Option<Encoder>),
    /// A piece waits for a thread.
    Due(PieceEncoding),
    /// A thread has it.
    AtWork,
    /// It is encoded, and is sent next. Without an encoder, it is the last one.
    Done(Vec<u8>, Option<Encoder>),
    Failed(io::Error),
    Over,
}

/// A piece that a thread has to encode.
pub(crate) struct PieceEncoding {
    coding: Coding,
    encoder: Option<Encoder>,
    bytes: Vec<u8>,
    is_last: bool,
}

/// A piece that a thread has encoded, with the encoder for the next one.
pub(crate) type EncodedPiece = io::Result<(Vec<u8>, Option<Encoder>)>;

impl PieceEncoding {
    /// Encodes the piece. It takes its time.
    pub(crate) fn run(self) -> EncodedPiece {
        let mut encoder = match self.encoder {
            Some(encoder) => encoder,
            None => Encoder::new(self.coding)?,
        };
        if self.is_last {
            return Ok((encoder.finish(&self.bytes)?, None));
        }
        let encoded = encoder.encode(&self.bytes)?;
        Ok((encoded, Some(encoder)))
    }
}

impl EncodedSource {
    pub(super) fn new(body: EncodedBody) -> EncodedSource {
        let EncodedBody { inner, coding, permit } = body;
        let inner = BodySource::new(inner, None);
        EncodedSource { inner, coding, progress: Progress::Idle(None), _permit: permit }
    }

    /// The next encoded piece. After [`Supply::NotYet`] there may be work for a thread:
    /// [`take_due`](EncodedSource::take_due).
    pub(super) fn take(&mut self, disk: Disk) -> io::Result<Supply> {
        loop {
            match std::mem::replace(&mut self.progress, Progress::AtWork) {
                Progress::Idle(encoder) => {
                    let (bytes, is_last) = match self.gather(disk)? {
                        Gathered::Piece { bytes, is_last } => (bytes, is_last),
                        Gathered::Nothing(supply) => {
                            self.progress = Progress::Idle(encoder);
                            return Ok(supply);
                        }
                    };
                    let coding = self.coding;
                    let due = PieceEncoding { coding, encoder, bytes, is_last };
                    self.progress = Progress::Due(due);
                    return Ok(Supply::NotYet);
                }
                Progress::Done(bytes, encoder) => {
                    self.progress = match encoder {
                        Some(encoder) => Progress::Idle(Some(encoder)),
                        None => Progress::Over,
                    };
                    if !bytes.is_empty() {
                        return Ok(Supply::Piece(bytes));
                    }
                }
                Progress::Failed(error) => return Err(error),
                Progress::Over => {
                    self.progress = Progress::Over;
                    return Ok(Supply::End);
                }
                waiting @ (Progress::Due(_) | Progress::AtWork) => {
                    self.progress = waiting;
                    return Ok(Supply::NotYet);
                }
            }
        }
    }

    /// All that has come, up to a bound, so that a flood of small pieces is one piece of work.
    fn gather(&mut self, disk: Disk) -> io::Result<Gathered> {
        let mut bytes = Vec::new();
        while bytes.len() < PIECE_BYTES_MAX {
            let count = match self.inner.next(PIECE_BYTES_MAX, disk)? {
                Chunk::Memory { bytes: more, .. } => {
                    let count = more.len().min(PIECE_BYTES_MAX - bytes.len());
                    bytes.extend_from_slice(&more[..count]);
                    count
                }
                Chunk::End => return Ok(Gathered::Piece { bytes, is_last: true }),
                Chunk::NotYet if bytes.is_empty() => return Ok(Gathered::Nothing(Supply::NotYet)),
                Chunk::Cold if bytes.is_empty() => return Ok(Gathered::Nothing(Supply::Cold)),
                Chunk::NotYet | Chunk::Cold => break,
                Chunk::File { .. } => return Err(io::ErrorKind::Unsupported.into()),
            };
            self.inner.advance(count);
        }
        Ok(Gathered::Piece { bytes, is_last: false })
    }

    /// The piece that a thread has to encode. It comes back with [`encoded`](EncodedSource::encoded).
    pub(crate) fn take_due(&mut self) -> Option<PieceEncoding> {
        match std::mem::replace(&mut self.progress, Progress::AtWork) {
            Progress::Due(due) => Some(due),
            other => {
                self.progress = other;
                None
            }
        }
    }

    /// A thread has encoded the piece.
    pub(crate) fn encoded(&mut self, piece: EncodedPiece) {
        self.progress = match piece {
            Ok((bytes, encoder)) => Progress::Done(bytes, encoder),
            Err(error) => Progress::Failed(error),
        };
    }
}

/// What the maker of the body has made.
enum Gathered {
    Piece {
        bytes: Vec<u8>,
        is_last: bool,
    },
    /// Nothing, and why.
    Nothing(Supply),
}

/// How much a thread encodes at a time: a millisecond of its time.
const PIECE_BYTES_MAX: usize = 64 * 1024;
