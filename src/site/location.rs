//! The paths that a handler serves, as a program or a configuration writes them.

use super::pattern::Pattern;
use std::fmt;

/// The paths that a handler serves: a path and everything below it, for which the text alone will do, or one path
/// ([`Location::exact`]).
///
/// A segment `{name}` stands for any one segment, and `{*name}` at the end for the rest of the path:
/// [`Request::parameter`](crate::Request::parameter) says what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    path: Vec<u8>,
    /// Whether it covers the path alone, and nothing below it.
    is_exact: bool,
    /// Whether braces are braces.
    is_literal: bool,
}

impl Location {
    /// A path and everything below it.
    pub fn prefix(path: &str) -> Location {
        Location { path: path.as_bytes().to_vec(), is_exact: false, is_literal: false }
    }

    /// A path alone, and nothing below it, like nginx's `location = /path`.
    pub fn exact(path: &str) -> Location {
        Location { path: path.as_bytes().to_vec(), is_exact: true, is_literal: false }
    }

    /// The same without names: each character stands for itself, such as a brace, a star or a colon.
    ///
    /// ```
    /// use httpd::{Location, Request, Site, inline};
    /// let site = Site::new().at(Location::exact("/:batch").literal(), inline(|_| "done\n"));
    /// assert_eq!(site.handle(Request::get("/:batch")).into_text()?, "done\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn literal(self) -> Location {
        Location { is_literal: true, ..self }
    }

    /// The paths that it stands for.
    ///
    /// # Errors
    /// What is wrong with its path.
    pub(super) fn pattern(&self) -> Result<Pattern, &'static str> {
        // Without its last slash, a prefix is a beginning of itself, and the root is empty.
        let end = match self.is_exact {
            true => self.path.len(),
            false => self.path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1),
        };
        let pattern = match self.is_literal {
            true => Pattern::literal(&self.path[..end], self.is_exact),
            false => Pattern::parse(&self.path[..end], self.is_exact)?,
        };
        Ok(pattern.shown_as(&self.path))
    }
}

impl From<&str> for Location {
    fn from(prefix: &str) -> Location {
        Location::prefix(prefix)
    }
}

impl From<&String> for Location {
    fn from(prefix: &String) -> Location {
        Location::prefix(prefix)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.path))
    }
}
