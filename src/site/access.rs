//! Who may ask for what is at a location: by the network of a client, and by name and password.
//!
//! It must never know what is there.

use super::auth::BasicAuth;
use super::networks::Networks;
use super::pattern::Pattern;
use super::permit::Permit;
use super::refused::Refused;
use super::{Methods, Response};
use crate::files::sibling;
use crate::http::{Coding, HeaderName, Method, RequestHead, Status};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

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

    /// Whether somebody may do one of these. The log names the request, if there is one.
    pub(super) fn ask(
        &self,
        client: Option<SocketAddr>,
        authorization: Option<&[u8]>,
        methods: &[Method],
        request: Option<&RequestHead<'_>>,
    ) -> Permit {
        let is_allowed = self.allow.as_ref().is_none_or(|allow| allow.contain(client));
        if !is_allowed || self.deny.contain(client) {
            if let Some(request) = request {
                let key = if is_allowed { "deny" } else { "allow" };
                log::info!("{}: forbidden by {key}; answered 403", Refused::of(request));
            }
            return Permit::Refused(Box::new(Response::new(Status::FORBIDDEN)));
        }
        match &self.auth {
            Some(auth) if self.needs_password(methods) => {
                auth.basic.ask(authorization, client, request)
            }
            _ => Permit::Granted,
        }
    }

    /// Whether one of these is only for those who have a password.
    pub(super) fn needs_password(&self, methods: &[Method]) -> bool {
        self.auth.as_ref().is_some_and(|auth| {
            auth.methods.is_none_or(|its| methods.iter().any(|&it| its.contains(it)))
        })
    }
}

/// What is known of a client.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    address: Option<SocketAddr>,
    authorization: Option<Box<[u8]>>,
}

impl Visitor {
    pub(super) fn of(head: &RequestHead<'_>) -> Visitor {
        let authorization = head.first(HeaderName::Authorization);
        Visitor { address: head.peer(), authorization: authorization.map(Into::into) }
    }
}

/// Who may ask for what, at any path of a site.
#[derive(Debug, Default)]
pub(crate) struct WhoMay {
    /// In the order in which they are tried.
    pub(super) locations: Vec<GuardedLocation>,
    /// Who may ask for what is found by these paths, and is guarded at another one.
    pub(super) other_paths: HashMap<Vec<u8>, Vec<Arc<Access>>>,
}

/// A location, as far as who may is concerned.
#[derive(Debug)]
pub(super) struct GuardedLocation {
    pub(super) pattern: Arc<Pattern>,
    /// What its handlers take.
    pub(super) methods: Methods,
    pub(super) access: Option<Arc<Access>>,
}

impl WhoMay {
    /// Whether everybody may do everything.
    pub(super) fn is_open(&self) -> bool {
        self.locations.iter().all(|it| it.access.is_none())
    }

    /// Whether a client may do one of these at a path, as if its request had named it.
    pub(super) fn ask(&self, visitor: &Visitor, path: &[u8], methods: &[Method]) -> Permit {
        for access in self.at(path) {
            match access.ask(visitor.address, visitor.authorization.as_deref(), methods, None) {
                Permit::Granted => {}
                other => return other,
            }
        }
        Permit::Granted
    }

    /// Whether everybody may do everything at a path.
    pub(super) fn is_open_at(&self, path: &[u8]) -> bool {
        self.at(path).next().is_none()
    }

    /// The location of a path.
    pub(super) fn location(&self, path: &[u8]) -> Option<(&GuardedLocation, usize)> {
        self.locations.iter().find_map(|it| Some((it, it.pattern.covers(path)?)))
    }

    fn at(&self, path: &[u8]) -> impl Iterator<Item = &Arc<Access>> {
        let found = self.location(path);
        let own = found.and_then(|(location, _)| location.access.as_ref());
        own.into_iter().chain(self.of_others(path, found.map_or(0, |(_, covered)| covered)))
    }

    /// Who may ask for what is guarded at another path than this one, so much of which a location covers.
    pub(super) fn of_others(&self, path: &[u8], covered: usize) -> &[Arc<Access>] {
        // A location of the path itself says itself who may.
        match covered == path.len() {
            true => &[],
            false => self.other_paths.get(path).map_or(&[], |all| all),
        }
    }
}
