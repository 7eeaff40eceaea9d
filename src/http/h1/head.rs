//! The head parser (RFC 9112 §2–5): bytes → [`Head`], line by line as they arrive.
//!
//! The parser can stop at any byte and continues there; while it waits, it reads no byte twice. It is
//! strict: it refuses what RFC 9112 lets a lenient recipient repair (bare LF, obs-fold, white space before
//! the colon), because requests are smuggled past two readers that repair differently.

use crate::http::header::is_token;
use crate::http::table::{HeaderTable, Span};
use crate::http::{HeadLimits, Method, Reject, Version};

/// A parsed head: places in the bytes that the parser was given.
#[derive(Debug)]
pub(crate) struct Head {
    pub method: Method,
    pub target: Span,
    pub version: Version,
    /// The whole request line without its CRLF, for the log.
    pub line: Span,
    pub headers: HeaderTable,
}

/// A parser that remembers how far it has read.
#[derive(Debug)]
pub(crate) struct HeadParser {
    head: Head,
    /// Where the incomplete line begins.
    line_start: usize,
    /// How far the input was searched for the end of that line.
    scanned: usize,
    section: HeadSection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadSection {
    RequestLine,
    HeaderLines,
}

impl HeadParser {
    /// A parser at the first byte of a head.
    pub(crate) fn new() -> HeadParser {
        HeadParser {
            head: Head {
                method: Method::Get,
                target: Span::default(),
                version: Version::Http11,
                line: Span::default(),
                headers: HeaderTable::default(),
            },
            line_start: 0,
            scanned: 0,
            section: HeadSection::RequestLine,
        }
    }

    /// Forgets the last head and keeps its memory.
    pub(crate) fn reset(&mut self) {
        self.head.headers.clear();
        self.head.line = Span::default();
        self.head.target = Span::default();
        self.head.method = Method::Get;
        self.head.version = Version::Http11;
        self.line_start = 0;
        self.scanned = 0;
        self.section = HeadSection::RequestLine;
    }

    /// The head, once [`HeadParser::advance`] has found it complete. Before that, what is known of it.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Reads on. `input` is everything since the first byte of this head, old bytes and new ones.
    ///
    /// Returns the length of the head once it is complete, and `Ok(None)` before, which is never an error.
    ///
    /// # Errors
    /// A [`Reject`] as soon as no continuation can make this a valid head.
    pub(crate) fn advance(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Reject> {
        while let Some(found) = memchr::memchr(b'\n', input.get(self.scanned..).unwrap_or_default())
        {
            let end = self.scanned + found;
            let start = self.line_start;
            self.line_start = end + 1;
            self.scanned = end + 1;
            if self.line_start > limits.head_bytes_max {
                return Err(self.too_long());
            }
            let line = input[start..end]
                .strip_suffix(b"\r")
                .ok_or(Reject::Malformed("line ends in a bare LF"))?;
            let span = Span::new(start, start + line.len());
            match (self.section, line) {
                (HeadSection::RequestLine, b"") => skip_empty_line(start)?,
                (HeadSection::RequestLine, _) => self.request_line(line, span, start, limits)?,
                (HeadSection::HeaderLines, b"") => return Ok(Some(self.line_start)),
                (HeadSection::HeaderLines, _) => self.header_line(input, line, start, limits)?,
            }
        }
        self.scanned = input.len();
        self.check_incomplete(input, limits)
    }

    /// Applies the bounds to what has arrived, not only to complete lines.
    fn check_incomplete(&self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        let line = input.get(self.line_start..).unwrap_or_default();
        if self.section == HeadSection::RequestLine
            && line.len() > limits.target_bytes_max + REQUEST_LINE_REST_BYTES
        {
            return Err(Reject::TargetTooLong);
        }
        if input.len() >= limits.head_bytes_max {
            return Err(self.too_long());
        }
        Ok(None)
    }

    fn too_long(&self) -> Reject {
        match self.section {
            HeadSection::RequestLine => Reject::TargetTooLong,
            HeadSection::HeaderLines => Reject::HeadersTooLarge,
        }
    }

    /// `method SP request-target SP HTTP-version` (RFC 9112 §3), single spaces, nothing else.
    fn request_line(
        &mut self,
        line: &[u8],
        span: Span,
        start: usize,
        limits: &HeadLimits,
    ) -> Result<(), Reject> {
        self.section = HeadSection::HeaderLines;
        self.head.line = span;
        let method_end =
            memchr::memchr(b' ', line).ok_or(Reject::Malformed("request line without a target"))?;
        let (method, rest) = (&line[..method_end], &line[method_end + 1..]);
        if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
            return Err(Reject::Malformed("malformed method"));
        }
        let target_length = memchr::memchr(b' ', rest)
            .ok_or(Reject::Malformed("request line without a version"))?;
        let (target, version) = (&rest[..target_length], &rest[target_length + 1..]);
        if target_length > limits.target_bytes_max {
            return Err(Reject::TargetTooLong);
        }
        if target.is_empty() || !all_visible(target) {
            return Err(Reject::Malformed("malformed request target"));
        }
        self.head.version = read_version(version)?;
        let target_start = start + method_end + 1;
        self.head.target = Span::new(target_start, target_start + target_length);
        self.head.method = Method::of_token(method).ok_or(Reject::MethodUnknown)?;
        Ok(())
    }

