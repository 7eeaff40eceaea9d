//! Changes what a server serves while it serves; its start is the change from nothing.
//!
//! Everything that can fail comes first: addresses are bound, the log is opened, applications are started, threads are
//! there. Then the workers are given the new setup, and none of them can refuse it.
//!
//! What is shared for this is what the collector of metrics reads and what a handle stops, and it has a collector: the
//! three import each other.

use super::access_log::{OpenLogs, Reopener};
use super::address::{Address, ListenScheme};
use super::application::{self, RunningApplication, SlotThread, StartedApplications};
use super::descriptors;
use super::encoders::Encoders;
use super::handler_runs::HandlerRuns;
use super::limits::Limits;
use super::listener::{ListenGroup, Listeners};
use super::mailbox::{Mailbox, Message};
use super::memory_watch;
use super::metrics::Collector;
use super::pool::{DISK_THREADS_MAX, Pool};
use super::prepared::{Beginning, Common, Prepared, Waiting};
use super::replacement::{Replacement, SharedSetup};
use super::start_error::StartError;
#[cfg(feature = "tls")]
use super::tls::{KeptTls, TicketSecrets, Tls};
use super::{Server, running::lock};
use crate::files::prepare_spool_directory;
use crate::site::status::StatusSource;
use crate::site::{Application, Site, StatusNames, StatusPages};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the handles of a server share.
pub(super) struct Shared {
    /// Held while the server changes: one change after the other.
    changing: Mutex<()>,
    pub(super) state: Mutex<ServerState>,
    /// Counts the connections that were handed over, so that each worker has its share.
    pub(super) handed: AtomicUsize,
    pub(super) logs: Reopener,
    pub(super) collector: Arc<Collector>,
    /// What is served at addresses for the status of the server.
    status_pages: StatusPages,
    /// The descriptors that the process had open before it served anybody.
    own_descriptors: usize,
}

/// A server as it is.
#[derive(Default)]
pub(super) struct ServerState {
    /// By their numbers. The first ones accept; the others end with their last connections, or have ended.
    pub(super) seats: Vec<Seat>,
    /// How many workers accept.
    pub(super) accepting: usize,
    /// Weak, so that a handle that is kept does not keep ports taken: the workers have them.
    pub(super) listeners: Weak<Listeners>,
    pub(super) addresses: Vec<Address>,
    pub(super) schemes: Vec<ListenScheme>,
    pub(super) limits: Limits,
    pub(super) applications: Vec<Arc<RunningApplication>>,
    /// The slots of these applications, and of those that have not ended yet.
    pub(super) slots: Vec<SlotThread>,
    logs: OpenLogs,
    pub(super) common: Option<Arc<Common>>,
    /// Weak, as the listeners are.
    #[cfg(feature = "tls")]
    pub(super) tls: Weak<KeptTls>,
    /// Whether it stops: it does not change any more.
    pub(super) is_stopping: bool,
}

/// The place of a worker.
pub(super) struct Seat {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) thread: Option<JoinHandle<()>>,
}

/// The workers of a change.
struct Places {
    /// Of all of them, by their numbers.
    mailboxes: Arc<[Arc<Mailbox>]>,
    new: Vec<Prepared>,
    held: Held,
}

/// The workers that stay, held so that none of them ends before it is given its new setup.
struct Held {
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.mailboxes.iter().for_each(|it| it.release());
    }
}

/// Applications that have started for a change that may still fail.
struct Begun {
    applications: StartedApplications,
}

impl Drop for Begun {
    fn drop(&mut self) {
        application::stop(std::mem::take(&mut self.applications.threads), Duration::ZERO);
    }
}

impl Shared {
    pub(super) fn new() -> Arc<Shared> {
        Arc::new_cyclic(|shared| {
            let collector = Arc::new(Collector::new(shared.clone()));
            let status_pages = StatusPages::new();
            status_pages.plug(source(&collector));
            Shared {
                changing: Mutex::default(),
                state: Mutex::default(),
                handed: AtomicUsize::new(0),
                logs: Reopener::default(),
                collector,
                status_pages,
                own_descriptors: descriptors::own(),
            }
        })
    }

