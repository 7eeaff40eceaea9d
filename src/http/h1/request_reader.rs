//! What HTTP/1 remembers of one request on a connection: its head, its framing, and whether the
//! connection persists (RFC 9112 §6, §9).

use super::body::{BodyDecoder, BodyEnd, Decoded, Framing};
use super::head::{Head, HeadParser};
use super::write::Persistence;
use crate::http::authority::check_authority;
use crate::http::content_length;
use crate::http::expectation::{self, Expectation};
use crate::http::list;
use crate::http::target::Target;
use crate::http::{HeadLimits, HeaderName, Method, Peer, Reject, RequestHead, Version};

/// A request that is being read.
#[derive(Debug)]
pub(crate) struct RequestReader {
    parser: HeadParser,
    body: BodyDecoder,
    framing: Framing,
    persistence: Persistence,
    expectation: Expectation,
}

impl RequestReader {
    /// At the first byte of a request.
    pub(crate) fn new() -> RequestReader {
        RequestReader {
            parser: HeadParser::new(),
            body: BodyDecoder::new(Framing::None),
            framing: Framing::None,
            persistence: Persistence::Close,
            expectation: Expectation::None,
        }
    }

    /// Ready for the next request, keeping the memory of the last.
    pub(crate) fn reset(&mut self) {
        self.parser.reset();
        self.body = BodyDecoder::new(Framing::None);
        self.framing = Framing::None;
        self.persistence = Persistence::Close;
        self.expectation = Expectation::None;
    }

    /// Reads a head; `input` is everything since its first byte. Returns its length once it is complete
    /// and its framing is valid, and `Ok(None)` before, which is never an error.
    ///
    /// # Errors
    /// A [`Reject`] where the head breaks the grammar, a bound, or the framing rules of
    /// RFC 9112 §6. The connection cannot be used again after it.
    pub(crate) fn read_head(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Reject> {
        let Some(length) = self.parser.advance(input, limits)? else {
            return Ok(None);
        };
        let head = self.parser.head();
        self.framing = framing(head, input)?;
        self.body = BodyDecoder::new(self.framing);
        self.persistence = persistence(head, input);
        self.expectation = expectation(head, input)?;
        Ok(Some(length))
    }

    /// The request whose head was read, as a view of `bytes`, which the head was read from.
    ///
    /// # Errors
    /// A [`Reject`] for a malformed target or host (RFC 9112 §3.2).
    #[inline(always)]
    pub(crate) fn request<'a>(
        &'a self,
        bytes: &'a [u8],
        peer: Peer,
    ) -> Result<RequestHead<'a>, Reject> {
        let head = self.parser.head();
        let host = host(head, bytes)?;
        let raw = head.target.of(bytes);
        let target = Target::parse(head.method, raw, peer.scheme)?;
        Ok(RequestHead {
            method: head.method,
            version: head.version,
            // RFC 9112 §3.2.2: the authority of an absolute target replaces Host.
            host: target.authority.unwrap_or(host),
            path: target.path,
            target: raw,
            raw_path: target.raw_path,
            query: target.query,
            headers: &head.headers,
            bytes,
            peer,
        })
    }

    /// What is known of the head, complete or not.
    pub(crate) fn head(&self) -> &Head {
        self.parser.head()
    }

    /// Reads on in the body; see [`BodyDecoder::decode`].
    ///
    /// # Errors
    /// [`Reject::Malformed`] for broken chunks.
    pub(crate) fn read_body(&mut self, input: &[u8]) -> Result<Decoded, Reject> {
        self.body.decode(input)
    }

    /// How the body of the request ends.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the whole body has been read.
    pub(crate) fn body_end(&mut self) -> BodyEnd {
        self.body.decode(b"").map_or(BodyEnd::Open, |decoded| decoded.end)
    }

    /// Whether the client waits for an interim response.
    pub(crate) fn expectation(&self) -> Expectation {
        self.expectation
    }

    /// Whether the client lets the connection persist.
    pub(crate) fn persistence(&self) -> Persistence {
        self.persistence
    }
}

impl Default for RequestReader {
    fn default() -> RequestReader {
        RequestReader::new()
    }
}

/// RFC 9112 §6.3, strictly: what two readers could frame differently is refused.
fn framing(head: &Head, bytes: &[u8]) -> Result<Framing, Reject> {
    let mut codings = head.headers.values(bytes, HeaderName::TransferEncoding);
    let mut lengths = head.headers.values(bytes, HeaderName::ContentLength);
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(Reject::Malformed("both Content-Length and Transfer-Encoding")),
        (Some(_), None) if head.version == Version::Http10 => {
            Err(Reject::Malformed("Transfer-Encoding in an HTTP/1.0 request"))
        }
        (Some(coding), None) => {
            if codings.next().is_some() {
                Err(Reject::Malformed("repeated Transfer-Encoding"))
            } else if coding.eq_ignore_ascii_case(b"chunked") {
                Ok(Framing::Chunked)
            } else if list::elements(coding)
                .last()
                .is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"))
            {
                Err(Reject::TransferCodingUnknown)
            } else {
                // Without chunked last the length cannot be known (RFC 9112 §6.3, case 4).
                Err(Reject::Malformed("Transfer-Encoding does not end in chunked"))
            }
        }
        (None, Some(length)) => {
            if lengths.next().is_some() {
                return Err(Reject::Malformed("repeated Content-Length"));
            }
            content_length::read(length).map(Framing::Length)
        }
    }
}

