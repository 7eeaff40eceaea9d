//! Decoded fields → the head of a request (RFC 9113 §8.2, §8.3), the same view that HTTP/1 gives.
//!
//! It is strict: what two readers could understand differently makes a request malformed (RFC 9113 §8.1.1), and its
//! stream ends. What is well-formed and cannot be served gets a response, as in HTTP/1.

use super::error::Fault;
use crate::http::authority::check_authority;
use crate::http::expectation::{self, Expectation};
use crate::http::header::is_token;
use crate::http::priority::Priority;
use crate::http::table::{HeaderTable, Span};
use crate::http::target::Target;
use crate::http::{
    HeadLimits, HeaderName, Method, Peer, Reject, RequestHead, Scheme, Version, content_length,
};

/// The head of a request, with the bytes that it was decoded to.
#[derive(Debug)]
pub(crate) struct StreamHead {
    bytes: Vec<u8>,
    headers: HeaderTable,
    method: Method,
    /// The scheme in the request; `None` for CONNECT.
    scheme: Option<Scheme>,
    target: Span,
    host: Span,
    /// As a request line, for the log.
    line: Span,
    /// The values of `cookie`, which become one.
    cookies: Vec<Span>,
    content_length: Option<u64>,
    expectation: Expectation,
    priority: Priority,
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// It is malformed: its stream ends.
    Malformed(&'static str),
    /// It gets a response.
    Rejected(Reject),
}

impl Default for StreamHead {
    fn default() -> StreamHead {
        StreamHead {
            bytes: Vec::new(),
            headers: HeaderTable::default(),
            method: Method::Get,
            scheme: None,
            target: Span::default(),
            host: Span::default(),
            line: Span::default(),
            cookies: Vec::new(),
            content_length: None,
            expectation: Expectation::None,
            priority: Priority::default(),
        }
    }
}

impl StreamHead {
    /// Forgets the last head, keeps its memory, and begins to read another.
    pub(crate) fn read<'a>(&'a mut self, limits: &'a HeadLimits) -> HeadReader<'a> {
        self.clear();
        HeadReader { head: self, limits, list: FieldList::default(), pseudo: Pseudo::default() }
    }

    /// Forgets the head and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
        self.cookies.clear();
        *self = StreamHead {
            bytes: std::mem::take(&mut self.bytes),
            headers: std::mem::take(&mut self.headers),
            cookies: std::mem::take(&mut self.cookies),
            ..StreamHead::default()
        };
    }

    /// The request as a view.
    ///
    /// # Errors
    /// A [`Reject`] for a malformed path, or for the other scheme.
    pub(crate) fn request(&self, peer: Peer) -> Result<RequestHead<'_>, Reject> {
        let host = self.host.of(&self.bytes);
        let raw = self.target.of(&self.bytes);
        if self.scheme.is_some_and(|scheme| scheme != peer.scheme) {
            // A host may share nothing between its two schemes (RFC 9110 §4.2.2, §7.4).
            return Err(Reject::Misdirected);
        }
        let target = Target::parse(self.method, raw, peer.scheme)?;
        Ok(RequestHead {
            method: self.method,
            version: Version::Http2,
            host,
            path: target.path,
            target: raw,
            raw_path: target.raw_path,
            query: target.query,
            headers: &self.headers,
            bytes: &self.bytes,
            peer,
        })
    }

    /// The method.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The request as the line that HTTP/1 would have, for the log. Empty if method or path are missing.
    pub(crate) fn line(&self) -> &[u8] {
        self.line.of(&self.bytes)
    }

    /// The headers, as places in [`StreamHead::bytes`].
    pub(crate) fn headers(&self) -> &HeaderTable {
        &self.headers
    }

    /// What it was decoded to.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The announced length of the body.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether the client waits for an interim response.
    pub(crate) fn expectation(&self) -> Expectation {
        self.expectation
    }

    /// How urgent the response is.
    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }
}

/// Takes in the fields of a head, one by one.
pub(crate) struct HeadReader<'a> {
    head: &'a mut StreamHead,
    limits: &'a HeadLimits,
    list: FieldList,
    pseudo: Pseudo,
}

