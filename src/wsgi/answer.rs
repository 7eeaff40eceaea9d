//! What a worker says of an exchange: heads, content, ends, taken apart and believed in nothing.

use super::request::Token;
use crate::http::{Headers, Status};

/// One message of a worker.
#[derive(Debug)]
pub struct Answer<'a> {
    pub token: Token,
    pub kind: Kind<'a>,
    /// Which of its threads says it, to be credited there.
    pub thread: usize,
    pub last: Last,
}

/// What it says.
#[derive(Debug)]
pub enum Kind<'a> {
    /// The head, and the first content.
    Head(Head, &'a [u8]),
    /// More content.
    Piece(&'a [u8]),
    /// The head, and which part of the file that came with the message is the content; to its end
    /// without a length.
    File { head: Head, offset: u64, length: Option<u64> },
    /// The application raised before its head was sent.
    Failed,
    /// It raised after that.
    Broken,
}

/// Whether more will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    No,
    Yes,
}

/// Status and headers as an application gave them.
#[derive(Debug)]
pub struct Head {
    pub status: Status,
    pub headers: Headers,
    /// What it says of the length of its content.
    pub length: Option<u64>,
}

impl<'a> Answer<'a> {
    /// Takes a message apart. `None`: it is none of ours, or the head in it is none that can be sent.
    pub fn read(message: &'a [u8]) -> Option<Answer<'a>> {
        let (token, rest) = message.split_first_chunk()?;
        let (&[kind, flags, low, high], rest) = rest.split_first_chunk()?;
        let (&length, rest) = rest.split_first_chunk()?;
        let (head, content) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
        let kind = match kind {
            1 => Kind::Head(Head::read(head)?, content),
            2 => Kind::Piece(content),
            3 => {
                let (&offset, rest) = content.split_first_chunk()?;
                let (&length, _) = rest.split_first_chunk()?;
                let length = Some(u64::from_le_bytes(length)).filter(|&length| length != u64::MAX);
                Kind::File { head: Head::read(head)?, offset: u64::from_le_bytes(offset), length }
            }
            4 => Kind::Failed,
            5 => Kind::Broken,
            _ => return None,
        };
        let last = if flags & 1 == 0 { Last::No } else { Last::Yes };
        let thread = usize::from(u16::from_le_bytes([low, high]));
        Some(Answer { token: Token(*token), kind, thread, last })
    }
}

impl Head {
    /// A status line and header lines, each ended by a line feed, a NUL between name and value. What
    /// frames and dates a response is the server's to say (`Headers::add` leaves it out).
    fn read(head: &[u8]) -> Option<Head> {
        let mut lines = head.strip_suffix(b"\n")?.split(|&byte| byte == b'\n');
        let status = lines.next()?;
        let code = std::str::from_utf8(status.get(..3)?).ok()?.parse().ok()?;
        let mut head = Head { status: Status::new(code)?, headers: Headers::new(), length: None };
        for line in lines {
            let nul = memchr::memchr(0, line)?;
            let (name, value) = (std::str::from_utf8(&line[..nul]).ok()?, &line[nul + 1..]);
            if name.eq_ignore_ascii_case("Content-Length") {
                head.length = Some(std::str::from_utf8(value).ok()?.trim().parse().ok()?);
            }
            head.headers.add(name, value);
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, flags: u8, head: &[u8], content: &[u8]) -> Vec<u8> {
        let mut message = Token::new(1, 2).0.to_vec();
        message.extend_from_slice(&[kind, flags, 3, 0]);
        message.extend_from_slice(&(head.len() as u32).to_le_bytes());
        message.extend_from_slice(head);
        message.extend_from_slice(content);
        message
    }

    #[test]
    fn a_head_with_its_first_content_is_read() {
        let head = b"404 Not Found\nContent-Type\0text/plain\nContent-Length\x005\nX-A\0b\n";
        let message = message(1, 1, head, b"hello");
        let answer = Answer::read(&message).expect("it is sound");
        assert_eq!((answer.token, answer.thread, answer.last), (Token::new(1, 2), 3, Last::Yes));
        let Kind::Head(head, content) = answer.kind else { panic!("{:?}", answer.kind) };
        assert_eq!(
            (head.status, head.length, content),
            (Status::NOT_FOUND, Some(5), &b"hello"[..])
        );
        assert_eq!(head.headers.as_bytes(), b"Content-Type: text/plain\r\nX-A: b\r\n");
    }

    #[test]
    fn a_file_says_which_part_of_it() {
        let part = |length: u64| [7u64.to_le_bytes(), length.to_le_bytes()].concat();
        for (length, expected) in [(9, Some(9)), (u64::MAX, None)] {
            let message = message(3, 1, b"200 OK\n", &part(length));
            match Answer::read(&message).expect("it is sound").kind {
                Kind::File { offset, length, .. } => assert_eq!((offset, length), (7, expected)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_cut_or_cannot_be_sent_is_none() {
        let sound = message(1, 0, b"200 OK\nA\0b\n", b"");
        for cut in 0..sound.len() {
            assert!(Answer::read(&sound[..cut]).is_none(), "{cut}");
        }
        assert!(Answer::read(&sound).is_some());
        for head in [
            &b""[..],
            b"200 OK",
            b"20\n",
            b"abc\n",
            b"099 x\n",
            b"200 OK\nno value\n",
            b"200 OK\nContent-Length\0-1\n",
            b"200 OK\nContent-Length\x001,1\n",
            b"200 OK\n\xff\0x\n",
        ] {
            assert!(Answer::read(&message(1, 0, head, b"")).is_none(), "{}", head.escape_ascii());
        }
        assert!(Answer::read(&message(9, 0, b"", b"")).is_none());
        assert!(Answer::read(&message(3, 1, b"200 OK\n", b"short")).is_none());
    }

    #[test]
    fn no_value_starts_a_header_of_its_own() {
        let message = message(1, 1, b"200 OK\nA\0b\rSet-Cookie: c\n", b"");
        let Some(Answer { kind: Kind::Head(head, _), .. }) = Answer::read(&message) else {
            panic!("it is sound");
        };
        assert_eq!(head.headers.as_bytes(), b"A: b Set-Cookie: c\r\n");
    }
}
