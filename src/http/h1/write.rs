//! The head of a response on the wire (RFC 9112 §4–6).

use crate::http::Status;
use std::io::Write;

/// Whether the connection outlives this response (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    KeepAlive,
    Close,
}

/// How a client finds the end of the content (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection, for clients that know no chunks.
    Close,
}

/// Appends a complete response head.
///
/// `reason` is a reason phrase other than the usual one, without control characters;
/// `server_and_date` holds the lines that are the same for every response of this second,
/// `headers` whole lines of the answer's own, and `delimiter` says how the content
/// ends that a GET would be sent; it is left out where RFC 9110 §8.6 forbids it (1xx, 204) or where
/// it would say nothing (304).
pub fn write_head(
    out: &mut Vec<u8>,
    (status, reason): (Status, Option<&[u8]>),
    server_and_date: &[u8],
    persistence: Persistence,
    delimiter: Delimiter,
    headers: &[u8],
) {
    out.reserve(HEAD_BYTES_USUAL + headers.len());
    match status.line().filter(|_| reason.is_none()) {
        Some(line) => out.extend_from_slice(line.as_bytes()),
        None => {
            out.extend_from_slice(b"HTTP/1.1 ");
            write_number(out, u64::from(status.code()));
            // The space before an empty reason phrase is required (RFC 9112 §4).
            out.push(b' ');
            out.extend_from_slice(reason.unwrap_or_default());
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(server_and_date);
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
    out.extend_from_slice(headers);
    out.extend_from_slice(b"\r\n");
}

/// Appends what goes before the data of a chunk of so many bytes (RFC 9112 §7.1); [`CHUNK_END`] goes
/// after it.
pub fn write_chunk_head(out: &mut Vec<u8>, bytes: usize) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{bytes:x}\r\n");
}

/// What goes after the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What tells a client that waits to go on and send its content (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends a number in decimal digits, without the formatting machinery and without allocating.
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
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

/// Status line, server, date, connection and length: what stands before the answer's own headers.
const HEAD_BYTES_USUAL: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: Status, length: u64) -> String {
        delimited(status, Delimiter::Length(length))
    }

    fn delimited(status: Status, delimiter: Delimiter) -> String {
        let mut out = Vec::new();
        write_head(
            &mut out,
            (status, None),
            b"Server: x\r\n",
            Persistence::Close,
            delimiter,
            b"A: b\r\n",
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_is_framed_and_ends_in_an_empty_line() {
        assert_eq!(
            head(Status::OK, 12),
            "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\nContent-Length: 12\r\nA: b\r\n\r\n"
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
    fn no_length_where_there_is_never_content() {
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
