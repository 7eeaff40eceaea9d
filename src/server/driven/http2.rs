//! HTTP/2 on the same machine: a client that speaks it by this crate's own codec, frame by frame.

mod faults;
mod floods;
mod life;
mod random;
mod resting;
mod rules;
mod sending;
mod streams;

use super::*;
use crate::http::h2::error::ErrorCode;
use crate::http::h2::frame::{Frame, FrameReader, HEAD_BYTES, PREFACE, flag, kind};
use crate::http::h2::write;
use crate::http::hpack::{Decoder, Encoder, Indexing, TABLE_BYTES_USUAL};
use crate::server::context::ListenPlace;
use std::collections::BTreeMap;

/// A connection whose client speaks HTTP/2.
struct Speaker {
    it: Driven,
    encoder: Encoder,
    decoder: Decoder,
    reader: FrameReader,
    /// How far the server's bytes have been read.
    read_bytes: usize,
    /// What came on each stream.
    replies: BTreeMap<u32, StreamReply>,
    /// The last stream and the code of each GOAWAY.
    goaways: Vec<(u32, u32)>,
    /// Frames that are about the connection, by their types.
    others: Vec<u8>,
    /// The streams of the frames of data, in the order in which they came.
    order: Vec<u32>,
    /// Whether the client makes room for what it has read.
    makes_room: bool,
}

/// What came on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StreamReply {
    heads: Vec<Vec<(String, String)>>,
    body: Vec<u8>,
    has_ended: bool,
    reset: Option<u32>,
}

