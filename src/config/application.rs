//! The keys of an application in a location, and what they mean.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::section::SectionKey;
use super::value::Value;
use crate::site::{Reload, Wsgi};
use crate::sys::permission::check_executable;
use crate::sys::reason::{reason_at, reason_at_directory};

/// What a location sets for its application; `None` where it sets nothing.
#[derive(Debug, Default)]
pub(super) struct ApplicationSection {
    pub(super) wsgi: Option<Written<String>>,
    python: Option<Written<String>>,
    chdir: Option<Written<String>>,
    processes: Option<usize>,
    threads: Option<usize>,
    env: Vec<(String, String)>,
    /// Whether it may use the network.
    pub(super) network: Option<Written<bool>>,
    /// The directories that it may write to.
    pub(super) writable: Option<Vec<Written<String>>>,
    timeout: Option<Duration>,
    stream_timeout: Option<Duration>,
    requests_max: Option<u64>,
    lifetime: Option<Duration>,
    memory_bytes_max: Option<u64>,
    reload: Option<Reload>,
    /// The error about the first of these keys, in case that there is no `wsgi`.
    alone: Option<LocatedError>,
}

pub(super) fn keys<T: AsMut<ApplicationSection>>() -> Vec<SectionKey<T>> {
    vec![
        SectionKey::new("wsgi", |it: &mut T, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.wsgi, value.written().map(Some));
        }),
        SectionKey::new("python", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.python, value.written().map(Some));
        }),
        SectionKey::new("chdir", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.chdir, value.written().map(Some));
        }),
        SectionKey::new("processes", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.processes, value.count_to(PROCESSES_MAX).map(Some));
        }),
        SectionKey::new("threads", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.threads, value.count_to(THREADS_MAX).map(Some));
        }),
        SectionKey::new("env", |it, value, errors| {
            let it = it.noted(value);
            it.env = read_env(value, errors);
        }),
        SectionKey::new("network", |it, value, errors| {
            let it = it.noted(value);
            let read = value.boolean();
            let read = read.map(|is| Some(Written { value: is, origin: value.origin() }));
            errors.set(&mut it.network, read);
        }),
        SectionKey::new("writable", |it, value, errors| {
            let it = it.noted(value);
            it.writable = Some(errors.take_each(value, |it| it.written()));
        }),
        SectionKey::new("timeout", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.timeout, value.duration().map(Some));
        }),
        SectionKey::new("stream_timeout", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.stream_timeout, value.duration().map(Some));
        }),
        SectionKey::new("requests_max", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.requests_max, value.count(1).map(Some));
        }),
        SectionKey::new("lifetime", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.lifetime, value.duration().map(Some));
        }),
        SectionKey::new("memory_bytes_max", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.memory_bytes_max, value.bytes(1).map(Some));
        }),
        SectionKey::new("reload", |it, value, errors| {
            let it = it.noted(value);
            errors.set(&mut it.reload, value.choice(RELOADS).map(Some));
        }),
    ]
}

trait Noted {
    fn noted(&mut self, value: Value<'_>) -> &mut ApplicationSection;
}

impl<T: AsMut<ApplicationSection>> Noted for T {
    fn noted(&mut self, value: Value<'_>) -> &mut ApplicationSection {
        let section = self.as_mut();
        section.alone.get_or_insert_with(|| {
            value.error("is for an application: add wsgi = \"module:callable\"")
        });
        section
    }
}

impl ApplicationSection {
    /// Whether any of these keys was written.
    pub(super) fn is_written(&self) -> bool {
        self.alone.is_some()
    }

    /// The application, if there is one.
    pub(super) fn wsgi(&self, base: &Path, errors: &mut Errors) -> Option<Wsgi> {
        let Some(target) = &self.wsgi else {
            // Unless this is a `wsgi` with another error.
            if let Some(alone) = self.alone.as_ref().filter(|it| !errors.has_one_at(it.origin)) {
                errors.list.push(alone.clone());
            }
            return None;
        };
        let directory = self.chdir.as_ref().map_or(base.to_owned(), |it| base.join(&it.value));
        let directory = if directory.as_os_str().is_empty() { ".".into() } else { directory };
        if let Err(error) = std::fs::metadata(directory.join(".")) {
            let origin = self.chdir.as_ref().map_or(target.origin, |it| it.origin);
            let reason = reason_at_directory(&directory, &error);
            errors.note(origin, format!("cannot run in {directory:?}: {reason}"));
        }
        // A name without a slash is searched in the PATH.
        let python = self.python.as_ref().map(|it| match it.value.contains('/') {
            true => std::path::absolute(base.join(&it.value)).unwrap_or(base.join(&it.value)),
            false => PathBuf::from(&it.value),
        });
        if let (Some(written), Some(path)) = (&self.python, &python)
            && let Err(error) = check_program(path)
        {
            let message = format!("cannot run {path:?}: {}", reason_at(path, &error));
            errors.note(written.origin, message);
        }
        Some(Wsgi::new(&target.value).with(|it| {
            it.directory = directory;
            it.python = python.unwrap_or_else(|| it.python.clone());
            it.environment = self.env.clone();
            it.processes = self.processes.unwrap_or(it.processes);
            it.threads = self.threads.unwrap_or(it.threads);
            it.timeout = self.timeout.unwrap_or(it.timeout);
            it.stream_timeout = self.stream_timeout.unwrap_or(it.stream_timeout);
            it.requests_max = self.requests_max.unwrap_or(it.requests_max);
            it.lifetime = self.lifetime.unwrap_or(it.lifetime);
            it.memory_bytes_max = self.memory_bytes_max.unwrap_or(it.memory_bytes_max);
            it.reload = self.reload.unwrap_or(it.reload);
        }))
    }
}

/// Checks that a program can be run: at this path, or by this name in the `PATH`.
fn check_program(program: &Path) -> io::Result<()> {
    if program.components().count() > 1 {
        return check_executable(program);
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .any(|directory| check_executable(&directory.join(program)).is_ok());
    if is_found { Ok(()) } else { Err(io::Error::other("it is not in the PATH")) }
}

fn read_env(value: Value<'_>, errors: &mut Errors) -> Vec<(String, String)> {
    let Some(table) = errors.take(value.table()) else {
        return Vec::new();
    };
    let mut env = Vec::new();
    for (name, written) in table {
        let text: &str = name.get_ref();
        if text.is_empty() || text.contains(['=', '\0']) {
            let message = format!("{text:?} is not the name of a variable");
            errors.note(Origin::File(name.span().start), message);
        } else if let Some(value) = errors.take(Value::new(text, written).any_text()) {
            env.push((text.to_owned(), value.to_owned()));
        }
    }
    env
}

const RELOADS: &[(&str, Reload)] = &[("never", Reload::Never), ("on-change", Reload::OnChange)];

/// More are a typo.
const PROCESSES_MAX: usize = 1024;
pub(crate) const THREADS_MAX: usize = 256;
