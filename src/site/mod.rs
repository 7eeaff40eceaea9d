//! Floor 3: which response a request gets.
//!
//! A [`Site`] holds the locations and their handlers and takes the whole decision in order. It
//! must never know a socket, a thread or how a response travels.

pub(crate) mod application;
mod change;
pub(crate) mod error_page;
pub(crate) mod form_upload;
pub(crate) mod function;
pub(crate) mod handler;
pub(crate) mod multipart;
pub(crate) mod owned_response;
pub(crate) mod pipe;
pub(crate) mod redirect;
pub(crate) mod request_body;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod static_files;
pub(crate) mod store;
mod store_rules;
pub(crate) mod wsgi;

pub(crate) use application::{Application, Reload};
pub use error_page::ErrorBodies;
pub use function::{Blocking, Inline, OwnedRequest, blocking, inline};
pub use handler::{Answer, Backend, Context, Handler, Methods};
pub(crate) use handler::{Decision, Forward, Freshness, Job, Worked};
pub(crate) use owned_response::OwnedBody;
pub use owned_response::OwnedResponse;
pub use pipe::BodyWriter;
pub use request_body::{BodyPolicy, RequestBody};
pub(crate) use request_body::{BodyStore, BodyUse};
pub(crate) use response::Body;
pub use response::Response;
pub use route::Location;
pub(crate) use route::Route;
pub use static_files::{Dotfiles, Mapping, StaticFiles};
pub use store::{OnConflict, Store};
pub use wsgi::Wsgi;

use crate::files::WriteError;
use crate::http::{Method, Request, Status};
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
    /// use httpd::Location;
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
    pub(crate) fn applications(&self) -> Vec<Arc<Application>> {
        let mut found: Vec<Arc<Application>> = Vec::new();
        for Backend(application) in self.locations.handlers().filter_map(|it| it.backend()) {
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

    /// Where a request goes. Asked once for each request; everything else about it is asked along this route.
    pub(crate) fn route(&self, request: &Request<'_>) -> Route {
        self.locations.route(request.path(), request.method())
    }

    /// What becomes of the body that a request announces.
    pub(crate) fn body_policy(&self, route: &Route, request: &Request<'_>) -> BodyPolicy {
        match self.locations.handler(route) {
            Some(handler) => handler.body_policy(request),
            None => BodyPolicy::discard(),
        }
    }

    /// The answer to a request: server-wide OPTIONS, location, method, handler, in that order.
    pub(crate) fn answer(
        &self,
        route: &Route,
        request: &Request<'_>,
        context: &mut Context<'_>,
    ) -> Answer {
        if request.path() == b"*" {
            return options(Methods::READ).into();
        }
        if let Some(handler) = self.locations.handler(route) {
            return handler.answer(request, context);
        }
        let method = request.method();
        let response = match self.locations.methods(route) {
            None if matches!(method, Method::Trace | Method::Connect) => not_allowed(Methods::READ),
            None if self.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
            None => Response::new(Status::NOT_FOUND),
            Some(methods) if method == Method::Options => options(methods),
            Some(_) if self.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
            Some(methods) => not_allowed(methods),
        };
        response.into()
    }

    /// What every response passes before it is sent: those of files, handlers, threads and applications, and refusals. An error without a body
    /// of its own gets the page of its status.
    pub(crate) fn finish(&self, _route: &Route, response: Response) -> Response {
        let is_bare =
            matches!(response.body, Body::Empty) && response.status >= Status::BAD_REQUEST;
        match self.error_bodies {
            ErrorBodies::Html if is_bare => error_page::with_error_page(response),
            _ => response,
        }
    }

    /// Whether no handler of the site takes this method or one like it (RFC 9110 §9.1).
    fn is_unknown(&self, method: Method) -> bool {
        let taken = |handler: &dyn Handler| handler.methods().contains(method);
        matches!(method, Method::Extension(_)) && !self.locations.handlers().any(taken)
    }
}

/// The answer that a thread has found: what is a file is looked up now.
///
/// It is taken out of `owned`, except for one that has to wait for the disk: it is asked for again.
pub(crate) fn take_answer(
    owned: &mut Option<OwnedResponse>,
    request: &Request<'_>,
    context: &mut Context<'_>,
) -> Answer {
    if let Some(OwnedResponse { body: OwnedBody::File(file), status, headers, .. }) = owned {
        return static_files::send(request, file, headers, *status, context);
    }
    let Some(OwnedResponse { body, status, reason, headers }) = owned.take() else {
        return Response::new(Status::INTERNAL_SERVER_ERROR).into();
    };
    let response = match body {
        OwnedBody::Open(open, offset, length) => {
            let part = (open, offset, length);
            let sent = static_files::send_open(request, part, &headers, status, context);
            // It may have become another status.
            let reason = reason.filter(|_| sent.status == status);
            Response { reason, ..sent }
        }
        body => OwnedResponse { body, status, reason, headers }.into(),
    };
    response.into()
}

/// The response where a body could not be written to the disk.
pub(crate) fn not_written(error: WriteError) -> Response {
    change::failed(error).into()
}

/// RFC 9110 §9.3.7.
fn options(methods: Methods) -> Response {
    let mut response = Response::new(Status::NO_CONTENT);
    response.headers.put("Allow", methods.allow());
    response
}

/// RFC 9110 §15.5.6: `Allow` is required.
fn not_allowed(methods: Methods) -> Response {
    let mut response = Response::new(Status::METHOD_NOT_ALLOWED);
    response.headers.put("Allow", methods.allow());
    response
}
