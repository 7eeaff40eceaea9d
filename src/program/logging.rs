//! The log: where it goes and what a line looks like. (`log` is the name of a crate.) Knows nothing of the
//! access log, which the server writes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::config::Log as Settings;
use crate::server::background::Background;
use crate::sys::append::open_append;
use crate::sys::reason::{reason, reason_at};
use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{ConfigBuilder, WriteLogger};

/// Starts the log. It goes to the file, which is created if it is missing, or to standard error. Times are
/// UTC; there are no colours. If several processes write to it, each has a name.
///
/// # Errors
/// When the file cannot be opened for appending: one line for the operator.
pub(super) fn start(settings: &Settings, name: Option<String>) -> Result<(), String> {
    let style = ConfigBuilder::new()
        .set_time_format_rfc3339()
        .set_thread_level(LevelFilter::Debug)
        .set_target_level(LevelFilter::Debug)
        .set_location_level(LevelFilter::Off)
        .build();
    let file = match &settings.file {
        None => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        Some(path) => open_append(path),
    };
    let name_of_log =
        || settings.file.as_ref().map_or("on standard error".into(), |it| format!("{it:?}"));
    let on_loss = Box::new(|lines, error: &io::Error| {
        format!("{lines} lines of this log are lost: {error}\n").into_bytes()
    });
    let sink = file
        .and_then(|file| Background::start("log", file, on_loss))
        .map(BackgroundLog)
        .map_err(|error| {
            let reason = match &settings.file {
                Some(path) => reason_at(path, &error),
                None => reason(&error),
            };
            format!("cannot write the log {}: {reason}", name_of_log())
        })?;
    // The default hook writes to standard error, which may take nothing.
    panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    let writer = *WriteLogger::new(settings.level, style, WholeLines { sink, line: Vec::new() });
    log::set_max_level(settings.level);
    match name {
        None => log::set_boxed_logger(Box::new(writer)),
        Some(name) => log::set_boxed_logger(Box::new(Named { name, writer })),
    }
    .map_err(|error| error.to_string())
}

/// Waits until what was logged is written, for a second at most.
pub(super) fn finish() {
    log::logger().flush();
}

/// Prints to standard output or standard error, and waits until it is written, for a second at most.
pub(super) fn print(mut stream: impl Write + Send + 'static, text: String) {
    let (done, is_done) = mpsc::channel();
    let write = move || {
        // If that is closed, nobody reads it.
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        let _ = done.send(());
    };
    if thread::Builder::new().name("print".to_owned()).spawn(write).is_ok() {
        let _ = is_done.recv_timeout(FINISH_TIME);
    }
}

/// A log that is written by a thread, so that nobody waits for it.
struct BackgroundLog(Background);

impl Write for BackgroundLog {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.write(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.finish(FINISH_TIME);
        Ok(())
    }
}

/// How long the program waits at its end until queued lines are written.
const FINISH_TIME: Duration = Duration::from_secs(1);

/// Puts the name of the process before each message.
struct Named<L> {
    name: String,
    writer: L,
}

impl<L: Log> Log for Named<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.writer.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let (name, message) = (&self.name, record.args());
        let mut named = Record::builder();
        named.metadata(record.metadata().clone());
        self.writer.log(&named.args(format_args!("{name}: {message}")).build());
    }

    fn flush(&self) {
        self.writer.flush();
    }
}

/// Writes each line with one call, so that lines of several processes do not mix. The logger writes them
/// in pieces.
struct WholeLines<W> {
    sink: W,
    line: Vec<u8>,
}

impl<W: Write> Write for WholeLines<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(piece);
        if self.line.ends_with(b"\n") {
            let result = self.sink.write_all(&self.line);
            // A line that cannot be written is lost: keeping such lines would fill memory.
            self.line.clear();
            result?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// The calls that were made.
    #[derive(Clone, Default)]
    struct Calls(Arc<Mutex<Vec<String>>>);

    impl Write for Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.lock().expect("no test panics with it").push(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_call_and_says_who_speaks() {
        let calls = Calls::default();
        let lines = WholeLines { sink: calls.clone(), line: Vec::new() };
        let writer = *WriteLogger::new(LevelFilter::Info, simplelog::Config::default(), lines);
        let logger = Named { name: "process 2 (4711)".to_owned(), writer };
        for (level, text) in [(log::Level::Info, "one"), (log::Level::Debug, "not said")] {
            logger.log(&Record::builder().level(level).args(format_args!("{text} {}", 1)).build());
        }
        let calls = calls.0.lock().expect("no test panics with it");
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert!(calls[0].ends_with(" [INFO] process 2 (4711): one 1\n"), "{calls:?}");
    }
}
