//! The times that a supervisor opens the logs again: the one under way, and who waits for the next.

use std::sync::mpsc;
use std::time::Instant;

use crate::program::control::Command;
use crate::program::failure::Failure;

/// The commands to open the logs again.
#[derive(Default)]
pub(super) struct Reopens {
    /// What is under way.
    pub(super) current: Option<Reopen>,
    /// Who waits for the next time.
    pub(super) waiting: Vec<Command>,
}

pub(super) struct Reopen {
    pub(super) commands: Vec<Command>,
    /// What came of the supervisor's own log.
    pub(super) own: mpsc::Receiver<Result<(), Failure>>,
    pub(super) own_outcome: Option<Result<(), Failure>>,
    /// The processes that have not reported yet, and the number of the report that is awaited.
    pub(super) awaited: Vec<(u32, u64)>,
    pub(super) failures: Vec<String>,
    pub(super) by: Instant,
}

impl Reopens {
    /// Until when what is under way is waited for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.current.as_ref().map(|it| it.by)
    }

    /// Those that have not been answered.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.current.iter().flat_map(|it| &it.commands).chain(&self.waiting)
    }
}
