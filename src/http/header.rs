//! Header names that this server reads, and the block of headers that it sends (RFC 9110 §5).

use std::fmt;

macro_rules! header_names {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A request header that some part of the server asks for. Others are found by their text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum HeaderName { $($variant,)+ }

        impl HeaderName {
            /// How many names are known: the size of the table of first occurrences.
            pub const COUNT: usize = [$($name),+].len();

            /// The name in lower case.
            pub fn as_str(self) -> &'static str {
                match self { $(HeaderName::$variant => $name,)+ }
            }

            /// The known header of this name, in any case of letters (RFC 9110 §5.1).
            pub fn recognise(name: &[u8]) -> Option<HeaderName> {
                $(if name.len() == $name.len() && name.eq_ignore_ascii_case($name.as_bytes()) {
                    return Some(HeaderName::$variant);
                })+
                None
            }
        }
    };
}

header_names! {
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    Authorization = "authorization",
    Connection = "connection",
    ContentLength = "content-length",
    ContentType = "content-type",
    Cookie = "cookie",
    Expect = "expect",
    Host = "host",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    Range = "range",
    Referer = "referer",
    TransferEncoding = "transfer-encoding",
    UserAgent = "user-agent",
}

/// The headers of one response, kept as the bytes that go on the wire.
///
/// The first [`Headers::INLINE_BYTES`] live in the value itself, so that a static answer never
/// allocates. `Date`, `Server`, `Connection` and `Content-Length` are not in here: the floor that
/// sends a response writes them.
///
/// ```
/// let mut headers = httpd::http::Headers::new();
/// headers.add("Cache-Control", "no-cache");
/// assert_eq!(headers.as_bytes(), b"Cache-Control: no-cache\r\n");
/// ```
#[derive(Clone)]
pub struct Headers {
    inline: [u8; Headers::INLINE_BYTES],
    length: u16,
    spill: Vec<u8>,
}

impl Headers {
    /// Holds the four headers of a file with its range and two or three more.
    pub const INLINE_BYTES: usize = 304;

    /// No header.
    pub fn new() -> Headers {
        Headers { inline: [0; Headers::INLINE_BYTES], length: 0, spill: Vec::new() }
    }

    /// Headers that were rendered before, as whole lines with their CRLF.
    pub(crate) fn from_block(block: &[u8]) -> Headers {
        let mut headers = Headers::new();
        headers.push(block);
        headers
    }

    /// Adds one header, unless its name is no token (RFC 9110 §5.1) or is one of those that are
    /// written when the response is sent: a second `Content-Length` would let two readers see two
    /// responses. Control characters in a value are sent as spaces, so that none can
    /// start a header of its own (RFC 9110 §5.5).
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        let is_ours = |ours: &&str| ours.eq_ignore_ascii_case(name);
        if !is_name || WRITTEN_WHEN_SENT.iter().any(is_ours) {
            return;
        }
        self.push(name.as_bytes());
        self.push(b": ");
        self.push_clean(value.as_ref());
        self.push(b"\r\n");
    }

    /// Adds all of another block.
    pub fn append(&mut self, other: &Headers) {
        self.push(other.as_bytes());
    }

    /// Removes every header of this name, in any case of letters.
    pub fn remove(&mut self, name: &str) {
        let mut kept = Headers::new();
        for line in self.as_bytes().split_inclusive(|&byte| byte == b'\n') {
            let found = line.split(|&byte| byte == b':').next().unwrap_or_default();
            if !found.eq_ignore_ascii_case(name.as_bytes()) {
                kept.push(line);
            }
        }
        *self = kept;
    }

    /// The lines, each ending in CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        if self.spill.is_empty() { &self.inline[..usize::from(self.length)] } else { &self.spill }
    }

    /// The value of the first header of this name, in any case of letters.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.as_bytes().split(|&byte| byte == b'\n').find_map(|line| {
            let line = line.strip_suffix(b"\r")?;
            let (found, rest) = line.split_at_checked(name.len())?;
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| rest.strip_prefix(b": "))?
        })
    }

    fn push_clean(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| is_control(byte)) {
            match piece.split_last() {
                Some((&last, clean)) if is_control(last) => {
                    self.push(clean);
                    self.push(b" ");
                }
                _ => self.push(piece),
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        let end = start + bytes.len();
        if self.spill.is_empty() && end <= Headers::INLINE_BYTES {
            self.inline[start..end].copy_from_slice(bytes);
            self.length = end as u16;
        } else {
            if self.spill.is_empty() {
                self.spill.extend_from_slice(&self.inline[..start]);
            }
            self.spill.extend_from_slice(bytes);
        }
    }
}

/// `tchar` (RFC 9110 §5.6.2).
pub fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// What no value may hold (RFC 9110 §5.5).
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// What frames and dates a response, and belongs to the connection that it is sent over.
const WRITTEN_WHEN_SENT: [&str; 5] =
    ["Connection", "Content-Length", "Date", "Server", "Transfer-Encoding"];

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        table[byte] = c.is_ascii_alphanumeric()
            || matches!(
                c,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

impl Default for Headers {
    fn default() -> Headers {
        Headers::new()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_in_any_case() {
        assert_eq!(HeaderName::recognise(b"HOST"), Some(HeaderName::Host));
        assert_eq!(HeaderName::recognise(b"If-None-MATCH"), Some(HeaderName::IfNoneMatch));
        assert_eq!(HeaderName::recognise(b"x-host"), None);
    }

    #[test]
    fn a_value_cannot_start_a_header_of_its_own() {
        let mut headers = Headers::new();
        headers.add("X-Name", "a\r\nSet-Cookie: b\0");
        assert_eq!(headers.as_bytes(), b"X-Name: a  Set-Cookie: b \r\n");
    }

    #[test]
    fn names_that_are_none_or_not_the_handlers_are_left_out() {
        let mut headers = Headers::new();
        headers.add("content-length", "5");
        headers.add("Transfer-Encoding", "chunked");
        headers.add("", "empty");
        headers.add("A: b\r\nC", "d");
        headers.add("X", "y");
        assert_eq!(headers.as_bytes(), b"X: y\r\n");
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_stays_in_order() {
        let mut headers = Headers::new();
        for (name, value) in [("A", "1"), ("b", "2"), ("a", "3"), ("Ab", "4")] {
            headers.add(name, value);
        }
        headers.remove("a");
        assert_eq!(headers.as_bytes(), b"b: 2\r\nAb: 4\r\n");
    }

    #[test]
    fn a_long_block_spills_over_without_losing_a_byte() {
        let mut headers = Headers::new();
        let mut expected = Vec::new();
        for number in 0..40 {
            let value = format!("value {number}");
            headers.add("X-Number", &value);
            expected.extend_from_slice(format!("X-Number: {value}\r\n").as_bytes());
        }
        assert_eq!(headers.as_bytes(), expected);
        assert_eq!(headers.value("x-number"), Some(&b"value 0"[..]));
        assert_eq!(headers.value("x-other"), None);
    }
}
