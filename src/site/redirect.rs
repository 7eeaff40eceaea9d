//! The redirects that the server itself makes.

use super::hosts::{self, HostName};
use super::{Request, Response};
use crate::http::target::encode_path;
use crate::http::{Method, RequestHead, Status};

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

/// The same to the path without so many bytes at its end.
pub(super) fn without_end(request: &Request<'_>, count: usize) -> Response {
    let path = request.path_bytes();
    let mut location = Vec::with_capacity(path.len() + 16);
    encode_path(&path[..path.len().saturating_sub(count)], &mut location);
    if let Some(query) = request.query_bytes() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    Response::html(page("Moved Permanently", "This is now at", &location))
        .status(Status::MOVED_PERMANENTLY)
        .header("Location", location)
}

/// The same to another name of the same host, unless the request names it already, or names none. 308 keeps the
/// method (RFC 9110 §15.4.9), where that is not GET.
pub(super) fn to_host(head: &RequestHead<'_>, name: &HostName) -> Option<Response> {
    if head.host().is_empty() || head.path() == b"*" || name.is_of(head.host()) {
        return None;
    }
    let mut location = format!("{}://{name}", head.scheme().as_str()).into_bytes();
    location.extend_from_slice(hosts::port(head.host()));
    encode_path(head.path(), &mut location);
    if let Some(query) = head.query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let status = match head.method() {
        Method::Get | Method::Head => Status::MOVED_PERMANENTLY,
        _ => Status::PERMANENT_REDIRECT,
    };
    let title = status.to_string();
    let title = title.split_once(' ').map_or(&*title, |(_, reason)| reason);
    let page = page(title, "This is now at", &location);
    Some(Response::html(page).status(status).header("Location", location))
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
