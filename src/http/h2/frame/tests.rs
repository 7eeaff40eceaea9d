use super::*;
use crate::http::h2::error::ErrorCode;
use crate::http::h2::write;

/// A frame with any head.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::frame_head(&mut out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
    out
}

fn settings() -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, b"")
}

/// What is read of these bytes when so many arrive at a time: frames, with the parts of data joined.
fn read(bytes: &[u8], step: usize) -> (Vec<String>, Result<(), Fault>) {
    let mut reader = FrameReader::new();
    let (mut frames, mut data) = (Vec::new(), (Vec::new(), 0, 0, false));
    let (mut at, mut end) = (0, 0);
    loop {
        match reader.next(&bytes[at..end]) {
            Err(fault) => return (frames, Err(fault)),
            Ok(None) if end == bytes.len() => break,
            Ok(None) => end = (end + step).min(bytes.len()),
            Ok(Some((used, frame))) => {
                at += used;
                match frame {
                    Frame::Unknown => {}
                    Frame::Data(part) => {
                        data.0.extend_from_slice(part.bytes);
                        data.1 += part.counted;
                        data.2 += part.padding;
                        data.3 |= part.is_of_empty_frame;
                        if part.is_last {
                            let (bytes, counted, padding, is_of_empty_frame) =
                                std::mem::take(&mut data);
                            assert_eq!(is_of_empty_frame, bytes.is_empty());
                            let whole = DataPart {
                                bytes: &bytes,
                                counted,
                                padding,
                                is_of_empty_frame,
                                ..part
                            };
                            frames.push(format!("{:?}", Frame::Data(whole)));
                        }
                    }
                    other => frames.push(format!("{other:?}")),
                }
            }
        }
    }
    assert!(frames.is_empty() || at == bytes.len() || !reader.is_between_frames() || end > at);
    (frames, Ok(()))
}

/// The only frame after SETTINGS.
fn one(bytes: &[u8]) -> Result<String, Fault> {
    let (frames, end) = read(&[&settings(), bytes].concat(), usize::MAX / 2);
    end.map(|()| frames.get(1).cloned().unwrap_or_default())
}

fn fault(bytes: &[u8]) -> ErrorCode {
    one(bytes).expect_err("it ends the connection").code
}

/// One of each type.
fn samples() -> Vec<Vec<u8>> {
    vec![
        settings(),
        frame(kind::SETTINGS, flag::ACK, 0, b""),
        frame(kind::HEADERS, flag::END_HEADERS, 1, b"abc"),
        frame(kind::HEADERS, flag::PADDED | flag::PRIORITY, 3, b"\x02\0\0\0\0\x10block\0\0"),
        frame(kind::CONTINUATION, 0, 3, b""),
        frame(kind::CONTINUATION, flag::END_HEADERS, 3, b"more"),
        frame(kind::DATA, 0, 1, b"hello"),
        frame(kind::DATA, 0, 1, b""),
        frame(kind::DATA, flag::PADDED, 1, b"\x03data\0\0\0"),
        frame(kind::DATA, flag::PADDED, 1, b"\0"),
        frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, b"\x03\0\0\0"),
        frame(0xbe, 0xff, 77, b"unknown"),
        frame(kind::PRIORITY, 0, 5, b"\0\0\0\x01\x10"),
        frame(kind::RST_STREAM, 0, 5, b"\0\0\0\x08"),
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::PING, flag::ACK, 0, b"12345678"),
        frame(kind::WINDOW_UPDATE, 0, 0, b"\x80\0\0\x09"),
        frame(kind::WINDOW_UPDATE, 0, 5, b"\0\0\0\0"),
        frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x07u=1"),
        frame(kind::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0why"),
    ]
}

#[test]
fn every_split_gives_the_same_frames() {
    let bytes = samples().concat();
    let (whole, end) = read(&bytes, bytes.len());
    assert_eq!((whole.len(), end), (samples().len() - 1, Ok(())), "{whole:#?}");
    for step in 1..40 {
        assert_eq!(read(&bytes, step), (whole.clone(), Ok(())), "{step} at a time");
    }
    for cut in 0..bytes.len() {
        let mut reader = FrameReader::new();
        let (mut at, mut count) = (0, 0);
        for end in [cut, bytes.len()] {
            while let Some((used, frame)) = reader.next(&bytes[at..end]).expect("they are good") {
                at += used;
                let is_part = match frame {
                    Frame::Data(part) => !part.is_last,
                    other => other == Frame::Unknown,
                };
                count += usize::from(!is_part);
            }
        }
        assert_eq!((at, count), (bytes.len(), whole.len()), "cut at {cut}");
    }
}

#[test]
fn frames_are_read_as_what_they_are() {
    for (sample, expected) in [
        (
            frame(
                kind::HEADERS,
                flag::PADDED | flag::PRIORITY | 0x5,
                3,
                b"\x02\0\0\0\x03\x10ab\0\0",
            ),
            Frame::Headers(HeadersFrame {
                stream: 3,
                fragment: b"ab",
                ends_headers: true,
                ends_stream: true,
                depends_on_itself: true,
            }),
        ),
        (
            frame(kind::DATA, flag::PADDED | flag::END_STREAM, 0x8000_0001, b"\x03data\0\0\0"),
            Frame::Data(DataPart {
                stream: 1,
                bytes: b"data",
                counted: 8,
                padding: 4,
                is_of_empty_frame: false,
                is_last: true,
                ends_stream: true,
            }),
        ),
        (
            frame(kind::WINDOW_UPDATE, 0, 5, b"\x80\0\x01\0"),
            Frame::WindowUpdate { stream: 5, increment: 256 },
        ),
        (
            frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x07u=1"),
            Frame::PriorityUpdate { stream: 7, value: b"u=1" },
        ),
        (frame(kind::RST_STREAM, 0, 9, b"\0\0\0\x08"), Frame::Reset { stream: 9 }),
        (frame(kind::PING, 0, 0, b"12345678"), Frame::Ping { data: *b"12345678" }),
    ] {
        assert_eq!(one(&sample), Ok(format!("{expected:?}")));
    }
}

