//! Writes the lines of a log on a thread of its own, so that no worker waits for the destination: a pipe
//! that nobody reads, a stopped terminal, a disk that hangs. Lines that do not fit into the queue are
//! dropped and counted. It must never know what the lines mean.
//!
//! [`Background::write`] puts lines into the [`LogQueue`]; its thread takes all of them at once and hands them to
//! [`LineFile`], which writes whole lines even where others write to the same file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A log that is written in the background. Dropping it waits until the queued lines are written, for
/// [`FINISH_TIME`] at most.
pub(crate) struct Background {
    queue: Arc<LogQueue>,
}

/// Is called with the number of lost lines and the reason once lines can be written again. The lines that it
/// returns are written to the same log.
pub(crate) type OnLoss = Box<dyn FnMut(u64, &io::Error) -> Vec<u8> + Send>;

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(name: &str, file: File, on_loss: OnLoss) -> io::Result<Background> {
        let queue = Arc::new(LogQueue::new());
        let thread_queue = Arc::clone(&queue);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread_queue.write_all_to(LineFile::new(file), on_loss))?;
        Ok(Background { queue })
    }

    /// Queues whole lines, or drops all of them when there is no room. Never waits.
    pub(crate) fn write(&self, lines: &[u8]) {
        let mut state = self.queue.lock();
        if state.lines.len() + lines.len() <= QUEUE_BYTES_MAX {
            state.lines.extend_from_slice(lines);
        } else {
            state.lost += count(lines);
        }
        drop(state);
        self.queue.changed.notify_all();
    }

    /// Waits until everything is written, for `time` at most.
    pub(crate) fn finish(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.queue.lock();
        while state.is_writing || !state.lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.queue.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.queue.lock().has_ended = true;
        self.queue.changed.notify_all();
        self.finish(FINISH_TIME);
    }
}

/// What [`Background`] and its thread share.
struct LogQueue {
    state: Mutex<LogQueueState>,
    changed: Condvar,
}

struct LogQueueState {
    /// Lines that wait to be written.
    lines: Vec<u8>,
    /// How many lines found no room.
    lost: u64,
    /// Whether the thread has taken lines that it has not written yet.
    is_writing: bool,
    has_ended: bool,
}

