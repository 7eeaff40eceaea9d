//! The errors of a configuration, as they are found. Reading goes on after each.

use std::collections::BTreeSet;

use super::origin::{LocatedError, Origin};
use super::value::Value;

/// A key that its section does not have.
#[derive(Debug)]
pub(super) struct UnknownKey {
    /// The section as it is written, such as `[log]`; empty for the top of the file.
    pub(super) section: &'static str,
    pub(super) name: String,
    pub(super) origin: Origin,
}

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) list: Vec<LocatedError>,
    /// Keys that their section does not have. `list` has no error for them until all sections are known.
    pub(super) unknown: Vec<UnknownKey>,
    /// Sections with an unknown key that resembles no other: their keys are listed once, at the end.
    pub(super) puzzling: BTreeSet<&'static str>,
    /// What was probably not meant, but can be done.
    pub(super) warnings: Vec<LocatedError>,
}

impl Errors {
    pub(super) fn note(&mut self, origin: Origin, message: impl Into<String>) {
        self.list.push(LocatedError { origin, message: message.into() });
    }

    pub(super) fn warn(&mut self, origin: Origin, message: String) {
        self.warnings.push(LocatedError { origin, message });
    }

    /// Adds a warning, unless there is one at the same place.
    pub(super) fn warn_once(&mut self, origin: Origin, message: String) {
        if !self.warnings.iter().any(|known| known.origin == origin) {
            self.warnings.push(LocatedError { origin, message });
        }
    }

    /// Whether one of them mentions this key.
    pub(super) fn mention(&self, key: &str) -> bool {
        self.list.iter().any(|error| error.message.contains(key))
    }

    pub(super) fn has_one_at(&self, origin: Origin) -> bool {
        self.list.iter().any(|error| error.origin == origin)
    }

    /// Adds syntax errors. The parser guesses at the rest of such a line, so other errors in that line are
    /// dropped.
    pub(super) fn add_syntax(&mut self, text: &str, syntax: Vec<LocatedError>) {
        let line = |error: &LocatedError| match error.origin {
            Origin::File(at) => text.get(..at).map(|before| before.matches('\n').count()),
            _ => None,
        };
        let broken: Vec<_> = syntax.iter().map(line).collect();
        self.list.retain(|error| !broken.contains(&line(error)));
        self.list.extend(syntax);
    }

    pub(super) fn take<T>(&mut self, read: Result<T, LocatedError>) -> Option<T> {
        read.map_err(|error| self.list.push(error)).ok()
    }

    pub(super) fn set<T>(&mut self, slot: &mut T, read: Result<T, LocatedError>) {
        if let Some(value) = self.take(read) {
            *slot = value;
        }
    }

    /// Reads each item of an array, or a value without brackets; items with an error are left out.
    pub(super) fn take_each<'d, T>(
        &mut self,
        value: Value<'d>,
        read: impl Fn(Value<'d>) -> Result<T, LocatedError>,
    ) -> Vec<T> {
        value.items().into_iter().filter_map(|item| self.take(read(item))).collect()
    }
}
