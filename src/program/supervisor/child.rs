//! One process of the pool, as its supervisor sees it: how it is started, instructed, listened to and
//! waited for. Knows nothing of the other processes.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::site::Metrics;
use crate::sys::channel::{Channel, ChannelMessage, Received};
use crate::sys::descriptors;
use crate::sys::process::{Own, is_stopped, start_again, start_other};

use super::certificates::PoolTls;
use super::numbers_message::NumbersMessage;
use super::plan::Plan;
use super::protocol::{self, Instruction, Report, Role, Spoken};
use crate::program::failure::Failure;

/// How far a process has come, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    Starting,
    Serving,
    /// It serves until its replacement does.
    Leaving,
    /// Its replacement serves: it completes its requests and ends.
    Retired,
}

/// Whether a process was asked to serve by another plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// It has until then.
    Reload {
        by: Instant,
    },
    Done,
    Failed(Failure),
    /// A new process can.
    LacksRights(Failure),
}

pub(super) struct Child {
    /// Its slot in the pool, counted from 0.
    pub slot: usize,
    pub state: ChildState,
    /// It is killed if it does not serve by then; and if it has not ended by then, once it is retired.
    pub due_by: Instant,
    /// The latest version of an [`Inheritance`](super::inheritance::Inheritance) that its program understands, once it
    /// has reported that.
    pub inherits: Option<u32>,
    /// Whether it has answered since it was last asked whether it works.
    pub has_answered: bool,
    /// A line for each of its applications, once it serves.
    pub applications: Vec<String>,
    /// Why it cannot serve, if it has reported that.
    pub failure: Option<Failure>,
    /// What came of the reload that it was asked for.
    pub reload: Asked,
    /// How often it was to open its logs again, and how often it has reported what came of it.
    pub reopens: (u64, u64),
    /// Why its logs were not open the last time.
    pub reopen_failure: Option<Failure>,
    /// When it was first seen stopped; `None` while it runs.
    stopped_since: Option<Instant>,
    /// Messages about numbers that have not been taken.
    pub numbers: Vec<ChannelMessage>,
    /// Whether it was killed because it was stopped while it started.
    was_stopped: bool,
    started: Instant,
    process: Own,
    channel: Channel,
}

impl Child {
    /// Starts the process of a slot.
    ///
    /// # Errors
    /// When out of processes, descriptors or memory.
    pub(super) fn start(plan: &Plan, slot: usize, now: Instant) -> io::Result<Child> {
        Child::start_by(plan, slot, now, start_again)
    }

    /// Starts a process of another program, for the first slot.
    ///
    /// # Errors
    /// The same, or when there is no such program.
    pub(super) fn start_candidate(plan: &Plan, program: &Path, now: Instant) -> io::Result<Child> {
        Child::start_by(plan, 0, now, |arguments, end| start_other(program, arguments, end))
    }

    fn start_by(
        plan: &Plan,
        slot: usize,
        now: Instant,
        start: impl FnOnce(Vec<OsString>, OwnedFd) -> io::Result<Own>,
    ) -> io::Result<Child> {
        let (channel, end) = Channel::pair()?;
        hand_over(plan, slot, &channel)?;
        let process = start(plan.arguments.clone(), end)?;
        Ok(Child::new(slot, ChildState::Starting, process, channel, now))
    }

    /// A process that another supervisor has started in this process.
    pub(super) fn inherit(
        slot: usize,
        state: ChildState,
        process: Own,
        channel: Channel,
        due_by: Instant,
    ) -> Child {
        Child { due_by, ..Child::new(slot, state, process, channel, Instant::now()) }
    }

