//! A request, as a line of the log names it.

use super::{Method, RequestHead};
use std::fmt;

/// Method and path of a request.
#[derive(Debug)]
pub(crate) struct RequestName {
    pub(crate) method: Method,
    pub(crate) path: Box<[u8]>,
}

impl RequestName {
    /// The name of a request. Its query, which may hold secrets, is left out.
    pub(crate) fn of(request: &RequestHead<'_>) -> RequestName {
        let path = request.raw_path;
        RequestName { method: request.method, path: path[..path.len().min(PATH_BYTES_MAX)].into() }
    }
}

impl fmt::Display for RequestName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path.escape_ascii())?;
        if self.path.len() == PATH_BYTES_MAX { formatter.write_str("…") } else { Ok(()) }
    }
}

/// How much of a path a line of the log shows.
const PATH_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> RequestName {
        RequestName { method: Method::Get, path: path.as_bytes().into() }
    }

    #[test]
    fn a_name_shows_no_control_characters_and_not_all_of_a_long_path() {
        assert_eq!(named("/a\n\u{1b}").to_string(), "GET /a\\n\\x1b");
        let long = named(&"/".repeat(PATH_BYTES_MAX));
        assert_eq!(long.to_string().chars().count(), "GET ".len() + PATH_BYTES_MAX + 1);
    }
}
