//! A client that speaks HTTP/2, frame by frame, and believes nothing that it reads.

use super::Client;
use super::hpack::{self, Decoder, Field};
use httpd::Address;
use std::collections::{BTreeMap, BTreeSet};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const PRIORITY_UPDATE: u8 = 16;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

pub const ENHANCE_YOUR_CALM: u32 = 11;

/// One connection.
pub struct Http2 {
    client: Client,
    decoder: Decoder,
    /// What came and is no whole frame yet.
    waiting: Vec<u8>,
    /// The parts of a block of fields that goes on, and whether it ends its stream.
    block: Option<(Vec<u8>, bool)>,
    replies: BTreeMap<u32, StreamReply>,
    last_stream: u32,
    /// Whether the client makes room for what it has read.
    pub makes_room: bool,
    /// The last stream and the code of each GOAWAY.
    pub goaways: Vec<(u32, u32)>,
}

/// What came on a stream.
#[derive(Clone, Debug, Default)]
pub struct StreamReply {
    /// Of interim responses first.
    pub heads: Vec<Vec<Field>>,
    pub body: Vec<u8>,
    pub has_ended: bool,
    pub reset: Option<u32>,
}

impl StreamReply {
    /// Demands a status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &StreamReply {
        assert_eq!(self.status(), status, "{self:?}");
        self
    }

    pub fn status(&self) -> u16 {
        self.value(":status").parse().expect("a number")
    }

    /// The value of a header that must be there once.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let fields = self.heads.last().unwrap_or_else(|| panic!("no head: {self:?}"));
        let mut values = fields.iter().filter(|(it, _)| it == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => value,
            _ => panic!("not one {name}: {self:?}"),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.heads.last().is_some_and(|fields| fields.iter().any(|(it, _)| it == name))
    }

    #[track_caller]
    pub fn header(&self, name: &str, value: &str) -> &StreamReply {
        assert_eq!(self.value(name), value, "{name}: {self:?}");
        self
    }

    #[track_caller]
    pub fn body(&self, body: impl AsRef<[u8]>) -> &StreamReply {
        let body = body.as_ref();
        assert!(self.body == body, "{} and not {}", show(&self.body), show(body));
        self
    }

    pub fn text(&self) -> String {
        super::lossy(&self.body)
    }
}

fn show(bytes: &[u8]) -> String {
    match bytes.len() {
        ..500 => format!("{:?}", super::lossy(bytes)),
        length => format!("{length} bytes"),
    }
}

impl Http2 {
    /// Connects, and sends what every client sends first.
    #[track_caller]
    pub fn connect(address: &Address) -> Http2 {
        Http2::over(Client::connect(address))
    }

    /// The same over a connection that is there.
    #[track_caller]
    pub fn over(client: Client) -> Http2 {
        Http2::with_settings(client, &[])
    }

    #[track_caller]
    pub fn with_settings(client: Client, settings: &[(u16, u32)]) -> Http2 {
        let mut it = Http2 {
            client,
            decoder: Decoder::default(),
            waiting: Vec::new(),
            block: None,
            replies: BTreeMap::new(),
            last_stream: 0,
            makes_room: true,
            goaways: Vec::new(),
        };
        let mut greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        greeting.extend(settings_frame(settings));
        // As large as it can be: these clients look at the windows of streams.
        greeting.extend(window_update(0, (1 << 31) - 1 - 65_535));
        it.send(greeting);
        it
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Http2 {
        self.client.send(bytes);
        self
    }

    /// Sends bytes to a server that may have closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.client.try_send(bytes)
    }

    /// Sends bytes before anything else, from another thread too.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The number of the next stream.
    pub fn next_stream(&mut self) -> u32 {
        self.last_stream = if self.last_stream == 0 { 1 } else { self.last_stream + 2 };
        self.last_stream
    }

    /// Sends the head of a request; a body follows.
    pub fn open(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next_stream();
        let head = head(stream, &fields(method, path, headers), 0);
        self.send(head);
        stream
    }