    fn new(slot: usize, state: ChildState, process: Own, channel: Channel, now: Instant) -> Child {
        Child {
            slot,
            state,
            due_by: now + START_TIME,
            inherits: None,
            has_answered: false,
            applications: Vec::new(),
            failure: None,
            reload: Asked::Nothing,
            reopens: (0, 0),
            reopen_failure: None,
            stopped_since: None,
            numbers: Vec::new(),
            was_stopped: false,
            started: now,
            process,
            channel,
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to serve by another plan, in place.
    pub(super) fn ask_to_reload(&mut self, plan: &Plan, now: Instant) {
        self.reload = match hand_over(plan, self.slot, &self.channel) {
            Ok(()) => Asked::Reload { by: now + START_TIME },
            Err(error) => {
                Asked::Failed(Failure::at_run_time(format!("{self} takes nothing: {error}")))
            }
        };
    }

    /// Has it open its logs again. Returns the number of its report about that.
    pub(super) fn reopen(&mut self) -> u64 {
        self.send(Instruction::Reopen);
        self.reopens.0 += 1;
        self.reopens.0
    }

    /// Sends an instruction. That the process has ended is noticed elsewhere.
    pub(super) fn send(&self, instruction: Instruction) {
        match self.channel.send(instruction.words(), &[]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                log::error!("{self} does not take the instruction {instruction:?}");
            }
            _ => {}
        }
    }

    /// Sends a message about numbers. A process that does not take it has to do without.
    pub(super) fn send_bytes(&self, bytes: &[u8]) {
        let _ = self.channel.send(bytes, &[]);
    }

    /// The same with numbers.
    pub(super) fn send_numbers(&self, message: NumbersMessage, numbers: &Metrics) {
        if let Err(error) = message.send(&self.channel, numbers) {
            log::debug!("{self} does not take numbers: {error}");
        }
    }

    /// Sends what has changed for TLS.
    pub(super) fn send_tls(&self, news: BorrowedFd<'_>) {
        match self.channel.send(protocol::TLS, &[news]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                log::error!("{self} does not take a renewed certificate");
            }
            _ => {}
        }
    }

    /// Reads all of its reports. Says whether it has ended: the kernel closes its end of the channel then,
    /// and not before.
    pub(super) fn read_reports(&mut self) -> bool {
        loop {
            let message = match self.channel.receive() {
                Ok(Received::Message(message)) => message,
                Ok(Received::Nothing) => return false,
                Ok(Received::End) => return true,
                Err(error) => {
                    log::error!("cannot read what {self} reports: {error}; killing it");
                    self.kill();
                    return true;
                }
            };
            if NumbersMessage::read(&message.bytes).is_some() {
                self.numbers.push(message);
                continue;
            }
            match Report::read(&message.bytes) {
                Some(Report::Hello { inherits }) => self.inherits = Some(inherits),
                Some(Report::Works) => self.has_answered = true,
                Some(Report::Serving(applications)) => {
                    log::info!("{self} serves");
                    self.applications = applications;
                    if self.state == ChildState::Starting {
                        self.state = ChildState::Serving;
                    }
                }
                Some(Report::Leaving) if self.state == ChildState::Retired => {
                    self.send(Instruction::Retire);
                }
                Some(Report::Leaving) => {
                    log::info!("{self} asks for its replacement");
                    self.state = ChildState::Leaving;
                }
                Some(Report::Failed(failure)) => self.failure = Some(failure),
                Some(Report::Reloaded) => self.reload = Asked::Done,
                Some(Report::NotReloaded(failure)) => self.reload = Asked::Failed(failure),
                Some(Report::LacksRights(failure)) => self.reload = Asked::LacksRights(failure),
                Some(Report::Reopened(outcome)) => {
                    let (asked, reported) = self.reopens;
                    // Another supervisor may have asked before.
                    self.reopens = (asked, asked.min(reported + 1));
                    self.reopen_failure = outcome.err();
                }
                None => log::error!("{self} sent something that is not a report"),
            }
        }
    }

    /// Whether it accepts connections, or soon will.
    pub(super) fn accepts(&self) -> bool {
        self.state != ChildState::Retired
    }