/// What is known of the fields read so far.
#[derive(Default)]
struct FieldList {
    /// As RFC 9113 §6.5.2 counts.
    bytes: usize,
    /// The first fault. The fields behind it are passed over.
    fault: Option<HeadFault>,
    /// Whether a field that is no pseudo header was among them.
    has_regular: bool,
}

#[derive(Default)]
struct Pseudo {
    method: Option<Span>,
    scheme: Option<Span>,
    path: Option<Span>,
    authority: Option<Span>,
}

impl HeadReader<'_> {
    /// Takes in a field.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.list.bytes += name.len() + value.len() + FIELD_BYTES;
        if self.list.fault.is_some() {
            return;
        }
        let taken = if self.list.bytes > self.limits.head_bytes_max {
            Err(HeadFault::Rejected(Reject::HeadersTooLarge))
        } else {
            match name {
                [b':', ..] => self.pseudo_header(name, value),
                _ => self.header(name, value),
            }
        };
        self.list.fault = taken.err();
    }

    /// RFC 9113 §8.3.1.
    fn pseudo_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        if self.list.has_regular {
            return Err(HeadFault::Malformed("a pseudo header behind a header"));
        }
        if !value.iter().all(u8::is_ascii_graphic) {
            return Err(HeadFault::Malformed("a pseudo header with a character that no URI has"));
        }
        let place = match name {
            b":method" => &mut self.pseudo.method,
            b":scheme" => &mut self.pseudo.scheme,
            b":path" => &mut self.pseudo.path,
            b":authority" => &mut self.pseudo.authority,
            _ => return Err(HeadFault::Malformed("a pseudo header that no request has")),
        };
        if place.replace(push(&mut self.head.bytes, value)).is_some() {
            return Err(HeadFault::Malformed("a pseudo header twice"));
        }
        if name == b":path" && value.len() > self.limits.target_bytes_max {
            return Err(HeadFault::Rejected(Reject::TargetTooLong));
        }
        Ok(())
    }

    fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.list.has_regular = true;
        check_header(name, value)?;
        let head = &mut *self.head;
        if name == b"cookie" {
            head.cookies.push(push(&mut head.bytes, value));
            return Ok(());
        }
        if head.headers.count() >= self.limits.header_count_max {
            return Err(HeadFault::Rejected(Reject::HeadersTooLarge));
        }
        match name {
            b"content-length" => {
                const BAD: HeadFault = HeadFault::Malformed("bad content-length");
                let length = content_length::read(value).map_err(|_| BAD)?;
                if head.content_length.replace(length).is_some() {
                    return Err(HeadFault::Malformed("content-length twice"));
                }
            }
            b"priority" => head.priority = Priority::parse(value).unwrap_or_default(),
            _ => {}
        }
        head.add(name, value);
        Ok(())
    }

    /// All fields have been taken in. `ends_stream`: no body follows.
    ///
    /// # Errors
    /// Why the request is not served.
    pub(crate) fn finish(mut self, ends_stream: bool) -> Result<(), HeadFault> {
        let missing = self.read_pseudo_headers();
        if let Some(fault) = self.list.fault {
            return Err(fault);
        }
        missing?;
        let Pseudo { authority, .. } = self.pseudo;
        let head = self.head;
        if ends_stream && head.content_length.is_some_and(|length| length > 0) {
            return Err(HeadFault::Malformed("content-length without data"));
        }
        head.join_cookies();
        head.read_host(authority)?;
        let lines = head.headers.values(&head.bytes, HeaderName::Expect);
        head.expectation = expectation::read(lines).map_err(HeadFault::Rejected)?;
        Ok(())
    }

    /// Makes method, target and the line for the log of the pseudo headers, as far as they are there.
    fn read_pseudo_headers(&mut self) -> Result<(), HeadFault> {
        let Pseudo { method, scheme, path, authority } = self.pseudo;
        let head = &mut *self.head;
        let method = method.ok_or(HeadFault::Malformed("no :method"))?;
        let name = method.of(&head.bytes);
        if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
            return Err(HeadFault::Malformed("bad :method"));
        }
        let known = Method::of_token(name);
        head.method = known.unwrap_or(Method::Get);
        let target = match (head.method, scheme, path) {
            // RFC 9113 §8.5.
            (Method::Connect, None, None) => {
                authority.ok_or(HeadFault::Malformed("CONNECT without :authority"))?
            }
            (Method::Connect, _, _) => {
                return Err(HeadFault::Malformed("CONNECT with :scheme or :path"));
            }
            (_, Some(scheme), Some(path)) => {
                head.scheme = Some(read_scheme(scheme.of(&head.bytes))?);
                match path.of(&head.bytes) {
                    [b'/', ..] => {}
                    b"*" if head.method == Method::Options => {}
                    _ => return Err(HeadFault::Malformed("bad :path")),
                }
                path
            }
            (_, None, _) => return Err(HeadFault::Malformed("no :scheme")),
            (_, _, None) => return Err(HeadFault::Malformed("no :path")),
        };
        head.write_line(method, target);
        match known {
            Some(_) => Ok(()),
            None => Err(HeadFault::Rejected(Reject::MethodUnknown)),
        }
    }
}

