//! Files that come with a form: POST of `multipart/form-data` (RFC 7578) to a directory.
//!
//! The whole form is first collected into a file without a name in the directory where its files will be stored, so
//! that a slow client occupies no thread. It must never know the syntax of forms.

mod refusal;

use super::change::RequestedChange;
use super::handler::{Answer, Decision, Worked};
use super::redirect;
use super::request_body::BodyUse;
use super::store_rules::{HIDDEN, OnConflict, StoreRules, check_body, encoded};
use super::{BodyPolicy, Dotfiles, Request, RequestBody, Response};
use crate::files::{
    Attempt, LockWait, SpoolPlace, Stored, Upload, WritableRoot, WriteError, name_from_client,
    numbered,
};
use crate::http::conditional::{Judgement, Preconditions};
use crate::http::form::{Event, FormReader, FormReaderLimits, PartHead};
use crate::http::{Cancellation, HeaderName, Status, origin};
use crate::sys::descriptors::Extra;
use refusal::Refusal;
use std::io::Read;
use std::time::Duration;

/// What becomes of the body of a form.
pub(super) fn policy(
    rules: &StoreRules,
    request: &Request<'_>,
) -> Result<BodyPolicy, Box<Response>> {
    let directory = directory(rules, request)?;
    Ok(BodyPolicy(BodyUse::Collect {
        memory_bytes_max: None,
        bytes_max: rules.root.rules().file_bytes_max,
        // The name does not matter: this file never gets it.
        place: SpoolPlace::Root { root: rules.root.clone(), path: beneath(&directory, b"form") },
    }))
}

