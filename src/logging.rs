//! Diagnostics: where they go and how a line looks. Not `log.rs`, for that is the crate's name.
//! Knows nothing of the access log, which the server writes.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use httpd::config::Log;
use log::LevelFilter;
use simplelog::{ConfigBuilder, WriteLogger};

/// Starts the log: to the file, which is made when it is not there, or to standard error. Times are
/// UTC, and there are no colours to escape.
///
/// # Errors
/// When the file cannot be opened for appending: one line for the operator.
pub fn start(log: &Log) -> Result<(), String> {
    let style = ConfigBuilder::new()
        .set_time_format_rfc3339()
        .set_thread_level(LevelFilter::Debug)
        .set_target_level(LevelFilter::Debug)
        .set_location_level(LevelFilter::Off)
        .build();
    let started = match &log.file {
        None => WriteLogger::init(log.level, style, io::stderr()),
        Some(path) => {
            // Readable by the owner and the group alone: diagnostics may name what visitors did.
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(path)
                .map_err(|error| format!("cannot write the log {path:?}: {error}"))?;
            WriteLogger::init(log.level, style, file)
        }
    };
    started.map_err(|error| error.to_string())
}
