//! An application of the simulated world: its slot and its processes, played over the real sockets and scoreboards.
//!
//! What a process does with a request is in its plan; when it does it, and whether it dies on the way, the world decides.

mod plan;
mod process;

use super::ask::Judged;
use crate::server::application::commands::{CommandQueue, ProcessId, SlotCommand};
use crate::server::application::link::ProcessEvent;
use crate::server::driven::random::Dice;
use crate::site::{Application, Handler, Wsgi};
use crate::wsgi::Token;
use plan::{Course, Plan};
use process::Process;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One application, its slot and what became of each request for it.
pub(super) struct SimulatedApplication {
    wsgi: Wsgi,
    commands: CommandQueue,
    processes: Vec<Process>,
    next_process: u64,
    plans: BTreeMap<u32, Plan>,
    /// A file that it sends.
    file: PathBuf,
    /// What its slot reports to the worker.
    reports: Vec<ProcessEvent>,
    /// Processes whose sockets have something to be read.
    pub(super) stirred: Vec<ProcessId>,
}

impl SimulatedApplication {
    pub(super) fn new(folder: &Path) -> SimulatedApplication {
        let wsgi = Wsgi::new("m:app").threads(THREADS);
        SimulatedApplication {
            wsgi: wsgi.timeout(TIMEOUT).stream_timeout(STREAM_TIMEOUT),
            commands: CommandQueue::new().expect("descriptors are left"),
            processes: Vec::new(),
            next_process: 1,
            plans: BTreeMap::new(),
            file: folder.join("large.bin"),
            reports: Vec::new(),
            stirred: Vec::new(),
        }
    }

    pub(super) fn handler(&self) -> Wsgi {
        self.wsgi.clone()
    }

    pub(super) fn application(&self) -> Arc<Application> {
        Arc::clone(&self.wsgi.backend().expect("it has one").0)
    }

    pub(super) fn take_reports(&mut self) -> Vec<ProcessEvent> {
        std::mem::take(&mut self.reports)
    }

    /// Thinks of a request. Returns its number, its method and its body.
    pub(super) fn plan(&mut self, size: usize) -> (u32, &'static str, &'static [u8]) {
        let number = self.plans.len() as u32 + 1;
        let plan = Plan::new(number as usize, size);
        let asked = (number, plan.method(), plan.request);
        self.plans.insert(number, plan);
        asked
    }

    /// What a response to this request is. Panics if it cannot be.
    pub(super) fn judge(&self, number: u32, status: u16, body: &[u8]) -> Judged {
        self.plans[&number].judge(status, body)
    }

    /// Whether the response to this request may be broken off.
    pub(super) fn may_break(&self, number: u32) -> bool {
        matches!(self.plans[&number].course, Course::Broken | Course::Lost)
    }

    /// The slot does what is to be done.
    pub(super) fn supervises(&mut self, now: Instant) {
        while let Some(command) = self.commands.next() {
            if let SlotCommand::Replace { process, .. } = command
                && self.current().is_some_and(|current| current.id == process)
            {
                self.renews(now);
            }
        }
        for place in (0..self.processes.len()).rev() {
            let process = &self.processes[place];
            let is_late = process.leaves_until.is_some_and(|until| until <= now);
            if is_late && process.ends.is_some() {
                self.dies(place);
            }
            if self.processes[place].ends.is_none() {
                self.reaps(place);
            }
        }
        if self.current().is_none() {
            self.starts();
        }
    }

    fn current(&self) -> Option<&Process> {
        self.processes.iter().find(|it| it.leaves_until.is_none())
    }

    /// Another process takes the place of the one that serves.
    pub(super) fn renews(&mut self, now: Instant) {
        let old = self.processes.iter().position(|it| it.leaves_until.is_none());
        self.starts();
        if let Some(old) = old {
            let old = &mut self.processes[old];
            self.reports.push(ProcessEvent::Leaves(old.id));
            old.to_requests.finish();
            old.leaves_until = Some(now + TIMEOUT + MARGIN);
        }
    }

    fn starts(&mut self) {
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let (process, link) = Process::new(id, &self.commands);
        self.reports.push(ProcessEvent::Serves(Box::new(link)));
        self.processes.push(process);
    }

    /// One of the processes dies, if there is any.
    pub(super) fn one_dies(&mut self, choice: usize) {
        if let Some(place) = choice.checked_rem(self.processes.len()) {
            self.dies(place);
        }
    }

    fn dies(&mut self, place: usize) {
        let process = &mut self.processes[place];
        if process.ends.take().is_none() {
            return;
        }
        self.stirred.push(process.id);
        for busy in process.threads.iter().flatten() {
            let plan = self.plans.get_mut(&busy.number).expect("it was planned");
            plan.course = Course::Lost;
        }
    }

    fn reaps(&mut self, place: usize) {
        let process = self.processes.swap_remove(place);
        process.to_requests.finish();
        let begun = process.scoreboard.threads().expect("it is there").into_iter().flatten();
        let begun: Vec<Token> = begun.map(|begun| begun.token).collect();
        self.reports.push(ProcessEvent::Ended(process.id, begun.into()));
    }

    /// Everything of it ends.
    pub(super) fn ends(&mut self) {
        for place in (0..self.processes.len()).rev() {
            self.dies(place);
            self.reaps(place);
        }
    }

    /// A thread of a process does something. Returns whether it has.
    pub(super) fn acts(&mut self, dice: &mut Dice, now: Instant) -> bool {
        let Some(place) = dice.next().checked_rem(self.processes.len() as u64) else {
            return false;
        };
        let (thread, most) = (dice.below(THREADS), 1 + dice.amount());
        self.thread_acts(place as usize, thread, most, now)
    }

    /// All threads of all processes do what they can.
    pub(super) fn all_act(&mut self, now: Instant) -> bool {
        let mut has_acted = false;
        for place in (0..self.processes.len()).rev() {
            for thread in 0..THREADS {
                while self.thread_acts(place, thread, 50_000, now) {
                    has_acted = true;
                }
            }
        }
        has_acted
    }

    fn thread_acts(&mut self, place: usize, thread: usize, most: usize, now: Instant) -> bool {
        let process = &mut self.processes[place];
        if process.ends.is_none() {
            return false;
        }
        if process.threads[thread].is_none() {
            if process.takes(thread, now, &mut self.plans) {
                return true;
            }
            let is_done = process.has_read_all && process.threads.iter().all(Option::is_none);
            if is_done {
                self.dies(place);
            }
            return is_done;
        }
        let has_said = process.says(thread, most, &mut self.plans, &self.file);
        if has_said {
            self.stirred.push(process.id);
        }
        has_said
    }
}

const THREADS: usize = 2;
const TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_TIMEOUT: Duration = Duration::from_secs(20);

/// As a slot has it.
const MARGIN: Duration = Duration::from_secs(2);
