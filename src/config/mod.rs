//! Makes a server of what the operator wrote. Flags win over the environment, the environment over the
//! file, the file over the defaults. Knows nothing of how flags are parsed, and starts nothing.
//!
//! The text is parsed once; then `file` reads its shape, and `assemble` its meaning. Neither stops at the
//! first error: [`load`] reports all of them, in the order of the file.

mod access;
mod application;
mod assemble;
mod certificates;
mod compression;
mod document;
mod effective;
mod file;
mod foreign;
mod handlers;
mod hosts;
mod limits;
mod listen;
mod logs;
mod lookup;
mod methods;
mod places;
mod rates;
mod reach;
mod request_id;
mod responses;
mod rights;
mod roots;
mod rules;
mod scope;
mod section;
mod site;
mod status;
mod value;
mod writing;

pub(crate) use application::THREADS_MAX;
pub(crate) use value::parse_timeout;

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use crate::server::destination::Destination;
use crate::server::{CertificateText, Server, Workers};
use crate::site::Reload;
use crate::sys::broker::open_read;
use crate::sys::reason::reason_at;
pub(crate) use document::Document;
use file::File;
pub(crate) use places::{Place, PlaceFiles};
pub(crate) use rights::Rights;
use section::Errors;
pub(crate) use section::nearest;

/// A server that is ready to start, and what else the program needs.
pub(crate) struct Config {
    pub server: Server,
    /// How many processes serve, each with its own workers.
    pub processes: NonZeroUsize,
    /// Whether a supervisor starts and watches them. Without one, this process serves.
    pub supervisor: bool,
    /// How long open requests may take to end when the program stops.
    pub stop_timeout: Duration,
    pub log: Log,
    /// The directories that are served, each once, in the order written.
    pub roots: Vec<PathBuf>,
    /// The certificates, one line each.
    pub certificates: Vec<String>,
    /// What stands in their files, each once.
    pub certificate_texts: Vec<CertificateText>,
    /// What is said of a certificate that was made for trying.
    pub made_certificate: Option<&'static str>,
    /// What may surprise a new user, such as a `/` without an index, which is a 404.
    pub note: Option<String>,
    /// What was probably not meant, each with its place.
    pub warnings: Vec<ConfigError>,
    /// What is served from the disk.
    pub places: Vec<Place>,
    /// By which name to ask the default host, if it has one, and then the others.
    pub names: Vec<Option<String>>,
    /// Files that the program itself reads: certificates, keys and passwords.
    pub secret_files: Vec<PathBuf>,
    /// Files that the program itself writes.
    pub log_files: Vec<PathBuf>,
    /// What the serving processes may do.
    pub rights: Rights,
}

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub level: LevelFilter,
    pub destination: Destination,
}

/// The settings from flags and environment; where one is `None`, the file decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub root: Option<Written<PathBuf>>,
    /// A WSGI application at `/`, run in the working directory.
    pub wsgi: Option<Written<String>>,
    /// For every application, as the next two.
    pub reload: Option<Reload>,
    pub threads: Option<Written<usize>>,
    pub timeout: Option<Written<Duration>>,
    /// Whom the serving processes become.
    pub user: Option<Written<String>>,
    /// Whether they may serve as root.
    pub serves_as_root: Option<Written<bool>>,
    /// Addresses that replace those of the file.
    pub listen: Vec<Written<String>>,
    /// All TCP addresses speak TLS. Without a certificate, one is made.
    pub tls: bool,
    /// Certificates that the supervisor has read. Others are read from their files.
    pub certificates: Vec<CertificateText>,
    pub host: Option<Written<String>>,
    pub port: Option<Written<u16>>,
    pub processes: Option<Written<NonZeroUsize>>,
    pub workers: Option<Written<Workers>>,
    pub log: Option<Written<PathBuf>>,
    pub level: Option<Written<LevelFilter>>,
    /// A file, or a word for another destination.
    pub access_log: Option<Written<PathBuf>>,
    /// Standard output, if it is a terminal: at level `info` and above, requests are shown there unless
    /// an access log is configured.
    pub terminal: Option<Terminal>,
}

/// A terminal that shows requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether to use colours.
    pub colours: bool,
}

/// A value, and where the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written<T> {
    pub value: T,
    pub origin: Origin,
}

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Nowhere: it is a default.
    Default,
    /// In a flag or a variable of this name.
    Given(&'static str),
    /// In the file, at this byte.
    File(usize),
}

impl Origin {
    /// The byte of the file; 0 where it was not written there.
    fn byte(self) -> usize {
        match self {
            Origin::File(at) => at,
            Origin::Default | Origin::Given(_) => 0,
        }
    }
}

/// One error of the configuration. It is shown as one line: `file:line:column: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    origin: String,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin.as_str() {
            "" => formatter.write_str(&self.message),
            origin => write!(formatter, "{origin}: {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

/// An error whose origin is not a line and a column yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LocatedError {
    origin: Origin,
    message: String,
}

/// The text of a configuration, and the path of its file, if there is one. It can be loaded again after the
/// file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    path: Option<PathBuf>,
    text: String,
}

impl Source {
    /// Reads a configuration file; without one, the defaults apply.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 1 MiB, or is not UTF-8.
    pub(crate) fn read(path: Option<&Path>) -> Result<Source, ConfigError> {
        let text = path.map_or(Ok(String::new()), read_text)?;
        Ok(Source::of(path, text))
    }

