//! The redirects that the server itself makes.

use super::{Request, Response};
use crate::http::Status;
use crate::http::target::encode_path;

/// 301 from a directory without its slash to the one with it (RFC 9110 §15.4.2).
///
/// The location is a path without scheme and host, so that neither an internal name nor a port leaks
/// from behind a proxy. It is made from the normalised path, so it never begins with `//`, which a
/// client would take for another host. The query is kept.
pub(crate) fn add_slash(request: &Request<'_>) -> Response {
    let mut location = Vec::with_capacity(request.path_bytes().len() + 16);
    encode_path(request.path_bytes(), &mut location);
    location.push(b'/');
    if let Some(query) = request.query_bytes() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    Response::html(page("Moved Permanently", "This is now at", &location))
        .status(Status::MOVED_PERMANENTLY)
        .header("Location", location)
}

/// The page of a redirect, for clients that do not follow it.
pub(crate) fn page(title: &str, sentence: &str, location: &[u8]) -> String {
    let link = escape_html(&String::from_utf8_lossy(location));
    format!(
        "<!DOCTYPE html>\n<title>{title}</title>\n<p>{sentence} <a href=\"{link}\">{link}</a>.\n"
    )
}

/// Escapes text for HTML, including attribute values.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped() {
        assert_eq!(escape_html(r#"a"<b>'&"#), "a&quot;&lt;b&gt;&#39;&amp;");
    }
}
