//! The paths of a rule: `/blog/*`, `/users/:id/photo`.
//!
//! It must never know what the rule does.

use crate::site::rules::glob::{Captures, Glob, GlobPiece};
use percent_encoding::percent_decode_str;
use std::ops::Range;

/// Paths with at most one `*`, which is called `splat`, and placeholders, each within a segment.
#[derive(Debug)]
pub(super) struct PathPattern {
    glob: Glob,
    /// What each wildcard is called, in their order.
    names: Vec<String>,
}

impl PathPattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<PathPattern, String> {
        if text.contains("://") {
            return Err("rules for whole URLs are not supported; write the path".to_owned());
        }
        if !text.starts_with('/') {
            return Err(format!("{text:?} must begin with a slash"));
        }
        if text.contains(['?', '#']) {
            return Err(format!("{text:?} is compared with the path alone: leave the query out"));
        }
        let mut pattern = Pieces::default();
        let mut rest = text;
        while let Some(at) = rest.find(['*', ':']) {
            let (before, after) = rest.split_at(at);
            pattern.text(before);
            rest = match after.strip_prefix('*') {
                Some(after) => {
                    pattern.wildcard("splat", GlobPiece::Rest)?;
                    after
                }
                None => match placeholder(after) {
                    "" => {
                        pattern.text(":");
                        &after[1..]
                    }
                    name => {
                        pattern.wildcard(name, GlobPiece::Name)?;
                        &after[1 + name.len()..]
                    }
                },
            };
        }
        pattern.text(rest);
        pattern.finish()
    }

    /// The path, if it is the only one that matches.
    pub(super) fn as_path(&self) -> Option<&[u8]> {
        self.glob.as_path()
    }

    /// The text before the first wildcard.
    pub(super) fn beginning(&self) -> &[u8] {
        self.glob.beginning()
    }

    /// A path that matches.
    pub(super) fn sample(&self) -> Vec<u8> {
        self.glob.sample()
    }

    /// What its wildcards are called, in their order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What the wildcards stand for, if the path matches. A placeholder stands for a byte at least.
    pub(super) fn captures(&self, path: &[u8]) -> Option<Captures> {
        let captures = self.glob.captures(path)?;
        let is_filled = |(place, name): (usize, &String)| {
            name == "splat"
                || captures.get(place + 1).is_some_and(|it: Range<usize>| !it.is_empty())
        };
        self.names.iter().enumerate().all(is_filled).then_some(captures)
    }
}

/// The name of a placeholder at the beginning of a text, after its colon; empty if there is none.
pub(super) fn placeholder(text: &str) -> &str {
    let name = text.strip_prefix(':').unwrap_or_default();
    if !name.starts_with(|it: char| it.is_ascii_alphabetic()) {
        return "";
    }
    let is_end = |it: char| !it.is_ascii_alphanumeric() && it != '_';
    &name[..name.find(is_end).unwrap_or(name.len())]
}

#[derive(Default)]
struct Pieces {
    pieces: Vec<GlobPiece>,
    names: Vec<String>,
}

impl Pieces {
    fn text(&mut self, text: &str) {
        let decoded = percent_decode_str(text);
        match self.pieces.last_mut() {
            Some(GlobPiece::Text(last)) => last.extend(decoded),
            _ if text.is_empty() => {}
            _ => self.pieces.push(GlobPiece::Text(decoded.collect())),
        }
    }

    fn wildcard(&mut self, name: &str, piece: GlobPiece) -> Result<(), String> {
        if !matches!(self.pieces.last(), Some(GlobPiece::Text(_))) {
            return Err("two wildcards stand side by side".to_owned());
        }
        if self.names.iter().any(|it| it == name) {
            return Err(match piece {
                GlobPiece::Rest => "there is more than one \"*\"".to_owned(),
                _ => format!("there are two placeholders :{name}"),
            });
        }
        self.names.push(name.to_owned());
        self.pieces.push(piece);
        Ok(())
    }

    fn finish(self) -> Result<PathPattern, String> {
        let is_possible = self.pieces.iter().all(|piece| match piece {
            GlobPiece::Text(text) => {
                let mut names = text.split(|&byte| byte == b'/');
                !text.contains(&0)
                    && !text.windows(2).any(|two| two == b"//")
                    && !names.any(|name| matches!(name, b"." | b".."))
            }
            _ => true,
        });
        if !is_possible {
            return Err("no path holds \"//\", \"/./\" or \"/../\"".to_owned());
        }
        let glob = Glob::of_pieces(self.pieces).map_err(|error| format!("its path {error}"))?;
        Ok(PathPattern { glob, names: self.names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, path: &str) -> Option<Vec<String>> {
        let pattern = PathPattern::parse(pattern).expect("it is one");
        let captures = pattern.captures(path.as_bytes())?;
        Some((1..).map_while(|it| captures.get(it)).map(|it| path[it].to_owned()).collect())
    }

    #[test]
    fn splats_and_placeholders_stand_for_what_is_there() {
        for (pattern, path, expected) in [
            ("/a", "/a", Some(&[][..])),
            ("/a", "/a/", None),
            ("/a%20b", "/a b", Some(&[])),
            ("/news/*", "/news/2026/1", Some(&["2026/1"])),
            ("/news/*", "/news/", Some(&[""])),
            ("/news/*", "/news", None),
            ("/*", "/", Some(&[""])),
            ("/users/:id/photo", "/users/7/photo", Some(&["7"])),
            ("/users/:id/photo", "/users/7/8/photo", None),
            ("/users/:id", "/users/", None),
            ("/:year/:month/*", "/2026/11/a/b", Some(&["2026", "11", "a/b"])),
            ("/p-:id.html", "/p-12.html", Some(&["12"])),
            ("/a:8080", "/a:8080", Some(&[])),
            ("/*.php", "/a/b.php", Some(&["a/b"])),
        ] {
            let found = captured(pattern, path);
            let found = found.as_ref().map(|it| it.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_a_reason() {
        for (text, why) in [
            ("a", "begin with a slash"),
            ("https://example.org/*", "whole URLs"),
            ("/a?b=c", "query"),
            ("/*/*", "more than one"),
            ("/:a/:a", "two placeholders :a"),
            ("/:a*", "side by side"),
            ("/a//b", "no path holds"),
            ("/%2e%2e/b", "no path holds"),
            ("/a%00", "no path holds"),
            ("/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j", "more than 9"),
        ] {
            let error = PathPattern::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
