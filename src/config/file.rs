//! The *shape* of a configuration file: which keys there are, in which section, and what kind of
//! value each takes. One table of keys per section is the only list of them: error messages and the
//! tests of README and shipped file read it, too. Checks no key against another, and opens nothing.

use std::num::NonZeroUsize;

use toml::de::DeTable;

use super::certificate_section::{CertificateSection, certificate_keys};
use super::counts::{parse_processes, parse_workers};
use super::errors::Errors;
use super::foreign;
use super::hosts::{HostSection, host_keys, read_hosts};
use super::limits::{LIMITS, LimitsSection};
use super::listen::{self, Listen, ProxiesSection};
use super::location::{LocationSection, location_keys, read_locations};
use super::logs::{ACCESS_LOG, LOG, LogSection};
use super::naming::{Naming, naming_keys};
use super::origin::{LocatedError, Origin, Written};
use super::request_id;
use super::responses;
use super::rights::{self, RightsSection};
use super::rules;
use super::scope::{self, Scope};
use super::section::{Section, SectionKey, names, read_section, read_table};
use super::status::{STATUS, StatusSection};
use super::unknown_keys;
use super::value::Value;
use crate::files::CacheLimits;
use crate::server::Workers;
use crate::site::{ErrorBodies, UnknownHost};

/// What was written; `None` or empty where nothing was.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) listen: Option<Vec<Listen>>,
    pub(super) proxies: ProxiesSection,
    pub(super) socket_mode: Option<u32>,
    pub(super) socket_group: Option<u32>,
    pub(super) rights: RightsSection,
    pub(super) processes: Option<NonZeroUsize>,
    pub(super) supervisor: Option<Written<bool>>,
    pub(super) workers: Option<Workers>,
    pub(super) error_bodies: Option<ErrorBodies>,
    /// The header for the ids of requests, if they have ids.
    pub(super) request_id: Option<String>,
    pub(super) log: LogSection,
    pub(super) limits: LimitsSection,
    pub(super) cache: CacheLimits,
    pub(super) status: StatusSection,
    pub(super) naming: Naming,
    pub(super) certificates: CertificateSection,
    /// Where TLS is spoken, which is known when the addresses are read.
    pub(super) https_port: Option<u16>,
    pub(super) unknown_host: Option<UnknownHost>,
    pub(super) scope: Scope,
    pub(super) locations: Vec<LocationSection>,
    pub(super) hosts: Vec<HostSection>,
}

impl File {
    /// Everything that could be read, and an error for everything that could not.
    pub(super) fn read(text: &str) -> (File, Errors) {
        let (document, syntax_errors) = DeTable::parse_recoverable(text);
        let (mut file, mut errors) = (File::default(), Errors::default());
        if let (false, Some(language)) = (syntax_errors.is_empty(), foreign::language(text)) {
            errors.note(Origin::Default, format!(
                "this looks like {language}; the configuration is TOML, such as root = \"www\": conf/httpd.toml shows every key"
            ));
            return (file, errors);
        }
        read_section("", document.get_ref(), &top_keys(), &mut file, &mut errors);
        file.scope.note_keys(document.get_ref());
        unknown_keys::explain(&sections(), &mut errors);
        file.warn_of_strays(&mut errors);
        let syntax = syntax_errors.iter().map(|error| {
            let span = error.span().unwrap_or_default();
            let message = match (error.message(), text.get(span.clone())) {
                ("duplicate key", Some(key)) => format!("{key:?} is here for the second time"),
                (message, _) => message.to_owned(),
            };
            LocatedError { origin: Origin::File(span.start), message }
        });
        errors.add_syntax(text, syntax.collect());
        (file, errors)
    }

    /// Without a file, the working directory is served.
    pub(super) fn defaults() -> File {
        let mut file = File::default();
        file.scope.root = Some(Written { value: ".".to_owned(), origin: Origin::Default });
        file
    }

    /// The locations of all hosts.
    pub(super) fn all_locations(&self) -> impl Iterator<Item = &LocationSection> {
        self.hosts.iter().flat_map(|host| &host.locations).chain(&self.locations)
    }

    /// What is written at the top, in all hosts and in all locations.
    pub(super) fn all_scopes(&self) -> impl Iterator<Item = &Scope> {
        let hosts = self.hosts.iter().map(|host| &host.scope);
        let locations = self.all_locations().map(|location| &location.scope);
        [&self.scope].into_iter().chain(hosts).chain(locations)
    }

    /// Warns of locations that stand behind a host and are not its own: they may have been meant for it, and what they
    /// guard is not guarded there. All other tables of the top are inherited.
    fn warn_of_strays(&self, errors: &mut Errors) {
        let Some(first) = self.hosts.first() else { return };
        if let Some(location) = self.locations.iter().find(|it| it.origin > first.origin) {
            let message = "this [[location]] is of the default host, although it stands behind a [[host]]: write [[host.location]], or move it above the first [[host]]";
            errors.warn(location.origin, message.to_owned());
        }
    }
}

impl AsMut<ProxiesSection> for File {
    fn as_mut(&mut self) -> &mut ProxiesSection {
        &mut self.proxies
    }
}

impl AsMut<RightsSection> for File {
    fn as_mut(&mut self) -> &mut RightsSection {
        &mut self.rights
    }
}

impl AsMut<Scope> for File {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }
}

