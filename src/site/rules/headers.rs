//! Headers that responses get or lose, by the path of the request and by the status.
//!
//! It must never know how they were written.

use super::glob::Glob;
use crate::http::{Headers, Status};

/// What happens to the headers of some responses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeaderRule {
    /// `None`: every path.
    pub(crate) path: Option<Glob>,
    pub(crate) statuses: Statuses,
    pub(crate) remove: Vec<String>,
    /// In place of those with the same name.
    pub(crate) set: Vec<(String, Vec<String>)>,
    /// Beside those with the same name.
    pub(crate) add: Vec<(String, Vec<String>)>,
    /// Where in the configuration it was written.
    pub(crate) written_at: usize,
}

/// Some statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statuses {
    /// Whether it is one of a class, by its first digit.
    classes: [bool; 6],
    codes: Vec<u16>,
    is_all: bool,
}

impl Statuses {
    /// Every status.
    pub(crate) fn all() -> Statuses {
        Statuses { is_all: true, ..Statuses::default() }
    }

    /// Adds `"4xx"` or `404`.
    ///
    /// # Errors
    /// When it is neither.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), NoStatus> {
        match text.as_bytes() {
            [digit @ b'2'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                self.classes[usize::from(digit - b'0')] = true;
            }
            [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] => {
                self.codes.push(text.parse().map_err(|_| NoStatus)?);
            }
            _ => return Err(NoStatus),
        }
        Ok(())
    }

    /// How precisely it names a status: as itself, by its class, as any, or not at all.
    pub(crate) fn contains(&self, status: Status) -> Option<Precision> {
        let code = status.code();
        if self.codes.contains(&code) {
            return Some(Precision::Code);
        }
        if self.classes.get(usize::from(code / 100)).is_some_and(|&is| is) {
            return Some(Precision::Class);
        }
        self.is_all.then_some(Precision::All)
    }
}

/// A text is no status and no class of statuses.
#[derive(Debug)]
pub(crate) struct NoStatus;

/// How precisely a status is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    All,
    Class,
    Code,
}

impl HeaderRule {
    /// Whether it is for responses with this status.
    pub(super) fn is_for(&self, status: Status) -> bool {
        let is_304 = status == Status::NOT_MODIFIED;
        let stands_for = if is_304 { Status::OK } else { status };
        self.statuses.contains(status).or(self.statuses.contains(stands_for)).is_some()
    }

    /// Changes the headers of a response with this status.
    ///
    /// 304 counts as the 200 that it stands for (RFC 9110 §15.4.5), and gets no header that describes a body.
    pub(crate) fn change(&self, status: Status, headers: &mut Headers) {
        if !self.is_for(status) {
            return;
        }
        let is_304 = status == Status::NOT_MODIFIED;
        let is_fit =
            |name: &str| !is_304 || !DESCRIBE_A_BODY.iter().any(|it| it.eq_ignore_ascii_case(name));
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, values) in self.set.iter().filter(|(name, _)| is_fit(name)) {
            headers.remove(name);
            add(headers, name, values);
        }
        for (name, values) in self.add.iter().filter(|(name, _)| is_fit(name)) {
            add(headers, name, values);
        }
    }
}

fn add(headers: &mut Headers, name: &str, values: &[String]) {
    for value in values {
        if headers.add(name, value).is_err() {
            debug_assert!(false, "{name} was checked when the configuration was loaded");
        }
    }
}

/// Says that a response depends on a header of the request (RFC 9110 §12.5.5), in one line with the others.
pub(crate) fn vary(headers: &mut Headers, name: &'static str) {
    let lines = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(b"Vary"));
    let mut said: Vec<&[u8]> = lines.map(|(_, value)| value).collect();
    said.push(name.as_bytes());
    let said = said.join(&b", "[..]);
    headers.remove("Vary");
    headers.put("Vary", said);
}

const DESCRIBE_A_BODY: [&str; 4] =
    ["Content-Encoding", "Content-Language", "Content-Range", "Content-Type"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_named_by_code_or_class() {
        let mut statuses = Statuses::default();
        statuses.add("404").expect("a status");
        statuses.add("5xx").expect("a class");
        let precision = |code| statuses.contains(Status::new(code).expect("a status"));
        assert_eq!(precision(404), Some(Precision::Code));
        assert_eq!(precision(503), Some(Precision::Class));
        assert_eq!(precision(403), None);
        for bad in ["", "1xx", "6xx", "xx", "40", "4040", "4x4", "ok", "100"] {
            assert!(statuses.add(bad).is_err(), "{bad}");
        }
    }
}
