//! Paths with names in them: `/users/{id}`, `/files/{*path}`.
//!
//! It must never know what is found there.

use std::cmp::Reverse;

/// The paths of a location, ready to be compared with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As it was written; a prefix without its last slash.
    written: Vec<u8>,
    /// As people see it: as it was written, with its last slash.
    shown: Vec<u8>,
    /// Whether it covers the path alone, and nothing below it.
    is_exact: bool,
    /// What stands between the slashes. Only if there are names in it.
    segments: Option<Box<[Segment]>>,
}

/// What stands between two slashes.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(Vec<u8>),
    /// `{name}`: one segment that is not empty.
    One(String),
    /// `{*name}`: the rest of the path, which is not empty.
    Rest(String),
}

/// In which order patterns are tried, the first first: exact ones, those with more segments, those with text where
/// others have a name, those that end in a rest before prefixes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precedence {
    is_open: bool,
    segments: Reverse<usize>,
    names: Vec<bool>,
    is_prefix: bool,
}

impl Pattern {
    /// A path in which nothing is a name.
    pub(crate) fn literal(path: &[u8], is_exact: bool) -> Pattern {
        Pattern { written: path.to_vec(), shown: path.to_vec(), is_exact, segments: None }
    }

    /// The same, written with what was left out at its end.
    pub(super) fn shown_as(self, whole: &[u8]) -> Pattern {
        Pattern { shown: whole.to_vec(), ..self }
    }

    /// A path that may have names in braces.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(path: &[u8], is_exact: bool) -> Result<Pattern, &'static str> {
        let mut pattern = Pattern::literal(path, is_exact);
        if !path.is_empty() && !path.starts_with(b"/") {
            return Err("it has to begin with a slash");
        }
        if let Some(advice) = path.split(|&byte| byte == b'/').find_map(elsewhere_a_name) {
            return Err(advice);
        }
        if !path.iter().any(|byte| matches!(byte, b'{' | b'}')) {
            return Ok(pattern);
        }
        let rest = path.strip_prefix(b"/").unwrap_or_default();
        let mut segments: Vec<Segment> = Vec::new();
        for text in rest.split(|&byte| byte == b'/') {
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err("{*…} stands for the rest of the path, so nothing can follow it");
            }
            let segment = segment(text)?;
            if segment.name().is_some_and(|name| segments.iter().any(|it| it.name() == Some(name)))
            {
                return Err("two of its names are equal");
            }
            segments.push(segment);
        }
        pattern.segments = Some(segments.into());
        Ok(pattern)
    }

    /// As it was written, with its last slash.
    pub(crate) fn shown(&self) -> &[u8] {
        &self.shown
    }

    /// As it was written; a prefix without its last slash.
    pub(crate) fn written(&self) -> &[u8] {
        &self.written
    }

    /// How many bytes at the beginning of the path it covers, or `None` if the path is not one of its paths.
    #[inline]
    pub(crate) fn covers(&self, path: &[u8]) -> Option<usize> {
        if self.segments.is_some() {
            return self.walk(path, |_, _| {});
        }
        if self.is_exact {
            return (path == self.written).then_some(path.len());
        }
        // A prefix ends where a segment ends: `/a` covers `/a` and `/a/b`, not `/ab`.
        let rest = path.strip_prefix(&self.written[..])?;
        matches!(rest, [] | [b'/', ..]).then_some(self.written.len())
    }

    /// What stands where it has this name.
    pub(crate) fn parameter<'p>(&self, path: &'p [u8], name: &str) -> Option<&'p [u8]> {
        let mut found = None;
        self.walk(path, |segment, value| {
            if segment.name() == Some(name) {
                found = Some(value);
            }
        })?;
        found
    }

    /// Walks along a path, and returns how much of it is covered if it is one of its paths.
    fn walk<'p>(&self, path: &'p [u8], mut see: impl FnMut(&Segment, &'p [u8])) -> Option<usize> {
        let mut at = 0;
        for segment in self.segments.iter().flatten() {
            let rest = path.get(at..)?.strip_prefix(b"/")?;
            let length = match segment {
                Segment::Rest(_) => rest.len(),
                _ => rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len()),
            };
            let value = &rest[..length];
            let fits = match segment {
                Segment::Literal(text) => text == value,
                Segment::One(_) | Segment::Rest(_) => !value.is_empty(),
            };
            if !fits {
                return None;
            }
            see(segment, value);
            at += 1 + length;
        }
        let is_covered = match self.is_exact {
            true => at == path.len(),
            false => matches!(path.get(at..)?, [] | [b'/', ..]),
        };
        is_covered.then_some(at)
    }

    /// Whether both have the same paths.
    pub(crate) fn covers_the_same_as(&self, other: &Pattern) -> bool {
        let names = match (&self.segments, &other.segments) {
            (Some(ours), Some(theirs)) => {
                return self.is_exact == other.is_exact
                    && ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(one, other)| one.fits_the_same_as(other));
            }
            (ours, theirs) => ours.is_some() || theirs.is_some(),
        };
        !names && self.is_exact == other.is_exact && self.written == other.written
    }

    /// Its place among other patterns.
    pub(crate) fn precedence(&self) -> Precedence {
        let (mut names, mut has_rest) = (Vec::new(), false);
        for segment in self.segments.iter().flatten() {
            has_rest |= matches!(segment, Segment::Rest(_));
            names.push(!matches!(segment, Segment::Literal(_)));
        }
        if self.segments.is_none() {
            let slashes = self.written.iter().filter(|&&byte| byte == b'/').count();
            names.resize(slashes, false);
        }
        Precedence {
            is_open: !self.is_exact || has_rest,
            segments: Reverse(names.len()),
            names,
            is_prefix: !self.is_exact,
        }
    }
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Segment::Literal(_) => None,
            Segment::One(name) | Segment::Rest(name) => Some(name),
        }
    }

    fn fits_the_same_as(&self, other: &Segment) -> bool {
        match (self, other) {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            (Segment::One(_), Segment::One(_)) | (Segment::Rest(_), Segment::Rest(_)) => true,
            _ => false,
        }
    }
}

