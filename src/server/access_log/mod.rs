//! The access log: one line for each response, written when the response has ended.
//!
//! A format is compiled to pieces when the log is opened ([`format`]). What a line says of the request is rendered when
//! its response is queued ([`PendingLines`]), the rest when it has ended, into the buffer of the worker's [`LogWriter`].
//! That hands full buffers to the thread of [`Background`](super::background::Background), so that a request costs no
//! system call and no worker waits for the log.

mod envelope;
mod escape;
mod filter;
mod format;
mod line;
mod open;
mod stamp;
mod subject;
mod variable;
mod writer;

pub use escape::Escape;
pub(crate) use filter::Filter;
pub use format::{Format, FormatError};
pub(crate) use line::PendingLines;
pub(crate) use open::{OpenLogs, Reopener};
pub(crate) use subject::Subject;
#[cfg(feature = "cli")]
pub(crate) use variable::names as variable_names;
pub(crate) use writer::LogWriter;

use super::destination::{Destination, Journal, Syslog};
use std::path::Path;

/// Where the access log goes, how its lines look, and which responses have one.
///
/// ```
/// use httpd::{AccessLog, Format};
/// let log = AccessLog::to_file("access.log", Format::Json);
/// # let _ = log;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLog {
    target: Target,
    format: Format,
    filter: Filter,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Target {
    #[default]
    Off,
    To(Destination),
}

impl AccessLog {
    /// Whether a daemon takes it, by a socket.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program confines itself"))]
    pub(crate) fn is_of_a_daemon(&self) -> bool {
        matches!(&self.target, Target::To(destination) if destination.is_of_a_daemon())
    }

    /// No access log.
    pub fn off() -> AccessLog {
        AccessLog::default()
    }

    /// An access log at the end of a file, which is made if it is missing. When the file was renamed or removed, lines
    /// go to a new one within a second, or at once after [`Handle::reopen_logs`](crate::Handle::reopen_logs).
    pub fn to_file(path: impl AsRef<Path>, format: Format) -> AccessLog {
        AccessLog::to(Destination::File(path.as_ref().to_path_buf()), format)
    }

    /// An access log on standard output.
    pub fn to_stdout(format: Format) -> AccessLog {
        AccessLog::to(Destination::Stdout, format)
    }

    /// An access log on standard error.
    pub fn to_stderr(format: Format) -> AccessLog {
        AccessLog::to(Destination::Stderr, format)
    }

    /// An access log in syslog.
    pub fn to_syslog(syslog: Syslog, format: Format) -> AccessLog {
        AccessLog::to(Destination::Syslog(syslog), format)
    }

    /// An access log in the journal of systemd. Besides the line, its entries have fields: `HTTP_CLIENT`, `HTTP_METHOD`,
    /// `HTTP_HOST`, `HTTP_TARGET`, `HTTP_STATUS`, `HTTP_BYTES_SENT`, `HTTP_SECONDS`, `HTTP_REQUEST_ID`.
    pub fn to_journal(format: Format) -> AccessLog {
        AccessLog::to(Destination::Journal(Journal::default()), format)
    }

    pub(crate) fn to(destination: Destination, format: Format) -> AccessLog {
        AccessLog { target: Target::To(destination), format, filter: Filter::default() }
    }

    /// The same without the lines of some responses.
    #[cfg(feature = "cli")]
    pub(crate) fn without(self, filter: Filter) -> AccessLog {
        AccessLog { filter, ..self }
    }

    /// Where it goes, unless it is off.
    pub(crate) fn destination(&self) -> Option<&Destination> {
        match &self.target {
            Target::Off => None,
            Target::To(destination) => Some(destination),
        }
    }
}
