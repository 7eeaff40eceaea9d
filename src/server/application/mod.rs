//! Applications that run in processes of their own: started, reached, supervised, ended.
//!
//! Each process has a *slot* ([`slot`]): a thread that starts the process, reads what it prints, replaces it
//! when it dies, hangs or is to be renewed, and reports to the workers. Each worker has its own *link*
//! ([`link`]) to each process: it sends requests and reads responses without a thread in between
//! ([`gateway`]). What the threads of a process do can be seen without asking it ([`scoreboard`]).

pub(crate) mod commands;
pub(crate) mod gateway;
pub(crate) mod link;
pub(crate) mod output;
pub(crate) mod pending;
pub(crate) mod process;
pub(crate) mod scoreboard;
pub(crate) mod slot;

use super::mailbox::Mailbox;
use super::start_error::StartError;
use crate::site::Application;
use commands::{CommandQueue, SlotCommand};
use slot::{ProcessSlot, Started};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The applications of a server, running.
pub(crate) struct Applications {
    slots: Vec<(CommandQueue, JoinHandle<()>)>,
    /// What the processes serve, a line each.
    descriptions: Vec<String>,
}

impl Applications {
    /// Starts all processes and waits until each serves, or until `gives_up` returns true.
    ///
    /// # Errors
    /// Why the first process that fails cannot serve. Nothing is left running then.
    pub(crate) fn start(
        applications: &[Arc<Application>],
        mailboxes: &[Arc<Mailbox>],
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<Applications, StartError> {
        let mut running = Applications { slots: Vec::new(), descriptions: Vec::new() };
        let (sender, started) = mpsc::channel();
        for application in applications {
            for number in 0..application.processes {
                let commands = CommandQueue::new().map_err(StartError::Worker)?;
                let slot = ProcessSlot::new(
                    Arc::clone(application),
                    number,
                    mailboxes.to_vec(),
                    commands.clone(),
                    sender.clone(),
                );
                let name = format!("app-{number}");
                let thread = thread::Builder::new().name(name).spawn(move || slot.run());
                match thread {
                    Ok(thread) => running.slots.push((commands, thread)),
                    Err(error) => {
                        running.stop(Duration::ZERO);
                        return Err(StartError::Worker(error));
                    }
                }
            }
        }
        drop(sender);
        let mut awaited = running.slots.len();
        while awaited > 0 {
            let failure = match started.recv_timeout(ASK_EVERY) {
                Ok(Started::Serves(description)) => {
                    awaited -= 1;
                    if !running.descriptions.contains(&description) {
                        running.descriptions.push(description);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) if !gives_up() => continue,
                Err(RecvTimeoutError::Timeout) => StartError::GivenUp,
                Ok(Started::Failed(reason)) => StartError::Application(reason),
                Err(RecvTimeoutError::Disconnected) => StartError::Application(
                    "the thread that supervises its process has ended".to_owned(),
                ),
            };
            running.stop(Duration::ZERO);
            return Err(failure);
        }
        Ok(running)
    }

    /// What each application serves, and with which Python, for the log.
    pub(crate) fn descriptions(&self) -> &[String] {
        &self.descriptions
    }

    /// The queues of commands to all slots.
    pub(crate) fn commands(&self) -> Vec<CommandQueue> {
        self.slots.iter().map(|(commands, _)| commands.clone()).collect()
    }

    /// Ends all processes. They have `grace` to finish what they serve.
    pub(crate) fn stop(self, grace: Duration) {
        for (commands, _) in &self.slots {
            commands.send(SlotCommand::Stop { grace });
        }
        for (_, thread) in self.slots {
            if thread.join().is_err() {
                log::error!("the thread that supervises a process of an application panicked");
            }
        }
    }
}

/// How often a start asks whether to wait any longer.
const ASK_EVERY: Duration = Duration::from_millis(100);
