//! Applications that run in processes of their own: started, reached, supervised, ended.
//!
//! Each process has a *slot* ([`slot`]), a thread that starts it, reads what it prints, replaces it when
//! it dies, hangs or is to be renewed, and tells the workers. Each worker has its own *link*
//! ([`link`]) to each process: it sends requests and reads answers without a thread in between
//! ([`gateway`]). What the threads of a process do can be seen without asking it ([`scoreboard`]).

pub mod gateway;
pub mod link;
pub mod orders;
pub mod printed;
pub mod process;
pub mod scoreboard;
pub mod slot;

use super::mailbox::Mailbox;
use super::start_error::StartError;
use crate::site::Application;
use orders::{Order, Orders};
use slot::{Slot, Started};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The applications of a server, running.
pub struct Applications {
    slots: Vec<(Orders, JoinHandle<()>)>,
    /// What is told at the start, a line each.
    stories: Vec<String>,
}

impl Applications {
    /// Starts all processes, and waits until each says that it serves, unless it is to give up.
    ///
    /// # Errors
    /// What the first one that cannot serve says of it; nothing is left running then.
    pub fn start(
        applications: &[Arc<Application>],
        mailboxes: &[Arc<Mailbox>],
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<Applications, StartError> {
        let mut running = Applications { slots: Vec::new(), stories: Vec::new() };
        let (sender, started) = mpsc::channel();
        for application in applications {
            for number in 0..application.processes {
                let orders = Orders::new().map_err(StartError::Worker)?;
                let slot = Slot::new(
                    Arc::clone(application),
                    number,
                    mailboxes.to_vec(),
                    orders.clone(),
                    sender.clone(),
                );
                let name = format!("app-{number}");
                let thread = thread::Builder::new().name(name).spawn(move || slot.run());
                match thread {
                    Ok(thread) => running.slots.push((orders, thread)),
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
                Ok(Started::Serves(story)) => {
                    awaited -= 1;
                    if !running.stories.contains(&story) {
                        running.stories.push(story);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Timeout) if !gives_up() => continue,
                Err(RecvTimeoutError::Timeout) => StartError::GivenUp,
                Ok(Started::Failed(reason)) => StartError::Application(reason),
                Err(RecvTimeoutError::Disconnected) => {
                    StartError::Application("a supervising thread has ended".to_owned())
                }
            };
            running.stop(Duration::ZERO);
            return Err(failure);
        }
        Ok(running)
    }

    /// What each application said of itself when it was started.
    pub fn stories(&self) -> &[String] {
        &self.stories
    }

    /// To give orders to all of them.
    pub fn orders(&self) -> Vec<Orders> {
        self.slots.iter().map(|(orders, _)| orders.clone()).collect()
    }

    /// Ends all processes: what they serve may end, for `grace` at most.
    pub fn stop(self, grace: Duration) {
        for (orders, _) in &self.slots {
            orders.give(Order::Stop { grace });
        }
        for (_, thread) in self.slots {
            if thread.join().is_err() {
                log::error!("the supervisor of an application panicked");
            }
        }
    }
}

/// How often somebody is asked whether to wait any longer.
const ASK_EVERY: Duration = Duration::from_millis(100);
