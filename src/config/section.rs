//! Reads one section by its table of keys. Continues after each error. Knows no key by name.

use toml::de::DeTable;

use super::errors::{Errors, UnknownKey};
use super::origin::Origin;
use super::value::Value;

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

/// The keys of a section, for error messages and tests.
pub(super) struct Section {
    /// As it is written in the file; empty for the top.
    pub(super) title: &'static str,
    pub(super) keys: Vec<&'static str>,
}

/// What has the fields of such a section among its own. So one list of keys serves the top, a host and a location.
pub(super) trait Holds<S> {
    fn held(&mut self) -> &mut S;
}

/// The names of keys.
pub(super) fn names<T>(keys: &[SectionKey<T>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// `title` is the section as it is written, such as `[log]`; it is empty for the top of the file.
pub(super) fn read_section<T>(
    title: &'static str,
    table: &DeTable<'_>,
    keys: &[SectionKey<T>],
    into: &mut T,
    errors: &mut Errors,
) {
    for (key, written) in table {
        let name: &str = key.get_ref();
        match keys.iter().find(|known| known.name == name) {
            Some(known) => (known.read)(into, Value::new(name, written), errors),
            None => errors.unknown.push(UnknownKey {
                section: title,
                name: name.to_owned(),
                origin: Origin::File(key.span().start),
            }),
        }
    }
}

/// Reads a section that is the value of a key.
pub(super) fn read_table<T>(
    title: &'static str,
    value: Value<'_>,
    keys: &[SectionKey<T>],
    into: &mut T,
    errors: &mut Errors,
) {
    if let Some(table) = errors.take(value.table()) {
        read_section(title, table, keys, into, errors);
    }
}

/// The tables of an array.
pub(super) fn tables<'d>(name: &str, value: Value<'d>, errors: &mut Errors) -> Vec<Value<'d>> {
    if value.is_array() {
        return value.items();
    }
    errors.note(value.origin(), format!("{name} is written with two brackets: [[{name}]]"));
    Vec::new()
}