impl LogQueue {
    fn new() -> LogQueue {
        let lines = Vec::with_capacity(QUEUE_BYTES_MAX);
        let state = LogQueueState { lines, lost: 0, is_writing: false, has_ended: false };
        LogQueue { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, LogQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does: takes all queued lines at once and writes them.
    fn write_all_to(&self, mut log: LineFile, mut on_loss: OnLoss) {
        // It changes places with the queue, which is as large: neither ever grows while requests are
        // served. The system gives memory only for the pages that are used.
        let mut lines = Vec::with_capacity(QUEUE_BYTES_MAX);
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() && state.lost == 0 {
                if state.has_ended {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut state.lines, &mut lines);
            let found_no_room = std::mem::take(&mut state.lost);
            state.is_writing = true;
            drop(state);
            let result = log.write_lines(&lines);
            let report = match result {
                Ok(()) if found_no_room == 0 => Vec::new(),
                Ok(()) => on_loss(found_no_room, &io::Error::other("the queue was full")),
                Err(Unwritten { lines, error }) => on_loss(found_no_room + lines, &error),
            };
            // The report of a loss may be lost too: nothing more can be done.
            let _ = log.write_lines(&report);
            lines.clear();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }
}

/// A file of whole lines, to which other processes may write too.
struct LineFile {
    file: File,
    /// In a regular file a line may be torn, by this process or another, when the disk is full.
    is_regular: bool,
    /// Whether the last line that this process wrote was torn.
    is_torn: bool,
}

/// Lines that could not be written.
struct Unwritten {
    lines: u64,
    error: io::Error,
}

impl LineFile {
    fn new(file: File) -> LineFile {
        let is_regular = file.metadata().is_ok_and(|found| found.is_file());
        LineFile { file, is_regular, is_torn: false }
    }

    /// Writes all of these lines. A torn line is ended, and then written again as a whole.
    fn write_lines(&mut self, mut lines: &[u8]) -> Result<(), Unwritten> {
        let mut attempts = 0;
        while !lines.is_empty() {
            let written =
                self.write_some(lines).map_err(|error| Unwritten { lines: count(lines), error })?;
            let whole = memchr::memrchr(b'\n', &lines[..written]).map_or(0, |end| end + 1);
            self.is_torn = whole < written;
            lines = &lines[whole..];
            attempts = if whole == 0 { attempts + 1 } else { 0 };
            if attempts == ATTEMPTS_MAX {
                let error = io::Error::from(io::ErrorKind::WriteZero);
                return Err(Unwritten { lines: count(lines), error });
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

fn count(lines: &[u8]) -> u64 {
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

/// How much waits while the destination takes nothing: some thousand lines.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// How long a log that ends waits for its queued lines.
const FINISH_TIME: Duration = Duration::from_secs(1);

/// Between two attempts to write to a full file that does not block.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a torn line is tried.
const ATTEMPTS_MAX: u32 = 3;

/// How often a file that others write to is looked at.
const LOOKS_MAX: u32 = 100;

/// The value of Linux.
const PIPE_BUF: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::append::open_append;
    use crate::sys::temporary::Directory;
    use std::io::Read;
    use std::sync::mpsc;

    fn ignore() -> OnLoss {
        Box::new(|_, _| Vec::new())
    }

    #[test]
    fn what_is_queued_is_written_when_the_log_ends() {
        let folder = Directory::new();
        let path = folder.at("log");
        let log = Background::start("log", open_append(&path).unwrap(), ignore()).unwrap();
        log.write(b"one\n");
        log.write(b"two\n");
        drop(log);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn nobody_waits_for_a_pipe_that_is_not_read_and_what_is_lost_is_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (report, reports) = mpsc::channel();
        let on_loss: OnLoss = Box::new(move |lines, _| {
            report.send(lines).unwrap();
            b"lost\n".to_vec()
        });
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let log = Background::start("log", file, on_loss).unwrap();
        let line = [[b'x'; 999].as_slice(), b"\n"].concat();
        const LINES: usize = 3_000;
        for _ in 0..LINES {
            log.write(&line);
        }
        let text = thread::scope(|scope| {
            let read = scope.spawn(|| {
                let mut text = String::new();
                reader.read_to_string(&mut text).unwrap();
                text
            });
            drop(log);
            read.join().unwrap()
        });
        // Room may come and go while lines are still written, so that there may be several losses, with lines
        // between them.
        let losses: Vec<u64> = reports.try_iter().collect();
        let whole = text.lines().filter(|line| line.len() == 999).count();
        let reported = text.lines().filter(|line| *line == "lost").count();
        assert_eq!((whole + reported, reported), (text.lines().count(), losses.len()));
        assert_eq!(whole as u64 + losses.iter().sum::<u64>(), LINES as u64);
        assert!(reported > 0, "nothing was lost");
    }

    #[test]
    fn the_end_of_a_log_that_nobody_reads_is_bounded() {
        let (_reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let log = Background::start("log", file, ignore()).unwrap();
        log.write(&b"a line\n".repeat(20_000));
        let began = Instant::now();
        drop(log);
        assert!(began.elapsed() < FINISH_TIME + Duration::from_secs(4));
    }

    #[test]
    fn a_line_that_somebody_has_torn_is_ended_before_the_next() {
        let folder = Directory::new();
        let path = folder.at("log");
        std::fs::write(&path, "one\ntor").unwrap();
        let log = Background::start("log", open_append(&path).unwrap(), ignore()).unwrap();
        log.write(b"two\n");
        log.finish(Duration::from_secs(20));
        // Another process runs out of room while this one goes on.
        open_append(&path).unwrap().write_all(b"torn").unwrap();
        log.write(b"three\n");
        drop(log);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntor\ntwo\ntorn\nthree\n");
    }

    /// While a long write is under way, the kernel shows how far it has come.
    #[test]
    fn a_line_that_another_process_is_writing_is_not_taken_for_a_torn_one() {
        const WRITERS: usize = 3;
        const ROUNDS: usize = 40;
        let folder = Directory::new();
        let path = folder.at("log");
        let line = [vec![b'x'; 99], vec![b'\n']].concat();
        let lines = line.repeat(2_000);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let mut log = LineFile::new(open_append(&path).unwrap());
                    for _ in 0..ROUNDS {
                        assert!(log.write_lines(&lines).is_ok());
                    }
                });
            }
        });
        let text = std::fs::read(&path).unwrap();
        assert!(text.chunks(line.len()).all(|found| found == line), "a line is torn or empty");
        assert_eq!(text.len(), lines.len() * ROUNDS * WRITERS);
    }

    #[test]
    fn a_fifo_is_opened_before_its_reader_has_come() {
        let folder = Directory::new();
        let path = folder.at("log");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let log = Background::start("log", open_append(&path).unwrap(), ignore()).unwrap();
        log.write(b"a line\n");
        let mut reader = File::open(&path).unwrap();
        let mut text = [0; 7];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"a line\n");
    }

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
