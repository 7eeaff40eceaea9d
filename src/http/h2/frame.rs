//! Bytes → frames (RFC 9113 §4, §6), as they arrive.
//!
//! The reader can stop at any byte and continues there. Data is handed on as it comes; every other frame is read when
//! it is complete, which its bound of 16 KiB allows. It checks what a frame alone, and the one before it, can show. It
//! must never know what a stream is in the middle of.

use super::error::Fault;

/// What a client sends first (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of what precedes the payload of each frame.
pub(crate) const HEAD_BYTES: usize = 9;

/// The longest payload that this server takes: the least that RFC 9113 §4.2 allows.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 16_384;

/// The types of frames (RFC 9113 §6, RFC 9218 §7.1).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0x0;
    pub(crate) const HEADERS: u8 = 0x1;
    pub(crate) const PRIORITY: u8 = 0x2;
    pub(crate) const RST_STREAM: u8 = 0x3;
    pub(crate) const SETTINGS: u8 = 0x4;
    pub(crate) const PUSH_PROMISE: u8 = 0x5;
    pub(crate) const PING: u8 = 0x6;
    pub(crate) const GOAWAY: u8 = 0x7;
    pub(crate) const WINDOW_UPDATE: u8 = 0x8;
    pub(crate) const CONTINUATION: u8 = 0x9;
    pub(crate) const PRIORITY_UPDATE: u8 = 0x10;
}

/// The flags of frames.
pub(crate) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// A frame, or a part of the data of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Data(DataPart<'a>),
    Headers(HeadersFrame<'a>),
    /// The deprecated priority of a stream (RFC 9113 §5.3.2).
    Priority,
    Reset {
        stream: u32,
    },
    Settings {
        payload: &'a [u8],
    },
    SettingsAck,
    Ping {
        data: [u8; 8],
    },
    PingAck,
    GoAway,
    /// `stream` is 0 for the window of the connection.
    WindowUpdate {
        stream: u32,
        increment: u32,
    },
    Continuation {
        stream: u32,
        fragment: &'a [u8],
        ends_headers: bool,
    },
    PriorityUpdate {
        stream: u32,
        value: &'a [u8],
    },
    /// A frame of a type that this server does not know, or a part of it. It is to be ignored.
    Unknown,
    /// A frame that ends its stream, but not the connection.
    Broken {
        stream: u32,
        fault: Fault,
    },
}

impl Frame<'_> {
    /// The stream that it is for; 0 for the connection, and where nobody need know.
    pub(crate) fn stream(&self) -> u32 {
        match self {
            Frame::Data(part) => part.stream,
            Frame::Headers(headers) => headers.stream,
            Frame::Reset { stream }
            | Frame::WindowUpdate { stream, .. }
            | Frame::Continuation { stream, .. }
            | Frame::PriorityUpdate { stream, .. }
            | Frame::Broken { stream, .. } => *stream,
            Frame::Settings { .. }
            | Frame::SettingsAck
            | Frame::Ping { .. }
            | Frame::PingAck
            | Frame::GoAway
            | Frame::Priority
            | Frame::Unknown => 0,
        }
    }
}

/// A part of the data of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataPart<'a> {
    pub stream: u32,
    pub bytes: &'a [u8],
    /// How much the whole frame takes of the windows, with its padding: in the first part, and 0 in the others.
    pub counted: u32,
    /// How much of that is padding, with its length.
    pub padding: u32,
    /// Whether there is no data in the whole frame.
    pub is_of_empty_frame: bool,
    /// Whether it is the last of its frame.
    pub is_last: bool,
    /// Whether it is the last of its stream.
    pub ends_stream: bool,
}

/// The beginning of a block of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadersFrame<'a> {
    pub stream: u32,
    pub fragment: &'a [u8],
    pub ends_headers: bool,
    pub ends_stream: bool,
    /// Whether its deprecated priority makes the stream depend on itself.
    pub depends_on_itself: bool,
}

/// What precedes a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameHead {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

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

impl FrameHead {
    fn read(head: [u8; HEAD_BYTES]) -> FrameHead {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head;
        FrameHead {
            length: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            // The uppermost bit is reserved (RFC 9113 §4.1).
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & STREAM_MAX,
        }
    }

