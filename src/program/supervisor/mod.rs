//! The supervisor of the processes that serve: it binds every listener once, starts the program again
//! for each process, hands the listeners over, and replaces a process that dies. It must never serve, and
//! never wait for one thing alone: it waits for all of its processes and for signals at once. It keeps nothing of the
//! site.
//!
//! Its steps are in files of their own (`slots`, `reloading`, `upgrading` and others), which import this one. What each
//! of them has to remember is in another file (`reloads`, `upgrades` and others), which this one imports.
//!
//! A listener lives as long as the supervisor: connections that wait on the listeners of a dead process
//! are served by its replacement. Each process shares a [`Channel`] with the supervisor. The kernel closes
//! it when either of them ends, for whatever reason, and so tells the other.
//!
//! [`Channel`]: crate::sys::channel::Channel

pub(crate) mod certificates;
mod child;
mod commands;
mod follower;
mod gathering;
pub(crate) mod inheritance;
mod legacy;
mod manager;
mod numbers;
mod numbers_message;
mod plan;
pub(crate) mod protocol;
mod reloading;
mod reloads;
mod reopening;
mod reopens;
mod slots;
mod succession;
pub(crate) mod supervised;
mod taking_over;
mod upgrades;
mod upgrading;
mod watchdog;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::config::{Config, Source};
use crate::server::backoff::Backoff;
use crate::sys::signal::{self, Signal, Signals};
use crate::sys::wait::wait_readable;

use crate::program::banner::{self, Banner};
use crate::program::cli::Options;
use crate::program::control::{Command, Control};
use crate::program::failure::Failure;
use crate::program::leftovers::close_rest;
use crate::program::rights::in_words;
use crate::server::listener::passed::Passed;
use certificates::PoolTls;
use child::{Asked, Child, ChildState, GRACE};
use numbers::Numbers;
use plan::Plan;
use protocol::Instruction;
use reloads::Reloads;
use reopens::Reopens;
use upgrades::Upgrades;
use watchdog::Watchdog;

/// Serves with one or several processes until a signal ends it.
///
/// # Errors
/// Why one of the processes could not start, or that one did not complete its requests. All of them have ended then.
pub(crate) fn serve(
    options: &Options,
    source: &Source,
    config: Config,
    passed: &Passed,
) -> Result<(), Failure> {
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let Config { server, processes, stop_timeout, roots, note, made_certificate, rights, .. } =
        config;
    let listeners = server.bind(processes).map_err(Failure::at_run_time)?;
    close_rest(passed);
    let tls = server.certificates().map(|tls| PoolTls::start(tls, config.certificate_texts));
    let tls = tls.transpose();
    let tls = tls.map_err(|error| Failure::at_run_time(format!("cannot speak TLS: {error}")))?;
    // Each process has a site of its own.
    drop(server);
    let plan = Plan::new(listeners, source.text(), tls, processes.get())
        .map_err(|error| Failure::at_run_time(format!("cannot start processes: {error}")))?;
    let reloads = Reloads::of(options)
        .map_err(|error| Failure::at_run_time(format!("cannot start processes: {error}")))?;
    let control = Control::listen(options.config.as_deref());
    let mut supervisor = Supervisor::new(plan, signals, control, stop_timeout, reloads);
    while supervisor.state == SupervisorState::Starting {
        supervisor.turn();
    }
    if supervisor.state == SupervisorState::Serving {
        // The thread that prints it leaves signals to this one.
        let _held = signal::hold();
        banner::greet(&Banner {
            addresses: supervisor.plan.listeners.addresses(),
            schemes: supervisor.plan.listeners.schemes(),
            processes: processes.get(),
            workers: supervisor.plan.listeners.workers(),
            config: options.config.as_deref(),
            roots: &roots,
            certificate: made_certificate,
            note: note.as_deref(),
            applications: supervisor.children.first().map_or(&[], |child| &child.applications),
            user: rights.identity.as_ref().map(|it| it.name.as_str()),
            confinement: Some(&in_words(&rights)),
        });
    }
    supervisor.run()
}

