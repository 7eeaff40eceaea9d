//! The place of one process: a thread that starts the process, reports it to the workers, and replaces it
//! when it has died, hangs, or is to be renewed.
//!
//! A new process serves before the old one is to end. It also serves requests that the old one never got or
//! never took: they wait in the socket of the old one, and the slot keeps the other end of that, too. When the old one
//! hangs, the slot takes back what is left there. The kernel gives each request to the process or to the slot.

mod bounds;

use super::commands::{CommandQueue, ProcessId, SlotCommand};
use super::link::ProcessEvent;
use super::output::ProcessOutput;
use super::process::{ControlMessage, Process};
use crate::server::backoff::Backoff;
use crate::server::mailbox::{Mailbox, Message};
use crate::site::Application;
use crate::sys::wait;
use crate::wsgi::Token;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How the first start went.
pub(crate) enum Started {
    /// What the process serves, for the log.
    Serves(String),
    /// Why it does not serve.
    Failed(String),
}

/// One slot of an application.
pub(crate) struct ProcessSlot {
    application: Arc<Application>,
    number: usize,
    mailboxes: Vec<Arc<Mailbox>>,
    commands: CommandQueue,
    /// Tells who starts the application how the first process fares, with this number; taken once it serves.
    starter: Option<(usize, mpsc::Sender<(usize, Started)>)>,
    /// The process that serves.
    current: Option<Process>,
    /// The process that will replace it once it serves.
    coming: Option<Process>,
    /// Whether the coming process may have loaded its sources before they last changed: another follows it.
    outdated: bool,
    /// The processes that are to end, and until when they have time.
    leaving: Vec<(Process, Instant)>,
    backoff: Backoff,
    started_at: Instant,
    /// When the next process is due to start; later than now after processes that died at once.
    start_at: Option<Instant>,
    is_stopping: bool,
}

impl ProcessSlot {
    /// A slot without a process.
    pub(crate) fn new(
        application: Arc<Application>,
        number: usize,
        mailboxes: Vec<Arc<Mailbox>>,
        commands: CommandQueue,
        starter: (usize, mpsc::Sender<(usize, Started)>),
    ) -> ProcessSlot {
        let now = Instant::now();
        ProcessSlot {
            application,
            number,
            mailboxes,
            commands,
            starter: Some(starter),
            current: None,
            coming: None,
            outdated: false,
            leaving: Vec::new(),
            backoff: Backoff::up_to(PAUSE_MAX),
            started_at: now,
            start_at: Some(now),
            is_stopping: false,
        }
    }

    /// Supervises until the slot is to stop and all its processes have ended.
    pub(crate) fn run(mut self) {
        loop {
            self.start_if_due();
            if self.is_stopping && self.processes().next().is_none() {
                return;
            }
            self.sleep();
            while let Some(command) = self.commands.next() {
                self.on_command(command);
            }
            self.read_processes();
            self.check_bounds();
            self.replace_stopped();
        }
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let leaving = self.leaving.iter().map(|(process, _)| process);
        self.current.iter().chain(&self.coming).chain(leaving)
    }

    /// Waits until something happens or is due.
    fn sleep(&self) {
        let commands = [self.commands.woken()];
        let descriptors: Vec<_> =
            commands.into_iter().chain(self.processes().flat_map(Process::descriptors)).collect();
        let lost = self.processes().flat_map(|it| &it.outputs).filter_map(ProcessOutput::due);
        let due = self.leaving.iter().map(|(_, until)| *until).chain(self.start_at);
        let due = due.chain(lost).min();
        let mut time = due.map(|due| due.saturating_duration_since(Instant::now()));
        if self.application.memory_bytes_max > 0 {
            time = Some(time.unwrap_or(MEMORY_LOOK).min(MEMORY_LOOK));
        }
        if self.coming.is_some() {
            time = Some(time.unwrap_or(STOPPED_LOOK).min(STOPPED_LOOK));
        }
        if let Err(error) = wait::wait_readable(&descriptors, time) {
            log::error!("{}: cannot wait for its processes: {error}", self.name());
        }
    }