    /// `field-name ":" OWS field-value OWS` (RFC 9112 §5).
    fn header_line(
        &mut self,
        input: &[u8],
        line: &[u8],
        start: usize,
        limits: &HeadLimits,
    ) -> Result<(), Reject> {
        if self.head.headers.count() >= limits.header_count_max {
            return Err(Reject::HeadersTooLarge);
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(Reject::Malformed("folded header line"));
        }
        let colon =
            memchr::memchr(b':', line).ok_or(Reject::Malformed("header line without a colon"))?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(Reject::Malformed("malformed header name"));
        }
        if has_control(value) {
            return Err(Reject::Malformed("control character in a header value"));
        }
        let is_space = |byte: &&u8| matches!(**byte, b' ' | b'\t');
        let before = value.iter().take_while(is_space).count();
        let after = value[before..].iter().rev().take_while(is_space).count();
        let value_start = start + colon + 1 + before;
        let value_end = start + line.len() - after;
        self.head.headers.add(
            input,
            Span::new(start, start + colon),
            Span::new(value_start, value_end),
        );
        Ok(())
    }
}

impl Default for HeadParser {
    fn default() -> HeadParser {
        HeadParser::new()
    }
}

/// Some clients send an empty line after a request with a body, and RFC 9112 §2.2 has a server ignore at
/// least one. The bound keeps a stream of empty lines from being a request that never begins.
fn skip_empty_line(start: usize) -> Result<(), Reject> {
    if start < EMPTY_LINES_MAX * 2 {
        Ok(())
    } else {
        Err(Reject::Malformed("empty lines before the request"))
    }
}

/// `"HTTP" "/" DIGIT "." DIGIT`, case-sensitive (RFC 9112 §2.3).
fn read_version(version: &[u8]) -> Result<Version, Reject> {
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major == b'1' {
                Ok(Version::Http11)
            } else {
                Err(Reject::VersionUnsupported)
            }
        }
        _ => Err(Reject::Malformed("malformed HTTP version")),
    }
}

/// This is a fold without an early exit, so that the compiler compares many bytes at once.
fn all_visible(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |good, &byte| good & (byte > b' ') & (byte < 0x7f))
}

/// `field-value` may hold visible characters, obs-text, SP and HTAB, and nothing else
/// (RFC 9110 §5.5): NUL, a bare CR and the other controls are refused.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |bad, &byte| bad | ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f))
}

/// Room for the longest method, two spaces, the version and the CR.
const REQUEST_LINE_REST_BYTES: usize = 32;

