//! The head of a request of HTTP/2 (RFC 9113 §8.3), the same view that HTTP/1 gives. `HeadReader` makes it.

use crate::http::expectation::Expectation;
use crate::http::priority::Priority;
use crate::http::table::{HeaderTable, Span};
use crate::http::target::Target;
use crate::http::{Method, Peer, Reject, RequestHead, Scheme, Version};

/// The head of a request, with the bytes that it was decoded to.
#[derive(Debug)]
pub(crate) struct StreamHead {
    pub(super) bytes: Vec<u8>,
    pub(super) headers: HeaderTable,
    pub(super) method: Method,
    /// The scheme in the request; `None` for CONNECT.
    pub(super) scheme: Option<Scheme>,
    pub(super) target: Span,
    pub(super) host: Span,
    /// As a request line, for the log.
    pub(super) line: Span,
    /// The values of `cookie`, which become one.
    pub(super) cookies: Vec<Span>,
    pub(super) content_length: Option<u64>,
    pub(super) expectation: Expectation,
    pub(super) priority: Priority,
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
    /// How much memory its texts take.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.cookies.capacity() * size_of::<Span>()
    }

    /// The response is queued, and may take long: forgets a head that takes much memory, but for the line, in case that a
    /// log names the request. A client needs only a few bytes to fill it from its table again and again.
    pub(crate) fn keep_line(&mut self) {
        if self.held_bytes() <= LINE_BYTES_KEPT {
            return;
        }
        let line = self.line();
        let line = line[..line.len().min(LINE_BYTES_KEPT)].to_vec();
        self.line = Span::new(0, line.len());
        self.bytes = line;
        self.cookies = Vec::new();
        self.headers.clear();
        (self.target, self.host) = (Span::default(), Span::default());
    }

    /// Forgets the head and keeps its memory, unless that is much.
    pub(crate) fn clear(&mut self) {
        if self.held_bytes() > HEAD_BYTES_KEPT {
            (self.bytes, self.cookies) = (Vec::new(), Vec::new());
        }
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

    /// The target; empty if it is missing.
    pub(crate) fn target(&self) -> &[u8] {
        self.target.of(&self.bytes)
    }

    /// The host that the client asks for.
    pub(crate) fn host(&self) -> &[u8] {
        self.host.of(&self.bytes)
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

/// As much of a line as a log needs to name a request.
const LINE_BYTES_KEPT: usize = 1024;

/// What heads of browsers take.
const HEAD_BYTES_KEPT: usize = 4 * 1024;