    /// The rules of each type for its length and its stream, as far as a breach ends the connection.
    fn check(&self) -> Result<(), Fault> {
        let is_for_connection = match self.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::CONTINUATION => {
                Some(false)
            }
            kind::SETTINGS | kind::PING | kind::GOAWAY | kind::PRIORITY_UPDATE => Some(true),
            _ => None,
        };
        if is_for_connection.is_some_and(|it| it != (self.stream == 0)) {
            return Err(Fault::protocol("a frame on a stream that its type does not go with"));
        }
        let is_length_good = match self.kind {
            kind::RST_STREAM | kind::WINDOW_UPDATE => self.length == 4,
            kind::SETTINGS if self.flags & flag::ACK != 0 => self.length == 0,
            kind::SETTINGS => self.length.is_multiple_of(6),
            kind::PING => self.length == 8,
            kind::GOAWAY => self.length >= 8,
            kind::PRIORITY_UPDATE => self.length >= 4,
            kind::PUSH_PROMISE => return Err(Fault::protocol("PUSH_PROMISE from a client")),
            _ => true,
        };
        match is_length_good {
            true => Ok(()),
            false => Err(Fault::frame_size("a frame has a length that its type does not have")),
        }
    }

    /// The frame with its whole payload.
    fn complete<'a>(&self, payload: &'a [u8]) -> Result<Frame<'a>, Fault> {
        let stream = self.stream;
        let has = |flag: u8| self.flags & flag != 0;
        Ok(match self.kind {
            kind::HEADERS => {
                let mut fragment = payload;
                if has(flag::PADDED) {
                    let (&padding, rest) = fragment.split_first().ok_or(BAD_PADDING)?;
                    let end = rest.len().checked_sub(usize::from(padding)).ok_or(BAD_PADDING)?;
                    fragment = &rest[..end];
                }
                let mut depends_on_itself = false;
                if has(flag::PRIORITY) {
                    const SHORT: Fault = Fault::frame_size("HEADERS without its priority");
                    let (priority, rest) = fragment.split_first_chunk::<5>().ok_or(SHORT)?;
                    depends_on_itself = depends_on(priority) == stream;
                    fragment = rest;
                }
                Frame::Headers(HeadersFrame {
                    stream,
                    fragment,
                    ends_headers: has(flag::END_HEADERS),
                    ends_stream: has(flag::END_STREAM),
                    depends_on_itself,
                })
            }
            kind::PRIORITY => match payload.first_chunk::<5>() {
                Some(priority) if payload.len() == 5 => {
                    if depends_on(priority) == stream {
                        let fault = Fault::protocol("a stream depends on itself");
                        return Ok(Frame::Broken { stream, fault });
                    }
                    Frame::Priority
                }
                _ => {
                    let fault = Fault::frame_size("PRIORITY has five bytes");
                    Frame::Broken { stream, fault }
                }
            },
            kind::RST_STREAM => Frame::Reset { stream },
            kind::SETTINGS if has(flag::ACK) => Frame::SettingsAck,
            kind::SETTINGS => Frame::Settings { payload },
            kind::PING if has(flag::ACK) => Frame::PingAck,
            kind::PING => Frame::Ping { data: payload.first_chunk().copied().unwrap_or_default() },
            kind::GOAWAY => Frame::GoAway,
            kind::WINDOW_UPDATE => {
                let increment = number(payload);
                match (increment, stream) {
                    (0, 0) => return Err(NO_INCREMENT),
                    (0, _) => Frame::Broken { stream, fault: NO_INCREMENT },
                    _ => Frame::WindowUpdate { stream, increment },
                }
            }
            kind::CONTINUATION => Frame::Continuation {
                stream,
                fragment: payload,
                ends_headers: has(flag::END_HEADERS),
            },
            kind::PRIORITY_UPDATE => {
                let prioritized = number(payload);
                if prioritized == 0 {
                    return Err(Fault::protocol("PRIORITY_UPDATE for no stream"));
                }
                Frame::PriorityUpdate {
                    stream: prioritized,
                    value: payload.get(4..).unwrap_or_default(),
                }
            }
            _ => Frame::Unknown,
        })
    }
}

/// The stream that a priority names.
fn depends_on(priority: &[u8; 5]) -> u32 {
    number(priority)
}

/// The first 31 bits after a reserved one.
fn number(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)) & STREAM_MAX
}

const BAD_PADDING: Fault = Fault::protocol("more padding than payload");

const NO_INCREMENT: Fault = Fault::protocol("WINDOW_UPDATE by nothing");

/// The largest number of a stream.
pub(crate) const STREAM_MAX: u32 = u32::MAX >> 1;

#[cfg(test)]
mod tests;
