//! Lets clients put files into a root and remove them: PUT and DELETE (RFC 9110 §9.3.4, §9.3.5).
//! [`FormUpload`](super::FormUpload) stores the files of forms; what both accept is in [`store_rules`](super::store_rules).
//!
//! It must never know how a body comes in, nor how a file gets its name.

use super::change::RequestedChange;
use super::dotfiles::Dotfiles;
use super::handler::{Answer, Context, Decision, Handler};
use super::job::Worked;
use super::mapping::Mapping;
use super::methods::Methods;
use super::request_body::{BodyStore, BodyUse};
use super::store_rules::{HIDDEN, StoreRules, announced_length, check_body, encoded};
use super::{BodyPolicy, Request, RequestBody, Response};
use crate::files::{Attempt, Obstacle, SpoolPlace, Stored, Upload, WritableRoot, WriteError};
use crate::http::conditional::Preconditions;
use crate::http::{HeaderName, Method, Status};

/// A handler that lets clients put files into a [`WritableRoot`] and remove them. Put
/// [`StaticFiles`](super::StaticFiles) with the same root at the same location to send them, and
/// [`FormUpload`](super::FormUpload) to store the files of forms.
///
/// - **PUT** stores the body as the file at the path: 201 with `Location` and `ETag`, or 204 with `ETag`
///   if it replaces a file. 409 if a directory is missing or something is in the way, 411
///   without a length, 413 for more than [`file_bytes_max`](crate::files::WriteRules::file_bytes_max),
///   400 for a part of a file, 415 for a body with a content coding, 507 if there is no room.
/// - **DELETE** removes the file, or an empty directory if the path ends with a slash: 204.
///
/// A refusal gives its reason to the client and in the log.
///
/// `If-Match`, `If-None-Match` and `If-Unmodified-Since` are evaluated at the moment of the change: a client that
/// sends the entity tag that it last saw overwrites no one else's work.
///
/// ```no_run
/// use httpd::{WritableRoot, WriteRules};
/// use httpd::{Root, Site, StaticFiles, Store};
/// let root = Root::open("drop")?;
/// let store = Store::new(WritableRoot::new(root.clone(), WriteRules::default()));
/// let site = Site::new()
///     .at("/drop/", StaticFiles::new(root))
///     .at("/drop/", store);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Store {
    methods: Methods,
    rules: StoreRules,
}

impl Store {
    /// Takes PUT and DELETE of the files beneath this root.
    pub fn new(root: WritableRoot) -> Store {
        Store { methods: Methods::of(&[Method::Put, Method::Delete]), rules: StoreRules::new(root) }
    }

    /// Which of PUT and DELETE it takes; others are left out. Default: both.
    pub fn methods(mut self, methods: &[Method]) -> Store {
        let taken = |method: &&Method| matches!(method, Method::Put | Method::Delete);
        self.methods = Methods::of(&methods.iter().filter(taken).copied().collect::<Vec<_>>());
        self
    }

    /// Which part of the path names the file. Default: [`Mapping::Alias`].
    pub fn mapping(mut self, mapping: Mapping) -> Store {
        self.rules.mapping = mapping;
        self
    }

    /// Whether names that begin with a dot may be stored and removed. Default: [`Dotfiles::Deny`].
    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> Store {
        self.rules.dotfiles = dotfiles;
        self
    }

    /// Keeps clients from storing files that say how the root is served.
    #[cfg(feature = "cli")]
    pub(crate) fn host_files(mut self, has_host_files: bool) -> Store {
        self.rules.has_host_files = has_host_files;
        self
    }

    /// The path that a PUT stores at, if its head allows it.
    fn path_to_put<'r>(&self, request: &'r Request<'_>) -> Result<&'r [u8], Box<Response>> {
        let change = || RequestedChange::of(request);
        let refuse = |status, reason| Box::new(change().refuse(status, reason));
        let failed = |error| Box::new(change().failed(error));
        let path = self.rules.path(request).ok_or_else(|| refuse(Status::FORBIDDEN, HIDDEN))?;
        if path.is_empty() || path.ends_with(b"/") {
            return Err(failed(WriteError::Conflict(Obstacle::Directory)));
        }
        WritableRoot::check_path(path).map_err(failed)?;
        // RFC 9110 §9.3.4: the body is a part of the file, and would be stored as all of it.
        if request.header_bytes("Content-Range").is_some() {
            let reason = "a part of a file (Content-Range) cannot be stored";
            return Err(refuse(Status::BAD_REQUEST, reason));
        }
        check_body(request)?;
        self.rules.check_length(request)?;
        Ok(path)
    }

