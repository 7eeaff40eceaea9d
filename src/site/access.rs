//! Who may ask for what is at a location: by the network of a client, and by name and password.
//!
//! It must never know what is there.

use super::around::{Next, Outcome};
use super::auth::BasicAuth;
use super::networks::Networks;
use super::{Methods, Request};
use crate::http::Status;

/// The rules of a location. Default: everybody may do everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Only these clients may; everybody, if there are none.
    pub(crate) allow: Option<Networks>,
    /// These may not, even if they are allowed.
    pub(crate) deny: Networks,
    pub(crate) auth: Option<Auth>,
}

/// A name and a password that some methods need, or all.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    pub(crate) basic: BasicAuth,
    pub(crate) methods: Option<Methods>,
}

impl Access {
    /// Whether there is nothing to look at.
    pub(crate) fn is_open(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty() && self.auth.is_none()
    }

    /// Whether a request may go on.
    pub(super) fn check(&self, request: &Request<'_>, next: Next) -> Outcome {
        let client = request.peer();
        let is_allowed = self.allow.as_ref().is_none_or(|allow| allow.contain(client));
        if !is_allowed || self.deny.contain(client) {
            return Status::FORBIDDEN.into();
        }
        match &self.auth {
            Some(auth) if auth.methods.is_none_or(|it| it.contains(request.method())) => {
                auth.basic.check(request, next)
            }
            _ => next.run(),
        }
    }
}