    fn start_if_due(&mut self) {
        if self.is_stopping || self.start_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.start_at = None;
        if self.coming.is_some() {
            return;
        }
        self.outdated = false;
        self.started_at = Instant::now();
        let reactors = self.mailboxes.len();
        match Process::start(&self.application, reactors, &self.commands) {
            Ok(process) => self.coming = Some(process),
            Err(error) => {
                let python = self.application.python.display();
                let directory = &self.application.directory;
                let directory = std::path::absolute(directory).unwrap_or(directory.clone());
                let directory = directory.display();
                self.on_failed(format!("cannot run {python} in {directory}: {error}"));
            }
        }
    }

    /// A new process cannot serve.
    fn on_failed(&mut self, reason: String) {
        if let Some((number, starter)) = self.starter.take() {
            let _ = starter.send((number, Started::Failed(format!("{}: {reason}", self.name()))));
            self.is_stopping = true;
            return;
        }
        // The old process keeps serving.
        if let Some(current) = &self.current {
            let old = current.child.id();
            log::error!(
                "{}: cannot start a new process; process {old} keeps serving: {reason}",
                self.name()
            );
            if self.outdated {
                self.renew();
            }
        } else {
            log::error!("{}: {reason}", self.name());
            self.start_at = Some(Instant::now() + self.backoff.after(Duration::ZERO));
        }
    }

    fn on_command(&mut self, command: SlotCommand) {
        match command {
            SlotCommand::Replace { process, why } => {
                if let Some(current) = self.current.as_mut().filter(|it| it.id == process)
                    && self.coming.is_none()
                    && self.start_at.is_none()
                {
                    let number = current.child.id();
                    current.hangs = true;
                    log::error!("{}: process {number} {why}; replacing it", self.name());
                    self.application.note_replaced();
                    self.renew();
                }
            }
            SlotCommand::Renew => self.reload(),
            SlotCommand::GoOn => self.processes().for_each(Process::let_go_on),
            SlotCommand::Stop { grace } => {
                self.is_stopping = true;
                let until = Instant::now() + grace;
                let all = self.current.take().into_iter().chain(self.coming.take());
                self.leaving.extend(all.map(|process| (process, until)));
                for (process, deadline) in &mut self.leaving {
                    process.take_no_more();
                    process.let_go_on();
                    *deadline = until.min(*deadline);
                }
            }
        }
    }

    /// Starts another process, which takes over once it serves.
    fn renew(&mut self) {
        if !self.is_stopping && self.coming.is_none() {
            self.start_at.get_or_insert_with(Instant::now);
        }
    }

    /// Starts a process that reads its sources from now on; if one is coming already, after that one.
    fn reload(&mut self) {
        self.outdated |= self.coming.is_some();
        self.renew();
    }

    /// Reads what processes report and print, and notices those that have ended.
    fn read_processes(&mut self) {
        let name = self.name();
        let mut coming = self.coming.take();
        let mut current = self.current.take();
        let mut leaving = std::mem::take(&mut self.leaving);
        let all =
            coming.iter_mut().chain(&mut current).chain(leaving.iter_mut().map(|it| &mut it.0));
        let mut messages = Vec::new();
        for process in all {
            log_output(&name, process);
            let id = process.id;
            for _ in 0..MESSAGES_AT_ONCE_MAX {
                let Some(message) = process.next_message() else { break };
                let ended = message == ControlMessage::Ended;
                messages.push((id, message));
                if ended {
                    // What it printed last.
                    log_output(&name, process);
                    break;
                }
            }
        }
        (self.coming, self.current, self.leaving) = (coming, current, leaving);
        for (id, message) in messages {
            let serves = self.current.as_ref().is_some_and(|current| current.id == id);
            match message {
                ControlMessage::Serves(description) => self.on_serves(id, description),
                ControlMessage::CannotLoad(reason) => {
                    log::error!(
                        "{name}: every request gets a page with this error until a source changes: {reason}"
                    );
                }
                ControlMessage::LoadsLong(why) => log::warn!("{name}: {why}"),
                ControlMessage::CannotServe(reason) => self.on_cannot_serve(id, reason),
                // Processes that are leaving see changes, too; they have been replaced already.
                ControlMessage::SourceChanged(_) | ControlMessage::WantsReplacement(_)
                    if !serves => {}
                ControlMessage::SourceChanged(path) => {
                    log::info!("{name}: {path} has changed");
                    self.reload();
                }
                ControlMessage::WantsReplacement(why) => {
                    log::info!("{name}: {why}; replacing the process");
                    self.renew();
                }
                ControlMessage::Ended => self.reap(id),
            }
        }
    }

