//! The head of a request that owns everything, so that it can go to a thread that takes its time.

use super::request::Peer;
use super::table::HeaderTable;
use super::{Method, RequestHead, Version};
use std::borrow::Cow;

/// What a [`RequestHead`] says, copied.
#[derive(Debug)]
pub(crate) struct OwnedHead {
    method: Method,
    version: Version,
    host: Vec<u8>,
    path: Vec<u8>,
    target: Vec<u8>,
    raw_path: Vec<u8>,
    query: Option<Vec<u8>>,
    headers: HeaderTable,
    bytes: Vec<u8>,
    peer: Peer,
}

impl OwnedHead {
    /// A copy of a head.
    pub(crate) fn new(head: &RequestHead<'_>) -> OwnedHead {
        OwnedHead {
            method: head.method,
            version: head.version,
            host: head.host.to_vec(),
            path: head.path.to_vec(),
            target: head.target.to_vec(),
            raw_path: head.raw_path.to_vec(),
            query: head.query.map(<[u8]>::to_vec),
            headers: head.headers.clone(),
            bytes: head.bytes.to_vec(),
            peer: head.peer.clone(),
        }
    }

    /// The head that it is a copy of.
    pub(crate) fn view(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method,
            version: self.version,
            host: &self.host,
            path: Cow::Borrowed(&self.path),
            target: &self.target,
            raw_path: &self.raw_path,
            query: self.query.as_deref(),
            headers: &self.headers,
            bytes: &self.bytes,
            peer: self.peer.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadLimits;
    use crate::http::h1::request_reader::RequestReader;

    #[test]
    fn it_says_what_the_view_said() {
        let limits =
            HeadLimits { target_bytes_max: 1000, head_bytes_max: 1000, header_count_max: 10 };
        let bytes = b"POST /a%20b/c?d HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n\r\n".to_vec();
        let mut reader = RequestReader::new();
        reader.read_head(&bytes, &limits).expect("it is sound").expect("it is complete");
        let view = reader.request(&bytes, Peer::default()).expect("it is sound");
        let owned = OwnedHead::new(&view);
        drop(bytes);
        let copy = owned.view();
        assert_eq!((copy.method(), copy.version()), (Method::Post, Version::Http11));
        assert_eq!((copy.host(), copy.path()), (&b"h"[..], &b"/a b/c"[..]));
        assert_eq!((copy.target, copy.raw_path), (&b"/a%20b/c?d"[..], &b"/a%20b/c"[..]));
        assert_eq!((copy.query(), copy.header("x-one")), (Some(&b"d"[..]), Some(&b"1"[..])));
        assert_eq!((copy.headers().count(), copy.peer()), (2, None));
    }
}
