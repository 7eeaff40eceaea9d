//! How a supervisor opens the logs again: its own, and those of all processes. One time after the other, so that a
//! command learns of all of them, whatever was under way before.

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::protocol::Instruction;
use super::reopens::Reopen;
use crate::program::failure::Failure;
use crate::program::reopening;
use crate::server::background::Reopening;
use crate::sys::signal;

impl Supervisor {
    /// Opens all logs again. Returns the processes that will report, and the numbers of their reports.
    pub(super) fn reopen(&mut self) -> (Vec<Reopening>, Vec<(u32, u64)>) {
        let own = reopening::begin(None);
        if let Some(candidate) = self.reloads.candidate() {
            candidate.send(Instruction::Reopen);
        }
        (own, self.children.iter_mut().map(|child| (child.id(), child.reopen())).collect())
    }

    /// Goes on with what is under way, or begins what is due.
    pub(super) fn advance_reopen(&mut self, now: Instant) {
        if self.reopens.current.is_none() && !self.reopens.waiting.is_empty() {
            let (own_logs, awaited) = self.reopen();
            self.reopens.current = Some(Reopen {
                commands: std::mem::take(&mut self.reopens.waiting),
                own: self.wait_for(own_logs),
                own_outcome: None,
                awaited,
                failures: Vec::new(),
                by: now + REOPEN_TIME,
            });
        }
        let Some(mut reopen) = self.reopens.current.take() else { return };
        if reopen.own_outcome.is_none() {
            reopen.own_outcome = match reopen.own.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(mpsc::TryRecvError::Empty) => None,
                // There was no thread to wait for it.
                Err(mpsc::TryRecvError::Disconnected) => Some(Ok(())),
            };
        }
        let is_late = reopen.by <= now;
        let Reopen { awaited, failures, .. } = &mut reopen;
        awaited.retain(|(id, number)| {
            // One that has ended has no logs.
            let Some(child) = self.children.iter().find(|child| child.id() == *id) else {
                return false;
            };
            if child.reopens.1 >= *number {
                let lines = child.reopen_failure.iter().flat_map(|it| &it.lines);
                failures.extend(lines.map(|line| format!("{child}: {line}")));
                return false;
            }
            if is_late {
                failures.push(format!("{child} has not opened its logs within {REOPEN_TIME:?}"));
            }
            !is_late
        });
        if reopen.own_outcome.is_none() && is_late {
            reopen.own_outcome = Some(Err(Failure::at_run_time("the log takes nothing")));
        }
        if reopen.own_outcome.is_none() || !reopen.awaited.is_empty() {
            self.reopens.current = Some(reopen);
            return;
        }
        let Reopen { commands, own_outcome, mut failures, .. } = reopen;
        if let Some(Err(failure)) = own_outcome {
            failures.splice(0..0, failure.lines);
        }
        for command in commands {
            command.answer(match failures.is_empty() {
                true => Ok(reopening::REOPENED),
                false => Err(Failure { lines: failures.clone(), ..Failure::without_words() }),
            });
        }
    }

    /// A thread waits for the supervisor's own logs, and wakes it.
    fn wait_for(&self, logs: Vec<Reopening>) -> mpsc::Receiver<Result<(), Failure>> {
        let (sender, outcome) = mpsc::channel();
        let wait = |wake: std::os::unix::net::UnixStream| {
            let _held = signal::hold();
            thread::Builder::new().name("reopen".to_owned()).spawn(move || {
                let _ = sender.send(reopening::outcome(logs));
                let _ = (&wake).write(b"!");
            })
        };
        if let Err(error) = self.reloads.waker().and_then(wait) {
            log::error!("cannot start a thread that waits for the log: {error}");
        }
        outcome
    }
}

/// Longer than a process waits for its logs.
const REOPEN_TIME: Duration = Duration::from_secs(10);
