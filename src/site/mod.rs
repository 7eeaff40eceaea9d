//! Floor 3: which answer a request gets.
//!
//! A [`Site`] holds the locations and their handlers and takes the whole decision in order. It
//! must never know a socket, a thread or how a response travels.

pub mod error_page;
pub mod handler;
pub mod multipart;
pub mod redirect;
pub mod response;
pub mod route;
pub mod static_files;

pub use error_page::ErrorBodies;
pub use handler::{Answer, Desk, Freshness, Handler, Methods};
pub use response::{Body, Response};
pub use static_files::{Dotfiles, Mapping, StaticFiles};

use crate::http::{Method, Reject, Request, Status};
use route::Locations;

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

    /// Puts a handler at a path and everything below it. The longest prefix wins, and prefixes end
    /// at a slash: `/hello` takes `/hello` and `/hello/x`, not `/hellox`. A second handler at the
    /// same prefix replaces the first.
    pub fn at(mut self, prefix: &str, handler: impl Handler) -> Site {
        self.locations.insert(prefix, Box::new(handler));
        self
    }

    /// Whether error responses carry a small HTML page. Default: they do.
    pub fn error_bodies(mut self, error_bodies: ErrorBodies) -> Site {
        self.error_bodies = error_bodies;
        self
    }

    /// The answer to a request: server-wide OPTIONS, location, method, handler, in that order.
    pub fn answer(&self, request: &mut Request<'_>, desk: &mut Desk<'_>) -> Answer {
        if request.path() == b"*" {
            return options(Methods::READ).into();
        }
        let found = self.locations.find(request.path());
        let methods = found.as_ref().map_or(Methods::READ, |location| location.handler.methods());
        let response = match (request.method(), found) {
            (Method::Trace | Method::Connect, _) => not_allowed(methods),
            (_, None) => Response::new(Status::NOT_FOUND),
            (method, Some(location)) if methods.contains(method) => {
                request.matched = location.prefix_bytes;
                match location.handler.answer(request, desk) {
                    Answer::Ready(response) => response,
                    cold => return cold,
                }
            }
            (Method::Options, Some(_)) => options(methods),
            (_, Some(_)) => not_allowed(methods),
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
