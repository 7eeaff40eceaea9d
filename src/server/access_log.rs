//! The access log: one line for each response, written when the response has ended.
//!
//! [`LogEntries`] keeps what a line says while its response is sent, and then renders the line into the buffer of the
//! worker's [`LogWriter`]. That hands full buffers to the thread of [`Background`], so that a request costs no system
//! call and no worker waits for the log.

use super::background::Background;
use crate::files::Now;
use crate::http::h1::write::write_number;
use crate::http::{HeaderName, Status, date, percent};
use crate::sys::append::open_append;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    #[default]
    Off,
    /// To the end of a file, which is created if it does not exist.
    File(PathBuf, Format),
    /// To standard output.
    Stdout(Format),
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The `combined` format of nginx and Apache, followed by the duration in seconds:
    /// `client - - [time] "request line" status bytes "referer" "user agent" duration`.
    #[default]
    Combined,
    /// For people: `time  method target  status  bytes  duration  client`, with a coloured status if wanted.
    Terminal {
        /// Whether the status is coloured.
        colours: bool,
    },
}

impl AccessLog {
    /// No access log.
    pub fn off() -> AccessLog {
        AccessLog::Off
    }

    /// An access log in a file.
    pub fn to_file(path: impl AsRef<Path>, format: Format) -> AccessLog {
        AccessLog::File(path.as_ref().to_path_buf(), format)
    }

    /// An access log on standard output.
    pub fn to_stdout(format: Format) -> AccessLog {
        AccessLog::Stdout(format)
    }

    /// Opens the destination for all workers. `None`: there is no log.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(crate) fn open(&self) -> io::Result<Option<OpenLog>> {
        let (file, format) = match self {
            AccessLog::Off => return Ok(None),
            AccessLog::File(path, format) => (open_append(path)?, *format),
            AccessLog::Stdout(format) => {
                (File::from(io::stdout().as_fd().try_clone_to_owned()?), *format)
            }
        };
        let on_loss = Box::new(|lines, error: &io::Error| {
            log::error!("writing the access log: {lines} lines are lost: {error}");
            Vec::new()
        });
        let log = Background::start("access log", file, on_loss)?;
        Ok(Some(OpenLog { log: Arc::new(log), format }))
    }
}

/// An access log that all workers of a process write to.
#[derive(Clone)]
pub(crate) struct OpenLog {
    log: Arc<Background>,
    format: Format,
}

impl OpenLog {
    /// One worker's end of it.
    pub(crate) fn writer(&self) -> LogWriter {
        LogWriter {
            log: Arc::clone(&self.log),
            format: self.format,
            buffer: Vec::with_capacity(FLUSH_BYTES * 2),
            flush_at: None,
            stamp: Stamp::default(),
        }
    }
}

/// One worker's end of the log.
pub(crate) struct LogWriter {
    log: Arc<Background>,
    format: Format,
    buffer: Vec<u8>,
    /// When the buffer is handed over at the latest.
    flush_at: Option<Instant>,
    stamp: Stamp,
}

impl LogWriter {
    fn flush_after(&self) -> Duration {
        match self.format {
            Format::Combined => FLUSH_AFTER,
            Format::Terminal { .. } => TERMINAL_FLUSH_AFTER,
        }
    }

