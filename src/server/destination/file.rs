//! A log in a file, a pipe or a terminal: whole lines, even where others write to the same file.
//!
//! It must never know what the lines mean.

use super::Unwritten;
use crate::sys::append::open_append;
use crate::sys::reason::reason_at;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A file of whole lines, to which other processes may write too.
pub(crate) struct LineFile {
    file: File,
    /// Where it is. `None`: it is no file of ours, such as standard output.
    path: Option<PathBuf>,
    /// When it was last seen that the path still leads to it.
    seen_at: Option<Instant>,
    /// Whether opening it again has failed, which is said once.
    has_failed: bool,
    /// In a regular file a line may be torn, by this process or another, when the disk is full.
    is_regular: bool,
    /// Whether the last line that this process wrote was torn.
    is_torn: bool,
}

impl LineFile {
    /// What is open already.
    pub(crate) fn new(file: File) -> LineFile {
        let is_regular = file.metadata().is_ok_and(|found| found.is_file());
        LineFile { file, path: None, seen_at: None, has_failed: false, is_regular, is_torn: false }
    }

    /// The file at a path, which is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be opened for appending.
    pub(crate) fn open(path: &Path) -> io::Result<LineFile> {
        let file = LineFile::new(open_append(path)?);
        Ok(LineFile { path: Some(path.to_path_buf()), seen_at: Some(Instant::now()), ..file })
    }

    /// Opens the file again if its path leads elsewhere by now, because the file was renamed or removed; once a second at
    /// most, unless that is asked for. A file that was truncated needs nothing: lines go to its end, wherever that is.
    /// What cannot be opened leaves lines where they went before.
    ///
    /// # Errors
    /// Why it could not be opened. The log says it, too; once, unless it is asked for.
    pub(crate) fn follow(&mut self, is_asked: bool) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        let now = Instant::now();
        if !is_asked && self.seen_at.is_some_and(|at| now < at + SEEN_EVERY) {
            return Ok(());
        }
        self.seen_at = Some(now);
        let is_same = match (self.file.metadata(), path.metadata()) {
            (Ok(open), Ok(found)) => (open.dev(), open.ino()) == (found.dev(), found.ino()),
            _ => false,
        };
        if is_same && !is_asked {
            self.has_failed = false;
            return Ok(());
        }
        match LineFile::open(path) {
            Ok(file) => {
                *self = file;
                Ok(())
            }
            Err(error) => {
                let reason = reason_at(path, &error);
                let failure = format!(
                    "cannot open the log {path:?} again: {reason}; its lines go to the file that was there before"
                );
                if is_asked || !std::mem::replace(&mut self.has_failed, true) {
                    log::error!("{failure}");
                }
                Err(failure)
            }
        }
    }

    /// Writes all of these lines. A torn line is ended, and then written again as a whole.
    ///
    /// # Errors
    /// How many lines could not be written.
    pub(crate) fn write_lines(&mut self, mut lines: &[u8]) -> Result<(), Unwritten> {
        let mut attempts = 0;
        while !lines.is_empty() {
            let written = self
                .write_some(lines)
                .map_err(|error| Unwritten { lines: count_lines(lines), error })?;
            let whole = memchr::memrchr(b'\n', &lines[..written]).map_or(0, |end| end + 1);
            self.is_torn = whole < written;
            lines = &lines[whole..];
            attempts = if whole == 0 { attempts + 1 } else { 0 };
            if attempts == ATTEMPTS_MAX {
                let error = io::Error::from(io::ErrorKind::WriteZero);
                return Err(Unwritten { lines: count_lines(lines), error });
            }
        }
        Ok(())
    }

    /// Writes with one call, and one more where a torn line has to be ended.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.is_torn || (self.is_regular && self.ends_within_a_line()) {
            self.write_patiently(b"\n")?;
            self.is_torn = false;
        }
        // A write to a pipe is not mixed with those of others up to `PIPE_BUF` bytes (pipe(7)).
        self.write_patiently(if self.is_regular { lines } else { first_lines(lines) })
    }

    /// Writes, and waits where another process has made the file non-blocking.
    fn write_patiently(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Whether the last line of the file was torn. A file that cannot be read counts as whole.
    ///
    /// While another process writes, the kernel shows how far it has come, and that may be within a line. A line
    /// is torn only if the file is no longer after the writes that were under way. Writing nothing waits for
    /// them, because each write takes the lock of the file; where it does not (XFS), reading has waited.
    fn ends_within_a_line(&mut self) -> bool {
        let length = |file: &File| file.metadata().map_or(0, |found| found.len());
        let mut seen = length(&self.file);
        for _ in 0..LOOKS_MAX {
            let mut last = [b'\n'];
            let has_last =
                seen > 0 && self.file.read_at(&mut last, seen - 1).is_ok_and(|count| count == 1);
            if !has_last || last == [b'\n'] {
                return false;
            }
            // It writes nothing, so a failure loses nothing.
            let _ = self.file.write(b"");
            let now = length(&self.file);
            if now == seen {
                return true;
            }
            seen = now;
        }
        false
    }
}

/// How many lines these are.
pub(crate) fn count_lines(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
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

/// How often it is looked whether the path of a log still leads to its file.
const SEEN_EVERY: Duration = Duration::from_secs(1);

/// Between two attempts to write to a full file that does not block.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a torn line is tried.
const ATTEMPTS_MAX: u32 = 3;

/// How often a file that others write to is looked at.
const LOOKS_MAX: u32 = 100;

/// The value of Linux.
const PIPE_BUF: usize = 4096;

#[cfg(test)]
mod tests;
