//! What answers at a location.

use super::application::Application;
use super::job::{Job, Worked};
use super::methods::Methods;
use super::request_body::{BodyPolicy, RequestBody};
use super::rewritten::Leading;
use super::status::StatusSocket;
use super::{IntoResponse, Request, Response};
use crate::files::{Choice, Chosen, Disk, ETags, Found, Now, OpenError, OpenFiles, Prefetch, Root};
use crate::http::{Cancellation, Status};
use std::sync::Arc;

/// Answers the requests of a location.
///
/// A function that takes a request and returns what can become a [`Response`] is a handler. It runs on a worker and must
/// not block:
///
/// ```
/// use httpd::{Handler, Request};
/// fn hello(request: &Request) -> String {
///     format!("hello from {}\n", request.path())
/// }
/// fn is_handler(_: impl Handler) {}
/// is_handler(hello);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler",
    label = "this cannot answer requests",
    note = "a closure has to name the type of its parameter: `|request: &Request| …`; in `inline(|request| …)`, `blocking(|request| …)` and `Site::get(path, |request| …)` it need not",
    note = "it has to return a `Response` or something else that implements `IntoResponse`, and is no `async` function"
)]
pub trait Handler: Send + Sync + 'static {
    /// The methods that it takes; the others are answered with 405 and `Allow`. A handler that
    /// takes GET is asked for HEAD too: the body of its response is then left out.
    fn methods(&self) -> Methods {
        Methods::READ
    }

    /// What becomes of a request body, asked when the head that announces it is here and before any of it is read.
    /// The same methods as for [`Handler::answer`] get here.
    fn body_policy(&self, _request: &Request<'_>) -> BodyPolicy {
        BodyPolicy::discard()
    }

    /// What it forwards requests to, beyond this process: the server starts and supervises that.
    fn backend(&self) -> Option<&Backend> {
        None
    }

    /// Where the server lends it what is known of the server.
    #[doc(hidden)]
    fn status_socket(&self) -> Option<StatusSocket> {
        None
    }

    /// Answers a request. It runs on the worker and must not block, because everything else that the worker serves would
    /// wait. For work that blocks, there is [`Answer::blocking`]. A panic is answered with 500, and logged.
    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer;
}

/// What a handler makes of a request: a [`Response`], which becomes an answer by `into()`, or something that takes
/// longer.
pub struct Answer(pub(crate) Decision);

/// What an answer is.
pub(crate) enum Decision {
    /// This response.
    Ready(Response),
    /// The disk has to be read first, by a thread that may wait for it; then the handler is asked again.
    Cold(Prefetch),
    /// A thread of the pool finds the response.
    Blocking(Job),
    /// The same, by a thread that handlers cannot keep busy. It is for the status of the server.
    Status(Job),
    /// A program in another process finds it.
    Forward(Forward),
}

/// A program in processes of its own that requests are forwarded to.
#[derive(Clone, Debug)]
pub struct Backend(pub(crate) Arc<Application>);

/// A request on its way to a backend.
pub(crate) struct Forward {
    pub(crate) backend: Backend,
    /// The request as the backend's protocol has it.
    pub(crate) message: Vec<u8>,
    pub(crate) body: RequestBody,
}

impl Answer {
    /// Has a thread of the pool find the response. Where all threads are busy and their queue is full, the request is
    /// answered with 503. Long work asks the [`Cancellation`] now and then whether anybody still waits for it.
    pub fn blocking(work: impl FnOnce(&Cancellation) -> Response + Send + 'static) -> Answer {
        let mut work = Some(work);
        Answer(Decision::Blocking(Box::new(move |cancellation| match work.take() {
            Some(work) => Worked::Done(work(cancellation)),
            None => Worked::Done(Response::new(Status::INTERNAL_SERVER_ERROR)),
        })))
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer(Decision::Ready(response))
    }
}

impl<F, R> Handler for F
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        context.ran_function = true;
        self(request).respond_to(request).into()
    }
}

/// What a worker lends to a handler while it answers.
pub struct Context<'a> {
    /// The worker's open files.
    pub(crate) files: &'a mut OpenFiles,
    pub(crate) freshness: &'a mut Freshness,
    pub(crate) now: Now,
    pub(crate) disk: Disk,
    /// Whether the request may wait until a thread has compressed a file.
    pub(crate) may_wait_for_encoding: bool,
    /// Room to put a path or a value together, so that no request allocates for it.
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) ranges_max: usize,
    /// Whether a function of the program was called on the worker, which may have taken its time.
    pub(crate) ran_function: bool,
    pub(crate) leading: Leading,
}

/// Whether the worker has looked at the file changes since a request was sent. Only then may the cache answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It has.
    Known,
    /// The request may have been sent later: one more look is due.
    Unknown,
}

impl Context<'_> {
    /// The file or directory at a path beneath a root, the path given in pieces.
    #[inline(always)]
    pub(crate) fn find(&mut self, root: &Root, pieces: &[&[u8]]) -> Result<Found, OpenError> {
        self.look_if_due();
        let found = match pieces {
            [path] => self.files.find(root, path, self.now, self.disk),
            _ => {
                self.scratch.clear();
                pieces.iter().for_each(|piece| self.scratch.extend_from_slice(piece));
                self.files.find(root, self.scratch, self.now, self.disk)
            }
        };
        if root.tag_policy() != ETags::Time
            && let Ok(Found::File(file)) = &found
        {
            self.files.want_tag(root, file);
        }
        found
    }

    /// The same, or the representation of the file there that the client prefers.
    pub(crate) fn find_chosen(
        &mut self,
        root: &Root,
        pieces: &[&[u8]],
        choice: &Choice<'_>,
    ) -> Result<Chosen, OpenError> {
        self.look_if_due();
        self.scratch.clear();
        pieces.iter().for_each(|piece| self.scratch.extend_from_slice(piece));
        let found = self.files.find_chosen(root, self.scratch, choice, self.now, self.disk);
        if root.tag_policy() != ETags::Time
            && let Ok(Chosen::File(file) | Chosen::Variant(file) | Chosen::Encoded { file, .. }) =
                &found
        {
            self.files.want_tag(root, file);
        }
        found
    }

    fn look_if_due(&mut self) {
        if *self.freshness == Freshness::Unknown {
            self.files.look();
            *self.freshness = Freshness::Known;
        }
    }
}
