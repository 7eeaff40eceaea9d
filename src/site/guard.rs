//! Lets a request go on to what is guarded, or not.

#[cfg(feature = "cli")]
use super::access::Access;
use super::auth::BasicAuth;
use super::permit::Permit;
use super::{Next, Outcome, Request};
use crate::http::HeaderName;

impl BasicAuth {
    /// Lets a request go on if it has a name and its password.
    pub fn check(&self, request: &Request<'_>, next: Next) -> Outcome {
        let authorization = request.as_head().first(HeaderName::Authorization);
        match self.ask(authorization, request.peer(), Some(request.as_head())) {
            Permit::Granted => next.run().by_password(),
            Permit::Refused(response) => (*response).into(),
            Permit::Check(check) => next.checked(check).by_password(),
        }
    }
}

#[cfg(feature = "cli")]
impl Access {
    /// Whether a request may go on.
    pub(super) fn check(&self, request: &Request<'_>, next: Next) -> Outcome {
        let head = request.as_head();
        let authorization = head.first(HeaderName::Authorization);
        let methods = [request.method()];
        let outcome = match self.ask(request.peer(), authorization, &methods, Some(head)) {
            Permit::Granted => next.run(),
            Permit::Refused(response) => return (*response).into(),
            Permit::Check(check) => next.checked(check),
        };
        if self.needs_password(&methods) { outcome.by_password() } else { outcome }
    }
}
