//! Files that come with a form: POST of `multipart/form-data` (RFC 7578) to a directory.
//!
//! The whole form is first collected into a file without a name in the directory where its files will be stored, so
//! that a slow client occupies no thread. It must never know the syntax of forms.
//!
//! The handler is here; a form at a time is a [`Task`], by the limits and rules of the handler.

mod refusal;
mod task;

use super::change::RequestedChange;
use super::dotfiles::Dotfiles;
use super::gate::Gate;
use super::handler::{Answer, Context, Decision, Handler};
use super::job::Worked;
use super::mapping::Mapping;
use super::methods::Methods;
use super::redirect_page::page;
use super::request_body::BodyUse;
use super::store_rules::{HIDDEN, StoreRules, check_body, encoded};
use super::{BodyPolicy, Request, Response};
use crate::files::{SpoolPlace, Stored, WritableRoot};
use crate::http::conditional::{Judgement, Preconditions};
use crate::http::form::{FormReader, FormReaderLimits};
use crate::http::{HeaderName, Method, Status, origin};
use task::{FormStage, FormStep, IncomingFile, Task};

/// A handler that stores the files of forms in a directory of a [`WritableRoot`].
///
/// **POST** of `multipart/form-data` stores the files of the form in the directory at the path, under the names that
/// the client gives them: 201 with one path per line, or 303 to the directory if the client asks for HTML. A form
/// from a page of another origin is refused. If one of the files cannot be stored, none is. Files of the same name in
/// one form are all kept: `x.jpg`, `x (2).jpg`, …. A refusal gives its reason to the client and in the log.
///
/// Put [`Store`](super::Store) with the same root at the same location to take PUT and DELETE, and
/// [`StaticFiles`](super::StaticFiles) to send the files.
///
/// ```no_run
/// use httpd::{FormUpload, Root, Site, StaticFiles, WritableRoot, WriteRules};
/// let root = Root::open("drop")?;
/// let forms = FormUpload::new(WritableRoot::new(root.clone(), WriteRules::default()));
/// let site = Site::new().at("/drop/", StaticFiles::new(root)).at("/drop/", forms);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FormUpload {
    rules: StoreRules,
    on_conflict: OnConflict,
}

/// What happens when a file of a form has the name of an existing file. (A PUT decides for itself, with `If-Match`
/// or `If-None-Match: *`.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The existing file stays, and the form is refused with 409: a form cannot say that its sender knows of it.
    #[default]
    Keep,
    /// The existing file is replaced.
    Replace,
}

impl FormUpload {
    /// Takes forms for the directories beneath this root.
    pub fn new(root: WritableRoot) -> FormUpload {
        FormUpload { rules: StoreRules::new(root), on_conflict: OnConflict::default() }
    }

    /// Which part of the path names the directory. Default: [`Mapping::Alias`].
    pub fn mapping(mut self, mapping: Mapping) -> FormUpload {
        self.rules.mapping = mapping;
        self
    }

    /// Whether files may have names that begin with a dot. Default: [`Dotfiles::Deny`].
    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> FormUpload {
        self.rules.dotfiles = dotfiles;
        self
    }

    /// What happens when a file of a form has the name of an existing file. Default: [`OnConflict::Keep`].
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> FormUpload {
        self.on_conflict = on_conflict;
        self
    }

    /// Keeps clients from storing files that say how the root is served.
    #[cfg(feature = "cli")]
    pub(crate) fn host_files(mut self, has_host_files: bool) -> FormUpload {
        self.rules.has_host_files = has_host_files;
        self
    }

    fn policy(&self, request: &Request<'_>) -> Result<BodyPolicy, Box<Response>> {
        let directory = self.directory(request)?;
        let rules = &self.rules;
        Ok(BodyPolicy(BodyUse::Collect {
            memory_bytes_max: None,
            bytes_max: rules.root.rules().file_bytes_max,
            // The name does not matter: this file never gets it.
            place: SpoolPlace::Root {
                root: rules.root.clone(),
                path: beneath(&directory, b"form"),
            },
        }))
    }

