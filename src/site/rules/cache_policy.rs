//! How long clients may keep files: `cache_policy = "web"`.
//!
//! It must never know where a file is.

use crate::http::{Headers, Status};
use crate::site::{Body, Response};

/// The `Cache-Control` of a response to a file's request under the policy `web`. `None`: it is no file.
///
/// - An error is never kept.
/// - A file with a hash of its content in its name never changes.
/// - Everything else is kept, and asked for again before it is used: a 304 costs little, a stale page much.
pub(crate) fn web(
    status: Status,
    is_file: bool,
    headers: &Headers,
    is_fingerprinted: bool,
) -> Option<&'static str> {
    if status >= Status::BAD_REQUEST {
        return Some("no-store");
    }
    if !is_file {
        return None;
    }
    let content_type = headers.value("Content-Type").unwrap_or_default();
    let is_html = content_type.starts_with(b"text/html");
    Some(if is_fingerprinted && !is_html { FOR_EVER } else { "no-cache" })
}

/// Whether a response sends a file or a part of it, or says that it is unchanged.
pub(crate) fn is_file(response: &Response) -> bool {
    matches!(response.body, Body::Cached(..) | Body::Parts(_))
        || response.status == Status::NOT_MODIFIED
}

/// Whether the name of a file has a hash of its content in it, as bundlers write it: `app.3f2a9b1c.js`,
/// `index-DiwrgTda.css`.
///
/// A hash that is not recognised costs a 304 now and then. A name that is taken for one keeps an old file for a year.
/// So a hash is eight hexadecimal digits or more with letters and digits among them, or eight characters in which
/// upper case, lower case and digits take turns as they do in no word. A page has none, whatever its name.
pub(crate) fn is_fingerprinted(path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut parts: Vec<&[u8]> = name.split(|byte| b".-_".contains(byte)).collect();
    let has_extension = name.contains(&b'.') && parts.len() > 2;
    let extension = parts.pop().unwrap_or_default();
    let is_page =
        [&b"html"[..], b"htm", b"xhtml"].iter().any(|it| it.eq_ignore_ascii_case(extension));
    has_extension && !is_page && parts[1..].iter().any(|part| is_hash(part))
}

fn is_hash(part: &[u8]) -> bool {
    if part.len() < 8 {
        return false;
    }
    let has = |is: fn(&u8) -> bool| part.iter().any(is);
    let is_hex = part.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex {
        return has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase);
    }
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let changes = part.windows(2).filter(|two| class(two[0]) != class(two[1])).count();
    let digit_before_letter =
        part.windows(2).any(|two| two[0].is_ascii_digit() && two[1].is_ascii_alphabetic());
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let is_plain = part.len() == 8 && part.iter().all(u8::is_ascii_alphanumeric);
    is_plain && is_mixed && (changes >= 5 || changes >= 3 && digit_before_letter)
}

const FOR_EVER: &str = "public, max-age=31536000, immutable";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_content_is_known_from_a_word() {
        for name in [
            "/assets/app.3f2a9b1c.js",
            "/app-3f2a9b1c0d.min.css",
            "/static/js/main.8e1d9f7c.chunk.js.map",
            "/a/0123456789abcdef0123456789abcdef-logo.d41d8cd98f00b204e9800998ecf8427e.svg",
            "/assets/index-4fK9xQz2.js",
            "/assets/index-aB3dE5fG.js",
        ] {
            assert!(is_fingerprinted(name.as_bytes()), "{name}");
        }
        for name in [
            "/",
            "/app.js",
            "/3f2a9b1c.js",
            "/d/3f2a9b1c/app.js",
            "/assets/app.3f2a.js",
            "/page.3f2a9b1c.html",
            "/photo-20261128.jpg",
            "/photo-2026112812345678.jpg",
            "/IMG-20231224-WA0001.jpg",
            "/logo-christmas2023.png",
            "/hero-iPhone15.png",
            "/logo-DarkMode.svg",
            "/clip-4KVideos.mp4",
            "/a-MacBook8.png",
            "/jquery-ui-1.13.2.min.js",
            "/report-final_version.pdf",
            "/defaced.facade",
            "/x-deadbeef.js",
            "/app-3f2a9b1c",
        ] {
            assert!(!is_fingerprinted(name.as_bytes()), "{name}");
        }
    }
}
