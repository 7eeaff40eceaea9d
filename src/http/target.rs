//! The request target (RFC 9112 §3.2): its form, its authority, and its path decoded once.
//!
//! Every later floor works with the path that this file returns. The path is percent-decoded exactly once,
//! has no dot segments (RFC 3986 §5.2.4), no repeated slashes and no NUL, and starts with a slash. So no
//! spelling of `..` gets past it.

use super::authority::check_authority;
use super::{Method, Reject, Scheme, percent};
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// A request target taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The authority of absolute-form and authority-form; it overrides `Host` (RFC 9112 §3.2.2).
    pub authority: Option<&'a [u8]>,
    /// The decoded, normalised path; `*` alone for asterisk-form.
    pub path: Cow<'a, [u8]>,
    /// The path as it came.
    pub raw_path: &'a [u8],
    /// What follows the first `?`, as it came.
    pub query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes apart the text between the method and the version.
    ///
    /// The parser has already checked that the text is one run of visible ASCII.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a form that the method does not allow, a bad percent-encoding, an
    /// encoded NUL, a fragment, or user information in the authority (RFC 9110 §4.2.4);
    /// [`Reject::Misdirected`] for a URI of the other scheme.
    pub(crate) fn parse(
        method: Method,
        raw: &'a [u8],
        scheme: Scheme,
    ) -> Result<Target<'a>, Reject> {
        // Nearly every target is a path in normal form.
        if method != Method::Connect && raw.starts_with(b"/") && is_plain(raw) && is_normal(raw) {
            return Ok(Target {
                authority: None,
                path: Cow::Borrowed(raw),
                raw_path: raw,
                query: None,
            });
        }
        if raw.contains(&b'#') {
            return Err(Reject::Malformed("fragment in the request target"));
        }
        match (method, raw) {
            (Method::Connect, _) => {
                check_authority(raw)?;
                Ok(Target::bare(Some(raw), b"/", None))
            }
            (Method::Options, b"*") => Ok(Target::bare(None, raw, None)),
            (_, [b'/', ..]) => Target::origin(None, raw),
            _ => Target::absolute(method, raw, scheme),
        }
    }

    /// A target whose path needs no decoding.
    fn bare(authority: Option<&'a [u8]>, path: &'a [u8], query: Option<&'a [u8]>) -> Target<'a> {
        Target { authority, path: Cow::Borrowed(path), raw_path: path, query }
    }

    fn origin(authority: Option<&'a [u8]>, raw: &'a [u8]) -> Result<Target<'a>, Reject> {
        let (path, query) = match memchr::memchr(b'?', raw) {
            Some(mark) => (&raw[..mark], Some(&raw[mark + 1..])),
            None => (raw, None),
        };
        Ok(Target { authority, path: normalise(path)?, raw_path: path, query })
    }

    fn absolute(method: Method, raw: &'a [u8], scheme: Scheme) -> Result<Target<'a>, Reject> {
        let (scheme_of_target, after_scheme) = [Scheme::Http, Scheme::Https]
            .into_iter()
            .find_map(|scheme| Some((scheme, after_scheme(raw, scheme)?)))
            .ok_or(Reject::Malformed("request target is neither a path nor an http URI"))?;
        if scheme_of_target != scheme {
            // A host may share nothing between its two schemes (RFC 9110 §4.2.2, §7.4).
            return Err(Reject::Misdirected);
        }
        let end = after_scheme
            .iter()
            .position(|&byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at(end);
        if authority.is_empty() {
            // An http URI with an empty host is invalid (RFC 9110 §4.2.1).
            return Err(Reject::Malformed("empty authority in the request target"));
        }
        check_authority(authority)?;
        match rest {
            // RFC 9112 §3.2.4: OPTIONS for a URI without path and query means the server itself.
            [] if method == Method::Options => Ok(Target::bare(Some(authority), b"*", None)),
            [] => Ok(Target::bare(Some(authority), b"/", None)),
            [b'?', query @ ..] => Ok(Target::bare(Some(authority), b"/", Some(query))),
            _ => Target::origin(Some(authority), rest),
        }
    }
}

/// What follows `scheme://`; schemes are compared in any case of letters (RFC 3986 §3.1).
fn after_scheme(raw: &[u8], scheme: Scheme) -> Option<&[u8]> {
    let scheme = scheme.as_str().as_bytes();
    let (found, rest) = raw.split_at_checked(scheme.len())?;
    if found.eq_ignore_ascii_case(scheme) { rest.strip_prefix(b"://") } else { None }
}

/// Decodes and normalises a path that starts with a slash; borrows it where nothing changes.
fn normalise(raw: &[u8]) -> Result<Cow<'_, [u8]>, Reject> {
    let encoded = memchr::memchr(b'%', raw).is_some();
    if !encoded && is_normal(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    if encoded {
        percent::check(raw)?;
    }
    let decoded: Cow<'_, [u8]> = percent_decode(raw).into();
    if decoded.contains(&0) {
        return Err(Reject::Malformed("NUL in the path"));
    }
    Ok(Cow::Owned(remove_dot_segments(&decoded, Slashes::Merged)))
}

/// Decodes a path that [`Target::parse`] has accepted, and keeps repeated slashes. Dot segments are removed,
/// so that merging the slashes gives the path that the location was found by: an application never gets a
/// path outside its location.
pub(crate) fn decode_keeping_slashes(raw: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(raw) && is_normal(raw) {
        return Cow::Borrowed(raw);
    }
    let decoded: Cow<'_, [u8]> = percent_decode(raw).into();
    Cow::Owned(remove_dot_segments(&decoded, Slashes::Kept))
}

/// Splits a path of [`decode_keeping_slashes`] after a prefix whose slashes are merged. `None`: the path has
/// no such prefix.
pub(crate) fn split_keeping_slashes<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let mut rest = path;
    for &byte in prefix {
        rest = rest.strip_prefix(&[byte])?;
        while byte == b'/' && rest.first() == Some(&b'/') {
            rest = &rest[1..];
        }
    }
    Some(rest)
}

