//! The response for a file that was found: preconditions → ranges → [`Response`].
//!
//! It must never know how the file was found, or why it and no sibling of it.

use super::multipart::{Multipart, write_content_range};
use super::{Body, Context, Request, Response, redirect};
use crate::files::{CachedFile, Chosen, VARY, coding_of_tag_name};
use crate::http::conditional::{self, Outcome, RangeHeader};
use crate::http::range::{self, Ranges};
use crate::http::{Coding, ETag, HeaderName, Headers, RequestHead, Status, list};
use std::ops::Range;
use std::sync::Arc;

/// The response for what was found.
pub(super) fn respond(request: &Request<'_>, found: Chosen, context: &mut Context<'_>) -> Response {
    let head = request.as_head();
    match found {
        Chosen::File(file) => respond_plain(head, file, context),
        Chosen::Variant(file) => respond_variant(head, file, None, context),
        Chosen::Encoded { file, sent, coding } => {
            respond_variant(head, sent, Some((file, coding)), context)
        }
        Chosen::Directory => redirect::add_slash(request),
    }
}

/// The response for an existing file: 200, 206, 304, 412 or 416.
pub(super) fn respond_plain(
    head: &RequestHead<'_>,
    file: Arc<CachedFile>,
    context: &mut Context<'_>,
) -> Response {
    respond_as(head, file, false, None, context)
}

/// The same for one of several representations. Each of these responses depends on `Accept-Encoding` (RFC 9110
/// §12.5.5).
fn respond_variant(
    head: &RequestHead<'_>,
    sent: Arc<CachedFile>,
    original: Option<Original>,
    context: &mut Context<'_>,
) -> Response {
    let mut response = respond_as(head, sent, true, original, context);
    // The others have the headers of the file.
    if matches!(response.body, Body::Empty) {
        response.headers.put("Vary", VARY.1);
    }
    response
}

/// The file of which an encoding may be sent, and the coding that the client prefers.
type Original = (Arc<CachedFile>, Option<Coding>);

fn respond_as(
    head: &RequestHead<'_>,
    file: Arc<CachedFile>,
    is_variant: bool,
    original: Option<Original>,
    context: &mut Context<'_>,
) -> Response {
    let representation = if is_variant { file.variant() } else { file.plain() };
    if let Some(status) = context.leading.status {
        return as_page(Headers::shared(representation.headers()), status, file);
    }
    let outcome = conditional::evaluate(head, representation.version().validators());
    let headers = || Headers::shared(representation.headers());
    if let (Outcome::Proceed(_), Some(original)) = (outcome, &original)
        && let Some(tag) = held_tag(head, original)
    {
        return not_modified(&tag);
    }
    match outcome {
        Outcome::Failed => Response::new(Status::PRECONDITION_FAILED),
        // A thread makes the tag.
        Outcome::TagAwaited => {
            Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "1")
        }
        // RFC 9110 §15.4.5: the validators, and none of the representation's other metadata.
        Outcome::NotModified => {
            not_modified(representation.version().etag().map_or(b"", ETag::as_bytes))
        }
        Outcome::Proceed(RangeHeader::Ignore) => whole(headers(), file),
        Outcome::Proceed(RangeHeader::Honour) => {
            let wanted = head.joined(HeaderName::Range).unwrap_or_default();
            match range::parse(&wanted, file.length(), context.ranges_max) {
                Ranges::Whole => whole(headers(), file),
                Ranges::One(part) => partial(headers(), file, part, context.scratch),
                // A body of several parts is not encoded as its parts are, and no header says so.
                Ranges::Many(_) if representation.coding().is_some() => whole(headers(), file),
                Ranges::Many(parts) => several(headers(), file, parts),
                Ranges::Unsatisfiable => Response::new(Status::RANGE_NOT_SATISFIABLE)
                    .header("Content-Range", format!("bytes */{}", file.length())),
            }
        }
    }
}

/// The file as the page of an error: neither preconditions nor ranges apply, and nobody keeps it.
fn as_page(mut headers: Headers, status: Status, file: Arc<CachedFile>) -> Response {
    for name in ["ETag", "Last-Modified", "Accept-Ranges"] {
        headers.remove(name);
    }
    headers.put("Cache-Control", "no-store");
    Response { status, ..whole(headers, file) }
}

/// RFC 9110 §15.4.5: the validator alone, if there is one.
fn not_modified(etag: &[u8]) -> Response {
    let mut headers = Headers::new();
    if !etag.is_empty() {
        headers.put("ETag", etag);
    }
    Response { status: Status::NOT_MODIFIED, reason: None, headers, body: Body::Empty }
}

/// The tag of what the client has already, if it is this version of the file in another way than it would be sent now:
/// encoded where it is not encoded yet (after a restart, by another worker), or encoded in less time. It serves the
/// client as well. Of several, one in the coding that the client prefers comes first.
fn held_tag(head: &RequestHead<'_>, (file, coding): &Original) -> Option<Vec<u8>> {
    let tags = head.joined(HeaderName::IfNoneMatch)?;
    let etag = file.plain().version().etag()?;
    if etag.is_weak() {
        return None;
    }
    let coding_of = |tag| etag.coding_of(tag).and_then(coding_of_tag_name);
    let encoded =
        coding.and_then(|coding| list::elements(&tags).find(|tag| coding_of(tag) == Some(coding)));
    let held = encoded.or_else(|| list::elements(&tags).find(|tag| etag.matches_weakly(tag)))?;
    Some(held.strip_prefix(b"W/").unwrap_or(held).to_vec())
}

/// The whole file, with these headers.
pub(super) fn whole(headers: Headers, file: Arc<CachedFile>) -> Response {
    let length = file.length();
    Response { status: Status::OK, reason: None, headers, body: Body::Cached(file, 0..length) }
}

fn partial(
    mut headers: Headers,
    file: Arc<CachedFile>,
    part: Range<u64>,
    scratch: &mut Vec<u8>,
) -> Response {
    scratch.clear();
    write_content_range(scratch, &part, file.length());
    headers.put("Content-Range", scratch);
    Response {
        status: Status::PARTIAL_CONTENT,
        reason: None,
        headers,
        body: Body::Cached(file, part),
    }
}

fn several(mut headers: Headers, file: Arc<CachedFile>, ranges: Vec<Range<u64>>) -> Response {
    // Each part has the type of the file (RFC 9110 §15.3.7.2).
    headers.remove("Content-Type");
    let parts = Multipart::new(file, ranges);
    headers.put("Content-Type", parts.content_type());
    Response {
        status: Status::PARTIAL_CONTENT,
        reason: None,
        headers,
        body: Body::Parts(Box::new(parts)),
    }
}