    fn on_serves(&mut self, id: ProcessId, description: String) {
        if self.coming.as_ref().is_none_or(|coming| coming.id != id) {
            return;
        }
        let Some(mut process) = self.coming.take() else { return };
        log::info!("{}: process {} serves", self.name(), process.child.id());
        for (mailbox, link) in self.mailboxes.iter().zip(process.links.drain(..)) {
            post(mailbox, &self.application, ProcessEvent::Serves(Box::new(link)));
        }
        if let Some(old) = self.current.replace(process) {
            for mailbox in &self.mailboxes {
                post(mailbox, &self.application, ProcessEvent::Leaves(old.id));
            }
            old.take_no_more();
            if old.hangs {
                // What waits for a thread of it would wait in vain.
                let taken: Arc<[Token]> = old.take_back().into();
                for mailbox in &self.mailboxes {
                    let event = ProcessEvent::TakenBack(old.id, Arc::clone(&taken));
                    post(mailbox, &self.application, event);
                }
            }
            self.leaving.push((old, Instant::now() + self.application.timeout + LEAVING_MARGIN));
            if self.leaving.len() > LEAVING_MAX {
                self.leaving[0].1 = Instant::now();
            }
        }
        if let Some((number, starter)) = self.starter.take() {
            let _ = starter.send((number, Started::Serves(description)));
        }
        if self.outdated {
            self.renew();
        }
    }

    fn on_cannot_serve(&mut self, id: ProcessId, reason: String) {
        if let Some(mut process) = self.coming.take_if(|coming| coming.id == id) {
            log_output(&self.name(), &mut process);
            let _ = process.reap();
            self.on_failed(reason);
        }
    }

    fn reap(&mut self, id: ProcessId) {
        let name = self.name();
        if let Some(mut process) = self.coming.take_if(|coming| coming.id == id) {
            let (status, _) = process.reap();
            self.on_failed(format!("the process ended before it served: {}", text_of(status)));
        } else if let Some(mut process) = self.current.take_if(|current| current.id == id) {
            let (status, begun) = process.reap();
            log::error!("{name}: process {} has ended: {}", process.child.id(), text_of(status));
            self.application.note_replaced();
            self.post_ended(id, begun.into());
            let pause = self.backoff.after(self.started_at.elapsed());
            self.start_at = Some(Instant::now() + pause);
        } else if let Some(place) = self.leaving.iter().position(|(process, _)| process.id == id) {
            let (mut process, _) = self.leaving.swap_remove(place);
            let (_, begun) = process.reap();
            self.post_ended(id, begun.into());
        }
    }

    fn post_ended(&self, id: ProcessId, begun: Arc<[Token]>) {
        for mailbox in &self.mailboxes {
            post(mailbox, &self.application, ProcessEvent::Ended(id, Arc::clone(&begun)));
        }
    }

    fn name(&self) -> String {
        match self.application.processes {
            1 => self.application.target.clone(),
            _ => format!("{} [{}]", self.application.target, self.number),
        }
    }
}

fn post(mailbox: &Mailbox, application: &Arc<Application>, event: ProcessEvent) {
    if let Err(error) = mailbox.post(Message::Application(Arc::clone(application), event)) {
        log::error!("cannot wake a worker: {error}");
    }
}

fn log_output(name: &str, process: &mut Process) {
    let now = Instant::now();
    for output in &mut process.outputs {
        for (level, line) in output.lines(now) {
            log::log!(level, "{name}: {line}");
        }
    }
}

fn text_of(status: io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// The longest pause before a process is started again, however many have died at once: a client that can
/// crash an application at will must not keep it from others for long.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Messages that are read from one process before the slot does anything else.
const MESSAGES_AT_ONCE_MAX: usize = 16;

/// Processes that have been replaced and have not ended; one more has the oldest killed.
const LEAVING_MAX: usize = 4;

/// With this margin, a request that a leaving process has just begun is answered with 504 before the process is
/// killed, even if the machine is busy.
const LEAVING_MARGIN: Duration = Duration::from_secs(2);

/// How often the slot looks at the memory of its process, where that is bounded.
const MEMORY_LOOK: Duration = Duration::from_secs(1);

/// How often the slot looks whether a process that starts is stopped.
const STOPPED_LOOK: Duration = Duration::from_millis(500);
