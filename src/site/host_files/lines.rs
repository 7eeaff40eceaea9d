//! The lines of a file of rules, and what is wrong with them.
//!
//! It must never know what a rule looks like.

use std::path::Path;

/// What is wrong with a file: a reason for each line that is left out.
#[derive(Debug, Default)]
pub(crate) struct LineErrors {
    /// Line numbers, counted from 1, and reasons.
    shown: Vec<(usize, String)>,
    /// How many more there are.
    more: usize,
}

impl LineErrors {
    pub(super) fn note(&mut self, line: usize, why: impl Into<String>) {
        match self.shown.len() < SHOWN_MAX {
            true => self.shown.push((line, why.into())),
            false => self.more += 1,
        }
    }

    /// What to say of them, each with the name of the file and the number of the line.
    pub(super) fn texts(&self, path: &Path) -> impl Iterator<Item = String> {
        let path = path.display().to_string();
        let more =
            (self.more > 0).then(|| format!("{path}: {} more lines are left out", self.more));
        let of = move |(line, why): &(usize, String)| {
            format!("{path}:{line}: {why}; the line is left out")
        };
        self.shown.iter().map(of).chain(more)
    }

    /// The numbers of the lines.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn lines(&self) -> impl Iterator<Item = usize> {
        self.shown.iter().map(|(line, _)| *line)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[(usize, String)] {
        &self.shown
    }
}

/// The lines of a text with their numbers, without blank ones and comments. Lines that cannot be read are noted.
pub(super) fn lines<'t>(text: &'t [u8], errors: &mut LineErrors) -> Vec<(usize, &'t str)> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = Vec::new();
    for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let number = place + 1;
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if line.len() > LINE_BYTES_MAX {
            errors.note(number, format!("it is longer than {LINE_BYTES_MAX} bytes"));
            continue;
        }
        match std::str::from_utf8(line) {
            Ok(line) if line.contains('\0') => errors.note(number, "it holds a NUL"),
            Ok(line) => lines.push((number, line)),
            Err(_) => errors.note(number, "it is not UTF-8"),
        }
    }
    lines
}

/// So many lines tell enough.
const SHOWN_MAX: usize = 20;

/// A content security policy may be long.
const LINE_BYTES_MAX: usize = 8192;

/// How many rules a file may have.
pub(super) const RULES_MAX: usize = 10_000;
