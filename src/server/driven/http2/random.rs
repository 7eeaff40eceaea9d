//! Long runs of many streams with random windows, resets, priorities, sizes and cuts, all of which a seed decides.
//!
//! The client keeps its own books: what each stream must get, how much the server may send, how much it may send
//! itself. A failing run prints its seed; `HTTPD_DRIVEN_SEED=<seed> cargo test http2::random` plays it again, and
//! `HTTPD_DRIVEN_RUNS=<count>` plays more of them.

use super::super::random::{Dice, seeds};
use super::*;
use crate::http::h2::settings::identifier;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

/// What a client asks for, and what it gets.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    /// The content of the request; `None`: it has none, and ends with its head.
    content: Option<Vec<u8>>,
    /// Whether fields come behind the content.
    has_trailers: bool,
    status: u16,
    body: Vec<u8>,
    /// Whether the request is malformed.
    is_reset: bool,
}

impl Ask {
    fn get(path: &'static str, body: impl Into<Vec<u8>>) -> Ask {
        Ask {
            method: "GET",
            path,
            headers: Vec::new(),
            content: None,
            has_trailers: false,
            status: 200,
            body: body.into(),
            is_reset: false,
        }
    }

    fn any(dice: &mut Dice) -> Ask {
        match dice.below(14) {
            0 => Ask::get("/small.txt", "small\n"),
            1 => Ask::get("/middle.txt", digits(MIDDLE_BYTES)),
            2 | 3 => Ask::get("/large.bin", digits(LARGE_BYTES)),
            4 => Ask::get("/hello", "hello\n"),
            5 => Ask::get("/long", digits(LONG_BYTES)),
            6 => Ask { status: 204, ..Ask::get("/empty", "") },
            7 => Ask { method: "HEAD", ..Ask::get("/large.bin", "") },
            8 => Ask {
                headers: vec![("range", "bytes=-3000".to_owned())],
                status: 206,
                ..Ask::get("/large.bin", &digits(LARGE_BYTES)[LARGE_BYTES - 3000..])
            },
            9 => Ask {
                headers: vec![("connection", "close".to_owned())],
                is_reset: true,
                ..Ask::get("/hello", "")
            },
            // Nobody wants its content.
            10 => {
                let content = vec![b'x'; dice.amount()];
                Ask { content: Some(content), ..Ask::get("/hello", "hello\n") }
            }
            _ => {
                let content = digits(dice.amount()).into_bytes();
                let length = ("content-length", content.len().to_string());
                let headers = if dice.below(2) == 0 { vec![length] } else { Vec::new() };
                let path = if dice.below(2) == 0 { "/mirror" } else { "/offload" };
                let has_trailers = dice.below(4) == 0;
                let body = content.clone();
                let content = Some(content);
                Ask { method: "POST", headers, content, has_trailers, ..Ask::get(path, body) }
            }
        }
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content.as_ref().map(Vec::len);
        write!(formatter, "{} {} {:?} ({content:?} bytes)", self.method, self.path, self.headers)
    }
}

/// A stream as its client sees it.
struct Side {
    ask: Ask,
    /// How much of the content has been sent.
    sent: usize,
    has_sent_all: bool,
    /// How much the server has allowed to be sent.
    room: i64,
    reply: StreamReply,
    /// By how much the client has made the window larger.
    granted: i64,
    /// What was read, and no room made for.
    unacknowledged: u32,
    /// Whether the client has taken its request back.
    is_taken_back: bool,
}

impl Side {
    fn is_over(&self) -> bool {
        self.is_taken_back || self.reply.has_ended || self.reply.reset.is_some()
    }
}

/// A client with its books.
struct Run {
    it: Driven,
    dice: Dice,
    encoder: Encoder,
    decoder: Decoder,
    reader: FrameReader,
    read_bytes: usize,
    asks: VecDeque<Ask>,
    sides: BTreeMap<u32, Side>,
    last_stream: u32,
    /// What is on its way to the server.
    out: Vec<u8>,
    /// The window of streams that the client asks for: acknowledged by the server, and asked for since.
    window: (i64, Option<i64>),
    /// What the server may still send in all, and what the client may.
    room: (i64, i64),
    unacknowledged: u32,
    pings: u32,
    goaway: Option<u32>,
}

