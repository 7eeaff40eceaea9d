//! The files of a form, from its collected body to their names: all of them are stored, or none.

use super::refusal::Refusal;
use super::{LIMITS, OnConflict, beneath};
use crate::files::{
    Attempt, LockWait, Stored, Upload, WritableRoot, WriteError, name_from_client, numbered,
};
use crate::http::conditional::Preconditions;
use crate::http::form::{Event, FormReader, PartHead};
use crate::http::{Cancellation, ETag};
use crate::site::dotfiles::is_host_file;
use crate::site::gate::Gate;
use crate::site::permit::{Check, Checked, Permit};
use crate::site::{Dotfiles, RequestBody};
use crate::sys::descriptors::Extra;
use std::io::Read;
use std::time::Duration;

/// What it takes to store a form.
pub(super) struct Task {
    pub(super) root: WritableRoot,
    pub(super) directory: Vec<u8>,
    pub(super) dotfiles: Dotfiles,
    pub(super) has_host_files: bool,
    pub(super) on_conflict: OnConflict,
    pub(super) content_type: Vec<u8>,
    /// Which of its files the client may store.
    pub(super) gate: Gate,
}

/// A file of a form.
pub(super) struct IncomingFile<U> {
    /// The name that the client gave it.
    asked: Vec<u8>,
    pub(super) name: Vec<u8>,
    /// 1 while the name is the one that the client gave; with any other name it never replaces a file.
    number: u32,
    /// First an [`Upload`], then [`Stored`].
    pub(super) file: U,
    /// The file is open until the whole form is stored.
    descriptor: Extra,
}

/// How far a form has come, in the order lived.
pub(super) enum FormStage {
    Reading(RequestBody),
    /// Whether the client may store the files, those from this place on.
    Asking(Vec<IncomingFile<Upload>>, usize, Option<Check>),
    /// The files that are complete, the last one first, and those that have their names.
    Committing(Vec<IncomingFile<Upload>>, Vec<IncomingFile<Stored>>),
    /// One of the files was refused: those before it are removed again.
    TakingBack(Vec<IncomingFile<Stored>>, Option<LockWait>, Refusal),
}

/// What comes after a stage.
pub(super) enum FormStep {
    Stage(FormStage),
    /// The directory is locked, or others have their turn: try again after a pause.
    Wait(FormStage, Duration),
    Stored(Vec<IncomingFile<Stored>>),
    Refused(Refusal),
}

impl Task {
    pub(super) fn go_on(&self, stage: FormStage, cancellation: &Cancellation) -> FormStep {
        match stage {
            FormStage::Reading(body) => match self.read(body, cancellation) {
                Ok(files) => FormStep::Stage(FormStage::Asking(files, 0, None)),
                Err(refusal) => FormStep::Refused(refusal),
            },
            FormStage::Asking(files, place, check) => self.ask(files, place, check, cancellation),
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
        let is_for_server = self.has_host_files && self.directory.is_empty() && is_host_file(name);
        if is_for_server || self.dotfiles.hides_name(name) {
            return Err(Refusal::Hidden(name.to_vec()));
        }
        let is_known = |name: &[u8]| before.iter().any(|it| it.name == name);
        let is_taken = |name: &[u8]| is_known(name) || !self.gate.is_open(name);
        let asked = name.to_vec();
        let mut number = 1;
        let name =
            if is_known(name) { next_name(name, &mut number, is_taken) } else { asked.clone() };
        let descriptor = Extra::take().ok_or_else(|| of_this(WriteError::Busy))?;
        let file = self.root.upload(&beneath(&self.directory, &name)).map_err(of_this)?;
        Ok(Some(IncomingFile { asked, name, number, file, descriptor }))
    }

    /// Asks whether the client may store the next file, as if it had named its path.
    fn ask(
        &self,
        mut files: Vec<IncomingFile<Upload>>,
        place: usize,
        check: Option<Check>,
        cancellation: &Cancellation,
    ) -> FormStep {
        let Some(file) = files.get(place) else {
            files.reverse();
            return FormStep::Stage(FormStage::Committing(files, Vec::new()));
        };
        let permit = check.map_or_else(|| self.gate.store(&file.name), Permit::Check);
        let (next, check) = match permit {
            Permit::Granted => (place + 1, None),
            Permit::Refused(response) => {
                return FormStep::Refused(Refusal::NotPermitted(file.name.clone(), response));
            }
            Permit::Check(mut check) => match check(cancellation) {
                // Several may guard it.
                Checked::Passed => (place, None),
                Checked::Refused(response) => {
                    return FormStep::Refused(Refusal::NotPermitted(file.name.clone(), response));
                }
                Checked::Later(pause) => {
                    return FormStep::Wait(FormStage::Asking(files, place, Some(check)), pause);
                }
            },
        };
        FormStep::Stage(FormStage::Asking(files, next, check))
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
                    files.iter().any(|it| it.name == name)
                        || done.iter().any(|it| it.name == name)
                        || !self.gate.is_open(name)
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
        // Without a tag nobody can say that it is unchanged.
        let tag = sent.file.version.etag().map_or(&b""[..], ETag::as_bytes);
        let unchanged = Preconditions::if_match(tag);
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

/// How many names are tried for a file that has the name of an earlier one.
const NUMBER_MAX: u32 = 1000;

const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
