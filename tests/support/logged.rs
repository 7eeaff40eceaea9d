//! What the library logs in this process. Other tests log meanwhile: ask for a path that only one test uses.

use super::until;
use std::sync::{Mutex, Once, PoisonError};

struct Logger;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}", record.level(), record.args());
            let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < LINES_MAX {
                lines.push(line);
            }
        }
    }

    fn flush(&self) {}
}

/// Keeps warnings and errors from now on.
pub fn listen() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&Logger).expect("no other logger is set");
        log::set_max_level(log::LevelFilter::Warn);
    });
}

/// The lines so far that contain this.
pub fn lines(part: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| line.contains(part)).cloned().collect()
}

/// Waits for such a line.
#[track_caller]
pub fn line(part: &str) -> String {
    until(part, || lines(part).into_iter().next())
}

/// More than the tests that ask, and their neighbours, log together.
const LINES_MAX: usize = 100_000;
