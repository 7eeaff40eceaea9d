//! The reloads of a supervisor: how far the one under way has come, and who waits for it and for the next.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::child::Child;
use super::plan::Plan;
use crate::config::{Config, Source};
use crate::program::cli::Options;
use crate::program::control::Command;
use crate::program::failure::Failure;
use crate::program::in_place::{self, Origin};
use crate::program::logging::OpenLog;
use crate::sys::signal;

/// The reloads of a supervisor, one after the other.
pub(super) struct Reloads {
    pub(super) origin: Origin,
    pub(super) state: ReloadState,
    /// Whether another one is due: who asks for one while one is under way may have changed the file since it was read.
    pub(super) is_due: bool,
    /// Whether the last one has failed.
    pub(super) has_failed: bool,
    /// Who waits for the one under way.
    pub(super) commands: Vec<Command>,
    /// Who waits for the next one.
    pub(super) waiting: Vec<Command>,
    /// What a thread has read.
    pub(super) loaded: (mpsc::Sender<Loaded>, mpsc::Receiver<Loaded>),
    pub(super) wake: UnixStream,
    pub(super) woken: UnixStream,
}

type Loaded = Result<(Source, Config), Failure>;

pub(super) enum ReloadState {
    Idle,
    /// A thread reads the configuration.
    Loading,
    /// The first process is asked.
    Asking {
        first: usize,
        next: Box<Next>,
    },
    /// It serves by the new plan, and the others are asked.
    RollingOut,
    /// It has given up what the new plan takes: a new process starts with that.
    Replacing {
        candidate: Box<Child>,
        next: Box<Next>,
    },
    /// It serves, and others take the places of those that serve by the old plan.
    FillingUp {
        by: Instant,
    },
}

/// Why the first process does not serve by the new plan.
pub(super) enum Refusal {
    Failed(Failure),
    LacksRights(Failure),
}

/// What the supervisor changes to.
pub(super) struct Next {
    pub(super) plan: Plan,
    pub(super) stop_timeout: Duration,
    pub(super) log: Option<OpenLog>,
}

impl Reloads {
    /// # Errors
    /// When out of descriptors.
    pub(super) fn of(options: &Options) -> io::Result<Reloads> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Reloads {
            origin: Origin::of(options),
            state: ReloadState::Idle,
            is_due: false,
            has_failed: false,
            commands: Vec::new(),
            waiting: Vec::new(),
            loaded: mpsc::channel(),
            wake,
            woken,
        })
    }

    /// Has the configuration read again, now or after the reload under way. A command learns what came of it.
    pub(super) fn ask(&mut self, command: Option<Command>) {
        self.is_due = true;
        self.waiting.extend(command);
    }

    /// Whether processes are about to change.
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.state, ReloadState::Idle)
    }

    /// The same, or one is due.
    pub(super) fn has_work(&self) -> bool {
        self.is_due || self.is_under_way()
    }

    /// Those that wait for the next one.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.waiting.iter()
    }

    /// Wakes the supervisor when a byte is written.
    pub(super) fn waker(&self) -> io::Result<UnixStream> {
        self.wake.try_clone()
    }

    /// The process that is not one of the children yet.
    pub(super) fn candidate(&self) -> Option<&Child> {
        match &self.state {
            ReloadState::Replacing { candidate, .. } => Some(candidate),
            _ => None,
        }
    }

    /// Ends the reload under way, because everything ends; its process, which may serve by now.
    pub(super) fn abandon(&mut self) -> Option<Child> {
        match std::mem::replace(&mut self.state, ReloadState::Idle) {
            ReloadState::Replacing { candidate, .. } => Some(*candidate),
            _ => None,
        }
    }

    /// When to look again at what is under way.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            ReloadState::Replacing { candidate, .. } => Some(candidate.due_by),
            ReloadState::FillingUp { by } => Some(*by),
            _ => None,
        }
    }

    pub(super) fn begin(&mut self) {
        self.is_due = false;
        self.commands.append(&mut self.waiting);
        let (origin, sender) = (self.origin.clone(), self.loaded.0.clone());
        let load = |wake: UnixStream| {
            // A disk that hangs holds up nobody but this thread, and signals are for the other.
            let _held = signal::hold();
            thread::Builder::new().name("reload".to_owned()).spawn(move || {
                let _ = sender.send(origin.load());
                let _ = (&wake).write(b"!");
            })
        };
        match self.wake.try_clone().and_then(load) {
            Ok(_) => self.state = ReloadState::Loading,
            Err(error) => {
                let message = format!("cannot start a thread for the reload: {error}");
                self.finish(Err(Failure::at_run_time(message)));
            }
        }
    }

    /// The reload under way has ended.
    pub(super) fn finish(&mut self, outcome: Result<(), Failure>) {
        self.state = ReloadState::Idle;
        in_place::log_outcome(&outcome);
        self.has_failed = outcome.is_err();
        for command in self.commands.drain(..) {
            command.answer(outcome.clone().map(|()| ""));
        }
    }
}

/// Readable when a thread has done its work.
impl AsFd for Reloads {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
