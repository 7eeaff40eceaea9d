//! How a supervisor reloads: it reads and checks the configuration once, binds what is new, and has one process serve by
//! it. Only when that does, the others follow; one of these that fails is replaced. Whatever fails before, nothing has
//! changed.
//!
//! A process does not get back the rights that it has given up. Where the new configuration takes other rights, a new
//! process serves by it first, and all others are replaced.

use std::io::Read;
use std::time::{Duration, Instant};

use super::certificates::PoolTls;
use super::child::{Asked, Child, ChildState, GRACE};
use super::plan::Plan;
use super::protocol::Instruction;
use super::reloads::{Next, Refusal, ReloadState};
use super::{PoolSlot, Supervisor, SupervisorState};
use crate::config::{Config, Source};
use crate::program::failure::Failure;
use crate::program::in_place;
use crate::program::logging::{self, OpenLog};
use crate::server::backoff::Backoff;
use crate::sys::signal;

impl Supervisor {
    /// The reload under way has ended.
    fn finish_reload(&mut self, outcome: Result<(), Failure>) {
        self.numbers.note_reload(outcome.is_ok());
        self.reloads.finish(outcome);
    }

    /// Goes on with the reload under way, or begins one that is due.
    pub(super) fn advance_reload(&mut self, now: Instant) {
        while matches!((&self.reloads.woken).read(&mut [0; 64]), Ok(1..)) {}
        match self.state {
            SupervisorState::Starting => return,
            SupervisorState::Serving => {}
            SupervisorState::Stopping { .. } => {
                // Dropping these answers the commands that wait.
                self.reloads.is_due = false;
                self.reloads.waiting.clear();
                self.reloads.commands.clear();
                let abandoned = self.reloads.abandon();
                self.children.extend(abandoned);
                return;
            }
        }
        match &mut self.reloads.state {
            ReloadState::Idle => {}
            ReloadState::Loading => {
                if let Ok(loaded) = self.reloads.loaded.1.try_recv() {
                    let asked = loaded.and_then(|loaded| self.ask_first(loaded, now));
                    asked.unwrap_or_else(|failure| self.finish_reload(Err(failure)));
                }
            }
            ReloadState::Asking { first, .. } => {
                let first = *first;
                match self.first_answer(first, now) {
                    None => {}
                    Some(Ok(())) => self.roll_out(now),
                    Some(Err(Refusal::Failed(failure))) => self.finish_reload(Err(failure)),
                    Some(Err(Refusal::LacksRights(why))) => self.begin_replacing(&why, now),
                }
            }
            ReloadState::RollingOut => self.end_roll_out(now),
            ReloadState::Replacing { candidate, .. } => {
                if candidate.read_reports() {
                    let failure = self.failure_of_candidate();
                    self.finish_reload(Err(failure));
                } else if candidate.state != ChildState::Starting {
                    self.replace_all(now);
                } else if candidate.due_by <= now {
                    log::error!("{candidate} takes too long to start");
                    candidate.due_by = now + GRACE;
                    candidate.kill();
                }
            }
            ReloadState::FillingUp { by } => {
                let is_late = *by <= now;
                if is_late || (0..self.slots.len()).all(|slot| self.serves(slot)) {
                    self.finish_reload(Ok(()));
                }
            }
        }
        // One after the other: an upgrade hands on what serves now.
        if !self.reloads.is_under_way() && self.reloads.is_due && !self.upgrades.is_under_way() {
            if !self.is_told_of_change() {
                self.tell_reloading();
            }
            self.reloads.begin();
        }
    }

    /// Prepares everything, and asks one process to serve by it.
    fn ask_first(
        &mut self,
        (source, config): (Source, Config),
        now: Instant,
    ) -> Result<(), Failure> {
        in_place::warn(&config);
        // The thread of a log leaves signals to this one.
        let _held = signal::hold();
        let log = logging::open(&config.log).map_err(|message| Failure::of_usage([message]))?;
        let processes = config.processes;
        let listeners = config
            .server
            .bind_changed(&self.plan.listeners, processes)
            .map_err(Failure::at_run_time)?;
        let tls = match (config.server.certificates(), &self.plan.tls) {
            (None, _) => Ok(None),
            (Some(tls), Some(known)) => known.with(tls, config.certificate_texts).map(Some),
            (Some(tls), None) => PoolTls::start(tls, config.certificate_texts).map(Some),
        };
        let tls =
            tls.map_err(|error| Failure::at_run_time(format!("cannot speak TLS: {error}")))?;
        let plan = Plan::new(listeners, source.text(), tls, processes.get())
            .map_err(|error| Failure::at_run_time(format!("cannot hand it over: {error}")))?;
        let serves =
            |child: &&mut Child| child.state == ChildState::Serving && child.slot < processes.get();
        let Some(child) = self.children.iter_mut().find(serves) else {
            return Err(Failure::at_run_time("no process serves at the moment; try again"));
        };
        child.ask_to_reload(&plan, now);
        let next = Next { plan, stop_timeout: config.stop_timeout, log };
        self.reloads.state = ReloadState::Asking { first: child.slot, next: Box::new(next) };
        Ok(())
    }

