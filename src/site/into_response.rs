//! What a function may return instead of a response.

use super::request_at_hand::request_at_hand;
use super::{Request, Response};
use crate::http::{RequestError, RequestName, Status};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What can be made a [`Response`]: what a function that handles requests returns.
///
/// | it | becomes |
/// |---|---|
/// | `&str`, `String` | 200 with plain text in UTF-8 |
/// | `Vec<u8>`, `&[u8]` | 200 with `application/octet-stream` |
/// | [`Status`] | a response of this status, with the usual page if it is an error |
/// | `(Status, it)` | the same with this status |
/// | `Option<it>` | 404 for `None` |
/// | `Result<it, error>` | the error decides, so that `?` can be used |
/// | `Box<dyn Error>` | a [`Failure`], as [`io::Error`] |
/// | `()` | 204 |
///
/// Headers and cookies are added to a response: `Response::text("made").header("Location", "/it")`. Branches of different
/// types are made responses each: `Response::text("one")` in one, `Status::NOT_FOUND.into()` in the other.
///
/// An error of your own decides its status by this trait; any other error becomes a [`Failure`], and 500. The response
/// outlives the request, so text of the request goes into it as a `String`:
/// `request.parameter("name").unwrap_or_default().to_owned()`.
///
/// ```
/// use httpd::{Failure, Request, Site, Status};
/// let site = Site::new()
///     .get("/hello", |_| "hello\n")
///     .get("/gone", |_| Status::GONE)
///     .get("/double/{number}", |request| -> Result<String, Failure> {
///         let number: u32 = request.parameter("number").unwrap_or_default().parse()?;
///         Ok(format!("{}\n", 2 * number))
///     });
/// assert_eq!(site.handle(Request::get("/gone")).status, Status::GONE);
/// assert_eq!(site.handle(Request::get("/double/21")).into_text()?, "42\n");
/// assert_eq!(site.handle(Request::get("/double/x")).status, Status::INTERNAL_SERVER_ERROR);
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made a response",
    note = "return a `Response`, text, bytes, a `Status`, or a tuple, `Option` or `Result` of these",
    note = "`Response::json(&value)` is JSON, `Response::html(text)` HTML, `.header(name, value)` adds a header",
    note = "for an error that is no response, return `Result<_, httpd::Failure>`",
    note = "handlers are not `async`: what waits belongs into `httpd::blocking(|request| …)`"
)]
pub trait IntoResponse {
    /// The response.
    fn into_response(self) -> Response;

    /// The response to this request, which the log names if it is an error that nobody else reports.
    #[doc(hidden)]
    fn respond_to(self, _request: &Request<'_>) -> Response
    where
        Self: Sized,
    {
        self.into_response()
    }
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Response::bytes("application/octet-stream", self)
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self) -> Response {
        self.to_vec().into_response()
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(Status::NO_CONTENT)
    }
}

impl<T: IntoResponse> IntoResponse for (Status, T) {
    fn into_response(self) -> Response {
        self.1.into_response().status(self.0)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        self.1.respond_to(request).status(self.0)
    }
}

impl<T: IntoResponse> From<(Status, T)> for Response {
    fn from(both: (Status, T)) -> Response {
        both.into_response()
    }
}

impl From<Status> for Response {
    fn from(status: Status) -> Response {
        status.into_response()
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        self.map_or_else(|| Response::new(Status::NOT_FOUND), T::into_response)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        self.map_or_else(|| Response::new(Status::NOT_FOUND), |it| it.respond_to(request))
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        self.map_or_else(E::into_response, T::into_response)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        self.map_or_else(|it| it.respond_to(request), |it| it.respond_to(request))
    }
}

/// As a [`Failure`].
impl IntoResponse for Box<dyn Error + Send + Sync> {
    fn into_response(self) -> Response {
        failed(&*self, None)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        failed(&*self, Some(request))
    }
}

/// As a [`Failure`].
impl IntoResponse for Box<dyn Error> {
    fn into_response(self) -> Response {
        failed(&*self, None)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        failed(&*self, Some(request))
    }
}

impl<T: IntoResponse> IntoResponse for Box<T> {
    fn into_response(self) -> Response {
        (*self).into_response()
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        (*self).respond_to(request)
    }
}

/// As a [`Failure`]: 500, unless it says what is wrong with the request.
impl IntoResponse for io::Error {
    fn into_response(self) -> Response {
        failed(&self, None)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        failed(&self, Some(request))
    }
}

/// Any error, as what `?` makes of it in a handler. It is logged, and the client gets 500 without the reason.
///
/// Only a [`RequestError`] is the client's own: it decides the status, and the client gets its text, also where it
/// comes in an [`io::Error`] of reading the request's body.
///
/// ```
/// use httpd::{Failure, Site};
/// let site = Site::new().get("/motd", |_| -> Result<String, Failure> {
///     Ok(std::fs::read_to_string("/etc/motd")?)
/// });
/// # let _ = site;
/// ```
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { error: error.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        failed(&*self.error, None)
    }

    fn respond_to(self, request: &Request<'_>) -> Response {
        failed(&*self.error, Some(request))
    }
}

fn failed(error: &(dyn Error + 'static), request: Option<&Request<'_>>) -> Response {
    if let Some(error) = request_error(error) {
        return error.clone().into_response();
    }
    log_failure(error, request.map(|request| RequestName::of(request.as_head())).map(Arc::new));
    Response::new(Status::INTERNAL_SERVER_ERROR)
}

/// An error that is the server's own: a function of the program has failed for this request, or for that at hand.
pub(super) fn log_failure(error: &dyn fmt::Display, request: Option<Arc<RequestName>>) {
    match request.or_else(request_at_hand) {
        Some(request) => log::error!("{request}: its handler failed: {error}; answered 500"),
        None => log::error!("a handler failed: {error}; its request is answered with 500"),
    }
}

/// What is wrong with the request, if that is what this error says.
fn request_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a RequestError> {
    error
        .downcast_ref::<RequestError>()
        .or_else(|| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}
