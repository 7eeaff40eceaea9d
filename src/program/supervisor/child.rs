//! One process of the pool, as its supervisor sees it: started, told, heard, and waited for. Knows
//! nothing of the others.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitStatus};
use std::time::{Duration, Instant};

use crate::server::listener::Listeners;
use crate::sys::channel::{Channel, Received};
use crate::sys::descriptors;
use crate::sys::process::{is_stopped, let_go_on, sealed, start_again};

use super::protocol::{self, Order, Report, Role};
use crate::program::cli::SUPERVISED;
use crate::program::failure::Failure;

/// What every process is given, be it at the start or in the place of one that died.
pub struct Plan {
    pub listeners: Listeners,
    /// The configuration, which stays as it was when it was found to be fine.
    text: OwnedFd,
    /// As the supervisor's: the same flags and, with them, the same environment.
    arguments: Vec<OsString>,
    processes: usize,
}

/// What a process does, in the order lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Starting,
    Serving,
    /// It serves on until another has taken its place.
    Leaving,
    /// Another has.
    Retired,
}

/// Whether there is still a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Lives,
    Over,
}

pub struct Child {
    /// Its place in the pool, counted from 0.
    pub place: usize,
    pub stage: Stage,
    /// When it has to serve.
    pub ready_by: Instant,
    /// Why it could not serve, if it said so.
    pub failure: Option<Failure>,
    /// Since when it has been seen to be stopped.
    stopped_since: Option<Instant>,
    started: Instant,
    process: process::Child,
    channel: Channel,
}

impl Plan {
    /// # Errors
    /// When out of descriptors or memory.
    pub fn new(listeners: Listeners, text: &str, processes: usize) -> io::Result<Plan> {
        let supervised = OsString::from(SUPERVISED);
        Ok(Plan {
            listeners,
            text: sealed(text.as_bytes())?,
            arguments: [supervised].into_iter().chain(env::args_os().skip(1)).collect(),
            processes,
        })
    }

    /// How many processes there are to be.
    pub fn processes(&self) -> usize {
        self.processes
    }
}

impl Child {
    /// Starts the process for a place.
    ///
    /// # Errors
    /// When the system has no room for one more.
    pub fn start(plan: &Plan, place: usize, now: Instant) -> io::Result<Child> {
        let (channel, end) = Channel::pair()?;
        let role = Role {
            number: place as u32 + 1,
            processes: plan.processes as u32,
            workers: plan.listeners.workers() as u32,
            descriptors: descriptors::started_with()
                .map_or(u32::MAX, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
        };
        let listeners: Vec<BorrowedFd<'_>> = plan.listeners.share(place).collect();
        protocol::hand_over(&channel, role, plan.text.as_fd(), &listeners)?;
        let process = start_again(plan.arguments.iter().cloned(), end)?;
        Ok(Child {
            place,
            stage: Stage::Starting,
            ready_by: now + START_TIME,
            failure: None,
            stopped_since: None,
            started: now,
            process,
            channel,
        })
    }

    /// Gives an order. One that is gone is heard to be.
    pub fn tell(&self, order: Order) {
        match self.channel.send(order.words(), &[]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                log::error!("{self} does not listen to {order:?}");
            }
            _ => {}
        }
    }

    /// Takes in all that it has reported. Its end of the channel is closed when it ends, however
    /// that happens, and not before.
    pub fn hear(&mut self) -> Life {
        loop {
            let message = match self.channel.receive() {
                Ok(Received::Message(message)) => message,
                Ok(Received::Nothing) => return Life::Lives,
                Ok(Received::End) => return Life::Over,
                Err(error) => {
                    log::error!("{self} cannot be heard: {error}");
                    self.kill();
                    return Life::Over;
                }
            };
            match Report::read(&message.bytes) {
                Some(Report::Serving) => {
                    log::info!("{self} serves");
                    self.stage = Stage::Serving;
                }
                Some(Report::Leaving) => {
                    log::info!("{self} was told to stop");
                    self.stage = Stage::Leaving;
                }
                Some(Report::Failed(failure)) => self.failure = Some(failure),
                None => log::error!("{self} said something that is no report"),
            }
        }
    }

    /// Whether it lets in who connects, or soon will.
    pub fn accepts(&self) -> bool {
        self.stage != Stage::Retired
    }

    /// How long it has been stopped, as far as it has been looked at.
    pub fn look_whether_stopped(&mut self, now: Instant) -> Option<Duration> {
        if !is_stopped(self.process.id()) {
            self.stopped_since = None;
            return None;
        }
        if self.stopped_since.is_none() {
            // No warning yet: a debugger may stop it for a moment only.
            log::info!("{self} is stopped, by a signal or a debugger");
        }
        let since = *self.stopped_since.get_or_insert(now);
        Some(now.saturating_duration_since(since))
    }

    /// Continues it if a signal has stopped it.
    pub fn let_go_on(&self) {
        let_go_on(&self.process);
    }

    /// Ends it without ado.
    pub fn kill(&mut self) {
        // It fails for one that has ended.
        let _ = self.process.kill();
    }

    /// How one ended whose life is over.
    pub fn end(mut self) -> End {
        let how = match self.process.wait() {
            Ok(status) => in_words(status),
            Err(error) => format!("cannot be waited for: {error}"),
        };
        let served = match self.stage {
            Stage::Starting => Duration::ZERO,
            _ => self.started.elapsed(),
        };
        End { name: self.to_string(), how, served, stage: self.stage, failure: self.failure }
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl fmt::Display for Child {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&name(self.place + 1, self.process.id()))
    }
}

/// What is left of a process.
pub struct End {
    pub name: String,
    /// "ended with 1", "was killed by signal 9"
    pub how: String,
    pub served: Duration,
    /// What it did last.
    pub stage: Stage,
    pub failure: Option<Failure>,
}

/// A process by its number, from 1, and its id.
pub fn name(number: usize, id: u32) -> String {
    format!("process {number} ({id})")
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}

/// From the start of a process until it serves: opening roots and logs, on a slow disk.
const START_TIME: Duration = Duration::from_secs(60);
