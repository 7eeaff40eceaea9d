//! What a process prints, made fit for the log: whole lines with a level, without characters that control a
//! terminal, and no more of them than a bound.
//!
//! It must never know which process prints, or why.

use crate::sys::wait::is_readable;
use log::Level;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// One of the streams that a process prints to, cut into lines.
pub(crate) struct ProcessOutput {
    /// The level of lines that name none.
    level: Level,
    pipe: Option<File>,
    line: Vec<u8>,
    allowance: Allowance,
}

impl ProcessOutput {
    /// The output that comes out of this pipe.
    pub(crate) fn new(level: Level, pipe: Option<OwnedFd>) -> ProcessOutput {
        let allowance = Allowance::default();
        ProcessOutput { level, pipe: pipe.map(File::from), line: Vec::new(), allowance }
    }

    /// Readable when there is output; `None` once the stream has ended.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// When [`lines`](Self::lines) is due although nothing was printed, because there are lost lines to report.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.allowance.until.filter(|_| self.allowance.lost > 0)
    }

    /// The lines that are complete; at the end of the stream, also the last one without an end. Lines beyond
    /// the bound are only counted.
    pub(crate) fn lines(&mut self, now: Instant) -> Vec<(Level, String)> {
        let mut lines = Vec::new();
        let mut count = 0;
        let mut buffer = [0; 4096];
        lines.extend(self.allowance.refill(now));
        while let Some(pipe) = &mut self.pipe
            && is_readable(pipe.as_fd())
        {
            match pipe.read(&mut buffer) {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(count) => self.line.extend_from_slice(&buffer[..count]),
            }
            while let Some(end) = memchr::memchr(b'\n', &self.line) {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                count += 1;
                if self.allowance.takes(end) {
                    lines.push(self.read_line(&line[..end]));
                }
            }
            if self.line.len() > LINE_BYTES_MAX || self.pipe.is_none() && !self.line.is_empty() {
                let line = std::mem::take(&mut self.line);
                count += 1;
                if self.allowance.takes(line.len()) {
                    lines.push(self.read_line(&line));
                }
            }
            if count > LINES_AT_ONCE_MAX {
                break;
            }
        }
        if self.pipe.is_none() {
            lines.extend(self.allowance.lost());
        }
        lines
    }

    /// A level may precede the line, as in syslog: `<4>`.
    fn read_line(&self, line: &[u8]) -> (Level, String) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (level, rest) = match line {
            [b'<', b'0'..=b'3', b'>', rest @ ..] => (Level::Error, rest),
            [b'<', b'4', b'>', rest @ ..] => (Level::Warn, rest),
            [b'<', b'5' | b'6', b'>', rest @ ..] => (Level::Info, rest),
            [b'<', b'7', b'>', rest @ ..] => (Level::Debug, rest),
            _ => (self.level, line),
        };
        (level, printable(&String::from_utf8_lossy(rest)))
    }
}

/// How much may still be logged in a second.
#[derive(Default)]
struct Allowance {
    until: Option<Instant>,
    lines: usize,
    bytes: usize,
    lost: u64,
}

impl Allowance {
    /// Begins another second, if that is due, and returns a line that counts what was lost in the one before.
    fn refill(&mut self, now: Instant) -> Option<(Level, String)> {
        if self.until.is_some_and(|until| until > now) {
            return None;
        }
        self.until = Some(now + SECOND);
        (self.lines, self.bytes) = (0, 0);
        self.lost()
    }

    fn takes(&mut self, bytes: usize) -> bool {
        if self.lines >= LINES_PER_SECOND_MAX || self.bytes >= BYTES_PER_SECOND_MAX {
            self.lost += 1;
            return false;
        }
        self.lines += 1;
        self.bytes += bytes;
        true
    }

    fn lost(&mut self) -> Option<(Level, String)> {
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| {
            let text = format!(
                "{lost} printed lines are not logged: more than {LINES_PER_SECOND_MAX} lines or \
                 {} KiB in a second",
                BYTES_PER_SECOND_MAX / 1024
            );
            (Level::Warn, text)
        })
    }
}

/// A line whose control characters are escaped as Rust and Python escape them.
fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            '\t' => out.push('\t'),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => {
                out.push_str(&format!("\\x{:02x}", u32::from(other)));
            }
            other => out.push(other),
        }
    }
    out
}

/// Several lines; a mark shows that each but the first belongs to the first.
pub(crate) fn printable_text(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n  | ")
}

/// A longer line is cut.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Bounds one call, so that a process that prints without end does not keep its slot from other work.
const LINES_AT_ONCE_MAX: usize = 1000;

/// How much one stream of a process may add to the log in a second.
const LINES_PER_SECOND_MAX: usize = 1000;
const BYTES_PER_SECOND_MAX: usize = 256 * 1024;
const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// What is logged of this text, once the process that printed it has ended.
    fn logged(text: &[u8]) -> Vec<(Level, String)> {
        let (mut its, ours) = UnixStream::pair().expect("descriptors are left");
        let mut output = ProcessOutput::new(Level::Error, Some(ours.into()));
        let now = Instant::now();
        let mut lines = Vec::new();
        for some in text.chunks(60_000) {
            its.write_all(some).expect("it is read");
            lines.extend(output.lines(now));
        }
        drop(its);
        while output.descriptor().is_some() {
            lines.extend(output.lines(now));
        }
        lines
    }

    #[test]
    fn a_line_has_the_level_that_stands_before_it() {
        let lines = logged(b"plain\n<4>a warning\n<6>news\n<9>odd\nno end");
        let expected = [
            (Level::Error, "plain"),
            (Level::Warn, "a warning"),
            (Level::Info, "news"),
            (Level::Error, "<9>odd"),
            (Level::Error, "no end"),
        ];
        assert_eq!(lines, expected.map(|(level, text)| (level, text.to_owned())));
    }

    #[test]
    fn nothing_in_it_controls_a_terminal() {
        let lines = logged(b"\x1b[31mred\ra\0\x7f\xc2\x9b\tcaf\xc3\xa9 \xff\r\n");
        assert_eq!(lines[0].1, "\\x1b[31mred\\ra\\x00\\x7f\\x9b\tcaf\u{e9} \u{fffd}");
        assert_eq!(printable_text("one\r\ntwo\x1b"), "one\n  | two\\x1b");
    }

    #[test]
    fn a_process_that_prints_without_end_fills_no_log_and_lost_lines_are_counted() {
        let lines = logged(&b"x\n".repeat(5000));
        assert_eq!(lines.len(), LINES_PER_SECOND_MAX + 1);
        let (level, text) = lines.last().expect("there is one");
        assert_eq!(*level, Level::Warn);
        assert!(text.starts_with("4000 printed lines are not logged"), "{text}");
        let long = [&[b'x'; 8000][..], b"\n"].concat().repeat(100);
        assert!(logged(&long).len() < 40);
    }

    #[test]
    fn the_loss_is_reported_in_the_next_second() {
        let mut allowance = Allowance::default();
        let now = Instant::now();
        assert_eq!(allowance.refill(now), None);
        assert_eq!((0..1002).filter(|_| allowance.takes(1)).count(), LINES_PER_SECOND_MAX);
        assert_eq!(allowance.refill(now), None);
        let (_, text) = allowance.refill(now + SECOND).expect("there was a loss");
        assert!(text.starts_with("2 printed lines"), "{text}");
        assert!(allowance.takes(1));
    }
}
