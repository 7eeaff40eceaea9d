//! The *shape* of a configuration file: which keys there are, in which section, and what kind of
//! value each takes. One table of keys per section is the only list of them; faults and the test
//! of the shipped file read these same tables. Knows no cross-checks, and opens nothing.

use std::num::NonZeroUsize;

use log::LevelFilter;
use toml::de::DeTable;

use super::application::{self, ApplicationSection};
use super::foreign;
use super::limits::{LIMITS, LimitsSection};
use super::section::{Faults, Key, read_section, read_table};
use super::value::Value;
use super::{Fault, LEVELS, Place, Written, methods, parse_processes, parse_workers};
use crate::files::{CacheLimits, Durability, NamePattern, Symlinks};
use crate::http::Method;
use crate::server::{Format, Workers};
use crate::site::{Dotfiles, ErrorBodies};

/// What was written; `None` and empty where nothing was.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) listen: Option<Vec<Written<String>>>,
    pub(super) socket_mode: Option<u32>,
    pub(super) socket_group: Option<u32>,
    pub(super) processes: Option<NonZeroUsize>,
    pub(super) workers: Option<Workers>,
    pub(super) error_bodies: Option<ErrorBodies>,
    pub(super) log: Log,
    pub(super) access_log: AccessLog,
    pub(super) limits: LimitsSection,
    pub(super) cache: CacheLimits,
    pub(super) scope: Scope,
    pub(super) locations: Vec<Location>,
}

/// The keys that may be set for the whole server and again in a location.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) root: Option<Written<String>>,
    pub(super) index: Option<Vec<String>>,
    pub(super) symlinks: Option<Symlinks>,
    pub(super) dotfiles: Option<Dotfiles>,
    pub(super) charset: Option<String>,
    pub(super) types: Vec<(TypedName, String)>,
    /// Of requests that store files, and of those to an application.
    pub(super) body_bytes_max: Option<u64>,
    pub(super) writing: Writing,
}

/// The keys of a [`Scope`] that say which files clients may change, and how.
#[derive(Debug, Default)]
pub(super) struct Writing {
    pub(super) methods: Option<Vec<Method>>,
    pub(super) create_full_put_path: Option<bool>,
    pub(super) form_overwrite: Option<bool>,
    pub(super) quota_bytes: Option<u64>,
    pub(super) upload_mode: Option<u32>,
    pub(super) durability: Option<Durability>,
}

#[derive(Debug)]
pub(super) struct Location {
    pub(super) place: Place,
    /// `None` when there is none, `Some(None)` when the one that is written is at fault.
    pub(super) path: Option<Option<Written<String>>>,

    pub(super) alias: Option<Written<String>>,
    pub(super) application: ApplicationSection,
    pub(super) scope: Scope,
    /// What is wrong with the keys about files, should it have an application instead.
    pub(super) about_files: Vec<Fault>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) level: Option<LevelFilter>,
    pub(super) file: Option<Written<String>>,
}

#[derive(Debug, Default)]
pub(super) struct AccessLog {
    pub(super) file: Option<Written<String>>,
    pub(super) format: Option<Format>,
}

/// One section's keys, for whoever lists or looks for them.
pub(super) struct Section {
    /// As it is written in the file; empty for the top.
    pub(super) title: &'static str,
    pub(super) keys: Vec<&'static str>,
}

impl File {
    /// Everything that could be understood, and a fault for everything that could not.
    pub(super) fn read(text: &str) -> (File, Faults) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let (mut file, mut faults) = (File::default(), Faults::default());
        if let (false, Some(language)) = (errors.is_empty(), foreign::language(text)) {
            faults.note(Place::Default, format!(
                "this looks like {language}; the configuration is TOML, such as root = \"www\": conf/httpd.toml shows every key"
            ));
            return (file, faults);
        }
        read_section("", document.get_ref(), &top_keys(), &mut file, &mut faults);
        let syntax = errors.iter().map(|error| Fault {
            place: Place::File(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        });
        faults.add_syntax(text, syntax.collect());
        (file, faults)
    }
}

impl AsMut<Scope> for File {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }
}

impl AsMut<Scope> for Location {
    fn as_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }
}

impl AsMut<ApplicationSection> for Location {
    fn as_mut(&mut self) -> &mut ApplicationSection {
        &mut self.application
    }
}

/// Every section that there is.
pub(super) fn sections() -> Vec<Section> {
    vec![
        Section { title: "", keys: names(&top_keys()) },
        Section { title: "[log]", keys: names(LOG) },
        Section { title: "[access_log]", keys: names(ACCESS_LOG) },
        Section { title: "[limits]", keys: names(LIMITS) },
        Section { title: "[cache]", keys: names(CACHE) },
        Section { title: "[[location]]", keys: names(&location_keys()) },
    ]
}

