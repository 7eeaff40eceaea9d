//! A request that is answered as one for another path. It must never know which rule led there.

use crate::http::target::Target;
use crate::http::{Method, RequestHead, Scheme, Status};
use percent_encoding::percent_decode;

/// What is at a path: a location, and how much of the path it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only a configuration says who may")
    )]
    pub(super) location: Option<u32>,
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only a configuration says who may")
    )]
    pub(super) prefix_bytes: usize,
}

/// What a site and a handler tell each other of a request that is led elsewhere.
#[derive(Default)]
pub(crate) struct Leading {
    /// The status of the file to send, if it is the page of an error.
    pub(super) status: Option<Status>,
    /// Where the request is to be answered instead. The answer of the handler does not count then.
    pub(super) elsewhere: Option<Box<Elsewhere>>,
}

/// Where a request was led.
#[derive(Clone, Debug)]
pub(crate) struct Rewritten {
    to: Elsewhere,
    /// What the client asked for, and what that led to if it was led on: at most four, because a configuration and a
    /// file each lead on once, and each may lead to a directory.
    asked: Vec<Asked>,
}

/// A place that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) spot: Spot,
    pub(super) path: Vec<u8>,
}

/// What a request is answered as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Decoded and normalised, as that of a request.
    path: Vec<u8>,
    raw_path: Vec<u8>,
    query: Option<Vec<u8>>,
    /// The status of the response, if it is an error whose page is there.
    status: Option<Status>,
    /// Whether a file in the root has led there.
    by_file: bool,
    /// Where in the configuration the rule was written that has.
    written_at: Option<usize>,
}

impl Elsewhere {
    /// The path and query of a target. `None`: a part of the request has made it lead to another place than the rule
    /// says, because it is `.` or `..` there.
    pub(crate) fn new(target: &[u8]) -> Option<Elsewhere> {
        let end = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
        let decoded: Vec<u8> = percent_decode(&target[..end]).collect();
        let is_odd = |name: &[u8]| matches!(name, b"." | b"..");
        if !target.starts_with(b"/") || decoded.split(|&byte| byte == b'/').any(is_odd) {
            return None;
        }
        let parsed = Target::parse(Method::Get, target, Scheme::Http).ok()?;
        Some(Elsewhere {
            path: parsed.path.into_owned(),
            raw_path: parsed.raw_path.to_vec(),
            query: parsed.query.map(<[u8]>::to_vec),
            status: None,
            by_file: false,
            written_at: None,
        })
    }

    /// The path, decoded and normalised.
    #[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The same, where the rule that leads there was written here in the configuration.
    pub(super) fn by_rule(self, written_at: usize) -> Elsewhere {
        Elsewhere { written_at: Some(written_at), ..self }
    }

    /// The same from a file in the root, with this status if it is an error.
    #[cfg(feature = "cli")]
    pub(super) fn by_file(self, status: Option<Status>) -> Elsewhere {
        Elsewhere { by_file: true, status, ..self }
    }
}

impl Rewritten {
    pub(super) fn new(to: Elsewhere, asked: Vec<Asked>) -> Rewritten {
        Rewritten { to, asked }
    }

    /// What was asked for on the way, and the path that is served.
    pub(super) fn into_asked(self) -> (Vec<Asked>, Vec<u8>) {
        (self.asked, self.to.path)
    }

    /// The path that is served.
    pub(super) fn path(&self) -> &[u8] {
        &self.to.path
    }

    /// The path that the client asked for.
    pub(super) fn asked_path(&self) -> &[u8] {
        self.asked.first().map_or(&self.to.path, |asked| &asked.path)
    }

    /// The places that were asked for on the way, the client's first.
    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The status of the response, if it is an error whose page is there.
    pub(super) fn status(&self) -> Option<Status> {
        self.to.status
    }

    /// Whether a file in a root has led there. It happens once.
    #[cfg(feature = "cli")]
    pub(super) fn is_by_file(&self) -> bool {
        self.to.by_file
    }

    /// The same for the path with a slash behind it.
    pub(super) fn with_slash(&self) -> Elsewhere {
        let with = |path: &[u8]| [path, b"/"].concat();
        let (path, raw_path) = (with(&self.to.path), with(&self.to.raw_path));
        Elsewhere { path, raw_path, ..self.to.clone() }
    }

    /// Where in the configuration the rule was written that has led there, if it was the last to do so.
    pub(super) fn written_at(&self) -> Option<usize> {
        self.to.written_at
    }

    /// The request as it is answered.
    pub(super) fn head<'r>(&'r self, head: &'r RequestHead<'_>) -> RequestHead<'r> {
        head.elsewhere(&self.to.path, &self.to.raw_path, self.to.query.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_as_that_of_a_request() {
        let of = |target: &str| {
            let it = Elsewhere::new(target.as_bytes())?;
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
            Some((text(it.path), it.query.map(text)))
        };
        let some =
            |path: &str, query: Option<&str>| Some((path.to_owned(), query.map(str::to_owned)));
        assert_eq!(of("/a%20b?c=d"), some("/a b", Some("c=d")));
        assert_eq!(of("/a//b/"), some("/a/b/", None));
        assert_eq!(of("/?"), some("/", Some("")));
        for odd in ["", "a", "/a/..", "/a/../b", "/./a", "/a/%2e%2E/b", "/a%00b", "/a/.%2e", "/a#b"]
        {
            assert_eq!(of(odd), None, "{odd}");
        }
    }
}