    /// Stores the files of a form, all or none of them.
    fn store(&self, request: &Request<'_>) -> Result<Answer, Box<Response>> {
        let task = Task {
            root: self.rules.root.clone(),
            directory: self.directory(request)?,
            dotfiles: self.rules.dotfiles,
            has_host_files: self.rules.has_host_files,
            on_conflict: self.on_conflict,
            content_type: request
                .as_head()
                .first(HeaderName::ContentType)
                .unwrap_or_default()
                .to_vec(),
            gate: Gate::of(request),
        };
        let path = request.path_bytes().strip_suffix(b"/").unwrap_or(request.path_bytes());
        let location = encoded(&[path, b"/"].concat());
        let change = RequestedChange::of(request);
        let mut stage = Some(FormStage::Reading(request.take_body()));
        Ok(Answer(Decision::Blocking(Box::new(move |cancellation| {
            while let Some(now) = stage.take() {
                match task.go_on(now, cancellation) {
                    FormStep::Stage(next) => stage = Some(next),
                    FormStep::Wait(next, pause) => {
                        stage = Some(next);
                        return Worked::Later(pause);
                    }
                    FormStep::Stored(files) => {
                        return Worked::Done(stored_response(&files, &location, change.wants_html));
                    }
                    FormStep::Refused(refusal) => return Worked::Done(refusal.response(&change)),
                }
            }
            Worked::Done(Response::new(Status::INTERNAL_SERVER_ERROR))
        }))))
    }

    /// The directory beneath the root that the request names, if its head allows to store there.
    fn directory(&self, request: &Request<'_>) -> Result<Vec<u8>, Box<Response>> {
        let change = || RequestedChange::of(request);
        let refuse = |status, reason: &str| Box::<Response>::new(change().refuse(status, reason));
        let failed = |error| Box::<Response>::new(change().failed(error));
        // Any page may send a form anywhere: browsers ask the server first for PUT and DELETE only.
        if origin::is_other(request.as_head()) {
            let reason = "the form comes from a page of another origin";
            return Err(refuse(Status::FORBIDDEN, reason));
        }
        let path = self.rules.path(request).ok_or_else(|| refuse(Status::FORBIDDEN, HIDDEN))?;
        let directory = path.strip_suffix(b"/").unwrap_or(path);
        if !directory.is_empty() {
            WritableRoot::check_path(directory).map_err(failed)?;
        }
        let content_type = request.as_head().first(HeaderName::ContentType).unwrap_or_default();
        if let Err(error) = FormReader::new(content_type, LIMITS) {
            // RFC 9110 §15.5.16.
            let response = change().refuse(Status::UNSUPPORTED_MEDIA_TYPE, &error.to_string());
            return Err(Box::new(response.header("Accept", "multipart/form-data")));
        }
        check_body(request)?;
        self.rules.check_length(request)?;
        // A directory has no version that could match.
        if Preconditions::of(request.as_head()).judge(None) == Judgement::Failed {
            let reason = "a directory has no version; send the form without If-Match";
            return Err(refuse(Status::PRECONDITION_FAILED, reason));
        }
        Ok(directory.to_vec())
    }
}

impl Handler for FormUpload {
    fn methods(&self) -> Methods {
        Methods::of(&[Method::Post])
    }

    fn body_policy(&self, request: &Request<'_>) -> BodyPolicy {
        self.policy(request).unwrap_or_else(|response| BodyPolicy::refuse(*response))
    }

    fn answer(&self, request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        self.store(request).unwrap_or_else(|response| (*response).into())
    }
}

/// RFC 9110 §9.3.3, §15.4.4.
fn stored_response(files: &[IncomingFile<Stored>], location: &[u8], wants_html: bool) -> Response {
    if wants_html {
        let page = page("See Other", "The files are at", location);
        return Response::html(page).status(Status::SEE_OTHER).header("Location", location);
    }
    let paths: Vec<Vec<u8>> =
        files.iter().map(|it| [location, &encoded(&it.name)].concat()).collect();
    let lines: Vec<u8> = paths.iter().flat_map(|path| [&path[..], b"\n"].concat()).collect();
    let response = Response::bytes("text/plain; charset=utf-8", lines);
    if files.iter().all(|it| !it.file.created) {
        return response;
    }
    match &paths[..] {
        [path] => response.status(Status::CREATED).header("Location", path),
        _ => response.status(Status::CREATED),
    }
}

fn beneath(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// Each file of a form is open until all of them are complete.
const LIMITS: FormReaderLimits = FormReaderLimits { parts_max: 128, head_bytes_max: 8 * 1024 };
