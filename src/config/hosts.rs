//! Hosts: their section of the file, their names, and that no two have the same.
//!
//! What is served at a host is `site`'s to say.

use std::collections::HashSet;

use super::certificates::{CertificateSection, certificate_keys};
use super::file::{File, LocationSection, read_locations};
use super::scope::{self, Scope};
use super::section::{Errors, SectionKey, read_table};
use super::value::Value;
use super::{Origin, Written};
use crate::site::{HostName, Site, UnknownHost};

/// The names of a host.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// Whether a name cannot be one, which is said already.
    pub(super) has_wrong_names: bool,
    pub(super) server_names: Vec<Written<HostName>>,
    pub(super) canonical_host: Option<Written<HostName>>,
}

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

impl AsMut<Naming> for File {
    fn as_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }
}

impl AsMut<Naming> for HostSection {
    fn as_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }
}

impl AsMut<CertificateSection> for File {
    fn as_mut(&mut self) -> &mut CertificateSection {
        &mut self.certificates
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

pub(super) fn naming_keys<T: AsMut<Naming>>() -> [SectionKey<T>; 2] {
    [
        SectionKey::new("server_name", |it: &mut T, value, errors| {
            let naming = it.as_mut();
            let known = errors.list.len();
            naming.server_names = errors.take_each(value, Value::host_name);
            naming.has_wrong_names = errors.list.len() > known;
        }),
        SectionKey::new("canonical_host", |it, value, errors| {
            errors.set(&mut it.as_mut().canonical_host, value.host_name().map(Some));
        }),
    ]
}

pub(super) fn read_hosts(value: Value<'_>, errors: &mut Errors) -> Vec<HostSection> {
    if !value.is_array() {
        errors.note(value.origin(), "host is written with two brackets: [[host]]");
        return Vec::new();
    }
    let keys = host_keys();
    let read = |item: Value<'_>| {
        let mut host = HostSection {
            origin: item.origin(),
            naming: Naming::default(),
            certificates: CertificateSection::default(),
            scope: Scope::default(),
            locations: Vec::new(),
        };
        read_table("[[host]]", item, &keys, &mut host, errors);
        host
    };
    value.items().into_iter().map(read).collect()
}

/// Warns of locations that stand behind a host and are not its own: they may have been meant for it, and what they guard is
/// not guarded there. All other tables of the top are inherited.
pub(super) fn warn_of_strays(file: &File, errors: &mut Errors) {
    let Some(first) = file.hosts.first() else { return };
    if let Some(location) = file.locations.iter().find(|it| it.origin > first.origin) {
        let message = "this [[location]] is of the default host, although it stands behind a [[host]]: write [[host.location]], or move it above the first [[host]]";
        errors.warn(location.origin, message.to_owned());
    }
}

/// The names of all hosts.
#[derive(Default)]
pub(super) struct HostNames {
    seen: HashSet<HostName>,
}

impl HostNames {
    /// The names of a host that no other has, the canonical one included.
    pub(super) fn take(&mut self, naming: &Naming, errors: &mut Errors) -> Vec<HostName> {
        let mut taken: Vec<HostName> = Vec::new();
        let canonical = naming.canonical_host.iter().filter(|canonical| {
            let covers = |it: &Written<HostName>| it.value.covers(&canonical.value);
            !canonical.value.is_wildcard() && !naming.server_names.iter().any(covers)
        });
        for name in naming.server_names.iter().chain(canonical) {
            if !self.seen.insert(name.value.clone()) {
                let message = format!("another host has the name {} already", name.value);
                errors.note(name.origin, message);
                continue;
            }
            taken.push(name.value.clone());
        }
        taken
    }
}

/// Redirects the other names of a site to its canonical one.
pub(super) fn canonical(site: Site, naming: &Naming, errors: &mut Errors) -> Site {
    match &naming.canonical_host {
        Some(name) if name.value.is_wildcard() => {
            errors.note(name.origin, "canonical_host must be one name, without *");
            site
        }
        Some(name) => site.canonical_host(name.value.clone()),
        None => site,
    }
}

pub(super) const UNKNOWN_HOST: &[(&str, UnknownHost)] =
    &[("default", UnknownHost::Default), ("refuse", UnknownHost::Refuse)];
