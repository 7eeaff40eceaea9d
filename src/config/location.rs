//! The section of a location: its keys, and reading it. Checks no key against another.

use super::application::{self, ApplicationSection};
use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::rights::{self, RightsSection};
use super::scope::{self, Scope, about_files};
use super::section::{SectionKey, read_table, tables};
use super::value::Value;

/// What was written in a location; `None` or empty where nothing was.
#[derive(Debug)]
pub(super) struct LocationSection {
    pub(super) origin: Origin,
    /// `None` if there is none, `Some(None)` if it has an error.
    pub(super) path: Option<Option<Written<String>>>,

    pub(super) alias: Option<Written<String>>,
    pub(super) application: ApplicationSection,
    /// Whether it has the status pages of the server.
    pub(super) status: Option<Written<bool>>,
    pub(super) rights: RightsSection,
    pub(super) scope: Scope,
    /// An error for each key about files, in case that it has something else instead.
    pub(super) about_files: Vec<LocatedError>,
}

impl LocationSection {
    /// Whether it has the status pages of the server.
    pub(super) fn has_status(&self) -> bool {
        self.status.as_ref().is_some_and(|it| it.value)
    }
}

impl AsMut<RightsSection> for LocationSection {
    fn as_mut(&mut self) -> &mut RightsSection {
        &mut self.rights
    }
}

impl AsMut<Scope> for LocationSection {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }
}

impl AsMut<ApplicationSection> for LocationSection {
    fn as_mut(&mut self) -> &mut ApplicationSection {
        &mut self.application
    }
}

pub(super) fn location_keys() -> Vec<SectionKey<LocationSection>> {
    let mut keys = vec![
        SectionKey::new("path", |it: &mut LocationSection, value, errors| {
            it.path = Some(errors.take(value.location_path()));
        }),
        SectionKey::new("alias", |it, value, errors| {
            errors.set(&mut it.alias, value.written().map(Some));
        }),
    ];
    keys.extend(application::keys());
    keys.push(SectionKey::new("status_pages", |it: &mut LocationSection, value, errors| {
        let status =
            value.boolean().map(|status| Written { value: status, origin: value.origin() });
        errors.set(&mut it.status, status.map(Some));
    }));
    keys.extend(rights::keys());
    keys.extend(scope::keys());
    keys
}

pub(super) fn read_locations(value: Value<'_>, errors: &mut Errors) -> Vec<LocationSection> {
    let keys = location_keys();
    let items = tables("location", value, errors);
    let read = |item: Value<'_>| {
        let mut location = LocationSection {
            origin: item.origin(),
            path: None,
            alias: None,
            application: ApplicationSection::default(),
            status: None,
            rights: RightsSection::default(),
            scope: Scope::default(),
            about_files: Vec::new(),
        };
        if let Ok(table) = item.table() {
            location.about_files = about_files(table);
            location.scope.note_keys(table);
        }
        read_table("[[location]]", item, &keys, &mut location, errors);
        location
    };
    items.into_iter().map(read).collect()
}