impl StreamHead {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = push(&mut self.bytes, name);
        let value = push(&mut self.bytes, value);
        self.headers.add(&self.bytes, name, value);
    }

    fn write_line(&mut self, method: Span, target: Span) {
        let start = self.bytes.len();
        self.repeat(method);
        self.bytes.push(b' ');
        let target_start = self.bytes.len();
        self.repeat(target);
        self.target = Span::new(target_start, self.bytes.len());
        self.bytes.extend_from_slice(b" HTTP/2.0");
        self.line = Span::new(start, self.bytes.len());
    }

    fn repeat(&mut self, span: Span) {
        self.bytes.extend_from_within(span.range());
    }

    /// Where HTTP/1 has one line of cookies, HTTP/2 may have many (RFC 9113 §8.2.3).
    fn join_cookies(&mut self) {
        let name = match self.cookies[..] {
            [] => return,
            _ => push(&mut self.bytes, b"cookie"),
        };
        let value = match self.cookies[..] {
            [one] => one,
            _ => {
                let start = self.bytes.len();
                let cookies = std::mem::take(&mut self.cookies);
                for (number, cookie) in cookies.iter().enumerate() {
                    if number > 0 {
                        self.bytes.extend_from_slice(b"; ");
                    }
                    self.repeat(*cookie);
                }
                self.cookies = cookies;
                Span::new(start, self.bytes.len())
            }
        };
        self.headers.add(&self.bytes, name, value);
    }

    /// The host is what `:authority` says; `host` may repeat it, or stand in its place (RFC 9113 §8.3.1).
    fn read_host(&mut self, authority: Option<Span>) -> Result<(), HeadFault> {
        let (host, other) = {
            let mut hosts = self.headers.values(&self.bytes, HeaderName::Host);
            (hosts.next(), hosts.next())
        };
        if other.is_some() {
            return Err(HeadFault::Malformed("host twice"));
        }
        let named = match (authority, host) {
            (Some(authority), Some(host)) => {
                let authority = authority.of(&self.bytes);
                if !authority.eq_ignore_ascii_case(host) {
                    return Err(HeadFault::Malformed(":authority and host differ"));
                }
                authority
            }
            (Some(authority), None) => authority.of(&self.bytes),
            (None, Some(host)) => host,
            (None, None) => return Err(HeadFault::Rejected(Reject::Malformed("no host"))),
        };
        if named.is_empty() {
            return Err(HeadFault::Rejected(Reject::Malformed("empty host")));
        }
        check_authority(named).map_err(HeadFault::Rejected)?;
        match (authority, self.headers.first_place(HeaderName::Host)) {
            (Some(authority), None) => {
                // Handlers and applications look for it there.
                let name = push(&mut self.bytes, b"host");
                self.headers.add(&self.bytes, name, authority);
                self.host = authority;
            }
            (authority, host) => self.host = authority.or(host).unwrap_or_default(),
        }
        Ok(())
    }
}

