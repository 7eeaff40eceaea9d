//! Patterns for paths: `/old/*`, `/a/*/c`, `/docs/**/index.htm`, `*.css`.
//!
//! It must never know what follows from a match.

use std::ops::Range;

/// A pattern for whole paths, or for the last name of a path if it does not begin with a slash.
///
/// `?` is any one byte but a slash, `*` any number of them, `**` any number of bytes. A `*` behind the last slash
/// stands for everything below: `/old/*` covers `/old/a/b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    /// Whether it begins with a slash.
    is_path: bool,
    tokens: Box<[Token]>,
    wildcards: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(Box<[u8]>),
    /// `?`
    One,
    /// `*`
    Name,
    /// `**`
    Rest,
}

/// A piece of a pattern.
#[cfg(feature = "cli")]
pub(crate) enum GlobPiece {
    Text(Vec<u8>),
    Name,
    Rest,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GlobError {
    /// No path holds `//`, `/./` or `/../`.
    NoPath,
    /// It has a query or a fragment.
    Query,
    /// It holds a character that other tools take for a wildcard.
    Unsupported(char),
    /// It holds a slash and does not begin with one.
    NotFromTheRoot,
    TooManyWildcards,
}

impl std::fmt::Display for GlobError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GlobError::NoPath => {
                formatter.write_str("matches nothing: no path holds \"//\", \"/./\" or \"/../\"")
            }
            GlobError::Query => formatter.write_str(
                "is compared with the path alone: leave out \"?\" and \"#\" with what follows",
            ),
            GlobError::Unsupported(character) => {
                write!(formatter, "holds {character:?}: the only wildcards are * and **")
            }
            GlobError::NotFromTheRoot => formatter.write_str("must begin with a slash"),
            GlobError::TooManyWildcards => {
                write!(formatter, "has more than {WILDCARDS_MAX} wildcards")
            }
        }
    }
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When no path could match it, or other tools read it as something else.
    pub(crate) fn new(text: &str) -> Result<Glob, GlobError> {
        let is_path = text.starts_with('/');
        if let Some(character) = text.chars().find(|it| "[]{}\\\0".contains(*it)) {
            return Err(GlobError::Unsupported(character));
        }
        if text.contains('#') || text.contains("?") && text.contains('=') {
            return Err(GlobError::Query);
        }
        if text.is_empty() || !is_path && text.contains('/') {
            return Err(GlobError::NotFromTheRoot);
        }
        if text.contains("//") || text.split('/').any(|it| matches!(it, "." | "..")) {
            return Err(GlobError::NoPath);
        }
        let tokens = tokens(text);
        let wildcards = tokens.iter().filter(|it| !matches!(it, Token::Text(_))).count();
        if wildcards > WILDCARDS_MAX {
            return Err(GlobError::TooManyWildcards);
        }
        Ok(Glob { is_path, tokens: tokens.into(), wildcards })
    }

    /// A pattern for whole paths of pieces: text, one name (`*`), any bytes (`**`).
    ///
    /// # Errors
    /// When it has too many wildcards.
    #[cfg(feature = "cli")]
    pub(crate) fn of_pieces(pieces: Vec<GlobPiece>) -> Result<Glob, GlobError> {
        let wildcards = pieces.iter().filter(|it| !matches!(it, GlobPiece::Text(_))).count();
        if wildcards > WILDCARDS_MAX {
            return Err(GlobError::TooManyWildcards);
        }
        let token = |piece| match piece {
            GlobPiece::Text(text) => Token::Text(text.into()),
            GlobPiece::Name => Token::Name,
            GlobPiece::Rest => Token::Rest,
        };
        Ok(Glob { is_path: true, tokens: pieces.into_iter().map(token).collect(), wildcards })
    }

    /// The path, if it is the only one that matches.
    pub(crate) fn as_path(&self) -> Option<&[u8]> {
        match &*self.tokens {
            [Token::Text(text)] if self.is_path => Some(text),
            _ => None,
        }
    }

    /// How many wildcards it has.
    pub(crate) fn wildcards(&self) -> usize {
        self.wildcards
    }

    /// The text before the first wildcard.
    pub(crate) fn beginning(&self) -> &[u8] {
        match self.tokens.first() {
            Some(Token::Text(text)) => text,
            _ => b"",
        }
    }

    /// Whether it may match a path that begins with this one, at the end of a name.
    pub(crate) fn may_match_below(&self, prefix: &[u8]) -> bool {
        let beginning = self.beginning();
        let common = beginning.len().min(prefix.len());
        let is_within = |path: &[u8]| matches!(path.strip_prefix(prefix), Some([] | [b'/', ..]));
        !self.is_path
            || beginning[..common] == prefix[..common] && self.as_path().is_none_or(is_within)
    }

    /// Whether it certainly matches wherever another one does.
    pub(crate) fn covers(&self, other: &Glob) -> bool {
        let takes_all_below = match &*self.tokens {
            [Token::Text(text), Token::Rest] => {
                self.is_path && other.is_path && other.beginning().starts_with(text)
            }
            _ => false,
        };
        takes_all_below || self == other
    }

    /// A path that matches: each wildcard stands for `x`.
    pub(crate) fn sample(&self) -> Vec<u8> {
        let mut path = if self.is_path { Vec::new() } else { b"/".to_vec() };
        for token in &self.tokens {
            match token {
                Token::Text(text) => path.extend_from_slice(text),
                _ => path.push(b'x'),
            }
        }
        path
    }

    /// The pattern with its wildcards filled in.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn filled(&self, path: &[u8], captures: &Captures) -> Vec<u8> {
        let start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let mut filled = if self.is_path { Vec::new() } else { path[..start].to_vec() };
        let mut number = 0;
        for token in &self.tokens {
            match token {
                Token::Text(text) => filled.extend_from_slice(text),
                _ => {
                    number += 1;
                    filled.extend_from_slice(&path[captures.get(number).expect("it has one")]);
                }
            }
        }
        filled
    }

    /// Whether a path matches.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.captures(path).is_some()
    }

    /// What the wildcards stand for, if the path matches.
    ///
    /// Every wildcard is as short as it can be. Where a later part does not fit, the last `*` grows; where it meets a
    /// slash, the last `**` does: so the time is bounded by the square of the length of the path, whatever the pattern.
    pub(crate) fn captures(&self, path: &[u8]) -> Option<Captures> {
        let start = match self.is_path {
            true => 0,
            false => path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1),
        };
        let mut captures = Captures { ends: [(0, 0); WILDCARDS_MAX], count: self.wildcards };
        let (mut token, mut at, mut wildcard) = (0, start, 0);
        let (mut name, mut rest) = (None::<Retry>, None::<Retry>);
        loop {
            let fits = match self.tokens.get(token) {
                None if at == path.len() => return Some(captures),
                None => false,
                Some(Token::Text(text)) => {
                    let fits = path[at..].starts_with(text);
                    at += if fits { text.len() } else { 0 };
                    fits
                }
                Some(Token::One) => {
                    let fits = path.get(at).is_some_and(|&byte| byte != b'/');
                    if fits {
                        captures.ends[wildcard] = (at, at + 1);
                        wildcard += 1;
                        at += 1;
                    }
                    fits
                }
                Some(kind) => {
                    let retry = Retry { token, wildcard, from: at, to: at };
                    match kind {
                        Token::Name => name = Some(retry),
                        _ => (name, rest) = (None, Some(retry)),
                    }
                    captures.ends[wildcard] = (at, at);
                    wildcard += 1;
                    // The last token takes everything that it can.
                    if token + 1 == self.tokens.len() {
                        let tail = &path[at..];
                        if matches!(kind, Token::Rest) || !tail.contains(&b'/') {
                            captures.ends[wildcard - 1] = (at, path.len());
                            return Some(captures);
                        }
                    }
                    true
                }
            };
            if fits {
                token += 1;
                continue;
            }
            let grown = match &mut name {
                Some(retry) if path.get(retry.to).is_some_and(|&byte| byte != b'/') => retry,
                _ => {
                    name = None;
                    match &mut rest {
                        Some(retry) if retry.to < path.len() => retry,
                        _ => return None,
                    }
                }
            };
            grown.to += 1;
            captures.ends[grown.wildcard] = (grown.from, grown.to);
            (token, at, wildcard) = (grown.token + 1, grown.to, grown.wildcard + 1);
        }
    }
}

