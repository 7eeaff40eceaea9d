//! A response as it came, and what every response of this server must be.

use std::fmt;

/// A part of a response, with its own type and range.
pub struct Part {
    pub kind: String,
    pub range: String,
    pub content: Vec<u8>,
}

/// One response. Reading it has already checked what holds for all of them; see [`Reply::check`].
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub reason: String,
    /// In the order in which they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads a head, from the status line to the last line before the empty one. Panics, with what
    /// was on the wire, when it is not a well-formed head of a final response.
    pub fn read_head(head: &[u8], method: &str) -> Reply {
        let wire = head.escape_ascii();
        let text = std::str::from_utf8(head).unwrap_or_else(|_| panic!("head not ASCII: {wire}"));
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        // RFC 9112 §4: the version, a space, three digits, a space, the reason phrase.
        let rest = status_line
            .strip_prefix("HTTP/1.1 ")
            .unwrap_or_else(|| panic!("not a status line of HTTP/1.1: {wire}"));
        let (code, reason) =
            rest.split_at_checked(3).unwrap_or_else(|| panic!("no status code: {wire}"));
        let status: u16 = code.parse().unwrap_or_else(|_| panic!("status code {code:?}: {wire}"));
        let reason = reason
            .strip_prefix(' ')
            .unwrap_or_else(|| panic!("no space after the status code: {wire}"));
        let headers = lines
            .map(|line| {
                let (name, value) =
                    line.split_once(": ").unwrap_or_else(|| panic!("header line {line:?}: {wire}"));
                assert!(is_token(name), "header name {name:?}: {wire}");
                assert!(
                    !value.bytes().any(|byte| byte < b' ' || byte == 0x7f),
                    "control character in {name}: {wire}"
                );
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let reply = Reply { status, reason: reason.to_owned(), headers, body: Vec::new() };
        reply.check(method);
        reply
    }

    /// What holds for every final response, whatever it is about.
    fn check(&self, method: &str) {
        assert!((200..600).contains(&self.status), "{self:?}");
        for name in ["Server", "Date", "Connection"] {
            assert_eq!(self.count(name), 1, "{name} must be there once: {self:?}");
        }
        for (name, _) in &self.headers {
            assert!(
                self.count(name) == 1 || name.eq_ignore_ascii_case("Set-Cookie"),
                "{name} is repeated: {self:?}"
            );
        }
        // RFC 9110 §5.6.7: IMF-fixdate.
        let date = self.value("Date");
        let parsed = httpdate::parse_http_date(date).map(httpdate::fmt_http_date);
        assert!(parsed.is_ok_and(|again| again == date), "Date {date:?} is no IMF-fixdate");
        assert!(["keep-alive", "close"].contains(&self.value("Connection")), "{self:?}");
        // RFC 9112 §6.2: never both.
        assert!(self.count("Content-Length") + self.count("Transfer-Encoding") <= 1, "{self:?}");
        match self.status {
            // RFC 9110 §8.6.
            204 => {
                assert_eq!(self.count("Content-Length") + self.count("Transfer-Encoding"), 0);
            }
            // RFC 9110 §15.4.5.
            304 => {
                assert_eq!(
                    self.count("Content-Type") + self.count("Content-Length"),
                    0,
                    "{self:?}"
                );
            }
            _ if self.is_chunked() => {}
            // Without a length the end of the connection is the end of the content.
            _ if self.keeps_alive() => assert_eq!(self.count("Content-Length"), 1, "{self:?}"),
            _ => {}
        }
        if self.status == 200 && ["GET", "HEAD"].contains(&method) {
            assert_eq!(self.count("Content-Type"), 1, "{self:?}");
        }
        if ![206, 416].contains(&self.status) {
            // RFC 9110 §14.4.
            assert_eq!(self.count("Content-Range"), 0, "{self:?}");
        }
        if self.status == 405 {
            // RFC 9110 §15.5.6.
            assert_eq!(self.count("Allow"), 1, "{self:?}");
        }
        if self.status == 416 {
            // RFC 9110 §15.5.17.
            assert_eq!(self.count("Content-Range"), 1, "{self:?}");
        }
    }

    /// How much content follows the head (RFC 9112 §6.3).
    pub fn content_length(&self, method: &str) -> u64 {
        if method == "HEAD" || self.status == 204 || self.status == 304 {
            return 0;
        }
        self.announced_length()
    }

    /// Whether the content comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "Transfer-Encoding" && value == "chunked")
    }

    /// What `Content-Length` says.
    pub fn announced_length(&self) -> u64 {
        let value = self.value("Content-Length");
        assert!(
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            "Content-Length {value:?}"
        );
        value.parse().expect("digits that fit 64 bits")
    }

    /// Whether the server says that the connection stays open.
    pub fn keeps_alive(&self) -> bool {
        self.value("Connection") == "keep-alive"
    }

    fn count(&self, name: &str) -> usize {
        let same = |found: &&(String, String)| found.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).count()
    }

    /// The value of a header; empty when it is not there.
    pub fn value(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The entity tag, which must be there.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.has_header("ETag");
        self.value("ETag").to_owned()
    }

    /// The headers but for the date, to compare two responses.
    pub fn lasting_headers(&self) -> Vec<(String, String)> {
        let lasting = |(name, _): &&(String, String)| name != "Date";
        self.headers.iter().filter(lasting).cloned().collect()
    }

    /// Demands this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Reply {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Demands this header with exactly this value.
    #[track_caller]
    pub fn header(&self, name: &str, value: &str) -> &Reply {
        assert_eq!(self.value(name), value, "{name} in {self:?}");
        self
    }

    /// Demands a header, whatever its value.
    #[track_caller]
    pub fn has_header(&self, name: &str) -> &Reply {
        assert_eq!(self.count(name), 1, "{name} in {self:?}");
        self
    }

    /// Demands that there is no such header.
    #[track_caller]
    pub fn no_header(&self, name: &str) -> &Reply {
        assert_eq!(self.count(name), 0, "{name} in {self:?}");
        self
    }

    /// Demands exactly this content.
    #[track_caller]
    pub fn body(&self, expected: impl AsRef<[u8]>) -> &Reply {
        let expected = expected.as_ref();
        if self.body != expected {
            let same = self.body.iter().zip(expected).take_while(|(left, right)| left == right);
            panic!(
                "content of {} bytes differs from the expected {} bytes at {}: {self:?}",
                self.body.len(),
                expected.len(),
                same.count()
            );
        }
        self
    }

    /// The parts of `multipart/byteranges`, read strictly (RFC 9110 §14.6, RFC 2046 §5.1.1).
    #[track_caller]
    pub fn parts(&self) -> Vec<Part> {
        let delimiter = format!("\r\n--{}", self.boundary());
        let mut rest = &self.body[..];
        let mut parts = Vec::new();
        loop {
            rest = rest
                .strip_prefix(delimiter.as_bytes())
                .unwrap_or_else(|| panic!("no delimiter: {self:?}"));
            if rest == b"--\r\n" {
                return parts;
            }
            let end = position(rest, b"\r\n\r\n").expect("each part has a head");
            let head = std::str::from_utf8(&rest[..end]).expect("a head is ASCII");
            let lines: Vec<&str> = head.split("\r\n").collect();
            let ["", kind, range] = lines[..] else { panic!("{head:?}") };
            let kind = kind.strip_prefix("Content-Type: ").expect("its type");
            let range = range.strip_prefix("Content-Range: ").expect("its range");
            rest = &rest[end + 4..];
            let end = position(rest, delimiter.as_bytes()).expect("a delimiter follows");
            let content = rest[..end].to_vec();
            parts.push(Part { kind: kind.to_owned(), range: range.to_owned(), content });
            rest = &rest[end..];
        }
    }

    /// What stands between these parts.
    #[track_caller]
    pub fn boundary(&self) -> &str {
        let boundary = self.value("Content-Type").strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary.unwrap_or_else(|| panic!("not multipart: {self:?}"));
        assert!(boundary.len() <= 70 && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        boundary
    }

    /// The content as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the content is text")
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {}", self.status, self.reason)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {value}")?;
        }
        let shown = self.body.get(..200).unwrap_or(&self.body);
        writeln!(formatter, "\n{} [{} bytes]", shown.escape_ascii(), self.body.len())
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
