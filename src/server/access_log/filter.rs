//! Which responses have no line.

use super::subject::Subject;
use crate::site::rules::glob::Glob;
use crate::site::rules::headers::Statuses;
use percent_encoding::percent_decode;

/// The responses that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// To requests for these paths.
    pub paths: Vec<Glob>,
    /// With one of these statuses.
    pub statuses: Option<Statuses>,
}

impl Filter {
    /// Whether a response has a line.
    pub(super) fn passes(&self, subject: &Subject<'_>, scratch: &mut Vec<u8>) -> bool {
        let without = self.statuses.as_ref();
        if without.is_some_and(|statuses| statuses.contains(subject.status).is_some()) {
            return false;
        }
        if self.paths.is_empty() {
            return true;
        }
        let Some(raw) = subject.raw_path() else { return true };
        let path = match memchr::memchr(b'%', raw) {
            None => raw,
            Some(_) => {
                scratch.clear();
                scratch.extend(percent_decode(raw));
                scratch
            }
        };
        !self.paths.iter().any(|glob| glob.matches(path))
    }
}
