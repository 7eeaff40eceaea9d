//! A client that speaks HTTP/2, keeps to the server's windows, and makes room when it pleases.

use super::ask::Ask;
use super::client::{Speaks, Standing};
use super::socket::Socket;
use super::stream::{Stall, Stream};
use super::truth::Truth;
use crate::http::h2::frame::{DataPart, Frame, FrameReader, HEAD_BYTES, PREFACE};
use crate::http::h2::write;
use crate::http::hpack::{Decoder, Encoder, Indexing, TABLE_BYTES_USUAL};
use crate::server::driven::random::Dice;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What it asks for, and how far it is.
pub(super) struct Http2 {
    dice: RefCell<Dice>,
    encoder: Encoder,
    decoder: Decoder,
    reader: FrameReader,
    /// What it has not asked for yet, the last first.
    asks: Vec<Ask>,
    streams: BTreeMap<u32, Stream>,
    next_stream: u32,
    /// Frames that have not left.
    out: Vec<u8>,
    read_bytes: usize,
    /// Whether its preface came too late.
    was_too_slow: bool,
    /// How much data the server takes in all, and on a new stream.
    window: i64,
    initial_window: i64,
    /// How much data came that the client has not made room for, by stream; 0 is the connection.
    room: BTreeMap<u32, u32>,
    /// The last stream that the server will answer, if it has said so.
    last_stream: Option<u32>,
    /// Whether it leaves some of its streams stalled.
    stalls: bool,
}

impl Http2 {
    pub(super) fn new(asks: Vec<Ask>, seed: u64, stalls: bool) -> Http2 {
        let mut dice = Dice::new(seed);
        let mut out = PREFACE.to_vec();
        // With windows of a few bytes, it would be taken for an attacker.
        let windows = [65_535, 65_535, 4_096 + dice.below(4_096) as u32, 200_000];
        let window = windows[dice.below(windows.len())];
        write::settings(&mut out, &[(INITIAL_WINDOW, window)]);
        Http2 {
            dice: RefCell::new(dice),
            encoder: Encoder::new(TABLE_BYTES_USUAL),
            decoder: Decoder::new(TABLE_BYTES_USUAL),
            reader: FrameReader::new(),
            asks,
            streams: BTreeMap::new(),
            next_stream: 1,
            out,
            read_bytes: 0,
            was_too_slow: false,
            window: 65_535,
            initial_window: 65_535,
            room: BTreeMap::new(),
            last_stream: None,
            stalls,
        }
    }

    fn below(&self, bound: usize) -> usize {
        self.dice.borrow_mut().below(bound)
    }

    /// Thinks of something to say. `false`: there is nothing.
    fn speak(&mut self, truth: &Truth) -> bool {
        if !self.room.is_empty() && (self.below(3) > 0 || !self.can_go_on()) {
            for (stream, increment) in std::mem::take(&mut self.room) {
                write::window_update(&mut self.out, stream, increment);
            }
            return true;
        }
        if self.below(40) == 0 && self.cancel() {
            return true;
        }
        let open = self.streams.values().filter(|it| it.is_open()).count();
        let may_begin =
            !self.asks.is_empty() && open < STREAMS_AT_ONCE && self.last_stream.is_none();
        if may_begin && (self.below(2) == 0 || !self.has_data()) {
            self.begin(truth);
            return true;
        }
        self.send_data()
    }

    fn can_go_on(&self) -> bool {
        self.has_data() || !self.asks.is_empty() && self.last_stream.is_none()
    }

    fn begin(&mut self, truth: &Truth) {
        let Some(mut ask) = self.asks.pop() else { return };
        truth.begin(&mut ask);
        let stream = self.next_stream;
        self.next_stream += 2;
        let has_body = ask.has_body();
        let start = write::begin_block(&mut self.out);
        let mut fields = vec![
            (":method", ask.method),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", ask.target.as_str()),
        ];
        fields.extend(ask.headers.iter().map(|(name, value)| (*name, value.as_str())));
        if ask.asks_first {
            fields.push(("expect", "100-continue"));
        }
        let waits = ask.asks_first && ask.is_patient;
        let length = ask.body.len().to_string();
        if has_body && !ask.is_chunked {
            fields.push(("content-length", &length));
        }
        for (name, value) in fields {
            self.encoder.field(&mut self.out, name.as_bytes(), value.as_bytes(), Indexing::Kept);
        }
        write::end_block(&mut self.out, start, stream, !has_body, 16_384);
        let stall = match self.stalls && self.below(3) == 0 {
            false => None,
            true if has_body && !ask.body.is_empty() => Some(Stall::Body),
            true => Some(Stall::Room),
        };
        let body = has_body.then_some(ask.body);
        let state = Stream {
            ask,
            body,
            waits,
            window: self.initial_window,
            status: None,
            received: Vec::new(),
            has_ended: false,
            is_cancelled: false,
            was_reset: false,
            was_refused: false,
            stall,
        };
        self.streams.insert(stream, state);
    }

