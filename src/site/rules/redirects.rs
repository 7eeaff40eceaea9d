//! Redirects, as an operator lists them: the first that matches decides.
//!
//! It must never know how they were written.

use super::glob::Glob;
use super::seen::{Seen, path_of};
use super::target::Target;
use crate::http::Status;
use crate::site::Response;
use crate::site::redirect_page::page;
use std::collections::HashMap;

/// The redirects of one scope, in the order written.
#[derive(Debug, Default)]
pub(crate) struct Redirects {
    all: Vec<Redirect>,
    /// Those from one path alone, so that thousands of them cost what one costs.
    exact: HashMap<Box<[u8]>, usize>,
    /// The others.
    matching: Vec<usize>,
}

/// One redirect.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) from: Source,
    /// `None`: what was here is gone.
    pub(crate) to: Option<Target>,
    pub(crate) status: Status,
    /// Where in the configuration it was written.
    pub(crate) written_at: usize,
}

/// Which paths are redirected.
#[derive(Debug)]
pub(crate) enum Source {
    Glob(Glob),
    #[cfg(feature = "cli")]
    Regex(regex::bytes::Regex),
}

impl Source {
    /// How many parts it captures.
    pub(crate) fn captures(&self) -> usize {
        match self {
            Source::Glob(glob) => glob.wildcards(),
            #[cfg(feature = "cli")]
            Source::Regex(regex) => regex.captures_len() - 1,
        }
    }
}

impl Redirects {
    /// Adds one behind the others.
    ///
    /// # Errors
    /// Where an earlier one was written that has its path, so that this one could never match.
    pub(crate) fn push(&mut self, redirect: Redirect) -> Result<(), usize> {
        let place = self.all.len();
        let path = match &redirect.from {
            Source::Glob(glob) => glob.as_path(),
            #[cfg(feature = "cli")]
            Source::Regex(_) => None,
        };
        match path {
            Some(path) => {
                if let Some(&earlier) = self.exact.get(path) {
                    return Err(self.all[earlier].written_at);
                }
                self.exact.insert(path.into(), place);
            }
            None => self.matching.push(place),
        }
        self.all.push(redirect);
        Ok(())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Redirect> {
        self.all.iter()
    }

    /// What becomes of a request that is redirected.
    pub(crate) fn decide(&self, seen: &Seen<'_>) -> Option<Decided> {
        self.find(seen).map(|(_, decided)| decided)
    }

    /// The same, and by which redirect.
    pub(crate) fn find(&self, seen: &Seen<'_>) -> Option<(&Redirect, Decided)> {
        let exact = self.exact.get(seen.path).copied();
        let mut matching = self.matching.iter().copied().peekable();
        let mut exact = exact.into_iter().peekable();
        loop {
            let next = match (exact.peek(), matching.peek()) {
                (Some(one), Some(other)) if one < other => exact.next(),
                (Some(_), None) => exact.next(),
                _ => matching.next(),
            }?;
            if let Some(decided) = self.all[next].decide(seen) {
                return Some((&self.all[next], decided));
            }
        }
    }
}

/// What a redirect makes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) status: Status,
    pub(crate) location: Option<Vec<u8>>,
}

impl Decided {
    /// As a response, with a page for clients that do not follow it (RFC 9110 §15.4).
    pub(crate) fn into_response(self) -> Response {
        let Some(location) = self.location else {
            return Response::new(self.status);
        };
        let sentence = match self.status {
            Status::MOVED_PERMANENTLY | Status::PERMANENT_REDIRECT => "This is now at",
            _ => "This is at",
        };
        Response::html(page(self.status.reason(), sentence, &location))
            .status(self.status)
            .header("Location", location)
    }
}

impl Redirect {
    /// What becomes of a request, if it is redirected by this one.
    pub(super) fn decide(&self, seen: &Seen<'_>) -> Option<Decided> {
        match &self.from {
            Source::Glob(glob) => {
                let captures = glob.captures(seen.path)?;
                self.to(seen, &|number| captures.get(number).map_or(&[], |it| &seen.path[it]))
            }
            #[cfg(feature = "cli")]
            Source::Regex(regex) => {
                // The captures are looked for only where the path matches at all.
                if !regex.is_match(seen.path) {
                    return None;
                }
                let captures = regex.captures(seen.path)?;
                self.to(seen, &|number| captures.get(number).map_or(&[], |it| it.as_bytes()))
            }
        }
    }

    fn to<'c>(&self, seen: &Seen<'_>, capture: &dyn Fn(usize) -> &'c [u8]) -> Option<Decided> {
        let status = self.status;
        let Some(target) = &self.to else {
            return Some(Decided { status, location: None });
        };
        if seen.host.is_empty() && target.needs_host() {
            // A client of HTTP/1.0 that names no host.
            return Some(Decided { status: Status::BAD_REQUEST, location: None });
        }
        Some(Decided { status, location: Some(target.of(seen, capture)?) })
    }

    /// A path that it may redirect, to find out whether it leads round in a circle. A regular expression has none; then
    /// it is a path that it leads to.
    pub(crate) fn sample(&self) -> Option<Vec<u8>> {
        match &self.from {
            Source::Glob(glob) => Some(glob.sample()),
            #[cfg(feature = "cli")]
            Source::Regex(_) => {
                let seen = Seen { path: b"/x", ..Seen::default() };
                let location = self.to.as_ref()?.of(&seen, &|_| b"x")?;
                path_of(&location, &seen)
            }
        }
    }
}