    /// Serves what `server` says from now on, on these listeners, or on its own addresses.
    ///
    /// # Errors
    /// The first thing that failed. Then nothing has changed.
    pub(super) fn change(
        &self,
        mut server: Server,
        listeners: Option<Listeners>,
    ) -> Result<(), StartError> {
        let _one_after_the_other = lock(&self.changing);
        let groups = server.groups()?;
        let listeners = Arc::new(self.listeners(&server, &groups, listeners)?);
        let count = listeners.workers();
        let wanted = server.site.applications();
        let (limits, cache) = (&mut server.limits, &mut server.cache);
        descriptors::fit(limits, cache, count, &wanted, self.own_descriptors);
        memory_watch::fit(cache, count);
        let proxies =
            server.proxies.map_err(|(text, reason)| StartError::BadNetwork { text, reason })?;
        #[cfg(feature = "tls")]
        let (tls, certificates) = self.tls(server.tls, server.ticket_secrets)?;
        // Absolute, because applications open its files from another working directory.
        let spool_directory =
            std::path::absolute(&server.spool_directory).unwrap_or(server.spool_directory);
        if let Err(error) = prepare_spool_directory(&spool_directory) {
            log::error!(
                "{error}: request bodies that are too large for memory cannot be stored; set TMPDIR to a writable directory"
            );
        }
        // Those that are open stay so.
        let known_logs = lock(&self.state).logs.clone();
        let logs =
            OpenLogs::open(&server.access_logs, Some(&known_logs)).map_err(|(number, error)| {
                StartError::access_log(&server.access_logs[number], error)
            })?;
        drop(known_logs);
        let common = self.common(&server.limits);
        let Places { mailboxes, new: mut prepared, held } = self.places(count, &common)?;
        let (kept, new) = self.split(&wanted, &mailboxes);
        let mut gives_up = server.gives_up;
        let begun =
            StartedApplications::start(&new, &mailboxes, &mut || gives_up() || self.is_stopping());
        let mut begun = Begun { applications: begun? };
        let waiting = prepared.drain(..).map(Prepared::spawn).collect::<Result<Vec<_>, _>>();
        let mut waiting = waiting.map_err(StartError::Worker)?;
        listeners.listen()?;
        #[cfg(feature = "cli")]
        if let Some(port) = listeners.https_port() {
            server.site.learn_https_port(port);
        }

        let applications: Vec<_> =
            kept.into_iter().chain(begun.applications.running.iter().cloned()).collect();
        let mut names = server.site.all_names();
        names.append(&mut server.status_names);
        let status_pages = self.status_pages.only_for(StatusNames::new(names));
        let status_site = Site::new().at("/", status_pages);
        let is_shown = server.site.plug_status(&source(&self.collector));
        if is_shown || listeners.schemes().contains(&ListenScheme::Status) {
            self.collector.prepare();
        }
        let setup = Arc::new(SharedSetup {
            site: Arc::new(server.site),
            status_site: Arc::new(status_site),
            proxies,
            #[cfg(feature = "tls")]
            tls,
            limits: server.limits,
            request_id: server.request_id,
            cache: server.cache,
            spool_directory: Arc::from(spool_directory),
            applications,
        });
        let mut state = lock(&self.state);
        if state.is_stopping {
            drop(state);
            return Err(StartError::Stopping);
        }
        // Nothing can fail any more.
        #[cfg(feature = "tls")]
        {
            state.tls = setup.tls.as_ref().map_or_else(Weak::new, Arc::downgrade);
            if let (Some(tls), Some(certificates)) = (&setup.tls, certificates) {
                tls.replace(certificates);
            }
        }
        let (done, all_done) = mpsc::channel();
        for number in 0..mailboxes.len() {
            let replacement = Replacement {
                setup: Arc::clone(&setup),
                listeners: Arc::clone(&listeners),
                logs: logs.clone(),
                accepts: number < count,
                done: done.clone(),
            };
            if let Some(place) = waiting.iter().position(|it| it.number == number) {
                let Waiting { mailbox, thread, begin, .. } = waiting.swap_remove(place);
                let beginning = Beginning {
                    setup: Arc::clone(&setup),
                    listeners: Arc::clone(&listeners),
                    logs: logs.clone(),
                };
                // It waits for nothing else.
                let _ = begin.send(beginning);
                let seat = Seat { mailbox, thread: Some(thread) };
                match state.seats.get_mut(number) {
                    Some(old) => *old = seat,
                    None => state.seats.push(seat),
                }
            } else if let Err(error) =
                mailboxes[number].post(Message::Reload(Box::new(replacement)))
            {
                log::error!("waking a worker: {error}");
            }
        }
        common
            .handlers
            .set_bounds(setup.limits.handler_threads_max, setup.limits.handler_queue_max);
        state.accepting = count;
        state.listeners = Arc::downgrade(&listeners);
        state.addresses = listeners.addresses().to_vec();
        state.schemes = listeners.schemes().to_vec();
        state.limits = setup.limits.clone();
        state.slots.retain(|slot| !slot.has_ended());
        state.slots.append(&mut begun.applications.threads);
        let old = std::mem::replace(&mut state.applications, setup.applications.clone());
        self.logs.set(&logs);
        state.logs = logs;
        state.common = Some(common);
        drop(state);
        drop((held, old, done));
        // So that who asked for the change knows that the next request sees it.
        await_workers(&all_done);
        Ok(())
    }

    /// TLS from now on, and the certificates to use for new handshakes once all else is ready. What is there stays: so
    /// sessions go on, also with other certificates.
    #[cfg(feature = "tls")]
    fn tls(
        &self,
        wanted: Option<Tls>,
        secrets: Option<TicketSecrets>,
    ) -> Result<(Option<Arc<KeptTls>>, Option<Tls>), StartError> {
        let Some(wanted) = wanted else { return Ok((None, None)) };
        let known = lock(&self.state).tls.upgrade();
        if known.is_some() {
            return Ok((known, Some(wanted)));
        }
        match KeptTls::start(wanted, secrets) {
            Ok(kept) => Ok((Some(Arc::new(kept)), None)),
            Err(error) => Err(StartError::Tls(error.to_string())),
        }
    }