impl Run {
    fn new(seed: u64, mut it: Driven) -> Run {
        let mut dice = Dice(seed);
        it.reconnects();
        it.send_budget = 1 + dice.amount();
        let room = dice.amount();
        it.will_take(room);
        if dice.below(4) == 0 {
            it.client.stutter();
        }
        let asks = (0..1 + dice.below(12)).map(|_| Ask::any(&mut dice)).collect();
        let window = [0, 1, 100, 5000, 65_535, 1 << 20][dice.below(6)];
        let table = [0, 100, 4096, 65_536][dice.below(4)];
        let mut out = PREFACE.to_vec();
        let settings =
            [(identifier::INITIAL_WINDOW_SIZE, window), (identifier::HEADER_TABLE_SIZE, table)];
        write::settings(&mut out, &settings);
        Run {
            it,
            dice,
            encoder: Encoder::new(TABLE_BYTES_USUAL),
            decoder: Decoder::new(TABLE_BYTES_USUAL),
            reader: FrameReader::new(),
            read_bytes: 0,
            asks,
            sides: BTreeMap::new(),
            last_stream: 0,
            out,
            window: (65_535, Some(i64::from(window))),
            room: (65_535, 65_535),
            unacknowledged: 0,
            pings: 0,
            goaway: None,
        }
    }

    /// Does random things until all is asked and answered, or the connection has ended.
    fn plays(&mut self, jumps: Jumps) {
        for _ in 0..STEPS_MAX {
            self.reads();
            if self.it.verdict == Verdict::Close || self.it.client.end() != StreamEnd::Open {
                return;
            }
            if self.asks.is_empty() && self.out.is_empty() && self.sides.values().all(Side::is_over)
            {
                return;
            }
            match self.dice.below(16) {
                0 | 1 => self.asks_next(),
                2 | 3 => self.sends_content(),
                4 | 5 => self.makes_room(),
                6 if self.dice.below(6) == 0 => self.takes_back(),
                7 if self.dice.below(3) == 0 => self.says_something_else(),
                8 if jumps == Jumps::Any => {
                    let seconds = self.dice.below(20) as u64;
                    self.it.advances(Duration::from_secs(seconds));
                }
                8 => {
                    let time = self.dice.below(2) as u64;
                    self.it.advances(Duration::from_millis(time));
                }
                9 | 10 => {
                    let room = self.dice.amount();
                    let edge = self.it.client.make_room(room);
                    self.hands_in(edge);
                }
                11 => {
                    self.it.works_once();
                }
                12 if self.it.verdict == Verdict::Again => self.it.has_its_turn(),
                _ => {
                    let count = self.dice.amount().min(self.out.len());
                    let piece: Vec<u8> = self.out.drain(..count).collect();
                    let edge = self.it.client.send(&piece);
                    self.hands_in(edge);
                }
            }
        }
        self.is_generous();
    }

    /// From now on there is room for everything, and time for everybody.
    fn is_generous(&mut self) {
        self.it.send_budget = SEND_BUDGET;
        for _ in 0..STEPS_MAX {
            if self.it.verdict == Verdict::Close || self.it.client.end() != StreamEnd::Open {
                return;
            }
            while !self.asks.is_empty() {
                self.asks_next();
            }
            for stream in self.sides.keys().copied().collect::<Vec<_>>() {
                self.grants(stream, 1 << 16);
                while self.sends_some(stream, 16_384) {}
            }
            self.out.extend(window_update(0, 1 << 16));
            self.room.0 += 1 << 16;
            let piece = std::mem::take(&mut self.out);
            let edge = self.it.client.send(&piece);
            self.it.notes(edge);
            let edge = self.it.client.make_room(1 << 20);
            self.it.notes(edge);
            self.it.works();
            self.reads();
            if self.sides.values().all(|side| side.is_over() && side.has_sent_all) {
                return;
            }
        }
        panic!("it never ends: {}", self.it.connection.phase());
    }

    /// An edge may find the connection in the middle of its turns.
    fn hands_in(&mut self, edge: Edge) {
        if self.dice.below(2) == 0 {
            self.it.begins_with(edge);
        } else {
            self.it.notes(edge);
        }
    }

