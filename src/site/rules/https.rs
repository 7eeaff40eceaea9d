//! What is only for HTTPS: the redirect to it, and the order to browsers to use nothing else (HSTS, RFC 6797).

use crate::http::target::encode_path;
use crate::http::{RequestHead, Scheme, Status};
use crate::site::redirect::page;
use crate::site::{Response, hosts};

/// Redirects requests that came without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpsRedirect {
    /// Where the server speaks TLS.
    pub(crate) port: u16,
}

impl HttpsRedirect {
    /// The response to a request, unless it came over TLS. 308 keeps the method (RFC 9110 §15.4.9).
    pub(crate) fn decide(self, head: &RequestHead<'_>) -> Option<Response> {
        if head.scheme() == Scheme::Https || head.path().starts_with(ACME_CHALLENGE) {
            return None;
        }
        let host = hosts::without_port(head.host());
        if host.is_empty() {
            // A client of HTTP/1.0 that names no host cannot be sent to one.
            return Some(Response::new(Status::BAD_REQUEST));
        }
        let mut location = [b"https://", host].concat();
        if self.port != HTTPS_PORT {
            location.extend_from_slice(format!(":{}", self.port).as_bytes());
        }
        encode_path(head.path(), &mut location);
        if let Some(query) = head.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        let page = page("Permanent Redirect", "This is now at", &location);
        let response = Response::html(page).status(Status::PERMANENT_REDIRECT);
        Some(response.header("Location", location))
    }
}

/// What authorities ask for without TLS, before there is a certificate (RFC 8555 §8.3).
const ACME_CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;