fn top_keys() -> Vec<Key<File>> {
    let mut keys = vec![
        Key::new("listen", |it: &mut File, value, faults| {
            let told = faults.list.len();
            let addresses = faults.take_each(value, Value::address);
            // That none is left is the fault of what was told.
            it.listen = (!addresses.is_empty() || faults.list.len() == told).then_some(addresses);
        }),
        Key::new("socket_mode", |it, value, faults| {
            faults.set(&mut it.socket_mode, value.mode().map(Some));
        }),
        Key::new("socket_group", |it, value, faults| {
            faults.set(&mut it.socket_group, value.group().map(Some));
        }),
        Key::new("processes", |it, value, faults| {
            faults.set(&mut it.processes, read_processes(value).map(Some));
        }),
        Key::new("workers", |it, value, faults| {
            faults.set(&mut it.workers, read_workers(value).map(Some));
        }),
        Key::new("error_bodies", |it, value, faults| {
            faults.set(&mut it.error_bodies, value.choice(ERROR_BODIES).map(Some));
        }),
        Key::new("log", |it, value, faults| {
            read_table("[log]", value, LOG, &mut it.log, faults);
        }),
        Key::new("access_log", |it, value, faults| {
            read_table("[access_log]", value, ACCESS_LOG, &mut it.access_log, faults);
        }),
        Key::new("limits", |it, value, faults| {
            read_table("[limits]", value, LIMITS, &mut it.limits, faults);
        }),
        Key::new("cache", |it, value, faults| {
            read_table("[cache]", value, CACHE, &mut it.cache, faults);
        }),
        Key::new("location", |it, value, faults| {
            it.locations = read_locations(value, faults);
        }),
    ];
    keys.extend(scope_keys());
    keys.extend(writing_keys());
    keys
}

fn location_keys() -> Vec<Key<Location>> {
    let mut keys = vec![
        Key::new("path", |it: &mut Location, value, faults| {
            it.path = Some(faults.take(value.location_path()));
        }),
        Key::new("alias", |it, value, faults| {
            faults.set(&mut it.alias, value.written().map(Some));
        }),
    ];
    keys.extend(application::keys());
    keys.extend(scope_keys());
    keys.extend(writing_keys());
    keys
}

fn scope_keys<T: AsMut<Scope>>() -> [Key<T>; 7] {
    [
        Key::new("root", |it, value, faults| {
            faults.set(&mut it.as_mut().root, value.written().map(Some));
        }),
        Key::new("index", |it, value, faults| {
            it.as_mut().index = Some(faults.take_each(value, Value::file_name));
        }),
        Key::new("symlinks", |it, value, faults| {
            faults.set(&mut it.as_mut().symlinks, value.choice(SYMLINKS).map(Some));
        }),
        Key::new("dotfiles", |it, value, faults| {
            faults.set(&mut it.as_mut().dotfiles, value.choice(DOTFILES).map(Some));
        }),
        Key::new("charset", |it, value, faults| {
            faults.set(&mut it.as_mut().charset, value.charset().map(Some));
        }),
        Key::new("types", |it, value, faults| {
            it.as_mut().types = read_types(value, faults);
        }),
        Key::new("body_bytes_max", |it, value, faults| {
            faults.set(&mut it.as_mut().body_bytes_max, value.bytes(1).map(Some));
        }),
    ]
}

fn writing_keys<T: AsMut<Scope>>() -> [Key<T>; 6] {
    [
        Key::new("methods", |it: &mut T, value, faults| {
            faults.set(&mut it.as_mut().writing.methods, methods::read(value).map(Some));
        }),
        Key::new("create_full_put_path", |it, value, faults| {
            let slot = &mut it.as_mut().writing.create_full_put_path;
            faults.set(slot, value.boolean().map(Some));
        }),
        Key::new("form_overwrite", |it, value, faults| {
            faults.set(&mut it.as_mut().writing.form_overwrite, value.boolean().map(Some));
        }),
        Key::new("quota_bytes", |it, value, faults| {
            faults.set(&mut it.as_mut().writing.quota_bytes, value.bytes(1).map(Some));
        }),
        Key::new("upload_mode", |it, value, faults| {
            faults.set(&mut it.as_mut().writing.upload_mode, value.mode().map(Some));
        }),
        Key::new("durability", |it, value, faults| {
            faults.set(&mut it.as_mut().writing.durability, value.choice(DURABILITY).map(Some));
        }),
    ]
}

const LOG: &[Key<Log>] = &[
    Key::new("level", |it, value, faults| {
        faults.set(&mut it.level, value.choice(LEVELS).map(Some));
    }),
    Key::new("file", |it, value, faults| {
        faults.set(&mut it.file, value.written().map(Some));
    }),
];

