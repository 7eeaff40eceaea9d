//! A response, as a value. It must never know who will send it, or over what.

use super::multipart::Multipart;
use super::pipe::Outlet;
use crate::files::CachedFile;
use crate::http::{Headers, Status};
use std::ops::Range;
use std::rc::Rc;

/// A response. It cannot leave its worker: a file in it is shared with the worker's cache.
///
/// `Date`, `Server`, `Connection` and `Content-Length` are written when it is sent.
pub struct Response {
    /// The status.
    pub status: Status,
    /// A reason phrase other than the usual one of the status, for HTTP/1.
    pub(crate) reason: Option<Box<[u8]>>,
    /// The headers, but for those that the server writes.
    pub headers: Headers,
    pub(crate) body: Body,
}

/// The body of a response.
pub(crate) enum Body {
    Empty,
    Static(&'static [u8]),
    Bytes(Vec<u8>),
    /// A part of a file, or all of it.
    Cached(Rc<CachedFile>, Range<u64>),
    /// Several parts of a file (RFC 9110 §14.6).
    Parts(Box<Multipart>),
    /// What a thread produces, and how much that will be, if that is known.
    Piped(Outlet, Option<u64>),
}

impl Response {
    /// A response without headers and body.
    pub fn new(status: Status) -> Response {
        Response { status, reason: None, headers: Headers::new(), body: Body::Empty }
    }

    /// `200 OK` with plain text in UTF-8.
    pub fn text(text: impl Into<String>) -> Response {
        Response::bytes("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// `200 OK` with HTML in UTF-8.
    pub fn html(html: impl Into<String>) -> Response {
        Response::bytes("text/html; charset=utf-8", html.into().into_bytes())
    }

    /// `200 OK` with a body of this type.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> Response {
        let mut response = Response::new(Status::OK);
        response.headers.put("Content-Type", content_type);
        response.body = Body::Bytes(body);
        response
    }

    /// Whether it has no body yet. An error response without one gets the page of its status, unless
    /// [`Site::error_bodies`](crate::Site::error_bodies) says otherwise.
    pub fn is_bare(&self) -> bool {
        matches!(self.body, Body::Empty)
    }

    /// The same with this body, whose type is another header's to say.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = Body::Bytes(body.into());
        self
    }

    /// The same with another status.
    pub fn status(mut self, status: Status) -> Response {
        self.status = status;
        self
    }

    /// The same with one header more. [`Headers::add`] is for names that are not known to be sound.
    ///
    /// # Panics
    /// When the name is no token, or one that the server writes itself.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.headers.add(name, value).unwrap_or_else(|error| panic!("{error}"));
        self
    }
}

impl Body {
    /// The length of the body in bytes, if it is known before it is sent.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Static(bytes) => Some(bytes.len() as u64),
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Cached(_, range) => Some(range.end - range.start),
            Body::Parts(parts) => Some(parts.length()),
            Body::Piped(_, length) => *length,
        }
    }
}