/// Goes on in the place of a supervisor that this process was, until a signal ends it.
///
/// # Errors
/// That there was none, or that a process did not complete its requests.
pub(crate) fn succeed(options: &Options) -> Result<(), Failure> {
    Supervisor::of_predecessor(options)?.run()?;
    log::info!("stopped");
    Ok(())
}

struct Supervisor {
    plan: Plan,
    signals: Signals,
    control: Option<Control>,
    stop_timeout: Duration,
    state: SupervisorState,
    slots: Vec<PoolSlot>,
    /// In each slot at most one that starts or serves, and any number that are leaving.
    children: Vec<Child>,
    upgrades: Upgrades,
    watchdog: Watchdog,
    /// Whether the processes have been asked whether they work.
    has_asked: bool,
    /// When to check again whether a process is stopped.
    check_stopped_at: Instant,
    /// Whether all processes have served at the same time.
    has_served: bool,
    outcome: Result<(), Failure>,
    reloads: Reloads,
    reopens: Reopens,
    numbers: Numbers,
    /// Commands that wait for the end.
    stops: Vec<Command>,
}

/// How far the pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SupervisorState {
    /// The first process that cannot start ends the pool.
    Starting,
    Serving,
    /// Processes that still run at this time are killed.
    Stopping {
        kill_at: Instant,
    },
}

/// The supervisor keeps one process running in each slot.
struct PoolSlot {
    /// When the next process may be started in it.
    due: Instant,
    backoff: Backoff,
}

impl Supervisor {
    fn new(
        plan: Plan,
        signals: Signals,
        control: Option<Control>,
        stop_timeout: Duration,
        reloads: Reloads,
    ) -> Supervisor {
        let now = Instant::now();
        let slot = |_| PoolSlot { due: now, backoff: Backoff::default() };
        Supervisor {
            slots: (0..plan.processes()).map(slot).collect(),
            plan,
            signals,
            control,
            stop_timeout,
            state: SupervisorState::Starting,
            children: Vec::new(),
            upgrades: Upgrades::default(),
            watchdog: Watchdog::new(now),
            has_asked: false,
            check_stopped_at: now,
            has_served: false,
            outcome: Ok(()),
            reloads,
            reopens: Reopens::default(),
            numbers: Numbers::default(),
            stops: Vec::new(),
        }
    }

    fn run(mut self) -> Result<(), Failure> {
        while !self.has_ended() {
            self.turn();
        }
        let stops = std::mem::take(&mut self.stops);
        let outcome = std::mem::replace(&mut self.outcome, Ok(()));
        // Its addresses are free when the senders of commands go on.
        drop(self);
        Supervisor::answer_stops(stops, &outcome);
        outcome
    }

    /// One turn. Signals come before processes that have ended: a process that ended because the whole
    /// group got a signal must not be replaced.
    fn turn(&mut self) {
        let now = Instant::now();
        for signal in self.signals.pending() {
            self.on_signal(signal, now);
        }
        self.take_commands(now);
        self.send_tls_news();
        let ended: Vec<Child> = self.children.extract_if(.., Child::read_reports).collect();
        // What they have sent before their end counts.
        self.advance_numbers(now);
        for mut child in ended {
            self.take_last_numbers(&mut child, now);
            self.reap(child, now);
        }
        self.advance_upgrade(now);
        self.advance_reload(now);
        self.advance_reopen(now);
        self.feed_watchdog(now);
        self.replace_stopped(now);
        self.fill_slots(now);
        self.retire_replaced(now);
        self.kill_overdue(now);
        if self.state == SupervisorState::Starting
            && (0..self.slots.len()).all(|slot| self.serves(slot))
        {
            self.state = SupervisorState::Serving;
            self.has_served = true;
            self.tell_ready();
        } else if !self.has_ended() {
            self.tell_if_changed();
            self.sleep();
        }
    }

    /// Sends all processes what has changed for TLS.
    fn send_tls_news(&mut self) {
        let Some(tls) = &mut self.plan.tls else { return };
        let news = tls.take();
        if news.is_empty() {
            return;
        }
        match certificates::packed(&news) {
            Ok(news) => self.children.iter().for_each(|child| child.send_tls(news.as_fd())),
            Err(error) => log::error!("cannot send a renewed certificate: {error}"),
        }
    }

