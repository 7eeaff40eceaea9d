//! Files from a root: path → file → preconditions → ranges → [`Response`].
//!
//! It must never know mio, connections, timers or threads.

use super::handler::{Answer, Context, Decision, Handler};
use super::multipart::{Multipart, write_content_range};
use super::response::NamedFile;
use super::{Body, Request, Response, listing, redirect};
use crate::files::{CachedFile, Found, OpenError, Root};
use crate::http::conditional::{self, Outcome, RangeHeader};
use crate::http::range::{self, Ranges};
use crate::http::{HeaderName, Headers, Method, RequestHead, Status};
use std::ffi::OsStr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether names that begin with a dot are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dotfiles {
    /// 404 for any path with such a segment, except below `/.well-known/` (RFC 8615). A name of dots
    /// alone, such as `...`, is served.
    #[default]
    Deny,
    /// They are served like any other.
    Allow,
}

/// Which part of the path names the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// The part after the location's prefix, like nginx's `alias`.
    #[default]
    Alias,
    /// The whole path, like nginx's `root`.
    Root,
}

impl Dotfiles {
    /// Whether a path is hidden.
    pub(super) fn hides(self, path: &[u8]) -> bool {
        self == Dotfiles::Deny && has_dotfile(path)
    }

    /// Whether a name is hidden.
    pub(super) fn hides_name(self, name: &[u8]) -> bool {
        self == Dotfiles::Deny && is_dotfile(name)
    }
}

impl Mapping {
    /// The part of a request's path that names the file.
    pub(super) fn path_of<'r>(self, request: &'r Request<'_>) -> &'r [u8] {
        match self {
            Mapping::Alias => request.path_in_location_bytes(),
            Mapping::Root => request.path_bytes(),
        }
    }
}

/// A handler that serves the files beneath a [`Root`].
///
/// ```no_run
/// use httpd::{Root, Site, StaticFiles};
/// let files = StaticFiles::new(Root::open("public")?).index(["index.html"]);
/// let site = Site::new().at("/", files);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct StaticFiles {
    root: Root,
    index: Vec<Vec<u8>>,
    dotfiles: Dotfiles,
    mapping: Mapping,
    /// Whether a directory without an index is listed.
    lists: bool,
    /// Whether the missing index of a directory was logged, which is done once.
    has_warned: AtomicBool,
}

impl StaticFiles {
    /// The files beneath this root, with `index.html` as the index of a directory.
    pub fn new(root: Root) -> StaticFiles {
        StaticFiles {
            root,
            index: vec![b"index.html".to_vec()],
            dotfiles: Dotfiles::default(),
            mapping: Mapping::default(),
            lists: false,
            has_warned: AtomicBool::new(false),
        }
    }

    /// The names of index files, tried in this order.
    pub fn index<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> StaticFiles {
        self.index = names.into_iter().map(|name| name.into().into_bytes()).collect();
        self
    }

    /// Whether names that begin with a dot are served. Default: [`Dotfiles::Deny`].
    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> StaticFiles {
        self.dotfiles = dotfiles;
        self
    }

    /// Which part of the path names the file. Default: [`Mapping::Alias`].
    pub fn mapping(mut self, mapping: Mapping) -> StaticFiles {
        self.mapping = mapping;
        self
    }

    /// Whether a directory without an index file is listed: as a page for people, and as JSON for programs that ask for
    /// `application/json` or `?format=json`. What is not served is not listed. Default: it is not, and such a directory
    /// is answered with 404.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use httpd::{Request, Root, Site, StaticFiles};
    /// let site = Site::new().at("/", StaticFiles::new(Root::open("src")?).listing(true));
    /// assert!(site.handle(Request::get("/?format=json")).into_text()?.contains("\"lib.rs\""));
    /// # Ok(())
    /// # }
    /// ```
    pub fn listing(mut self, lists: bool) -> StaticFiles {
        self.lists = lists;
        self
    }

