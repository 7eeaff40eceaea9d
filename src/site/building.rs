//! A site: what a server answers, and how it is put together. `hosts` imports this file and is imported by it, because a
//! site has the sites of other hosts.

#[cfg(feature = "cli")]
use super::access::{Access, OtherPaths};
use super::around::Layer;
#[cfg(feature = "compression")]
use super::encoded;
use super::function::inline;
use super::hosts::Hosts;
use super::locations::Locations;
use super::pattern::Pattern;
use super::status::StatusSource;
use super::{
    Application, Backend, ErrorBodies, Handler, HostName, IntoResponse, Location, Next, Outcome,
    Request,
};
#[cfg(feature = "compression")]
use crate::http::Compression;
use crate::http::Method;
use std::fmt;
use std::sync::Arc;

/// Everything that a server answers, shared read-only by all workers.
///
/// ```
/// use httpd::Site;
/// let site = Site::new().get("/hello", |_| "hello\n");
/// # let _ = site;
/// ```
#[derive(Default)]
pub struct Site {
    pub(super) locations: Locations,
    pub(super) layers: Vec<Layer>,
    pub(super) error_bodies: ErrorBodies,
    pub(super) hosts: Hosts,
    /// The first of its own names.
    pub(super) name: Option<Box<str>>,
    /// The name that all others of the site are redirected to.
    pub(super) canonical_host: Option<HostName>,
}

impl Site {
    /// A site that answers 404 to everything.
    pub fn new() -> Site {
        Site::default()
    }

    /// Puts a handler at a path and everything below it, or with [`Location::exact`] at that path
    /// alone. An exact location wins over any prefix, a longer prefix over a shorter one, a segment of text over a
    /// `{name}`, and prefixes end at a slash: `/hello` takes `/hello` and `/hello/x`, not `/hellox`.
    ///
    /// Several handlers may stand at one location, each for methods of its own; where two take the
    /// same method, the later one has it.
    ///
    /// A closure needs the type of its parameter here, `|request: &Request| …`, or a word that says where it runs:
    /// `inline(|request| …)`, `blocking(|request| …)`.
    ///
    /// ```
    /// use httpd::{Location, Method, Root, Site, StaticFiles, blocking};
    /// let site = Site::new()
    ///     .at("/", StaticFiles::new(Root::open("src")?))
    ///     .at(Location::exact("/report"), blocking(|_| "it took a while\n"));
    /// # let _ = site;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the path does not begin with a slash, when the names in it cannot be understood, or when the same paths have
    /// other names already.
    #[track_caller]
    #[doc(alias = "route")]
    #[doc(alias = "mount")]
    #[doc(alias = "nest")]
    #[doc(alias = "service")]
    pub fn at(mut self, location: impl Into<Location>, handler: impl Handler) -> Site {
        let pattern = pattern(&location.into());
        let path = String::from_utf8_lossy(pattern.written()).into_owned();
        if let Err(other) = self.locations.insert(pattern, Box::new(handler)) {
            let other = String::from_utf8_lossy(&other);
            panic!("{path:?} and {other:?} have the same paths; use the same names in both");
        }
        self
    }