    /// For how long it has been stopped, counted from the first call that saw it; `None` if it runs.
    pub(super) fn stopped_for(&mut self, now: Instant) -> Option<Duration> {
        if !is_stopped(self.process.id()) {
            self.stopped_since = None;
            return None;
        }
        if self.stopped_since.is_none() {
            // Not a warning yet: a debugger may stop it for a moment only.
            log::info!("{self} is stopped, by a signal or a debugger");
        }
        let since = *self.stopped_since.get_or_insert(now);
        Some(now.saturating_duration_since(since))
    }

    /// Continues it if a signal has stopped it.
    pub(super) fn let_go_on(&self) {
        self.process.let_go_on();
    }

    /// Kills it, because it is stopped and has no requests.
    pub(super) fn kill_stopped(&mut self) {
        self.was_stopped = true;
        self.kill();
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills a process that leads a group, and what it has started.
    pub(super) fn kill_group(&mut self) {
        self.process.kill_group();
    }

    /// How a process ended that has, or will within a moment.
    pub(super) fn reap(self) -> ChildExit {
        let status = self.process.wait();
        let is_clean = status.as_ref().is_ok_and(ExitStatus::success);
        let how = match status {
            Ok(status) => in_words(status),
            Err(error) => format!("ended; its exit status cannot be read: {error}"),
        };
        let served = match self.state {
            ChildState::Starting => Duration::ZERO,
            _ => self.started.elapsed(),
        };
        ChildExit {
            name: self.to_string(),
            how,
            is_clean,
            served,
            state: self.state,
            was_stopped: self.was_stopped,
            failure: self.failure,
        }
    }
}

/// Queues what a process of this slot needs to serve by a plan.
fn hand_over(plan: &Plan, slot: usize, channel: &Channel) -> io::Result<()> {
    let role = Role {
        number: slot as u32 + 1,
        processes: plan.processes() as u32,
        workers: plan.listeners.workers() as u32,
        descriptors: descriptors::started_with()
            .map_or(u32::MAX, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
    };
    let placed: Vec<(usize, BorrowedFd<'_>)> = plan.listeners.placed(slot).collect();
    let address = |number| {
        let spoken = Spoken {
            scheme: plan.listeners.schemes().get(number).copied().unwrap_or_default(),
            is_proxied: plan.listeners.is_proxied(number),
            is_passed: plan.listeners.is_passed(number),
        };
        (spoken, placed.iter().filter(|(of, _)| *of == number).count() as u32)
    };
    let addresses: Vec<(Spoken, u32)> =
        (0..plan.listeners.addresses().len()).map(address).collect();
    let listeners: Vec<BorrowedFd<'_>> = placed.iter().map(|(_, socket)| *socket).collect();
    let tls = plan.tls.as_ref().map(PoolTls::for_process).transpose()?;
    let tls = tls.as_ref().map(AsFd::as_fd);
    protocol::hand_over(channel, role, plan.text(), tls, &addresses, &listeners)
}

/// The channel.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl fmt::Display for Child {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&name(self.slot + 1, self.process.id()))
    }
}

/// How a process ended.
pub(super) struct ChildExit {
    pub name: String,
    /// "exited with status 1", "was killed by signal 9"
    pub how: String,
    /// Whether it ended as one that has completed its requests.
    pub is_clean: bool,
    pub served: Duration,
    /// How far it had come.
    pub state: ChildState,
    /// Whether it was killed because it was stopped while it started.
    pub was_stopped: bool,
    pub failure: Option<Failure>,
}

/// What the log calls a process: by its number, counted from 1, and its id.
pub(super) fn name(number: usize, id: u32) -> String {
    format!("process {number} ({id})")
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}

/// How long a process may take until it serves: it opens roots and logs, perhaps on a slow disk.
const START_TIME: Duration = Duration::from_secs(60);

/// A process that has not ended by its own deadline is killed after this time.
pub(super) const GRACE: Duration = Duration::from_secs(5);
