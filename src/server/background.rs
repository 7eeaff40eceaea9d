//! Writes lines of a log on a thread, so that nobody else ever waits for whatever takes them: a pipe
//! that nobody reads, a terminal that is stopped, a disk that hangs. What does not fit into its queue
//! is dropped and counted. It must never know what the lines mean.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A log that is written in the background. The end of it waits for what is queued, for a bounded
/// time.
pub struct Background {
    shared: Arc<LogQueue>,
}

/// Hears that so many lines were lost, and why, once lines can be written again. What it returns is
/// written to the same log.
pub type OnLoss = Box<dyn FnMut(u64, &io::Error) -> Vec<u8> + Send>;

struct LogQueue {
    state: Mutex<LogQueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogQueueState {
    queue: Vec<u8>,
    /// Lines that found no room in the queue.
    lost: u64,
    /// Whether the thread has lines that it has not written yet.
    is_writing: bool,
    has_ended: bool,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is no room for one more.
    pub fn start(name: &str, file: File, on_loss: OnLoss) -> io::Result<Background> {
        let state = LogQueueState {
            queue: Vec::with_capacity(QUEUE_BYTES_MAX),
            ..LogQueueState::default()
        };
        let shared = Arc::new(LogQueue { state: Mutex::new(state), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let mut log = LineFile::new(file);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || theirs.write_on(&mut log, on_loss))?;
        Ok(Background { shared })
    }

    /// Queues whole lines; drops all of them when there is no room. Never waits.
    pub fn write(&self, lines: &[u8]) {
        let mut state = self.shared.lock();
        if state.queue.len() + lines.len() <= QUEUE_BYTES_MAX {
            state.queue.extend_from_slice(lines);
        } else {
            state.lost += count(lines);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, for so long at most.
    pub fn finish(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.shared.lock();
        while state.is_writing || !state.queue.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.changed.notify_all();
        self.finish(FINISH_TIME);
    }
}

impl LogQueue {
    fn lock(&self) -> MutexGuard<'_, LogQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: takes what is queued, all at once, and writes it.
    fn write_on(&self, log: &mut LineFile, mut on_loss: OnLoss) {
        // As large as the queue, with which it changes places: neither ever grows while requests are
        // served. The system gives memory only for what is used of them.
        let mut lines = Vec::with_capacity(QUEUE_BYTES_MAX);
        loop {
            let mut state = self.lock();
            while state.queue.is_empty() && state.lost == 0 {
                if state.has_ended {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut state.queue, &mut lines);
            let unqueued = std::mem::take(&mut state.lost);
            state.is_writing = true;
            drop(state);
            let result = log.write_lines(&lines);
            let report = match result {
                Ok(()) if unqueued == 0 => Vec::new(),
                Ok(()) => on_loss(unqueued, &io::Error::other("they were not taken in time")),
                Err(Unwritten { lines, error }) => on_loss(unqueued + lines, &error),
            };
            // It is about what was lost: that it is lost as well changes nothing.
            let _ = log.write_lines(&report);
            lines.clear();
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }
}

/// A file to which whole lines are written, by others as well.
struct LineFile {
    file: File,
    /// A disk can run full in the midst of a line, of ours or of another process.
    is_regular: bool,
    /// Whether the last line that we wrote was torn.
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

    /// Writes all of these lines. One that was torn is ended, and then written again, whole.
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

    /// One call, but for the end of a torn line.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.is_torn || (self.is_regular && self.ends_within_a_line()) {
            self.write_patiently(b"\n")?;
            self.is_torn = false;
        }
        // What goes to a pipe that others write to stays whole up to `PIPE_BUF` bytes (pipe(7)).
        self.write_patiently(if self.is_regular { lines } else { first_lines(lines) })
    }

    /// The file may be one that others have made non-blocking.
    fn write_patiently(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Whether somebody's last line was torn. A file that cannot be read is believed to be in order.
    fn ends_within_a_line(&self) -> bool {
        let length = self.file.metadata().map_or(0, |found| found.len());
        let mut last = [b'\n'];
        length > 0
            && self.file.read_at(&mut last, length - 1).is_ok_and(|count| count == 1)
            && last != [b'\n']
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

/// What waits while nothing is taken: some thousand lines.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// For what is queued when a log ends.
const FINISH_TIME: Duration = Duration::from_secs(1);

/// Of a file that is full and not blocking.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a line is begun again that was torn.
const ATTEMPTS_MAX: u32 = 3;

/// Of Linux.
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
        let (told, hears) = mpsc::channel();
        let on_loss: OnLoss = Box::new(move |lines, _| {
            told.send(lines).unwrap();
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
        // Room may come and go while lines are still written, so that more than one loss is told, and
        // lines follow it.
        let losses: Vec<u64> = hears.try_iter().collect();
        let whole = text.lines().filter(|line| line.len() == 999).count();
        let told = text.lines().filter(|line| *line == "lost").count();
        assert_eq!((whole + told, told), (text.lines().count(), losses.len()));
        assert_eq!(whole as u64 + losses.iter().sum::<u64>(), LINES as u64);
        assert!(told > 0, "nothing was lost");
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
