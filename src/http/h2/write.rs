//! Frames → bytes (RFC 9113 §4.1, §6).

use super::error::ErrorCode;
use super::frame::{HEAD_BYTES, flag, kind};

/// What precedes a payload of this length.
#[inline]
fn head(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; HEAD_BYTES] {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    [l0, l1, l2, kind, flags, s0, s1, s2, s3]
}

/// Appends what precedes a payload of this length.
pub(crate) fn frame_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&head(length, kind, flags, stream));
}

/// What precedes so many bytes of data.
pub(crate) fn data_head(length: usize, ends_stream: bool, stream: u32) -> [u8; HEAD_BYTES] {
    head(length, kind::DATA, if ends_stream { flag::END_STREAM } else { 0 }, stream)
}

/// Appends SETTINGS.
pub(crate) fn settings(out: &mut Vec<u8>, values: &[(u16, u32)]) {
    frame_head(out, values.len() * 6, kind::SETTINGS, 0, 0);
    for (identifier, value) in values {
        out.extend_from_slice(&identifier.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends the acknowledgement of the client's SETTINGS.
pub(crate) fn settings_ack(out: &mut Vec<u8>) {
    frame_head(out, 0, kind::SETTINGS, flag::ACK, 0);
}

/// Appends a PING.
pub(crate) fn ping(out: &mut Vec<u8>, data: [u8; 8]) {
    frame_head(out, data.len(), kind::PING, 0, 0);
    out.extend_from_slice(&data);
}

/// Appends the answer to a PING.
pub(crate) fn ping_ack(out: &mut Vec<u8>, data: [u8; 8]) {
    frame_head(out, data.len(), kind::PING, flag::ACK, 0);
    out.extend_from_slice(&data);
}

/// Appends RST_STREAM.
pub(crate) fn reset(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    frame_head(out, 4, kind::RST_STREAM, 0, stream);
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Appends WINDOW_UPDATE; stream 0 is the connection.
pub(crate) fn window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    frame_head(out, 4, kind::WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Appends GOAWAY: streams above `last_stream` were not and will not be served.
pub(crate) fn goaway(out: &mut Vec<u8>, last_stream: u32, code: ErrorCode, reason: &str) {
    frame_head(out, 8 + reason.len(), kind::GOAWAY, 0, 0);
    out.extend_from_slice(&last_stream.to_be_bytes());
    out.extend_from_slice(&(code as u32).to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Leaves room for what precedes a block of fields, which is appended next. Returns where that begins.
pub(crate) fn begin_block(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.len()
}

/// Frames the block that begins at `start`: HEADERS, and CONTINUATION if it is longer than a frame of the client may be.
pub(crate) fn end_block(
    out: &mut Vec<u8>,
    start: usize,
    stream: u32,
    ends_stream: bool,
    payload_bytes_max: usize,
) {
    let ends_stream = if ends_stream { flag::END_STREAM } else { 0 };
    let length = out.len() - start;
    if length <= payload_bytes_max {
        let flags = flag::END_HEADERS | ends_stream;
        let head = head(length, kind::HEADERS, flags, stream);
        out[start - HEAD_BYTES..start].copy_from_slice(&head);
        return;
    }
    let block = out.split_off(start);
    out.truncate(start - HEAD_BYTES);
    let last = length.div_ceil(payload_bytes_max) - 1;
    for (number, part) in block.chunks(payload_bytes_max).enumerate() {
        let end = if number == last { flag::END_HEADERS } else { 0 };
        match number {
            0 => frame_head(out, part.len(), kind::HEADERS, ends_stream | end, stream),
            _ => frame_head(out, part.len(), kind::CONTINUATION, end, stream),
        }
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h2::block::HeaderBlock;
    use crate::http::h2::frame::{Frame, FrameReader};

    #[test]
    fn frames_have_their_layout() {
        let mut out = Vec::new();
        settings(&mut out, &[(3, 100), (4, 65_536)]);
        assert_eq!(out, b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x01\0\0");
        out.clear();
        goaway(&mut out, 7, ErrorCode::EnhanceYourCalm, "why");
        assert_eq!(out, b"\0\0\x0b\x07\0\0\0\0\0\0\0\0\x07\0\0\0\x0bwhy");
        out.clear();
        reset(&mut out, 9, ErrorCode::Cancel);
        window_update(&mut out, 0, 256);
        assert_eq!(out, b"\0\0\x04\x03\0\0\0\0\x09\0\0\0\x08\0\0\x04\x08\0\0\0\0\0\0\0\x01\0");
        assert_eq!(data_head(16_384, true, 3), *b"\0\x40\0\0\x01\0\0\0\x03");
    }

    #[test]
    fn a_block_of_any_length_is_framed_and_read_again() {
        for length in [0, 1, 9, 10, 11, 20, 95] {
            let block: Vec<u8> = (0..length).collect();
            let mut out = Vec::new();
            settings(&mut out, &[]);
            let start = begin_block(&mut out);
            out.extend_from_slice(&block);
            end_block(&mut out, start, 5, true, 10);
            let mut reader = FrameReader::new();
            let mut read = HeaderBlock::default();
            let (mut rest, mut is_complete) = (&out[..], false);
            while let Some((used, frame)) = reader.next(rest).expect("they are frames") {
                rest = &rest[used..];
                match frame {
                    Frame::Headers(headers) => {
                        assert!(headers.ends_stream);
                        is_complete = headers.ends_headers;
                        read.begin(headers.stream, headers.ends_stream, headers.fragment, 1000)
                            .expect("it is short");
                    }
                    Frame::Continuation { stream, fragment, ends_headers } => {
                        assert_eq!(stream, 5);
                        is_complete = ends_headers;
                        read.push(fragment, 1000).expect("it is short");
                    }
                    _ => {}
                }
            }
            assert!(rest.is_empty() && is_complete, "{length}");
            assert_eq!(read.bytes(), block);
        }
    }
}