const EMPTY_LINES_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeaderName;

    const LIMITS: HeadLimits =
        HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 5 };

    fn parse(input: &[u8]) -> Result<Option<usize>, Reject> {
        HeadParser::new().advance(input, &LIMITS)
    }

    const SAMPLES: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nHEAD /a?b HTTP/1.0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost:a\r\nContent-Length: \t 3 \t\r\nX-Empty:\r\n\r\nabc",
        b"OPTIONS * HTTP/1.1\r\nhost: \xe9\xff\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
    ];

    #[test]
    fn every_split_of_every_sample_gives_the_same_head() {
        for sample in SAMPLES {
            let mut whole = HeadParser::new();
            let expected = whole.advance(sample, &LIMITS);
            for cut in 0..sample.len() {
                let mut parser = HeadParser::new();
                let mut got = parser.advance(&sample[..cut], &LIMITS);
                if got == Ok(None) {
                    got = parser.advance(sample, &LIMITS);
                }
                assert_eq!(got, expected, "{:?} cut at {cut}", String::from_utf8_lossy(sample));
                if matches!(got, Ok(Some(_))) {
                    assert_eq!(format!("{:?}", parser.head()), format!("{:?}", whole.head()));
                }
            }
        }
    }

    #[test]
    fn byte_by_byte_gives_the_same_head() {
        for sample in SAMPLES {
            let expected = HeadParser::new().advance(sample, &LIMITS);
            let mut parser = HeadParser::new();
            let got = (0..=sample.len())
                .map(|end| parser.advance(&sample[..end], &LIMITS))
                .find(|result| *result != Ok(None))
                .unwrap_or(Ok(None));
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn values_lose_the_white_space_around_them() {
        let mut parser = HeadParser::new();
        let input = b"GET /a HTTP/1.1\r\nHost: \t a b \t\r\nX:\r\n\r\nrest";
        assert_eq!(parser.advance(input, &LIMITS), Ok(Some(input.len() - 4)));
        let head = parser.head();
        assert_eq!(head.headers.first(input, HeaderName::Host), Some(&b"a b"[..]));
        assert_eq!(head.target.of(input), b"/a");
        assert_eq!(head.line.of(input), b"GET /a HTTP/1.1");
        assert_eq!(head.headers.lines(input).last(), Some((&b"X"[..], &b""[..])));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bad in [
            &b"GET / HTTP/1.1\r\nHost: a\n\r\n"[..],
            b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            b"GET / HTTP/1.1\r\n A: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\r\n\r\n",
            b"GET / HTTP/1.1\r\n: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1 \r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"GET\t/\tHTTP/1.1\r\n\r\n",
            b"GET / http/1.1\r\n\r\n",
            b"GET / HTTP/1.10\r\n\r\n",
            b"GET / HTTP/01.1\r\n\r\n",
            b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
            b"G(T / HTTP/1.1\r\n\r\n",
            b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(
                matches!(parse(bad), Err(Reject::Malformed(_))),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
    }

    #[test]
    fn a_fault_is_found_as_soon_as_its_line_is_here() {
        assert!(matches!(parse(b"GET / HTTP/1.1\r\nA : b\r\n"), Err(Reject::Malformed(_))));
        assert_eq!(parse(b"GET / HTTP/2.0\r\n"), Err(Reject::VersionUnsupported));
        let long = format!("{} / HTTP/1.1\r\n", "M".repeat(25));
        assert_eq!(parse(long.as_bytes()), Err(Reject::MethodUnknown));
    }

    #[test]
    fn a_later_minor_version_counts_as_1_1() {
        assert!(matches!(parse(b"GET / HTTP/1.7\r\n\r\n"), Ok(Some(_))));
    }

    #[test]
    fn every_bound_holds_before_the_line_is_complete() {
        let long = [b"GET /".to_vec(), vec![b'a'; 200]].concat();
        assert_eq!(parse(&long), Err(Reject::TargetTooLong));
        let exact = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(99));
        assert!(matches!(parse(exact.as_bytes()), Ok(Some(_))));
        let over = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100));
        assert_eq!(parse(over.as_bytes()), Err(Reject::TargetTooLong));
        let headers = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 1000]].concat();
        assert_eq!(parse(&headers), Err(Reject::HeadersTooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(6));
        assert_eq!(parse(many.as_bytes()), Err(Reject::HeadersTooLarge));
    }
}
