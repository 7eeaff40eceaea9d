//! Request content on the wire: `Content-Length` and `chunked` (RFC 9112 §6–7).

use crate::http::Reject;
use std::ops::Range;

/// How a request's content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks up to the last one, then trailers.
    Chunked,
}

/// Reads content piece by piece. Bytes in, places out; no byte is kept.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    /// Bytes of framing (chunk sizes, extensions, trailers) since the last byte of content.
    overhead: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    /// In the digits of a chunk size; how many there were.
    Size(u64, u8),
    /// White space after the size, which only an extension or the end of the line may follow.
    Space(u64),
    /// After the size: extensions, which are ignored (RFC 9112 §7.1.1).
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    TrailerStart,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

/// What one step of [`BodyDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Where in the input content stands; may be empty.
    pub data: Range<usize>,
    /// How much of the input is used up.
    pub consumed: usize,
    /// Whether the content is complete.
    pub end: BodyEnd,
}

/// Whether the content is all here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    Open,
    Reached,
}

impl BodyDecoder {
    /// A decoder at the first byte after the head.
    pub fn new(framing: Framing) -> BodyDecoder {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, 0),
        };
        BodyDecoder { state, overhead: 0 }
    }

    /// Reads on: at most one run of content per step. Call again with the rest while `consumed`
    /// is not the whole input and the end is not reached.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for broken chunks, or framing that outweighs what it frames.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, Reject> {
        let mut at = 0;
        loop {
            match self.state {
                State::Done => return Ok(self.found(at..at, at)),
                State::Length(left) | State::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                    let rest = left - length as u64;
                    self.state = match self.state {
                        State::Length(_) if rest == 0 => State::Done,
                        State::Length(_) => State::Length(rest),
                        _ if rest == 0 => State::DataCr,
                        _ => State::Data(rest),
                    };
                    if length > 0 {
                        self.overhead = 0;
                    }
                    return Ok(self.found(at..at + length, at + length));
                }
                _ => {}
            }
            let Some(&byte) = input.get(at) else {
                return Ok(self.found(at..at, at));
            };
            at += 1;
            self.state = self.frame(byte)?;
            self.overhead += 1;
            if self.overhead > FRAMING_BYTES_MAX {
                return Err(Reject::Malformed("chunk framing too long"));
            }
        }
    }

    fn found(&self, data: Range<usize>, consumed: usize) -> Decoded {
        let end = if self.state == State::Done { BodyEnd::Reached } else { BodyEnd::Open };
        Decoded { data, consumed, end }
    }

    /// One byte of `chunked-body` outside of the data (RFC 9112 §7.1).
    fn frame(&self, byte: u8) -> Result<State, Reject> {
        const BAD: Reject = Reject::Malformed("malformed chunk");
        Ok(match (self.state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                // Sixteen digits fill 64 bits; fifteen leave room so that nothing can overflow.
                if digits >= 15 {
                    return Err(BAD);
                }
                State::Size(size * 16 + u64::from(hex(byte)), digits + 1)
            }
            (State::Size(_, 0), _) => return Err(BAD),
            (State::Size(size, _), b'\r') => State::SizeEnd(size),
            (State::Size(size, _) | State::Space(size), b' ' | b'\t') => State::Space(size),
            (State::Size(size, _) | State::Space(size), b';') => State::Extension(size),
            (State::Space(size), b'\r') => State::SizeEnd(size),
            (State::Extension(size), b'\r') => State::SizeEnd(size),
            (State::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => State::Extension(size),
            (State::SizeEnd(0), b'\n') => State::TrailerStart,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0, 0),
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart | State::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => {
                State::TrailerLine
            }
            (State::TrailerLine, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(BAD),
        })
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Framing between two bytes of content: enough for a chunk extension or some trailers, too little
/// for a client that sends nothing else.
const FRAMING_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, BodyEnd), Reject> {
        let mut decoder = BodyDecoder::new(framing);
        let (mut content, mut used) = (Vec::new(), 0);
        let mut end = BodyEnd::Open;
        for piece in pieces {
            let mut at = 0;
            loop {
                let step = decoder.decode(&piece[at..])?;
                content.extend_from_slice(&piece[at..][step.data.clone()]);
                at += step.consumed;
                end = step.end;
                if end == BodyEnd::Reached || at == piece.len() {
                    break;
                }
            }
            used += at;
        }
        Ok((content, used, end))
    }

    const CHUNKED: &[u8] =
        b"4\r\nWiki\r\n6;a=\"b\"\r\npedia \r\nD \r\nin \r\n\r\nchunks\r\n00\r\nX-T: 1\r\n\r\n";

    #[test]
    fn chunks_are_joined_and_every_split_gives_the_same() {
        let expected = (b"Wikipedia in \r\n\r\nchunks".to_vec(), CHUNKED.len(), BodyEnd::Reached);
        for cut in 0..=CHUNKED.len() {
            let (left, right) = CHUNKED.split_at(cut);
            assert_eq!(
                decode_all(Framing::Chunked, &[left, right]),
                Ok(expected.clone()),
                "cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = CHUNKED.chunks(1).collect();
        assert_eq!(decode_all(Framing::Chunked, &bytes), Ok(expected));
    }

    #[test]
    fn what_follows_the_content_is_left_alone() {
        assert_eq!(
            decode_all(Framing::Length(3), &[b"abcGET"]),
            Ok((b"abc".to_vec(), 3, BodyEnd::Reached))
        );
        assert_eq!(
            decode_all(Framing::Chunked, &[b"0\r\n\r\nGET"]),
            Ok((Vec::new(), 5, BodyEnd::Reached))
        );
        assert_eq!(decode_all(Framing::None, &[b"GET"]), Ok((Vec::new(), 0, BodyEnd::Reached)));
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bad in [
            &b"\r\n"[..],
            b"g\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b"1\n",
            b"1 2\r\n",
            b"1 \t x\r\n",
            b"1\r\rX",
            b"1\r\nab",
            b"1\r\na\n",
            b"ffffffffffffffff\r\n",
            b"1;\0\r\n",
            b"0\r\n\n",
            b"0\r\nX\n",
            b"1\r\na\r\r",
        ] {
            assert!(
                decode_all(Framing::Chunked, &[bad]).is_err(),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
    }

    #[test]
    fn framing_without_content_is_bounded() {
        let extension = [b"1;".to_vec(), vec![b'x'; FRAMING_BYTES_MAX]].concat();
        assert!(decode_all(Framing::Chunked, &[&extension]).is_err());
        let trailers = [b"0\r\n".to_vec(), b"A: b\r\n".repeat(1000)].concat();
        assert!(decode_all(Framing::Chunked, &[&trailers]).is_err());
    }
}
