//! Where a redirect leads: a template such as `/new/$1` or `https://$host$path`.
//!
//! It must never know which requests are redirected. What it makes of a request can neither end a header nor name
//! another host than the template does.

use super::seen::Seen;
use crate::http::authority::check_authority;
use crate::http::target::encode_path;
use crate::http::{Scheme, percent};
use std::fmt;

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    origin: Option<Origin>,
    path: Box<[Piece]>,
    query: Option<Box<[Piece]>>,
    /// With its `#`.
    fragment: Box<[u8]>,
}

/// The part of a URL before its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    /// `None`: that of the request.
    scheme: Option<Scheme>,
    authority: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<[u8]>),
    Capture(usize),
    Path,
    Query,
    Host,
    Scheme,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// It is neither a path nor a URL.
    NoTarget,
    /// It begins with `//`, which is another host to a browser.
    TwoSlashes,
    /// A variable stands where it could change the host.
    InHost(String),
    BadHost(String),
    UnknownVariables(Vec<String>),
    /// It uses a capture that its pattern does not have.
    NoCapture {
        used: usize,
        has: usize,
    },
    Control,
}

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetError::NoTarget => formatter.write_str(
                "must be a path such as \"/new\" or a URL such as \"https://example.org/new\"",
            ),
            TargetError::TwoSlashes => formatter.write_str(
                "must not begin with \"//\", which is another host to a browser: write the URL with its scheme",
            ),
            TargetError::InHost(variable) => write!(
                formatter,
                "has {variable} in the host, so that a client could choose the host: write a slash before it"
            ),
            TargetError::BadHost(host) => write!(formatter, "has no host to go to: {host:?}"),
            TargetError::UnknownVariables(names) => {
                let s = if names.len() == 1 { "" } else { "s" };
                let all: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                write!(
                    formatter,
                    "has the unknown variable{s} {}; there are $1 to $9, $host, $scheme, $path and $query ($$ is a dollar sign)",
                    all.join(", ")
                )?;
                match names.iter().any(|it| it == "$request_uri") {
                    true => formatter.write_str("; for $request_uri write $path, for the query is kept"),
                    false => Ok(()),
                }
            }
            TargetError::NoCapture { used, has: 0 } => {
                write!(formatter, "uses ${used}, but its pattern has nothing to capture")
            }
            TargetError::NoCapture { used, has } => {
                write!(formatter, "uses ${used}, but its pattern captures only $1 to ${has}")
            }
            TargetError::Control => formatter.write_str("must not contain control characters"),
        }
    }
}

impl Target {
    /// Reads a template for a pattern with so many captures.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(text: &str, captures: usize) -> Result<Target, TargetError> {
        if text.chars().any(char::is_control) {
            return Err(TargetError::Control);
        }
        if text.starts_with("//") || text.starts_with("/\\") {
            return Err(TargetError::TwoSlashes);
        }
        let unknown = unknown_variables(text);
        if !unknown.is_empty() {
            return Err(TargetError::UnknownVariables(unknown));
        }
        let schemes = [
            ("http://", Some(Scheme::Http)),
            ("https://", Some(Scheme::Https)),
            ("$scheme://", None),
        ];
        let found =
            schemes.iter().find_map(|(prefix, scheme)| Some((text.strip_prefix(prefix)?, *scheme)));
        let (origin, rest) = match found {
            Some((rest, scheme)) => {
                let (authority, rest) = rest.split_at(authority_end(rest));
                (Some(Origin { scheme, authority: host(authority)? }), rest)
            }
            None if text.starts_with('/') || text.starts_with("$path") => (None, text),
            None => return Err(TargetError::NoTarget),
        };
        if rest.starts_with('$') && !rest.starts_with("$path") {
            return Err(TargetError::InHost(rest[..variable(rest).len()].to_owned()));
        }
        let (rest, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(pieces(query)?)),
            None => (rest, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        let fragment = encoded(fragment);
        let target = Target { origin, path: pieces(path)?, query, fragment };
        let all = target.path.iter().chain(target.query.iter().flatten());
        let used = all.filter_map(|piece| match piece {
            Piece::Capture(number) => Some(*number),
            _ => None,
        });
        match used.max() {
            Some(used) if used > captures => Err(TargetError::NoCapture { used, has: captures }),
            _ => Ok(target),
        }
    }

    /// Whether it is a path of the same host, without a fragment: what a request can be answered as.
    pub(crate) fn is_local(&self) -> bool {
        self.origin.is_none() && self.fragment.is_empty()
    }

    /// Whether it needs the name of the host that the client asked for.
    pub(crate) fn needs_host(&self) -> bool {
        let authority = self.origin.iter().flat_map(|it| &it.authority);
        authority.chain(&self.path).chain(self.query.iter().flatten()).any(|it| *it == Piece::Host)
    }

    /// Whether it is another place for each path that is redirected.
    #[cfg(feature = "cli")]
    pub(crate) fn depends_on_path(&self) -> bool {
        let pieces = self.path.iter().chain(self.query.iter().flatten());
        pieces.into_iter().any(|it| matches!(it, Piece::Capture(_) | Piece::Path))
    }

