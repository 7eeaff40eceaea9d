//! Where logs go and how their lines look: `[log]`, and `access_log` at the top, in a host and in a location. What an
//! inner scope does not say of its access log, it inherits.

use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::errors::Errors;
use super::nearest::nearest;
use super::origin::{LocatedError, Origin, Written};
use super::overrides::Overrides;
use super::responses::read_statuses;
use super::section::{Holds, SectionKey, read_table};
use super::value::Value;
use crate::server::access_log::{Escape, Format, FormatError, variable_names};
use crate::server::destination::{Destination, Facility, Journal, Syslog};
use crate::site::rules::glob::Glob;
use crate::site::rules::headers::Statuses;
use crate::sys::permission::check_appendable;
use crate::sys::reason::reason_at;

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub level: LevelFilter,
    pub destination: Destination,
}

/// What `[log]` says; `None` where nothing was written.
#[derive(Debug, Default)]
pub(super) struct LogSection {
    level: Option<LevelFilter>,
    file: Option<Written<String>>,
    naming: Naming,
}

/// What a scope says of its access log; `None` where nothing was written.
#[derive(Debug, Default)]
pub(super) struct AccessLogSection {
    pub(super) file: Option<Written<String>>,
    pub(super) format: Option<Written<Format>>,
    pub(super) skip_paths: Option<Written<Vec<Glob>>>,
    pub(super) skip_status: Option<Written<Statuses>>,
    pub(super) naming: Naming,
}

impl AccessLogSection {
    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_ref().map(|it| it.value.as_str())
    }

    /// The keys about lines that say something else than the default.
    pub(super) fn about_lines(&self) -> impl Iterator<Item = (&'static str, Origin)> {
        let format = self.format.as_ref().filter(|it| it.value != Format::Combined);
        let paths = self.skip_paths.as_ref().filter(|it| !it.value.is_empty());
        let status = self.skip_status.as_ref().filter(|it| it.value != Statuses::default());
        let format = format.map(|it| ("format", it.origin));
        let paths = paths.map(|it| ("skip_paths", it.origin));
        format.into_iter().chain(paths).chain(status.map(|it| ("skip_status", it.origin)))
    }

    /// The keys about messages that say something else than the default.
    pub(super) fn about_messages(&self) -> impl Iterator<Item = (&'static str, Origin)> {
        self.naming.written()
    }
}

/// How messages are filed by syslog and the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    pub(super) facility: Option<Written<Facility>>,
    pub(super) tag: Option<Written<String>>,
}

impl Naming {
    fn facility(&self) -> Facility {
        self.facility.as_ref().map_or(Facility::DAEMON, |it| it.value)
    }

    /// The keys that say something else than the default.
    fn written(&self) -> impl Iterator<Item = (&'static str, Origin)> {
        let facility = self.facility.as_ref().filter(|it| it.value != Facility::DAEMON);
        let tag = self.tag.as_ref().filter(|it| it.value != TAG);
        let facility = facility.map(|it| ("facility", it.origin));
        facility.into_iter().chain(tag.map(|it| ("tag", it.origin)))
    }
}

pub(super) const LOG: &[SectionKey<LogSection>] = &[
    SectionKey::new("level", |it, value, errors| {
        errors.set(&mut it.level, value.choice(LEVELS).map(Some));
    }),
    SectionKey::new("file", |it, value, errors| {
        errors.set(&mut it.file, place(value).map(Some));
    }),
    SectionKey::new("facility", |it, value, errors| {
        errors.set(&mut it.naming.facility, facility(value).map(Some));
    }),
    SectionKey::new("tag", |it, value, errors| {
        errors.set(&mut it.naming.tag, value.written().map(Some));
    }),
];

/// `[access_log]` as it is written: its format can be compiled when all of it is read.
#[derive(Default)]
pub(super) struct WrittenAccessLog {
    section: AccessLogSection,
    format: Option<Written<String>>,
    escape: Option<Written<Escape>>,
}

pub(super) const ACCESS_LOG: &[SectionKey<WrittenAccessLog>] = &[
    SectionKey::new("file", |it, value, errors| {
        errors.set(&mut it.section.file, place(value).map(Some));
    }),
    SectionKey::new("format", |it, value, errors| {
        errors.set(&mut it.format, value.written().map(Some));
    }),
    SectionKey::new("escape", |it, value, errors| {
        let escape = value
            .choice(ESCAPES)
            .map(|value_of| Some(Written { value: value_of, origin: value.origin() }));
        errors.set(&mut it.escape, escape);
    }),
    SectionKey::new("skip_paths", |it, value, errors| {
        let paths = errors.take_each(value, |item| {
            let text = item.text()?;
            Glob::new(text).map_err(|error| item.error(format_args!("has {text:?}, which {error}")))
        });
        it.section.skip_paths = Some(Written { value: paths, origin: value.origin() });
    }),
    SectionKey::new("skip_status", |it, value, errors| {
        let statuses = read_statuses(value, errors);
        it.section.skip_status = Some(Written { value: statuses, origin: value.origin() });
    }),
    SectionKey::new("facility", |it, value, errors| {
        errors.set(&mut it.section.naming.facility, facility(value).map(Some));
    }),
    SectionKey::new("tag", |it, value, errors| {
        errors.set(&mut it.section.naming.tag, value.written().map(Some));
    }),
];