    fn asks_next(&mut self) {
        let Some(ask) = self.asks.pop_front() else { return };
        self.last_stream += 1 + 2 * self.dice.below(2) as u32 + self.last_stream % 2;
        let stream = self.last_stream;
        if self.dice.below(8) == 0 {
            let payload = [&stream.to_be_bytes()[..], b"u=1, i"].concat();
            self.out.extend(frame(kind::PRIORITY_UPDATE, 0, 0, &payload));
        }
        let mut fields = vec![
            (":method", ask.method.to_owned()),
            (":scheme", "http".to_owned()),
            (":authority", "a".to_owned()),
            (":path", ask.path.to_owned()),
            ("x-number", stream.to_string()),
        ];
        fields.extend(ask.headers.iter().cloned());
        if self.dice.below(2) == 0 {
            let incremental = if self.dice.below(2) == 0 { ", i" } else { "" };
            fields.push(("priority", format!("u={}{incremental}", self.dice.below(8))));
        }
        self.sends_block(stream, &fields, ask.content.is_none());
        let window = self.window.0.max(self.window.1.unwrap_or(0));
        let side = Side {
            has_sent_all: ask.content.is_none(),
            ask,
            sent: 0,
            room: 65_536,
            reply: StreamReply::default(),
            granted: 0,
            unacknowledged: 0,
            is_taken_back: false,
        };
        assert!(window >= 0);
        self.sides.insert(stream, side);
    }

    fn sends_block(&mut self, stream: u32, fields: &[(&str, String)], ends: bool) {
        if self.dice.below(10) == 0 {
            self.encoder.bound([0, 60, 200, 4096][self.dice.below(4)]);
        }
        let start = write::begin_block(&mut self.out);
        self.encoder.begin(&mut self.out);
        for (name, value) in fields {
            let indexing = [Indexing::Kept, Indexing::NotKept, Indexing::Never];
            let indexing = indexing[self.dice.below(3)];
            self.encoder.field(&mut self.out, name.as_bytes(), value.as_bytes(), indexing);
        }
        let part = [16_384, 40][self.dice.below(2)];
        write::end_block(&mut self.out, start, stream, ends, part);
    }

    /// Sends a piece of the content of any request.
    fn sends_content(&mut self) {
        let open = self.sides.iter().filter(|(_, side)| !side.has_sent_all && !side.is_taken_back);
        let open: Vec<u32> = open.map(|(stream, _)| *stream).collect();
        if !open.is_empty() {
            let stream = open[self.dice.below(open.len())];
            let count = self.dice.amount().min(16_000);
            self.sends_some(stream, count);
        }
    }

    /// Sends so much of the content of a request, as far as there is room. Returns whether that was anything.
    fn sends_some(&mut self, stream: u32, count: usize) -> bool {
        let padding = [0, 0, 0, self.dice.below(256)][self.dice.below(4)];
        let Some(side) = self.sides.get_mut(&stream) else { return false };
        if side.has_sent_all || side.is_taken_back {
            return false;
        }
        let content = side.ask.content.clone().unwrap_or_default();
        // RFC 9113 §8.1: the server has said that it does not want the rest.
        if side.reply.reset.is_some() {
            side.has_sent_all = true;
            return false;
        }
        let padded = if padding > 0 { padding as i64 + 1 } else { 0 };
        let room = (side.room.min(self.room.1) - padded).max(0) as usize;
        let count = count.min(room).min(content.len() - side.sent);
        let is_last = side.sent + count == content.len();
        if count == 0 && !is_last || side.room.min(self.room.1) < padded {
            return false;
        }
        let piece = &content[side.sent..side.sent + count];
        side.sent += count;
        let ends = is_last && !side.ask.has_trailers;
        let flags = if ends { flag::END_STREAM } else { 0 };
        if count > 0 || ends {
            side.room -= count as i64 + padded;
            self.room.1 -= count as i64 + padded;
            let payload = match padding {
                0 => piece.to_vec(),
                _ => [&[padding as u8][..], piece, &vec![0; padding]].concat(),
            };
            let padded = if padding > 0 { flag::PADDED } else { 0 };
            self.out.extend(frame(kind::DATA, flags | padded, stream, &payload));
        }
        if is_last {
            side.has_sent_all = true;
            if side.ask.has_trailers {
                self.sends_block(stream, &[("x-sum", count.to_string())], true);
            }
        }
        true
    }

    fn makes_room(&mut self) {
        let count = 1 + self.dice.amount() as u32;
        if self.dice.below(2) == 0 {
            self.out.extend(window_update(0, count));
            self.room.0 += i64::from(count);
            return;
        }
        let streams: Vec<u32> = self.sides.keys().copied().collect();
        if !streams.is_empty() {
            let stream = streams[self.dice.below(streams.len())];
            self.grants(stream, count);
        }
    }

    fn grants(&mut self, stream: u32, count: u32) {
        let Some(side) = self.sides.get_mut(&stream) else { return };
        if !side.is_over() {
            side.granted += i64::from(count);
            self.out.extend(window_update(stream, count));
        }
    }

