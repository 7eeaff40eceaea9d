//! What the head of a request says: a view of bytes that stay where they were read.

use super::table::HeaderTable;
use super::{HeaderName, Method, RequestId, TlsFacts};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

/// The HTTP version that the client speaks. A later minor version counts as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    Http11,
    /// `HTTP/2`
    Http2,
}

/// How a request is protected on its way, as its URI names it (RFC 9110 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Unprotected.
    #[default]
    Http,
    /// A connection secured by TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// What a request knows besides its head: the two ends of its connection, and its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// The client's address; `None` on a Unix socket.
    pub address: Option<SocketAddr>,
    /// Where the server listens for it; `None` on a Unix socket, and where no handler asks.
    pub listener: Option<SocketAddr>,
    /// How the connection is protected.
    pub scheme: Scheme,
    /// Whether a trusted proxy has passed it on, so that the client itself came to another address.
    pub is_relayed: bool,
    /// The TLS connection, if it is one.
    pub tls: Option<Arc<TlsFacts>>,
    /// Its id, if requests have ids.
    pub request_id: Option<Arc<RequestId>>,
}

/// The head of a request. It borrows everything except a path that had to be decoded.
#[derive(Debug)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) host: &'a [u8],
    pub(crate) path: Cow<'a, [u8]>,
    /// The target, as it came in the request line.
    pub(crate) target: &'a [u8],
    /// The path in the target, as it came.
    pub(crate) raw_path: &'a [u8],
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) headers: &'a HeaderTable,
    pub(crate) bytes: &'a [u8],
    pub(crate) peer: Peer,
}

impl<'a> RequestHead<'a> {
    /// The method.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The version of HTTP that the client speaks.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Host and port as the client named them: from the target if that is absolute, else from
    /// `Host` (RFC 9110 §7.2). Empty for an HTTP/1.0 client that named none.
    pub(crate) fn host(&self) -> &[u8] {
        self.host
    }

    /// The whole path: decoded once, normalised, starting with a slash; any bytes but NUL.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// What followed the `?`, as it came.
    pub(crate) fn query(&self) -> Option<&[u8]> {
        self.query
    }

    /// The same request, but for another path and query. The target stays the one that came.
    pub(crate) fn elsewhere<'b>(
        &'b self,
        path: &'b [u8],
        raw_path: &'b [u8],
        query: Option<&'b [u8]>,
    ) -> RequestHead<'b> {
        let path = Cow::Borrowed(path);
        let RequestHead { method, version, host, target, headers, bytes, .. } = *self;
        let peer = self.peer.clone();
        RequestHead { method, version, host, path, target, raw_path, query, headers, bytes, peer }
    }

    /// The client's address; `None` on a Unix socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.address
    }

    /// `http`, or `https` over TLS.
    pub(crate) fn scheme(&self) -> Scheme {
        self.peer.scheme
    }

    /// Its id, if requests have ids.
    pub(crate) fn id(&self) -> Option<&RequestId> {
        self.peer.request_id.as_deref()
    }

    /// The TLS connection that it came by.
    pub(crate) fn tls(&self) -> Option<&TlsFacts> {
        self.peer.tls.as_deref()
    }

    /// The value of the first header line of this name, in any case of letters.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.find(self.bytes, name)
    }

    /// Every header line as name and value, in the order in which they came.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.lines(self.bytes)
    }

    /// The value of the first line of a known header.
    pub(crate) fn first(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.headers.first(self.bytes, name)
    }

    /// The value of a list header: all its lines joined with commas (RFC 9110 §5.3).
    pub(crate) fn joined(&self, name: HeaderName) -> Option<Cow<'a, [u8]>> {
        // Most requests lack most headers.
        let first = self.first(name)?;
        let mut values = self.headers.values(self.bytes, name).skip(1);
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = [first, second].join(&b", "[..]);
        for value in values {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }
}
