//! What stands around handlers: it sees a request before its body is read, and its response before it is sent.
//!
//! It must never know which handler there is, or whether there is one.

use super::pattern::Pattern;
use super::permit::{Check, Checked};
use super::{IntoResponse, Request, Response};
use crate::http::{Cancellation, RequestName, Status};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What goes on after a function of [`Site::around`](crate::Site::around): the functions further in, and the handler.
pub struct Next {
    time_max: Option<Duration>,
}

/// What a function of [`Site::around`](crate::Site::around) decides: to go on, or a response, which becomes an outcome by
/// `into()`. The response of the handler is not in it: there is none yet, and [`Next::then`] sees it.
pub struct Outcome {
    decided: Decided,
    /// How long the response may take to be found.
    time_max: Option<Duration>,
    /// Whether the request goes on only if its name and password are right.
    needs_password: bool,
}

enum Decided {
    GoOn(Option<Change>),
    Check(Check),
    Respond(Box<Response>),
}

/// What becomes of a response.
type Change = Box<dyn FnOnce(Response) -> Response>;

impl Next {
    fn new() -> Next {
        Next { time_max: None }
    }

    /// Goes on, and sends the response as it is. It is not known yet: [`Next::then`] sees it.
    pub fn run(self) -> Outcome {
        self.go_on(Decided::GoOn(None))
    }

    /// Goes on, and changes the response before it is sent. The function is called on the worker and must not block;
    /// it is called for every response, also for those that the server itself makes.
    pub fn then(self, change: impl FnOnce(Response) -> Response + 'static) -> Outcome {
        self.go_on(Decided::GoOn(Some(Box::new(change))))
    }

    /// Gives the handler so much time to find its response, in place of
    /// [`Limits::answer_timeout`](crate::Limits::answer_timeout), which may be less or more. After that the client gets 503
    /// with `Retry-After`. If several functions say a time, the shortest counts.
    ///
    /// **A handler on a thread is not interrupted**: it keeps its thread until it returns, and what it returns is
    /// dropped. The log names the request, and names the handler again if it runs longer than
    /// [`Limits::handler_slow_time`](crate::Limits::handler_slow_time). One that may run for long asks
    /// [`Request::is_cancelled`] now and then, which is true from then on, and ends. One that has not begun, because
    /// all threads are busy, is not begun any more.
    ///
    /// The time begins when the body of the request has arrived. A check of [`Next::blocking`] has as much time of its
    /// own. A function on a worker cannot be left early, and the body of a response may take longer. For
    /// [`Wsgi`](crate::Wsgi), its own timeout counts as well. [`Site::handle`](crate::Site::handle) has no time limits.
    ///
    /// ```
    /// use httpd::{Request, Site, blocking};
    /// use std::time::Duration;
    /// let site = Site::new()
    ///     .around("/reports", |_, next| next.within(Duration::from_secs(5)).run())
    ///     .at("/reports/{year}", blocking(|request| {
    ///         // … here it asks a database …
    ///         format!("the report on {}\n", request.parameter("year").unwrap_or_default())
    ///     }));
    /// assert_eq!(site.handle(Request::get("/reports/2026")).into_text()?, "the report on 2026\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "timeout")]
    pub fn within(self, time: Duration) -> Next {
        Next { time_max: shorter(self.time_max, Some(time)) }
    }

    /// Goes on if a check allows it, which runs on a thread of the pool and may block: it may ask a database, or
    /// compare a password. Nothing of the request's body is read before.
    ///
    /// ```
    /// use httpd::{Request, Site, Status};
    /// let site = Site::new()
    ///     .around("/", |request, next| {
    ///         let key = request.header("X-Key").map(str::to_owned);
    ///         next.blocking(move || match key.as_deref() {
    ///             // … here it asks a database …
    ///             Some("7") => Ok(()),
    ///             _ => Err(Status::FORBIDDEN),
    ///         })
    ///     })
    ///     .get("/", |_| "welcome\n");
    /// assert_eq!(site.handle(Request::get("/")).status, Status::FORBIDDEN);
    /// assert_eq!(site.handle(Request::get("/").header("X-Key", "7")).status, Status::OK);
    /// ```
    pub fn blocking<R: IntoResponse>(
        self,
        check: impl FnOnce() -> Result<(), R> + Send + 'static,
    ) -> Outcome {
        let mut check = Some(check);
        self.checked(move |_| match check.take().map(|check| check()) {
            Some(Ok(())) => Checked::Passed,
            Some(Err(refusal)) => Checked::Refused(Box::new(refusal.into_response())),
            None => Checked::Refused(Box::new(Response::new(Status::INTERNAL_SERVER_ERROR))),
        })
    }

    pub(crate) fn checked(
        self,
        check: impl FnMut(&Cancellation) -> Checked + Send + 'static,
    ) -> Outcome {
        self.go_on(Decided::Check(Box::new(check)))
    }