    /// Hands the buffer over if its time has come.
    pub(crate) fn flush_if_due(&mut self, now: Instant) {
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    /// When the buffer has to be handed over.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Hands the buffer over now. Lines that cannot be written are dropped and counted: neither a full disk
    /// nor a pipe that nobody reads may stop the server or fill its memory.
    pub(crate) fn flush(&mut self) {
        self.flush_at = None;
        if self.buffer.is_empty() {
            return;
        }
        self.log.write(&self.buffer);
        self.buffer.clear();
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The parts of a request that a line shows.
pub(crate) struct Subject<'a> {
    pub peer: Option<SocketAddr>,
    pub request_line: &'a [u8],
    pub headers: &'a crate::http::table::HeaderTable,
    pub bytes: &'a [u8],
}

/// The entries of the responses that are queued on a connection and have not ended.
#[derive(Debug, Default)]
pub(crate) struct LogEntries {
    texts: Vec<u8>,
    entries: Vec<LogEntry>,
}

/// What is known of a response when it is queued. The duration, and the bytes that were sent, are known when it has
/// ended.
#[derive(Debug)]
struct LogEntry {
    started: Instant,
    status: Status,
    body_bytes: u64,
    /// Where in [`LogEntries::texts`] the text before the status ends.
    before_end: usize,
    /// Where the text after the byte count ends, which follows it.
    after_end: usize,
}

impl LogEntries {
    /// Adds a response that was just queued.
    pub(crate) fn add(
        &mut self,
        writer: &mut LogWriter,
        subject: &Subject<'_>,
        now: Now,
        started: Instant,
        status: Status,
        body_bytes: u64,
    ) {
        let texts = &mut self.texts;
        let stamp = writer.stamp.at(now);
        let before_end = match writer.format {
            Format::Combined => {
                write_peer(texts, subject.peer);
                texts.extend_from_slice(b" - - [");
                texts.extend_from_slice(stamp);
                texts.extend_from_slice(b"] \"");
                escape(texts, subject.request_line);
                texts.extend_from_slice(b"\" ");
                let before_end = texts.len();
                for name in [HeaderName::Referer, HeaderName::UserAgent] {
                    texts.extend_from_slice(b" \"");
                    escape(texts, subject.headers.first(subject.bytes, name).unwrap_or(b"-"));
                    texts.push(b'"');
                }
                before_end
            }
            Format::Terminal { .. } => {
                texts.extend_from_slice(&stamp[TIME_OF_DAY]);
                texts.extend_from_slice(b"Z  ");
                let line = subject.request_line;
                let version =
                    memchr::memrchr(b' ', line).filter(|at| line[*at..].starts_with(b" HTTP/"));
                escape(texts, &line[..version.unwrap_or(line.len())]);
                texts.extend_from_slice(b"  ");
                let before_end = texts.len();
                write_peer(texts, subject.peer);
                before_end
            }
        };
        let after_end = texts.len();
        self.entries.push(LogEntry { started, status, body_bytes, before_end, after_end });
    }

    /// All responses have ended: renders their lines. `unsent_bytes` of the last ones were not sent; `piped_bytes` of
    /// the body of the very last one came through a pipe and are not counted yet.
    pub(crate) fn finish(
        &mut self,
        writer: &mut LogWriter,
        now: Instant,
        piped_bytes: u64,
        mut unsent_bytes: u64,
    ) {
        if let Some(last) = self.entries.last_mut() {
            last.body_bytes += piped_bytes;
        }
        for entry in self.entries.iter_mut().rev() {
            let unsent = unsent_bytes.min(entry.body_bytes);
            entry.body_bytes -= unsent;
            unsent_bytes -= unsent;
        }
        let mut start = 0;
        for entry in self.entries.drain(..) {
            let before = &self.texts[start..entry.before_end];
            let after = &self.texts[entry.before_end..entry.after_end];
            start = entry.after_end;
            let duration = now.saturating_duration_since(entry.started);
            let buffer = &mut writer.buffer;
            buffer.extend_from_slice(before);
            match writer.format {
                Format::Combined => {
                    write_number(buffer, u64::from(entry.status.code()));
                    buffer.push(b' ');
                    write_number(buffer, entry.body_bytes);
                    buffer.extend_from_slice(after);
                    write_duration(buffer, duration);
                }
                Format::Terminal { colours } => {
                    write_status(buffer, entry.status, colours);
                    buffer.extend_from_slice(b"  ");
                    write_number(buffer, entry.body_bytes);
                    // Writing to a Vec cannot fail.
                    let _ = write!(buffer, " B  {:.1} ms  ", duration.as_secs_f64() * 1e3);
                    buffer.extend_from_slice(after);
                    buffer.push(b'\n');
                }
            }
        }
        self.texts.clear();
        writer.flush_at.get_or_insert(now + writer.flush_after());
        if writer.buffer.len() >= FLUSH_BYTES {
            writer.flush();
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The time as log lines show it, rendered once a second.
#[derive(Default)]
struct Stamp {
    second: Option<Duration>,
    text: Vec<u8>,
}

impl Stamp {
    /// `24/Nov/2026:13:05:07 +0000`.
    fn at(&mut self, now: Now) -> &[u8] {
        let second = now.wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let second = Duration::from_secs(second);
        if self.second != Some(second) {
            self.second = Some(second);
            // From `Tue, 24 Nov 2026 13:05:07 GMT`.
            let date = date::format(now.wall);
            self.text.clear();
            for piece in [
                &date[5..7],
                b"/",
                &date[8..11],
                b"/",
                &date[12..16],
                b":",
                &date[17..25],
                b" +0000",
            ] {
                self.text.extend_from_slice(piece);
            }
        }
        &self.text
    }
}

fn write_peer(texts: &mut Vec<u8>, peer: Option<SocketAddr>) {
    match peer {
        Some(peer) => {
            // Writing to a Vec cannot fail.
            let _ = write!(texts, "{}", peer.ip());
        }
        None => texts.extend_from_slice(b"unix:"),
    }
}

/// Green for success, cyan for redirects and 304, yellow for errors of the client, red for errors of the server.
fn write_status(buffer: &mut Vec<u8>, status: Status, colours: bool) {
    let colour: &[u8] = match status.code() {
        _ if !colours => b"",
        500.. => b"\x1b[31m",
        400.. => b"\x1b[33m",
        300.. => b"\x1b[36m",
        _ => b"\x1b[32m",
    };
    buffer.extend_from_slice(colour);
    write_number(buffer, u64::from(status.code()));
    if colours {
        buffer.extend_from_slice(b"\x1b[0m");
    }
}

/// Seconds with milliseconds, and the end of the line.
fn write_duration(buffer: &mut Vec<u8>, duration: Duration) {
    buffer.push(b' ');
    write_number(buffer, duration.as_secs());
    let millis = duration.subsec_millis();
    buffer.push(b'.');
    buffer.extend([millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8));
    buffer.push(b'\n');
}

/// Writes quotes, backslashes, controls and bytes beyond ASCII as `\xHH`, as nginx does, so that no client can
/// forge a line or control a terminal.
fn escape(texts: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                let [high, low] = percent::hex(byte);
                texts.extend_from_slice(&[b'\\', b'x', high, low]);
            }
            _ => texts.push(byte),
        }
    }
}

/// A buffer this full is handed over at once.
const FLUSH_BYTES: usize = 32 * 1024;

/// Any other buffer is handed over after this time, so that `tail -f` shows what happens.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// The same for a terminal, where a person waits for the line.
const TERMINAL_FLUSH_AFTER: Duration = Duration::from_millis(50);

/// Where the time of day is in a [`Stamp`].
const TIME_OF_DAY: std::ops::Range<usize> = 12..20;
