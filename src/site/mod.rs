//! Floor 3: which answer a request gets.
//!
//! A [`Site`] holds the locations and their handlers and takes the whole decision in order. It
//! must never know a socket, a thread or how a response travels.

pub mod application;
mod change;
pub mod error_page;
pub mod form_upload;
pub mod function;
pub mod handler;
pub mod multipart;
pub mod owned_response;
pub mod pipe;
pub mod redirect;
pub mod request_body;
pub mod response;
pub mod route;
pub mod static_files;
pub mod store;
pub mod wsgi;

pub use application::{Application, Reload};
pub use error_page::ErrorBodies;
pub use function::{OwnedRequest, blocking, inline};
pub use handler::{Answer, Context, Forward, Freshness, Handler, Job, Methods, Worked};
pub use owned_response::{OwnedBody, OwnedResponse};
pub use request_body::{BodyPolicy, RequestBody};
pub use response::{Body, Response};
pub use route::Location;
pub use static_files::{Dotfiles, Mapping, StaticFiles};
pub use store::{OnConflict, Store};
pub use wsgi::Wsgi;

use crate::files::WriteError;
use crate::http::{Method, Reject, Request, Status};
use route::Locations;
use std::sync::Arc;

/// Everything that a server answers, shared read-only by all workers.
///
/// ```
/// use httpd::{Request, Response, Site};
/// let site = Site::new().at("/hello", |_: &Request<'_>| Response::text("hello\n"));
/// # let _ = site;
/// ```
#[derive(Default)]
pub struct Site {
    locations: Locations,
    error_bodies: ErrorBodies,
}

impl Site {
    /// A site that answers 404 to everything.
    pub fn new() -> Site {
        Site::default()
    }

    /// Puts a handler at a path and everything below it, or with [`Location::exact`] at that path
    /// alone. An exact location wins over any prefix, a longer prefix over a shorter one, and
    /// prefixes end at a slash: `/hello` takes `/hello` and `/hello/x`, not `/hellox`.
    ///
    /// Several handlers may stand at one location, each for methods of its own; where two take the
    /// same method, the later one has it.
    ///
    /// ```
    /// use httpd::site::Location;
    /// use httpd::{Method, Request, Response, Site, inline};
    /// let site = Site::new()
    ///     .at("/notes", |_: &Request<'_>| Response::text("all notes\n"))
    ///     .at("/notes", inline(|_, _| Response::text("noted\n")).methods(&[Method::Post]))
    ///     .at(Location::exact("/"), |_: &Request<'_>| Response::text("welcome\n"));
    /// # let _ = site;
    /// ```
    pub fn at(mut self, location: impl Into<Location>, handler: impl Handler) -> Site {
        self.locations.insert(location.into(), Box::new(handler));
        self
    }

    /// The applications that its handlers forward requests to, each once.
    pub fn applications(&self) -> Vec<Arc<Application>> {
        let mut found: Vec<Arc<Application>> = Vec::new();
        for application in self.locations.handlers().filter_map(|it| it.application()) {
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

    /// What becomes of the content that a request announces: the question goes the way that the
    /// request will go.
    pub fn body_policy(&self, request: &mut Request<'_>) -> BodyPolicy {
        let Some(location) = self.locations.find(request.path()) else {
            return BodyPolicy::Discard;
        };
        match location.handler(request.method()) {
            Some(handler) => {
                request.matched = location.prefix_bytes;
                match handler.body_policy(request) {
                    BodyPolicy::Refuse(response) => {
                        BodyPolicy::Refuse(Box::new(self.dress(*response)))
                    }
                    policy => policy,
                }
            }
            None => BodyPolicy::Discard,
        }
    }

    /// The answer to a request: server-wide OPTIONS, location, method, handler, in that order.
    pub fn answer(&self, request: &mut Request<'_>, context: &mut Context<'_>) -> Answer {
        if request.path() == b"*" {
            return options(Methods::READ).into();
        }
        let method = request.method();
        let response = match self.locations.find(request.path()) {
            None if matches!(method, Method::Trace | Method::Connect) => not_allowed(Methods::READ),
            None if self.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
            None => Response::new(Status::NOT_FOUND),
            Some(location) => match location.handler(method) {
                Some(handler) => {
                    request.matched = location.prefix_bytes;
                    match handler.answer(request, context) {
                        Answer::Ready(response) => response,
                        unready => return unready,
                    }
                }
                None if method == Method::Options => options(location.methods()),
                None if self.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
                None => not_allowed(location.methods()),
            },
        };
        self.dress(response).into()
    }

    /// Whether no handler of the site takes this method or one like it (RFC 9110 §9.1).
    fn is_unknown(&self, method: Method) -> bool {
        let taken = |handler: &dyn Handler| handler.methods().contains(method);
        matches!(method, Method::Extension(_)) && !self.locations.handlers().any(taken)
    }

    /// The answer that a thread has found: what is a file is looked up now.
    ///
    /// It is taken out of `owned`, but for one that has to wait for the disk and is asked for again.
    pub fn deliver(
        &self,
        owned: &mut Option<OwnedResponse>,
        request: &Request<'_>,
        context: &mut Context<'_>,
    ) -> Answer {
        if let Some(OwnedResponse { content: OwnedBody::File(file), status, headers, .. }) = owned {
            return match static_files::send(request, file, headers, *status, context) {
                Answer::Ready(response) => self.dress(response).into(),
                cold => cold,
            };
        }
        let response = match owned.take() {
            Some(OwnedResponse { content, status, reason, headers }) => match content {
                OwnedBody::Open(open, offset, length) => {
                    let part = (open, offset, length);
                    let sent = static_files::send_open(request, part, &headers, status, context);
                    // It may have become another status.
                    let reason = reason.filter(|_| sent.status == status);
                    Response { reason, ..sent }
                }
                content => OwnedResponse { content, status, reason, headers }.into(),
            },
            None => Response::new(Status::INTERNAL_SERVER_ERROR),
        };
        self.dress(response).into()
    }

    /// The answer to a request that cannot be served.
    pub fn reject(&self, reject: Reject) -> Response {
        self.dress(Response::new(reject.status()))
    }

    /// The answer where the server itself failed.
    pub fn failure(&self, status: Status) -> Response {
        self.dress(Response::new(status))
    }

    /// The answer where content could not be written to the disk.
    pub fn not_written(&self, error: WriteError) -> Response {
        self.dress(change::failed(error).into())
    }

    /// The answer where no thread is free to find one.
    pub fn busy(&self) -> Response {
        self.dress(function::busy())
    }

    /// Gives an error that has no content of its own the page of its status.
    fn dress(&self, response: Response) -> Response {
        let bare = matches!(response.body, Body::Empty) && response.status >= Status::BAD_REQUEST;
        match self.error_bodies {
            ErrorBodies::Html if bare => error_page::dress(response),
            _ => response,
        }
    }
}

/// RFC 9110 §9.3.7.
fn options(methods: Methods) -> Response {
    let mut response = Response::new(Status::NO_CONTENT);
    response.headers.add("Allow", methods.allow());
    response
}

/// RFC 9110 §15.5.6: `Allow` is required.
fn not_allowed(methods: Methods) -> Response {
    let mut response = Response::new(Status::METHOD_NOT_ALLOWED);
    response.headers.add("Allow", methods.allow());
    response
}
