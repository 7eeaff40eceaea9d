//! A server that serves, and the handle that stops it.

use super::Server;
use super::address::{Address, ListenScheme};
use super::application;
use super::application::commands::SlotCommand;
#[cfg(feature = "cli")]
use super::background::Reopening;
use super::limits::Limits;
use super::listener::Listeners;
use super::mailbox::{Message, NotTaken, Ping};
#[cfg(feature = "cli")]
use super::metrics::AskOthers;
use super::reload::{ServerState, Shared};
use super::serve_error::ServeError;
use super::start_error::StartError;
#[cfg(feature = "tls")]
use super::tls::TlsNews;
use crate::site::Metrics;
use crate::site::status::StatusSource;
use crate::sys::socket;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A server that serves. [`Handle::stop`] ends it, and [`Running::wait`] waits until it has ended.
pub struct Running {
    pub(super) handle: Handle,
}

impl Running {
    /// Where it listens, with the actual ports.
    pub fn addresses(&self) -> Vec<Address> {
        self.handle.state().addresses.clone()
    }

    /// What is spoken at each of the addresses.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program shows it"))]
    pub(crate) fn schemes(&self) -> Vec<ListenScheme> {
        self.handle.state().schemes.clone()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.handle.state().accepting
    }

    /// The bounds in force: those that it was given, lowered to what this process may have open.
    pub fn limits(&self) -> Limits {
        self.handle.state().limits.clone()
    }

    /// The reports of its applications at their start.
    pub fn applications(&self) -> Vec<String> {
        let state = self.handle.state();
        let all = state.applications.iter().flat_map(|it| it.descriptions());
        let mut reports: Vec<String> = Vec::new();
        for report in all {
            if !reports.contains(report) {
                reports.push(report.clone());
            }
        }
        reports
    }

