//! The upgrades of a supervisor: the process of the new program, who waits for it, and what follows when a program has just
//! taken over.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::child::{Child, ChildExit, GRACE};
use super::inheritance;
use crate::program::control::Command;

/// A process of the new program that does not serve yet.
pub(super) struct Upgrade {
    pub(super) program: PathBuf,
    pub(super) candidate: Child,
    /// It has to say by then that it is a program that can take over.
    pub(super) hello_by: Instant,
    /// Why it was killed.
    pub(super) refused: Option<String>,
    /// Who waits for what comes of it.
    pub(super) commands: Vec<Command>,
}

/// The upgrade under way, and those that follow.
#[derive(Default)]
pub(super) struct Upgrades {
    pub(super) current: Option<Upgrade>,
    /// The commands that begin another one.
    pub(super) waiting: Vec<Command>,
    /// This program has just taken over.
    pub(super) succession: Option<Succession>,
}

impl Upgrades {
    /// Whether another program is about to take over.
    pub(super) fn is_under_way(&self) -> bool {
        self.current.is_some()
    }

    /// The same, or one is due, or has not come to its end.
    pub(super) fn have_work(&self) -> bool {
        self.current.is_some() || !self.waiting.is_empty() || self.succession.is_some()
    }

    /// When to look at it again.
    pub(super) fn due(&self) -> Option<Instant> {
        let succession = self.succession.as_ref().map(|it| it.by);
        self.current.as_ref().map(Upgrade::due).or(succession)
    }
}

/// What follows when this program has taken over: its processes replace those of its predecessor.
pub(super) struct Succession {
    /// Who waits for that.
    pub(super) commands: Vec<Command>,
    /// Until then.
    pub(super) by: Instant,
}

impl Upgrade {
    /// Why it has taken too long.
    pub(super) fn overdue(&self, now: Instant) -> Option<String> {
        let program = &self.program;
        match self.candidate.inherits {
            None if self.hello_by <= now => Some(format!(
                "{program:?} does not behave like httpd: it said nothing within {HELLO_TIME:?}"
            )),
            Some(inheritance::VERSION..) if self.candidate.due_by <= now => {
                Some(format!("{program:?} takes too long to start"))
            }
            Some(inherits) if inherits < inheritance::VERSION => Some(format!(
                "{program:?} is too old to take over: it understands version {inherits} of what is left to it"
            )),
            None | Some(_) => None,
        }
    }

    /// Waits for the end of its process, and says why there is no upgrade.
    pub(super) fn reap(mut self) -> String {
        // What only closed its channel would be waited for.
        self.candidate.kill_group();
        let program = self.program;
        let said_hello = self.candidate.inherits.is_some();
        let ChildExit { how, failure, .. } = self.candidate.reap();
        match (self.refused, failure) {
            (Some(why), _) => why,
            (None, Some(failure)) => format!("{program:?}: {}", failure.lines.join("; ")),
            (None, None) if said_hello => format!("{program:?} {how} before it served"),
            (None, None) => format!("{program:?} does not behave like httpd: it {how}"),
        }
    }

    /// When to look at it again.
    pub(super) fn due(&self) -> Instant {
        match self.candidate.inherits {
            _ if self.refused.is_some() => self.hello_by + GRACE,
            None => self.hello_by,
            Some(_) => self.candidate.due_by,
        }
    }
}

/// The channel of the process.
impl AsFd for Upgrade {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.candidate.as_fd()
    }
}

/// A program that can take over says so at once. On a busy machine, it may have to wait until it runs.
pub(super) const HELLO_TIME: Duration = Duration::from_secs(5);