    fn is_stopping(&self) -> bool {
        lock(&self.state).is_stopping
    }

    /// The listeners from now on; those that are new do not listen yet.
    fn listeners(
        &self,
        server: &Server,
        groups: &[ListenGroup],
        given: Option<Listeners>,
    ) -> Result<Listeners, StartError> {
        let known = lock(&self.state).listeners.upgrade();
        match (given, known) {
            (Some(mut given), known) => {
                given.find_schemes(groups);
                Ok(match known {
                    Some(known) => given.keeping(&known),
                    None => given,
                })
            }
            (None, Some(known)) => {
                server.check_addresses()?;
                let workers = server.workers.count(1);
                known.changed_to(groups, server.socket_access, 1, workers)
            }
            (None, None) => Err(StartError::Stopping),
        }
    }

    /// The threads that all workers share.
    fn common(&self, limits: &Limits) -> Arc<Common> {
        let known = lock(&self.state).common.clone();
        known.unwrap_or_else(|| {
            let Limits { handler_threads_max, handler_queue_max, .. } = *limits;
            Arc::new(Common {
                disk: Arc::new(Pool::new("disk", DISK_THREADS_MAX, usize::MAX)),
                handlers: Arc::new(Pool::new("handler", handler_threads_max, handler_queue_max)),
                status: Arc::new(Pool::new("status", STATUS_THREADS_MAX, STATUS_QUEUE_MAX)),
                board: self.collector.board(),
                encoders: Arc::<Encoders>::default(),
                runs: Arc::<HandlerRuns>::default(),
            })
        })
    }

    /// The mailboxes of all workers by their numbers, those of `count` workers that accept first; and the workers that are
    /// new. Workers that are there stay, also those that were about to end.
    fn places(&self, count: usize, common: &Arc<Common>) -> Result<Places, StartError> {
        let known: Vec<_> =
            lock(&self.state).seats.iter().map(|seat| Arc::clone(&seat.mailbox)).collect();
        let (mut mailboxes, mut prepared) = (Vec::new(), Vec::new());
        let mut held = Held { mailboxes: Vec::new() };
        for number in 0..count.max(known.len()) {
            match known.get(number) {
                Some(mailbox) if mailbox.hold() => {
                    held.mailboxes.push(Arc::clone(mailbox));
                    mailboxes.push(Arc::clone(mailbox));
                }
                // It has ended, and no other is needed.
                Some(mailbox) if number >= count => mailboxes.push(Arc::clone(mailbox)),
                _ => {
                    let new = Prepared::new(number, common)?;
                    mailboxes.push(Arc::clone(&new.mailbox));
                    prepared.push(new);
                }
            }
        }
        Ok(Places { mailboxes: mailboxes.into(), new: prepared, held })
    }

    /// Those of the applications that run already and stay, and those that are to be started.
    fn split(
        &self,
        wanted: &[Arc<Application>],
        mailboxes: &[Arc<Mailbox>],
    ) -> (Vec<Arc<RunningApplication>>, Vec<Arc<Application>>) {
        let mut running = lock(&self.state).applications.clone();
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        for application in wanted {
            match running.iter().position(|it| it.serves(application, mailboxes)) {
                Some(place) => {
                    let same = running.swap_remove(place);
                    application.continue_as(&same.application);
                    kept.push(same);
                }
                None => new.push(Arc::clone(application)),
            }
        }
        (kept, new)
    }
}

impl ServerState {
    /// The mailboxes of all workers that may still be there.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = &Arc<Mailbox>> {
        self.seats.iter().map(|seat| &seat.mailbox)
    }

    /// Lets go of what a server has that has ended.
    pub(super) fn end(&mut self) -> Vec<SlotThread> {
        self.applications.clear();
        self.logs = OpenLogs::default();
        self.common = None;
        std::mem::take(&mut self.slots)
    }
}

/// Waits until all workers have changed. One that is in a handler for long changes when that returns.
fn await_workers(all_done: &mpsc::Receiver<()>) {
    let until = Instant::now() + WORKERS_WAIT;
    while let Err(RecvTimeoutError::Timeout) | Ok(()) =
        all_done.recv_timeout(until.saturating_duration_since(Instant::now()))
    {
        if until <= Instant::now() {
            log::warn!("a worker is busy; it serves by the new configuration as soon as it is not");
            return;
        }
    }
}

fn source(collector: &Arc<Collector>) -> Arc<dyn StatusSource> {
    Arc::<Collector>::clone(collector)
}

/// Threads that ask the workers for their numbers, and requests that may wait for one.
const STATUS_THREADS_MAX: usize = 2;
const STATUS_QUEUE_MAX: usize = 64;

/// How long a change waits for workers.
const WORKERS_WAIT: Duration = Duration::from_secs(10);
