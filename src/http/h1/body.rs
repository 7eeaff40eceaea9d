//! Request bodies on the wire: `Content-Length` and `chunked` (RFC 9112 §6–7).

use crate::http::Reject;
use crate::http::header::is_token;
use std::ops::Range;

/// How a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk and its trailers.
    Chunked,
}

/// Reads a body piece by piece. Bytes in, places out; no byte is kept.
#[derive(Debug)]
pub(crate) struct BodyDecoder {
    state: BodyState,
    /// Bytes of framing (chunk sizes, extensions, trailers) since the last byte of data.
    overhead: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    Length(u64),
    /// In the digits of a chunk size: the value so far, and how many digits there were.
    Size(u64, u8),
    /// Between a chunk's size and its data: in the extensions, which are ignored.
    Extension(u64, ChunkExtension),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

/// A place in `chunk-ext` (RFC 9112 §7.1.1). Its "bad" white space is allowed around a semicolon and
/// around an equals sign, nowhere else, and never before the end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkExtension {
    /// White space that a semicolon must follow.
    BeforeSemicolon,
    NameStart,
    Name,
    /// White space that an equals sign or a semicolon must follow.
    AfterName,
    ValueStart,
    Token,
    Quoted,
    /// After a backslash in a quoted string.
    QuotedPair,
    AfterQuoted,
}

/// What one step of [`BodyDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The place of body bytes in the input; may be empty.
    pub data: Range<usize>,
    /// How much of the input is used up.
    pub consumed: usize,
    /// Whether the body is complete.
    pub end: BodyEnd,
}

/// Whether the end of the body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    Open,
    Reached,
}

impl BodyDecoder {
    /// A decoder at the first byte after the head.
    pub(crate) fn new(framing: Framing) -> BodyDecoder {
        let state = match framing {
            Framing::None | Framing::Length(0) => BodyState::Done,
            Framing::Length(length) => BodyState::Length(length),
            Framing::Chunked => BodyState::Size(0, 0),
        };
        BodyDecoder { state, overhead: 0 }
    }