/// RFC 9112 §9.3: 1.1 stays open unless the client sends `close`, 1.0 closes unless it sends `keep-alive`.
fn persistence(head: &Head, bytes: &[u8]) -> Persistence {
    // After CONNECT the client may take the connection for a tunnel: what it sends next is no request.
    if head.method == Method::Connect {
        return Persistence::Close;
    }
    let says = |token: &[u8]| {
        head.headers
            .values(bytes, HeaderName::Connection)
            .any(|value| list::contains_token(value, token))
    };
    match head.version {
        Version::Http10 if says(b"keep-alive") && !says(b"close") => Persistence::KeepAlive,
        Version::Http10 => Persistence::Close,
        _ if says(b"close") => Persistence::Close,
        _ => Persistence::KeepAlive,
    }
}

/// RFC 9110 §10.1.1: an HTTP/1.0 client cannot wait, and a request without content has nothing to
/// wait for.
fn expectation(head: &Head, bytes: &[u8]) -> Result<Expectation, Reject> {
    if head.version == Version::Http10 {
        return Ok(Expectation::None);
    }
    expectation::read(head.headers.values(bytes, HeaderName::Expect))
}

/// RFC 9112 §3.2: exactly one valid Host in an HTTP/1.1 request, at most one in any.
fn host<'a>(head: &'a Head, bytes: &'a [u8]) -> Result<&'a [u8], Reject> {
    let mut hosts = head.headers.values(bytes, HeaderName::Host);
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Err(Reject::Malformed("repeated Host")),
        (Some(host), None) => check_authority(host).map(|()| host),
        (None, _) if head.version == Version::Http10 => Ok(b""),
        (None, _) => Err(Reject::Malformed("no Host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits =
        HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 20 };

    fn read(text: &str) -> Result<RequestReader, Reject> {
        let mut reader = RequestReader::new();
        match reader.read_head(text.as_bytes(), &LIMITS)? {
            Some(_) => reader.request(text.as_bytes(), Peer::default()).map(|_| ())?,
            None => panic!("the head is not complete: {text:?}"),
        }
        Ok(reader)
    }

    fn with(headers: &str) -> Result<RequestReader, Reject> {
        read(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n"))
    }

    #[test]
    fn framing_is_known_or_the_request_is_refused() {
        assert_eq!(with("").unwrap().framing(), Framing::None);
        assert_eq!(with("Content-Length: 12\r\n").unwrap().framing(), Framing::Length(12));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n").unwrap().framing(), Framing::Chunked);
        for bad in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: 1 1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert!(matches!(with(bad), Err(Reject::Malformed(_))), "{bad:?}");
        }
        assert!(matches!(
            with("Transfer-Encoding: gzip, chunked\r\n"),
            Err(Reject::TransferCodingUnknown)
        ));
        assert!(read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Persistence::KeepAlive),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", Persistence::Close),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
                Persistence::Close,
            ),
            ("GET / HTTP/1.0\r\n\r\n", Persistence::Close),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Persistence::KeepAlive),
            ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Persistence::Close),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Persistence::Close),
        ] {
            assert_eq!(read(head).unwrap().persistence(), expected, "{head:?}");
        }
    }

    #[test]
    fn exactly_one_valid_host() {
        assert!(read("GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(read("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").is_err());
        assert!(read("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").is_err());
        assert!(read("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n").is_err());
        assert!(read("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n").is_err());
        assert!(read("GET http://b/ HTTP/1.1\r\n\r\n").is_err());
        assert!(read("GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    }

    #[test]
    fn an_absolute_target_replaces_the_host() {
        let text = b"GET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut reader = RequestReader::new();
        reader.read_head(text, &LIMITS).unwrap();
        assert_eq!(reader.request(text, Peer::default()).unwrap().host(), b"b:81");
    }

    #[test]
    fn only_one_expectation_is_known() {
        assert_eq!(with("Expect: 100-Continue\r\n").unwrap().expectation(), Expectation::Continue);
        assert!(matches!(with("Expect: tea\r\n"), Err(Reject::ExpectationUnknown)));
        let old = read("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n").unwrap();
        assert_eq!(old.expectation(), Expectation::None);
    }
}