    /// The location for a request. `None`: it is what the request asked for.
    pub(crate) fn of<'c>(
        &self,
        seen: &Seen<'_>,
        capture: &dyn Fn(usize) -> &'c [u8],
    ) -> Option<Vec<u8>> {
        let mut location = Vec::with_capacity(64);
        let mut is_own = true;
        if let Some(origin) = &self.origin {
            let scheme = origin.scheme.unwrap_or(seen.scheme);
            let mut authority = Vec::new();
            for piece in &origin.authority {
                match piece {
                    Piece::Text(text) => authority.extend_from_slice(text),
                    _ => authority.extend_from_slice(&host_name(seen.host)),
                }
            }
            is_own = scheme == seen.scheme
                && without_port(&authority, scheme)
                    .eq_ignore_ascii_case(without_port(seen.host, scheme));
            location.extend_from_slice(scheme.as_str().as_bytes());
            location.extend_from_slice(b"://");
            location.append(&mut authority);
        }
        let path_start = location.len();
        for piece in &self.path {
            write(piece, seen, capture, &mut location, encode_path);
        }
        if self.origin.is_none() {
            // A client would take two slashes for another host.
            let slashes = location.iter().take_while(|&&byte| byte == b'/').count();
            location.drain(..slashes.saturating_sub(1));
        }
        let path_end = location.len();
        match (&self.query, seen.query) {
            (Some(pieces), _) => {
                location.push(b'?');
                for piece in pieces {
                    match (piece, seen.query) {
                        (Piece::Query, query) => location.extend(query.unwrap_or_default()),
                        _ => write(piece, seen, capture, &mut location, encode_query),
                    }
                }
            }
            (None, Some(query)) => {
                location.push(b'?');
                location.extend_from_slice(query);
            }
            (None, None) => {}
        }
        let path = percent_encoding::percent_decode(&location[path_start..path_end]);
        let query = location.get(path_end + 1..);
        if is_own && query == seen.query && path.eq(seen.path.iter().copied()) {
            return None;
        }
        location.extend_from_slice(&self.fragment);
        Some(location)
    }
}

/// Writes one piece, encoded for its place.
fn write<'c>(
    piece: &Piece,
    seen: &Seen<'_>,
    capture: &dyn Fn(usize) -> &'c [u8],
    out: &mut Vec<u8>,
    encode: fn(&[u8], &mut Vec<u8>),
) {
    match piece {
        Piece::Text(text) => out.extend_from_slice(text),
        Piece::Capture(number) => encode(capture(*number), out),
        Piece::Path => encode(seen.path, out),
        Piece::Query => encode(seen.query.unwrap_or_default(), out),
        Piece::Host => encode(&host_name(seen.host), out),
        Piece::Scheme => out.extend_from_slice(seen.scheme.as_str().as_bytes()),
    }
}

/// What stands in the value of a parameter: `&`, `=`, `+` and `#` would mean something there.
fn encode_query(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(byte);
        } else {
            let [high, low] = percent::hex(byte);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

/// The name of a host in lower case, without its port.
fn host_name(authority: &[u8]) -> Vec<u8> {
    let end = match authority.iter().position(|&byte| byte == b']') {
        Some(bracket) => bracket + 1,
        None => memchr::memchr(b':', authority).unwrap_or(authority.len()),
    };
    authority[..end].to_ascii_lowercase()
}

/// An authority without the port that is the default of its scheme.
fn without_port(authority: &[u8], scheme: Scheme) -> &[u8] {
    let port: &[u8] = match scheme {
        Scheme::Http => b":80",
        Scheme::Https => b":443",
    };
    authority.strip_suffix(port).or_else(|| authority.strip_suffix(b":")).unwrap_or(authority)
}

/// The host and port of a template: text, and `$host`.
fn host(text: &str) -> Result<Box<[Piece]>, TargetError> {
    let pieces = pieces(text)?;
    let is_fit = !text.is_empty()
        && !text.starts_with(':')
        && check_authority(text.replace("$host", "x").as_bytes()).is_ok();
    if is_fit { Ok(pieces) } else { Err(TargetError::BadHost(text.to_owned())) }
}

/// Where the authority ends: at a path, a query, a fragment, or a variable that is not the host.
fn authority_end(text: &str) -> usize {
    let ends = |(at, character): (usize, char)| match character {
        '/' | '?' | '#' | '\\' => true,
        '$' => variable(&text[at..]) != "$host",
        _ => false,
    };
    text.char_indices().find(|it| ends(*it)).map_or(text.len(), |(at, _)| at)
}

/// The variable at the beginning of a text.
fn variable(text: &str) -> &str {
    let after = &text[1..];
    let length = match after.as_bytes().first() {
        Some(b'$' | b'0'..=b'9') => 1,
        _ => after.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(after.len()),
    };
    &text[..1 + length]
}

/// The names of variables that there are not, each once.
fn unknown_variables(text: &str) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let name = variable(&rest[at..]);
        let is_known = match name.as_bytes() {
            [b'$', b'$' | b'1'..=b'9'] => true,
            _ => ["$path", "$query", "$host", "$scheme"].contains(&name),
        };
        if !is_known && unknown.iter().all(|it| it != name) {
            unknown.push(name.to_owned());
        }
        rest = &rest[at + name.len()..];
    }
    unknown
}

fn pieces(text: &str) -> Result<Box<[Piece]>, TargetError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (before, after) = rest.split_at(rest.find('$').unwrap_or(rest.len()));
        if !before.is_empty() {
            pieces.push(Piece::Text(encoded(before)));
        }
        if after.is_empty() {
            break;
        }
        let name = variable(after);
        pieces.push(match name.as_bytes() {
            b"$$" => Piece::Text(b"$"[..].into()),
            [b'$', digit @ b'1'..=b'9'] => Piece::Capture(usize::from(digit - b'0')),
            b"$path" => Piece::Path,
            b"$query" => Piece::Query,
            b"$host" => Piece::Host,
            b"$scheme" => Piece::Scheme,
            _ => return Err(TargetError::UnknownVariables(vec![name.to_owned()])),
        });
        rest = &after[name.len()..];
    }
    Ok(pieces.into())
}

/// Text of a template as it can stand in a URI. What is encoded already stays as it is.
fn encoded(text: &str) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            out.push(byte);
        } else {
            let [high, low] = percent::hex(byte);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests;