    /// Sends a request without a body.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next_stream();
        let head = head(stream, &fields(method, path, headers), END_STREAM);
        self.send(head);
        stream
    }

    /// Sends data, in frames of the length that everybody takes; the windows must be large enough.
    pub fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) {
        let mut out = Vec::new();
        let mut pieces = bytes.chunks(16_384).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if ends && pieces.peek().is_none() { END_STREAM } else { 0 };
            out.extend(frame(DATA, flags, stream, piece));
        }
        if bytes.is_empty() && ends {
            out.extend(frame(DATA, END_STREAM, stream, b""));
        }
        self.send(out);
    }

    /// Asks, and reads the response.
    #[track_caller]
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> StreamReply {
        let stream = self.ask(method, path, headers);
        self.reply(stream)
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> StreamReply {
        self.request("GET", path, &[])
    }

    /// Sends a request with a body that fits the windows, and reads the response.
    #[track_caller]
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> StreamReply {
        let stream = self.open("POST", path, headers);
        self.data(stream, body, true);
        self.reply(stream)
    }

    /// Reads until a stream has ended, by a response or by a reset.
    #[track_caller]
    pub fn reply(&mut self, stream: u32) -> StreamReply {
        self.until(stream, |reply| reply.has_ended || reply.reset.is_some());
        self.replies.remove(&stream).expect("something came on it")
    }

    /// Reads until what came on a stream is like this.
    #[track_caller]
    pub fn until(&mut self, stream: u32, is_enough: impl Fn(&StreamReply) -> bool) -> &StreamReply {
        while !self.replies.get(&stream).is_some_and(&is_enough) {
            let is_open = self.read();
            let reply = self.replies.get(&stream);
            assert!(is_open, "the connection ended: {:?} {reply:?}", self.goaways);
        }
        &self.replies[&stream]
    }

    /// Reads until the server ends the connection; the code of its last GOAWAY.
    #[track_caller]
    pub fn end(&mut self) -> u32 {
        while self.read() {}
        self.goaways.last().expect("no connection ends without GOAWAY").1
    }

    /// Streams on which something came that nobody has looked at.
    pub fn streams(&self) -> BTreeSet<u32> {
        self.replies.keys().copied().collect()
    }

    /// What came on a stream so far.
    pub fn so_far(&self, stream: u32) -> Option<&StreamReply> {
        self.replies.get(&stream)
    }

    /// Reads what comes next. `false`: the connection has ended.
    pub fn read(&mut self) -> bool {
        let Ok(bytes) = self.client.read(64 * 1024) else { return false };
        self.waiting.extend(bytes);
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = &waiting[..];
        let mut answers = Vec::new();
        while let Some(([l0, l1, l2, kind, flags, s0, s1, s2, s3], behind)) =
            rest.split_first_chunk::<9>()
            && let Some((payload, behind)) =
                behind.split_at_checked(u32::from_be_bytes([0, *l0, *l1, *l2]) as usize)
        {
            let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
            assert!(payload.len() <= 16_384, "a frame is longer than this client takes");
            self.take(*kind, *flags, stream, payload, &mut answers);
            rest = behind;
        }
        self.waiting = rest.to_vec();
        // The server may have closed by now.
        let _ = self.client.try_send(&answers);
        true
    }

    fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8], answers: &mut Vec<u8>) {
        assert_eq!(self.block.is_some(), kind == CONTINUATION, "a block is interrupted");
        match kind {
            DATA => {
                let reply = self.replies.entry(stream).or_default();
                assert!(!reply.has_ended && !reply.heads.is_empty(), "data of {stream}: {reply:?}");
                reply.body.extend_from_slice(payload);
                reply.has_ended = flags & END_STREAM != 0;
                if self.makes_room && !payload.is_empty() {
                    answers.extend(window_update(0, payload.len() as u32));
                    if !reply.has_ended {
                        answers.extend(window_update(stream, payload.len() as u32));
                    }
                }
            }
            HEADERS | CONTINUATION => {
                let (mut block, ends) =
                    self.block.take().unwrap_or((Vec::new(), flags & END_STREAM != 0));
                block.extend_from_slice(payload);
                if flags & END_HEADERS == 0 {
                    self.block = Some((block, ends));
                    return;
                }
                let fields = self.decoder.decode(&block);
                check(&fields);
                let reply = self.replies.entry(stream).or_default();
                assert!(!reply.has_ended, "a head of {stream}: {reply:?}");
                reply.heads.push(fields);
                reply.has_ended = ends;
            }
            RST_STREAM => self.replies.entry(stream).or_default().reset = Some(number(payload)),
            GOAWAY => self.goaways.push((number(payload), number(&payload[4..]))),
            SETTINGS if flags & ACK == 0 => answers.extend(frame(SETTINGS, ACK, 0, b"")),
            PING if flags & ACK == 0 => answers.extend(frame(PING, ACK, 0, payload)),
            SETTINGS | PING | WINDOW_UPDATE => {}
            other => panic!("no server sends a frame of type {other}"),
        }
    }
}

/// What every head of a response must be (RFC 9113 §8.2, §8.3.2).
fn check(fields: &[Field]) {
    assert_eq!(fields[0].0, ":status", "{fields:?}");
    for (name, value) in &fields[1..] {
        let is_good = |it: char| it.is_ascii_graphic() && !it.is_ascii_uppercase() && it != ':';
        assert!(name.chars().all(is_good), "{fields:?}");
        assert!(!value.contains(['\r', '\n', '\0']) && value.trim() == value, "{fields:?}");
        let of_http_1 = ["connection", "keep-alive", "transfer-encoding", "upgrade"];
        assert!(!of_http_1.contains(&name.as_str()), "{fields:?}");
    }
}

/// The fields of a request for host `h`.
pub fn fields<'a>(
    method: &'a str,
    path: &'a str,
    headers: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let fields = [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path)];
    let is_named = |name: &str| headers.iter().any(|(it, _)| *it == name);
    let mut all: Vec<_> = fields.into_iter().filter(|(name, _)| !is_named(name)).collect();
    let (pseudo, others): (Vec<_>, Vec<_>) =
        headers.iter().copied().partition(|(name, _)| name.starts_with(':'));
    all.extend(pseudo);
    all.extend(others);
    all.retain(|(name, value)| !(name.starts_with(':') && value.is_empty()));
    all
}

/// HEADERS with these fields, as a whole block.
pub fn head(stream: u32, fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        hpack::plain(&mut block, name, value);
    }
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub fn settings_frame(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (identifier, value) in settings {
        payload.extend(identifier.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"))
}