    fn on_signal(&mut self, signal: Signal, now: Instant) {
        match (signal, self.state) {
            (Signal::Reload, _) => {
                self.tell_reloading();
                self.reloads.ask(None);
            }
            (Signal::Reopen, _) => drop(self.reopen()),
            (Signal::Upgrade, _) => self.begin_upgrade(now),
            (Signal::Stop, SupervisorState::Stopping { .. }) => {
                log::info!("stopping now");
                self.stop(Instruction::StopNow, now);
            }
            (Signal::Stop, _) => {
                log::info!("stopping when open requests have ended; a second signal stops now");
                self.stop(Instruction::Stop, now);
            }
        }
    }

    fn stop(&mut self, instruction: Instruction, now: Instant) {
        self.abandon_upgrade();
        let abandoned = self.reloads.abandon();
        self.children.extend(abandoned);
        self.tell_stopping();
        self.send_all(instruction);
        for child in &self.children {
            // A stopped process could not end in time, and its requests would be lost.
            child.let_go_on();
        }
        for slot in 0..self.slots.len() {
            if !self.children.iter().any(|child| child.slot == slot && child.accepts()) {
                // No process is left that would do it.
                self.plan.listeners.end_share(slot);
            }
        }
        let timeout =
            if instruction == Instruction::Stop { self.stop_timeout } else { Duration::ZERO };
        self.state = SupervisorState::Stopping { kill_at: now + timeout + GRACE };
    }

    /// Ends the pool: what keeps one process from starting most likely keeps all of them.
    fn fail(&mut self, failure: Failure, now: Instant) {
        self.outcome = Err(failure);
        self.stop(Instruction::StopNow, now);
    }

    fn send_all(&self, instruction: Instruction) {
        for child in self.children.iter().chain(self.reloads.candidate()) {
            child.send(instruction);
        }
    }

    /// Sleeps until something happens or is due.
    fn sleep(&self) {
        let vacant = (0..self.slots.len()).filter(|slot| !self.is_filled(*slot));
        let due = vacant.map(|slot| self.slots[slot].due);
        let is_bounded =
            |it: &&Child| matches!(it.state, ChildState::Starting | ChildState::Retired);
        let bounded = self.children.iter().filter(is_bounded);
        let next = match self.state {
            SupervisorState::Stopping { kill_at } => Some(kill_at),
            SupervisorState::Starting | SupervisorState::Serving => {
                due.chain(bounded.map(|it| it.due_by)).chain([self.check_stopped_at]).min()
            }
        };
        let asked = self.children.iter().filter_map(|child| match child.reload {
            Asked::Reload { by } => Some(by),
            _ => None,
        });
        let others =
            [self.upgrades.due(), self.watchdog.due(), self.reopens.due(), self.numbers.due()];
        let others = others.into_iter().chain([self.reloads.due()]).flatten();
        let next = next.into_iter().chain(others).chain(asked).min();
        let descriptors: Vec<_> = [self.signals.as_fd()]
            .into_iter()
            .chain([self.reloads.as_fd()])
            .chain(self.reloads.candidate().map(AsFd::as_fd))
            .chain(self.control.as_ref().map(AsFd::as_fd))
            .chain(self.children.iter().map(AsFd::as_fd))
            .chain(self.upgrades.current.as_ref().map(AsFd::as_fd))
            .chain(self.plan.tls.iter().map(AsFd::as_fd))
            .collect();
        let time = next.map(|next| next.saturating_duration_since(Instant::now()));
        if let Err(error) = wait_readable(&descriptors, time) {
            log::error!("waiting for processes: {error}");
            std::thread::sleep(PAUSE);
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, SupervisorState::Stopping { .. }) && self.children.is_empty()
    }
}

/// How often to check whether a process is stopped.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// When poll fails, for want of memory.
const PAUSE: Duration = Duration::from_millis(100);
