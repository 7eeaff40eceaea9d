//! The section of a host: its keys, and reading it. What is served at a host is `site`'s to say.

use super::certificate_section::{CertificateSection, certificate_keys};
use super::errors::Errors;
use super::location::{LocationSection, read_locations};
use super::naming::{Naming, naming_keys};
use super::origin::Origin;
use super::scope::{self, Scope};
use super::section::{SectionKey, read_table, tables};
use super::value::Value;

#[derive(Debug)]
pub(super) struct HostSection {
    pub(super) origin: Origin,
    pub(super) naming: Naming,
    pub(super) certificates: CertificateSection,
    pub(super) scope: Scope,
    pub(super) locations: Vec<LocationSection>,
}

impl AsMut<Scope> for HostSection {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }
}

impl AsMut<Naming> for HostSection {
    fn as_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }
}

impl AsMut<CertificateSection> for HostSection {
    fn as_mut(&mut self) -> &mut CertificateSection {
        &mut self.certificates
    }
}

pub(super) fn host_keys() -> Vec<SectionKey<HostSection>> {
    let mut keys = vec![SectionKey::new("location", |it: &mut HostSection, value, errors| {
        it.locations = read_locations(value, errors);
    })];
    keys.extend(naming_keys());
    keys.extend(certificate_keys());
    keys.extend(scope::keys());
    keys
}

pub(super) fn read_hosts(value: Value<'_>, errors: &mut Errors) -> Vec<HostSection> {
    let keys = host_keys();
    let items = tables("host", value, errors);
    let read = |item: Value<'_>| {
        let mut host = HostSection {
            origin: item.origin(),
            naming: Naming::default(),
            certificates: CertificateSection::default(),
            scope: Scope::default(),
            locations: Vec::new(),
        };
        read_table("[[host]]", item, &keys, &mut host, errors);
        if let Ok(table) = item.table() {
            host.scope.note_keys(table);
        }
        host
    };
    items.into_iter().map(read).collect()
}
