//! Replacing the program while it serves. A process of the new program serves first; only then does the supervisor
//! become the new program, in its own process, with all listeners and processes. So whatever is wrong with the new
//! program is found while the old one still has everything.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::child::{Child, ChildState};
use super::upgrades::{HELLO_TIME, Upgrade};
use super::{Supervisor, SupervisorState};
use crate::program::cli::{SUCCESSOR, own_arguments};
use crate::program::control::{Command, Order};
use crate::program::failure::Failure;
use crate::program::logging;
use crate::sys::process::{become_program, started_by};
use crate::sys::reason::reason_at;
use crate::sys::signal::{self, Signal};

impl Supervisor {
    /// SIGUSR2.
    pub(super) fn begin_upgrade(&mut self, now: Instant) {
        let what = match (self.state, &self.upgrades.current) {
            (SupervisorState::Starting, _) => "the processes do not serve yet: send it again later",
            (SupervisorState::Stopping { .. }, _) => "the program stops",
            (SupervisorState::Serving, Some(_)) => "an upgrade is under way",
            (SupervisorState::Serving, None) if self.reloads.is_under_way() => {
                "a reload is under way: send it again later"
            }
            (SupervisorState::Serving, None) => return self.start_candidate(Vec::new(), now),
        };
        log::warn!("SIGUSR2 changes nothing: {what}");
    }

    fn start_candidate(&mut self, commands: Vec<Command>, now: Instant) {
        self.tell_changing("Starting the new program");
        let Some(program) = started_by() else {
            let why = "the kernel does not say by which path it was started";
            return self.end_upgrade(commands, why);
        };
        match Child::start_candidate(&self.plan, &program, now) {
            Ok(candidate) => {
                log::info!("upgrade: {candidate} started from {program:?}");
                let hello_by = now + HELLO_TIME;
                let upgrade = Upgrade { program, candidate, hello_by, refused: None, commands };
                self.upgrades.current = Some(upgrade);
            }
            Err(error) => {
                let reason = reason_at(&program, &error);
                self.end_upgrade(commands, &format!("cannot run {program:?}: {reason}"));
            }
        }
    }

    /// There is no upgrade.
    fn end_upgrade(&mut self, commands: Vec<Command>, why: &str) {
        let message = format!("{FAILED}: {why}");
        log::error!("{message}");
        self.note_failure("The last upgrade failed: see the log");
        self.numbers.note_upgrade(false);
        for command in commands {
            command.answer(Err(Failure::at_run_time(&message)));
        }
    }

    /// Goes on with an upgrade that is under way, or begins one that is due.
    pub(super) fn advance_upgrade(&mut self, now: Instant) {
        self.advance_succession(now);
        let is_free = self.state == SupervisorState::Serving && !self.upgrades.is_under_way();
        if is_free && !self.upgrades.waiting.is_empty() && !self.reloads.is_under_way() {
            let commands = std::mem::take(&mut self.upgrades.waiting);
            self.start_candidate(commands, now);
        }
        let Some(mut upgrade) = self.upgrades.current.take() else { return };
        if upgrade.candidate.read_reports() {
            let commands = std::mem::take(&mut upgrade.commands);
            let why = upgrade.reap();
            return self.end_upgrade(commands, &why);
        }
        if upgrade.candidate.state == ChildState::Starting {
            if let Some(why) = upgrade.overdue(now).filter(|_| upgrade.refused.is_none()) {
                upgrade.candidate.kill_group();
                upgrade.refused = Some(why);
            }
            self.upgrades.current = Some(upgrade);
            return;
        }
        let Upgrade { program, candidate, commands, .. } = upgrade;
        self.give_way(&program, candidate, commands, now);
    }

    /// Ends an upgrade that is under way, because everything ends. A process that may serve by now is one of them.
    pub(super) fn abandon_upgrade(&mut self) {
        self.upgrades.waiting.clear();
        self.upgrades.succession = None;
        if let Some(Upgrade { mut candidate, .. }) = self.upgrades.current.take() {
            // Its reports may wait unread. That its channel is closed is seen again when it is one of the children.
            let _: bool = candidate.read_reports();
            if candidate.inherits.is_none() {
                candidate.kill_group();
            }
            self.children.push(candidate);
        }
    }

    /// Becomes the new program. Returns if something keeps it from that.
    fn give_way(
        &mut self,
        program: &Path,
        mut candidate: Child,
        commands: Vec<Command>,
        now: Instant,
    ) {
        // From here on, signals wait in the kernel for the new program.
        let held = signal::hold();
        let late = self.signals.pending();
        let mut late_commands = self.pending_commands();
        let stops = late_commands.iter().any(|it| it.order == Order::Stop);
        if !stops && !late.contains(&Signal::Stop) {
            late_commands.drain(..).for_each(|command| self.take_command(command, now));
            let error = self.become_successor(program, &candidate, &late, &commands);
            self.end_upgrade(commands, &format!("cannot become {program:?}: {error}"));
        }
        drop(held);
        // It serves already, and leaves that to the others.
        candidate.state = ChildState::Leaving;
        self.children.push(candidate);
        late_commands.into_iter().for_each(|command| self.take_command(command, now));
        for signal in late {
            self.on_signal(signal, now);
        }
    }

    /// Leaves everything to the new program, and becomes it. Returns only if that fails.
    fn become_successor(
        &mut self,
        program: &Path,
        candidate: &Child,
        late: &[Signal],
        commands: &[Command],
    ) -> io::Error {
        let (kept, end) = match self.bequeath(candidate, late, commands) {
            Ok(both) => both,
            Err(error) => return error,
        };
        log::info!("upgrade: becoming {program:?}");
        logging::finish();
        let successor = OsString::from(SUCCESSOR);
        let error = become_program(program, [successor].into_iter().chain(own_arguments()), end);
        drop(kept);
        error
    }
}

const FAILED: &str = "no upgrade; the running program keeps serving";
