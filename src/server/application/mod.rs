//! Applications that run in processes of their own: started, reached, supervised, ended.
//!
//! Each process has a *slot* ([`slot`]): a thread that starts the process, reads what it prints, replaces it
//! when it dies, hangs or is to be renewed, and reports to the workers. Each worker has its own *link*
//! ([`link`]) to each process: it sends requests and reads responses without a thread in between
//! ([`gateway`]). What the threads of a process do can be seen without asking it ([`scoreboard`]).

pub(crate) mod commands;
pub(crate) mod gateway;
pub(crate) mod launch;
pub(crate) mod link;
pub(crate) mod output;
pub(crate) mod pending;
pub(crate) mod process;
pub(crate) mod scoreboard;
pub(crate) mod slot;
mod sources;

use super::mailbox::Mailbox;
use super::start_error::StartError;
use crate::site::Application;
use commands::{CommandQueue, SlotCommand};
use slot::{ProcessSlot, Started};
use sources::Sources;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// An application whose processes run. They end when nobody has it any more: a [`Setup`](super::context::Setup) has it, so
/// that an exchange which began by an older setup still finds its application.
pub(crate) struct RunningApplication {
    pub(crate) application: Arc<Application>,
    /// The workers that its processes have links to.
    mailboxes: Arc<[Arc<Mailbox>]>,
    commands: Vec<CommandQueue>,
    /// What it serves, a line for each process that says something else.
    descriptions: Vec<String>,
    /// What its processes have loaded.
    sources: Sources,
}

/// The thread of a slot, which ends when all of its processes have.
pub(crate) struct SlotThread {
    commands: CommandQueue,
    thread: JoinHandle<()>,
}

/// Applications that have just started.
#[derive(Default)]
pub(crate) struct StartedApplications {
    pub(crate) running: Vec<Arc<RunningApplication>>,
    pub(crate) threads: Vec<SlotThread>,
}

impl StartedApplications {
    /// Starts all processes and waits until each serves, or until `gives_up` returns true.
    ///
    /// # Errors
    /// Why the first process that fails cannot serve. Nothing is left running then.
    pub(crate) fn start(
        applications: &[Arc<Application>],
        mailboxes: &Arc<[Arc<Mailbox>]>,
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<StartedApplications, StartError> {
        let mut begun = Vec::new();
        let mut threads = Vec::new();
        let (sender, started) = mpsc::channel();
        for (index, application) in applications.iter().enumerate() {
            let sources = Sources::of(application);
            let mut commands_of = Vec::new();
            for number in 0..application.processes {
                let result = CommandQueue::new().and_then(|commands| {
                    let slot = ProcessSlot::new(
                        Arc::clone(application),
                        number,
                        mailboxes.to_vec(),
                        commands.clone(),
                        (index, sender.clone()),
                    );
                    let name = format!("app-{number}");
                    let thread = thread::Builder::new().name(name).spawn(move || slot.run())?;
                    Ok(SlotThread { commands, thread })
                });
                match result {
                    Ok(thread) => {
                        commands_of.push(thread.commands.clone());
                        threads.push(thread);
                    }
                    Err(error) => {
                        stop(threads, Duration::ZERO);
                        return Err(StartError::Worker(error));
                    }
                }
            }
            begun.push((sources, commands_of, Vec::<String>::new()));
        }
        drop(sender);
        let mut awaited = threads.len();
        while awaited > 0 {
            let failure = match started.recv_timeout(ASK_EVERY) {
                Ok((index, Started::Serves(description))) => {
                    awaited -= 1;
                    if let Some((_, _, descriptions)) = begun.get_mut(index)
                        && !descriptions.contains(&description)
                    {
                        descriptions.push(description);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) if !gives_up() => continue,
                Err(RecvTimeoutError::Timeout) => StartError::GivenUp,
                Ok((_, Started::Failed(reason))) => StartError::Application(reason),
                Err(RecvTimeoutError::Disconnected) => StartError::Application(
                    "the thread that supervises its process has ended".to_owned(),
                ),
            };
            stop(threads, Duration::ZERO);
            return Err(failure);
        }
        let running = applications.iter().zip(begun).map(|(application, begun)| {
            let (sources, commands, descriptions) = begun;
            Arc::new(RunningApplication {
                application: Arc::clone(application),
                mailboxes: Arc::clone(mailboxes),
                commands,
                descriptions,
                sources,
            })
        });
        Ok(StartedApplications { running: running.collect(), threads })
    }
}

impl RunningApplication {
    /// What its processes serve, and with which Python, for the log.
    pub(crate) fn descriptions(&self) -> &[String] {
        &self.descriptions
    }

    /// The queues of commands to its slots.
    pub(crate) fn commands(&self) -> &[CommandQueue] {
        &self.commands
    }

    /// Whether its processes can serve this application for these workers: the same is configured, and its sources are
    /// what they were.
    pub(crate) fn serves(&self, application: &Application, mailboxes: &[Arc<Mailbox>]) -> bool {
        let has_link = |(own, theirs)| Arc::ptr_eq(own, theirs);
        self.application.is_same(application)
            && self.mailboxes.len() >= mailboxes.len()
            && self.mailboxes.iter().zip(mailboxes).all(has_link)
            && self.sources.are_unchanged()
    }
}

impl Drop for RunningApplication {
    fn drop(&mut self) {
        // No exchange has a request there: each has kept its setup.
        for commands in &self.commands {
            commands.send(SlotCommand::Stop { grace: GRACE });
        }
    }
}

impl SlotThread {
    /// Gives the slot something to do.
    pub(crate) fn send(&self, command: SlotCommand) {
        self.commands.send(command);
    }

    /// Whether all processes of the slot have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Ends all processes of these slots. They have `grace` to finish what they serve.
pub(crate) fn stop(slots: Vec<SlotThread>, grace: Duration) {
    for slot in &slots {
        slot.commands.send(SlotCommand::Stop { grace });
    }
    for slot in slots {
        if slot.thread.join().is_err() {
            log::error!("the thread that supervises a process of an application panicked");
        }
    }
}

/// How long processes have to end once nobody has their application any more, or all workers have ended.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How often a start asks whether to wait any longer.
const ASK_EVERY: Duration = Duration::from_millis(100);