    /// The first index file that the directory has.
    fn find_index(
        &self,
        directory: &[u8],
        context: &mut Context<'_>,
    ) -> Result<Arc<CachedFile>, OpenError> {
        for name in &self.index {
            match context.find(&self.root, &[directory, name]) {
                Ok(Found::File(file)) => return Ok(file),
                Ok(Found::Directory) | Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        if !self.lists && !self.has_warned.load(Ordering::Relaxed) {
            self.warn_of_missing_index(directory, context);
        }
        Err(OpenError::NotFound)
    }

    /// Explains the 404 of an existing directory to an operator who expects a listing.
    #[cold]
    fn warn_of_missing_index(&self, directory: &[u8], context: &mut Context<'_>) {
        let directory = directory.strip_suffix(b"/").unwrap_or(directory);
        let is_there = directory.is_empty()
            || matches!(context.find(&self.root, &[directory]), Ok(Found::Directory));
        if is_there && !self.has_warned.swap(true, Ordering::Relaxed) {
            let index: Vec<_> = self.index.iter().map(|it| String::from_utf8_lossy(it)).collect();
            log::warn!(
                "404 for the directory {:?}: it contains no {}, and listing is off (logged once)",
                self.root.path().join(OsStr::from_bytes(directory)),
                index.join(" or "),
            );
        }
    }
}

impl Handler for StaticFiles {
    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        let path = self.mapping.path_of(request);
        if self.dotfiles.hides(path) {
            log::debug!("{} is not served: it is a dotfile or below one", path.escape_ascii());
            return Response::new(Status::NOT_FOUND).into();
        }
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let found = if path.ends_with(b"/") {
            self.find_index(relative, context).map(Found::File)
        } else {
            context.find(&self.root, &[relative])
        };
        match found {
            Ok(Found::File(file)) => respond(request.as_head(), file, context).into(),
            Ok(Found::Directory) => redirect::add_slash(request).into(),
            Err(OpenError::NotFound) if self.lists && path.ends_with(b"/") => {
                listing::answer(request, &self.root, relative, self.dotfiles)
            }
            Err(error) => refuse(error, path),
        }
    }
}

fn refuse(error: OpenError, path: &[u8]) -> Answer {
    match error {
        OpenError::Cold(prefetch) => Answer(Decision::Cold(prefetch)),
        error => refusal(error, path).into(),
    }
}

/// The one place where an error of the disk becomes a status.
pub(super) fn refusal(error: OpenError, path: &[u8]) -> Response {
    match error {
        OpenError::NotFound => Response::new(Status::NOT_FOUND),
        OpenError::Forbidden => Response::new(Status::FORBIDDEN),
        OpenError::Exhausted | OpenError::Cold(_) => {
            Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "1")
        }
        OpenError::Failed(error) => {
            log::error!("opening {}: {error}", path.escape_ascii());
            Response::new(Status::INTERNAL_SERVER_ERROR)
        }
    }
}

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
    let response = if reads(head, status) { respond(head, found, context) } else { whole(found) };
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
        respond(head, file, context)
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

/// The response for an existing file: 200, 206, 304, 412 or 416.
fn respond(head: &RequestHead<'_>, file: Arc<CachedFile>, context: &mut Context<'_>) -> Response {
    match conditional::evaluate(head, file.version().validators()) {
        Outcome::Failed => Response::new(Status::PRECONDITION_FAILED),
        // RFC 9110 §15.4.5: the validators, and none of the representation's other metadata.
        Outcome::NotModified => Response {
            status: Status::NOT_MODIFIED,
            reason: None,
            headers: not_modified(&file),
            body: Body::Empty,
        },
        Outcome::Proceed(RangeHeader::Ignore) => whole(file),
        Outcome::Proceed(RangeHeader::Honour) => {
            let wanted = head.joined(HeaderName::Range).unwrap_or_default();
            match range::parse(&wanted, file.length(), context.ranges_max) {
                Ranges::Whole => whole(file),
                Ranges::One(part) => partial(file, part, context.scratch),
                Ranges::Many(parts) => several(file, parts),
                Ranges::Unsatisfiable => Response::new(Status::RANGE_NOT_SATISFIABLE)
                    .header("Content-Range", format!("bytes */{}", file.length())),
            }
        }
    }
}

/// RFC 9110 §15.4.5: the validator alone.
fn not_modified(file: &CachedFile) -> Headers {
    let mut headers = Headers::new();
    headers.put("ETag", file.etag().as_bytes());
    headers
}

fn whole(file: Arc<CachedFile>) -> Response {
    let length = file.length();
    Response {
        status: Status::OK,
        reason: None,
        headers: Headers::shared(file.headers()),
        body: Body::Cached(file, 0..length),
    }
}

fn partial(file: Arc<CachedFile>, part: Range<u64>, scratch: &mut Vec<u8>) -> Response {
    let mut headers = Headers::shared(file.headers());
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

fn several(file: Arc<CachedFile>, ranges: Vec<Range<u64>>) -> Response {
    let mut headers = Headers::shared(file.headers());
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

/// Whether a segment begins with a dot. A `.well-known` at the beginning does not count.
fn has_dotfile(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"/.well-known/").map_or(path, |rest| {
        // The search begins with the slash before the next segment.
        &path[path.len() - rest.len() - 1..]
    });
    let after = rest.get(1..).unwrap_or_default();
    // Without an early return, the compiler compares many bytes at once.
    let may_have = rest
        .iter()
        .zip(after)
        .fold(false, |found, (&byte, &next)| found | (byte == b'/') & (next == b'.'));
    may_have && rest.split(|&byte| byte == b'/').any(is_dotfile)
}

/// Whether a name begins with a dot and is more than dots.
fn is_dotfile(name: &[u8]) -> bool {
    name.starts_with(b".") && name.iter().any(|&byte| byte != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotfiles_are_seen_in_every_segment() {
        for hidden in [
            "/.git",
            "/a/.env",
            "/.git/config",
            "/.well-known/.x",
            "/.well-known",
            "/a/.well-known/x",
            "/..a",
            "/...a/b",
        ] {
            assert!(has_dotfile(hidden.as_bytes()), "{hidden}");
        }
        for open in [
            "/",
            "/...",
            "/a/..../b",
            "/a.b",
            "/a/b..c",
            "/.well-known/acme-challenge/x",
            "/.well-known/",
        ] {
            assert!(!has_dotfile(open.as_bytes()), "{open}");
        }
    }
}
