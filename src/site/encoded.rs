//! Which responses of handlers and applications are encoded while they are sent, and what becomes of their headers.
//!
//! It must never know who encodes them, or when.

use super::rules::headers::vary;
use super::{Body, Response};
use crate::files::VARY;
use crate::http::{AcceptedCodings, Coding, Compression, HeaderName, RequestHead, Status, list};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A body that is encoded while it is sent.
pub(crate) struct EncodedBody {
    pub(crate) inner: Body,
    pub(crate) coding: Coding,
    pub(crate) permit: Permit,
}

/// That one more body may be encoded. An encoder takes a megabyte, and a stream may be open for long.
pub(crate) struct Permit(());

/// How many bodies are being encoded in this process.
static ENCODED: AtomicUsize = AtomicUsize::new(0);

impl Permit {
    fn get() -> Option<Permit> {
        let permit = (ENCODED.fetch_add(1, Ordering::Relaxed) < ENCODED_MAX).then_some(Permit(()));
        if permit.is_none() {
            ENCODED.fetch_sub(1, Ordering::Relaxed);
        }
        permit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        ENCODED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The coding that a client gets. `None`: identity.
pub(crate) fn coding(compression: &Compression, head: &RequestHead<'_>) -> Option<Coding> {
    let accepted = head.joined(HeaderName::AcceptEncoding)?;
    compression.choose(&AcceptedCodings::of(&accepted))
}

/// Has a response encoded while it is sent, if it may be.
///
/// Not one that has a coding already, or says that it is not to be changed (`no-transform`, or a digest of its bytes);
/// not a part of something; and not a file, which is encoded otherwise, with an entity tag of its own.
pub(crate) fn encode(response: &mut Response, compression: &Compression, coding: Option<Coding>) {
    let has_bytes = matches!(
        response.body,
        Body::Static(_) | Body::Bytes(_) | Body::Piped(..) | Body::Channel(_)
    );
    if !has_bytes {
        return;
    }
    let content_type = response.headers.value("Content-Type").unwrap_or_default();
    if response.status.forbids_content()
        || response.status == Status::PARTIAL_CONTENT
        || !compression.covers(content_type, response.body.length())
        || UNTOUCHED.iter().any(|name| response.headers.value(name).is_some())
        || is_not_to_be_transformed(response)
    {
        return;
    }
    vary_by_coding(response);
    let Some(coding) = coding else { return };
    let Some(permit) = Permit::get() else { return };
    // RFC 9110 §8.8.1: what is encoded differently each time is the same in meaning only.
    if let Some(etag) = response.headers.value("ETag")
        && !etag.starts_with(b"W/")
    {
        let weak = [b"W/", etag].concat();
        response.headers.remove("ETag");
        response.headers.put("ETag", weak);
    }
    // Ranges would be ranges of the encoded bytes.
    response.headers.remove("Accept-Ranges");
    response.headers.put("Content-Encoding", coding.token());
    let inner = std::mem::replace(&mut response.body, Body::Empty);
    response.body = Body::Encoded(Box::new(EncodedBody { inner, coding, permit }));
}

/// Says of a 304 that the response that it stands for may be encoded (RFC 9110 §15.4.5).
pub(crate) fn vary_if_unchanged(response: &mut Response) {
    if response.status == Status::NOT_MODIFIED {
        vary_by_coding(response);
    }
}

fn vary_by_coding(response: &mut Response) {
    let says_so = |value: &[u8]| {
        list::elements(value).any(|it| it == b"*" || it.eq_ignore_ascii_case(VARY.1))
    };
    if !values(response, "Vary").any(says_so) {
        vary(&mut response.headers, "Accept-Encoding");
    }
}

fn is_not_to_be_transformed(response: &Response) -> bool {
    values(response, "Cache-Control").any(|it| list::contains_token(it, b"no-transform"))
}

fn values<'r>(response: &'r Response, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
    let is_named = move |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
    response.headers.iter().filter(move |(found, _)| is_named(found)).map(|(_, value)| value)
}

/// A response with one of these is sent as it is.
const UNTOUCHED: [&str; 6] =
    ["Content-Encoding", "Content-Range", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5"];

/// They take up to 256 MiB together. More responses are sent as they are.
const ENCODED_MAX: usize = 256;

#[cfg(feature = "compression")]
#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(response: Response) -> Response {
        let mut response = response;
        encode(&mut response, &Compression::default(), Some(Coding::Gzip));
        response
    }

    fn page() -> Response {
        Response::html("<p>over and over</p>\n".repeat(100)).header("ETag", "\"1\"")
    }

    #[test]
    fn what_is_encoded_says_so_and_promises_no_bytes() {
        let response = encoded(page().header("Accept-Ranges", "bytes").header("Vary", "Cookie"));
        let value = |name| response.headers.value(name).map(|it| it.escape_ascii().to_string());
        assert_eq!(value("Content-Encoding").as_deref(), Some("gzip"));
        assert_eq!(value("ETag").as_deref(), Some("W/\\\"1\\\""));
        assert_eq!(value("Vary").as_deref(), Some("Cookie, Accept-Encoding"));
        assert_eq!(value("Accept-Ranges"), None);
        assert_eq!(response.body.length(), None);
        let twice = encoded(response);
        let codings = twice.headers.iter().filter(|(name, _)| *name == b"Content-Encoding").count();
        assert_eq!(codings, 1);
    }

    #[test]
    fn what_is_not_to_be_changed_is_left_alone() {
        for (response, varies) in [
            (page().header("Cache-Control", "public, No-Transform"), false),
            (page().header("Content-Encoding", "br"), false),
            (page().header("Content-Digest", "sha-256=:AA==:"), false),
            (page().header("Repr-Digest", "sha-256=:AA==:"), false),
            (page().status(Status::PARTIAL_CONTENT), false),
            (page().status(Status::NO_CONTENT), false),
            (Response::html("short"), false),
            (Response::bytes("image/png", vec![0; 5000]), false),
            (Response::new(Status::OK), false),
            (Response::new(Status::NOT_MODIFIED), true),
        ] {
            let length = response.body.length();
            let mut response = encoded(response);
            vary_if_unchanged(&mut response);
            assert_eq!(response.body.length(), length);
            let expected = varies.then_some(&b"Accept-Encoding"[..]);
            assert_eq!(response.headers.value("Vary"), expected);
        }
        let mut plain = page();
        encode(&mut plain, &Compression::default(), None);
        assert_eq!(plain.headers.value("Vary"), Some(&b"Accept-Encoding"[..]));
        assert_eq!(plain.headers.value("ETag"), Some(&b"\"1\""[..]));
        assert_eq!(plain.headers.value("Content-Encoding"), None);
    }
}
