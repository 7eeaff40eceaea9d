//! Replacing the program while it serves. A process of the new program serves first; only then does the supervisor
//! become the new program, in its own process, with all listeners and processes. So whatever is wrong with the new
//! program is found while the old one still has everything.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use log::LevelFilter;

use super::certificates::{self, PoolTls};
use super::child::{Child, ChildExit, ChildState, Plan};
use super::commands::Succession;
use super::inheritance::{
    self, Inheritance, InheritedChild, InheritedListener, InheritedRole, SocketFile,
};
use super::legacy::{INHERITANCE, Legacy, MORE};
use super::numbers::Numbers;
use super::protocol::{CONFIGURATION_BYTES_MAX, Instruction};
use super::reloading::Reloads;
use super::{GRACE, Supervisor, SupervisorState};
use crate::config::{Log, Source};
use crate::program::cli::{Options, SUCCESSOR, own_arguments};
use crate::program::control::{Command, Control, Order};
use crate::program::failure::Failure;
use crate::program::{logging, reap_orphans};
use crate::server::destination::Destination;
use crate::server::listener::Listeners;
use crate::server::listener::inheriting::Inherited;
use crate::sys::channel::{Channel, DESCRIPTORS_MAX};
use crate::sys::descriptors;
use crate::sys::process::{Own, become_program, read_sealed, sealed, started_by, stdin};
use crate::sys::reason::reason_at;
use crate::sys::signal::{self, Signal, Signals};

/// A process of the new program that does not serve yet.
pub(super) struct Upgrade {
    program: PathBuf,
    candidate: Child,
    /// It has to say by then that it is a program that can take over.
    hello_by: Instant,
    /// Why it was killed.
    refused: Option<String>,
    /// Who waits for what comes of it.
    commands: Vec<Command>,
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

    /// Queues everything that a successor needs. It finds this at the second end.
    fn bequeath(
        &self,
        candidate: &Child,
        late: &[Signal],
        upgraded: &[Command],
    ) -> io::Result<(Channel, OwnedFd)> {
        let listeners = &self.plan.listeners;
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for mut it in listeners.inheritable() {
            let file = it.file.map(|(path, identity)| SocketFile { path, identity });
            let Inherited { asked, scheme, is_proxied, .. } = it;
            let count = it.sockets.len();
            addresses.push(InheritedListener { sockets: count, scheme, is_proxied, asked, file });
            sockets.append(&mut it.sockets);
        }
        // One that starts has no requests yet: it stops.
        let role = |child: &Child| match child.state {
            ChildState::Serving | ChildState::Leaving => InheritedRole::Old,
            ChildState::Starting | ChildState::Retired => InheritedRole::Retired,
        };
        // A reload may have left fewer processes than there were.
        let slot = |child: &Child| child.slot.min(self.plan.processes() - 1);
        let known =
            |child: &Child, role| InheritedChild { slot: slot(child), id: child.id(), role };
        let children = self.children.iter().map(|child| known(child, role(child)));
        let (commands, connections): (Vec<_>, Vec<_>) =
            self.commands_that_wait(upgraded).into_iter().unzip();
        let control = self.control.as_ref().map(Control::listener);
        let inheritance = Inheritance {
            processes: self.plan.processes(),
            workers: listeners.workers(),
            descriptors: descriptors::started_with(),
            stop_timeout: self.stop_timeout,
            listeners: addresses,
            children: children.chain([known(candidate, InheritedRole::New)]).collect(),
            numbers: self.numbers.legacy().to_lines(),
            takes_commands: control.is_some(),
            commands,
            reload: late.contains(&Signal::Reload),
            reopen: late.contains(&Signal::Reopen),
        };
        let (channel, end) = Channel::pair()?;
        let text = sealed(inheritance.to_string().as_bytes())?;
        let stdin = stdin()?;
        let tls = self.plan.tls.as_ref().map(PoolTls::for_process).transpose()?;
        let first = [text.as_fd(), self.plan.text(), stdin.as_fd()];
        let first: Vec<BorrowedFd<'_>> =
            first.into_iter().chain(tls.as_ref().map(AsFd::as_fd)).collect();
        channel.send(INHERITANCE, &first)?;
        let channels = self.children.iter().chain([candidate]).map(AsFd::as_fd);
        let all: Vec<BorrowedFd<'_>> =
            sockets.into_iter().chain(channels).chain(control).chain(connections).collect();
        for some in all.chunks(DESCRIPTORS_MAX) {
            channel.send(MORE, some)?;
        }
        Ok((channel, end))
    }