    fn first_answer(&mut self, slot: usize, now: Instant) -> Option<Result<(), Refusal>> {
        let asked = |child: &&mut Child| child.slot == slot && child.reload != Asked::Nothing;
        let failed = |message: String| Some(Err(Refusal::Failed(Failure::at_run_time(message))));
        let Some(child) = self.children.iter_mut().find(asked) else {
            return failed("the process that reads it first has ended meanwhile".to_owned());
        };
        match std::mem::take(&mut child.reload) {
            Asked::Done => Some(Ok(())),
            Asked::Failed(failure) => Some(Err(Refusal::Failed(failure))),
            Asked::LacksRights(failure) => Some(Err(Refusal::LacksRights(failure))),
            Asked::Reload { by } if by <= now => {
                // Nobody knows by what it serves.
                child.state = ChildState::Leaving;
                failed(format!("{child} takes too long; replacing it"))
            }
            waits => {
                child.reload = waits;
                None
            }
        }
    }

    /// Adopts the plan by which the first process serves, and asks the others.
    fn roll_out(&mut self, now: Instant) {
        let state = std::mem::replace(&mut self.reloads.state, ReloadState::RollingOut);
        let ReloadState::Asking { first, next } = state else { return };
        self.adopt(*next, now);
        let processes = self.plan.processes();
        for child in &mut self.children {
            match child.state {
                ChildState::Serving if child.slot == first || child.slot >= processes => {}
                ChildState::Serving => child.ask_to_reload(&self.plan, now),
                // It starts by the old plan.
                ChildState::Starting => child.kill_stopped(),
                ChildState::Leaving | ChildState::Retired => {}
            }
        }
        self.end_roll_out(now);
    }

    /// What it changes to is what it starts processes by from now on.
    fn adopt(&mut self, next: Next, now: Instant) {
        let Next { plan, stop_timeout, log } = next;
        log.into_iter().for_each(OpenLog::take_effect);
        self.plan = plan;
        self.stop_timeout = stop_timeout;
        let slots = self.plan.processes().max(self.slots.len());
        self.slots.resize_with(slots, || PoolSlot { due: now, backoff: Backoff::default() });
    }

    /// Starts a process by the new plan, because those that serve have given up rights that it takes.
    fn begin_replacing(&mut self, why: &Failure, now: Instant) {
        let state = std::mem::replace(&mut self.reloads.state, ReloadState::Idle);
        let ReloadState::Asking { next, .. } = state else { return };
        match Child::start(&next.plan, 0, now) {
            Ok(candidate) => {
                log::info!(
                    "new processes take over, because those that serve have given up what the configuration takes: {}",
                    why.lines.join("; ")
                );
                log::info!("{candidate} started");
                let candidate = Box::new(candidate);
                self.reloads.state = ReloadState::Replacing { candidate, next };
            }
            Err(error) => {
                let message = format!("cannot start a process: {error}");
                self.finish_reload(Err(Failure::at_run_time(message)));
            }
        }
    }

    /// Why the first new process does not serve, which has ended.
    fn failure_of_candidate(&mut self) -> Failure {
        let ended = self.reloads.abandon().map(Child::reap);
        ended.map_or_else(Failure::without_words, |ended| {
            let unknown = || format!("{} {} before it served", ended.name, ended.how);
            ended.failure.unwrap_or_else(|| Failure::at_run_time(unknown()))
        })
    }

    /// Adopts the plan by which the first new process serves, and has all others replaced.
    fn replace_all(&mut self, now: Instant) {
        let by = now + FILL_TIME;
        let state = std::mem::replace(&mut self.reloads.state, ReloadState::FillingUp { by });
        let ReloadState::Replacing { candidate, next } = state else { return };
        self.adopt(*next, now);
        let processes = self.plan.processes();
        for child in &mut self.children {
            match child.state {
                ChildState::Serving => child.state = ChildState::Leaving,
                // It starts by the old plan.
                ChildState::Starting => child.kill_stopped(),
                ChildState::Leaving | ChildState::Retired => {}
            }
        }
        self.children.push(*candidate);
        self.retire_beyond(processes, now);
    }

    /// Retires processes that are not needed any more: others have their sockets.
    fn retire_beyond(&mut self, processes: usize, now: Instant) {
        for child in self.children.iter_mut().filter(|child| child.slot >= processes) {
            child.send(Instruction::Retire);
            child.state = ChildState::Retired;
            child.due_by = now + self.stop_timeout + GRACE;
        }
        self.slots.truncate(processes.max(1));
    }

    /// Replaces processes that could not change, and ends the roll-out when all have answered.
    fn end_roll_out(&mut self, now: Instant) {
        let mut waits = false;
        for child in &mut self.children {
            match std::mem::take(&mut child.reload) {
                Asked::Nothing | Asked::Done => {}
                Asked::Failed(failure) => {
                    log::error!(
                        "{child} cannot reload: {}; replacing it",
                        failure.lines.join("; ")
                    );
                    child.state = ChildState::Leaving;
                }
                Asked::LacksRights(why) => {
                    log::info!("replacing {child}: {}", why.lines.join("; "));
                    child.state = ChildState::Leaving;
                }
                Asked::Reload { by } if by <= now => {
                    log::error!("{child} takes too long to reload; replacing it");
                    child.state = ChildState::Leaving;
                }
                asked => {
                    child.reload = asked;
                    waits = true;
                }
            }
        }
        if waits {
            return;
        }
        self.retire_beyond(self.plan.processes(), now);
        self.finish_reload(Ok(()));
    }
}

/// For how long a reload waits until new processes serve in all places. Those that fail are started again in any case.
const FILL_TIME: Duration = Duration::from_secs(60);