/// Whether repeated slashes are merged or kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashes {
    Merged,
    Kept,
}

/// Whether nothing has to be cut off or decoded. This and [`is_normal`] are folds without an early exit, so
/// that the compiler compares many bytes at once.
fn is_plain(raw: &[u8]) -> bool {
    !raw.iter().fold(false, |found, &byte| found | (byte == b'#') | (byte == b'?') | (byte == b'%'))
}

fn is_normal(path: &[u8]) -> bool {
    // Every empty or dot segment begins with a slash followed by a slash or a dot. So does a dotfile,
    // which then takes the slower way and stays as it is.
    let after = path.get(1..).unwrap_or_default();
    !path.iter().zip(after).fold(false, |found, (&byte, &next)| {
        found | (byte == b'/') & ((next == b'/') | (next == b'.'))
    })
}

fn remove_dot_segments(path: &[u8], slashes: Slashes) -> Vec<u8> {
    let mut normal = Vec::with_capacity(path.len());
    let mut segments = path.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b".." => {
                // An empty segment is not a parent.
                while normal.last() == Some(&b'/') {
                    normal.pop();
                }
                let parent = memchr::memrchr(b'/', &normal).unwrap_or(0);
                normal.truncate(parent);
                if last {
                    normal.push(b'/');
                }
            }
            b"." | b"" => {
                if last || segment.is_empty() && slashes == Slashes::Kept {
                    normal.push(b'/');
                }
            }
            name => {
                normal.push(b'/');
                normal.extend_from_slice(name);
            }
        }
    }
    if normal.is_empty() {
        normal.push(b'/');
    }
    normal
}

