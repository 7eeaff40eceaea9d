//! An answer that a thread hands back to the worker: it owns everything, so it can cross.

use super::pipe::{BodyWriter, Outlet};
use super::{Body, Response};
use crate::files::Root;
use crate::http::{Headers, Status};
use std::io;
use std::os::fd::OwnedFd;

/// A response from a thread. As with [`Response`], `Date`, `Server`, `Connection` and what frames
/// the body are written when it is sent.
///
/// ```
/// use httpd::{OwnedResponse, Status};
/// let answer = OwnedResponse::text("made\n").status(Status::CREATED).header("Location", "/it");
/// assert_eq!(answer.headers.value("location"), Some(&b"/it"[..]));
/// ```
pub struct OwnedResponse {
    /// The status.
    pub status: Status,
    /// A reason phrase other than the usual one of the status, for HTTP/1.
    pub(crate) reason: Option<Box<[u8]>>,
    /// The headers, but for those that the server writes.
    pub headers: Headers,
    pub(crate) body: OwnedBody,
}

/// The body of a response from a thread.
pub(crate) enum OwnedBody {
    Empty,
    Bytes(Vec<u8>),
    /// A file beneath a root: the server adds validators and type, answers preconditions and
    /// ranges, and sends it as it does its own (what others call *X-Sendfile*).
    File(SentFile),
    /// An open file, or a part of it, from an offset; to its end without a length.
    Open(OwnedFd, u64, Option<u64>),
    /// What this makes, on the same thread, after the head has been sent.
    Produced(Production),
    /// What comes out of a pipe, and how much that will be, if that is known.
    Piped(Outlet, Option<u64>),
}

/// Which file is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct SentFile {
    pub root: Root,
    /// Relative to the root, as a file system has it: decoded, without a leading slash.
    pub path: Vec<u8>,
}

/// Makes body while it is sent.
pub(crate) struct Production {
    pub length: Option<u64>,
    pub produce: Box<Produce>,
}

/// Writes body. An error, as a panic, breaks the response off, so that the client can tell that
/// something is missing.
pub(crate) type Produce = dyn FnOnce(&mut BodyWriter) -> io::Result<()> + Send;

impl OwnedResponse {
    /// A response without headers and body.
    pub fn new(status: Status) -> OwnedResponse {
        OwnedResponse { status, reason: None, headers: Headers::new(), body: OwnedBody::Empty }
    }

    /// `200 OK` with plain text in UTF-8.
    pub fn text(text: impl Into<String>) -> OwnedResponse {
        OwnedResponse::bytes("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// `200 OK` with HTML in UTF-8.
    pub fn html(html: impl Into<String>) -> OwnedResponse {
        OwnedResponse::bytes("text/html; charset=utf-8", html.into().into_bytes())
    }

    /// `200 OK` with body of this type.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> OwnedResponse {
        OwnedResponse::with(content_type, OwnedBody::Bytes(body))
    }

    /// The file at a path beneath a root, with ranges, preconditions and sendfile by the server; its
    /// `Content-Type` is that of the root's types unless a header says another. Headers that are
    /// added go with it; 404 if there is none.
    ///
    /// ```no_run
    /// use httpd::{OwnedResponse, Root};
    /// let invoices = Root::open("/srv/invoices")?;
    /// let answer = OwnedResponse::file(&invoices, "2026/11.pdf")
    ///     .header("Content-Disposition", "attachment");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn file(root: &Root, path: impl AsRef<[u8]>) -> OwnedResponse {
        let mut response = OwnedResponse::new(Status::OK);
        let file = SentFile { root: root.clone(), path: path.as_ref().to_vec() };
        response.body = OwnedBody::File(file);
        response
    }

    /// `200 OK` with body that is written while it is sent, however long it is. The closure runs
    /// on the thread that made this response. What a slow client does not take waits for it on the
    /// disk, up to [`Limits::response_spool_bytes_max`](crate::Limits::response_spool_bytes_max);
    /// beyond that the closure waits: a slow client costs a thread then, never memory.
    ///
    /// ```
    /// use httpd::OwnedResponse;
    /// use std::io::Write;
    /// let answer = OwnedResponse::stream("text/csv", |out| {
    ///     for number in 0..1_000_000_u64 {
    ///         writeln!(out, "{number},{}", number * number)?;
    ///     }
    ///     Ok(())
    /// });
    /// # let _ = answer;
    /// ```
    pub fn stream(
        content_type: &str,
        produce: impl FnOnce(&mut BodyWriter) -> io::Result<()> + Send + 'static,
    ) -> OwnedResponse {
        let production = Production { length: None, produce: Box::new(produce) };
        OwnedResponse::with(content_type, OwnedBody::Produced(production))
    }

    fn with(content_type: &str, body: OwnedBody) -> OwnedResponse {
        let mut response = OwnedResponse::new(Status::OK);
        response.headers.put("Content-Type", content_type);
        response.body = body;
        response
    }

    /// The same with another status.
    pub fn status(mut self, status: Status) -> OwnedResponse {
        self.status = status;
        self
    }

    /// The same with one header more. [`Headers::add`] is for names that are not known to be sound.
    ///
    /// # Panics
    /// When the name is no token, or one that the server writes itself.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> OwnedResponse {
        self.headers.add(name, value).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// The same with body that is announced to be so many bytes. Only a stream does not know it;
    /// one that then makes more or less is broken off.
    pub fn length(mut self, bytes: u64) -> OwnedResponse {
        if let OwnedBody::Produced(production) = &mut self.body {
            production.length = Some(bytes);
        }
        self
    }
}

impl From<OwnedResponse> for Response {
    /// What needs no more work of the site. A file that was not looked up has no body here.
    fn from(owned: OwnedResponse) -> Response {
        let body = match owned.body {
            OwnedBody::Empty
            | OwnedBody::File(_)
            | OwnedBody::Open(..)
            | OwnedBody::Produced(_) => Body::Empty,
            OwnedBody::Bytes(bytes) => Body::Bytes(bytes),
            OwnedBody::Piped(outlet, length) => Body::Piped(outlet, length),
        };
        Response { status: owned.status, reason: owned.reason, headers: owned.headers, body }
    }
}
