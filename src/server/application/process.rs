//! One process of an application: how it starts, and the server's ends of the sockets to it.
//!
//! It must never know when a process is started, or what becomes of it.

use super::commands::{CommandQueue, ProcessId};
use super::launch::Launched;
use super::link::Link;
use super::output::{ProcessOutput, printable_text};
use super::scoreboard::Scoreboard;
use crate::site::{Application, Reload};
use crate::sys::channel::{Channel, DESCRIPTORS_MAX, Received};
use crate::sys::wait::wait_readable;
use crate::wsgi::{ADAPTER, Token, WINDOW_BYTES, marshal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A process that was started.
pub(crate) struct Process {
    pub id: ProcessId,
    pub child: Launched,
    /// When it was first seen stopped; `None` while it runs.
    stopped_since: Option<Instant>,
    /// Where it reports about itself.
    pub control: Channel,
    /// What it prints.
    pub outputs: [ProcessOutput; 2],
    /// Where its requests go; the workers hold it, too.
    requests: Arc<Channel>,
    /// The end of those that it takes its requests from.
    its_requests: Channel,
    /// Whether it is replaced because it hangs.
    pub hangs: bool,
    scoreboard: Arc<Scoreboard>,
    /// The workers' links, until it serves.
    pub links: Vec<Link>,
}

/// What a process reports about itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ControlMessage {
    Serves(String),
    CannotServe(String),
    /// Until a source changes, it serves a page with this error.
    CannotLoad(String),
    /// Importing the application takes long.
    LoadsLong(String),
    SourceChanged(String),
    WantsReplacement(String),
    /// It has ended, or will within a moment.
    Ended,
}

impl Process {
    /// Starts a process for so many workers, which can send commands to its slot.
    ///
    /// # Errors
    /// When the interpreter cannot be run, or descriptors have run out.
    pub(crate) fn start(
        application: &Application,
        reactors: usize,
        slot: &CommandQueue,
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
        let (responses, its_responses) = pairs(reactors)?;
        let (credits, its_credits) = pairs(application.threads)?;
        for end in &its_responses {
            Channel::widen_end(end.as_fd());
        }
        let credits: Arc<[Channel]> = credits.into();
        let scoreboard = Arc::new(Scoreboard::new(application.threads, reactors)?);
        let links = responses
            .into_iter()
            .map(|responses| {
                let (requests, credits) = (Arc::clone(&requests), Arc::clone(&credits));
                let scoreboard = Arc::clone(&scoreboard);
                Link::new(id, slot.clone(), requests, responses, credits, scoreboard)
            })
            .collect();

        control.send(ADAPTER.as_bytes(), &[])?;
        let its_ends: Vec<BorrowedFd<'_>> = [&its_requests]
            .into_iter()
            .chain(&its_responses)
            .chain(&its_credits)
            .map(AsFd::as_fd)
            .chain([scoreboard.as_fd()])
            .collect();
        let set_up = set_up(application, reactors);
        for (number, some) in its_ends.chunks(DESCRIPTORS_PER_MESSAGE).enumerate() {
            control.send(if number == 0 { &set_up } else { b"x" }, some)?;
        }

        let (child, [stdout, stderr]) = Launched::start(application, stdin)?;
        let outputs = [
            ProcessOutput::new(log::Level::Info, Some(stdout)),
            ProcessOutput::new(log::Level::Error, Some(stderr)),
        ];
        Ok(Process {
            id,
            child,
            stopped_since: None,
            control,
            outputs,
            requests,
            its_requests: Channel::from_end(its_requests),
            hangs: false,
            scoreboard,
            links,
        })
    }

    /// The next message of the process, if there is one. Its end does not always close the socket, because
    /// programs that it has left behind may hold that open.
    pub(crate) fn next_message(&mut self) -> Option<ControlMessage> {
        let text = |bytes: &[u8]| printable_text(String::from_utf8_lossy(bytes).trim_end());
        match self.control.receive() {
            Ok(Received::Nothing) => self.child.has_ended().then_some(ControlMessage::Ended),
            Ok(Received::Message(message)) => match message.bytes.split_first()? {
                (b'R', rest) => Some(ControlMessage::Serves(text(rest))),
                (b'F', rest) => Some(ControlMessage::CannotServe(text(rest))),
                (b'B', rest) => Some(ControlMessage::CannotLoad(text(rest))),
                (b'L', rest) => Some(ControlMessage::LoadsLong(text(rest))),
                (b'C', rest) => Some(ControlMessage::SourceChanged(text(rest))),
                (b'E', rest) => Some(ControlMessage::WantsReplacement(text(rest))),
                _ => None,
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Ok(Received::End) | Err(_) => Some(ControlMessage::Ended),
        }
    }

    /// Sends it no more requests: it reads those that it has been sent, and ends.
    pub(crate) fn take_no_more(&self) {
        self.requests.finish();
    }

    /// Takes the requests back that it has been sent and has not taken: the kernel gives each of them to it or to this call.
    /// No more come, for it was to [take no more](Process::take_no_more).
    pub(crate) fn take_back(&self) -> Vec<Token> {
        let mut taken = Vec::new();
        while let Ok(Received::Message(message)) = self.its_requests.receive() {
            taken.extend(Token::of_request(&message.bytes));
        }
        taken
    }

    /// For how long it has been stopped, by a signal or a debugger, counted from the first call that saw it; `None` if
    /// it runs.
    pub(crate) fn stopped_for(&mut self, now: Instant) -> Option<Duration> {
        let since = self.child.is_stopped().then(|| self.stopped_since.unwrap_or(now));
        self.stopped_since = since;
        since.map(|since| now.saturating_duration_since(since))
    }

    /// Continues it if a signal has stopped it.
    pub(crate) fn let_go_on(&self) {
        self.child.let_go_on();
    }

    /// Ends it now.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// How the process ended, which it has or is about to, and which requests its threads had begun and not
    /// ended. It did nothing with any other request that it has not answered.
    pub(crate) fn reap(&mut self) -> (io::Result<ExitStatus>, Vec<Token>) {
        let status = self.wait();
        // From here on, a worker that does not know of the end finds the socket closed, and keeps what it
        // was about to send.
        self.requests.finish();
        let begun = self.scoreboard.threads().unwrap_or_else(|error| {
            log::error!("cannot read which requests a process had begun: {error}");
            Vec::new()
        });
        (status, begun.into_iter().flatten().map(|begun| begun.token).collect())
    }

    /// The kernel closes the control socket while the process ends, and knows the exit status a moment later.
    /// A process that only closed the socket is killed.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        let end: Vec<BorrowedFd<'_>> = self.child.end().into_iter().collect();
        wait_readable(&end, Some(LAST_MOMENT))?;
        // A process that has ended keeps its exit status.
        self.kill();
        self.child.wait()
    }

    /// How much memory the process takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let statm = String::from_utf8(self.child.memory()).ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * crate::sys::file::page_bytes())
    }

    /// The descriptors that show when the process sends, prints or ends.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let pipes = self.outputs.iter().filter_map(ProcessOutput::descriptor);
        let ends = self.child.end();
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

/// How long a process may take to end after its control socket is closed.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The adapter's protocol allows 200, the kernel a few more.
const DESCRIPTORS_PER_MESSAGE: usize = 200;
const _: () = assert!(DESCRIPTORS_PER_MESSAGE <= DESCRIPTORS_MAX);

/// The adapter assumes the same longest message as the sockets.
const _: () = assert!(crate::wsgi::MESSAGE_BYTES_MAX == crate::sys::channel::MESSAGE_BYTES_MAX);
