//! Opens the directories that are served, so that a missing one is reported before anything starts.

use std::path::{Path, PathBuf};

use super::errors::Errors;
use super::origin::{Origin, Written};
use crate::files::Root;

/// The directories that could be opened.
pub(super) struct Roots<'a> {
    /// What a relative path starts from.
    pub(super) base: &'a Path,
    /// Each once.
    pub(super) paths: Vec<PathBuf>,
}

/// The root of a location that sets none.
#[derive(Clone)]
pub(super) enum Inherited {
    Nothing,
    /// It cannot be opened, which has been reported.
    Invalid,
    Root(Root),
}

impl Inherited {
    pub(super) fn root(&self) -> Option<Root> {
        match self {
            Inherited::Root(root) => Some(root.clone()),
            Inherited::Nothing | Inherited::Invalid => None,
        }
    }
}

impl<'a> Roots<'a> {
    pub(super) fn new(base: &'a Path) -> Roots<'a> {
        Roots { base, paths: Vec::new() }
    }

    pub(super) fn open(&mut self, written: &Written<String>, errors: &mut Errors) -> Option<Root> {
        self.open_at(&self.base.join(&written.value), written.origin, errors)
    }

    pub(super) fn open_at(
        &mut self,
        path: &Path,
        origin: Origin,
        errors: &mut Errors,
    ) -> Option<Root> {
        match Root::try_open(path) {
            Ok(root) => {
                if !self.paths.iter().any(|known| known == root.path()) {
                    self.paths.push(root.path().to_owned());
                }
                Some(root)
            }
            Err(error) => {
                let text = path.to_string_lossy();
                let hint = match origin {
                    Origin::Given(_) if text.contains(':') && !text.contains('/') => {
                        format!("; to run an application, write --wsgi {text}")
                    }
                    Origin::Given(_) if text.parse::<u16>().is_ok() => {
                        format!("; to listen on port {text}, write -p {text}")
                    }
                    Origin::File(_) => "; set this key to the directory to serve".to_owned(),
                    _ => String::new(),
                };
                let why = error.reason();
                errors.note(origin, format!("cannot serve {path:?}: {why}{hint}"));
                None
            }
        }
    }
}
