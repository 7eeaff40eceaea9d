//! The response for a file that was found: preconditions → ranges → [`Response`].
//!
//! It must never know how the file was found, or why it and no sibling of it.

use super::multipart::{Multipart, write_content_range};
use super::{Body, Context, Response};
use crate::files::{CachedFile, Representation, VARY};
use crate::http::conditional::{self, Outcome, RangeHeader};
use crate::http::range::{self, Ranges};
use crate::http::{HeaderName, Headers, RequestHead, Status};
use std::ops::Range;
use std::sync::Arc;

/// The response for an existing file: 200, 206, 304, 412 or 416.
pub(super) fn respond(
    head: &RequestHead<'_>,
    file: Arc<CachedFile>,
    context: &mut Context<'_>,
) -> Response {
    respond_as(head, file, false, context)
}

/// The same for one of several representations. Each of these responses depends on `Accept-Encoding` (RFC 9110
/// §12.5.5).
pub(super) fn respond_variant(
    head: &RequestHead<'_>,
    file: Arc<CachedFile>,
    context: &mut Context<'_>,
) -> Response {
    let mut response = respond_as(head, file, true, context);
    // The others have the headers of the file.
    if matches!(response.body, Body::Empty) {
        response.headers.put("Vary", VARY.1);
    }
    response
}

fn respond_as(
    head: &RequestHead<'_>,
    file: Arc<CachedFile>,
    is_variant: bool,
    context: &mut Context<'_>,
) -> Response {
    let representation = if is_variant { file.variant() } else { file.plain() };
    let outcome = conditional::evaluate(head, representation.version().validators());
    let headers = || Headers::shared(representation.headers());
    match outcome {
        Outcome::Failed => Response::new(Status::PRECONDITION_FAILED),
        // RFC 9110 §15.4.5: the validators, and none of the representation's other metadata.
        Outcome::NotModified => Response {
            status: Status::NOT_MODIFIED,
            reason: None,
            headers: not_modified(representation),
            body: Body::Empty,
        },
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

/// RFC 9110 §15.4.5: the validator alone.
fn not_modified(representation: &Representation) -> Headers {
    let mut headers = Headers::new();
    headers.put("ETag", representation.version().etag().as_bytes());
    headers
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
