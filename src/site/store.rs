//! Files that clients put into a root, and remove: PUT and DELETE (RFC 9110 §9.3.4, §9.3.5). Forms
//! have a file of their own.
//!
//! It must never know how content comes in, nor how a file gets to its place.

use super::change::RequestedChange;
use super::form_upload;
use super::handler::{Answer, Context, Handler, Methods, Worked};
use super::static_files::{Dotfiles, Mapping};
use super::{BodyPolicy, OwnedResponse, RequestBody, Response};
use crate::files::{Attempt, Obstacle, SpoolPlace, Stored, Upload, WritableRoot, WriteError};
use crate::http::conditional::Preconditions;
use crate::http::target::encode_path;
use crate::http::{HeaderName, Method, Request, Status};

/// A handler that lets clients put files into a [`WritableRoot`] and remove them. It stands beside
/// the [`StaticFiles`](super::StaticFiles) of the same root, which send them.
///
/// - **PUT** stores what comes with it at the path: 201 with `Location` and `ETag`, or 204 with `ETag`
///   where there was a file before. 409 where a directory is missing or something is in the way, 411
///   without a length, 413 for more than [`file_bytes_max`](crate::files::WriteRules::file_bytes_max),
///   400 for a part of a file, 415 for content in a coding, 507 where there is no room.
/// - **DELETE** removes the file, or with a slash at the end of the path an empty directory: 204.
/// - **POST** of a form stores its files in the directory that the path names, under the names that
///   the client has for them: 201 with their paths, one a line, or where the client asks for HTML, 303
///   to the directory. A browser on a page of another origin is refused. If one of the files cannot be
///   stored, none is. Files of one name in one form are all kept: `x.jpg`, `x (2).jpg`, ….
///
/// A refusal says why, to the client and in the log.
///
/// `If-Match`, `If-None-Match` and `If-Unmodified-Since` are judged in the moment of the change: who
/// sends with a change the entity tag that he has seen overwrites nobody's work.
///
/// ```no_run
/// use httpd::files::{WritableRoot, WriteRules};
/// use httpd::{Method, Root, Site, StaticFiles, Store};
/// let root = Root::open("drop")?;
/// let store = Store::new(WritableRoot::new(root.clone(), WriteRules::default()));
/// let site = Site::new()
///     .at("/drop/", StaticFiles::new(root))
///     .at("/drop/", store.methods(&[Method::Put, Method::Delete, Method::Post]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Store {
    pub(super) root: WritableRoot,
    methods: Methods,
    mapping: Mapping,
    pub(super) dotfiles: Dotfiles,
    pub(super) on_conflict: OnConflict,
}

/// What becomes of a file that has the name of one that comes with a form. (PUT says it for itself,
/// with `If-Match` or `If-None-Match: *`.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It stays, and the form is refused with 409: nothing in a form says that its sender knows of it.
    #[default]
    Keep,
    /// It is replaced.
    Replace,
}

impl Store {
    /// PUT and DELETE beneath this root.
    pub fn new(root: WritableRoot) -> Store {
        Store {
            root,
            methods: Methods::of(&[Method::Put, Method::Delete]),
            mapping: Mapping::default(),
            dotfiles: Dotfiles::default(),
            on_conflict: OnConflict::default(),
        }
    }

    /// Which of PUT, DELETE and POST it takes; others are left out. Default: PUT and DELETE.
    pub fn methods(mut self, methods: &[Method]) -> Store {
        let taken =
            |method: &&Method| matches!(method, Method::Put | Method::Delete | Method::Post);
        self.methods = Methods::of(&methods.iter().filter(taken).copied().collect::<Vec<_>>());
        self
    }

    /// Which part of the path names the file. Default: [`Mapping::Alias`].
    pub fn mapping(mut self, mapping: Mapping) -> Store {
        self.mapping = mapping;
        self
    }

    /// Whether names that begin with a dot may be stored and removed. Default: [`Dotfiles::Deny`].
    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> Store {
        self.dotfiles = dotfiles;
        self
    }

    /// What becomes of files that have the name of one in a form. Default: [`OnConflict::Keep`].
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Store {
        self.on_conflict = on_conflict;
        self
    }

