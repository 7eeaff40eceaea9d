//! The access logs: what scopes say of theirs, each log once.

use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::errors::Errors;
use super::logs::{AccessLogSection, Naming, check, destination};
use super::origin::Written;
use super::overrides::{Overrides, Terminal};
use crate::server::access_log::{AccessLog, Filter, Format};
use crate::server::destination::Destination;

/// The access logs of all scopes, each once. The first is that of the top.
pub(super) struct AccessLogs<'a> {
    pub(super) list: Vec<AccessLog>,
    overrides: &'a Overrides,
    level: LevelFilter,
    base: &'a Path,
}

impl<'a> AccessLogs<'a> {
    /// That of the top alone.
    pub(super) fn new(
        top: &AccessLogSection,
        overrides: &'a Overrides,
        level: LevelFilter,
        base: &'a Path,
        errors: &mut Errors,
    ) -> AccessLogs<'a> {
        let mut logs = AccessLogs { list: Vec::new(), overrides, level, base };
        logs.number(&[top], errors);
        logs
    }

    /// The number of the log of scopes, by what each says of it, the innermost first.
    pub(super) fn number(&mut self, sections: &[&AccessLogSection], errors: &mut Errors) -> u16 {
        let log = self.log(sections, errors);
        let known = self.list.iter().position(|it| *it == log);
        let number = known.unwrap_or_else(|| {
            self.check_count(&log, sections, errors);
            self.list.push(log);
            self.list.len() - 1
        });
        u16::try_from(number).unwrap_or_default()
    }

    fn log(&self, sections: &[&AccessLogSection], errors: &mut Errors) -> AccessLog {
        let format = sections.iter().find_map(|it| it.format.as_ref()).map(|it| it.value.clone());
        let (top, inner) = match sections {
            [inner @ .., top] => (top.file.as_ref(), inner),
            [] => (None, &[][..]),
        };
        let written = |it: &Written<String>| (PathBuf::from(&it.value), it.origin);
        let given = self.overrides.access_log.as_ref().map(|it| (it.value.clone(), it.origin));
        // A flag is about the working directory.
        let (path, base) = match inner.iter().find_map(|it| it.file.as_ref()) {
            Some(own) => (Some(written(own)), self.base),
            None if given.is_some() => (given, Path::new("")),
            None => (top.map(written), self.base),
        };
        let filter = Filter {
            paths: sections
                .iter()
                .find_map(|it| it.skip_paths.as_ref())
                .map(|it| it.value.clone())
                .unwrap_or_default(),
            statuses: sections
                .iter()
                .find_map(|it| it.skip_status.as_ref())
                .map(|it| it.value.clone()),
        };
        let Some((path, origin)) = path else {
            return match self.overrides.terminal {
                Some(Terminal { colours }) if self.level >= LevelFilter::Info => {
                    let format = Format::Terminal { colours };
                    AccessLog::to(Destination::Stdout, format).without(filter)
                }
                _ => AccessLog::off(),
            };
        };
        let naming = Naming {
            facility: sections.iter().find_map(|it| it.naming.facility.clone()),
            tag: sections.iter().find_map(|it| it.naming.tag.clone()),
        };
        let Some(destination) = destination(&path, base, &naming) else {
            return AccessLog::off();
        };
        if !errors.has_one_at(origin) {
            check(&path, &destination, origin, errors);
        }
        let format = match (&destination, self.overrides.terminal, format) {
            (_, _, Some(format)) => format,
            (Destination::Stdout, Some(Terminal { colours }), None) => Format::Terminal { colours },
            (_, _, None) => Format::Combined,
        };
        AccessLog::to(destination, format).without(filter)
    }

    /// Each destination has a thread and buffers in each worker.
    fn check_count(&self, log: &AccessLog, sections: &[&AccessLogSection], errors: &mut Errors) {
        let destinations = || self.list.iter().filter_map(AccessLog::destination);
        let is_new = log.destination().is_some_and(|it| destinations().all(|known| known != it));
        let mut seen: Vec<&Destination> = Vec::new();
        for destination in destinations().filter(|_| is_new) {
            if !seen.contains(&destination) {
                seen.push(destination);
            }
        }
        let written = sections.iter().find_map(|it| it.file.as_ref());
        if let (Some(written), true) = (written, seen.len() >= DESTINATIONS_MAX)
            && !errors.mention(TOO_MANY)
        {
            let message = format!(
                "{TOO_MANY} {DESTINATIONS_MAX}: let hosts share one, and write $server_name in its format"
            );
            errors.note(written.origin, message);
        }
    }

    /// The files that they are written to.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for path in
            self.list.iter().filter_map(AccessLog::destination).filter_map(Destination::path)
        {
            if !files.contains(path) {
                files.push(path.clone());
            }
        }
        files
    }
}

/// How many destinations access logs can have.
const DESTINATIONS_MAX: usize = 256;
const TOO_MANY: &str = "the number of access logs is limited to";