pub(super) fn keys<T: Holds<AccessLogSection>>() -> [SectionKey<T>; 1] {
    [SectionKey::new("access_log", |it: &mut T, value, errors| {
        *it.held() = read_access_log(value, errors);
    })]
}

/// `"access.log"`, `false`, or a table.
fn read_access_log(value: Value<'_>, errors: &mut Errors) -> AccessLogSection {
    let off = || Some(Written { value: OFF.to_owned(), origin: value.origin() });
    let mut written = WrittenAccessLog::default();
    match (value.boolean(), value.is_text()) {
        (Ok(false), _) => written.section.file = off(),
        (Ok(true), _) => errors.list.push(value.error(
            "must say where it goes, such as access_log = \"access.log\"; false turns it off",
        )),
        (Err(_), true) => errors.set(&mut written.section.file, place(value).map(Some)),
        (Err(_), false) => {
            read_table("[access_log]", value, ACCESS_LOG, &mut written, errors);
        }
    }
    let WrittenAccessLog { mut section, format, escape } = written;
    // The default is right for every format.
    let escape = escape.filter(|it| it.value != Escape::Default);
    let word = format.as_ref().and_then(|it| FORMATS.iter().find(|(word, _)| *word == it.value));
    let read = match (&format, word) {
        (Some(format), None) => {
            own_format(format, escape.as_ref().map(|it| it.value).unwrap_or_default(), errors)
        }
        (_, word) => {
            if let Some(escape) = escape {
                let message = "escape is for a format of your own, such as format = \"$remote_addr $status\"; the other formats know how to escape";
                errors.note(escape.origin, message);
            }
            word.map(|(_, format)| format.clone())
        }
    };
    section.format =
        read.zip(format).map(|(value, written)| Written { value, origin: written.origin });
    section
}

fn own_format(format: &Written<String>, escape: Escape, errors: &mut Errors) -> Option<Format> {
    let text = &format.value;
    if !text.contains('$') {
        let words: Vec<&str> = FORMATS.iter().map(|(word, _)| *word).collect();
        let hint = nearest(text, &words).map(|word| format!("; did you mean {word:?}?"));
        let message = format!(
            "format must be \"combined\", \"common\", \"json\", or text with variables such as \
             \"$remote_addr $status\", not {text:?}{}",
            hint.unwrap_or_default()
        );
        errors.note(format.origin, message);
        return None;
    }
    match Format::own(text, escape) {
        Ok(own) => Some(own),
        Err(error) => {
            let known = variable_names();
            let hints: Vec<String> = match &error {
                FormatError::UnknownVariables(names) => names
                    .iter()
                    .filter_map(|name| Some((name, nearest(name, &known)?)))
                    .map(|(name, near)| match names.len() {
                        1 => format!("; did you mean ${near}?"),
                        _ => format!("; for ${name}, did you mean ${near}?"),
                    })
                    .collect(),
                _ => Vec::new(),
            };
            errors.note(format.origin, format!("format: {error}{}", hints.concat()));
            None
        }
    }
}

fn facility(value: Value<'_>) -> Result<Written<Facility>, LocatedError> {
    let text = value.text()?;
    let error = |_| {
        let hint = nearest(text, &Facility::NAMES).map(|it| format!("; did you mean {it:?}?"));
        value.error(format_args!(
            "must be a facility such as \"daemon\" or \"local7\", not {text:?}{}",
            hint.unwrap_or_default()
        ))
    };
    let facility = text.parse().map_err(error)?;
    Ok(Written { value: facility, origin: value.origin() })
}

/// A file, or a word for another destination.
fn place(value: Value<'_>) -> Result<Written<String>, LocatedError> {
    let text = value.text()?;
    let rest = text.strip_prefix("syslog:").unwrap_or_default();
    if rest.starts_with("server=") {
        return Err(value.error(
            "is nginx's; write \"syslog:/dev/log\" or \"syslog:udp://host:514\", and facility and tag beside it",
        ));
    }
    if !(rest.is_empty() || rest.starts_with('/') || rest.starts_with("udp://")) {
        return Err(value.error(format_args!(
            "must be \"syslog:\", \"syslog:/dev/log\" or \"syslog:udp://host:514\", not {text:?}"
        )));
    }
    value.written()
}

