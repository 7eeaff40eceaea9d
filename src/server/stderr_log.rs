//! A logger for programs that have none yet.

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};

/// Shows warnings and errors on standard error: those of this library, and of all else that logs through the crate
/// [`log`]. That is enough for a start, and for tests; a program that runs for years installs a logger of its choice.
///
/// ```
/// httpd::log_to_stderr()?;
/// assert!(httpd::log_to_stderr().is_err(), "there is one already");
/// # Ok::<(), log::SetLoggerError>(())
/// ```
///
/// # Errors
/// When the program has a logger already, which stays.
#[doc(alias = "env_logger")]
#[doc(alias = "logging")]
pub fn log_to_stderr() -> Result<(), SetLoggerError> {
    log::set_logger(&StderrLog)?;
    log::set_max_level(LEVEL);
    Ok(())
}

struct StderrLog;

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LEVEL
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

const LEVEL: LevelFilter = LevelFilter::Warn;
