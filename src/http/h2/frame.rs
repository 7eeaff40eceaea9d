//! Frames (RFC 9113 §4, §6): what there are, and what each can show alone. [`FrameReader`] reads them as they arrive.

mod reader;

pub(crate) use reader::FrameReader;

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