const ACCESS_LOG: &[Key<AccessLog>] = &[
    Key::new("file", |it, value, faults| {
        faults.set(&mut it.file, value.written().map(Some));
    }),
    Key::new("format", |it, value, faults| {
        faults.set(&mut it.format, value.choice(FORMATS).map(Some));
    }),
];

const CACHE: &[Key<CacheLimits>] = &[
    Key::new("bytes_max", |it, value, faults| {
        faults.set(&mut it.bytes_max, value.bytes(0));
    }),
    Key::new("contents_bytes_max", |it, value, faults| {
        faults.set(&mut it.contents_bytes_max, value.bytes(0));
    }),
    Key::new("entries_max", |it, value, faults| {
        faults.set(&mut it.entries_max, value.count(0));
    }),
    Key::new("descriptors_max", |it, value, faults| {
        faults.set(&mut it.descriptors_max, value.count(0));
    }),
];

fn read_locations(value: Value<'_>, faults: &mut Faults) -> Vec<Location> {
    if !value.is_array() {
        faults.note(value.place(), "location is written with two brackets: [[location]]");
        return Vec::new();
    }
    let keys = location_keys();
    let read = |item: Value<'_>| {
        let mut location = Location {
            place: item.place(),
            path: None,
            alias: None,
            application: ApplicationSection::default(),
            scope: Scope::default(),
            about_files: about_files(item),
        };
        read_table("[[location]]", item, &keys, &mut location, faults);
        location
    };
    value.items().into_iter().map(read).collect()
}

fn names<T>(keys: &[Key<T>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// A fault for each key that means something for files alone.
fn about_files(location: Value<'_>) -> Vec<Fault> {
    let Ok(table) = location.table() else {
        return Vec::new();
    };
    let mut keys = names(&scope_keys::<Location>());
    keys.extend(names(&writing_keys::<Location>()));
    // What is wrong with a root is told where it is opened.
    let is_about_files =
        |name: &str| !["root", "body_bytes_max"].contains(&name) && keys.contains(&name);
    let written = table.keys().filter(|key| is_about_files(key.get_ref()));
    let fault = |name: &str, at: usize| Fault {
        place: Place::File(at),
        message: format!("{name} is for files; this location has an application"),
    };
    written.map(|key| fault(key.get_ref(), key.span().start)).collect()
}

/// Which files a content type is for.
#[derive(Debug)]
pub(super) enum TypedName {
    /// Those of this extension, and those without one that have this name.
    Extension(String),
    Matching(NamePattern),
}

fn read_types(value: Value<'_>, faults: &mut Faults) -> Vec<(TypedName, String)> {
    let Some(table) = faults.take(value.table()) else {
        return Vec::new();
    };
    let mut types = Vec::new();
    for (extension, written) in table {
        let name: &str = extension.get_ref();
        if let Some(bare) = name.strip_prefix('.') {
            let message = format!("extension {name:?} is written without the dot: {bare:?}");
            faults.note(Place::File(extension.span().start), message);
            continue;
        }
        let named = if name.contains(|it: char| "./*?[]{}\\".contains(it)) {
            NamePattern::new(name).map(TypedName::Matching)
        } else {
            Ok(TypedName::Extension(name.to_owned()))
        };
        let found = faults.take(Value::new(name, written).content_type());
        match (named, found) {
            (Ok(named), Some(found)) => types.push((named, found.to_owned())),
            (Ok(_), None) => {}
            (Err(error), _) => {
                let message = format!("the name {name:?} {error}");
                faults.note(Place::File(extension.span().start), message);
            }
        }
    }
    types
}

fn read_workers(value: Value<'_>) -> Result<Workers, Fault> {
    let written = if value.is_integer() {
        value.count::<u64>(1)?.to_string()
    } else {
        value.text()?.to_owned()
    };
    parse_workers(&written).map_err(|expected| value.fault(expected))
}

fn read_processes(value: Value<'_>) -> Result<NonZeroUsize, Fault> {
    let count = value.count::<u64>(1)?.to_string();
    parse_processes(&count).map_err(|expected| value.fault(expected))
}

const DURABILITY: &[(&str, Durability)] = &[
    ("never", Durability::Never),
    ("file", Durability::File),
    ("directory", Durability::FileAndDirectory),
];
const DOTFILES: &[(&str, Dotfiles)] = &[("deny", Dotfiles::Deny), ("allow", Dotfiles::Allow)];
const ERROR_BODIES: &[(&str, ErrorBodies)] =
    &[("html", ErrorBodies::Html), ("off", ErrorBodies::Off)];
const FORMATS: &[(&str, Format)] = &[("combined", Format::Combined)];
const SYMLINKS: &[(&str, Symlinks)] =
    &[("inside", Symlinks::Inside), ("never", Symlinks::Never), ("all", Symlinks::All)];
