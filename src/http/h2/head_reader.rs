//! Decoded fields → the head of a request (RFC 9113 §8.2, §8.3), and what may follow its body.
//!
//! It is strict: what two readers could understand differently makes a request malformed (RFC 9113 §8.1.1), and its
//! stream ends. What is well-formed and cannot be served gets a response, as in HTTP/1.

use super::error::{ErrorCode, Fault};
use super::request::StreamHead;
use crate::http::authority::check_authority;
use crate::http::expectation;
use crate::http::header::is_token;
use crate::http::priority::Priority;
use crate::http::table::Span;
use crate::http::{HeadLimits, HeaderName, Method, Reject, Scheme, content_length};

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// It is malformed: its stream ends.
    Malformed(&'static str),
    /// It gets a response.
    Rejected(Reject),
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

impl<'a> HeadReader<'a> {
    /// Forgets what is in `head`, keeps its memory, and begins to read another.
    pub(crate) fn new(head: &'a mut StreamHead, limits: &'a HeadLimits) -> HeadReader<'a> {
        head.clear();
        HeadReader { head, limits, list: FieldList::default(), pseudo: Pseudo::default() }
    }

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
        // Without an early end, many bytes are looked at at once.
        if !value.iter().fold(true, |good, byte| good & byte.is_ascii_graphic()) {
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
pub(crate) struct TrailerReader {
    /// How long they may still be, as RFC 9113 §6.5.2 counts. A byte of a block can stand for a field of 4 KB.
    bytes_left: usize,
    fault: Option<Fault>,
}

impl TrailerReader {
    /// For trailers of at most this length.
    pub(crate) fn new(bytes_max: usize) -> TrailerReader {
        TrailerReader { bytes_left: bytes_max, fault: None }
    }

    /// Takes in a field.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        let Some(left) = self.bytes_left.checked_sub(name.len() + value.len() + FIELD_BYTES) else {
            let what = "trailers are longer than a head may be";
            self.fault = Some(Fault::new(ErrorCode::EnhanceYourCalm, what));
            return;
        };
        self.bytes_left = left;
        let taken = match name {
            [b':', ..] => Err(HeadFault::Malformed("a pseudo header behind a body")),
            _ => check_header(name, value),
        };
        if let Err(HeadFault::Malformed(what)) = taken {
            self.fault = Some(Fault::protocol(what));
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
mod tests;
