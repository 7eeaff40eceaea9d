//! One process of an application: how it is started, and the ends of the sockets to it.
//!
//! It must never know when a process is started, or what becomes of it.

use super::link::Link;
use super::orders::{Orders, ProcessId};
use super::printed::{Printed, printable_text};
use super::scoreboard::Scoreboard;
use crate::site::{Application, Reload};
use crate::sys::channel::{Channel, DESCRIPTORS_MAX, Received};
use crate::sys::wait::wait_readable;
use crate::wsgi::{ADAPTER, BOOT, Token, WINDOW_BYTES, marshal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A process that was started.
pub struct Process {
    pub id: ProcessId,
    pub child: Child,
    /// Readable once it has ended.
    end: Option<OwnedFd>,
    /// What it says of itself.
    pub control: Channel,
    /// What it prints.
    pub prints: [Printed; 2],
    /// To send it requests; the workers have it, too.
    requests: Arc<Channel>,
    scoreboard: Arc<Scoreboard>,
    /// The workers' links, until it serves.
    pub links: Vec<Link>,
}

/// What a process says of itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Serves(String),
    CannotServe(String),
    /// It will serve a page that says so, until a source changes.
    CannotLoad(String),
    /// It takes long to import the application.
    LoadsLong(String),
    SourceChanged(String),
    WantsReplacement(String),
    /// It has ended, or will within a moment.
    Ended,
}

impl Process {
    /// Starts one, for so many workers, which can give orders to its slot.
    ///
    /// # Errors
    /// When the interpreter cannot be run, or descriptors have run out.
    pub fn start(
        application: &Application,
        reactors: usize,
        orders: &Orders,
    ) -> io::Result<Process> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = ProcessId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (control, stdin) = Channel::pair_with_waiting_end()?;
        let (requests, its_requests) = Channel::pair_with_waiting_end()?;
        requests.widen();
        let requests = Arc::new(requests);
        let pairs = |count: usize| {
            (0..count)
                .map(|_| Channel::pair_with_waiting_end())
                .collect::<io::Result<(Vec<Channel>, Vec<OwnedFd>)>>()
        };
        let (answers, its_answers) = pairs(reactors)?;
        let (credits, its_credits) = pairs(application.threads)?;
        for end in &its_answers {
            Channel::widen_end(end.as_fd());
        }
        let credits: Arc<[Channel]> = credits.into();
        let scoreboard = Arc::new(Scoreboard::new(application.threads, reactors)?);
        let links = answers
            .into_iter()
            .map(|answers| {
                let (requests, credits) = (Arc::clone(&requests), Arc::clone(&credits));
                let scoreboard = Arc::clone(&scoreboard);
                Link::new(id, orders.clone(), requests, answers, credits, scoreboard)
            })
            .collect();

        control.send(ADAPTER.as_bytes(), &[])?;
        let its_ends: Vec<BorrowedFd<'_>> = [&its_requests]
            .into_iter()
            .chain(&its_answers)
            .chain(&its_credits)
            .map(AsFd::as_fd)
            .chain([scoreboard.as_fd()])
            .collect();
        let set_up = set_up(application, reactors);
        for (number, some) in its_ends.chunks(DESCRIPTORS_PER_MESSAGE).enumerate() {
            control.send(if number == 0 { &set_up } else { b"x" }, some)?;
        }

        let mut python = Command::new(&application.python);
        crate::sys::malloc::forget_in(&mut python);
        let mut child = python
            .args(["-c", BOOT])
            .current_dir(&application.directory)
            .envs(application.environment.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // It may be gone already, and that is noticed in any case.
        let _ = crate::sys::descriptors::restore_for(&child);
        let prints = [
            Printed::new(log::Level::Info, child.stdout.take().map(OwnedFd::from)),
            Printed::new(log::Level::Error, child.stderr.take().map(OwnedFd::from)),
        ];
        let end = crate::sys::process::end_of(&child);
        Ok(Process { id, child, end, control, prints, requests, scoreboard, links })
    }