    /// Takes back any request.
    fn takes_back(&mut self) {
        let open: Vec<u32> =
            self.sides.iter().filter(|(_, side)| !side.is_over()).map(|it| *it.0).collect();
        if !open.is_empty() {
            let stream = open[self.dice.below(open.len())];
            self.out.extend(frame(kind::RST_STREAM, 0, stream, b"\0\0\0\x08"));
            let side = self.sides.get_mut(&stream).expect("it is there");
            side.is_taken_back = true;
            side.has_sent_all = true;
        }
    }

    fn says_something_else(&mut self) {
        match self.dice.below(5) {
            0 => {
                self.pings += 1;
                self.out.extend(frame(kind::PING, 0, 0, b"12345678"));
            }
            1 if self.window.1.is_none() => {
                let window = [0, 7, 3000, 65_535, 1 << 20][self.dice.below(5)];
                self.window.1 = Some(i64::from(window));
                let table = [0, 50, 4096][self.dice.below(3)];
                write::settings(
                    &mut self.out,
                    &[
                        (identifier::INITIAL_WINDOW_SIZE, window),
                        (identifier::HEADER_TABLE_SIZE, table),
                    ],
                );
            }
            2 => {
                let length = self.dice.below(100);
                self.out.extend(frame(0xbe, 0xff, 7, &vec![0; length]));
            }
            3 => self.out.extend(frame(kind::PRIORITY, 0, 9, b"\0\0\0\x01\x05")),
            _ => {
                let stream = 1 + 2 * self.dice.below(12) as u32;
                if stream <= self.last_stream {
                    let value = format!("u={}, i=?{}", self.dice.below(9), self.dice.below(2));
                    let payload = [&stream.to_be_bytes()[..], value.as_bytes()].concat();
                    self.out.extend(frame(kind::PRIORITY_UPDATE, 0, 0, &payload));
                }
            }
        }
    }

    /// Reads what the server has sent, and holds it against the books.
    fn reads(&mut self) {
        let sent = self.it.client.sent_from(self.read_bytes);
        let mut at = 0;
        // A preface that does not come in time.
        if self.read_bytes == 0 && sent.starts_with(b"H") {
            assert!(b"HTTP/1.1 408".starts_with(&sent[..sent.len().min(12)]), "{}", text(&sent));
            return;
        }
        let mut reader = std::mem::take(&mut self.reader);
        while let Some((used, frame)) =
            reader.next(&sent[at..]).expect("the server makes no faults")
        {
            let payload = &sent[at..][HEAD_BYTES.min(used)..used];
            at += used;
            match frame {
                Frame::Data(part) => self.takes_data(&part),
                Frame::Headers(headers) => {
                    assert!(headers.ends_headers, "heads are short");
                    let fragment = headers.fragment.to_vec();
                    self.takes_head(headers.stream, headers.ends_stream, &fragment);
                }
                Frame::Reset { stream } => {
                    let side = self.sides.get_mut(&stream).expect("a stream that was opened");
                    assert_eq!(side.reply.reset, None, "{stream} is reset twice");
                    side.reply.reset = Some(number(payload));
                }
                Frame::GoAway => self.goaway = Some(number(&payload[4..])),
                Frame::SettingsAck => {
                    let (_, asked) = self.window;
                    self.window = (asked.expect("it was asked for"), None);
                }
                Frame::Settings { .. } => write::settings_ack(&mut self.out),
                Frame::PingAck => {
                    self.pings = self.pings.checked_sub(1).expect("it was asked for");
                }
                Frame::Ping { .. } => {}
                Frame::WindowUpdate { stream: 0, increment } => {
                    self.room.1 += i64::from(increment);
                }
                Frame::WindowUpdate { stream, increment } => {
                    let side = self.sides.get_mut(&stream).expect("a stream that was opened");
                    side.room += i64::from(increment);
                }
                other => panic!("no server sends {other:?}"),
            }
        }
        self.read_bytes += at;
        self.reader = reader;
    }

    fn takes_data(&mut self, part: &crate::http::h2::frame::DataPart<'_>) {
        let counted = i64::from(part.counted);
        self.room.0 -= counted;
        assert!(self.room.0 >= 0, "more than the window of the connection");
        self.unacknowledged += part.counted;
        let window = self.window.0.max(self.window.1.unwrap_or(0));
        let side = self.sides.get_mut(&part.stream).expect("a stream that was opened");
        assert!(side.reply.reset.is_none() && !side.reply.has_ended, "data behind the end");
        assert!(!side.reply.heads.is_empty(), "data before the head");
        side.reply.body.extend_from_slice(part.bytes);
        side.unacknowledged += part.counted;
        let total = side.reply.body.len() as i64;
        assert!(
            counted == 0 || total <= window + side.granted,
            "more than the window of the stream"
        );
        assert!(side.ask.body.starts_with(&side.reply.body) || side.reply.status() >= 400);
        side.reply.has_ended = part.ends_stream;
    }