    /// Reads on: at most one run of body bytes per step. Call again with the rest of the input until
    /// `consumed` is all of it or the end is reached.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for broken chunks, or framing that outweighs what it frames.
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Decoded, Reject> {
        let mut at = 0;
        loop {
            match self.state {
                BodyState::Done => return Ok(self.found(at..at, at)),
                BodyState::Length(left) | BodyState::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                    let rest = left - length as u64;
                    self.state = match self.state {
                        BodyState::Length(_) if rest == 0 => BodyState::Done,
                        BodyState::Length(_) => BodyState::Length(rest),
                        _ if rest == 0 => BodyState::DataCr,
                        _ => BodyState::Data(rest),
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
        let end = if self.state == BodyState::Done { BodyEnd::Reached } else { BodyEnd::Open };
        Decoded { data, consumed, end }
    }

    /// One byte of `chunked-body` outside of the data (RFC 9112 §7.1).
    fn frame(&self, byte: u8) -> Result<BodyState, Reject> {
        const BAD: Reject = Reject::Malformed("malformed chunk");
        Ok(match (self.state, byte) {
            (BodyState::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                // Sixteen digits fill 64 bits; fifteen leave room so that nothing can overflow.
                // Leading zeros count, because other readers stop at some number of digits too.
                if digits >= 15 {
                    return Err(BAD);
                }
                BodyState::Size(size * 16 + u64::from(hex(byte)), digits + 1)
            }
            (BodyState::Size(_, 0), _) => return Err(BAD),
            (BodyState::Size(size, _), b'\r') => BodyState::SizeEnd(size),
            (BodyState::Size(size, _), b';') => {
                BodyState::Extension(size, ChunkExtension::NameStart)
            }
            (BodyState::Size(size, _), b' ' | b'\t') => {
                BodyState::Extension(size, ChunkExtension::BeforeSemicolon)
            }
            (BodyState::Extension(size, place), b'\r') if place.may_end() => {
                BodyState::SizeEnd(size)
            }
            (BodyState::Extension(size, place), _) => {
                BodyState::Extension(size, place.after(byte).ok_or(BAD)?)
            }
            (BodyState::SizeEnd(0), b'\n') => BodyState::TrailerStart,
            (BodyState::SizeEnd(size), b'\n') => BodyState::Data(size),
            (BodyState::DataCr, b'\r') => BodyState::DataLf,
            (BodyState::DataLf, b'\n') => BodyState::Size(0, 0),
            (BodyState::TrailerStart, b'\r') => BodyState::LastLf,
            (BodyState::TrailerStart | BodyState::TrailerName, _) if is_token(byte) => {
                BodyState::TrailerName
            }
            (BodyState::TrailerName, b':') => BodyState::TrailerValue,
            (BodyState::TrailerValue, _) if is_text(byte) => BodyState::TrailerValue,
            (BodyState::TrailerValue, b'\r') => BodyState::TrailerLf,
            (BodyState::TrailerLf, b'\n') => BodyState::TrailerStart,
            (BodyState::LastLf, b'\n') => BodyState::Done,
            _ => return Err(BAD),
        })
    }
}

impl ChunkExtension {
    /// Whether the line may end here.
    fn may_end(self) -> bool {
        matches!(self, ChunkExtension::Name | ChunkExtension::Token | ChunkExtension::AfterQuoted)
    }

    /// The place after one more byte. `None`: the grammar does not allow that byte here.
    fn after(self, byte: u8) -> Option<ChunkExtension> {
        use ChunkExtension::*;
        Some(match (self, byte) {
            (Quoted, b'"') => AfterQuoted,
            (Quoted, b'\\') => QuotedPair,
            (Quoted | QuotedPair, _) => return is_text(byte).then_some(Quoted),
            (NameStart | Name, _) if is_token(byte) => Name,
            (ValueStart | Token, _) if is_token(byte) => Token,
            (ValueStart, b'"') => Quoted,
            (BeforeSemicolon | Name | AfterName | Token | AfterQuoted, b';') => NameStart,
            (Name | AfterName, b'=') => ValueStart,
            (NameStart | ValueStart, b' ' | b'\t') => self,
            (Name | AfterName, b' ' | b'\t') => AfterName,
            (BeforeSemicolon | Token | AfterQuoted, b' ' | b'\t') => BeforeSemicolon,
            _ => return None,
        })
    }
}

/// Whether a field value may have this byte, and, unless it is a quote or a backslash, a quoted string.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Bytes of framing between two bytes of data: enough for a chunk extension or some trailers, too few for a
/// client that sends nothing else.
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
        b"4\r\nWiki\r\n6;a=\"b\"\r\npedia \r\nD\t ; c = d\r\nin \r\n\r\nchunks\r\n00\r\nX-T: 1\r\n\r\n";

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
    fn what_follows_the_body_is_left_alone() {
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
            b"1 \r\n",
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
    fn extensions_follow_the_grammar_to_the_letter() {
        let read = |size_line: &str| {
            let text = format!("{size_line}\r\na\r\n0\r\n\r\n");
            decode_all(Framing::Chunked, &[text.as_bytes()]).is_ok()
        };
        for good in [
            "1",
            "000000000000001",
            "1;a",
            "1;a;b",
            "1 ;a",
            "1\t; a",
            "1;a=b",
            "1;a = b ; c\t=\t\"d\"",
            "1;a=\"\"",
            "1;a=\"b;\\\"=\u{e9}\\\\\t\";c",
            "1;!#$%&'*+-.^_`|~=0",
        ] {
            assert!(read(good), "{good:?}");
        }
        for bad in [
            "1 ",
            "1\t",
            "1;",
            "1; ",
            "1;;a",
            "1;a;",
            "1;a ",
            "1;a=",
            "1;a= ",
            "1;a=;b",
            "1;a=b ",
            "1;a=b c",
            "1;a b",
            "1;=b",
            "1;a==b",
            "1;a=\"b",
            "1;a=\"b\\\"",
            "1;a=\"b\"c",
            "1;a=\"b\" ",
            "1;\"a\"",
            "1;a=\"b\nc\"",
            "1;a=\"b\rc\"",
            "1;a\n",
            "1;a=b\r",
            "1;\u{e9}",
            "1,a",
            "0000000000000001",
            " 1",
            "",
        ] {
            assert!(!read(bad), "{bad:?}");
        }
    }

    #[test]
    fn trailers_are_field_lines() {
        let read = |trailers: &str| {
            let text = format!("0\r\n{trailers}\r\n");
            decode_all(Framing::Chunked, &[text.as_bytes()]).is_ok()
        };
        for good in ["", "A: b\r\n", "A:\r\nB:c \t\r\n", "A: \u{e9}\r\n"] {
            assert!(read(good), "{good:?}");
        }
        for bad in [
            "A\r\n",
            ": b\r\n",
            "A : b\r\n",
            " A: b\r\n",
            "A: b\r\n c\r\n",
            "A: b\n",
            "A: b\rc\r\n",
            "A: \0\r\n",
            "\u{e9}: b\r\n",
            "GET / HTTP/1.1\r\n",
        ] {
            assert!(!read(bad), "{bad:?}");
        }
    }

    #[test]
    fn framing_without_a_body_is_bounded() {
        let extension = [b"1;".to_vec(), vec![b'x'; FRAMING_BYTES_MAX]].concat();
        assert!(decode_all(Framing::Chunked, &[&extension]).is_err());
        let trailers = [b"0\r\n".to_vec(), b"A: b\r\n".repeat(1000)].concat();
        assert!(decode_all(Framing::Chunked, &[&trailers]).is_err());
    }
}
