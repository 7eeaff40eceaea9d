//! What a supervisor leaves to the program that it becomes, and how that takes over.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use log::LevelFilter;

use super::certificates::{self, PoolTls};
use super::child::{Child, ChildState, GRACE};
use super::inheritance::{
    Inheritance, InheritedChild, InheritedListener, InheritedRole, SocketFile,
};
use super::legacy::{INHERITANCE, Legacy, MORE};
use super::numbers::Numbers;
use super::plan::Plan;
use super::protocol::{CONFIGURATION_BYTES_MAX, Instruction};
use super::reloads::Reloads;
use super::{Supervisor, SupervisorState};
use crate::config::{Log, Source};
use crate::program::cli::Options;
use crate::program::control::{Command, Control};
use crate::program::failure::Failure;
use crate::program::leftovers::reap_orphans;
use crate::program::logging;
use crate::server::destination::Destination;
use crate::server::listener::Listeners;
use crate::server::listener::inheriting::Inherited;
use crate::sys::channel::{Channel, DESCRIPTORS_MAX};
use crate::sys::descriptors;
use crate::sys::process::{Own, read_sealed, sealed, stdin};
use crate::sys::signal::{self, Signal, Signals};

impl Supervisor {
    /// Queues everything that a successor needs. It finds this at the second end.
    pub(super) fn bequeath(
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