/// The fields behind a body (RFC 9113 §8.1). They are checked, and then passed over.
#[derive(Default)]
pub(crate) struct TrailerReader {
    fault: Option<Fault>,
}

impl TrailerReader {
    /// Takes in a field.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        let taken = match name {
            [b':', ..] => Err(HeadFault::Malformed("a pseudo header behind a body")),
            _ => check_header(name, value),
        };
        if let Err(HeadFault::Malformed(what)) = taken {
            self.fault.get_or_insert(Fault::protocol(what));
        }
    }

    /// All fields have been taken in.
    ///
    /// # Errors
    /// If they are malformed, and the request with them.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)
    }
}

/// RFC 9113 §8.2.1 and §8.2.2.
fn check_header(name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte) && !byte.is_ascii_uppercase()) {
        return Err(HeadFault::Malformed("bad name of a header"));
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_space(value.first()) || is_space(value.last()) {
        return Err(HeadFault::Malformed("white space around the value of a header"));
    }
    let has_control = value
        .iter()
        .fold(false, |bad, &byte| bad | ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f));
    if has_control {
        return Err(HeadFault::Malformed("a control character in the value of a header"));
    }
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            Err(HeadFault::Malformed("a header of HTTP/1 connections"))
        }
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => {
            Err(HeadFault::Malformed("te is something other than trailers"))
        }
        _ => Ok(()),
    }
}

/// RFC 3986 §3.1: in any case of letters.
fn read_scheme(scheme: &[u8]) -> Result<Scheme, HeadFault> {
    [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(scheme))
        .ok_or(HeadFault::Rejected(Reject::Malformed("neither http nor https")))
}

/// Appends bytes, and returns their place.
fn push(bytes: &mut Vec<u8>, more: &[u8]) -> Span {
    let start = bytes.len();
    bytes.extend_from_slice(more);
    Span::new(start, bytes.len())
}