#[test]
fn the_first_frame_is_settings() {
    for first in [
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::SETTINGS, flag::ACK, 0, b""),
        frame(kind::HEADERS, flag::END_HEADERS, 1, b""),
        frame(0xbe, 0, 0, b""),
    ] {
        let (frames, end) = read(&first, first.len());
        assert_eq!((frames.len(), end.map_err(|it| it.code)), (0, Err(ErrorCode::Protocol)));
    }
}

#[test]
fn a_length_that_a_type_does_not_have_ends_the_connection() {
    for (kind, flags, stream, length) in [
        (kind::RST_STREAM, 0, 1, 3),
        (kind::RST_STREAM, 0, 1, 5),
        (kind::SETTINGS, 0, 0, 5),
        (kind::SETTINGS, flag::ACK, 0, 6),
        (kind::PING, 0, 0, 7),
        (kind::PING, flag::ACK, 0, 9),
        (kind::GOAWAY, 0, 0, 7),
        (kind::WINDOW_UPDATE, 0, 0, 3),
        (kind::WINDOW_UPDATE, 0, 1, 5),
        (kind::PRIORITY_UPDATE, 0, 0, 3),
        (kind::HEADERS, flag::PRIORITY, 1, 4),
        (kind::DATA, 0, 1, PAYLOAD_BYTES_MAX + 1),
        (kind::HEADERS, 0, 1, PAYLOAD_BYTES_MAX + 1),
        (0xbe, 0, 1, PAYLOAD_BYTES_MAX + 1),
    ] {
        let bytes = frame(kind, flags, stream, &vec![0; length]);
        assert_eq!(fault(&bytes), ErrorCode::FrameSize, "type {kind} with {length} bytes");
    }
    let longest = frame(kind::HEADERS, flag::END_HEADERS, 1, &[0; PAYLOAD_BYTES_MAX]);
    assert!(one(&longest).is_ok());
}

#[test]
fn a_fault_in_the_head_of_a_frame_does_not_wait_for_its_payload() {
    let bytes = frame(kind::PING, 0, 1, b"12345678");
    assert_eq!(fault(&bytes[..HEAD_BYTES]), ErrorCode::Protocol);
    let long = frame(kind::DATA, 0, 1, &vec![0; PAYLOAD_BYTES_MAX + 1]);
    assert_eq!(fault(&long[..HEAD_BYTES]), ErrorCode::FrameSize);
}

#[test]
fn a_frame_stands_where_its_type_belongs() {
    for (kind, stream, payload) in [
        (kind::DATA, 0, &b"x"[..]),
        (kind::HEADERS, 0, b""),
        (kind::PRIORITY, 0, b"12345"),
        (kind::RST_STREAM, 0, b"1234"),
        (kind::CONTINUATION, 1, b""),
        (kind::SETTINGS, 1, b""),
        (kind::PING, 1, b"12345678"),
        (kind::GOAWAY, 1, b"12345678"),
        (kind::PRIORITY_UPDATE, 1, b"1234"),
        (kind::PRIORITY_UPDATE, 0, b"\0\0\0\0"),
        (kind::PUSH_PROMISE, 1, b"1234"),
        (kind::WINDOW_UPDATE, 0, b"\0\0\0\0"),
    ] {
        assert_eq!(fault(&frame(kind, 0, stream, payload)), ErrorCode::Protocol, "type {kind}");
    }
}

#[test]
fn padding_is_no_longer_than_its_frame() {
    for (kind, payload) in [
        (kind::DATA, &b""[..]),
        (kind::DATA, b"\x01"),
        (kind::DATA, b"\x05data"),
        (kind::HEADERS, b""),
        (kind::HEADERS, b"\x01"),
    ] {
        let bytes = frame(kind, flag::PADDED | flag::END_HEADERS, 1, payload);
        assert_eq!(fault(&bytes), ErrorCode::Protocol, "{payload:?}");
    }
}

#[test]
fn nothing_comes_between_the_parts_of_a_block() {
    let open = frame(kind::HEADERS, 0, 1, b"a");
    for next in [
        frame(kind::DATA, 0, 1, b""),
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::CONTINUATION, 0, 3, b""),
        frame(0xbe, 0, 1, b""),
        frame(kind::HEADERS, flag::END_HEADERS, 3, b""),
    ] {
        let bytes = [&open[..], &frame(kind::CONTINUATION, 0, 1, b"b"), &next].concat();
        assert_eq!(fault(&bytes), ErrorCode::Protocol);
    }
}

#[test]
fn some_faults_end_the_stream_alone() {
    for (bytes, code) in [
        (frame(kind::PRIORITY, 0, 3, b"1234"), ErrorCode::FrameSize),
        (frame(kind::PRIORITY, 0, 3, b"\x80\0\0\x03\0"), ErrorCode::Protocol),
        (frame(kind::WINDOW_UPDATE, 0, 3, b"\x80\0\0\0"), ErrorCode::Protocol),
    ] {
        let read = one(&bytes).expect("the connection goes on");
        assert!(read.starts_with("Broken { stream: 3, ") && read.contains(&format!("{code:?}")));
    }
}