impl StreamReply {
    fn status(&self) -> u16 {
        let head = self.heads.last().expect("a head has come");
        assert_eq!(head[0].0, ":status");
        head[0].1.parse().expect("it is a number")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let head = self.heads.last()?;
        head.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

impl Speaker {
    /// A client that has sent its preface and got that of the server. Threads do each job at once.
    fn new() -> Speaker {
        Speaker::greeted(Driven::new())
    }

    /// The same with threads that do their jobs when the test calls.
    fn threaded() -> Speaker {
        Speaker::greeted(Driven::threaded(Limits::default()))
    }

    fn greeted(driven: Driven) -> Speaker {
        let mut it = Speaker::silent(driven);
        it.sends(&greeting());
        it.reads();
        assert_eq!(it.others, [kind::SETTINGS, kind::WINDOW_UPDATE, kind::SETTINGS]);
        it.sends(&acknowledgement());
        it
    }

    /// A client that has sent nothing yet.
    fn silent(mut it: Driven) -> Speaker {
        it.cx.places = vec![ListenPlace { address: None, speaks_http2: true, for_status: false }];
        Speaker {
            it,
            encoder: Encoder::new(TABLE_BYTES_USUAL),
            decoder: Decoder::new(TABLE_BYTES_USUAL),
            reader: FrameReader::new(),
            read_bytes: 0,
            replies: BTreeMap::new(),
            goaways: Vec::new(),
            others: Vec::new(),
            order: Vec::new(),
            makes_room: true,
        }
    }

    fn sends(&mut self, bytes: &[u8]) {
        self.it.receives(bytes);
    }

    /// Reads what the server has sent, and makes room for it, until nothing more comes.
    fn reads(&mut self) {
        loop {
            let sent = self.it.client.sent();
            let mut room = BTreeMap::new();
            while let Some((used, frame)) =
                self.reader.next(&sent[self.read_bytes..]).expect("the server makes no faults")
            {
                let payload = &sent[self.read_bytes..][HEAD_BYTES.min(used)..used];
                self.read_bytes += used;
                match frame {
                    Frame::Data(part) => {
                        let reply = self.replies.entry(part.stream).or_default();
                        reply.body.extend_from_slice(part.bytes);
                        reply.has_ended |= part.ends_stream;
                        self.order.push(part.stream);
                        if !part.ends_stream && part.counted > 0 {
                            *room.entry(part.stream).or_insert(0) += part.counted;
                        }
                        if part.counted > 0 {
                            *room.entry(0).or_insert(0) += part.counted;
                        }
                    }
                    Frame::Headers(headers) => {
                        assert!(headers.ends_headers, "heads are short");
                        let mut fields = Vec::new();
                        let each =
                            |name: &[u8], value: &[u8]| fields.push((text(name), text(value)));
                        self.decoder
                            .decode(headers.fragment, &mut Vec::new(), each)
                            .expect("the server makes no faults");
                        let reply = self.replies.entry(headers.stream).or_default();
                        reply.heads.push(fields);
                        reply.has_ended |= headers.ends_stream;
                    }
                    Frame::Reset { stream } => {
                        self.replies.entry(stream).or_default().reset = Some(number(payload));
                    }
                    Frame::GoAway => {
                        self.goaways.push((number(payload), number(&payload[4..])));
                        self.others.push(kind::GOAWAY);
                    }
                    Frame::Settings { .. } | Frame::SettingsAck => {
                        self.others.push(kind::SETTINGS);
                    }
                    Frame::Ping { .. } | Frame::PingAck => self.others.push(kind::PING),
                    Frame::WindowUpdate { .. } => self.others.push(kind::WINDOW_UPDATE),
                    other => panic!("no server sends {other:?}"),
                }
            }
            if room.is_empty() || !self.makes_room || self.it.verdict == Verdict::Close {
                return;
            }
            let mut updates = Vec::new();
            for (stream, increment) in room {
                write::window_update(&mut updates, stream, increment);
            }
            self.sends(&updates);
        }
    }

    /// The bytes of a request with these headers; no body follows if `ends`.
    fn request(
        &mut self,
        stream: u32,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        ends: bool,
    ) -> Vec<u8> {
        let fields =
            [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
        self.block(stream, &[&fields[..], more].concat(), ends)
    }

    /// The bytes of HEADERS with any fields.
    fn block(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let start = write::begin_block(&mut out);
        for (name, value) in fields {
            self.encoder.field(&mut out, name.as_bytes(), value.as_bytes(), Indexing::Kept);
        }
        write::end_block(&mut out, start, stream, ends, 16_384);
        out
    }

    /// Sends a GET.
    fn gets(&mut self, stream: u32, path: &str) {
        let request = self.request(stream, "GET", path, &[], true);
        self.sends(&request);
    }

    /// The whole response on a stream, with this status.
    #[track_caller]
    fn reply(&mut self, stream: u32, status: u16) -> StreamReply {
        self.reads();
        let reply = self.replies.get(&stream).cloned().unwrap_or_default();
        assert!(reply.has_ended, "stream {stream}: {reply:?}");
        assert_eq!(reply.status(), status, "stream {stream}: {reply:?}");
        reply
    }

    /// The code that a stream was reset with.
    #[track_caller]
    fn is_reset(&mut self, stream: u32, code: ErrorCode) {
        self.reads();
        let reset = self.replies.get(&stream).and_then(|reply| reply.reset);
        assert_eq!(reset, Some(code as u32), "stream {stream}");
    }

    /// The connection ends with this code, and says no more.
    #[track_caller]
    fn ends_with(&mut self, code: ErrorCode) {
        self.reads();
        let (_, last) = *self.goaways.last().expect("a GOAWAY came");
        assert_eq!(last, code as u32, "not {code}");
        let is_over =
            self.it.verdict == Verdict::Close || self.it.client.end() == StreamEnd::Finished;
        assert!(is_over, "the connection goes on");
    }

    /// The connection still serves.
    #[track_caller]
    fn goes_on(&mut self, stream: u32) {
        self.gets(stream, "/hello");
        assert_eq!(self.reply(stream, 200).body, b"hello\n");
        assert_eq!(self.goaways, []);
    }
}

/// So long a client has to see a response, before its request is reset.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The client's preface and its settings.
fn greeting() -> Vec<u8> {
    let mut out = PREFACE.to_vec();
    write::settings(&mut out, &[]);
    out
}

fn acknowledgement() -> Vec<u8> {
    let mut out = Vec::new();
    write::settings_ack(&mut out);
    out
}

/// A frame with any head.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::frame_head(&mut out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
    out
}

/// A frame of data.
fn data(stream: u32, bytes: &[u8], ends: bool) -> Vec<u8> {
    [&write::data_head(bytes.len(), ends, stream)[..], bytes].concat()
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    let mut out = Vec::new();
    write::window_update(&mut out, stream, increment);
    out
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"))
}