/// What a text says of where a log goes. `None`: nowhere.
pub(super) fn destination(text: &Path, base: &Path, naming: &Naming) -> Option<Destination> {
    let word = text.to_str().unwrap_or_default();
    let tagged = |syslog: Syslog| match &naming.tag {
        Some(tag) => syslog.tag(&tag.value),
        None => syslog,
    };
    let facility = naming.facility();
    Some(match word {
        OFF => return None,
        "stdout" => Destination::Stdout,
        "stderr" => Destination::Stderr,
        "journald" => Destination::Journal(journal(naming)),
        "syslog" | "syslog:" => Destination::Syslog(tagged(Syslog::local()).facility(facility)),
        _ => match (word.strip_prefix("syslog:"), word.strip_prefix("journald:")) {
            (Some(place), _) => Destination::Syslog(tagged(Syslog::at(place)).facility(facility)),
            (None, Some(path)) => Destination::Journal(journal(naming).at(path)),
            (None, None) => Destination::File(base.join(text)),
        },
    })
}

/// Warns of what is said of messages where lines are written to a file.
fn warn_of_messages(naming: &Naming, errors: &mut Errors) {
    for (key, origin) in naming.written() {
        errors.warn_once(origin, for_messages(key));
    }
}

/// What is wrong with a key about messages beside a file.
pub(super) fn for_messages(key: &str) -> String {
    format!("{key} has no effect: it is for file = \"syslog:\" and file = \"journald\"")
}

/// Whether a log goes to a daemon that files its messages.
pub(super) fn is_of_a_daemon(text: &str) -> bool {
    destination(Path::new(text), Path::new(""), &Naming::default())
        .is_some_and(|it| it.is_of_a_daemon())
}

/// Whether a log goes elsewhere than to a file.
pub(super) fn is_no_file(text: &Path) -> bool {
    !matches!(destination(text, Path::new(""), &Naming::default()), Some(Destination::File(_)))
}

fn journal(naming: &Naming) -> Journal {
    let journal = Journal::default().facility(naming.facility());
    match &naming.tag {
        Some(tag) => journal.tag(&tag.value),
        None => journal,
    }
}

/// The log of the program.
pub(super) fn log(
    section: &LogSection,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> Log {
    let given = overrides.log.as_ref().map(|it| (it.value.clone(), it.origin));
    let written = || section.file.as_ref().map(|it| (PathBuf::from(&it.value), it.origin));
    let is_given = given.is_some();
    let target = given.or_else(written);
    let destination = match &target {
        None => {
            warn_of_messages(&section.naming, errors);
            Destination::Stderr
        }
        Some((path, origin)) => {
            // A flag is about the working directory.
            let base = if is_given { Path::new("") } else { base };
            let destination = destination(path, base, &section.naming);
            let destination = destination.unwrap_or_else(|| {
                errors.note(*origin, "file cannot be \"off\" in [log]; write level = \"off\"");
                Destination::Stderr
            });
            check(path, &destination, *origin, errors);
            if !is_given && !destination.is_of_a_daemon() {
                warn_of_messages(&section.naming, errors);
            }
            destination
        }
    };
    // Somebody who runs an application from the command line wants to see what it prints.
    let usual = if overrides.wsgi.is_some() { LevelFilter::Info } else { LevelFilter::Warn };
    let given = overrides.level.as_ref().map(|it| it.value);
    let level = given.or(section.level).unwrap_or(usual);
    Log { level, destination }
}

/// Checks that a file can be written, without creating it.
pub(super) fn check(
    written: &Path,
    destination: &Destination,
    origin: Origin,
    errors: &mut Errors,
) {
    // Other servers mean standard output or standard error by it, and nobody wants a file of this name.
    if written == Path::new("-") {
        let message =
            "a log cannot be \"-\": write \"stdout\" or \"stderr\", or \"./-\" for a file";
        errors.note(origin, message);
        return;
    }
    if let Destination::File(path) = destination
        && let Err(error) = check_appendable(path)
    {
        let reason = reason_at(path, &error);
        errors.note(origin, format!("cannot write the log {path:?}: {reason}"));
    }
}

/// The default tag.
const TAG: &str = "httpd";

/// The log levels by name.
pub(crate) const LEVELS: &[(&str, LevelFilter)] = &[
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
    ("off", LevelFilter::Off),
];

const FORMATS: &[(&str, Format)] =
    &[("combined", Format::Combined), ("common", Format::Common), ("json", Format::Json)];
const ESCAPES: &[(&str, Escape)] = &[("default", Escape::Default), ("json", Escape::Json)];

/// Nowhere.
const OFF: &str = "off";