/// What to write instead of a segment that is a name or a rest elsewhere, and would be text here that no client sends.
fn elsewhere_a_name(segment: &[u8]) -> Option<&'static str> {
    match segment {
        [b':', _, ..] => {
            Some("write {name} instead of :name; Location::literal takes a colon as it is")
        }
        [b'<', .., b'>'] => Some("write {name} instead of <name>"),
        [b'*', ..] => Some(
            "write {*name} for the rest of a path; Site::at with the path before it has everything below, too; \
             Location::literal takes a star as it is",
        ),
        _ => None,
    }
}

fn segment(text: &[u8]) -> Result<Segment, &'static str> {
    let Some(name) = text.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"}")) else {
        return match text.iter().any(|byte| matches!(byte, b'{' | b'}')) {
            true => Err("a name in braces has to stand alone between two slashes"),
            false => Ok(Segment::Literal(text.to_vec())),
        };
    };
    let (name, is_rest) = match name.strip_prefix(b"*") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let is_name =
        !name.is_empty() && name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !is_name {
        return Err("a name in braces consists of letters, digits and underscores");
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(if is_rest { Segment::Rest(name) } else { Segment::One(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(path: &str) -> Pattern {
        Pattern::parse(path.as_bytes(), true).expect("it is sound")
    }

    fn prefix(path: &str) -> Pattern {
        Pattern::parse(path.as_bytes(), false).expect("it is sound")
    }

    #[test]
    fn a_name_stands_for_one_segment_that_is_not_empty() {
        let pattern = exact("/users/{id}/notes/{note}");
        let path = b"/users/7/notes/a b";
        assert_eq!(pattern.covers(path), Some(path.len()));
        assert_eq!(pattern.parameter(path, "id"), Some(&b"7"[..]));
        assert_eq!(pattern.parameter(path, "note"), Some(&b"a b"[..]));
        assert_eq!(pattern.parameter(path, "users"), None);
        for other in ["/users/7/notes", "/users//notes/1", "/users/7/notes/1/", "/users/7/x/1", ""]
        {
            assert_eq!(pattern.covers(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_with_names_covers_what_is_below_it() {
        let pattern = prefix("/users/{id}");
        assert_eq!(pattern.covers(b"/users/7"), Some(8));
        assert_eq!(pattern.covers(b"/users/7/notes"), Some(8));
        assert_eq!(pattern.parameter(b"/users/7/notes", "id"), Some(&b"7"[..]));
        assert_eq!(pattern.covers(b"/users/"), None);
    }

    #[test]
    fn a_rest_is_everything_that_follows() {
        let pattern = exact("/files/{*path}");
        assert_eq!(pattern.parameter(b"/files/a/b/", "path"), Some(&b"a/b/"[..]));
        assert_eq!(pattern.covers(b"/files/"), None);
        assert_eq!(pattern.covers(b"/files"), None);
    }

    #[test]
    fn what_says_more_comes_first() {
        let order = [
            exact("/users/me"),
            exact("/users/{id}"),
            exact("/{kind}/me"),
            exact("/{page}"),
            prefix("/users/{id}/x"),
            prefix("/users/me"),
            exact("/users/{*rest}"),
            prefix("/users/{id}"),
            prefix("/users"),
            exact("/{*rest}"),
            prefix(""),
        ];
        for (place, pattern) in order.iter().enumerate() {
            for later in &order[place + 1..] {
                assert!(pattern.precedence() < later.precedence(), "{pattern:?} {later:?}");
            }
        }
    }

    #[test]
    fn patterns_that_differ_in_names_only_are_the_same() {
        assert!(exact("/a/{b}").covers_the_same_as(&exact("/a/{c}")));
        assert!(!exact("/a/{b}").covers_the_same_as(&prefix("/a/{b}")));
        assert!(!exact("/a/{b}").covers_the_same_as(&exact("/a/{*b}")));
        assert!(!exact("/a/{b}").covers_the_same_as(&exact("/a/b")));
        assert!(exact("/a").covers_the_same_as(&exact("/a")));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for path in [
            "/{}",
            "/a{b}",
            "/{b}a",
            "/{a/b}",
            "/{*a}/b",
            "/{a}/{a}",
            "{a}",
            "/{a-b}",
            "/}",
            "/{{a}}",
            "a",
            "users/{id}",
            "/users/:id",
            "/:id/notes",
            "/<id>",
            "/<int:id>/x",
            "/files/*",
            "/files/*path",
            "/{path:.*}",
        ] {
            assert!(Pattern::parse(path.as_bytes(), true).is_err(), "{path}");
        }
        for path in ["", "/", "/a:b", "/:", "/a*", "/<", "/a<b>", "/a/", "//"] {
            assert!(Pattern::parse(path.as_bytes(), true).is_ok(), "{path}");
        }
        assert!(Pattern::literal(b"/:a/*", true).covers(b"/:a/*").is_some());
    }
}