/// A wildcard that can grow.
struct Retry {
    token: usize,
    wildcard: usize,
    from: usize,
    to: usize,
}

/// What the wildcards of a pattern stand for.
pub(crate) struct Captures {
    ends: [(usize, usize); WILDCARDS_MAX],
    count: usize,
}

impl Captures {
    /// Where the wildcard of this number stands in the path, counted from 1.
    pub(crate) fn get(&self, number: usize) -> Option<Range<usize>> {
        let (start, end) = *self.ends.get(number.checked_sub(1)?)?;
        (number <= self.count).then_some(start..end)
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['*', '?']).unwrap_or(rest.len());
        let (before, after) = rest.split_at(end);
        if !before.is_empty() {
            tokens.push(Token::Text(before.as_bytes().into()));
        }
        let is_below = after == "*" && before.ends_with('/');
        let (token, length) = match after.as_bytes() {
            [] => break,
            [b'*', b'*', ..] => (Token::Rest, 2),
            [b'*', ..] if is_below => (Token::Rest, 1),
            [b'*', ..] => (Token::Name, 1),
            _ => (Token::One, 1),
        };
        tokens.push(token);
        rest = &after[length..];
    }
    tokens
}

/// `$1` to `$9`.
pub(crate) const WILDCARDS_MAX: usize = 9;

#[cfg(test)]
mod tests;
