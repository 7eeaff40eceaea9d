//! Files that a handler names or hands over, sent as those of a directory are.
//!
//! It must never know which handler that is.

use super::file_response::{respond_plain, whole};
use super::open_error::refuse;
use super::response::NamedFile;
use super::{Answer, Body, Context, Response};
use crate::files::{CachedFile, Found};
use crate::http::{Headers, Method, RequestHead, Status};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Sends a file that a handler names beneath a root, like any other file. The handler's headers and status are added
/// when the file is sent.
pub(super) fn send(
    head: &RequestHead<'_>,
    file: &NamedFile,
    headers: &Headers,
    status: Status,
    context: &mut Context<'_>,
) -> Answer {
    let found = match context.find(&file.root, &[&file.path]) {
        Ok(Found::File(found)) => found,
        Ok(Found::Directory) => return Response::new(Status::NOT_FOUND).into(),
        Err(error) => return refuse(error, &file.path),
    };
    let response = if reads(head, status) {
        respond_plain(head, found, context)
    } else {
        whole(Headers::shared(found.plain().headers()), found)
    };
    add(response, status, headers).into()
}

/// Sends an open file that a handler hands over, or a part of it. Preconditions and ranges are left out where the
/// handler sets validators itself, or where the response is only a part of the file.
pub(super) fn send_open(
    head: &RequestHead<'_>,
    (open, offset, length): (OwnedFd, u64, Option<u64>),
    headers: &Headers,
    status: Status,
    context: &mut Context<'_>,
) -> Response {
    let content_type = headers.value("Content-Type").unwrap_or(b"application/octet-stream");
    let content_type = String::from_utf8_lossy(content_type).into_owned();
    let file = match CachedFile::of_open(open, &content_type, context.now.wall) {
        Ok(Some(file)) => Arc::new(file),
        Ok(None) => {
            log::error!("a handler sent a descriptor that is not a regular file; answered 500");
            return Response::new(Status::INTERNAL_SERVER_ERROR);
        }
        Err(error) => {
            log::error!("cannot read a file that a handler sent: {error}; answered 500");
            return Response::new(Status::INTERNAL_SERVER_ERROR);
        }
    };
    let end = length.map_or(file.length(), |length| offset.saturating_add(length));
    let part = offset.min(file.length())..end.min(file.length()).max(offset.min(file.length()));
    let is_whole = part == (0..file.length());
    let has_validators = ["ETag", "Last-Modified"].iter().any(|it| headers.value(it).is_some());
    let response = if is_whole && !has_validators && reads(head, status) {
        respond_plain(head, file, context)
    } else {
        Response { status, reason: None, headers: Headers::new(), body: Body::Cached(file, part) }
    };
    add(response, status, headers)
}

/// Whether preconditions and ranges apply.
fn reads(head: &RequestHead<'_>, status: Status) -> bool {
    matches!(head.method(), Method::Get | Method::Head) && status == Status::OK
}

/// Adds a handler's headers and status to the response for its file.
fn add(mut response: Response, status: Status, headers: &Headers) -> Response {
    if response.status == Status::OK {
        response.status = status;
    }
    let mut headers = headers.clone();
    match response.body {
        Body::Cached(..) if headers.value("Content-Type").is_some() => {
            response.headers.remove("Content-Type");
        }
        // Parts have a type of their own, and a response without the file has none.
        _ => headers.remove("Content-Type"),
    }
    response.headers.append(&headers);
    response
}