    fn go_on(self, decided: Decided) -> Outcome {
        Outcome { decided, time_max: self.time_max, needs_password: false }
    }
}

impl Outcome {
    /// The same of what asked for a name and a password: the handler may believe the name.
    pub(super) fn by_password(self) -> Outcome {
        Outcome { needs_password: true, ..self }
    }
}

impl<T: IntoResponse> From<T> for Outcome {
    fn from(response: T) -> Outcome {
        let response = Box::new(response.into_response());
        Outcome { decided: Decided::Respond(response), time_max: None, needs_password: false }
    }
}

/// A function around a part of a site.
pub(super) struct Layer {
    pub(super) pattern: Pattern,
    pub(super) function: Box<LayerFunction>,
}

pub(super) type LayerFunction = dyn Fn(&Request<'_>, Next) -> Outcome + Send + Sync;

/// How far a request has come on its way to its handler, and back.
#[derive(Default)]
pub(crate) struct Passage {
    /// How many layers have been asked.
    asked: usize,
    /// How many have been asked that come after all layers.
    #[cfg(feature = "cli")]
    asked_last: usize,
    /// The next layer is asked when this has passed.
    check: Option<Check>,
    /// The response, if no handler is to be asked.
    pub(super) response: Option<Box<Response>>,
    /// What becomes of the response; the outermost first.
    changes: Vec<Change>,
    /// The request, if anything becomes of its response.
    request: Option<RequestName>,
    /// How long the response may take to be found, if a layer says so.
    pub(super) time_max: Option<Duration>,
    /// Whether the request comes to a handler only with a right password.
    pub(super) needs_password: bool,
}

impl Passage {
    /// Asks the layers that have not been asked, the outermost first, until one has a response or a check.
    pub(super) fn go_on<'l>(
        &mut self,
        layers: impl Iterator<Item = &'l Layer>,
        request: &Request<'_>,
    ) {
        for layer in layers.skip(self.asked) {
            if self.response.is_some() || self.check.is_some() {
                return;
            }
            self.asked += 1;
            if layer.pattern.covers(request.path_bytes()).is_none() {
                continue;
            }
            let asked = AssertUnwindSafe(|| (layer.function)(request, Next::new()));
            match catch_unwind(asked) {
                Ok(outcome) => self.note(outcome, request),
                Err(_) => {
                    let name = RequestName::of(request.as_head());
                    self.response = Some(Box::new(panicked(Some(&name))));
                }
            }
        }
    }

    /// Asks one more, after all layers and after so many others of its kind, once.
    #[cfg(feature = "cli")]
    pub(super) fn ask_last(
        &mut self,
        place: usize,
        request: &Request<'_>,
        ask: impl FnOnce(Next) -> Outcome,
    ) {
        if !self.is_open() || self.asked_last > place {
            return;
        }
        self.asked_last = place + 1;
        self.note(ask(Next::new()), request);
    }

    fn note(&mut self, outcome: Outcome, request: &Request<'_>) {
        self.time_max = shorter(self.time_max, outcome.time_max);
        self.needs_password |= outcome.needs_password;
        match outcome.decided {
            Decided::GoOn(Some(change)) => {
                self.request.get_or_insert_with(|| RequestName::of(request.as_head()));
                self.changes.push(change);
            }
            Decided::GoOn(None) => {}
            Decided::Check(check) => self.check = Some(check),
            Decided::Respond(response) => self.response = Some(response),
        }
    }

    /// Whether something has to be found out before the request can go on.
    pub(super) fn has_check(&self) -> bool {
        self.check.is_some()
    }

    /// What has to be found out before the request can go on.
    pub(super) fn take_check(&mut self) -> Option<Check> {
        self.check.take()
    }

    /// Whether nothing keeps the request from its handler.
    pub(super) fn is_open(&self) -> bool {
        self.response.is_none() && self.check.is_none()
    }

    /// Changes a response, the innermost layer first. A second response of the same request is left as it is.
    pub(super) fn change(&mut self, response: &mut Response) {
        while let Some(change) = self.changes.pop() {
            let unchanged = std::mem::replace(response, Response::new(Status::OK));
            let changed = catch_unwind(AssertUnwindSafe(|| change(unchanged)));
            *response = changed.unwrap_or_else(|_| panicked(self.request.as_ref()));
        }
    }
}

/// The shorter of two times, either of which may be missing.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

/// The panic hook has logged the message.
fn panicked(request: Option<&RequestName>) -> Response {
    match request {
        Some(request) => {
            log::error!("{request}: a function around its handler panicked; answered 500");
        }
        None => {
            log::error!("a function around a handler panicked; its request is answered with 500")
        }
    }
    Response::new(Status::INTERNAL_SERVER_ERROR)
}
