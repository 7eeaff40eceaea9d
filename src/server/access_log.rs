//! The access log: one line per response, when it has ended.
//!
//! Each worker renders into a buffer of its own and writes it out with one call, so that a request
//! costs no call and workers share nothing but the file, to which the kernel appends whole.

use crate::files::Now;
use crate::http::h1::write::write_number;
use crate::http::{HeaderName, Status, date};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    #[default]
    Off,
    /// To a file, which is made when it is not there and appended to.
    File(PathBuf, Format),
    /// To standard output.
    Stdout(Format),
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// nginx's and Apache's `combined`, with the duration in seconds after it:
    /// `client - - [time] "request line" status bytes "referer" "user agent" duration`.
    #[default]
    Combined,
    /// For a person: `time  method target  status  bytes  duration  client`. The status is coloured
    /// on request.
    Terminal { colours: bool },
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

    /// Opens the destination for one worker; `None` when there is no log.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub(crate) fn open(&self) -> io::Result<Option<LogWriter>> {
        let (sink, format): (Box<dyn Write + Send>, Format) = match self {
            AccessLog::Off => return Ok(None),
            AccessLog::File(path, format) => (Box::new(open_append(path)?), *format),
            AccessLog::Stdout(format) => (Box::new(Pieces(io::stdout())), *format),
        };
        Ok(Some(LogWriter {
            sink,
            format,
            buffer: Vec::with_capacity(FLUSH_BYTES * 2),
            flush_at: None,
            stamp: Stamp::default(),
        }))
    }
}

/// Readable by the owner and the group alone: a log holds what visitors did.
fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Standard output, which may be a pipe that other processes write to as well. A write of at most
/// `PIPE_BUF` bytes stays whole there, a larger one may be torn (pipe(7)).
struct Pieces<W>(W);

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = first_lines(bytes);
        self.0.write_all(piece)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// As many lines as fit into `PIPE_BUF` bytes; at least one.
fn first_lines(bytes: &[u8]) -> &[u8] {
    let Some((start, rest)) = bytes.split_at_checked(PIPE_BUF) else {
        return bytes;
    };
    let end = memchr::memrchr(b'\n', start)
        .or_else(|| memchr::memchr(b'\n', rest).map(|end| PIPE_BUF + end))
        .map_or(bytes.len(), |end| end + 1);
    &bytes[..end]
}

/// One worker's end of the log.
pub struct LogWriter {
    sink: Box<dyn Write + Send>,
    format: Format,
    buffer: Vec<u8>,
    /// When the buffer is written out at the latest.
    flush_at: Option<Instant>,
    stamp: Stamp,
}

/// The time as log lines show it, rendered once a second.
#[derive(Default)]
struct Stamp {
    second: Option<Duration>,
    text: Vec<u8>,
}

/// What is known of a request when its answer is made; the rest is added when it has ended.
#[derive(Debug)]
pub struct Entry {
    pub started: Instant,
    pub status: Status,
    pub body_bytes: u64,
    /// Where its texts end in [`Entries::texts`]: what stands before the status, and after the
    /// byte count.
    before_end: usize,
    after_end: usize,
}

/// The entries of the responses that are gathered but not written yet.
#[derive(Debug, Default)]
pub struct Entries {
    texts: Vec<u8>,
    entries: Vec<Entry>,
}

/// The parts of a request that a line shows.
pub struct Subject<'a> {
    pub peer: Option<SocketAddr>,
    pub request_line: &'a [u8],
    pub headers: &'a crate::http::table::HeaderTable,
    pub bytes: &'a [u8],
}

impl Entries {
    /// Notes a response that was just queued.
    pub fn add(
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
        self.entries.push(Entry { started, status, body_bytes, before_end, after_end });
    }

    /// The responses have ended, `unsent_bytes` of the last ones not having been written. The very
    /// last one had `piped_bytes` of content that nobody had counted before.
    pub fn finish(
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

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl LogWriter {
    fn flush_after(&self) -> Duration {
        match self.format {
            Format::Combined => FLUSH_AFTER,
            Format::Terminal { .. } => TERMINAL_FLUSH_AFTER,
        }
    }

    /// Writes the buffer out if its time has come.
    pub fn flush_if_due(&mut self, now: Instant) {
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    /// When the buffer has to be written out.
    pub fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Writes the buffer out now. What cannot be written is dropped and said: a full disk must
    /// neither stop the server nor fill its memory.
    pub fn flush(&mut self) {
        self.flush_at = None;
        if self.buffer.is_empty() {
            return;
        }
        if let Err(error) = self.sink.write_all(&self.buffer).and_then(|()| self.sink.flush()) {
            log::error!("writing the access log: {error}");
        }
        self.buffer.clear();
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Stamp {
    /// `24/Nov/2026:13:05:07 +0000`.
    fn at(&mut self, now: Now) -> &[u8] {
        let second = now.wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let second = Duration::from_secs(second);
        if self.second != Some(second) {
            self.second = Some(second);
            // `Tue, 24 Nov 2026 13:05:07 GMT`, put into another order.
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

/// Green for success, cyan for what is elsewhere or unchanged, yellow for errors of the client, red for
/// those of the server.
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

/// As nginx does it: quotes, backslashes, controls and bytes beyond ASCII become `\xHH`, so that
/// nobody can forge a line or reach a terminal.
fn escape(texts: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                texts.extend_from_slice(&[
                    b'\\',
                    b'x',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
            }
            _ => texts.push(byte),
        }
    }
}

/// A buffer this full is written at once,
const FLUSH_BYTES: usize = 32 * 1024;

/// and any other after this time, so that `tail -f` shows what happens.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// A person waits for the line.
const TERMINAL_FLUSH_AFTER: Duration = Duration::from_millis(50);

/// The time in a [`Stamp`].
const TIME_OF_DAY: std::ops::Range<usize> = 12..20;

/// Of Linux.
const PIPE_BUF: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_a_pipe_is_cut_between_lines() {
        let line = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
        let lengths = |lines: &[usize]| {
            let bytes: Vec<u8> = lines.iter().flat_map(|length| line(*length)).collect();
            let mut rest = &bytes[..];
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let piece = first_lines(rest);
                pieces.push(piece.len());
                rest = &rest[piece.len()..];
            }
            pieces
        };
        assert_eq!(lengths(&[100, 200]), [300]);
        assert_eq!(lengths(&[4096, 1]), [4096, 1]);
        assert_eq!(lengths(&[2000, 2000, 2000, 96]), [4000, 2096]);
        assert_eq!(lengths(&[9000, 100]), [9000, 100]);
        assert_eq!(first_lines(&[b'x'; 5000]).len(), 5000);
    }
}