/// Writes a decoded path so that it can stand in a URI: everything but unreserved characters,
/// sub-delimiters, `:`, `@` and `/` is percent-encoded (RFC 3986 §3.3).
pub(crate) fn encode_path(path: &[u8], out: &mut Vec<u8>) {
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            out.push(byte);
        } else {
            let [high, low] = percent::hex(byte);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> Result<String, Reject> {
        Target::parse(Method::Get, raw.as_bytes(), Scheme::Http)
            .map(|target| String::from_utf8_lossy(&target.path).into_owned())
    }

    #[test]
    fn a_plain_path_is_borrowed() {
        let target = Target::parse(Method::Get, b"/css/site.css?v=1?x", Scheme::Http).unwrap();
        assert!(matches!(target.path, Cow::Borrowed(b"/css/site.css")));
        assert_eq!(target.query, Some(&b"v=1?x"[..]));
    }

    #[test]
    fn dot_segments_never_climb_above_the_root() {
        for (raw, expected) in [
            ("/..", "/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/../../b", "/b"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/./b/", "/a/b/"),
            ("/%2e%2E/etc", "/etc"),
            ("/a%2f..%2f..%2fetc", "/etc"),
            ("/.%2e/x", "/x"),
            ("/...", "/..."),
            ("/a..b/c", "/a..b/c"),
            ("/.hidden", "/.hidden"),
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/", "/"),
        ] {
            assert_eq!(path(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn slashes_are_kept_where_that_is_asked_for() {
        for (raw, expected) in [
            ("/x/https://e/a", "/x/https://e/a"),
            ("/%2F%2F", "///"),
            ("//", "//"),
            ("/a//", "/a//"),
            ("/a//./b", "/a//b"),
            ("/a//../b", "/b"),
            ("/a//..", "/"),
            ("//../a", "/a"),
            ("/a//b/../c", "/a//c"),
            ("/a/%2e%2e%2f/c", "//c"),
            ("/plain", "/plain"),
        ] {
            let kept = decode_keeping_slashes(raw.as_bytes());
            assert_eq!(String::from_utf8_lossy(&kept), expected, "{raw}");
        }
    }

    /// Every path of a few pieces.
    #[test]
    fn a_path_with_its_slashes_never_leads_elsewhere_than_the_one_without() {
        const PIECES: [&str; 6] = ["/", "a", ".", "..", "%2f", "%2e"];
        for number in 0..6usize.pow(7) {
            let raw: String = std::iter::once("/")
                .chain((0..7).map(|place| PIECES[number / 6usize.pow(place) % 6]))
                .collect();
            let target =
                Target::parse(Method::Get, raw.as_bytes(), Scheme::Http).expect("it is sound");
            let kept = decode_keeping_slashes(target.raw_path);
            let mut merged = kept.to_vec();
            merged.dedup_by(|a, b| (*a, *b) == (b'/', b'/'));
            assert_eq!(merged, *target.path, "{raw}");
            for end in 0..=target.path.len() {
                assert!(split_keeping_slashes(&kept, &target.path[..end]).is_some(), "{raw} {end}");
            }
        }
    }

    #[test]
    fn a_path_is_split_behind_a_prefix_whatever_its_slashes() {
        for (path, prefix, expected) in [
            ("/app//x", "/app", Some("//x")),
            ("//app/x", "/app", Some("/x")),
            ("//app", "", Some("//app")),
            ("/a///b//c", "/a/b", Some("//c")),
            ("/apple", "/app", Some("le")),
            ("/x", "/app", None),
        ] {
            let rest = split_keeping_slashes(path.as_bytes(), prefix.as_bytes());
            assert_eq!(rest, expected.map(str::as_bytes), "{path} {prefix}");
        }
    }

    #[test]
    fn percent_encoding_is_decoded_exactly_once() {
        assert_eq!(path("/a%20b").as_deref(), Ok("/a b"));
        assert_eq!(path("/%2541").as_deref(), Ok("/%41"));
        assert_eq!(path("/%252e%252e/x").as_deref(), Ok("/%2e%2e/x"));
    }

    #[test]
    fn bad_encodings_are_refused() {
        for raw in ["/%", "/%4", "/%zz", "/a%00b", "/%0", "/ok%", "/#top"] {
            assert!(matches!(path(raw), Err(Reject::Malformed(_))), "{raw}");
        }
    }

    #[test]
    fn absolute_form_carries_the_authority() {
        let target =
            Target::parse(Method::Get, b"HTTP://Example.org:8080/a?b", Scheme::Http).unwrap();
        assert_eq!(target.authority, Some(&b"Example.org:8080"[..]));
        assert_eq!(&*target.path, b"/a");
        assert_eq!(target.query, Some(&b"b"[..]));
        assert_eq!(&*Target::parse(Method::Get, b"http://h", Scheme::Http).unwrap().path, b"/");
        assert_eq!(&*Target::parse(Method::Get, b"http://h?q", Scheme::Http).unwrap().path, b"/");
    }

    #[test]
    fn each_method_has_its_forms() {
        assert_eq!(&*Target::parse(Method::Options, b"*", Scheme::Http).unwrap().path, b"*");
        assert_eq!(&*Target::parse(Method::Options, b"http://h", Scheme::Http).unwrap().path, b"*");
        assert!(Target::parse(Method::Get, b"*", Scheme::Http).is_err());
        assert!(Target::parse(Method::Get, b"example.org:80", Scheme::Http).is_err());
        assert!(Target::parse(Method::Connect, b"example.org:80", Scheme::Http).is_ok());
        assert!(Target::parse(Method::Get, b"ftp://h/", Scheme::Http).is_err());
        assert!(Target::parse(Method::Get, b"http:///x", Scheme::Http).is_err());
        assert_eq!(
            Target::parse(Method::Get, b"HTTPS://h/x", Scheme::Http),
            Err(Reject::Misdirected)
        );
    }

    #[test]
    fn an_encoded_path_decodes_to_itself() {
        let every: Vec<u8> =
            std::iter::once(b'/').chain((1..=255).filter(|b| *b != b'/')).collect();
        let mut encoded = Vec::new();
        encode_path(&every, &mut encoded);
        assert_eq!(&*Target::parse(Method::Get, &encoded, Scheme::Http).unwrap().path, &every[..]);
    }
}
