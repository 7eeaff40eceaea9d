//! The pure parts of a request, and what they work on, to be measured: `cargo bench --bench parts --features fuzzing`.

use crate::http::conditional::{self, Validators};
use crate::http::etag::{ETag, Strength};
use crate::http::h1::body::{BodyDecoder, BodyEnd, Framing};
use crate::http::h1::field_lines::FieldLines;
use crate::http::h1::head::HeadParser;
use crate::http::h1::request_reader::RequestReader;
use crate::http::h1::write::{Delimiter, Persistence, ResponseLine, write_head};
use crate::http::h2::head_reader::HeadReader;
use crate::http::h2::request::StreamHead;
use crate::http::h2::response;
use crate::http::hpack::{Decoder, Encoder, Indexing, PreparedFields, TABLE_BYTES_USUAL};
use crate::http::target::Target;
use crate::http::{HeadLimits, Headers, Method, Peer, Scheme, Status, range};
use std::hint::black_box;
use std::time::{Duration, SystemTime};

/// Something to be measured.
pub struct Part {
    pub name: &'static str,
    /// How much it reads or writes.
    pub bytes: usize,
    pub run: Box<dyn FnMut()>,
}

/// All of them.
pub fn parts() -> Vec<Part> {
    vec![
        head("head-small", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        head("head-browser", browser("")),
        head_in_pieces("head-browser-in-pieces", browser("")),
        target("target-plain", b"/assets/app.3f9c1b.js"),
        target("target-encoded", b"/a%20folder/./x/../caf%C3%A9.html?lang=fr&page=2"),
        conditional("conditional-etag", "If-None-Match: \"ae1b981bc490a07-3\"\r\n"),
        conditional("conditional-date", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        ranges("range-one", b"bytes=1000-1999"),
        ranges("range-several", b"bytes=0-99, 1000-1099, 5000-5099, -100"),
        written_head("write-head"),
        chunked("chunked-64-of-1024", 1024, 64),
        chunked("chunked-64-of-16", 16, 64),
        hpack_head("hpack-head-browser"),
        hpack_head_again("hpack-head-browser-again"),
        written_stream_head("hpack-write-head"),
    ]
}

fn part(name: &'static str, bytes: usize, run: impl FnMut() + 'static) -> Part {
    Part { name, bytes, run: Box::new(run) }
}

/// What a browser sends for a script, with a line more.
fn browser(line: &str) -> Vec<u8> {
    format!(
        "GET /assets/app.3f9c1b.js HTTP/1.1\r\n\
         Host: www.example.com\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
         Accept: */*\r\n\
         Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Referer: https://www.example.com/articles/2025/11/a-title-of-some-length\r\n\
         Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n\
         Connection: keep-alive\r\n\
         Sec-Fetch-Dest: script\r\n\
         Sec-Fetch-Mode: no-cors\r\n\
         Sec-Fetch-Site: same-origin\r\n\
         Priority: u=2\r\n\
         {line}\r\n"
    )
    .into_bytes()
}

const LIMITS: HeadLimits =
    HeadLimits { target_bytes_max: 8192, head_bytes_max: 32 * 1024, header_count_max: 100 };

fn head(name: &'static str, bytes: Vec<u8>) -> Part {
    let mut parser = HeadParser::new();
    part(name, bytes.len(), move || {
        parser.reset();
        let length = parser.advance(black_box(&bytes), &LIMITS).expect("it is a head");
        assert_eq!(length, Some(bytes.len()));
        black_box(parser.head());
    })
}

/// As it comes when each segment holds 64 bytes.
fn head_in_pieces(name: &'static str, bytes: Vec<u8>) -> Part {
    let mut parser = HeadParser::new();
    part(name, bytes.len(), move || {
        parser.reset();
        for end in (64..bytes.len()).step_by(64).chain([bytes.len()]) {
            let read = parser.advance(black_box(&bytes[..end]), &LIMITS);
            assert_eq!(read.expect("it is a head").is_some(), end == bytes.len());
        }
    })
}

fn target(name: &'static str, raw: &'static [u8]) -> Part {
    part(name, raw.len(), move || {
        black_box(
            Target::parse(Method::Get, black_box(raw), Scheme::Http).expect("it is a target"),
        );
    })
}

/// The view of a request whose head is parsed, with its target and host, and then its preconditions.
fn conditional(name: &'static str, line: &str) -> Part {
    let bytes = browser(line);
    let mut reader = RequestReader::new();
    reader.read_head(&bytes, &LIMITS).expect("it is a head");
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let etag = ETag::of(784_111_777_000_000_007, 3, Strength::Strong);
    part(name, line.len(), move || {
        let request = reader.request(&bytes, Peer::default()).expect("it is a request");
        let date = Strength::Strong;
        let (etag, modified) = (Some(&etag), Some(modified));
        let validators = Validators { etag, is_tag_awaited: false, modified, date };
        black_box(conditional::evaluate(black_box(&request), validators));
    })
}

fn ranges(name: &'static str, value: &'static [u8]) -> Part {
    part(name, value.len(), move || {
        black_box(range::parse(black_box(value), 1_000_000, 16));
    })
}

/// What every response has, and what that of a file has.
fn response_fields() -> (FieldLines, Headers) {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let server_and_date = FieldLines::render([("Server", "httpd"), ("Date", date)]);
    let mut headers = Headers::new();
    for (name, value) in [
        ("ETag", "\"ae1b981bc490a07-3\""),
        ("Last-Modified", date),
        ("Accept-Ranges", "bytes"),
        ("Content-Type", "text/plain"),
    ] {
        headers.add(name, value).expect("it is a header");
    }
    (server_and_date, headers)
}

fn written_head(name: &'static str) -> Part {
    let (server_and_date, headers) = response_fields();
    let mut out = Vec::with_capacity(1024);
    let mut write = move || {
        out.clear();
        let line = ResponseLine {
            status: Status::OK,
            reason: None,
            persistence: Persistence::KeepAlive,
            delimiter: black_box(Delimiter::Length(48_213)),
        };
        write_head(&mut out, line, black_box(&server_and_date), black_box(&headers));
        black_box(&out).len()
    };
    part(name, write(), move || {
        write();
    })
}

/// So many chunks of the same size, then the last one.
fn chunked(name: &'static str, chunk_bytes: usize, chunks: usize) -> Part {
    let chunk = format!("{chunk_bytes:x}\r\n{}\r\n", "x".repeat(chunk_bytes));
    let bytes = (chunk.repeat(chunks) + "0\r\n\r\n").into_bytes();
    part(name, bytes.len(), move || {
        let mut decoder = BodyDecoder::new(Framing::Chunked);
        let (mut at, mut content) = (0, 0);
        loop {
            let decoded = decoder.decode(black_box(&bytes[at..])).expect("they are chunks");
            at += decoded.consumed;
            content += decoded.data.len();
            if decoded.end == BodyEnd::Reached {
                break;
            }
        }
        assert_eq!(content, chunk_bytes * chunks);
    })
}

/// The browser's head as HTTP/2 has it, as a first request: nothing of it is in the table.
fn hpack_head(name: &'static str) -> Part {
    let block = browser_block(&mut Encoder::new(TABLE_BYTES_USUAL));
    let mut head = StreamHead::default();
    let mut scratch = Vec::new();
    part(name, block.len(), move || {
        read_block(&mut Decoder::new(TABLE_BYTES_USUAL), &block, &mut head, &mut scratch);
    })
}

/// The same as a later request: all of it is in the table.
fn hpack_head_again(name: &'static str) -> Part {
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let (first, again) = (browser_block(&mut encoder), browser_block(&mut encoder));
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    let mut head = StreamHead::default();
    let mut scratch = Vec::new();
    read_block(&mut decoder, &first, &mut head, &mut scratch);
    part(name, again.len(), move || read_block(&mut decoder, &again, &mut head, &mut scratch))
}

fn browser_block(encoder: &mut Encoder) -> Vec<u8> {
    let head = browser("");
    let text = String::from_utf8_lossy(&head);
    let mut out = Vec::new();
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "www.example.com")];
    let path = (":path", "/assets/app.3f9c1b.js");
    let lines = text.lines().skip(2).filter_map(|line| line.split_once(": "));
    for (name, value) in fields.into_iter().chain([path]).chain(lines) {
        let name = name.to_ascii_lowercase();
        if name != "connection" {
            encoder.field(&mut out, name.as_bytes(), value.as_bytes(), Indexing::Kept);
        }
    }
    out
}

fn read_block(decoder: &mut Decoder, block: &[u8], head: &mut StreamHead, scratch: &mut Vec<u8>) {
    let mut reader = HeadReader::new(head, &LIMITS);
    let each = |name: &[u8], value: &[u8]| reader.field(name, value);
    decoder.decode(black_box(block), scratch, each).expect("it is a block");
    reader.finish(true).expect("it is a request");
    black_box(head);
}

/// The head of a response like those that the connection has sent before.
fn written_stream_head(name: &'static str) -> Part {
    let (lines, headers) = response_fields();
    let mut same = PreparedFields::default();
    response::prepare(&mut same, lines.fields());
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let mut out = Vec::with_capacity(1024);
    let mut write = move || {
        out.clear();
        let line = response::ResponseLine {
            stream: 1,
            status: Status::OK,
            length: black_box(Some(48_213)),
            ends_stream: false,
        };
        response::write_head(&mut out, &mut encoder, line, &same, black_box(&headers), 16_384);
        black_box(&out).len()
    };
    write();
    part(name, write(), move || {
        write();
    })
}
