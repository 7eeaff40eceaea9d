//! A request as a handler sees it.
//!
//! It must never know how its bytes came, or who will send the response.

use super::RequestBody;
#[cfg(feature = "cli")]
use super::access::WhoMay;
use super::pattern::Pattern;
use super::rewritten::Rewritten;
use crate::http::{
    Cancellation, HeaderName, Method, OwnedHead, RequestHead, Scheme, TlsFacts, Version, basic,
};
use std::cell::{OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// A request. It is the same for a handler that runs on a worker and for one that runs on a thread.
///
/// What is text nearly always is given as text: a path or a header that is not UTF-8 is there as bytes, by the methods
/// that end in `_bytes`.
///
/// ```
/// use httpd::{Request, Response, Site, Status};
/// let site = Site::new().get("/users/{id}", |request| match request.parameter("id") {
///     Some("7") => Response::text("the seventh\n"),
///     _ => Response::new(Status::NOT_FOUND),
/// });
/// assert_eq!(site.handle(Request::get("/users/7")).status, Status::OK);
/// ```
#[derive(Debug)]
pub struct Request<'a> {
    head: &'a RequestHead<'a>,
    /// Where it was found in the site.
    place: Place<'a>,
    /// What came after the head, until somebody takes it.
    body: Option<&'a RefCell<RequestBody>>,
    cancellation: Option<&'a Cancellation>,
    /// Where it was led, if its client asked for another path.
    led: Option<&'a Rewritten>,
    /// The path as it can be shown, if it is no text.
    shown_path: OnceCell<Box<str>>,
}