    /// A text that was read from this file before.
    #[must_use]
    pub(crate) fn of(path: Option<&Path>, text: String) -> Source {
        Source { path: path.map(Path::to_owned), text }
    }

    /// The text of the file; empty without one.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its keys as they are written. It has no errors.
    #[must_use]
    pub(crate) fn document(&self) -> Document {
        Document::of(&self.text)
    }

    /// The configuration as it takes effect, with where each value comes from. It has no errors.
    #[must_use]
    pub(crate) fn effective(&self, overrides: &Overrides) -> String {
        effective::effective(self, overrides)
    }

    /// The file and the line of a byte.
    #[must_use]
    pub(crate) fn line_of(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        format!("{}:{line}", path.display())
    }

    /// Where to log, and nothing else: opens nothing, and passes over errors.
    #[must_use]
    pub(crate) fn log(&self, overrides: &Overrides) -> Log {
        let (file, mut errors) = self.file();
        logs::log(&file, overrides, self.base(), &mut errors)
    }

    fn file(&self) -> (File, Errors) {
        match &self.path {
            None => (File::defaults(), Errors::default()),
            Some(_) => File::read(&self.text),
        }
    }

    /// What relative paths are relative to.
    fn base(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    /// Makes a server of it, as [`load`] does.
    ///
    /// # Errors
    /// All errors, in the order of the file.
    pub(crate) fn load(&self, overrides: &Overrides) -> Result<Config, Vec<ConfigError>> {
        let (file, mut errors) = self.file();
        let path = self.path.as_deref();
        let mut config = assemble::assemble(file, overrides, self.base(), &mut errors);
        let Errors { list, puzzling, warnings } = errors;
        config.warnings = in_order(warnings, path, &self.text);
        if list.is_empty() { Ok(config) } else { Err(locate(list, &puzzling, path, &self.text)) }
    }
}

#[cfg(test)]
fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, Vec<ConfigError>> {
    Source::read(path).map_err(|error| vec![error])?.load(overrides)
}

fn locate(
    located: Vec<LocatedError>,
    puzzling: &BTreeSet<&'static str>,
    path: Option<&Path>,
    text: &str,
) -> Vec<ConfigError> {
    let mut errors = in_order(located, path, text);
    for section in file::sections().iter().filter(|it| puzzling.contains(&it.title)) {
        let place = if section.title.is_empty() { "at the top" } else { section.title };
        let message = format!("known {place}: {}", section.keys.join(", "));
        let origin = path.map_or(String::new(), |path| path.display().to_string());
        errors.push(ConfigError { origin, message });
    }
    errors
}

/// With line and column, in the order of the file.
fn in_order(mut located: Vec<LocatedError>, path: Option<&Path>, text: &str) -> Vec<ConfigError> {
    located.sort_by_key(|error| error.origin);
    let as_line = |error: LocatedError| {
        let origin = match (error.origin, path) {
            // The operator has not typed this name.
            (Origin::Given("DIR"), _) => String::new(),
            (Origin::Given(name), _) => name.to_owned(),
            (Origin::File(at), Some(path)) => place_in(path, text.as_bytes(), at),
            (Origin::Default, Some(path)) => path.display().to_string(),
            (Origin::Default | Origin::File(_), None) => String::new(),
        };
        ConfigError { origin, message: error.message }
    };
    located.into_iter().map(as_line).collect()
}

/// `file:line:column`, both counted from 1, columns in characters.
fn place_in(path: &Path, text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    format!("{}:{line}:{column}", path.display())
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| ConfigError {
        origin: path.display().to_string(),
        message: format!("cannot read the configuration: {reason}"),
    };
    let mut bytes = Vec::new();
    open_read(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(reason_at(path, &error)))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(unreadable(format!("it is larger than {TEXT_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError {
            origin: place_in(path, error.as_bytes(), at),
            message: "a configuration is UTF-8, which this byte is not".to_owned(),
        }
    })
}

/// Reads `"auto"` or a count, for the flag, the variable and the key.
///
/// # Errors
/// What was expected, to be put after a name: "must be …".
pub(crate) fn parse_workers(text: &str) -> Result<Workers, String> {
    if text == "auto" {
        return Ok(Workers::Auto);
    }
    let count = text.parse().ok().and_then(NonZeroUsize::new);
    count.filter(|count| count.get() <= WORKERS_MAX).map(Workers::Count).ok_or_else(|| {
        format!("must be \"auto\" or a number from 1 to {WORKERS_MAX}, not {text:?}")
    })
}

/// Reads a count of processes, for the flag, the variable and the key.
///
/// # Errors
/// What was expected, to be put after a name: "must be …".
pub(crate) fn parse_processes(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse().ok().and_then(NonZeroUsize::new);
    count
        .filter(|count| count.get() <= PROCESSES_MAX)
        .ok_or_else(|| format!("must be a number from 1 to {PROCESSES_MAX}, not {text:?}"))
}

/// The log levels by name.
pub(crate) const LEVELS: &[(&str, LevelFilter)] = &[
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
    ("off", LevelFilter::Off),
];

/// More threads than any machine has CPUs are a typo.
const WORKERS_MAX: usize = 1024;

/// So are more processes, each of which has its own cache and threads.
const PROCESSES_MAX: usize = 256;

/// A larger file is not a configuration.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