    /// Takes over what a supervisor has left that this process was.
    ///
    /// # Errors
    /// When none has. Nothing serves then for long.
    pub(super) fn of_predecessor(options: &Options) -> Result<Supervisor, Failure> {
        let nobody = |error: &dyn std::fmt::Display| {
            Failure::of_usage([format!(
                "--successor is for a program that upgrades itself: {error}"
            )])
        };
        let legacy = Legacy::take().map_err(|error| nobody(&error))?;
        let Legacy { inheritance, text, tls, addresses, channels, control, connections } = legacy;
        descriptors::inherit(inheritance.descriptors);
        // It has been open until now. Whatever is wrong with it is no reason not to serve.
        let log = read_sealed(&text, CONFIGURATION_BYTES_MAX)
            .ok()
            .and_then(|text| String::from_utf8(text).ok())
            .map(|text| Source::of(options.config.as_deref(), text).log(&options.overrides))
            .unwrap_or(Log { level: LevelFilter::Warn, destination: Destination::Stderr });
        if let Err(message) = logging::start(&log, None) {
            let _ = logging::start(&Log { destination: Destination::Stderr, ..log }, None);
            log::error!("{message}");
        }
        reap_orphans();
        let signals = Signals::listen()
            .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
        signal::let_through();
        let listeners = Listeners::inherit(addresses, inheritance.processes, inheritance.workers)
            .map_err(|error| nobody(&error))?;
        // Without it, certificates are not renewed, and sessions are not resumed by the processes that start later.
        let tls = tls.and_then(|memory| {
            let inherited = certificates::unpacked(memory).and_then(PoolTls::inherit);
            inherited.inspect_err(|error| log::error!("cannot keep TLS fresh: {error}")).ok()
        });
        let plan = Plan::with_text(listeners, text, tls, inheritance.processes);
        let reloads = Reloads::of(options)
            .map_err(|error| Failure::at_run_time(format!("cannot reload: {error}")))?;
        let config = options.config.as_deref();
        let control = match control {
            Some(listener) => Control::inherit(config, listener),
            None => Control::listen(config),
        };
        let stop_timeout = inheritance.stop_timeout;
        let mut supervisor = Supervisor::new(plan, signals, control, stop_timeout, reloads);
        supervisor.state = SupervisorState::Serving;
        supervisor.has_served = true;
        let now = Instant::now();
        let due_by = now + supervisor.stop_timeout + GRACE;
        for (child, channel) in inheritance.children.into_iter().zip(channels) {
            let state = match child.role {
                InheritedRole::New => ChildState::Serving,
                InheritedRole::Old => ChildState::Leaving,
                InheritedRole::Retired => ChildState::Retired,
            };
            match Own::with_id(child.id) {
                Ok(own) => {
                    let child = Child::inherit(child.slot, state, own, channel, due_by);
                    if state == ChildState::Retired {
                        child.send(Instruction::Retire);
                    }
                    supervisor.children.push(child);
                }
                // Whatever serves by this number does not belong to this program.
                Err(error) => log::error!("process {} is lost: {error}", child.id),
            }
        }
        log::info!("upgraded to httpd {}", env!("CARGO_PKG_VERSION"));
        supervisor.numbers = Numbers::inherit(&inheritance.numbers);
        supervisor.numbers.note_upgrade(true);
        supervisor.go_on_changing();
        supervisor.begin_succession(inheritance.commands, connections, now);
        let pending = [(inheritance.reload, Signal::Reload), (inheritance.reopen, Signal::Reopen)];
        for (_, signal) in pending.into_iter().filter(|(is_pending, _)| *is_pending) {
            supervisor.on_signal(signal, now);
        }
        Ok(supervisor)
    }
}

impl Upgrade {
    /// Why it has taken too long.
    fn overdue(&self, now: Instant) -> Option<String> {
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
    fn reap(mut self) -> String {
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

const FAILED: &str = "no upgrade; the running program keeps serving";

/// A program that can take over says so at once. On a busy machine, it may have to wait until it runs.
const HELLO_TIME: Duration = Duration::from_secs(5);
