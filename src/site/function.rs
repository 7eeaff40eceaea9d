//! Handlers made of functions: on the worker with [`inline`], on a thread with [`blocking`].

use super::handler::{Answer, Context, Handler, Methods};
use super::request_body::{BodyPolicy, RequestBody};
use super::{OwnedResponse, Response};
use crate::http::{self, Method, Request, Status};
use std::sync::Arc;

/// A request that a thread works on, with its body.
pub type OwnedRequest = http::OwnedRequest<RequestBody>;

/// A function that answers at once, on the worker, from the request and its body.
///
/// Everything else that the worker serves waits for it: it must not block. The body is taken in
/// before it is asked, up to 64 KiB unless [`Inline::body_bytes_max`] says less.
///
/// ```
/// use httpd::{Method, Request, Response, Site, inline};
/// let echo = inline(|_: &Request<'_>, body: &[u8]| {
///     Response::bytes("application/octet-stream", body.to_vec())
/// });
/// let site = Site::new().at("/echo", echo.methods(&[Method::Post]));
/// # let _ = site;
/// ```
pub fn inline<F>(answer: F) -> Inline<F>
where
    F: Fn(&Request<'_>, &[u8]) -> Response + Send + Sync + 'static,
{
    Inline { answer, methods: Methods::READ, body_bytes_max: INLINE_BODY_BYTES_MAX }
}

/// A handler made by [`inline`].
pub struct Inline<F> {
    answer: F,
    methods: Methods,
    body_bytes_max: u64,
}

impl<F> Inline<F> {
    /// The methods that it takes. Default: GET and HEAD.
    pub fn methods(mut self, methods: &[Method]) -> Inline<F> {
        self.methods = Methods::of(methods);
        self
    }

    /// How much body it takes, in bytes; more is answered with 413. At most 64 KiB, which is
    /// kept in memory: what may be larger is for [`blocking`].
    pub fn body_bytes_max(mut self, bytes: u64) -> Inline<F> {
        self.body_bytes_max = bytes.min(INLINE_BODY_BYTES_MAX);
        self
    }
}

impl<F> Handler for Inline<F>
where
    F: Fn(&Request<'_>, &[u8]) -> Response + Send + Sync + 'static,
{
    fn methods(&self) -> Methods {
        self.methods
    }

    fn body_policy(&self, _request: &Request<'_>) -> BodyPolicy {
        BodyPolicy::memory(self.body_bytes_max)
    }

    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        let body = context.take_body();
        (self.answer)(request, body.as_bytes().unwrap_or_default()).into()
    }
}

/// A function that may take its time: it runs on a thread of the pool.
///
/// Where all threads are busy and their queue is full the request is answered with 503 at once. A
/// panic is answered with 500, and logged. One that takes longer than
/// [`Limits::answer_timeout`](crate::Limits::answer_timeout) is answered for with 503; it cannot be
/// stopped, and what it says then is dropped. One that works for long asks
/// `OwnedRequest::is_cancelled` now and then, and ends when nobody waits any more;
/// one that has not begun by then is not begun.
///
/// ```
/// use httpd::{Method, OwnedRequest, OwnedResponse, Site, blocking};
/// let report = blocking(|request: OwnedRequest| {
///     let name = String::from_utf8_lossy(request.query().unwrap_or(b"all")).into_owned();
///     // … which asks a database, say
///     OwnedResponse::text(format!("report on {name}\n"))
/// });
/// let site = Site::new().at("/report", report.methods(&[Method::Get, Method::Post]));
/// # let _ = site;
/// ```
pub fn blocking<F>(answer: F) -> Blocking<F>
where
    F: Fn(OwnedRequest) -> OwnedResponse + Send + Sync + 'static,
{
    Blocking {
        answer: Arc::new(answer),
        methods: Methods::READ,
        body_bytes_max: BODY_BYTES_MAX,
        taken: Taken::Whole,
    }
}

/// A handler made by [`blocking`].
pub struct Blocking<F> {
    answer: Arc<F>,
    methods: Methods,
    body_bytes_max: u64,
    taken: Taken,
}

/// How body reaches a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// After all of it is here.
    Whole,
    /// As it arrives.
    Streamed,
}

impl<F> Blocking<F> {
    /// The methods that it takes. Default: GET and HEAD.
    pub fn methods(mut self, methods: &[Method]) -> Blocking<F> {
        self.methods = Methods::of(methods);
        self
    }

    /// How much body it takes, in bytes; more is answered with 413. Default: 1 MiB.
    pub fn body_bytes_max(mut self, bytes: u64) -> Blocking<F> {
        self.body_bytes_max = bytes;
        self
    }

    /// Calls it as soon as the head is here, and lets it read the body while that arrives. A slow
    /// client then costs a thread for as long as it sends; without this it costs none.
    pub fn streamed(mut self) -> Blocking<F> {
        self.taken = Taken::Streamed;
        self
    }
}

impl<F> Handler for Blocking<F>
where
    F: Fn(OwnedRequest) -> OwnedResponse + Send + Sync + 'static,
{
    fn methods(&self) -> Methods {
        self.methods
    }

    fn body_policy(&self, _request: &Request<'_>) -> BodyPolicy {
        let bytes_max = self.body_bytes_max;
        match self.taken {
            Taken::Whole => BodyPolicy::collect(bytes_max),
            Taken::Streamed => BodyPolicy::stream(bytes_max),
        }
    }

    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        let request = OwnedRequest::new(request, context.take_body());
        let answer = Arc::clone(&self.answer);
        Answer::blocking(move |cancellation| answer(request.cancelled_by(cancellation.clone())))
    }
}

/// The answer where no thread is free for a job.
pub(crate) fn busy() -> Response {
    Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "1")
}

/// As nginx's `client_max_body_size` has it.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// What a worker may well hold for each connection.
const INLINE_BODY_BYTES_MAX: u64 = 64 * 1024;