impl AsMut<Naming> for File {
    fn as_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }
}

impl AsMut<CertificateSection> for File {
    fn as_mut(&mut self) -> &mut CertificateSection {
        &mut self.certificates
    }
}

/// All sections.
pub(super) fn sections() -> Vec<Section> {
    vec![
        Section { title: "", keys: names(&top_keys()) },
        Section { title: "[log]", keys: names(LOG) },
        Section { title: "[access_log]", keys: names(ACCESS_LOG) },
        Section { title: "[limits]", keys: names(LIMITS) },
        Section { title: "[cache]", keys: names(CACHE) },
        Section { title: "[status]", keys: names(STATUS) },
        Section { title: "[[host]]", keys: names(&host_keys()) },
        Section { title: "[[location]]", keys: names(&location_keys()) },
        Section { title: "[[redirect]]", keys: names(rules::REDIRECT) },
        Section { title: "[[rewrite]]", keys: names(rules::REWRITE) },
        Section { title: "[[header]]", keys: names(responses::HEADER) },
        Section { title: "[cors]", keys: names(responses::CORS) },
    ]
}

fn top_keys() -> Vec<SectionKey<File>> {
    let mut keys = vec![
        SectionKey::new("listen", |it: &mut File, value, errors| {
            let told = errors.list.len();
            let addresses = listen::read(value, errors);
            // An empty list is no error of its own if its addresses have errors.
            it.listen = (!addresses.is_empty() || errors.list.len() == told).then_some(addresses);
        }),
        SectionKey::new("socket_mode", |it, value, errors| {
            errors.set(&mut it.socket_mode, value.mode().map(Some));
        }),
        SectionKey::new("socket_group", |it, value, errors| {
            errors.set(&mut it.socket_group, value.group().map(Some));
        }),
        SectionKey::new("processes", |it, value, errors| {
            errors.set(&mut it.processes, read_processes(value).map(Some));
        }),
        SectionKey::new("supervisor", |it, value, errors| {
            let written = value.boolean();
            let written = written.map(|is_on| Written { value: is_on, origin: value.origin() });
            errors.set(&mut it.supervisor, written.map(Some));
        }),
        SectionKey::new("workers", |it, value, errors| {
            errors.set(&mut it.workers, read_workers(value).map(Some));
        }),
        SectionKey::new("error_bodies", |it, value, errors| {
            errors.set(&mut it.error_bodies, value.choice(ERROR_BODIES).map(Some));
        }),
        SectionKey::new("request_id", |it, value, errors| {
            errors.set(&mut it.request_id, request_id::read(value));
        }),
        SectionKey::new("log", |it, value, errors| {
            read_table("[log]", value, LOG, &mut it.log, errors);
        }),
        SectionKey::new("limits", |it, value, errors| {
            read_table("[limits]", value, LIMITS, &mut it.limits, errors);
        }),
        SectionKey::new("cache", |it, value, errors| {
            read_table("[cache]", value, CACHE, &mut it.cache, errors);
        }),
        SectionKey::new("status", |it, value, errors| {
            read_table("[status]", value, STATUS, &mut it.status, errors);
        }),
        SectionKey::new("location", |it, value, errors| {
            it.locations = read_locations(value, errors);
        }),
        SectionKey::new("unknown_host", |it, value, errors| {
            errors.set(&mut it.unknown_host, value.choice(UNKNOWN_HOST).map(Some));
        }),
        SectionKey::new("host", |it, value, errors| {
            it.hosts = read_hosts(value, errors);
        }),
    ];
    keys.extend(listen::proxy_keys());
    keys.extend(naming_keys());
    keys.extend(certificate_keys());
    keys.extend(rights::keys());
    keys.extend(rights::top_keys());
    keys.extend(scope::keys());
    keys
}

const CACHE: &[SectionKey<CacheLimits>] = &[
    SectionKey::new("bytes_max", |it, value, errors| {
        errors.set(&mut it.bytes_max, value.bytes(0));
    }),
    SectionKey::new("contents_bytes_max", |it, value, errors| {
        errors.set(&mut it.contents_bytes_max, value.bytes(0));
    }),
    SectionKey::new("compressed_bytes_max", |it, value, errors| {
        errors.set(&mut it.compressed_bytes_max, value.bytes(0));
    }),
    SectionKey::new("entries_max", |it, value, errors| {
        errors.set(&mut it.entries_max, value.count(0));
    }),
    SectionKey::new("descriptors_max", |it, value, errors| {
        errors.set(&mut it.descriptors_max, value.count(0));
    }),
];

fn read_workers(value: Value<'_>) -> Result<Workers, LocatedError> {
    let written = if value.is_integer() {
        value.count::<u64>(1)?.to_string()
    } else {
        value.text()?.to_owned()
    };
    parse_workers(&written).map_err(|expected| value.error(expected))
}

fn read_processes(value: Value<'_>) -> Result<NonZeroUsize, LocatedError> {
    let count = value.count::<u64>(1)?.to_string();
    parse_processes(&count).map_err(|expected| value.error(expected))
}

const ERROR_BODIES: &[(&str, ErrorBodies)] =
    &[("html", ErrorBodies::Html), ("off", ErrorBodies::Off)];

const UNKNOWN_HOST: &[(&str, UnknownHost)] =
    &[("default", UnknownHost::Default), ("refuse", UnknownHost::Refuse)];
