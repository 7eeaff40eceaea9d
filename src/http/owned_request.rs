//! A request that owns everything, so that it can go to a thread that takes its time.
//!
//! It must never know what its body is kept in: that is the business of the floors above.

use super::cancellation::Cancellation;
use super::request::Peer;
use super::table::HeaderTable;
use super::{Method, Request, Scheme, Version};
use std::net::SocketAddr;

/// What a [`Request`] says, copied, and the body that came with it.
#[derive(Debug)]
pub struct OwnedRequest<C> {
    /// What came after the head.
    pub body: C,
    method: Method,
    version: Version,
    host: Vec<u8>,
    path: Vec<u8>,
    matched: usize,
    query: Option<Vec<u8>>,
    headers: HeaderTable,
    bytes: Vec<u8>,
    peer: Peer,
    cancellation: Cancellation,
}

impl<C> OwnedRequest<C> {
    /// A copy of a request, with its body.
    pub fn new(request: &Request<'_>, body: C) -> OwnedRequest<C> {
        OwnedRequest {
            body,
            method: request.method,
            version: request.version,
            host: request.host.to_vec(),
            path: request.path.to_vec(),
            matched: request.matched,
            query: request.query.map(<[u8]>::to_vec),
            headers: request.headers.clone(),
            bytes: request.bytes.to_vec(),
            peer: request.peer,
            cancellation: Cancellation::default(),
        }
    }

    /// The same request, which this cancellation cancels.
    pub fn cancelled_by(mut self, cancellation: Cancellation) -> OwnedRequest<C> {
        self.cancellation = cancellation;
        self
    }

    /// Whether nobody waits for the response any more, because the client has gone or its time is over. A
    /// handler that works for long asks now and then, and ends.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// As [`Request::version`].
    pub fn version(&self) -> Version {
        self.version
    }

    /// As [`Request::host`].
    pub fn host(&self) -> &[u8] {
        &self.host
    }

    /// As [`Request::path`]: decoded once, normalised, starting with a slash.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// As [`Request::path_in_location`].
    pub fn path_in_location(&self) -> &[u8] {
        self.path.get(self.matched..).unwrap_or_default()
    }

    /// What followed the `?`, as it came.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_deref()
    }

    /// The client's address; `None` on a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.address
    }

    /// As [`Request::scheme`].
    pub fn scheme(&self) -> Scheme {
        self.peer.scheme
    }

    /// As [`Request::header`]: the value of the first line of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.find(&self.bytes, name)
    }

    /// Every header line as name and value, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.lines(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::head::HeadLimits;
    use crate::http::h1::request_reader::RequestReader;

    #[test]
    fn it_says_what_the_view_said() {
        let limits =
            HeadLimits { target_bytes_max: 1000, head_bytes_max: 1000, header_count_max: 10 };
        let bytes = b"POST /a%20b/c?d HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n\r\n".to_vec();
        let mut reader = RequestReader::new();
        reader.read_head(&bytes, &limits).expect("it is sound").expect("it is complete");
        let mut view = reader.request(&bytes, Peer::default()).expect("it is sound");
        view.matched = 4;
        let owned = OwnedRequest::new(&view, "content");
        drop(bytes);
        assert_eq!((owned.method(), owned.version()), (Method::Post, Version::Http11));
        assert_eq!((owned.host(), owned.path()), (&b"h"[..], &b"/a b/c"[..]));
        assert_eq!((owned.path_in_location(), owned.query()), (&b"/c"[..], Some(&b"d"[..])));
        assert_eq!(owned.header("x-one"), Some(&b"1"[..]));
        assert_eq!(owned.headers().count(), 2);
        assert_eq!((owned.peer(), owned.body), (None, "content"));
    }
}
