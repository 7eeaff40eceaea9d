//! The messages of a response as a process sends them: heads, pieces of a body and ends. Nothing in them is
//! trusted.
//!
//! A message is a header of fixed length, then bytes of the body, then a head. The header is received into
//! memory of its own, so that the body is at the beginning of its buffer: the buffer itself waits for the
//! client, and nothing is copied.

use super::request::Token;
use crate::http::{HeaderError, Headers, Status};

/// One message of a process.
#[derive(Debug)]
pub(crate) struct ResponseMessage {
    pub token: Token,
    pub kind: MessageKind,
    /// How many bytes at the beginning of what follows the header are body.
    pub body_bytes: usize,
    /// Which thread of the process sent it, and gets the credit.
    pub thread: usize,
    /// Whether the response is complete with this message.
    pub is_last: bool,
    /// Whether the length of the body is unknown: this is a response to HEAD, and the application has not made
    /// the body that a GET would get.
    pub is_unknown: bool,
}

/// What a message is.
#[derive(Debug)]
pub(crate) enum MessageKind {
    /// The head, and the first bytes of the body.
    Head(ResponseHead),
    /// More of the body.
    Piece,
    /// The head, and which part of the file that came with the message is the body; without a length, to the
    /// end of the file.
    File { head: ResponseHead, offset: u64, length: Option<u64> },
    /// The application raised before its head was sent.
    Failed,
    /// The application raised after that.
    Broken,
}

/// Status and headers as an application gave them.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub status: Status,
    /// The reason phrase, if that is not the usual one.
    pub reason: Option<Box<[u8]>>,
    pub headers: Headers,
    /// Its `Content-Length`.
    pub length: Option<u64>,
}

impl ResponseMessage {
    /// The token of the exchange that a message with this header belongs to.
    pub(crate) fn token(header: &[u8; HEADER_BYTES]) -> Token {
        let [token @ .., _, _, _, _, _, _, _, _] = *header;
        Token(token)
    }

    /// Parses a message: its header and what follows. `None`: the message breaks the format, or its head cannot
    /// be sent.
    pub(crate) fn read(header: &[u8; HEADER_BYTES], rest: &[u8]) -> Option<ResponseMessage> {
        let [.., kind, flags, low, high, a, b, c, d] = *header;
        let head_bytes = u32::from_le_bytes([a, b, c, d]) as usize;
        let body_bytes = rest.len().checked_sub(head_bytes)?;
        let (body, head) = rest.split_at(body_bytes);
        let kind = match kind {
            1 => MessageKind::Head(ResponseHead::read(head)?),
            2 => MessageKind::Piece,
            3 => {
                let (&offset, rest) = body.split_first_chunk()?;
                let (&length, _) = rest.split_first_chunk()?;
                let length = Some(u64::from_le_bytes(length)).filter(|&length| length != u64::MAX);
                MessageKind::File {
                    head: ResponseHead::read(head)?,
                    offset: u64::from_le_bytes(offset),
                    length,
                }
            }
            4 => MessageKind::Failed,
            5 => MessageKind::Broken,
            _ => return None,
        };
        let is_last = flags & 1 != 0;
        let thread = usize::from(u16::from_le_bytes([low, high]));
        let is_unknown = flags & 2 != 0;
        Some(ResponseMessage {
            token: ResponseMessage::token(header),
            kind,
            body_bytes,
            thread,
            is_last,
            is_unknown,
        })
    }
}

impl ResponseHead {
    /// A status line and header lines, each ended by a line feed, a NUL between name and value. Headers
    /// that frame and date a response are left out; a name that is no token makes the head unreadable.
    fn read(head: &[u8]) -> Option<ResponseHead> {
        let mut lines = head.strip_suffix(b"\n")?.split(|&byte| byte == b'\n');
        let status = lines.next()?;
        let code = std::str::from_utf8(status.get(..3)?).ok()?.parse().ok()?;
        let code = Status::new(code)?;
        let reason = reason(code, &status[3..])?;
        let mut head = ResponseHead { status: code, reason, headers: Headers::new(), length: None };
        for line in lines {
            let nul = memchr::memchr(0, line)?;
            let (name, value) = (std::str::from_utf8(&line[..nul]).ok()?, &line[nul + 1..]);
            if name.eq_ignore_ascii_case("Content-Length") {
                head.length = Some(std::str::from_utf8(value).ok()?.trim().parse().ok()?);
            }
            match head.headers.add(name, value) {
                // The server itself frames and dates a response.
                Ok(()) | Err(HeaderError::WrittenWhenSent(_)) => {}
                Err(_) => return None,
            }
        }
        Some(head)
    }
}