    /// The path of the file beneath the root, if it is not hidden.
    pub(super) fn path<'r>(&self, request: &'r Request<'_>) -> Option<&'r [u8]> {
        let path = self.mapping.path_of(request);
        if self.dotfiles.hides(path) {
            log::debug!("{} cannot be changed: it is a dotfile, or below one", path.escape_ascii());
            return None;
        }
        Some(path.strip_prefix(b"/").unwrap_or(path))
    }

    /// The path that a PUT stores at, if the request is one that can be done at all.
    fn path_to_put<'r>(&self, request: &'r Request<'_>) -> Result<&'r [u8], Box<Response>> {
        let change = || RequestedChange::of(request);
        let refuse = |status, reason| Box::new(change().refuse(status, reason).into());
        let failed = |error| Box::new(change().failed(error).into());
        let path = self.path(request).ok_or_else(|| refuse(Status::FORBIDDEN, HIDDEN))?;
        if path.is_empty() || path.ends_with(b"/") {
            return Err(failed(WriteError::Conflict(Obstacle::Directory)));
        }
        WritableRoot::check_path(path).map_err(failed)?;
        // RFC 9110 §9.3.4: what comes is a part of the file, and would be taken for all of it.
        if request.header("Content-Range").is_some() {
            let reason = "a part of a file (Content-Range) cannot be stored";
            return Err(refuse(Status::BAD_REQUEST, reason));
        }
        check_content(request)?;
        self.check_length(request)?;
        Ok(path)
    }

    /// Refuses content that announces itself to be too large, with the bound.
    pub(super) fn check_length(&self, request: &Request<'_>) -> Result<(), Box<Response>> {
        let bytes_max = self.root.rules().file_bytes_max;
        match announced_length(request) {
            Some(length) if length > bytes_max => {
                let reason =
                    format!("{length} bytes are too many; at most {bytes_max} are accepted");
                let response =
                    RequestedChange::of(request).refuse(Status::CONTENT_TOO_LARGE, &reason);
                Err(Box::new(response.into()))
            }
            _ => Ok(()),
        }
    }

    fn policy_of_put(&self, request: &Request<'_>) -> Result<BodyPolicy, Box<Response>> {
        let path = self.path_to_put(request)?;
        // A refusal before the content costs the connection: it has to be worth it.
        let length = announced_length(request);
        let asks_first = request.first(HeaderName::Expect).is_some();
        if asks_first || length.is_none_or(|length| length > WORTH_REFUSING_BYTES) {
            let preconditions = Preconditions::of(request);
            self.root
                .precheck(path, length, &preconditions)
                .map_err(|error| RequestedChange::of(request).failed(error).into())
                .map_err(Box::<Response>::new)?;
        }
        Ok(BodyPolicy::Collect {
            memory_bytes_max: None,
            bytes_max: self.root.rules().file_bytes_max,
            place: SpoolPlace::Root { root: self.root.clone(), path: path.to_vec() },
        })
    }

    fn put(
        &self,
        request: &Request<'_>,
        context: &mut Context<'_>,
    ) -> Result<Answer, Box<Response>> {
        let path = self.path_to_put(request)?.to_vec();
        let location = encoded(request.path());
        let root = self.root.clone();
        let preconditions = Preconditions::of(request);
        let change = RequestedChange::of(request);
        let mut content = Some(context.take_body());
        let mut upload = None;
        Ok(Answer::Blocking(Box::new(move |cancellation| {
            if cancellation.is_cancelled() {
                return Worked::Done(change.failed(WriteError::Busy));
            }
            if let Some(content) = content.take() {
                match begun(&root, &path, content) {
                    Ok(begun) => upload = Some(begun),
                    Err(error) => return Worked::Done(change.failed(error)),
                }
            }
            let Some(upload) = &mut upload else {
                return Worked::Done(change.failed(WriteError::Busy));
            };
            let stored = upload.try_commit(&preconditions);
            attempted(stored, &change, |stored| put_response(&stored, &location))
        })))
    }