    /// A handle to stop it from anywhere, or to change what it serves.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until it has stopped.
    #[doc(alias = "join")]
    pub fn wait(self) {
        loop {
            let mut state = self.handle.state();
            let thread = state.seats.iter_mut().find_map(|seat| seat.thread.take());
            drop(state);
            let Some(thread) = thread else { break };
            if thread.join().is_err() {
                log::error!("a worker panicked");
            }
        }
        let slots = self.handle.state().end();
        // Whatever they still do, no worker waits for it.
        application::stop(slots, application::GRACE);
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

/// Stops a server, changes what it serves, and hands connections to it. It can be cloned, and kept on any thread.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// Serves what `server` says from now on: another site, other limits, certificates, addresses, logs, another number of
    /// workers. It returns when all workers have changed.
    ///
    /// No connection is touched, and no client notices anything but what is served. Exchanges under way end as they began.
    /// The next request of each connection, also of one that has been idle, is served by the new site. An address that
    /// stays is listened on without a gap; connections that wait at an address that goes are accepted before it is closed.
    ///
    /// What a worker knows of the files beneath a [`Root`](crate::Root) stays known if the new site has a root with the
    /// same path and the same rules. An application whose configuration and Python files are the same keeps its processes;
    /// another one is started, and serves before its predecessor's processes end, once they have finished their requests.
    ///
    /// ```
    /// use httpd::{Server, Site};
    /// let server = |text: &'static str| {
    ///     Server::new(Site::new().get("/", move |_| text)).listen("127.0.0.1:0")
    /// };
    /// let running = server("old\n").start()?;
    /// let addresses = running.addresses();
    ///
    /// running.handle().reload(server("new\n"))?;
    /// assert_eq!(running.addresses(), addresses);
    ///
    /// running.handle().stop();
    /// running.wait();
    /// # Ok::<(), httpd::StartError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that failed: an address that is taken, an application that does not start, a log that cannot be
    /// opened. Then nothing has changed: everything is prepared before the first worker changes. Also, when the server is
    /// to stop.
    #[doc(alias = "replace")]
    pub fn reload(&self, server: Server) -> Result<(), StartError> {
        let changed = self.shared.change(server, None);
        self.shared.collector.note_reload(changed.is_ok());
        changed
    }

    /// The same on listeners that are bound already, which the server shares with other processes: its share of all
    /// addresses, those that stay included.
    ///
    /// # Errors
    /// As [`Handle::reload`], except for the addresses.
    #[cfg(feature = "cli")]
    pub(crate) fn reload_on(&self, server: Server, listeners: Listeners) -> Result<(), StartError> {
        self.shared.change(server, Some(listeners))
    }

    /// How long open requests may take to end when it stops.
    #[cfg(feature = "cli")]
    pub(crate) fn stop_timeout(&self) -> std::time::Duration {
        self.state().limits.stop_timeout
    }

    /// Takes in what has changed for TLS, for new handshakes.
    #[cfg(feature = "tls")]
    pub(crate) fn take_tls_news(&self, news: &TlsNews) {
        let tls = self.state().tls.upgrade();
        if let Some(tls) = tls
            && let Err(error) = tls.apply(news)
        {
            log::error!("{error}");
        }
    }

    /// Takes no more connections and lets open requests finish, for `stop_timeout` at most. Streams of server-sent
    /// events, which have no end of their own, end at once; browsers connect again.
    #[doc(alias = "shutdown")]
    pub fn stop(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        let deadline = Instant::now() + state.limits.stop_timeout;
        post(&state, || Message::Stop { deadline });
        // A stopped process could not complete its requests.
        for slot in &state.slots {
            slot.send(SlotCommand::GoOn);
        }
    }

    /// Stops, but leaves the listeners open for another process that has them too: it serves the clients that wait
    /// in their queues. Clients with an open connection may send one more request on it, within `stop_timeout`, so that
    /// none is lost that is on its way.
    pub fn retire(&self) {
        if let Some(listeners) = self.state().listeners.upgrade() {
            listeners.leave_to_others();
        }
        self.stop();
    }

    /// Calls this function once each worker has had a turn. It never does if one of them is stuck.
    #[cfg(feature = "cli")]
    pub(crate) fn ask_workers(&self, then: impl Fn() + Send + Sync + 'static) {
        let state = self.state();
        let ping = Arc::new(Ping::new(state.mailboxes().count(), then));
        post(&state, || Message::Ping(Arc::clone(&ping)));
    }

    /// Ends at once and breaks open requests off.
    pub fn stop_now(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        post(&state, || Message::StopNow);
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
        let first = self.shared.handed.fetch_add(1, Ordering::Relaxed);
        let mailboxes: Vec<_> = {
            let state = self.state();
            state.mailboxes().take(state.accepting).map(Arc::clone).collect()
        };
        let count = mailboxes.len();
        for place in 0..count {
            match mailboxes[first.wrapping_add(place) % count].hand_over(connection) {
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
        self.shared.logs.reopen();
    }

    /// The same, for those who want to know what came of it.
    #[cfg(feature = "cli")]
    pub(crate) fn reopen_logs_and_tell(&self) -> Vec<Reopening> {
        self.shared.logs.reopen()
    }

    /// What the server has counted, and what it is doing now. It asks the workers, and waits for them for a second at most:
    /// a worker is not the place to call it, and neither is a handler that runs on one.
    ///
    /// Refusals, and what ran short, are counted for the whole process.
    pub fn metrics(&self) -> Metrics {
        self.shared.collector.read().metrics
    }

    /// Adds the numbers of the rest of the server, where several processes serve.
    #[cfg(feature = "cli")]
    pub(crate) fn add_others(&self, others: AskOthers) {
        self.shared.collector.add_others(others);
    }

    /// The numbers of this process alone.
    #[cfg(feature = "cli")]
    pub(crate) fn own_metrics(&self) -> Metrics {
        self.shared.collector.read_own().metrics
    }

    /// Whether it runs any applications.
    pub fn has_applications(&self) -> bool {
        !self.state().applications.is_empty()
    }

    /// Replaces the processes of all applications. The new ones serve before the old ones end.
    pub fn renew_applications(&self) {
        let state = self.state();
        for commands in state.applications.iter().flat_map(|it| it.commands()) {
            commands.send(SlotCommand::Renew);
        }
    }

    fn state(&self) -> MutexGuard<'_, ServerState> {
        lock(&self.shared.state)
    }
}

fn post(state: &ServerState, message: impl Fn() -> Message) {
    for mailbox in state.mailboxes() {
        if let Err(error) = mailbox.post(message()) {
            log::error!("waking a worker: {error}");
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
