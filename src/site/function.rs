//! Handlers made of functions: on the worker with [`inline`], on a thread with [`blocking`].

use super::handler::{Answer, Context, Handler};
use super::methods::Methods;
use super::request::OwnedRequest;
use super::request_body::BodyPolicy;
use super::{IntoResponse, Request};
use crate::http::Method;
use std::sync::Arc;

/// A function that answers at once, on the worker, from the request and its body.
///
/// Everything else that the worker serves waits for it: it must not block. The body is taken in
/// before it is asked, up to 64 KiB unless [`Inline::body_bytes_max`] says less.
///
/// ```
/// use httpd::{Method, Response, Site, inline};
/// let echo = inline(|request| -> std::io::Result<Response> {
///     Ok(Response::bytes("application/octet-stream", request.read_body()?))
/// });
/// let site = Site::new().at("/echo", echo.methods(&[Method::Post]));
/// # let _ = site;
/// ```
pub fn inline<F, R>(function: F) -> Inline<F>
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    Inline { function, methods: Methods::READ, body_bytes_max: INLINE_BODY_BYTES_MAX }
}

/// A handler made by [`inline`].
pub struct Inline<F> {
    function: F,
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

impl<F, R> Handler for Inline<F>
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn methods(&self) -> Methods {
        self.methods
    }

    fn body_policy(&self, _request: &Request<'_>) -> BodyPolicy {
        BodyPolicy::memory(self.body_bytes_max)
    }

    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        context.ran_function = true;
        (self.function)(request).respond_to(request).into()
    }
}

/// A function that may take its time: it runs on a thread of the pool.
///
/// Where all threads are busy and their queue is full the request is answered with 503 at once. A
/// panic is answered with 500, and logged. One that takes longer than
/// [`Limits::answer_timeout`](crate::Limits::answer_timeout) is answered for with 503; it cannot be
/// stopped, and what it says then is dropped. One that works for long asks
/// [`Request::is_cancelled`] now and then, and ends when nobody waits any more;
/// one that has not begun by then is not begun.
///
/// ```
/// use httpd::{Method, Site, blocking};
/// let report = blocking(|request| {
///     let name = request.query().unwrap_or("all");
///     // … which asks a database, say
///     format!("report on {name}\n")
/// });
/// let site = Site::new().at("/report", report.methods(&[Method::Get, Method::Post]));
/// # let _ = site;
/// ```
#[doc(alias = "spawn_blocking")]
pub fn blocking<F, R>(function: F) -> Blocking<F>
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    Blocking {
        function: Arc::new(function),
        methods: Methods::READ,
        body_bytes_max: BODY_BYTES_MAX,
        taken: Taken::Whole,
    }
}

/// A handler made by [`blocking`].
pub struct Blocking<F> {
    function: Arc<F>,
    methods: Methods,
    body_bytes_max: u64,
    taken: Taken,
}

/// How a body reaches a function.
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

impl<F, R> Handler for Blocking<F>
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
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

    fn answer(&self, request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        let request = OwnedRequest::new(request);
        let function = Arc::clone(&self.function);
        Answer::blocking(move |cancellation| {
            request.with(cancellation, |request| function(request).respond_to(request))
        })
    }
}

/// As nginx's `client_max_body_size` has it.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// What a worker may well hold for each connection.
const INLINE_BODY_BYTES_MAX: u64 = 64 * 1024;
