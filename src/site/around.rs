//! What stands around handlers: it sees a request before its body is read, and its response before it is sent.
//!
//! It must never know which handler there is, or whether there is one.

use super::pattern::Pattern;
use super::{IntoResponse, Request, Response};
use crate::http::Status;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What goes on after a function of [`Site::around`](crate::Site::around): the functions further in, and the handler.
pub struct Next(());

/// What a function of [`Site::around`](crate::Site::around) decides: to go on, or a response.
pub struct Outcome(Decided);

enum Decided {
    GoOn(Option<Change>),
    Respond(Box<Response>),
}

/// What becomes of a response.
type Change = Box<dyn FnOnce(Response) -> Response>;

impl Next {
    /// Goes on, and sends the response as it is.
    pub fn run(self) -> Outcome {
        Outcome(Decided::GoOn(None))
    }

    /// Goes on, and changes the response before it is sent. The function is called on the worker and must not block;
    /// it is called for every response, also for those that the server itself makes.
    pub fn then(self, change: impl FnOnce(Response) -> Response + 'static) -> Outcome {
        Outcome(Decided::GoOn(Some(Box::new(change))))
    }
}

impl<T: IntoResponse> From<T> for Outcome {
    fn from(response: T) -> Outcome {
        Outcome(Decided::Respond(Box::new(response.into_response())))
    }
}

/// A function around a part of a site.
pub(super) struct Layer {
    pub(super) pattern: Pattern,
    pub(super) function: Box<LayerFunction>,
}

pub(super) type LayerFunction = dyn Fn(&Request<'_>, Next) -> Outcome + Send + Sync;

/// What the layers have decided of a request.
#[derive(Default)]
pub(crate) struct Passage {
    /// The response, if no handler is to be asked.
    pub(super) response: Option<Box<Response>>,
    /// What becomes of the response; the outermost first.
    changes: Vec<Change>,
}

impl Passage {
    /// Asks the layers, the outermost first, until one has a response. If none has, the response is the one that is
    /// `decided` already, or left to a handler.
    pub(super) fn through<'l>(
        layers: impl Iterator<Item = &'l Layer>,
        request: &Request<'_>,
        decided: Option<Response>,
    ) -> Passage {
        let mut passage = Passage::default();
        for layer in layers {
            if layer.pattern.covers(request.path_bytes()).is_none() {
                continue;
            }
            let asked = AssertUnwindSafe(|| (layer.function)(request, Next(())));
            match catch_unwind(asked).map(|Outcome(decided)| decided) {
                Ok(Decided::GoOn(change)) => passage.changes.extend(change),
                Ok(Decided::Respond(response)) => {
                    passage.response = Some(response);
                    return passage;
                }
                Err(_) => {
                    passage.response = Some(Box::new(panicked()));
                    return passage;
                }
            }
        }
        passage.response = decided.map(Box::new);
        passage
    }

    /// Changes a response, the innermost layer first. A second response of the same request is left as it is.
    pub(super) fn change(&mut self, mut response: Response) -> Response {
        while let Some(change) = self.changes.pop() {
            let changed = catch_unwind(AssertUnwindSafe(|| change(response)));
            response = changed.unwrap_or_else(|_| panicked());
        }
        response
    }
}

fn panicked() -> Response {
    log::error!("a function around a handler panicked; its request is answered with 500");
    Response::new(Status::INTERNAL_SERVER_ERROR)
}
