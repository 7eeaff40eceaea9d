//! A program that a test starts: it ends with the test, and nothing that it prints is waited for
//! without a bound.

use super::wait::PATIENCE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::process::{self, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A child process. When it is dropped, also by a panic, it is killed together with all processes
/// that it has started, whatever their parent is by then: they have inherited a variable whose value
/// only they have.
pub struct Child {
    child: process::Child,
    mark: String,
}

impl Child {
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Child {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let value = format!("{}-{number}", process::id());
        // The tests may run as root, and the program asks whether that is meant.
        let says = command.get_envs().any(|(name, _)| name == AS_ROOT);
        if !says {
            command.env(AS_ROOT, "true");
        }
        let spawned = command.env(MARK, &value).spawn();
        let child = spawned.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        Child { child, mark: format!("{MARK}={value}") }
    }

    /// Waits for its end, and panics with `seen` when that does not come.
    #[track_caller]
    pub fn ends(&mut self, seen: impl Fn() -> String) -> process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child of this process") {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end within {PATIENCE:?}: {}", seen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has one");
        kill_process(id, signal).expect("it was not waited for");
    }

    /// Everything that has the mark and has not ended, however it was started.
    fn marked(&self) -> Vec<Pid> {
        let has_mark = |id: &i32| {
            let variables = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|variable| variable == self.mark.as_bytes())
        };
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(has_mark).filter_map(Pid::from_raw).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may not have become its program yet, and then has no mark.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let deadline = Instant::now() + PATIENCE;
        // What is becoming another program at this moment has no variables to be seen, and so no mark.
        let mut looks_without = 0;
        while looks_without < 3 && Instant::now() < deadline {
            let left = self.marked();
            looks_without = if left.is_empty() { looks_without + 1 } else { 0 };
            thread::sleep(Duration::from_millis(2));
            for id in left {
                // It may have ended meanwhile.
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

impl Deref for Child {
    type Target = process::Child;

    fn deref(&self) -> &process::Child {
        &self.child
    }
}

impl DerefMut for Child {
    fn deref_mut(&mut self) -> &mut process::Child {
        &mut self.child
    }
}

/// What a program says that ends by itself, or must: it is killed when it does not.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdout = Lines::of(child.stdout.take().expect("it is piped"));
    let mut stderr = Lines::of(child.stderr.take().expect("it is piped"));
    // Either may be more than a pipe holds.
    let (stdout, stderr) = thread::scope(|scope| {
        let stdout = scope.spawn(|| stdout.all());
        let stderr = stderr.all();
        (stdout.join(), stderr)
    });
    let stdout = stdout.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let status = child.ends(|| String::from_utf8_lossy(&stderr).into_owned());
    Output { status, stdout, stderr }
}

/// What a program prints, line by line. Nothing is read before it is asked for.
pub struct Lines<R> {
    stream: R,
    /// What was read and not taken yet.
    waiting: Vec<u8>,
    /// All that was taken, for messages.
    seen: String,
}

impl<R: Read + AsFd> Lines<R> {
    pub fn of(stream: R) -> Lines<R> {
        Lines { stream, waiting: Vec::new(), seen: String::new() }
    }

    /// The next line with its end, or what stands before the end without one; `None` at the end.
    #[track_caller]
    pub fn next_line(&mut self) -> Option<String> {
        self.next_line_before(Instant::now() + PATIENCE)
    }

    #[track_caller]
    fn next_line_before(&mut self, deadline: Instant) -> Option<String> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                return Some(self.take(end + 1));
            }
            if self.fill(deadline) == 0 {
                let rest = self.waiting.len();
                return (rest > 0).then(|| self.take(rest));
            }
        }
    }

    /// Waits for a line with these words.
    #[track_caller]
    pub fn find(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "no line with {words:?} in {PATIENCE:?}: {}", self.seen);
            match self.next_line_before(deadline) {
                Some(line) if line.contains(words) => return line,
                Some(_) => {}
                None => panic!("it ended without {words:?}: {}", self.seen),
            }
        }
    }

    /// Waits until all of these words have come since the start, in any order: processes do not wait for each other's lines.
    #[track_caller]
    pub fn find_all(&mut self, words: &[&str]) {
        while let Some(missing) = words.iter().find(|it| !self.seen.contains(**it)) {
            self.find(missing);
        }
    }

    /// Everything up to the end.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while self.fill(deadline) > 0 {}
        self.take(self.waiting.len())
    }

    /// The same as bytes, which need not be text.
    #[track_caller]
    fn all(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while self.fill(deadline) > 0 {}
        std::mem::take(&mut self.waiting)
    }

    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// Hands on each line that comes, without a bound of time, until the end.
    pub fn for_each(self, mut note: impl FnMut(&str)) {
        let rest = io::Cursor::new(self.waiting).chain(self.stream);
        for line in BufReader::new(rest).split(b'\n').map_while(Result::ok) {
            note(&String::from_utf8_lossy(&line));
        }
    }

    /// Reads on from now on: a program whose lines nobody reads would be held up by them.
    pub fn discard(mut self)
    where
        R: Send + 'static,
    {
        thread::spawn(move || io::copy(&mut self.stream, &mut io::sink()));
    }

    fn take(&mut self, count: usize) -> String {
        let bytes: Vec<u8> = self.waiting.drain(..count).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.seen.push_str(&text);
        text
    }

    /// How many bytes were read: 0 at the end.
    #[track_caller]
    fn fill(&mut self, deadline: Instant) -> usize {
        let left = deadline.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).expect("it is some seconds");
        let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
        let ready = retry_on_intr(|| poll(&mut polled, Some(&time))).expect("a pipe can be polled");
        let waiting = String::from_utf8_lossy(&self.waiting);
        assert!(ready > 0, "nothing more came within {PATIENCE:?}, after: {}{waiting}", self.seen);
        let mut piece = [0; 4096];
        let count = self.stream.read(&mut piece).expect("a pipe can be read");
        self.waiting.extend_from_slice(&piece[..count]);
        count
    }
}

/// Not `HTTPD_…`: the program warns of those that it does not know.
const MARK: &str = "STARTED_BY_TEST";

/// Set to nothing, a test asks what root is told without it.
const AS_ROOT: &str = "HTTPD_SERVE_AS_ROOT";
