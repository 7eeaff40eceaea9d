//! Reads one section by its table of keys. An unknown key is an error that names the nearest one. Continues
//! after each error. Knows no key by name.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::file::{Section, sections};
use super::foreign;
use super::value::Value;
use super::{LocatedError, Origin};

/// A key of a section, and how its value gets into the section's struct.
pub(super) struct SectionKey<T> {
    pub(super) name: &'static str,
    read: fn(&mut T, Value<'_>, &mut Errors),
}

impl<T> SectionKey<T> {
    pub(super) const fn new(
        name: &'static str,
        read: fn(&mut T, Value<'_>, &mut Errors),
    ) -> SectionKey<T> {
        SectionKey { name, read }
    }
}

/// The names of keys.
pub(super) fn names<T>(keys: &[SectionKey<T>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) list: Vec<LocatedError>,
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

/// `title` is the section as it is written, such as `[log]`; it is empty for the top of the file.
pub(super) fn read_section<T>(
    title: &str,
    table: &DeTable<'_>,
    keys: &[SectionKey<T>],
    into: &mut T,
    errors: &mut Errors,
) {
    for (key, written) in table {
        let name: &str = key.get_ref();
        match keys.iter().find(|known| known.name == name) {
            Some(known) => (known.read)(into, Value::new(name, written), errors),
            None => {
                let message = unknown(title, name, errors);
                errors.note(Origin::File(key.span().start), message);
            }
        }
    }
}

/// Reads a section that is the value of a key.
pub(super) fn read_table<T>(
    title: &str,
    value: Value<'_>,
    keys: &[SectionKey<T>],
    into: &mut T,
    errors: &mut Errors,
) {
    if let Some(table) = errors.take(value.table()) {
        read_section(title, table, keys, into, errors);
    }
}

/// Guesses what was meant: the same key in another section, this server's key for that of another server,
/// or a key of this section with a similar name. The first is a common slip in TOML, where a key after a
/// `[header]` belongs to that section.
fn unknown(title: &str, name: &str, errors: &mut Errors) -> String {
    let sections = sections();
    let here = sections.iter().find(|section| section.title == title);
    let known = here.map_or(&[][..], |section| &section.keys[..]);
    let is_table = sections.iter().any(|section| section.title.trim_matches(['[', ']']) == name);
    let has_it = |section: &&Section| section.keys.contains(&name);
    // A key that is the name of a table, too, is rather a key of another section than the table.
    let elsewhere = |section: &&Section| has_it(section) && !section.title.is_empty();
    let elsewhere = sections.iter().find(elsewhere).filter(|_| is_table);
    let home = elsewhere.or_else(|| sections.iter().find(has_it));
    let hint = match (home, foreign::answer(name), nearest(name, known)) {
        (Some(home), _, _) if home.title.is_empty() => {
            "; it belongs at the top of the file, before the first [section]".to_owned()
        }
        (Some(home), _, _) => format!("; it belongs in {}", home.title),
        (None, Some(answer), _) => format!(": {answer}"),
        (None, None, Some(near)) => format!("; did you mean \"{near}\"?"),
        (None, None, None) => {
            errors.puzzling.extend(here.map(|section| section.title));
            String::new()
        }
    };
    let place = if title.is_empty() { String::new() } else { format!(" in {title}") };
    format!("unknown key {name:?}{place}{hint}")
}

/// The known word with the fewest typing errors, if they are few for its length.
#[must_use]
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let strokes = |key: &str| strsim::damerau_levenshtein(name, key);
    let near = known.iter().copied().min_by_key(|key| strokes(key))?;
    (strokes(near) <= near.len().div_ceil(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_a_misspelt_key_names_the_nearest_one() {
        let known = ["listen", "root", "index", "workers", "limits"];
        let table = [
            ("rooot", Some("root")),
            ("Root", Some("root")),
            ("lisetn", Some("listen")),
            ("worker", Some("workers")),
            ("limit", Some("limits")),
            ("banana", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, &known), expected, "{name:?}");
        }
    }

    #[test]
    fn the_error_for_a_key_in_the_wrong_section_names_the_right_one() {
        let mut errors = Errors::default();
        assert_eq!(
            unknown("", "head_timeout", &mut errors),
            "unknown key \"head_timeout\"; it belongs in [limits]"
        );
        assert_eq!(
            unknown("[log]", "listen", &mut errors),
            "unknown key \"listen\" in [log]; it belongs at the top of the file, before the first [section]"
        );
        assert!(errors.puzzling.is_empty());
        assert_eq!(unknown("[log]", "colour", &mut errors), "unknown key \"colour\" in [log]");
        assert_eq!(errors.puzzling, BTreeSet::from(["[log]"]));
    }

    #[test]
    fn a_key_of_another_server_is_answered() {
        let mut errors = Errors::default();
        for (name, expected) in [
            ("tls", "write listen = [\"https://:443\"]"),
            (
                "gzip",
                "write compression = [\"zstd\", \"br\", \"gzip\"]; precompressed = true sends",
            ),
            ("gzip_types", "write compression_types = "),
            ("gzip_comp_level", "there are no levels to set"),
            ("gzip_static", "write precompressed = true"),
            ("autoindex", "write listing = true"),
            ("vhost", "write [[host]] with a server_name"),
            ("proxy_pass", "this server is no proxy yet"),
            ("redirects", "write [[redirect]] with from"),
            ("run_as", "write user = "),
            ("bind", "write listen = "),
            ("worker_connections", "write connections_max in [limits]"),
            ("DocumentRoot", "write root = "),
            ("max-requests", "write requests_max beside wsgi"),
        ] {
            for section in ["", "[[location]]", "[limits]"] {
                let told = unknown(section, name, &mut errors);
                assert!(told.contains(expected), "{told}");
            }
        }
        assert!(errors.puzzling.is_empty());
    }
}