    /// What it has said, if anything. That it has ended it may not say itself: what it has left behind
    /// may hold its sockets.
    pub fn said(&mut self) -> Option<Said> {
        let text = |bytes: &[u8]| printable_text(String::from_utf8_lossy(bytes).trim_end());
        match self.control.receive() {
            Ok(Received::Nothing) => {
                matches!(self.child.try_wait(), Ok(Some(_))).then_some(Said::Ended)
            }
            Ok(Received::Message(message)) => match message.bytes.split_first()? {
                (b'R', rest) => Some(Said::Serves(text(rest))),
                (b'F', rest) => Some(Said::CannotServe(text(rest))),
                (b'B', rest) => Some(Said::CannotLoad(text(rest))),
                (b'L', rest) => Some(Said::LoadsLong(text(rest))),
                (b'C', rest) => Some(Said::SourceChanged(text(rest))),
                (b'E', rest) => Some(Said::WantsReplacement(text(rest))),
                _ => None,
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Ok(Received::End) | Err(_) => Some(Said::Ended),
        }
    }

    /// Tells it that no more requests will come: it reads those that it has been sent, and ends.
    pub fn take_no_more(&self) {
        self.requests.finish();
    }

    /// Ends it now.
    pub fn kill(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
    }

    /// How it ended, which it has or will within a moment; then which requests its threads had begun
    /// and not ended. It did nothing with any other that it has not answered.
    pub fn ended(&mut self) -> (io::Result<ExitStatus>, Vec<Token>) {
        let status = self.wait();
        // From here on a worker that has not heard of it finds the socket closed, and keeps what it
        // was about to send.
        self.requests.finish();
        let begun = self.scoreboard.threads().unwrap_or_else(|error| {
            log::error!("cannot read which requests a process had begun: {error}");
            Vec::new()
        });
        (status, begun.into_iter().flatten().collect())
    }

    /// It has let go of its control socket, which the kernel does in the midst of its end: so how it
    /// ended is told in a moment. One that only closed the socket is of no use to anybody.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        let end: Vec<BorrowedFd<'_>> = self.end.iter().map(AsFd::as_fd).collect();
        wait_readable(&end, Some(LAST_MOMENT))?;
        // Of one that has ended, the status stays what it is.
        self.kill();
        self.child.wait()
    }

    /// How much memory it takes, in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * crate::sys::file::page_bytes())
    }

    /// What to wait for.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let pipes = self.prints.iter().filter_map(Printed::descriptor);
        let ends = self.end.iter().map(AsFd::as_fd);
        [self.control.as_fd()].into_iter().chain(ends).chain(pipes)
    }
}

fn set_up(application: &Application, reactors: usize) -> Vec<u8> {
    let mut out = Vec::new();
    marshal::dict(&mut out);
    marshal::text_latin_1(&mut out, b"target");
    marshal::text(&mut out, &application.target);
    let number = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
    for (name, value) in [
        ("processes", number(application.processes as u64)),
        ("threads", number(application.threads as u64)),
        ("reactors", number(reactors as u64)),
        ("window", number(WINDOW_BYTES as u64)),
        ("requests_max", number(application.requests_max)),
        ("lifetime", number(application.lifetime.as_secs())),
        ("reload", i32::from(application.reload == Reload::OnChange)),
    ] {
        marshal::text_latin_1(&mut out, name.as_bytes());
        marshal::number(&mut out, value);
    }
    marshal::dict_end(&mut out);
    out
}

/// Between letting go of a socket and the end.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The protocol allows 200, the kernel a few more.
const DESCRIPTORS_PER_MESSAGE: usize = 200;
const _: () = assert!(DESCRIPTORS_PER_MESSAGE <= DESCRIPTORS_MAX);

/// What the adapter believes of the sockets is so.
const _: () = assert!(crate::wsgi::MESSAGE_BYTES_MAX == crate::sys::channel::MESSAGE_BYTES_MAX);
