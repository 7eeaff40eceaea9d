//! A server that serves, and the handle that stops it.

use super::address::Address;
use super::application::Applications;
use super::application::commands::{CommandQueue, SlotCommand};
use super::listener::Listeners;
use super::mailbox::{Mailbox, Message};
use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A server that serves. [`Handle::stop`] ends it, and [`Running::wait`] waits until it has ended.
pub struct Running {
    pub(super) handle: Handle,
    pub(super) listeners: Arc<Listeners>,
    pub(super) workers: Vec<JoinHandle<()>>,
    pub(super) applications: Applications,
}

impl Running {
    /// Where it listens, with the actual ports.
    pub fn addresses(&self) -> &[Address] {
        self.listeners.addresses()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The reports of its applications at their start.
    pub fn applications(&self) -> &[String] {
        self.applications.descriptions()
    }

    /// A handle to stop it from anywhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until it has stopped.
    pub fn wait(self) {
        for worker in self.workers {
            if worker.join().is_err() {
                log::error!("a worker panicked");
            }
        }
        // Whatever they still do, no worker waits for it.
        self.applications.stop(APPLICATION_GRACE);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Running")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

/// Stops a server. It can be cloned, and kept on any thread.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(super) applications: Arc<[CommandQueue]>,
    /// Weak, so that a handle that is kept does not keep ports taken.
    pub(super) listeners: Weak<Listeners>,
    pub(super) stop_timeout: Duration,
}

impl Handle {
    /// Takes no more connections and lets open requests finish, for `stop_timeout` at most.
    pub fn stop(&self) {
        let deadline = Instant::now() + self.stop_timeout;
        self.post(|| Message::Stop { deadline });
    }

    /// Stops, but leaves the listeners open for another process that has them too: it serves the clients that wait
    /// in their queues.
    pub fn retire(&self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.leave_to_others();
        }
        self.stop();
    }

    /// Ends at once and breaks open requests off.
    pub fn stop_now(&self) {
        self.post(|| Message::StopNow);
    }

    /// Whether it runs any applications.
    pub fn has_applications(&self) -> bool {
        !self.applications.is_empty()
    }

    /// Replaces the processes of all applications. The new ones serve before the old ones end.
    pub fn renew_applications(&self) {
        for commands in self.applications.iter() {
            commands.send(SlotCommand::Renew);
        }
    }

    fn post(&self, message: impl Fn() -> Message) {
        for mailbox in self.mailboxes.iter() {
            if let Err(error) = mailbox.post(message()) {
                log::error!("waking a worker: {error}");
            }
        }
    }
}

/// How long the processes of applications have to end once all workers have ended.
const APPLICATION_GRACE: Duration = Duration::from_secs(2);
