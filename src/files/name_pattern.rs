//! Patterns for the names of files: `robots.txt`, `*.tar.gz`, `/.well-known/*`.
//!
//! It must never know what follows from a match.

use super::name::last_name;
use std::fmt;

/// A pattern for the name of a file, or for its path if it begins with a slash.
///
/// `?` is any one character of a name, `*` any number of them, `**` any number that may include
/// slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern {
    text: String,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamePatternError {
    Empty,
    /// It holds a slash but does not begin with one.
    NotFromTheRoot,
    /// It ends with a slash.
    Directory,
    /// It holds `//`, `/./` or `/../`.
    NoPath,
    /// It holds a character that other tools take for a wildcard.
    Unsupported(char),
}

impl fmt::Display for NamePatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamePatternError::Empty => formatter.write_str("is empty"),
            NamePatternError::NotFromTheRoot => {
                formatter.write_str("holds a slash: a pattern for a path begins with one")
            }
            NamePatternError::Directory => formatter
                .write_str("ends with a slash: end it with /* for the files in a directory"),
            NamePatternError::NoPath => {
                formatter.write_str("matches nothing: no path holds \"//\", \"/./\" or \"/../\"")
            }
            NamePatternError::Unsupported(character) => {
                write!(formatter, "holds {character:?}: the only wildcards are *, ** and ?")
            }
        }
    }
}

impl std::error::Error for NamePatternError {}

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When no file could match it, or other tools read it as something else.
    pub(crate) fn new(text: &str) -> Result<NamePattern, NamePatternError> {
        let from_root = text.strip_prefix('/');
        if text.is_empty() || text == "/" {
            Err(NamePatternError::Empty)
        } else if let Some(character) = text.chars().find(|it| "[]{}\\\0".contains(*it)) {
            Err(NamePatternError::Unsupported(character))
        } else if from_root.is_none() && text.contains('/') {
            Err(NamePatternError::NotFromTheRoot)
        } else if text.ends_with('/') {
            Err(NamePatternError::Directory)
        } else if from_root.unwrap_or(text).split('/').any(|it| matches!(it, "" | "." | "..")) {
            Err(NamePatternError::NoPath)
        } else {
            Ok(NamePattern { text: text.to_owned() })
        }
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a file matches, by its path beneath the root without a leading slash.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        match self.text.strip_prefix('/') {
            Some(pattern) => matches(pattern.as_bytes(), path),
            None => matches(self.text.as_bytes(), last_name(path)),
        }
    }
}

/// The time is proportional to the product of both lengths, whatever the pattern.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Which beginnings of the text, by length, match the pattern so far.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut rest = pattern;
    while let Some((&wildcard, after)) = rest.split_first() {
        rest = after;
        if wildcard == b'*' {
            let crosses = rest.first() == Some(&b'*');
            rest = rest.strip_prefix(b"*").unwrap_or(rest);
            for at in 1..=text.len() {
                reached[at] |= reached[at - 1] && (crosses || text[at - 1] != b'/');
            }
        } else {
            for at in (1..=text.len()).rev() {
                let byte = text[at - 1];
                let fits = if wildcard == b'?' { byte != b'/' } else { byte == wildcard };
                reached[at] = reached[at - 1] && fits;
            }
            reached[0] = false;
        }
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_names_or_from_the_root_paths() {
        for (pattern, path, is_match) in [
            ("LICENSE", "LICENSE", true),
            ("LICENSE", "a/LICENSE", true),
            ("LICENSE", "LICENSE.txt", false),
            ("*.tar.gz", "a/b.tar.gz", true),
            ("*.tar.gz", "b.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("/.well-known/*", ".well-known/apple-app-site-association", true),
            ("/.well-known/*", ".well-known/a/b", false),
            ("/.well-known/**", ".well-known/a/b", true),
            ("/.well-known/*", "a/.well-known/b", false),
            ("/a/*/c", "a/b/c", true),
            ("/a/*/c", "a/b/b/c", false),
            ("/a/**/c", "a/b/b/c", true),
            ("/a*", "a", true),
            ("*", "", true),
            ("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            let pattern = NamePattern::new(pattern).expect("it is one");
            assert_eq!(pattern.matches(path.as_bytes()), is_match, "{pattern:?} {path}");
        }
    }

    #[test]
    fn what_matches_nothing_is_no_pattern() {
        for (text, error) in [
            ("", NamePatternError::Empty),
            ("/", NamePatternError::Empty),
            ("a/b", NamePatternError::NotFromTheRoot),
            ("/a/", NamePatternError::Directory),
            ("/a//b", NamePatternError::NoPath),
            ("/../b", NamePatternError::NoPath),
            ("/a/[bc]", NamePatternError::Unsupported('[')),
            ("*.{a,b}", NamePatternError::Unsupported('{')),
            ("a\\*", NamePatternError::Unsupported('\\')),
        ] {
            assert_eq!(NamePattern::new(text), Err(error), "{text}");
        }
    }
}
