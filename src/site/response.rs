//! A response, as a value. It must never know who will send it, or over what. `encoded` imports this file and is imported
//! by it, because the body that is encoded is the body of a response, and is one itself.

use super::encoded::EncodedBody;
use super::multipart::Multipart;
use super::pipe::{BodyWriter, Outlet};
use super::stream::Receiver;
use crate::files::{CachedFile, Root};
use crate::http::{Headers, Status};
use std::fmt;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A response. `Date`, `Server`, `Connection` and what frames the body are written when it is sent.
///
/// Most handlers need not name it: see [`IntoResponse`](crate::IntoResponse).
///
/// ```
/// use httpd::{Response, Status};
/// let response = Response::text("made\n").status(Status::CREATED).header("Location", "/it");
/// assert_eq!(response.headers.value("location"), Some(&b"/it"[..]));
/// ```
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
    Cached(Arc<CachedFile>, Range<u64>),
    /// Several parts of a file (RFC 9110 §14.6).
    Parts(Box<Multipart>),
    /// What comes out of a pipe, and how much that will be, if that is known.
    Piped(Outlet, Option<u64>),
    /// What a [`Sender`](super::Sender) sends.
    Channel(Receiver),
    /// One of the others, encoded while it is sent.
    Encoded(Box<EncodedBody>),
    /// What has to become one of the others before it can be sent.
    Deferred(Box<Deferred>),
}

/// A body that a handler only names. [`take_answer`](super::take_answer) makes another one of it.
pub(crate) enum Deferred {
    /// A file beneath a root: the server adds validators and type, answers preconditions and ranges, and sends it as it
    /// does its own (what others call *X-Sendfile*).
    Named(NamedFile),
    /// An open file, or a part of it, from an offset; to its end without a length.
    Open(OwnedFd, u64, Option<u64>),
    /// None: a check has found that the request may go on to its handler.
    Passed,
    /// What this makes, on a thread, after the head has been sent.
    Produced(Production),
}

/// Which file is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    pub root: Root,
    /// Relative to the root, as a file system has it: decoded, without a leading slash.
    pub path: Vec<u8>,
}

/// Makes a body while it is sent.
pub(crate) struct Production {
    pub length: Option<u64>,
    pub produce: Box<Produce>,
}

/// Writes a body. An error, as a panic, breaks the response off, so that the client can tell that
/// something is missing.
pub(crate) type Produce = dyn FnOnce(&mut BodyWriter) -> io::Result<()> + Send;