/// Where a request was found in the site.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    pub(crate) pattern: Option<&'a Arc<Pattern>>,
    /// How much of the path belongs to the prefix of the location.
    pub(crate) prefix_bytes: usize,
    /// Whether it came here by a name and a password that were right.
    pub(super) needs_password: bool,
    /// Who may ask for what in the site, if not everybody may do everything.
    #[cfg(feature = "cli")]
    pub(super) who_may: Option<&'a Arc<WhoMay>>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        head: &'a RequestHead<'a>,
        place: Place<'a>,
        body: Option<&'a RefCell<RequestBody>>,
    ) -> Request<'a> {
        let (cancellation, led) = (None, None);
        Request { head, place, body, cancellation, led, shown_path: OnceCell::new() }
    }

    /// The same with where it was led.
    pub(super) fn led(self, led: Option<&'a Rewritten>) -> Request<'a> {
        Request { led, ..self }
    }

    /// Where it was led, if its client asked for another path.
    pub(super) fn rewritten(&self) -> Option<&'a Rewritten> {
        self.led
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.head.method()
    }

    /// The version of HTTP that the client speaks.
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// Host and port as the client named them: from the target if that is absolute, else from
    /// `Host` (RFC 9110 §7.2). Empty for an HTTP/1.0 client that named none.
    pub fn host(&self) -> &str {
        std::str::from_utf8(self.head.host()).unwrap_or_default()
    }

    /// The whole path: decoded once, normalised, starting with a slash. Bytes that are no UTF-8 are shown as U+FFFD.
    pub fn path(&self) -> &str {
        match std::str::from_utf8(self.head.path()) {
            Ok(path) => path,
            Err(_) => self
                .shown_path
                .get_or_init(|| String::from_utf8_lossy(self.head.path()).into_owned().into()),
        }
    }

    /// The same as bytes: any but NUL.
    pub fn path_bytes(&self) -> &[u8] {
        self.head.path()
    }

    /// The part of the path after the prefix that led to this handler; starts with a slash or is
    /// empty.
    pub fn path_in_location_bytes(&self) -> &[u8] {
        self.head.path().get(self.place.prefix_bytes..).unwrap_or_default()
    }

    /// The same as text, if it is text.
    pub fn path_in_location(&self) -> Option<&str> {
        std::str::from_utf8(self.path_in_location_bytes()).ok()
    }

    /// The part of the path that stands where the location has `{name}` or `{*name}`, decoded. `None` if the location
    /// has no such part, or if that is no UTF-8.
    ///
    /// ```
    /// # use httpd::{Request, Response, Site, Status};
    /// let site = Site::new().get("/notes/{note}/files/{*file}", |request| {
    ///     let parameter = |name| request.parameter(name).unwrap_or_default();
    ///     format!("{} of {}", parameter("file"), parameter("note"))
    /// });
    /// let response = site.handle(Request::get("/notes/3/files/a/b.png"));
    /// assert_eq!(response.into_text()?, "a/b.png of 3");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "param")]
    #[doc(alias = "path_param")]
    #[doc(alias = "match_info")]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.parameter_bytes(name)?).ok()
    }

    /// The same as bytes.
    pub fn parameter_bytes(&self, name: &str) -> Option<&[u8]> {
        self.place.pattern?.parameter(self.head.path(), name)
    }

    /// The target as it came: path and query, or a whole URL from a client that takes this server for a proxy.
    #[doc(alias = "uri")]
    #[doc(alias = "url")]
    pub fn target(&self) -> &str {
        std::str::from_utf8(self.head.target).unwrap_or_default()
    }

    /// What followed the `?`, as it came, if that is text.
    pub fn query(&self) -> Option<&str> {
        std::str::from_utf8(self.head.query()?).ok()
    }

    /// The same as bytes.
    pub fn query_bytes(&self) -> Option<&[u8]> {
        self.head.query()
    }

    /// The client's address, with port 0 if only its host is known; `None` on a Unix socket. Behind proxies, the server
    /// has to know them: [`Server::trusted_proxies`](crate::Server::trusted_proxies).
    #[doc(alias = "remote_addr")]
    #[doc(alias = "peer_addr")]
    #[doc(alias = "client_ip")]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.head.peer()
    }

    /// `http`, or `https` over TLS, also if the TLS ends at a trusted proxy.
    pub fn scheme(&self) -> Scheme {
        self.head.scheme()
    }

    /// The TLS connection that the request came by: version, cipher suite, the server name that the client asked for.
    /// `None` without TLS. Where TLS ends at a proxy, this is the connection from the proxy, while
    /// [`scheme`](Request::scheme) is what a trusted proxy says of its client.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.head.tls()
    }

    /// The id of the request, if requests have ids ([`Server::request_id`](crate::Server::request_id)): the one that is
    /// in the log and on the response.
    ///
    /// ```
    /// use httpd::{Request, Site};
    /// let site = Site::new().get("/", |request| match request.id() {
    ///     Some(id) => format!("this is request {id}\n"),
    ///     None => "requests have no ids here\n".to_owned(),
    /// });
    /// let response = site.handle(Request::get("/").id("7f3a"));
    /// assert_eq!(response.into_text()?, "this is request 7f3a\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "request_id")]
    #[doc(alias = "correlation_id")]
    pub fn id(&self) -> Option<&str> {
        self.head.id().map(|id| &*id.value)
    }

    /// The value of the first header line of this name, in any case of letters, if it is UTF-8.
    #[doc(alias = "get_header")]
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head.header(name)?).ok()
    }

    /// The same as bytes.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        self.head.header(name)
    }

    /// Every header line as name and value, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head
            .headers()
            .map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }

    /// The body, as the handler's [`BodyPolicy`](crate::BodyPolicy) asked for it. It is here once: what is taken is
    /// gone.
    #[doc(alias = "as_reader")]
    pub fn take_body(&self) -> RequestBody {
        self.body.map(RefCell::take).unwrap_or_default()
    }

    /// The whole body, which is taken. A handler made by [`inline`](crate::inline) or
    /// [`blocking`](crate::blocking) has bounded it by `body_bytes_max`.
    ///
    /// # Errors
    /// If a body that is read while it arrives breaks off, or is larger than the bound, and errors of the disk.
    #[doc(alias = "bytes")]
    pub fn read_body(&self) -> io::Result<Vec<u8>> {
        self.take_body().into_bytes(usize::MAX)
    }

    /// Whether nobody waits for the response any more, because the client has gone or its time is over. A
    /// handler that works on a thread for long asks now and then, and ends.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_some_and(Cancellation::is_cancelled)
    }

    pub(crate) fn as_head(&self) -> &'a RequestHead<'a> {
        self.head
    }

    #[cfg(feature = "cli")]
    pub(super) fn place(&self) -> Place<'a> {
        self.place
    }

    pub(crate) fn prefix_bytes(&self) -> usize {
        self.place.prefix_bytes
    }

    /// The name of the user, if a password was asked for and is right. What a client says unasked is nobody's name.
    pub(super) fn user(&self) -> Option<Vec<u8>> {
        let authorization =
            self.place.needs_password.then(|| self.head.first(HeaderName::Authorization))?;
        basic::credentials(authorization?).map(|(name, _)| name)
    }
}

/// A request that can go to a thread.
pub(crate) struct OwnedRequest {
    head: OwnedHead,
    pattern: Option<Arc<Pattern>>,
    prefix_bytes: usize,
    needs_password: bool,
    body: RefCell<RequestBody>,
}

impl OwnedRequest {
    /// Copies a request, and takes its body.
    pub(crate) fn new(request: &Request<'_>) -> OwnedRequest {
        OwnedRequest {
            head: OwnedHead::new(request.head),
            pattern: request.place.pattern.cloned(),
            prefix_bytes: request.place.prefix_bytes,
            needs_password: request.place.needs_password,
            body: RefCell::new(request.take_body()),
        }
    }

    /// Calls a function with the request.
    pub(crate) fn with<R>(
        &self,
        cancellation: &Cancellation,
        function: impl FnOnce(&Request<'_>) -> R,
    ) -> R {
        let place = Place {
            pattern: self.pattern.as_ref(),
            prefix_bytes: self.prefix_bytes,
            needs_password: self.needs_password,
            #[cfg(feature = "cli")]
            who_may: None,
        };
        let head = self.head.view();
        let request = Request {
            cancellation: Some(cancellation),
            ..Request::new(&head, place, Some(&self.body))
        };
        function(&request)
    }
}
