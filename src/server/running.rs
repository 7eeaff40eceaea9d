//! A server that serves, and the handle that stops it.

use super::access_log::Reopener;
use super::address::{Address, ListenScheme};
use super::application::Applications;
use super::application::commands::{CommandQueue, SlotCommand};
use super::limits::Limits;
use super::listener::Listeners;
use super::mailbox::{Mailbox, Message, NotTaken};
use super::serve_error::ServeError;
use crate::sys::socket;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A server that serves. [`Handle::stop`] ends it, and [`Running::wait`] waits until it has ended.
pub struct Running {
    pub(super) handle: Handle,
    pub(super) listeners: Arc<Listeners>,
    pub(super) limits: Limits,
    pub(super) workers: Vec<JoinHandle<()>>,
    pub(super) applications: Applications,
}

impl Running {
    /// Where it listens, with the actual ports.
    pub fn addresses(&self) -> &[Address] {
        self.listeners.addresses()
    }

    /// What is spoken at each of the addresses.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program shows it"))]
    pub(crate) fn schemes(&self) -> &[ListenScheme] {
        self.listeners.schemes()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The bounds in force: those that it was given, lowered to what this process may have open.
    pub fn limits(&self) -> &Limits {
        &self.limits
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
    #[doc(alias = "join")]
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

/// Stops a server, and hands connections to it. It can be cloned, and kept on any thread.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailboxes: Arc<[Arc<Mailbox>]>,
    pub(super) applications: Arc<[CommandQueue]>,
    /// Weak, so that a handle that is kept does not keep ports taken.
    pub(super) listeners: Weak<Listeners>,
    pub(super) stop_timeout: Duration,
    /// Counts the connections that were handed over, so that each worker has its share.
    pub(super) handed: Arc<AtomicUsize>,
    pub(super) logs: Arc<Reopener>,
}

impl Handle {
    /// Takes no more connections and lets open requests finish, for `stop_timeout` at most. Streams of server-sent
    /// events, which have no end of their own, end at once; browsers connect again.
    #[doc(alias = "shutdown")]
    pub fn stop(&self) {
        let deadline = Instant::now() + self.stop_timeout;
        self.post(|| Message::Stop { deadline });
        // A stopped process could not complete its requests.
        for commands in self.applications.iter() {
            commands.send(SlotCommand::GoOn);
        }
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

    /// Serves a connection from elsewhere: one that a program has accepted itself, that a service manager has accepted
    /// (systemd's `Accept=yes`), or one end of a socket pair. It is like those that the server accepts: workers take
    /// their turn, and [`Limits::connections_max`](crate::Limits::connections_max) counts it; while a worker has no room
    /// for it, it waits.
    ///
    /// The server makes the socket non-blocking, also for other holders of a duplicate of it.
    ///
    /// ```
    /// use httpd::{Request, Response, Server, Site};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let site = Site::new().at("/", |_: &Request<'_>| Response::text("hello\n"));
    /// let server = Server::new(site).listen_nowhere().start()?;
    ///
    /// let (mut client, served) = UnixStream::pair()?;
    /// server.handle().serve(served)?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    /// let mut reply = String::new();
    /// client.read_to_string(&mut reply)?;
    /// assert!(reply.ends_with("\r\n\r\nhello\n"), "{reply}");
    ///
    /// server.handle().stop();
    /// server.wait();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When it is not a connected stream socket, so many connections wait already, or the server has stopped. The
    /// error gives the connection back.
    pub fn serve(&self, connection: impl Into<OwnedFd>) -> Result<(), ServeError> {
        let mut connection = connection.into();
        if let Err(why) = socket::adopt(connection.as_fd()) {
            return Err(ServeError::unfit(connection, why));
        }
        let mut is_full = false;
        let first = self.handed.fetch_add(1, Ordering::Relaxed);
        let count = self.mailboxes.len();
        for place in 0..count {
            match self.mailboxes[first.wrapping_add(place) % count].hand_over(connection) {
                Ok(()) => return Ok(()),
                Err((returned, why)) => {
                    connection = returned;
                    is_full |= why == NotTaken::Full;
                }
            }
        }
        match is_full {
            true => Err(ServeError::full(connection)),
            false => Err(ServeError::stopped(connection)),
        }
    }

    /// Opens the files of the access logs again, at once and without losing a line: for after they were renamed. (A file
    /// that was renamed or removed is noticed within a second anyway.)
    #[doc(alias = "logrotate")]
    pub fn reopen_logs(&self) {
        self.logs.reopen();
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