/// What a field counts beside its name and value (RFC 9113 §6.5.2).
const FIELD_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits =
        HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 10 };

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "http"), (":authority", "h:81"), (":path", "/a%20b?c")];

    fn read(fields: &[(&str, &str)], ends_stream: bool) -> Result<StreamHead, HeadFault> {
        let mut head = StreamHead::default();
        let mut reader = head.read(&LIMITS);
        for (name, value) in fields {
            reader.field(name.as_bytes(), value.as_bytes());
        }
        reader.finish(ends_stream).map(|()| head)
    }

    fn get_with(more: &[(&str, &str)]) -> Result<StreamHead, HeadFault> {
        read(&[&GET[..], more].concat(), true)
    }

    #[track_caller]
    fn malformed(fields: &[(&str, &str)]) {
        let head = read(fields, true);
        assert!(matches!(head, Err(HeadFault::Malformed(_))), "{fields:?}: {head:?}");
    }

    #[track_caller]
    fn rejected(fields: &[(&str, &str)], expected: Reject) {
        match read(fields, true) {
            Err(HeadFault::Rejected(Reject::Malformed(_))) => {
                assert!(matches!(expected, Reject::Malformed(_)), "{fields:?}");
            }
            other => assert_eq!(other.err(), Some(HeadFault::Rejected(expected)), "{fields:?}"),
        }
    }

    #[test]
    fn a_head_is_the_same_view_as_in_http_1() {
        let head = get_with(&[("accept", "*/*"), ("x-a", ""), ("priority", "u=1, i")]).unwrap();
        let request = head.request(Peer::default()).unwrap();
        assert_eq!((request.method(), request.version()), (Method::Get, Version::Http2));
        assert_eq!((request.host(), request.path()), (&b"h:81"[..], &b"/a b"[..]));
        assert_eq!((request.raw_path, request.query()), (&b"/a%20b"[..], Some(&b"c"[..])));
        assert_eq!(request.target, b"/a%20b?c");
        assert_eq!(request.header("Accept"), Some(&b"*/*"[..]));
        assert_eq!(request.header("host"), Some(&b"h:81"[..]), "applications look there");
        assert_eq!(request.headers().count(), 4);
        assert_eq!(head.line(), b"GET /a%20b?c HTTP/2.0");
        assert_eq!(head.priority(), Priority { urgency: 1, incremental: true });
        assert_eq!(head.expectation(), Expectation::None);
    }

    #[test]
    fn nothing_of_a_head_is_left_in_the_next() {
        let mut head =
            get_with(&[("x", "y"), ("cookie", "a=1"), ("expect", "100-continue")]).unwrap();
        let fields = [(":method", "HEAD"), (":scheme", "http"), (":path", "/"), ("host", "x")];
        let mut reader = head.read(&LIMITS);
        for (name, value) in fields {
            reader.field(name.as_bytes(), value.as_bytes());
        }
        reader.finish(true).unwrap();
        let request = head.request(Peer::default()).unwrap();
        assert_eq!((request.method(), request.host()), (Method::Head, &b"x"[..]));
        assert_eq!(request.headers().collect::<Vec<_>>(), [(&b"host"[..], &b"x"[..])]);
        assert_eq!(head.expectation(), Expectation::None);
    }

    #[test]
    fn cookies_are_joined() {
        let head =
            get_with(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=4")]);
        let head = head.unwrap();
        let request = head.request(Peer::default()).unwrap();
        assert_eq!(request.header("cookie"), Some(&b"a=1; b=2; c=3; d=4"[..]));
        assert_eq!(request.headers().filter(|(name, _)| name == b"cookie").count(), 1);
        let head = get_with(&[("cookie", "a=1")]).unwrap();
        assert_eq!(head.request(Peer::default()).unwrap().header("cookie"), Some(&b"a=1"[..]));
    }

    #[test]
    fn pseudo_headers_are_complete_first_and_once() {
        for missing in 0..GET.len() {
            let mut fields = GET.to_vec();
            let (name, _) = fields.remove(missing);
            match name {
                ":authority" => rejected(&fields, Reject::Malformed("")),
                _ => malformed(&fields),
            }
        }
        for again in GET {
            malformed(&[&GET[..], &[again]].concat());
        }
        malformed(&[GET[0], GET[1], ("accept", "*/*"), GET[2], GET[3]]);
        malformed(&[&GET[..], &[(":status", "200")]].concat());
        malformed(&[&GET[..], &[(":protocol", "websocket")]].concat());
        malformed(&[&GET[..], &[(":", "x")]].concat());
    }

    #[test]
    fn pseudo_headers_have_the_values_that_a_uri_has() {
        let with = |name: &str, value: &'static str| {
            GET.map(|(it, old)| (it, if it == name { value } else { old }))
        };
        for bad in ["", "a", "*", "http://h/", "/a b", "/\u{e4}", "/\0", "/\r\n", "?x"] {
            malformed(&with(":path", bad));
        }
        for bad in ["", "G T", "GET\n", "G(T"] {
            malformed(&with(":method", bad));
        }
        for bad in ["", "u@h", "a/b", "127.1", "[::1"] {
            rejected(&with(":authority", bad), Reject::Malformed(""));
        }
        rejected(&with(":scheme", "ftp"), Reject::Malformed(""));
        rejected(&with(":method", "METHODOFMORETHANTWENTYFOUR"), Reject::MethodUnknown);
        let https = read(&with(":scheme", "HTTPS"), true).unwrap();
        assert_eq!(https.request(Peer::default()).err(), Some(Reject::Misdirected));
        let secure = Peer { scheme: Scheme::Https, ..Peer::default() };
        assert!(https.request(secure).is_ok());
        let broken = read(&with(":path", "/%zz"), true).unwrap();
        assert!(broken.request(Peer::default()).is_err());
        assert_eq!(broken.line(), b"GET /%zz HTTP/2.0");
        let options = [(":method", "OPTIONS"), (":path", "*"), GET[1], GET[2]];
        assert_eq!(read(&options, true).unwrap().request(Peer::default()).unwrap().path(), b"*");
    }

    #[test]
    fn the_host_is_named_once() {
        assert!(get_with(&[("host", "H:81")]).is_ok());
        malformed(&[&GET[..], &[("host", "other")]].concat());
        malformed(&[&GET[..], &[("host", "h:81"), ("host", "h:81")]].concat());
        let fields = [GET[0], GET[1], GET[3], ("host", "x:1")];
        let head = read(&fields, true).unwrap();
        assert_eq!(head.request(Peer::default()).unwrap().host(), b"x:1");
        rejected(&[GET[0], GET[1], GET[3], ("host", "")], Reject::Malformed(""));
    }

    #[test]
    fn connect_has_an_authority_alone() {
        let connect = [(":method", "CONNECT"), (":authority", "h:443")];
        let head = read(&connect, true).unwrap();
        let request = head.request(Peer::default()).unwrap();
        assert_eq!((request.method(), request.host()), (Method::Connect, &b"h:443"[..]));
        malformed(&connect[..1]);
        malformed(&[&connect[..], &[(":path", "/")]].concat());
        malformed(&[&connect[..], &[(":scheme", "http")]].concat());
    }

    #[test]
    fn headers_that_could_smuggle_a_request_are_malformed() {
        for (name, value) in [
            ("Accept", "x"),
            ("", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("\u{e4}", "x"),
            ("a\r\nb", "x"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
            ("x", "a\rb"),
            ("x", "a\nb"),
            ("x", "\u{7f}"),
            ("x", " a"),
            ("x", "a\t"),
            ("connection", "close"),
            ("keep-alive", "5"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("te", "trailers, gzip"),
            ("content-length", "1"),
            ("content-length", "+0"),
            ("content-length", ""),
            ("content-length", "0, 0"),
        ] {
            malformed(&[&GET[..], &[(name, value)]].concat());
            let mut trailers = TrailerReader::default();
            trailers.field(name.as_bytes(), value.as_bytes());
            assert_eq!(trailers.finish().is_err(), name != "content-length", "{name}: {value}");
        }
        malformed(&[&GET[..], &[("content-length", "0"), ("content-length", "0")]].concat());
        for good in [("te", "Trailers"), ("x", "a\tb"), ("x", "\u{e4}"), ("content-length", "0")] {
            assert!(get_with(&[good]).is_ok(), "{good:?}");
        }
        let post = read(&[&GET[..], &[("content-length", "7")]].concat(), false).unwrap();
        assert_eq!(post.content_length(), Some(7));
    }

    #[test]
    fn trailers_have_no_pseudo_headers() {
        let mut trailers = TrailerReader::default();
        trailers.field(b"x-checksum", b"1");
        assert_eq!(trailers.finish(), Ok(()));
        let mut trailers = TrailerReader::default();
        trailers.field(b":path", b"/");
        assert!(trailers.finish().is_err());
    }

    #[test]
    fn every_bound_holds_and_leaves_a_line_for_the_log() {
        let long = "v".repeat(1000);
        rejected(&[&GET[..], &[("x", &long)]].concat(), Reject::HeadersTooLarge);
        rejected(&[&GET[..], &[("x", ""); 11]].concat(), Reject::HeadersTooLarge);
        let path = format!("/{}", "p".repeat(100));
        rejected(&[GET[0], GET[1], GET[2], (":path", &path)], Reject::TargetTooLong);
        rejected(&[&GET[..], &[("expect", "x")]].concat(), Reject::ExpectationUnknown);
        // RFC 9113 §6.5.2: a name, a value and 32 bytes.
        let sum: usize = GET.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        let rest = "v".repeat(1000 - sum - 33);
        assert!(get_with(&[("x", &rest)]).is_ok());
        rejected(&[&GET[..], &[("xy", &rest)]].concat(), Reject::HeadersTooLarge);
        let mut head = StreamHead::default();
        let mut reader = head.read(&LIMITS);
        for (name, value) in [&GET[..], &[("x", &long), ("Bad Name", "")]].concat() {
            reader.field(name.as_bytes(), value.as_bytes());
        }
        assert!(reader.finish(true).is_err());
        assert_eq!(head.line(), b"GET /a%20b?c HTTP/2.0");
    }
}