    /// Answers GET and HEAD at this path alone, at once: the function runs on a worker and must not block. For one that
    /// may, write `at(Location::exact(path), blocking(function))`.
    ///
    /// ```
    /// use httpd::{Request, Site};
    /// let site = Site::new().get("/hello/{name}", |request| {
    ///     format!("hello {}\n", request.parameter("name").unwrap_or("world"))
    /// });
    /// assert_eq!(site.handle(Request::get("/hello/you")).into_text()?, "hello you\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Site::at`].
    #[track_caller]
    pub fn get<F, R>(self, path: &str, function: F) -> Site
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.at(Location::exact(path), inline(function))
    }

    /// Answers POST at this path alone, as [`Site::get`] does GET. The body is at most 64 KiB, and in memory. For more, or
    /// for a function that may block, write `at(Location::exact(path), blocking(function).methods(&[Method::Post]))`.
    ///
    /// # Panics
    /// As [`Site::at`].
    #[track_caller]
    pub fn post<F, R>(self, path: &str, function: F) -> Site
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.at(Location::exact(path), inline(function).methods(&[Method::Post]))
    }

    /// Answers PUT at this path alone, as [`Site::post`] does POST.
    ///
    /// # Panics
    /// As [`Site::at`].
    #[track_caller]
    pub fn put<F, R>(self, path: &str, function: F) -> Site
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.at(Location::exact(path), inline(function).methods(&[Method::Put]))
    }

    /// Answers DELETE at this path alone, as [`Site::post`] does POST.
    ///
    /// # Panics
    /// As [`Site::at`].
    #[track_caller]
    pub fn delete<F, R>(self, path: &str, function: F) -> Site
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.at(Location::exact(path), inline(function).methods(&[Method::Delete]))
    }

    /// Answers PATCH at this path alone, as [`Site::post`] does POST.
    ///
    /// # Panics
    /// As [`Site::at`].
    #[track_caller]
    pub fn patch<F, R>(self, path: &str, function: F) -> Site
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.at(Location::exact(path), inline(function).methods(&[Method::Patch]))
    }

    /// Puts a function around everything at a path and below it: around handlers, files, applications, and the
    /// refusals of the server itself (404, 405, 413, 500, 503 …; not around 400 for what is no request). It is called
    /// on the worker when the head of a request is here and before its body is read, and must not block. It goes on
    /// with [`Next::run`] or [`Next::then`], or returns a response. [`Next::within`] limits the time of handlers.
    ///
    /// To protect files, put it around a directory: a file may have other paths as well (as the index of its
    /// directory, without `.html`, as an encoded sibling).
    ///
    /// Of several functions the first is the outermost: it sees the request first and the response last.
    ///
    /// ```
    /// use httpd::{Request, Site, Status};
    /// let site = Site::new()
    ///     .around("/", |_, next| next.then(|response| response.header("X-Frame-Options", "DENY")))
    ///     .around("/admin", |request, next| match request.header("Authorization") {
    ///         Some("Bearer secret") => next.run(),
    ///         _ => Status::UNAUTHORIZED.into(),
    ///     })
    ///     .get("/admin/users", |_| "you and me\n");
    /// let response = site.handle(Request::get("/admin/users"));
    /// assert_eq!(response.status, Status::UNAUTHORIZED);
    /// assert_eq!(response.headers.value("X-Frame-Options"), Some(&b"DENY"[..]));
    /// ```
    ///
    /// # Panics
    /// When the names in the path cannot be understood.
    #[track_caller]
    #[doc(alias = "middleware")]
    #[doc(alias = "layer")]
    #[doc(alias = "wrap")]
    pub fn around<F>(mut self, location: impl Into<Location>, function: F) -> Site
    where
        F: Fn(&Request<'_>, Next) -> Outcome + Send + Sync + 'static,
    {
        let pattern = pattern(&location.into());
        self.layers.push(Layer { pattern, function: Box::new(function) });
        self
    }

    /// Compresses what the handlers at a location respond, while it is sent: text and what is like it, for clients that
    /// accept that. Each piece that a handler writes or sends can be decoded as soon as it arrives. Default: nothing is.
    ///
    /// A response is left as it is if it has a `Content-Encoding`, says `Cache-Control: no-transform`, or is a part of
    /// something. Files are too: [`StaticFiles::compression`](crate::StaticFiles::compression) is for them. A strong
    /// `ETag` becomes a weak one.
    ///
    /// Mind that the length of a compressed page says something about its content: who can put text of their own into a
    /// page that has a secret, and sees how long the page becomes each time, can guess the secret (the attack BREACH).
    ///
    /// ```
    /// use httpd::{Compression, Request, Site};
    /// let site = Site::new()
    ///     .compression("/", Compression::default())
    ///     .get("/words", |_| "over and over\n".repeat(100));
    /// let response = site.handle(Request::get("/words").header("Accept-Encoding", "gzip"));
    /// assert_eq!(response.headers.value("Content-Encoding"), Some(&b"gzip"[..]));
    /// assert!(response.into_bytes()?.len() < 100);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the names in the path cannot be understood.
    #[cfg(feature = "compression")]
    #[track_caller]
    pub fn compression(self, location: impl Into<Location>, compression: Compression) -> Site {
        let compression = Arc::new(compression);
        self.around(location, move |request, next| {
            let compression = Arc::clone(&compression);
            let coding = encoded::coding(&compression, request.as_head());
            next.then(move |mut response| {
                encoded::encode(&mut response, &compression, coding);
                encoded::vary_if_unchanged(&mut response);
                response
            })
        })
    }

    /// Says who may ask for what is at a location that has a handler.
    #[cfg(feature = "cli")]
    pub(crate) fn access(mut self, location: impl Into<Location>, access: Access) -> Site {
        self.locations.set_access(&pattern(&location.into()), access);
        self
    }

    /// Has what not everybody may ask for guarded at its other paths too, in all hosts.
    #[cfg(feature = "cli")]
    pub(crate) fn guard_other_paths(mut self, other: &OtherPaths) -> Site {
        self.locations.guard_other_paths(other);
        for site in &mut self.hosts.sites {
            site.locations.guard_other_paths(other);
        }
        self
    }

    /// The names by which the requests of its hosts are counted: that of the site itself first.
    pub(crate) fn host_labels(&self) -> Vec<String> {
        let label = |site: &Site| site.name.as_deref().unwrap_or("default").to_owned();
        [self].into_iter().chain(&self.hosts.sites).map(label).collect()
    }

    /// Lends what is known of a server to the pages that show it.
    pub(crate) fn plug_status(&self, source: &Arc<dyn StatusSource>) -> bool {
        let sites = [self].into_iter().chain(&self.hosts.sites);
        let handlers = sites.flat_map(|site| site.locations.handlers());
        let sockets: Vec<_> = handlers.filter_map(|it| it.status_socket()).collect();
        sockets.iter().for_each(|socket| socket.plug(Arc::clone(source)));
        !sockets.is_empty()
    }

    /// The applications that its handlers forward requests to, each once.
    pub(crate) fn applications(&self) -> Vec<Arc<Application>> {
        let mut found: Vec<Arc<Application>> = Vec::new();
        let sites = [self].into_iter().chain(&self.hosts.sites);
        let handlers = sites.flat_map(|site| site.locations.handlers());
        for Backend(application) in handlers.filter_map(|it| it.backend()) {
            if !found.iter().any(|known| known.id() == application.id()) {
                found.push(Arc::clone(application));
            }
        }
        found
    }

    /// Whether error responses carry a small HTML page. Default: they do.
    pub fn error_bodies(mut self, error_bodies: ErrorBodies) -> Site {
        self.error_bodies = error_bodies;
        self
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Site").finish_non_exhaustive()
    }
}

#[track_caller]
pub(super) fn pattern(location: &Location) -> Pattern {
    location.pattern().unwrap_or_else(|error| panic!("the location {location}: {error}"))
}