    fn policy_of_put(&self, request: &Request<'_>) -> Result<BodyPolicy, Box<Response>> {
        let path = self.path_to_put(request)?;
        // A refusal before the body costs the connection, so it has to save something.
        let length = announced_length(request);
        let asks_first = request.as_head().first(HeaderName::Expect).is_some();
        if asks_first || length.is_none_or(|length| length > WORTH_REFUSING_BYTES) {
            let preconditions = Preconditions::of(request.as_head());
            self.rules
                .root
                .precheck(path, length, &preconditions)
                .map_err(|error| RequestedChange::of(request).failed(error))
                .map_err(Box::<Response>::new)?;
        }
        Ok(BodyPolicy(BodyUse::Collect {
            memory_bytes_max: None,
            bytes_max: self.rules.root.rules().file_bytes_max,
            place: SpoolPlace::Root { root: self.rules.root.clone(), path: path.to_vec() },
        }))
    }

    fn put(&self, request: &Request<'_>) -> Result<Answer, Box<Response>> {
        let path = self.path_to_put(request)?.to_vec();
        let location = encoded(request.path_bytes());
        let root = self.rules.root.clone();
        let preconditions = Preconditions::of(request.as_head());
        let change = RequestedChange::of(request);
        let mut body = Some(request.take_body());
        let mut upload = None;
        Ok(Answer(Decision::Blocking(Box::new(move |cancellation| {
            if cancellation.is_cancelled() {
                return Worked::Done(change.failed(WriteError::Busy));
            }
            if let Some(body) = body.take() {
                match begun(&root, &path, body) {
                    Ok(begun) => upload = Some(begun),
                    Err(error) => return Worked::Done(change.failed(error)),
                }
            }
            let Some(upload) = &mut upload else {
                return Worked::Done(change.failed(WriteError::Busy));
            };
            let stored = upload.try_commit(&preconditions);
            attempted(stored, &change, |stored| put_response(&stored, &location))
        }))))
    }

    fn delete(&self, request: &Request<'_>) -> Result<Answer, Box<Response>> {
        let path =
            self.rules.path(request).ok_or_else(|| Response::new(Status::NOT_FOUND))?.to_vec();
        let root = self.rules.root.clone();
        let preconditions = Preconditions::of(request.as_head());
        let change = RequestedChange::of(request);
        let mut wait = root.lock_wait();
        Ok(Answer(Decision::Blocking(Box::new(move |cancellation| {
            if cancellation.is_cancelled() {
                return Worked::Done(change.failed(WriteError::Busy));
            }
            let removed = root.try_remove(&path, &preconditions, &mut wait);
            attempted(removed, &change, |()| Response::new(Status::NO_CONTENT))
        }))))
    }
}

/// How far an attempt to change files has come.
fn attempted<V>(
    attempt: Result<Attempt<V>, WriteError>,
    change: &RequestedChange,
    answer: impl FnOnce(V) -> Response,
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
            _ => Ok(BodyPolicy::discard()),
        };
        policy.unwrap_or_else(|response| BodyPolicy::refuse(*response))
    }

    fn answer(&self, request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        let answer = match request.method() {
            Method::Put => self.put(request),
            _ => self.delete(request),
        };
        answer.unwrap_or_else(|response| (*response).into())
    }
}

/// A file with this body that has no name yet.
fn begun(root: &WritableRoot, path: &[u8], body: RequestBody) -> Result<Upload, WriteError> {
    let body = match body {
        RequestBody(BodyStore::Spooled(spool)) => {
            return Ok(spool.into_upload().expect("its policy spools it in the root"));
        }
        body => body,
    };
    let mut upload = root.upload(path)?;
    let bytes_max = usize::try_from(root.rules().file_bytes_max).unwrap_or(usize::MAX);
    upload.write(&body.into_bytes(bytes_max)?)?;
    Ok(upload)
}

/// RFC 9110 §9.3.4: the entity tag promises that the file is the body, byte for byte.
fn put_response(stored: &Stored, location: &[u8]) -> Response {
    let response = if stored.created {
        Response::new(Status::CREATED).header("Location", location)
    } else {
        Response::new(Status::NO_CONTENT)
    };
    match stored.version.etag() {
        Some(etag) => response.header("ETag", etag.as_bytes()),
        None => response,
    }
}

/// A client has sent a body smaller than this before it reads a response.
const WORTH_REFUSING_BYTES: u64 = 64 * 1024;
