//! The listing of a directory: what a [`StaticFiles`](super::StaticFiles) answers for one that has no index, if it may.
//!
//! A thread reads the directory and renders what it has read: as a page ([`html`]), or as JSON ([`json`]) for programs.
//! It must never know how a directory is read, or how the response is sent.

pub(crate) mod escape;
mod html;
mod icon;
mod json;
mod order;
mod view;

use super::dotfiles::{Dotfiles, is_host_file};
use super::gate::Gate;
use super::open_error::refusal;
use super::permit::Permit;
use super::request::OwnedRequest;
use super::{Answer, Request, Response};
use crate::files::{Listing, Readme, Root};
use crate::http::conditional::{self, Outcome};
use crate::http::etag::Strength;
use crate::http::{Cancellation, ETag, Headers, Status};
use html::Page;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use view::{Format, View};

/// The listing of the directory at `path` beneath the root: empty, or with a slash at its end.
pub(super) fn answer(
    request: &Request<'_>,
    root: &Root,
    path: &[u8],
    dotfiles: Dotfiles,
    hides_host_files: bool,
) -> Answer {
    let (root, path) = (root.clone(), path.to_vec());
    let gate = Gate::of(request);
    let request = OwnedRequest::new(request);
    Answer::blocking(move |cancellation| {
        let respond = |request: &Request<'_>| {
            let is_hidden = |name: &[u8]| {
                dotfiles.hides_name(name)
                    || hides_host_files && path.is_empty() && is_host_file(name)
            };
            let listed = root.list(&path, |name| !is_hidden(name), cancellation);
            match listed {
                Ok(mut listing) => {
                    // What its own path does not give to this client is not shown here.
                    let may_read = |it: &Readme| matches!(gate.read(&it.name), Permit::Granted);
                    listing.readme = listing.readme.filter(may_read);
                    respond(request, &root, listing, cancellation)
                }
                Err(error) => refusal(error, &path),
            }
        };
        request.with(cancellation, respond)
    })
}

fn respond(
    request: &Request<'_>,
    root: &Root,
    mut listing: Listing,
    cancellation: &Cancellation,
) -> Response {
    if cancellation.is_cancelled() {
        // It may have been read in part, and nobody waits.
        return Response::new(Status::SERVICE_UNAVAILABLE);
    }
    let view = View::of(request);
    order::sort(&mut listing.entries, view.key, view.order);
    let etag = etag(request, view, &listing);
    match conditional::evaluate_tag(request.as_head(), &etag) {
        Outcome::Failed => return Response::new(Status::PRECONDITION_FAILED),
        Outcome::NotModified => {
            let headers = validators(&etag);
            return Response { headers, ..Response::new(Status::NOT_MODIFIED) };
        }
        Outcome::Proceed(_) | Outcome::TagAwaited => {}
    }
    let is_long = listing.entries.len() > ENTRIES_AT_ONCE_MAX;
    let mut response = match view.format {
        Format::Html => {
            let page = Page::new(request, root, view, listing);
            body("text/html; charset=utf-8", is_long, move |out| page.write(out))
        }
        Format::Json => {
            let path = request.path_bytes().to_vec();
            body("application/json", is_long, move |out| json::write(&path, &listing, out))
        }
    };
    response.headers.append(&validators(&etag));
    response.headers.put("X-Content-Type-Options", "nosniff");
    if view.format == Format::Html {
        // It needs nothing from anywhere, and no name can make it fetch or run something.
        response.headers.put("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    }
    response
}

/// A long body is written while it is sent, so that it is never in memory as a whole.
fn body(
    content_type: &str,
    is_long: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Response {
    if is_long {
        return Response::written(content_type, |out| write(out));
    }
    let mut bytes = Vec::new();
    match write(&mut bytes) {
        Ok(()) => Response::bytes(content_type, bytes),
        Err(_) => Response::new(Status::INTERNAL_SERVER_ERROR),
    }
}

/// What a 200 and a 304 say alike (RFC 9110 §15.4.5). A copy may be kept, and is never used without asking.
fn validators(etag: &ETag) -> Headers {
    let mut headers = Headers::new();
    headers.put("ETag", etag.as_bytes());
    headers.put("Cache-Control", "no-cache");
    headers.put("Vary", "Accept");
    headers
}

/// A tag of everything that the listing shows. It is weak: times are shown less precisely than they are compared.
fn etag(request: &Request<'_>, view: View, listing: &Listing) -> ETag {
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_PKG_VERSION"), view, request.path_bytes()).hash(&mut hasher);
    request.prefix_bytes().hash(&mut hasher);
    listing.has_more.hash(&mut hasher);
    for entry in &listing.entries {
        (&entry.name, entry.is_directory, entry.size_bytes).hash(&mut hasher);
        entry.modified.total_nanoseconds().hash(&mut hasher);
    }
    if let (Format::Html, Some(readme)) = (view.format, &listing.readme) {
        (&readme.name, &readme.text, readme.is_cut).hash(&mut hasher);
    }
    ETag::of(i128::from(hasher.finish()), listing.entries.len() as u64, Strength::Weak)
}

/// Up to so many entries, a listing is one piece of memory, and says how long it is.
const ENTRIES_AT_ONCE_MAX: usize = 500;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