    fn delete(&self, request: &Request<'_>) -> Result<Answer, Box<Response>> {
        let path = self.path(request).ok_or_else(|| Response::new(Status::NOT_FOUND))?.to_vec();
        let root = self.root.clone();
        let preconditions = Preconditions::of(request);
        let change = RequestedChange::of(request);
        let mut wait = root.lock_wait();
        Ok(Answer::Blocking(Box::new(move |cancellation| {
            if cancellation.is_cancelled() {
                return Worked::Done(change.failed(WriteError::Busy));
            }
            let removed = root.try_remove(&path, &preconditions, &mut wait);
            attempted(removed, &change, |()| OwnedResponse::new(Status::NO_CONTENT))
        })))
    }
}

/// What a try to change files comes to.
fn attempted<V>(
    attempt: Result<Attempt<V>, WriteError>,
    change: &RequestedChange,
    answer: impl FnOnce(V) -> OwnedResponse,
) -> Worked {
    match attempt {
        Ok(Attempt::Done(value)) => Worked::Done(answer(value)),
        Ok(Attempt::Locked(pause)) => Worked::Later(pause),
        Err(error) => Worked::Done(change.failed(error)),
    }
}

impl Handler for Store {
    fn methods(&self) -> Methods {
        self.methods
    }

    fn body_policy(&self, request: &Request<'_>) -> BodyPolicy {
        let policy = match request.method() {
            Method::Put => self.policy_of_put(request),
            Method::Post => form_upload::policy(self, request),
            _ => Ok(BodyPolicy::Discard),
        };
        policy.unwrap_or_else(BodyPolicy::Refuse)
    }

    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        let answer = match request.method() {
            Method::Put => self.put(request, context),
            Method::Post => form_upload::answer(self, request, context),
            _ => self.delete(request),
        };
        answer.unwrap_or_else(|response| Answer::Ready(*response))
    }
}

/// What no content may be that is stored: of unknown end, or in a coding.
pub(super) fn check_content(request: &Request<'_>) -> Result<(), Box<Response>> {
    // A client of HTTP/1.0 may end its content by closing: to this server there is none, and the file
    // would be emptied (RFC 9110 §15.5.12).
    let is_framed = [HeaderName::ContentLength, HeaderName::TransferEncoding]
        .into_iter()
        .any(|name| request.first(name).is_some());
    if !is_framed {
        let reason = "the content has no length (Content-Length)";
        return Err(Box::new(
            RequestedChange::of(request).refuse(Status::LENGTH_REQUIRED, reason).into(),
        ));
    }
    // It would be sent as if it had none (RFC 9110 §15.5.16, §12.5.3).
    match request.header("Content-Encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => {
            let reason = "content in a coding (Content-Encoding) cannot be stored";
            let response =
                RequestedChange::of(request).refuse(Status::UNSUPPORTED_MEDIA_TYPE, reason);
            Err(Box::new(response.header("Accept-Encoding", "identity").into()))
        }
        _ => Ok(()),
    }
}

fn announced_length(request: &Request<'_>) -> Option<u64> {
    std::str::from_utf8(request.first(HeaderName::ContentLength)?).ok()?.parse().ok()
}

/// A file that holds this content, and waits to be put in its place.
fn begun(root: &WritableRoot, path: &[u8], content: RequestBody) -> Result<Upload, WriteError> {
    let content = match content {
        RequestBody::Spooled(spool) => {
            return Ok(spool.into_upload().expect("its policy has it spooled in the root"));
        }
        content => content,
    };
    let mut upload = root.upload(path)?;
    let bytes_max = usize::try_from(root.rules().file_bytes_max).unwrap_or(usize::MAX);
    upload.write(&content.into_bytes(bytes_max)?)?;
    Ok(upload)
}

/// RFC 9110 §9.3.4: the entity tag says that what was sent is what is there now, to the byte.
fn put_response(stored: &Stored, location: &[u8]) -> OwnedResponse {
    let response = if stored.created {
        OwnedResponse::new(Status::CREATED).header("Location", location)
    } else {
        OwnedResponse::new(Status::NO_CONTENT)
    };
    response.header("ETag", stored.version.etag().as_bytes())
}

/// A path as it stands in a URI.
pub(super) fn encoded(path: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(path.len());
    encode_path(path, &mut encoded);
    encoded
}

/// Why a name that begins with a dot is refused.
pub(super) const HIDDEN: &str = "names that begin with a dot are not accepted";

/// Less than this a client has sent before it reads an answer.
const WORTH_REFUSING_BYTES: u64 = 64 * 1024;