impl Response {
    /// That to a request for which no thread is free.
    pub(crate) fn busy() -> Response {
        Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "1")
    }

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
        Response::with(content_type, Body::Bytes(body))
    }

    /// The file at a path beneath a root, with ranges, preconditions and sendfile by the server; its
    /// `Content-Type` is that of the root's types unless a header says another. Headers that are
    /// added go with it; 404 if there is none.
    ///
    /// ```no_run
    /// use httpd::{Response, Root};
    /// let invoices = Root::open("/srv/invoices")?;
    /// let response = Response::file(&invoices, "2026/11.pdf")
    ///     .header("Content-Disposition", "attachment");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "X-Sendfile")]
    #[doc(alias = "X-Accel-Redirect")]
    #[doc(alias = "download")]
    pub fn file(root: &Root, path: impl AsRef<[u8]>) -> Response {
        let file = NamedFile { root: root.clone(), path: path.as_ref().to_vec() };
        Response::deferred(Status::OK, Deferred::Named(file))
    }

    /// `200 OK` with a body that is written while it is sent, however long it is. The closure runs on a
    /// thread of the pool: the one that made this response, if it was one. What a slow client does not take
    /// waits for it on the disk, up to
    /// [`Limits::response_spool_bytes_max`](crate::Limits::response_spool_bytes_max);
    /// beyond that the closure waits: a slow client costs a thread then, never memory. A body that comes from elsewhere,
    /// or pauses for long, needs no thread: see [`Response::stream`].
    ///
    /// ```
    /// use httpd::Response;
    /// use std::io::Write;
    /// let response = Response::written("text/csv", |out| {
    ///     for number in 0..1_000_000_u64 {
    ///         writeln!(out, "{number},{}", number * number)?;
    ///     }
    ///     Ok(())
    /// });
    /// # let _ = response;
    /// ```
    pub fn written(
        content_type: &str,
        produce: impl FnOnce(&mut BodyWriter) -> io::Result<()> + Send + 'static,
    ) -> Response {
        let production = Production { length: None, produce: Box::new(produce) };
        Response::with(content_type, Body::Deferred(Box::new(Deferred::Produced(production))))
    }

    /// A redirect with this status (301, 302, 303, 307 or 308) to a path or a URL.
    ///
    /// ```
    /// use httpd::{Response, Status};
    /// // After a form: the browser gets the page, and going back does not send the form again.
    /// let response = Response::redirect(Status::SEE_OTHER, "/notes");
    /// assert_eq!(response.headers.value("Location"), Some(&b"/notes"[..]));
    /// ```
    #[doc(alias = "Location")]
    pub fn redirect(status: Status, location: impl AsRef<[u8]>) -> Response {
        Response::new(status).header("Location", location)
    }

    /// A response whose body is only named.
    pub(crate) fn deferred(status: Status, body: Deferred) -> Response {
        Response { body: Body::Deferred(Box::new(body)), ..Response::new(status) }
    }

    /// Whether its body is the name of something that has to be looked up.
    pub(crate) fn is_named(&self) -> bool {
        match &self.body {
            Body::Deferred(deferred) => {
                matches!(**deferred, Deferred::Named(_) | Deferred::Open(..))
            }
            _ => false,
        }
    }

    /// Whether it is none, and the request may go on to its handler.
    pub(crate) fn is_passed(&self) -> bool {
        matches!(&self.body, Body::Deferred(deferred) if matches!(**deferred, Deferred::Passed))
    }

    /// The production of its body, if it has to be produced.
    pub(crate) fn take_production(&mut self) -> Option<Production> {
        match std::mem::replace(&mut self.body, Body::Empty) {
            Body::Deferred(deferred) => match *deferred {
                Deferred::Produced(production) => return Some(production),
                other => self.body = Body::Deferred(Box::new(other)),
            },
            body => self.body = body,
        }
        None
    }

    fn with(content_type: &str, body: Body) -> Response {
        let mut response = Response::new(Status::OK);
        response.headers.put("Content-Type", content_type);
        response.body = body;
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
    #[doc(alias = "with_status")]
    #[doc(alias = "with_status_code")]
    pub fn status(mut self, status: Status) -> Response {
        self.status = status;
        self
    }

    /// The same with one header more. [`Headers::add`] is for names that are not known to be sound.
    ///
    /// # Panics
    /// When the name is no token, or one that the server writes itself.
    #[track_caller]
    #[doc(alias = "with_header")]
    #[doc(alias = "add_header")]
    #[doc(alias = "insert_header")]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.headers.add(name, value).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// The same with a body that is announced to be so many bytes. Only one that is [written](Response::written) does
    /// not know it;
    /// one that then makes more or less is broken off.
    pub fn length(mut self, bytes: u64) -> Response {
        if let Body::Deferred(deferred) = &mut self.body
            && let Deferred::Produced(production) = &mut **deferred
        {
            production.length = Some(bytes);
        }
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut it = formatter.debug_struct("Response");
        it.field("status", &self.status).field("headers", &self.headers);
        match &self.body {
            Body::Static(bytes) => it.field("body", &String::from_utf8_lossy(bytes)),
            Body::Bytes(bytes) => it.field("body", &String::from_utf8_lossy(bytes)),
            _ => &mut it,
        };
        it.finish_non_exhaustive()
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
            Body::Deferred(_) | Body::Channel(_) | Body::Encoded(_) => None,
        }
    }

    /// How much of it is counted before it is sent. A body that is produced meanwhile is counted when it has ended.
    pub(crate) fn counted_bytes(&self) -> u64 {
        match self {
            Body::Piped(..) => 0,
            _ => self.length().unwrap_or(0),
        }
    }
}