/// Stores the files of a form, all or none of them.
pub(super) fn answer(rules: &StoreRules, request: &Request<'_>) -> Result<Answer, Box<Response>> {
    let task = Task {
        root: rules.root.clone(),
        directory: directory(rules, request)?,
        dotfiles: rules.dotfiles,
        on_conflict: rules.on_conflict,
        content_type: request.as_head().first(HeaderName::ContentType).unwrap_or_default().to_vec(),
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
fn directory(rules: &StoreRules, request: &Request<'_>) -> Result<Vec<u8>, Box<Response>> {
    let change = || RequestedChange::of(request);
    let refuse = |status, reason: &str| Box::<Response>::new(change().refuse(status, reason));
    let failed = |error| Box::<Response>::new(change().failed(error));
    // Any page may send a form anywhere: browsers ask the server first for PUT and DELETE only.
    if origin::is_other(request.as_head()) {
        let reason = "the form comes from a page of another origin";
        return Err(refuse(Status::FORBIDDEN, reason));
    }
    let path = rules.path(request).ok_or_else(|| refuse(Status::FORBIDDEN, HIDDEN))?;
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
    rules.check_length(request)?;
    // A directory has no version that could match.
    if Preconditions::of(request.as_head()).judge(None) == Judgement::Failed {
        let reason = "a directory has no version; send the form without If-Match";
        return Err(refuse(Status::PRECONDITION_FAILED, reason));
    }
    Ok(directory.to_vec())
}

/// What it takes to store a form.
struct Task {
    root: WritableRoot,
    directory: Vec<u8>,
    dotfiles: Dotfiles,
    on_conflict: OnConflict,
    content_type: Vec<u8>,
}

/// A file of a form.
struct IncomingFile<U> {
    /// The name that the client gave it.
    asked: Vec<u8>,
    name: Vec<u8>,
    /// 1 while the name is the one that the client gave; with any other name it never replaces a file.
    number: u32,
    /// First an [`Upload`], then [`Stored`].
    file: U,
    /// The file is open until the whole form is stored.
    descriptor: Extra,
}

/// How far a form has come, in the order lived.
enum FormStage {
    Reading(RequestBody),
    /// The files that are complete, the last one first, and those that have their names.
    Committing(Vec<IncomingFile<Upload>>, Vec<IncomingFile<Stored>>),
    /// One of the files was refused: those before it are removed again.
    TakingBack(Vec<IncomingFile<Stored>>, Option<LockWait>, Refusal),
}

/// What comes after a stage.
enum FormStep {
    Stage(FormStage),
    /// The directory is locked: try again after a pause.
    Wait(FormStage, Duration),
    Stored(Vec<IncomingFile<Stored>>),
    Refused(Refusal),
}

impl Task {
    fn go_on(&self, stage: FormStage, cancellation: &Cancellation) -> FormStep {
        match stage {
            FormStage::Reading(body) => match self.read(body, cancellation) {
                Ok(mut files) => {
                    files.reverse();
                    FormStep::Stage(FormStage::Committing(files, Vec::new()))
                }
                Err(refusal) => FormStep::Refused(refusal),
            },
            FormStage::Committing(files, done) if cancellation.is_cancelled() => {
                drop(files);
                FormStep::Stage(FormStage::TakingBack(done, None, Refusal::Cancelled))
            }
            FormStage::Committing(files, done) => self.commit(files, done),
            FormStage::TakingBack(done, wait, refusal) => self.take_back(done, wait, refusal),
        }
    }

    /// Reads the files of the form, which have no names yet. Small pieces are gathered before they are written.
    fn read(
        &self,
        mut body: RequestBody,
        cancellation: &Cancellation,
    ) -> Result<Vec<IncomingFile<Upload>>, Refusal> {
        let mut form = FormReader::new(&self.content_type, LIMITS)?;
        let mut files = Vec::new();
        let mut open: Option<IncomingFile<Upload>> = None;
        let mut gathered = Vec::with_capacity(BUFFER_BYTES);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            if cancellation.is_cancelled() {
                return Err(Refusal::Cancelled);
            }
            let count = body.read(&mut buffer)?;
            let mut input = &buffer[..count];
            while let Some(event) = form.read(&mut input)? {
                match (event, &mut open) {
                    (Event::Part(head), _) => open = self.begin(head, &files)?,
                    (Event::Data(bytes), Some(sent)) => {
                        if gathered.len() + bytes.len() > BUFFER_BYTES {
                            sent.write(&mut gathered)?;
                        }
                        gathered.extend_from_slice(bytes);
                    }
                    (Event::PartEnd, _) => {
                        if let Some(mut sent) = open.take() {
                            sent.write(&mut gathered)?;
                            files.push(sent);
                        }
                    }
                    (Event::Data(_) | Event::End, _) => {}
                }
            }
            if count == 0 {
                break;
            }
        }
        form.finish()?;
        if files.is_empty() { Err(Refusal::NoFiles) } else { Ok(files) }
    }

    /// Begins a file. `None`: the part is no file, but another field or an empty file field, which browsers send
    /// with an empty name.
    fn begin(
        &self,
        head: PartHead,
        before: &[IncomingFile<Upload>],
    ) -> Result<Option<IncomingFile<Upload>>, Refusal> {
        let Some(filename) = head.filename.filter(|filename| !filename.is_empty()) else {
            return Ok(None);
        };
        let of_this = |error| Refusal::File(filename.clone(), error);
        let name = name_from_client(&filename).map_err(WriteError::Name).map_err(of_this)?;
        if self.dotfiles.hides_name(name) {
            return Err(Refusal::Hidden(name.to_vec()));
        }
        let is_taken = |name: &[u8]| before.iter().any(|it| it.name == name);
        let asked = name.to_vec();
        let mut number = 1;
        let name =
            if is_taken(name) { next_name(name, &mut number, is_taken) } else { asked.clone() };
        let descriptor = Extra::take().ok_or_else(|| of_this(WriteError::Busy))?;
        let file = self.root.upload(&beneath(&self.directory, &name)).map_err(of_this)?;
        Ok(Some(IncomingFile { asked, name, number, file, descriptor }))
    }

    /// Gives the next file its name. If that is refused, the files before it are removed again, unless somebody has
    /// changed them; a file that was replaced cannot be restored.
    fn commit(
        &self,
        mut files: Vec<IncomingFile<Upload>>,
        mut done: Vec<IncomingFile<Stored>>,
    ) -> FormStep {
        let Some(mut sent) = files.pop() else {
            return FormStep::Stored(done);
        };
        let preconditions = match self.on_conflict {
            OnConflict::Replace if sent.number == 1 => Preconditions::none(),
            _ => Preconditions::if_none_match(b"*"),
        };
        match sent.file.try_commit(&preconditions) {
            Ok(Attempt::Done(file)) => {
                let IncomingFile { asked, name, number, descriptor, .. } = sent;
                done.push(IncomingFile { asked, name, number, file, descriptor });
                FormStep::Stage(FormStage::Committing(files, done))
            }
            Ok(Attempt::Locked(pause)) => {
                files.push(sent);
                FormStep::Wait(FormStage::Committing(files, done), pause)
            }
            // The client did not choose the number: the next one will do.
            Err(WriteError::PreconditionFailed(_)) if (2..NUMBER_MAX).contains(&sent.number) => {
                let is_taken = |name: &[u8]| {
                    files.iter().any(|it| it.name == name) || done.iter().any(|it| it.name == name)
                };
                sent.name = next_name(&sent.asked, &mut sent.number, is_taken);
                sent.file.rename(&sent.name);
                files.push(sent);
                FormStep::Stage(FormStage::Committing(files, done))
            }
            Err(error) => {
                let refusal = match error {
                    WriteError::PreconditionFailed(_) => Refusal::Taken(sent.name),
                    error => Refusal::File(sent.name, error),
                };
                FormStep::Stage(FormStage::TakingBack(done, None, refusal))
            }
        }
    }

    fn take_back(
        &self,
        mut done: Vec<IncomingFile<Stored>>,
        wait: Option<LockWait>,
        refusal: Refusal,
    ) -> FormStep {
        done.retain(|it| it.file.created);
        let Some(sent) = done.pop() else {
            return FormStep::Refused(refusal);
        };
        let unchanged = Preconditions::if_match(sent.file.version.etag().as_bytes());
        let path = beneath(&self.directory, &sent.name);
        let mut wait = wait.unwrap_or_else(|| self.root.lock_wait());
        match self.root.try_remove(&path, &unchanged, &mut wait) {
            Ok(Attempt::Locked(pause)) => {
                done.push(sent);
                FormStep::Wait(FormStage::TakingBack(done, Some(wait), refusal), pause)
            }
            removed => {
                if let Err(error) = removed {
                    log::debug!("cannot remove a file of a form that was refused: {error}");
                }
                FormStep::Stage(FormStage::TakingBack(done, Some(wait), refusal))
            }
        }
    }
}

impl IncomingFile<Upload> {
    /// Writes the gathered bytes.
    fn write(&mut self, gathered: &mut Vec<u8>) -> Result<(), Refusal> {
        let written = self.file.write(gathered);
        gathered.clear();
        written.map_err(|error| Refusal::File(self.name.clone(), error))
    }
}

/// The next free name for a file that has the name of an earlier one: some phones call every picture
/// `image.jpg`.
fn next_name(asked: &[u8], number: &mut u32, is_taken: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    loop {
        *number += 1;
        let name = numbered(asked, *number);
        if !is_taken(&name) {
            return name;
        }
    }
}

/// RFC 9110 §9.3.3, §15.4.4.
fn stored_response(files: &[IncomingFile<Stored>], location: &[u8], wants_html: bool) -> Response {
    if wants_html {
        let page = redirect::page("See Other", "The files are at", location);
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

/// How many names are tried for a file that has the name of an earlier one.
const NUMBER_MAX: u32 = 1000;

const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