    fn takes_head(&mut self, stream: u32, ends: bool, block: &[u8]) {
        let mut fields = Vec::new();
        let each = |name: &[u8], value: &[u8]| fields.push((text(name), text(value)));
        let decoded = self.decoder.decode(block, &mut Vec::new(), each);
        decoded.expect("the server makes no faults");
        let side = self.sides.get_mut(&stream).expect("a stream that was opened");
        assert!(!side.reply.has_ended && side.reply.reset.is_none(), "a head behind the end");
        side.reply.heads.push(fields);
        side.reply.has_ended = ends;
    }

    /// Every stream got exactly what it asked for.
    fn is_answered(&self) {
        for (stream, side) in &self.sides {
            let Side { ask, reply, .. } = side;
            if side.is_taken_back {
                continue;
            }
            if ask.is_reset {
                assert_eq!(reply.reset, Some(ErrorCode::Protocol as u32), "{stream}: {ask:?}");
                continue;
            }
            assert!(reply.has_ended, "{stream}: {ask:?} {:?} {:?}", reply.heads, reply.reset);
            assert_eq!(reply.status(), ask.status, "{stream}: {ask:?}");
            assert!(reply.body == ask.body, "{stream}: {} bytes of {ask:?}", reply.body.len());
            assert!(matches!(reply.reset, None | Some(0)), "{stream}: {:?}", reply.reset);
        }
    }

    /// Nothing of it is left, neither when all is answered nor when the client is gone.
    fn leaves_nothing(mut self) -> Driven {
        if let Some(audit) = self.it.connection.audit()
            && self.it.verdict == Verdict::Sleep
            && self.sides.values().all(|side| side.is_over() && side.has_sent_all)
            && self.out.is_empty()
            && self.it.client.unread_bytes() == 0
        {
            audit.is_clean();
            assert_eq!(self.pings, 0, "pings without an answer");
            assert_eq!(audit.window_left, self.room.1, "what the client may send in all");
        }
        match self.dice.below(3) {
            0 => self.it.receives_reset(),
            1 => self.it.receives_fin(),
            _ => {}
        }
        self.it.connection.abandon(&mut self.it.cx);
        self.it.works();
        assert_eq!(self.it.cx.room.held_bytes(), 0, "room on the disk");
        assert_eq!(self.it.cx.threads.handlers.waiting(), 0);
        assert_eq!(self.it.cx.threads.disk.waiting(), 0);
        assert!(self.it.cx.without_room.is_empty());
        self.it
    }
}

/// How far the clock may jump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Jumps {
    Small,
    Any,
}

thread_local! {
    /// The sample site costs some files; one does for many runs.
    static DRIVEN: RefCell<Option<Driven>> = const { RefCell::new(None) };
}

fn driven() -> Driven {
    DRIVEN.take().unwrap_or_else(|| {
        let limits = Limits::default().body_memory_bytes_max(700);
        let mut it = Driven::threaded(limits);
        it.cx.places = vec![crate::server::context::ListenPlace {
            address: None,
            speaks_http2: true,
            for_status: false,
        }];
        it.cx.threads.handlers = Arc::new(Pool::new("handler", 0, usize::MAX));
        it
    })
}

#[test]
fn a_patient_client_of_many_streams_gets_every_response_whole() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed, driven());
        run.plays(Jumps::Small);
        run.is_generous();
        assert_eq!((run.goaway, run.it.client.end()), (None, StreamEnd::Open));
        run.is_answered();
        DRIVEN.set(Some(run.leaves_nothing()));
    }
}

#[test]
fn an_impatient_server_sends_whole_responses_or_says_that_they_are_not() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed, driven());
        run.plays(Jumps::Any);
        let is_over = run.it.verdict == Verdict::Close || run.it.client.end() != StreamEnd::Open;
        if !is_over && run.goaway.is_none() {
            run.is_generous();
        }
        // What has ended is whole, unless its status says otherwise.
        for (stream, Side { ask, reply, .. }) in &run.sides {
            if reply.has_ended && reply.status() == ask.status {
                assert!(reply.body == ask.body, "{stream}: {} of {ask:?}", reply.body.len());
            }
        }
        DRIVEN.set(Some(run.leaves_nothing()));
    }
}

const RUNS: u64 = 600;

/// More than any run needs, or the client becomes generous.
const STEPS_MAX: usize = 400;
