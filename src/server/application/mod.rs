//! Applications that run in processes of their own: started, reached, supervised, ended.
//!
//! Each process has a *slot* ([`slot`]), a thread that starts it, reads what it prints, replaces it when
//! it dies, hangs or is to be renewed, and tells the workers. Each worker has its own *link*
//! ([`link`]) to each process: it sends requests and reads answers without a thread in between
//! ([`gateway`]).

pub mod gateway;
pub mod link;
pub mod orders;
pub mod process;
pub mod slot;

use super::mailbox::Mailbox;
use crate::site::Application;
use orders::{Order, Orders};
use slot::{Slot, Started};
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
    /// Starts all processes, and waits until each says that it serves.
    ///
    /// # Errors
    /// What the first one that cannot serve says of it; nothing is left running then.
    pub fn start(
        applications: &[Arc<Application>],
        mailboxes: &[Arc<Mailbox>],
    ) -> Result<Applications, String> {
        let mut running = Applications { slots: Vec::new(), stories: Vec::new() };
        let (sender, started) = mpsc::channel();
        for application in applications {
            for number in 0..application.processes {
                let orders = Orders::new().map_err(|error| error.to_string())?;
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
                        return Err(format!("cannot start a thread: {error}"));
                    }
                }
            }
        }
        drop(sender);
        for _ in 0..running.slots.len() {
            match started.recv() {
                Ok(Started::Serves(story)) if !running.stories.contains(&story) => {
                    running.stories.push(story);
                }
                Ok(Started::Serves(_)) => {}
                Ok(Started::Failed(reason)) => {
                    running.stop(Duration::ZERO);
                    return Err(reason);
                }
                Err(_) => {
                    running.stop(Duration::ZERO);
                    return Err("a supervising thread has ended".to_owned());
                }
            }
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
