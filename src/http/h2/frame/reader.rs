//! Bytes → frames, as they arrive.
//!
//! The reader can stop at any byte and continues there. Data is handed on as it comes; every other frame is read when
//! it is complete, which its bound of 16 KiB allows. It checks what a frame alone, and the one before it, can show. It
//! must never know what a stream is in the middle of.

use super::{
    BAD_PADDING, DataPart, Frame, FrameHead, HEAD_BYTES, HeadersFrame, PAYLOAD_BYTES_MAX, flag,
    kind,
};
use crate::http::h2::error::Fault;

/// Reads frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    state: ReaderState,
    /// Whether the client's first frame has come.
    has_begun: bool,
    /// The stream whose block of fields has to go on with the next frame.
    unfinished_block: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
enum ReaderState {
    BetweenFrames,
    InData {
        stream: u32,
        left: usize,
        padding: usize,
        ends_stream: bool,
    },
    /// In a frame of an unknown type.
    Skipping {
        left: usize,
    },
}

impl FrameReader {
    /// A reader behind the preface.
    pub(crate) fn new() -> FrameReader {
        FrameReader { state: ReaderState::BetweenFrames, has_begun: false, unfinished_block: None }
    }

    /// Whether the bytes read so far end with a whole frame, and no block of fields is open.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.state, ReaderState::BetweenFrames) && self.unfinished_block.is_none()
    }

    /// Whether a block of fields has begun and not ended.
    pub(crate) fn is_in_block(&self) -> bool {
        self.unfinished_block.is_some()
    }

    /// Reads a frame at the beginning of `input`, or a part of its data. Returns how many bytes that takes, too;
    /// `Ok(None)` if more have to come first.
    ///
    /// # Errors
    /// A [`Fault`] that ends the connection, as soon as it shows.
    pub(crate) fn next<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<Option<(usize, Frame<'a>)>, Fault> {
        match self.state {
            ReaderState::BetweenFrames => self.next_frame(input),
            _ if input.is_empty() => Ok(None),
            ReaderState::InData { .. } => {
                let (used, part) = self.data_part(input);
                Ok(Some((used, Frame::Data(part))))
            }
            ReaderState::Skipping { left } => Ok(Some(self.skip(left, input))),
        }
    }

    fn next_frame<'a>(&mut self, input: &'a [u8]) -> Result<Option<(usize, Frame<'a>)>, Fault> {
        let Some((head, payload)) = input.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let head = FrameHead::read(*head);
        self.check(&head)?;
        match head.kind {
            kind::DATA => {
                let (before, padding) = match (head.flags & flag::PADDED, payload.first()) {
                    (0, _) => (0, 0),
                    (_, _) if head.length == 0 => return Err(BAD_PADDING),
                    (_, None) => return Ok(None),
                    (_, Some(&padding)) => (1, usize::from(padding)),
                };
                let left = head.length - before;
                if padding > left {
                    return Err(BAD_PADDING);
                }
                self.has_begun = true;
                self.state = ReaderState::InData {
                    stream: head.stream,
                    left: left - padding,
                    padding,
                    ends_stream: head.flags & flag::END_STREAM != 0,
                };
                let rest = &payload[before.min(payload.len())..];
                let (used, mut part) = self.data_part(rest);
                part.counted = head.length as u32;
                part.padding = (before + padding) as u32;
                part.is_of_empty_frame = left == padding;
                Ok(Some((HEAD_BYTES + before + used, Frame::Data(part))))
            }
            kind::HEADERS..=kind::CONTINUATION | kind::PRIORITY_UPDATE => {
                let Some(payload) = payload.get(..head.length) else {
                    return Ok(None);
                };
                let frame = head.complete(payload)?;
                self.has_begun = true;
                self.unfinished_block = match frame {
                    Frame::Headers(HeadersFrame { stream, ends_headers: false, .. })
                    | Frame::Continuation { stream, ends_headers: false, .. } => Some(stream),
                    _ => None,
                };
                Ok(Some((HEAD_BYTES + head.length, frame)))
            }
            _ => {
                let (used, frame) = self.skip(head.length, payload);
                Ok(Some((HEAD_BYTES + used, frame)))
            }
        }
    }

    /// Checks what can be checked before the payload is here.
    fn check(&self, head: &FrameHead) -> Result<(), Fault> {
        if !self.has_begun && (head.kind != kind::SETTINGS || head.flags & flag::ACK != 0) {
            return Err(Fault::protocol("the first frame is not SETTINGS"));
        }
        if head.length > PAYLOAD_BYTES_MAX {
            return Err(Fault::frame_size("a frame is longer than SETTINGS_MAX_FRAME_SIZE"));
        }
        match (self.unfinished_block, head.kind) {
            (Some(stream), kind::CONTINUATION) if stream == head.stream => {}
            (Some(_), _) => return Err(Fault::protocol("a block of fields is interrupted")),
            (None, kind::CONTINUATION) => {
                return Err(Fault::protocol("CONTINUATION without HEADERS"));
            }
            (None, _) => {}
        }
        head.check()
    }

    /// The part of the data that is here, as one that is not the first of its frame.
    fn data_part<'a>(&mut self, input: &'a [u8]) -> (usize, DataPart<'a>) {
        let (stream, left, behind, ends_stream) = match self.state {
            ReaderState::InData { stream, left, padding, ends_stream } => {
                (stream, left, padding, ends_stream)
            }
            _ => (0, 0, 0, false),
        };
        let bytes = &input[..left.min(input.len())];
        let skipped = behind.min(input.len() - bytes.len());
        let (left, behind) = (left - bytes.len(), behind - skipped);
        let is_last = left + behind == 0;
        self.state = match is_last {
            true => ReaderState::BetweenFrames,
            false => ReaderState::InData { stream, left, padding: behind, ends_stream },
        };
        let ends_stream = is_last && ends_stream;
        let part = DataPart {
            stream,
            bytes,
            counted: 0,
            padding: 0,
            is_of_empty_frame: false,
            is_last,
            ends_stream,
        };
        (bytes.len() + skipped, part)
    }

    fn skip<'a>(&mut self, length: usize, input: &'a [u8]) -> (usize, Frame<'a>) {
        let skipped = length.min(input.len());
        self.state = match length - skipped {
            0 => ReaderState::BetweenFrames,
            left => ReaderState::Skipping { left },
        };
        (skipped, Frame::Unknown)
    }
}

impl Default for FrameReader {
    fn default() -> FrameReader {
        FrameReader::new()
    }
}
