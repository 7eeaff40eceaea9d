//! The log: where it goes and what a line looks like. (`log` is the name of a crate.) Knows nothing of the
//! access log, which the server writes.

use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::config::Log as Settings;
use crate::http::date;
use crate::server::background::{Background, Loss, OnLoss, Reopening};
use crate::server::destination::{Destination, Framing, Journal, Syslog, severity, write_field};
use crate::sys::reason::{reason, reason_at};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{ConfigBuilder, WriteLogger};

/// Starts the log. A file is created if it is missing. Times are UTC; there are no colours. If several processes write to
/// it, each has a name.
///
/// # Errors
/// When the file cannot be opened for appending: one line for the operator.
pub(super) fn start(settings: &Settings, name: Option<String>) -> Result<(), String> {
    let _ = NAME.set(name);
    // The default hook writes to standard error, which may take nothing.
    panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    open(settings)?.into_iter().for_each(OpenLog::take_effect);
    log::set_boxed_logger(Box::new(Switch)).map_err(|error| error.to_string())
}

/// Opens another log, which takes effect later. `None`: it is the one that is open.
///
/// # Errors
/// As [`start`].
pub(super) fn open(settings: &Settings) -> Result<Option<OpenLog>, String> {
    if read_current().as_ref().is_some_and(|current| current.settings == *settings) {
        return Ok(None);
    }
    let destination = &settings.destination;
    let system = SystemLog::of(destination);
    let of_losses = system.clone();
    let on_loss: OnLoss = Box::new(move |loss| match loss {
        // There is nowhere else to say it.
        Loss::Begins(_) => Vec::new(),
        Loss::Ends { lines, error } => {
            let text = format!("{lines} lines of this log are lost: {error}");
            match &of_losses {
                Some(system) => system.message(Level::Error, module_path!(), &text),
                None => format!("{text}\n").into_bytes(),
            }
        }
    });
    let sink = Background::start("log", destination, on_loss).map_err(|error| {
        let reason = match destination.path() {
            Some(path) => reason_at(path, &error),
            None => reason(&error),
        };
        format!("cannot write the log {destination}: {reason}")
    })?;
    let sink = Arc::new(sink);
    let writer: Box<dyn Log> = match system {
        Some(system) => {
            Box::new(MessageLog { level: settings.level, system, sink: Arc::clone(&sink) })
        }
        None => {
            let style = ConfigBuilder::new()
                .set_time_format_rfc3339()
                .set_thread_level(LevelFilter::Debug)
                .set_target_level(LevelFilter::Debug)
                .set_location_level(LevelFilter::Off)
                .build();
            let sink = BackgroundLog(Arc::clone(&sink));
            WriteLogger::new(settings.level, style, WholeLines { sink, line: Vec::new() })
        }
    };
    let writer: Box<dyn Log> = match NAME.get().cloned().flatten() {
        None => writer,
        Some(name) => Box::new(Named { name, writer }),
    };
    Ok(Some(OpenLog { settings: settings.clone(), sink, writer }))
}

/// A log that is open.
pub(super) struct OpenLog {
    settings: Settings,
    sink: Arc<Background>,
    writer: Box<dyn Log>,
}

impl OpenLog {
    /// From now on, everything is written to it.
    pub(super) fn take_effect(self) {
        log::set_max_level(self.settings.level);
        let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
        let old = current.replace(self);
        // Dropping it may log that lines were lost.
        drop(current);
        drop(old);
    }
}

/// Hands everything on to the log of the moment.
struct Switch;

impl Log for Switch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        read_current().as_ref().is_some_and(|log| log.writer.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(log) = &*read_current() {
            log.writer.log(record);
        }
    }

    fn flush(&self) {
        if let Some(log) = &*read_current() {
            log.writer.flush();
        }
    }
}

fn read_current() -> RwLockReadGuard<'static, Option<OpenLog>> {
    CURRENT.read().unwrap_or_else(PoisonError::into_inner)
}

/// The log of this process.
static CURRENT: RwLock<Option<OpenLog>> = RwLock::new(None);

/// How this process is called, if several write to one log.
static NAME: OnceLock<Option<String>> = OnceLock::new();

/// Opens the file of the log again, for after it was renamed. Never waits.
pub(super) fn reopen() -> Option<Reopening> {
    read_current().as_ref().map(|log| log.sink.reopen())
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

/// A log of the system, whose messages are more than lines.
#[derive(Clone)]
enum SystemLog {
    Syslog(Syslog),
    Journal(Journal),
}

impl SystemLog {
    fn of(destination: &Destination) -> Option<SystemLog> {
        match destination {
            Destination::Syslog(syslog) => Some(SystemLog::Syslog(syslog.clone())),
            Destination::Journal(journal) => Some(SystemLog::Journal(journal.clone())),
            Destination::File(_) | Destination::Stdout | Destination::Stderr => None,
        }
    }

    /// A message, as it waits to be written.
    fn message(&self, level: Level, module: &str, text: &str) -> Vec<u8> {
        let mut message = Vec::new();
        let begun = Framing::Counted.begin(&mut message);
        match self {
            SystemLog::Syslog(syslog) => {
                message.extend_from_slice(syslog.before_time(severity(level)).as_bytes());
                message.extend_from_slice(date::rfc3339_with_millis(SystemTime::now()).as_bytes());
                message.extend_from_slice(syslog.after_time("-").as_bytes());
                // Many daemons take a line end for the end of the message.
                let is_control = |it: char| it.is_control() && it != '\t';
                message.extend_from_slice(text.trim_end().replace(is_control, " ").as_bytes());
            }
            SystemLog::Journal(journal) => {
                message.extend_from_slice(&journal.fields(severity(level)));
                write_field(&mut message, "MESSAGE", text.as_bytes());
                write_field(&mut message, "CODE_MODULE", module.as_bytes());
            }
        }
        Framing::Counted.end(&mut message, begun);
        message
    }
}

/// Writes to a log of the system.
struct MessageLog {
    level: LevelFilter,
    system: SystemLog,
    sink: Arc<Background>,
}

impl Log for MessageLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            self.sink.write(&self.system.message(record.level(), record.target(), &text));
        }
    }

    fn flush(&self) {
        self.sink.finish(FINISH_TIME);
    }
}

/// A log that is written by a thread, so that nobody waits for it.
struct BackgroundLog(Arc<Background>);

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
    use crate::server::destination::Facility;
    use std::sync::Mutex;

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

    #[test]
    fn a_message_for_syslog_is_one_line() {
        let system = SystemLog::Syslog(Syslog::local().facility(Facility::LOCAL7).tag("www"));
        let message = system.message(Level::Warn, "httpd", "one\ntwo\n");
        let text = String::from_utf8(message[4..].to_vec()).expect("it is text");
        let fields: Vec<&str> = text.split(' ').collect();
        assert_eq!((fields[0], fields[3]), ("<188>1", "www"), "{text}");
        assert!(fields[1].ends_with('Z') && fields[1].len() == "2026-11-24T13:05:07.042Z".len());
        assert!(text.ends_with(" - - one two"), "{text}");
    }

    #[test]
    fn a_message_for_the_journal_keeps_its_lines() {
        let system = SystemLog::Journal(Journal::default());
        let message = system.message(Level::Error, "httpd::server", "one\ntwo");
        let end = b"MESSAGE\n\x07\0\0\0\0\0\0\0one\ntwo\nCODE_MODULE=httpd::server\n";
        assert!(message.ends_with(end), "{}", message.escape_ascii());
        assert!(message[4..].starts_with(b"PRIORITY=3\n"));
    }
}
