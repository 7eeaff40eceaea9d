//! The names of hosts: their keys, and that no two hosts have the same name.

use std::collections::HashSet;

use super::errors::Errors;
use super::origin::Written;
use super::section::SectionKey;
use super::value::Value;
use crate::site::{HostName, Site};

/// The names of a host.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// Whether one of them is no name, which has been reported.
    pub(super) has_wrong_names: bool,
    pub(super) server_names: Vec<Written<HostName>>,
    pub(super) canonical_host: Option<Written<HostName>>,
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
