//! The head of a response on the wire (RFC 9112 §4–6).

use super::field_lines::{FieldLines, write_field_line};
use crate::http::{Headers, Status, Version};
use std::sync::LazyLock;

/// Whether the connection outlives this response (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    KeepAlive,
    Close,
}

/// How a client finds the end of the body (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection, for clients without chunked coding.
    Close,
}

impl Delimiter {
    /// That of a body of this length, if it is known, for a client of this version.
    pub(crate) fn of(length: Option<u64>, version: Version) -> Delimiter {
        match (length, version) {
            (Some(length), _) => Delimiter::Length(length),
            (None, Version::Http10) => Delimiter::Close,
            (None, _) => Delimiter::Chunked,
        }
    }
}

/// What a response head has beside its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseLine<'a> {
    /// The status.
    pub status: Status,
    /// A reason phrase other than the usual one, without control characters.
    pub reason: Option<&'a [u8]>,
    /// Whether the connection outlives the response.
    pub persistence: Persistence,
    /// How the body of the response to a GET ends. Not written where RFC 9110 §8.6 forbids it (1xx, 204), nor
    /// with 304, where it would mean nothing.
    pub delimiter: Delimiter,
}

/// Appends a complete response head. `server_and_date` holds the lines that are the same for every response of
/// this second.
#[inline(always)]
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    line: ResponseLine<'_>,
    server_and_date: &FieldLines,
    headers: &Headers,
) {
    let ResponseLine { status, reason, persistence, delimiter } = line;
    let rendered = headers.rendered().map_or(&b""[..], FieldLines::as_bytes);
    out.reserve(HEAD_BYTES_USUAL + rendered.len());
    match reason {
        None => out.extend_from_slice(usual_status_line(status)),
        Some(reason) => write_status_line(out, status, reason),
    }
    out.extend_from_slice(server_and_date.as_bytes());
    out.extend_from_slice(match persistence {
        Persistence::KeepAlive => &b"Connection: keep-alive\r\n"[..],
        Persistence::Close => b"Connection: close\r\n",
    });
    match delimiter {
        _ if status.forbids_content() => {}
        Delimiter::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Delimiter::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Delimiter::Close => {}
    }
    out.extend_from_slice(rendered);
    for (name, value) in headers.added() {
        write_field_line(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

/// The status line with the usual reason phrase, written once per process.
fn usual_status_line(status: Status) -> &'static [u8] {
    static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let mut lines = Vec::new();
        for status in (Status::OK.code()..=599).filter_map(Status::new) {
            let mut line = Vec::new();
            write_status_line(&mut line, status, status.reason().as_bytes());
            lines.push(line);
        }
        lines
    });
    // Every status is at least 200.
    LINES.get(usize::from(status.code() - Status::OK.code())).map_or(&[], Vec::as_slice)
}

/// RFC 9112 §4: the space before an empty reason phrase is required.
fn write_status_line(out: &mut Vec<u8>, status: Status, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, u64::from(status.code()));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends what precedes the data of a chunk of so many bytes (RFC 9112 §7.1); [`CHUNK_END`] follows the
/// data. Without the formatting machinery, which would be a tenth of what a small event costs in user space.
pub(crate) fn write_chunk_head(out: &mut Vec<u8>, bytes: usize) {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (bytes >> (place * 4) & 0xf) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows the data of a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The interim response that has a waiting client send its body (RFC 9110 §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends a number in decimal digits, without the formatting machinery and without allocating.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Status line, server, date, connection and length: what precedes the headers of the response itself.
const HEAD_BYTES_USUAL: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn head(status: Status, length: u64) -> String {
        delimited(status, Delimiter::Length(length))
    }

    fn delimited(status: Status, delimiter: Delimiter) -> String {
        let line =
            ResponseLine { status, reason: None, persistence: Persistence::Close, delimiter };
        let mut headers =
            Headers::shared(&Arc::new(FieldLines::render([("ETag", "\"1\"")]).into()));
        headers.put("A", "b");
        let mut out = Vec::new();
        write_head(&mut out, line, &FieldLines::render([("Server", "x")]), &headers);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_is_framed_and_ends_in_an_empty_line() {
        assert_eq!(
            head(Status::OK, 12),
            "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\nContent-Length: 12\r\nETag: \"1\"\r\nA: b\r\n\r\n"
        );
    }

    #[test]
    fn chunks_follow_one_another_and_end_in_an_empty_one() {
        let mut out = Vec::new();
        for data in ["abc", "0123456789abcdef"] {
            write_chunk_head(&mut out, data.len());
            out.extend_from_slice(data.as_bytes());
            out.extend_from_slice(CHUNK_END);
        }
        out.extend_from_slice(LAST_CHUNK);
        assert_eq!(out, b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
        assert!(delimited(Status::OK, Delimiter::Chunked).contains("Transfer-Encoding: chunked"));
        assert!(!delimited(Status::NO_CONTENT, Delimiter::Chunked).contains("chunked"));
        assert!(!delimited(Status::OK, Delimiter::Close).contains("Content-Length"));
    }

    #[test]
    fn the_length_of_a_chunk_is_hexadecimal() {
        for bytes in [0, 1, 9, 10, 15, 16, 255, 256, 4095, 65_536, 0xabcdef, usize::MAX] {
            let mut out = Vec::new();
            write_chunk_head(&mut out, bytes);
            assert_eq!(String::from_utf8_lossy(&out), format!("{bytes:x}\r\n"));
        }
    }

    #[test]
    fn no_length_where_there_is_never_a_body() {
        assert!(!head(Status::NO_CONTENT, 0).contains("Length"));
        assert!(!head(Status::NOT_MODIFIED, 5).contains("Length"));
    }

    #[test]
    fn an_unnamed_status_keeps_its_space() {
        assert!(head(Status::new(299).unwrap(), 0).starts_with("HTTP/1.1 299 \r\n"));
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
