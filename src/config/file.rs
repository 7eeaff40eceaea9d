//! The *shape* of a configuration file: which keys there are, in which section, and what kind of
//! value each takes. One table of keys per section is the only list of them: error messages and the
//! tests of README and shipped file read it, too. Checks no key against another, and opens nothing.

use std::num::NonZeroUsize;

use toml::de::DeTable;

use super::application::{self, ApplicationSection};
use super::certificates::{CertificateSection, certificate_keys};
use super::foreign;
use super::hosts::{
    HostSection, Naming, UNKNOWN_HOST, host_keys, naming_keys, read_hosts, warn_of_strays,
};
use super::limits::{LIMITS, LimitsSection};
use super::listen::{self, Listen, ProxiesSection};
use super::logs::{ACCESS_LOG, LOG, LogSection};
use super::request_id;
use super::responses;
use super::rights::{self, RightsSection};
use super::rules;
use super::scope::{self, Scope, about_files};
use super::section::{Errors, SectionKey, names, read_section, read_table};
use super::status::{STATUS, StatusSection};
use super::value::Value;
use super::{LocatedError, Origin, Written, parse_processes, parse_workers};
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

#[derive(Debug)]
pub(super) struct LocationSection {
    pub(super) origin: Origin,
    /// `None` if there is none, `Some(None)` if it has an error.
    pub(super) path: Option<Option<Written<String>>>,

    pub(super) alias: Option<Written<String>>,
    pub(super) application: ApplicationSection,
    /// Whether the server tells of itself here.
    pub(super) status: Option<Written<bool>>,
    pub(super) rights: RightsSection,
    pub(super) scope: Scope,
    /// An error for each key about files, in case that it has an application instead.
    pub(super) about_files: Vec<LocatedError>,
}

/// The keys of a section, for error messages and tests.
pub(super) struct Section {
    /// As it is written in the file; empty for the top.
    pub(super) title: &'static str,
    pub(super) keys: Vec<&'static str>,
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
        warn_of_strays(&file, &mut errors);
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

impl AsMut<RightsSection> for LocationSection {
    fn as_mut(&mut self) -> &mut RightsSection {
        &mut self.rights
    }
}

impl AsMut<Scope> for File {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
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

fn location_keys() -> Vec<SectionKey<LocationSection>> {
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

pub(super) fn read_locations(value: Value<'_>, errors: &mut Errors) -> Vec<LocationSection> {
    if !value.is_array() {
        errors.note(value.origin(), "location is written with two brackets: [[location]]");
        return Vec::new();
    }
    let keys = location_keys();
    let read = |item: Value<'_>| {
        let mut location = LocationSection {
            origin: item.origin(),
            path: None,
            alias: None,
            application: ApplicationSection::default(),
            status: None,
            rights: RightsSection::default(),
            scope: Scope::default(),
            about_files: about_files(item),
        };
        read_table("[[location]]", item, &keys, &mut location, errors);
        location
    };
    value.items().into_iter().map(read).collect()
}

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
