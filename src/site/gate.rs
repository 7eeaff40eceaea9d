//! Asks who may read or write what a request reaches at other paths than its own: the file of a fallback, the files that
//! a form brings. The rules are those that hold if a request names such a path itself.
//!
//! It must never know what is there.

use super::Request;
#[cfg(feature = "cli")]
use super::Response;
#[cfg(feature = "cli")]
use super::access::{GuardedLocation, Visitor, WhoMay};
#[cfg(feature = "cli")]
use super::pattern::Pattern;
use super::permit::Permit;
#[cfg(feature = "cli")]
use crate::http::{Method, Status};
#[cfg(feature = "cli")]
use std::sync::Arc;

/// What a request may do beside its own path. It can go to a thread. The default may do everything.
#[derive(Default)]
pub(crate) struct Gate {
    #[cfg(feature = "cli")]
    inner: Option<GateInner>,
}

#[cfg(feature = "cli")]
struct GateInner {
    who_may: Arc<WhoMay>,
    visitor: Visitor,
    /// The location of the request, which has been asked.
    own: Option<Arc<Pattern>>,
    /// The path of the request, without a slash at its end.
    directory: Box<[u8]>,
}

#[cfg(feature = "cli")]
impl Gate {
    /// What a request may do beside its own path.
    pub(super) fn of(request: &Request<'_>) -> Gate {
        let place = request.place();
        let inner = place.who_may.map(|who_may| {
            let path = request.path_bytes();
            GateInner {
                who_may: Arc::clone(who_may),
                visitor: Visitor::of(request.as_head()),
                own: place.pattern.cloned(),
                directory: path.strip_suffix(b"/").unwrap_or(path).into(),
            }
        });
        Gate { inner }
    }

    /// Whether a file of this name beneath the path of the request may be read.
    pub(super) fn read(&self, name: &[u8]) -> Permit {
        self.inner.as_ref().map_or(Permit::Granted, |inner| {
            inner.who_may.ask(&inner.visitor, &inner.path(name), &[Method::Get])
        })
    }

    /// Whether a file of this name beneath the path of the request may be stored. It is not, where a location takes
    /// none.
    pub(super) fn store(&self, name: &[u8]) -> Permit {
        let Some(inner) = &self.inner else { return Permit::Granted };
        let path = inner.path(name);
        if inner.is_own(&path) {
            return Permit::Granted;
        }
        if !inner.takes_files(&path) {
            return Permit::Refused(Box::new(Response::new(Status::FORBIDDEN)));
        }
        inner.who_may.ask(&inner.visitor, &path, &STORING)
    }

    /// Whether everybody may store a file of this name there.
    pub(super) fn is_open(&self, name: &[u8]) -> bool {
        self.inner.as_ref().is_none_or(|inner| {
            let path = inner.path(name);
            inner.is_own(&path) || inner.takes_files(&path) && inner.who_may.is_open_at(&path)
        })
    }
}

#[cfg(feature = "cli")]
impl GateInner {
    fn path(&self, name: &[u8]) -> Vec<u8> {
        [&self.directory[..], b"/", name].concat()
    }

    /// Whether the path is guarded by what the request has passed already.
    fn is_own(&self, path: &[u8]) -> bool {
        let found = self.who_may.location(path);
        let is_same = |(location, covered): (&GuardedLocation, usize)| {
            let own = self.own.as_ref();
            own.is_some_and(|own| Arc::ptr_eq(own, &location.pattern))
                && self.who_may.of_others(path, covered).is_empty()
        };
        found.is_some_and(is_same)
    }

    fn takes_files(&self, path: &[u8]) -> bool {
        let takes = |(location, _): (&GuardedLocation, usize)| {
            STORING.iter().any(|&method| location.methods.contains(method))
        };
        self.who_may.location(path).is_none_or(takes)
    }
}

/// Whether anything of the site is not for everybody.
#[cfg(feature = "cli")]
pub(super) fn guards(request: &Request<'_>) -> bool {
    request.place().who_may.is_some_and(|who_may| !who_may.is_open())
}

/// Asks whether a request may read what is at another path.
#[cfg(feature = "cli")]
pub(super) fn read(request: &Request<'_>, path: &[u8]) -> Permit {
    match request.place().who_may {
        Some(who_may) if !who_may.is_open_at(path) => {
            who_may.ask(&Visitor::of(request.as_head()), path, &[request.method()])
        }
        _ => Permit::Granted,
    }
}

/// Only a configuration says who may do what.
#[cfg(not(feature = "cli"))]
impl Gate {
    pub(super) fn of(_request: &Request<'_>) -> Gate {
        Gate {}
    }

    pub(super) fn read(&self, _name: &[u8]) -> Permit {
        Permit::Granted
    }

    pub(super) fn store(&self, _name: &[u8]) -> Permit {
        Permit::Granted
    }

    pub(super) fn is_open(&self, _name: &[u8]) -> bool {
        true
    }
}

#[cfg(not(feature = "cli"))]
pub(super) fn guards(_request: &Request<'_>) -> bool {
    false
}

#[cfg(not(feature = "cli"))]
pub(super) fn read(_request: &Request<'_>, _path: &[u8]) -> Permit {
    Permit::Granted
}

/// By which methods a client that names a path stores a file there.
#[cfg(feature = "cli")]
const STORING: [Method; 2] = [Method::Put, Method::Post];
