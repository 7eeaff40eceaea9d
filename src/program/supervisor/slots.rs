//! Which processes there are: one that serves in each slot, in place of one that has died, is stopped, or is to be replaced.
//! Every wait for a process has a bound.

use std::time::{Duration, Instant};

use super::child::{Child, ChildExit, ChildState, GRACE};
use super::protocol::Instruction;
use super::{CHECK_EVERY, Supervisor, SupervisorState};
use crate::program::failure::Failure;

impl Supervisor {
    pub(super) fn reap(&mut self, child: Child, now: Instant) {
        let place = child.slot;
        let ChildExit { name, how, is_clean, served, state, was_stopped, failure } = child.reap();
        match (self.state, state) {
            (SupervisorState::Starting, ChildState::Starting) if !was_stopped => {
                let unknown = || Failure::at_run_time(format!("{name} {how} before it served"));
                self.fail(failure.unwrap_or_else(unknown), now);
            }
            (SupervisorState::Stopping { .. }, state) => {
                log::info!("{name} {how}");
                let failure = match state {
                    ChildState::Starting => failure.filter(|_| !self.has_served),
                    // It has logged why it was cut short, if it could.
                    _ => (!is_clean).then_some(Failure::without_words()),
                };
                if let (Ok(()), Some(failure)) = (&self.outcome, failure) {
                    self.outcome = Err(failure);
                }
            }
            (_, ChildState::Leaving | ChildState::Retired) => log::info!("{name} {how}"),
            (_, ChildState::Starting | ChildState::Serving) => {
                // One that is not needed any more has no slot.
                let Some(slot) = self.slots.get_mut(place) else { return };
                let pause = slot.backoff.after(served);
                slot.due = now + pause;
                let why = failure.map_or(String::new(), |it| format!(": {}", it.lines.join("; ")));
                log::error!("{name} {how}{why}; replacing it {}", after(pause));
                self.numbers.note_restart();
            }
        }
    }

    /// Whether a process starts or serves in this slot.
    pub(super) fn is_filled(&self, slot: usize) -> bool {
        let fills = |state| matches!(state, ChildState::Starting | ChildState::Serving);
        self.children.iter().any(|child| child.slot == slot && fills(child.state))
    }

    pub(super) fn serves(&self, slot: usize) -> bool {
        let serves = |child: &Child| child.state == ChildState::Serving;
        self.children.iter().any(|child| child.slot == slot && serves(child))
    }

    pub(super) fn fill_slots(&mut self, now: Instant) {
        for slot in 0..self.slots.len() {
            let is_stopping = matches!(self.state, SupervisorState::Stopping { .. });
            if is_stopping || self.is_filled(slot) || self.slots[slot].due > now {
                continue;
            }
            match Child::start(&self.plan, slot, now) {
                Ok(child) => {
                    log::info!("{child} started");
                    self.children.push(child);
                }
                Err(error) => {
                    let failure = format!("cannot start process {}: {error}", slot + 1);
                    if self.state == SupervisorState::Starting {
                        self.fail(Failure::at_run_time(failure), now);
                    } else {
                        let pause = self.slots[slot].backoff.after(Duration::ZERO);
                        log::error!("{failure}; trying again {}", after(pause));
                        self.slots[slot].due = now + pause;
                    }
                }
            }
        }
    }

    /// New connections wait in the queues of a stopped process, and only another process with the same
    /// listeners can accept them. The stopped process keeps its requests: once it continues, it completes
    /// them and ends. A process that is stopped while it starts has no requests, and is killed.
    pub(super) fn replace_stopped(&mut self, now: Instant) {
        let is_stopping = matches!(self.state, SupervisorState::Stopping { .. });
        if is_stopping || self.check_stopped_at > now {
            return;
        }
        self.check_stopped_at = now + CHECK_EVERY;
        for child in &mut self.children {
            let is_starting = child.state == ChildState::Starting;
            if !is_starting && child.state != ChildState::Serving
                || child.stopped_for(now).is_none_or(|time| time < STOPPED_TIME)
            {
                continue;
            }
            if is_starting {
                log::warn!(
                    "{child} is stopped while it starts, by a signal or a debugger; killing it"
                );
                child.kill_stopped();
            } else {
                log::warn!("{child} is still stopped, by a signal or a debugger; replacing it");
                child.state = ChildState::Leaving;
            }
        }
    }

    /// Ends processes that are leaving, once another serves in their slot.
    pub(super) fn retire_replaced(&mut self, now: Instant) {
        for index in 0..self.children.len() {
            let child = &self.children[index];
            if child.state == ChildState::Leaving && self.serves(child.slot) {
                child.send(Instruction::Retire);
                let child = &mut self.children[index];
                child.state = ChildState::Retired;
                child.due_by = now + self.stop_timeout + GRACE;
            }
        }
    }

    /// Bounds every wait for a process.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        let everyone =
            matches!(self.state, SupervisorState::Stopping { kill_at } if kill_at <= now);
        for child in &mut self.children {
            let has_time = match child.state {
                ChildState::Starting | ChildState::Retired => child.due_by > now,
                ChildState::Serving | ChildState::Leaving => true,
            };
            if has_time && !everyone {
                continue;
            }
            let starts = child.state == ChildState::Starting && !everyone;
            if !starts && !everyone && child.stopped_for(now).is_some() {
                // It does not know yet. Its time begins when it goes on.
                child.due_by = now + self.stop_timeout + GRACE;
                continue;
            }
            log::error!("{child} takes too long to {}", if starts { "start" } else { "end" });
            child.kill();
            child.due_by = now + GRACE;
        }
        if everyone {
            self.state = SupervisorState::Stopping { kill_at: now + GRACE };
        }
    }
}

fn after(pause: Duration) -> String {
    if pause.is_zero() { "now".to_owned() } else { format!("in {pause:?}") }
}

/// A debugger may stop a process for a moment. After this time it is replaced; until then, and until the
/// replacement serves, new connections may wait.
const STOPPED_TIME: Duration = Duration::from_secs(2);