    /// Takes back one of its requests.
    fn cancel(&mut self) -> bool {
        let place = self.below(self.streams.len().max(1));
        match self.streams.iter_mut().nth(place) {
            Some((id, stream)) if stream.is_open() => {
                stream.is_cancelled = true;
                stream.body = None;
                write::reset(&mut self.out, *id, crate::http::h2::error::ErrorCode::Cancel);
                true
            }
            _ => false,
        }
    }

    fn has_data(&self) -> bool {
        self.streams.values().any(|stream| stream.can_send(self.window))
    }

    /// Sends a piece of some body, within the server's windows.
    fn send_data(&mut self) -> bool {
        let piece_max = 1 + self.below(3_000) as i64;
        let able: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.can_send(self.window))
            .map(|(id, _)| *id)
            .collect();
        if able.is_empty() {
            return false;
        }
        let id = able[self.below(able.len())];
        let stream = self.streams.get_mut(&id).expect("it is one of them");
        let kept = stream.kept_bytes();
        let rest = stream.body.as_mut().expect("it has one");
        let most = piece_max.min(stream.window).min(self.window).max(0) as usize;
        let (piece, left) = rest.split_at(most.min(rest.len().saturating_sub(kept)));
        *rest = left;
        stream.window -= piece.len() as i64;
        self.window -= piece.len() as i64;
        let ends = rest.is_empty();
        if ends {
            stream.body = None;
        }
        self.out.extend(write::data_head(piece.len(), ends, id));
        self.out.extend(piece);
        true
    }

    fn take_data(&mut self, part: &DataPart<'_>) {
        let stream = self.streams.get_mut(&part.stream).expect("a stream of the client");
        if part.counted > 0 {
            *self.room.entry(0).or_default() += part.counted;
            if !part.ends_stream && stream.stall != Some(Stall::Room) {
                *self.room.entry(part.stream).or_default() += part.counted;
            }
        }
        assert!(stream.status.is_some_and(|it| it >= 200), "data before a head");
        assert!(!stream.has_ended, "data behind the end");
        stream.received.extend_from_slice(part.bytes);
        stream.has_ended = part.ends_stream;
    }

    fn take_head(&mut self, id: u32, block: &[u8], ends: bool) {
        let mut status = None;
        let each = |name: &[u8], value: &[u8]| {
            if name == b":status" {
                status = std::str::from_utf8(value).ok().and_then(|it| it.parse::<u16>().ok());
            }
        };
        self.decoder.decode(block, &mut Vec::new(), each).expect("the server encodes rightly");
        let stream = self.streams.get_mut(&id).expect("a stream of the client");
        assert!(!stream.has_ended, "a head behind the end");
        assert!(stream.status.is_none_or(|it| it < 200), "two heads");
        let status = status.expect("a response has a status");
        assert!(status >= 200 || status == 100 && stream.ask.asks_first, "nobody has asked");
        stream.status = Some(status);
        stream.waits = false;
        stream.has_ended = ends;
    }

    fn take_settings(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            let value = u32::from_be_bytes(*setting[2..].first_chunk().expect("four bytes"));
            if setting[..2] == INITIAL_WINDOW.to_be_bytes() {
                let by = i64::from(value) - self.initial_window;
                self.initial_window = i64::from(value);
                self.streams.values_mut().for_each(|stream| stream.window += by);
            }
        }
        write::settings_ack(&mut self.out);
    }
}

impl Speaks for Http2 {
    fn send(&mut self, most: usize, socket: &Socket, truth: &Truth) {
        while self.out.len() < most && self.speak(truth) {}
        let piece: Vec<u8> = self.out.drain(..most.min(self.out.len())).collect();
        if !piece.is_empty() {
            socket.send(&piece);
        }
    }

