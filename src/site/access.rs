//! Who may ask for what is at a location: by the network of a client, and by name and password.
//!
//! It must never know what is there.

use super::around::{Next, Outcome};
use super::auth::BasicAuth;
use super::networks::Networks;
use super::{Methods, Request};
use crate::files::sibling;
use crate::http::{Coding, Status};

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

/// By which other paths files are found, anywhere in a configuration.
#[derive(Debug, Default)]
pub(crate) struct OtherPaths {
    /// Whether `/a` may be `a.html`.
    pub(crate) clean_urls: bool,
    /// Whether the encoded siblings of files are there.
    pub(crate) precompressed: bool,
    /// The names of indexes.
    pub(crate) index: Vec<String>,
}

impl OtherPaths {
    /// The other paths of what is at a path.
    pub(super) fn of(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let mut paths = vec![path.to_vec()];
        let name_at = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (directory, name) = path.split_at(name_at);
        if self.index.iter().any(|index| index.as_bytes() == name) {
            paths.push(directory.to_vec());
        }
        if self.clean_urls && !name.is_empty() {
            match path.strip_suffix(b".html") {
                Some(stem) => paths.extend([stem.to_vec(), [stem, b"/"].concat()]),
                None => paths.push([path, b".html"].concat()),
            }
        }
        if self.precompressed && !name.is_empty() {
            let files: Vec<_> = paths.iter().filter(|it| !it.ends_with(b"/")).cloned().collect();
            for suffix in Coding::ALL.map(sibling::suffix) {
                paths.extend(files.iter().map(|it| [it, suffix.as_bytes()].concat()));
            }
        }
        paths.remove(0);
        paths
    }
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