/// The reason phrase after a code; `None` where a reason phrase may not be like that (RFC 9112 §4). One that
/// is too long is left out.
fn reason(status: Status, text: &[u8]) -> Option<Option<Box<[u8]>>> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    if text.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        return None;
    }
    let is_own = text != status.reason().as_bytes() && text.len() <= REASON_BYTES_MAX;
    Some(is_own.then(|| text.into()))
}

/// The longest reason phrase that is sent.
const REASON_BYTES_MAX: usize = 256;

/// The length of the header of a message: token, kind, flags, thread, length of the head.
pub(crate) const HEADER_BYTES: usize = Token::BYTES + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::field_lines::FieldLines;

    fn read(kind: u8, flags: u8, head: &[u8], content: &[u8]) -> Option<ResponseMessage> {
        let mut header = [0; HEADER_BYTES];
        header[..16].copy_from_slice(&Token::new(1, 2).0);
        header[16..20].copy_from_slice(&[kind, flags, 3, 0]);
        header[20..].copy_from_slice(&(head.len() as u32).to_le_bytes());
        ResponseMessage::read(&header, &[content, head].concat())
    }

    #[test]
    fn a_head_with_the_beginning_of_its_body_is_read() {
        let head = b"404 Not Found\nContent-Type\0text/plain\nContent-Length\x005\nX-A\0b\n";
        let response = read(1, 1, head, b"hello").expect("it is sound");
        assert_eq!(
            (response.token, response.thread, response.is_last),
            (Token::new(1, 2), 3, true)
        );
        assert_eq!(response.body_bytes, 5);
        let MessageKind::Head(head) = response.kind else { panic!("{:?}", response.kind) };
        assert_eq!((head.status, head.length), (Status::NOT_FOUND, Some(5)));
        assert_eq!(
            FieldLines::render(head.headers.iter()).as_bytes(),
            b"Content-Type: text/plain\r\nX-A: b\r\n"
        );
    }

    #[test]
    fn a_reason_phrase_of_its_own_is_kept() {
        for (line, expected) in [
            (&b"404 Not Found"[..], None),
            (b"404 Nothing \xe4 here", Some(&b"Nothing \xe4 here"[..])),
            (b"299 Fine", Some(b"Fine")),
            (b"200 ", Some(b"")),
            (&[&b"200 "[..], &[b'x'; 257]].concat(), None),
        ] {
            let response = read(1, 1, &[line, b"\n"].concat(), b"").expect("it is sound");
            let MessageKind::Head(head) = response.kind else { panic!("{:?}", response.kind) };
            assert_eq!(head.reason.as_deref(), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_file_says_which_part_of_it() {
        let part = |length: u64| [7u64.to_le_bytes(), length.to_le_bytes()].concat();
        for (length, expected) in [(9, Some(9)), (u64::MAX, None)] {
            match read(3, 1, b"200 OK\n", &part(length)).expect("it is sound").kind {
                MessageKind::File { offset, length, .. } => {
                    assert_eq!((offset, length), (7, expected))
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_cut_or_cannot_be_sent_is_none() {
        let mut header = [0; HEADER_BYTES];
        let head = b"200 OK\nA\0b\n";
        (header[16], header[20]) = (1, head.len() as u8);
        for cut in 0..head.len() {
            assert!(ResponseMessage::read(&header, &head[..cut]).is_none(), "{cut}");
        }
        assert!(ResponseMessage::read(&header, head).is_some());
        for head in [
            &b""[..],
            b"200 OK",
            b"20\n",
            b"abc\n",
            b"099 x\n",
            b"200 a\rb\n",
            b"200 a\0b\n",
            b"200 OK\nno value\n",
            b"200 OK\nContent-Length\0-1\n",
            b"200 OK\nContent-Length\x001,1\n",
            b"200 OK\n\xff\0x\n",
        ] {
            assert!(read(1, 0, head, b"").is_none(), "{}", head.escape_ascii());
        }
        assert!(read(9, 0, b"", b"").is_none());
        assert!(read(3, 1, b"200 OK\n", b"short").is_none());
    }

    #[test]
    fn no_value_starts_a_header_of_its_own() {
        let response = read(1, 1, b"200 OK\nA\0b\rSet-Cookie: c\n", b"").expect("it is sound");
        let MessageKind::Head(head) = response.kind else { panic!("{:?}", response.kind) };
        assert_eq!(FieldLines::render(head.headers.iter()).as_bytes(), b"A: b Set-Cookie: c\r\n");
    }
}
