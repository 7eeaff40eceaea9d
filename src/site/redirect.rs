//! The redirects that the server itself makes.

use super::host_name::{HostName, port, without_port};
use super::redirect_page::page;
use super::rules::Rules;
use super::rules::https::HttpsRedirect;
use super::{Request, Response};
use crate::http::target::encode_path;
use crate::http::{Method, RequestHead, Scheme, Status};

/// 301 from a directory without its slash to the one with it (RFC 9110 §15.4.2).
///
/// The location is a path without scheme and host, so that neither an internal name nor a port leaks
/// from behind a proxy. It is made from the normalised path, so it never begins with `//`, which a
/// client would take for another host. The query is kept.
pub(crate) fn add_slash(request: &Request<'_>) -> Response {
    moved(request, request.path_bytes(), b"/")
}

/// The same to the path without so many bytes at its end.
pub(super) fn without_end(request: &Request<'_>, count: usize) -> Response {
    let path = request.path_bytes();
    moved(request, &path[..path.len().saturating_sub(count)], b"")
}

fn moved(request: &Request<'_>, path: &[u8], end: &[u8]) -> Response {
    let mut location = Vec::with_capacity(path.len() + 16);
    encode_path(path, &mut location);
    location.extend_from_slice(end);
    if let Some(query) = request.query_bytes() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    Response::html(page("Moved Permanently", "This is now at", &location))
        .status(Status::MOVED_PERMANENTLY)
        .header("Location", location)
}

/// What is changed of the origin that a client asked for: the scheme, the name of the host, or both at once, so that no
/// second request leaves in the clear.
#[derive(Clone, Copy, Debug)]
pub(super) struct OriginChange<'s> {
    /// To HTTPS.
    pub(super) https: Option<&'s HttpsRedirect>,
    /// To this name.
    pub(super) name: Option<&'s HostName>,
}

impl<'s> OriginChange<'s> {
    /// What is changed for a request, if anything is.
    pub(super) fn of(
        head: &RequestHead<'_>,
        canonical: Option<&'s HostName>,
        rules: Option<&'s Rules>,
    ) -> Option<OriginChange<'s>> {
        // OPTIONS for the server as a whole (RFC 9110 §9.3.7) is about nothing that could be elsewhere.
        if head.path() == b"*" {
            return None;
        }
        let https = rules.and_then(|it| it.https.as_ref()).filter(|https| https.is_for(head));
        let is_other = |name: &&HostName| !head.host().is_empty() && !name.is_of(head.host());
        // A browser takes HSTS from the name that it has asked over HTTPS, and lists of names demand that order.
        let has_hsts = https.is_some() && rules.is_some_and(|it| it.hsts.is_some());
        let name = canonical.filter(|name| !has_hsts && is_other(name));
        (https.is_some() || name.is_some()).then_some(OriginChange { https, name })
    }

    /// The redirect to it. 308 keeps the method (RFC 9110 §15.4.9).
    pub(super) fn response(self, head: &RequestHead<'_>) -> Response {
        let host = head.host();
        if host.is_empty() {
            // A client of HTTP/1.0 that names no host cannot be sent to one.
            return Response::new(Status::BAD_REQUEST);
        }
        let scheme = if self.https.is_some() { Scheme::Https } else { head.scheme() };
        let mut location = format!("{}://", scheme.as_str()).into_bytes();
        match self.name {
            Some(name) => location.extend_from_slice(name.to_string().as_bytes()),
            None => location.extend_from_slice(without_port(host)),
        }
        match self.https.map(|https| https.port_for(head)) {
            Some(Some(port)) => location.extend_from_slice(format!(":{port}").as_bytes()),
            Some(None) => {}
            None => location.extend_from_slice(port(host)),
        }
        encode_path(head.path(), &mut location);
        if let Some(query) = head.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        let status = match head.method() {
            Method::Get | Method::Head if self.https.is_none() => Status::MOVED_PERMANENTLY,
            _ => Status::PERMANENT_REDIRECT,
        };
        let page = page(status.reason(), "This is now at", &location);
        Response::html(page).status(status).header("Location", location)
    }
}
