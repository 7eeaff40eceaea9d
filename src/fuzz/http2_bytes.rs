//! What holds for the bytes of HTTP/2, whatever they are.

use crate::http::h2::frame::{Frame, FrameReader, HEAD_BYTES, PAYLOAD_BYTES_MAX};
use crate::http::h2::head_reader::{HeadFault, HeadReader, TrailerReader};
use crate::http::h2::request::StreamHead;
use crate::http::h2::settings::PeerSettings;
use crate::http::h2::window::WINDOW_MAX;
use crate::http::h2::write;
use crate::http::hpack::{Decoder, Encoder, Indexing, TABLE_BYTES_USUAL};
use crate::http::priority::Priority;
use crate::http::{HeadLimits, Method, Peer, Reject};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A block is decoded or broken; what was decoded can be encoded, with any table, and is decoded to the same. The first
/// byte says how large the table of the encoder is; blocks are as long as the second byte says.
pub fn hpack(bytes: &[u8]) {
    let Some((&[size, length], blocks)) = bytes.split_first_chunk::<2>() else { return };
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let mut again = Decoder::new(TABLE_BYTES_USUAL);
    encoder.bound(usize::from(size) * 20);
    for (number, block) in blocks.chunks(usize::from(length) + 1).enumerate() {
        let Some(fields) = decoded(&mut decoder, block) else { return };
        let indexing = [Indexing::Kept, Indexing::NotKept, Indexing::Never];
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (place, (name, value)) in fields.iter().enumerate() {
            encoder.field(&mut out, name, value, indexing[place / (number + 1) % 3]);
        }
        assert_eq!(decoded(&mut again, &out), Some(fields));
    }
}

/// The fields of a block; `None` if it is broken.
fn decoded(decoder: &mut Decoder, block: &[u8]) -> Option<Fields> {
    let mut fields = Vec::new();
    let each = |name: &[u8], value: &[u8]| fields.push((name.to_vec(), value.to_vec()));
    decoder.decode(block, &mut Vec::new(), each).ok().map(|()| fields)
}

/// Any fields, in lines of `name=value`, survive the encoder.
pub fn hpack_encode(bytes: &[u8]) {
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    let mut out = Vec::new();
    let mut fields = Fields::new();
    encoder.begin(&mut out);
    for line in bytes.split(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = (&line[..end], line.get(end + 1..).unwrap_or_default());
        encoder.field(&mut out, name, value, Indexing::Kept);
        fields.push((name.to_vec(), value.to_vec()));
    }
    assert_eq!(decoded(&mut decoder, &out), Some(fields));
}

/// Settings are taken in or end the connection; what is taken in is within its bounds, and what a client says of its table
/// is kept to: it can decode every block.
pub fn settings(bytes: &[u8]) {
    let mut settings = PeerSettings::default();
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    for (number, payload) in bytes.chunks(6).enumerate() {
        if payload.len() < 6 || settings.apply(payload).is_err() {
            return;
        }
        assert!(settings.window <= WINDOW_MAX);
        assert!((16_384..1 << 24).contains(&settings.payload_bytes_max));
        encoder.bound(settings.header_table_bytes as usize);
        // Several settings may come before a block.
        if payload[5] % 2 == 0 {
            continue;
        }
        let mut out = Vec::new();
        encoder.begin(&mut out);
        let fields: Fields = (0..8_u8)
            .map(|place| {
                (vec![b'a' + place], vec![b'0' + number as u8 % 10; 20 * usize::from(place)])
            })
            .collect();
        for (name, value) in &fields {
            encoder.field(&mut out, name, value, Indexing::Kept);
        }
        assert_eq!(decoded(&mut decoder, &out), Some(fields));
    }
}

/// Frames are the same however their bytes come, and no part of them is longer than what has come. The first byte says
/// how.
pub fn frames(bytes: &[u8]) {
    let Some((&step, input)) = bytes.split_first() else { return };
    // What is behind the client's first frame is what matters.
    let mut stream = Vec::new();
    write::settings(&mut stream, &[]);
    stream.extend_from_slice(input);
    let at_once = read(&stream, stream.len());
    let in_pieces = read(&stream, usize::from(step) + 1);
    assert_eq!(at_once, in_pieces);
}

/// What is read: frames with the parts of their data joined, and whether there was a fault.
fn read(bytes: &[u8], step: usize) -> (Vec<(String, Vec<u8>)>, bool) {
    let mut reader = FrameReader::new();
    let mut frames: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut at, mut end, mut is_open) = (0, 0, false);
    loop {
        let (used, frame) = match reader.next(&bytes[at..end]) {
            Err(_) => return (frames, true),
            Ok(None) if end == bytes.len() => {
                let is_short = bytes.len() - at < HEAD_BYTES + PAYLOAD_BYTES_MAX;
                assert!(is_short, "a frame that is complete is read");
                return (frames, false);
            }
            Ok(None) => {
                end = (end + step).min(bytes.len());
                continue;
            }
            Ok(Some(read)) => read,
        };
        assert!(used <= end - at);
        at += used;
        match frame {
            Frame::Unknown => {}
            Frame::Data(part) => {
                if !std::mem::replace(&mut is_open, !part.is_last) {
                    frames.push((format!("data of {}: {}", part.stream, part.counted), Vec::new()));
                }
                let last = frames.last_mut().expect("it was begun");
                last.1.extend_from_slice(part.bytes);
                if part.ends_stream {
                    last.0.push('.');
                }
            }
            other => {
                if let Frame::Settings { payload } = other {
                    let _ = PeerSettings::default().apply(payload);
                }
                if let Frame::PriorityUpdate { value, .. } = other {
                    assert!(Priority::parse(value).is_none_or(|it| it.urgency < 8));
                }
                frames.push((format!("{other:?}"), Vec::new()));
            }
        }
    }
}

/// A head is a request as HTTP/1 would have it, or is refused: no name or value in it can begin another.
pub fn stream_head(bytes: &[u8]) {
    let limits = HeadLimits { head_bytes_max: 2048, target_bytes_max: 1024, header_count_max: 16 };
    let Some((&ends_stream, block)) = bytes.split_first() else { return };
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    let Some(fields) = decoded(&mut decoder, block) else { return };
    let mut trailers = TrailerReader::new(limits.head_bytes_max);
    fields.iter().for_each(|(name, value)| trailers.field(name, value));
    let _ = trailers.finish();
    let mut head = StreamHead::default();
    let mut reader = HeadReader::new(&mut head, &limits);
    fields.iter().for_each(|(name, value)| reader.field(name, value));
    match reader.finish(ends_stream & 1 == 1) {
        Err(HeadFault::Malformed(what)) => assert!(!what.is_empty()),
        Err(HeadFault::Rejected(reject)) => assert!(reject.status().code() >= 400),
        Ok(()) => {}
    }
    assert!(!head.line().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    match head.request(Peer::default()) {
        Ok(request) => {
            let path = request.path();
            assert!(path.starts_with(b"/") || path == b"*" && request.method() == Method::Options);
            assert!(!path.contains(&0));
            for (name, value) in request.headers() {
                assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_uppercase));
                assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            }
        }
        Err(reject) => assert!(matches!(reject, Reject::Malformed(_) | Reject::Misdirected)),
    }
}
