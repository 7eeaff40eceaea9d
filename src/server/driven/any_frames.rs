//! Any frames, however they are cut: what leaves is HTTP/2, and the connection comes to an end (a fuzz target).

use super::*;
use crate::http::h2::frame::{Frame, FrameReader, HEAD_BYTES, PREFACE};
use crate::http::h2::write;
use crate::http::hpack::{Decoder, TABLE_BYTES_USUAL};
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    /// The sample site costs some files; one does for all inputs of a thread.
    static DRIVEN: RefCell<Option<Driven>> = const { RefCell::new(None) };
}

/// Sends the bytes behind the preface and settings at once, then cut into pieces as the first byte says.
pub fn http2(bytes: &[u8]) {
    let Some((&cut, frames)) = bytes.split_first() else { return };
    let mut stream = PREFACE.to_vec();
    write::settings(&mut stream, &[]);
    stream.extend_from_slice(frames);
    DRIVEN.with_borrow_mut(|driven| {
        let mut it = driven.take().unwrap_or_else(|| {
            let mut it = Driven::threaded(Limits::default());
            it.cx.places = vec![crate::server::context::ListenPlace {
                address: None,
                speaks_http2: true,
                for_status: false,
            }];
            it
        });
        let piece = usize::from(cut % 16) * 3 + 1;
        let room = usize::from(cut / 16) * 97 + 1;
        for (piece, room) in [(stream.len(), usize::MAX), (piece, room)] {
            it.conversation(&stream, piece, room);
            check(&it.client.sent());
        }
        *driven = Some(it);
    });
}

/// How far the response on a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Nothing,
    Head,
    Ended,
    /// It was reset, and nothing more may come.
    Reset,
}

/// What a server may send, in its order (RFC 9113 §5.1, §6.8, §8.1).
fn check(sent: &[u8]) {
    let mut reader = FrameReader::new();
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    let mut streams: BTreeMap<u32, Progress> = BTreeMap::new();
    let mut last_stream = u32::MAX;
    let mut at = 0;
    while let Some((used, frame)) = reader.next(&sent[at..]).expect("the server makes no faults") {
        let payload = &sent[at..][HEAD_BYTES.min(used)..used];
        at += used;
        match frame {
            Frame::Data(part) => {
                let progress = streams.entry(part.stream).or_default();
                assert_eq!(*progress, Progress::Head, "data of {}", part.stream);
                if part.ends_stream {
                    *progress = Progress::Ended;
                }
            }
            Frame::Headers(headers) => {
                assert!(headers.ends_headers, "heads are short");
                let mut names = Vec::new();
                let each = |name: &[u8], _: &[u8]| names.push(name.to_vec());
                let decoded = decoder.decode(headers.fragment, &mut Vec::new(), each);
                decoded.expect("the server makes no faults");
                assert_eq!(names.first().map(Vec::as_slice), Some(&b":status"[..]));
                let progress = streams.entry(headers.stream).or_default();
                let is_first = matches!(*progress, Progress::Nothing | Progress::Head);
                assert!(is_first, "a head of {}: {progress:?}", headers.stream);
                *progress = if headers.ends_stream { Progress::Ended } else { Progress::Head };
            }
            Frame::Reset { stream } => {
                streams.insert(stream, Progress::Reset);
            }
            Frame::GoAway => {
                let last = payload.first_chunk().map_or(0, |last| u32::from_be_bytes(*last));
                assert!(last <= last_stream, "a later GOAWAY promises more");
                last_stream = last;
            }
            Frame::Settings { .. }
            | Frame::SettingsAck
            | Frame::Ping { .. }
            | Frame::PingAck
            | Frame::WindowUpdate { .. } => {}
            other => panic!("no server sends {other:?}"),
        }
    }
}
