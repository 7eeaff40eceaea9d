//! The commands that reach a supervisor: what they ask for, and those that wait while another program takes over.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::inheritance::InheritedCommand;
use super::protocol::Instruction;
use super::upgrades::Succession;
use super::{Supervisor, SupervisorState};
use crate::program::control::{Command, Control, Order};
use crate::program::failure::Failure;

impl Supervisor {
    /// Begins to do what was asked for.
    pub(super) fn take_commands(&mut self, now: Instant) {
        for command in self.pending_commands() {
            self.take_command(command, now);
        }
    }

    pub(super) fn pending_commands(&mut self) -> Vec<Command> {
        self.control.as_mut().map(Control::pending).unwrap_or_default()
    }

    pub(super) fn take_command(&mut self, command: Command, now: Instant) {
        let is_stopping = matches!(self.state, SupervisorState::Stopping { .. });
        match command.order {
            Order::Stop => {
                if !is_stopping {
                    log::info!("stopping when open requests have ended");
                    self.stop(Instruction::Stop, now);
                }
                self.stops.push(command);
            }
            // Dropping it answers.
            _ if is_stopping => {}
            Order::Reload => {
                self.tell_reloading();
                self.reloads.ask(Some(command));
            }
            Order::Reopen => self.reopens.waiting.push(command),
            Order::Upgrade => self.upgrades.waiting.push(command),
        }
    }

    /// What another program needs to know of the commands that wait. Those of the upgrade under way are `upgraded` then.
    pub(super) fn commands_that_wait<'c>(
        &'c self,
        upgraded: &'c [Command],
    ) -> Vec<(InheritedCommand, BorrowedFd<'c>)> {
        let done = upgraded.iter().map(|it| (InheritedCommand::Upgraded, it));
        let due = self.reloads.commands().chain(self.reopens.commands());
        let due = due.chain(&self.upgrades.waiting).map(|it| (InheritedCommand::Due(it.order), it));
        done.chain(due).filter_map(|(known, it)| Some((known, it.connection()?))).collect()
    }

    /// This program has taken over.
    pub(super) fn begin_succession(
        &mut self,
        commands: Vec<InheritedCommand>,
        connections: Vec<OwnedFd>,
        now: Instant,
    ) {
        let mut upgraded = Vec::new();
        for (command, connection) in commands.into_iter().zip(connections) {
            match command {
                InheritedCommand::Upgraded => {
                    upgraded.push(Command::inherit(Order::Upgrade, connection));
                }
                InheritedCommand::Due(order) => {
                    self.take_command(Command::inherit(order, connection), now);
                }
            }
        }
        let by = now + SUCCESSION_TIME;
        self.upgrades.succession = Some(Succession { commands: upgraded, by });
    }

    /// Answers those who wait for the upgrade when all processes are those of this program.
    pub(super) fn advance_succession(&mut self, now: Instant) {
        let Some(succession) = self.upgrades.succession.take() else { return };
        let serve = (0..self.slots.len()).all(|slot| self.serves(slot));
        if !serve && now < succession.by {
            self.upgrades.succession = Some(succession);
            return;
        }
        let upgraded = format!("the server is upgraded to httpd {}", env!("CARGO_PKG_VERSION"));
        for command in succession.commands {
            command.answer(match serve {
                true => Ok(&*upgraded),
                false => Err(Failure::at_run_time(format!(
                    "{upgraded}, but not all of its processes serve: see the log"
                ))),
            });
        }
    }

    /// Answers those who wait for the end, with how it came.
    pub(super) fn answer_stops(stops: Vec<Command>, outcome: &Result<(), Failure>) {
        for command in stops {
            command.answer_at_the_end(match outcome {
                Ok(()) => Ok(""),
                Err(_) => Err(Failure::at_run_time(
                    "the server has stopped, but not all requests had ended: see the log",
                )),
            });
        }
    }
}

/// A process may take so long to start.
const SUCCESSION_TIME: Duration = Duration::from_secs(60);