    fn read(&mut self, socket: &Socket, truth: &Truth, stops: bool) {
        if self.was_too_slow {
            return;
        }
        let arrived = socket.sent_from(self.read_bytes);
        let mut at = 0;
        if self.read_bytes == 0 && arrived.first() == Some(&b'H') {
            // Before the line of its preface is whole, nobody can know that it speaks HTTP/2.
            let expected = b"HTTP/1.1 408 ";
            let known = arrived.len().min(expected.len());
            assert_eq!(arrived[..known], expected[..known], "to a part of a preface");
            self.was_too_slow = true;
            return;
        }
        while let Some((used, frame)) = self.reader.next(&arrived[at..]).expect("no faults") {
            let payload = &arrived[at..][HEAD_BYTES.min(used)..used];
            at += used;
            match frame {
                Frame::Data(part) => {
                    let (id, ends) = (part.stream, part.ends_stream);
                    self.take_data(&part);
                    if ends && let Some(stream) = self.streams.get_mut(&id) {
                        stream.check(truth, stops);
                    }
                }
                Frame::Headers(headers) => {
                    assert!(headers.ends_headers, "heads are short");
                    self.take_head(headers.stream, headers.fragment, headers.ends_stream);
                    if headers.ends_stream
                        && let Some(stream) = self.streams.get_mut(&headers.stream)
                    {
                        stream.check(truth, stops);
                    }
                }
                Frame::Reset { stream } => {
                    let state = self.streams.get_mut(&stream).expect("a stream of the client");
                    state.was_reset = true;
                    state.body = None;
                }
                Frame::GoAway => {
                    let last = u32::from_be_bytes(*payload.first_chunk().expect("four bytes"));
                    let earlier = self.last_stream.replace(last);
                    assert!(earlier.is_none_or(|it| it >= last), "more streams than before");
                }
                Frame::Settings { payload } => self.take_settings(payload),
                Frame::WindowUpdate { stream: 0, increment } => self.window += i64::from(increment),
                Frame::WindowUpdate { stream, increment } => {
                    if let Some(stream) = self.streams.get_mut(&stream) {
                        stream.window += i64::from(increment);
                    }
                }
                Frame::SettingsAck | Frame::PingAck => {}
                Frame::Ping { data } => write::ping_ack(&mut self.out, data),
                other => panic!("no server sends {other:?}"),
            }
        }
        self.read_bytes += at;
    }

    fn has_said_all(&self) -> bool {
        self.asks.is_empty()
            && self.out.is_empty()
            && self.streams.values().all(|it| it.body.is_none())
    }

    fn makes_room(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        let open = self.streams.iter().filter(|(_, stream)| !stream.has_ended);
        let open: Vec<_> = open
            .map(|(id, it)| (id, it.ask.method, &it.ask.target, it.status, it.waits, it.was_reset))
            .collect();
        format!("{:?}, last {:?}, streams {open:?}", self.standing(), self.last_stream)
    }

    fn standing(&self) -> Standing {
        let has_open = self.streams.values().any(|it| it.is_open() && it.stall.is_none());
        if !self.out.is_empty() || self.can_go_on() || !self.room.is_empty() {
            Standing::Sends
        } else if has_open {
            Standing::Waits
        } else {
            Standing::Answered
        }
    }

    fn was_refused(&self, truth: &Truth) -> bool {
        let is_refused = |stream: &Stream| {
            let is_broken = stream.was_reset && !stream.has_ended && !truth.may_break(&stream.ask);
            !stream.is_cancelled && stream.stall.is_none() && (is_broken || stream.was_refused)
        };
        self.was_too_slow || self.last_stream.is_some() || self.streams.values().any(is_refused)
    }

    fn has_stalled(&self) -> bool {
        self.streams.values().any(|stream| stream.stall.is_some() && stream.is_open())
    }

    fn was_stalled_refused(&self, truth: &Truth) -> bool {
        self.streams.values().any(|stream| {
            let is_broken = stream.was_reset && !stream.has_ended;
            let is_refused = stream.was_refused || is_broken && !truth.may_break(&stream.ask);
            stream.stall.is_some() && is_refused && !stream.is_cancelled
        })
    }

    /// What fails costs its own stream alone.
    fn has_failed(&self, _: &Truth, _: bool) -> bool {
        false
    }
}

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW: u16 = 4;

/// Fewer than any server lets a client have.
const STREAMS_AT_ONCE: usize = 12;
