//! Floor 4: when and how bytes move. mio and the slab live here only.
//!
//! A [`Server`] binds every address, then starts its workers; each worker is a reactor on a thread
//! of its own that shares nothing with the others but the read-only site. In the order of a
//! request: [`listener`], [`worker`], [`connection`], [`wire`], [`exchange`].

pub mod access_log;
pub mod address;
pub mod application;
pub mod background;
pub mod backoff;
pub mod buffers;
pub mod clock;
pub mod connection;
pub mod context;
mod descriptors;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "most of it is for tests"))]
mod driven;
pub mod exchange;
pub mod id;
pub mod jobs;
pub mod limits;
pub mod listener;
pub mod mailbox;
pub mod pool;
pub mod share;
pub mod start_error;
pub mod timers;
pub mod wire;
pub mod worker;

#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
#[doc(hidden)]
pub use driven::connection as fuzz_connection;

pub use access_log::{AccessLog, Format};
pub use address::Address;
pub use limits::Limits;
pub use start_error::StartError;

use crate::files::{CacheLimits, OpenFiles, prepare_spool_directory};
use crate::site::{Application, Site};
pub use crate::sys::socket::SocketAccess;
use application::Applications;
use application::orders::{Order, Orders};
use context::{Setup, Threads, WorkerContext};
use listener::Listeners;
use mailbox::{Mailbox, Message};
use pool::Pool;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use worker::Worker;

/// How many workers, each a reactor on its own thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// As many as there are CPUs that this process may use.
    #[default]
    Auto,
    Count(NonZeroUsize),
}

impl Workers {
    /// How many that is for each of so many processes. Those of [`Workers::Auto`] share the CPUs;
    /// where these cannot be divided evenly, no CPU is left out.
    fn count(self, processes: usize) -> usize {
        match self {
            Workers::Auto => {
                let cpus = thread::available_parallelism().map_or(1, NonZeroUsize::get);
                cpus.div_ceil(processes)
            }
            Workers::Count(count) => count.get(),
        }
    }
}

/// A server that has not started yet.
///
/// ```no_run
/// use httpd::{Request, Response, Root, Server, Site, StaticFiles};
/// let site = Site::new()
///     .at("/", StaticFiles::new(Root::open("public")?))
///     .at("/hello", |_: &Request<'_>| Response::text("hello\n"));
/// Server::new(site).listen("127.0.0.1:8080").run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    site: Site,
    listen: Vec<String>,
    workers: Workers,
    limits: Limits,
    cache: CacheLimits,
    access_log: AccessLog,
    spool_directory: PathBuf,
    socket_access: SocketAccess,
    gives_up: Box<dyn FnMut() -> bool + Send>,
}

impl Server {
    /// A server of this site that listens nowhere yet.
    pub fn new(site: Site) -> Server {
        Server {
            site,
            listen: Vec::new(),
            workers: Workers::default(),
            limits: Limits::default(),
            cache: CacheLimits::default(),
            access_log: AccessLog::default(),
            spool_directory: std::env::temp_dir(),
            socket_access: SocketAccess::default(),
            gives_up: Box::new(|| false),
        }
    }

    /// Listens at one more address; see [`Address::parse`] for how it is written.
    pub fn listen(mut self, address: &str) -> Server {
        self.listen.push(address.to_owned());
        self
    }

    /// How many workers. Default: one per CPU.
    pub fn workers(mut self, workers: Workers) -> Server {
        self.workers = workers;
        self
    }

    /// The bounds in time and number.
    pub fn limits(mut self, limits: Limits) -> Server {
        self.limits = limits;
        self
    }

    /// The bounds of each worker's cache of open files.
    pub fn cache(mut self, cache: CacheLimits) -> Server {
        self.cache = cache;
        self
    }

    /// Where the access log goes. Default: nowhere.
    pub fn access_log(mut self, access_log: AccessLog) -> Server {
        self.access_log = access_log;
        self
    }

    /// Where content of requests goes that is too large for memory, in files without a name.
    /// Default: the directory for temporary files (`TMPDIR`).
    pub fn spool_directory(mut self, directory: impl Into<PathBuf>) -> Server {
        self.spool_directory = directory.into();
        self
    }

    /// Who may connect to its Unix sockets. Default: everyone who can reach the file (mode 0666).
    pub fn socket_access(mut self, access: SocketAccess) -> Server {
        self.socket_access = access;
        self
    }

    /// The applications that it will start.
    pub fn applications(&self) -> Vec<Arc<Application>> {
        self.site.applications()
    }

    /// Asked a few times a second while applications start, which takes as long as they like: whether
    /// to wait no longer. Default: never.
    pub fn give_up_when(mut self, gives_up: impl FnMut() -> bool + Send + 'static) -> Server {
        self.gives_up = Box::new(gives_up);
        self
    }

    /// Starts, and serves until it is stopped. Signals are left to the program: without a handler of
    /// its own, one for `SIGTERM` that calls [`Handle::stop`], say, they end it in the midst of answers.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn run(self) -> Result<(), StartError> {
        self.start()?.wait();
        Ok(())
    }

    /// Starts. When it returns, every address is listened on.
    ///
    /// ```
    /// use httpd::{Request, Response, Server, Site};
    /// let site = Site::new().at("/", |_: &Request<'_>| Response::text("hello\n"));
    /// let server = Server::new(site).listen("127.0.0.1:0").start()?;
    /// println!("http://{}/", server.addresses()[0]);
    /// server.handle().stop();
    /// server.wait();
    /// # Ok::<(), httpd::StartError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that cannot be had; nothing is left running then.
    pub fn start(self) -> Result<Running, StartError> {
        let listeners = self.bind(NonZeroUsize::MIN)?;
        self.start_on(listeners)
    }

    /// Begins to listen, for so many processes that will each [start](Server::start_on) this server
    /// on their share. Nobody is let in yet: who comes waits in the kernel's queues.
    ///
    /// # Errors
    /// The first address that cannot be had, and why; none is listened on then.
    pub fn bind(&self, processes: NonZeroUsize) -> Result<Listeners, StartError> {
        if self.listen.is_empty() {
            return Err(StartError::NoAddress);
        }
        let groups = self
            .listen
            .iter()
            .map(|text| {
                Address::parse(text)
                    .map_err(|reason| StartError::BadAddress { text: text.clone(), reason })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let workers = self.workers.count(processes.get());
        Listeners::open(&groups, self.socket_access, processes.get(), workers)
    }

    /// Starts on listeners that are there already, with the workers that they are for.
    ///
    /// # Errors
    /// As [`Server::start`], but for the addresses.
    pub fn start_on(mut self, listeners: Listeners) -> Result<Running, StartError> {
        let count = listeners.workers();
        let listeners = Arc::new(listeners);
        let applications = self.site.applications();
        descriptors::fit(&mut self.limits, &mut self.cache, count, &applications);
        let Limits { handler_threads_max, handler_queue_max, .. } = self.limits;
        // Applications, which open what is in it, run elsewhere.
        let spool_directory =
            std::path::absolute(&self.spool_directory).unwrap_or(self.spool_directory);
        if let Err(error) = prepare_spool_directory(&spool_directory) {
            log::error!("{error}: what memory does not hold cannot be kept (see TMPDIR)");
        }
        let common = Arc::new(Common {
            site: Arc::new(self.site),
            listeners: Arc::clone(&listeners),
            limits: self.limits,
            cache: self.cache,
            disk: Arc::new(Pool::new("disk", pool::DISK_THREADS_MAX, usize::MAX)),
            handlers: Arc::new(Pool::new("handler", handler_threads_max, handler_queue_max)),
            spool_directory: Arc::from(spool_directory),
        });
        let log = self.access_log.open();
        let log = log.map_err(|error| StartError::access_log(&self.access_log, error))?;
        let prepared = (0..count)
            .map(|number| Prepared::new(number, &common, log.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        drop(log);
        let mailboxes: Arc<[_]> = prepared.iter().map(|one| Arc::clone(&one.mailbox)).collect();
        let applications = common.site.applications();
        let applications = Applications::start(&applications, &mailboxes, &mut self.gives_up)?;
        let handle = Handle {
            mailboxes,
            applications: applications.orders().into(),
            listeners: Arc::downgrade(&listeners),
            stop_timeout: common.limits.stop_timeout,
        };
        let mut running = Running { handle, listeners, workers: Vec::new(), applications };
        for one in prepared {
            match one.spawn() {
                Ok(worker) => running.workers.push(worker),
                Err(error) => {
                    running.handle.stop_now();
                    running.wait();
                    return Err(StartError::Worker(error));
                }
            }
        }
        Ok(running)
    }
}

/// What all workers are given alike; nobody changes it.
struct Common {
    site: Arc<Site>,
    listeners: Arc<Listeners>,
    limits: Limits,
    cache: CacheLimits,
    disk: Arc<Pool>,
    handlers: Arc<Pool>,
    spool_directory: Arc<Path>,
}

/// Everything of a worker that may fail to be had and can cross to its thread; the rest is made
/// there, for it never leaves it.
struct Prepared {
    number: usize,
    poll: mio::Poll,
    mailbox: Arc<Mailbox>,
    log: Option<access_log::LogWriter>,
    common: Arc<Common>,
}

impl Prepared {
    fn new(
        number: usize,
        common: &Arc<Common>,
        log: Option<&access_log::OpenLog>,
    ) -> Result<Prepared, StartError> {
        let log = log.map(access_log::OpenLog::writer);
        let poll = mio::Poll::new().map_err(StartError::Worker)?;
        let waker =
            mio::Waker::new(poll.registry(), worker::MESSAGES).map_err(StartError::Worker)?;
        let mailbox = Arc::new(Mailbox::new(waker));
        Ok(Prepared { number, poll, mailbox, log, common: Arc::clone(common) })
    }

    fn spawn(self) -> std::io::Result<JoinHandle<()>> {
        let name = format!("worker-{}", self.number);
        thread::Builder::new().name(name).spawn(move || {
            let common = self.common;
            let files = OpenFiles::new(common.cache);
            let setup = Setup::new(Arc::clone(&common.site), common.limits.clone());
            let threads = Threads {
                disk: Arc::clone(&common.disk),
                handlers: Arc::clone(&common.handlers),
                mailbox: Arc::clone(&self.mailbox),
                spool_directory: Arc::clone(&common.spool_directory),
            };
            let now = clock::read();
            let cx = WorkerContext::new(setup, files, self.log, threads, self.number, now);
            let listeners = Arc::clone(&common.listeners);
            match Worker::new(self.number, self.poll, self.mailbox, listeners, cx) {
                Ok(worker) => worker.run(),
                Err(error) => log::error!("worker {} cannot start: {error}", self.number),
            }
        })
    }
}

/// A server that serves.
pub struct Running {
    handle: Handle,
    listeners: Arc<Listeners>,
    workers: Vec<JoinHandle<()>>,
    applications: Applications,
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

    /// What its applications said of themselves when they were started.
    pub fn applications(&self) -> &[String] {
        self.applications.stories()
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
        // Nobody waits for what they may still be doing.
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

/// Stops a server; can be kept anywhere and cloned.
#[derive(Clone)]
pub struct Handle {
    mailboxes: Arc<[Arc<Mailbox>]>,
    applications: Arc<[Orders]>,
    /// A handle that is kept must not keep ports taken.
    listeners: Weak<Listeners>,
    stop_timeout: Duration,
}

impl Handle {
    /// Takes no more connections and lets open requests finish, for `stop_timeout` at most.
    pub fn stop(&self) {
        let deadline = Instant::now() + self.stop_timeout;
        self.post(|| Message::Stop { deadline });
    }

    /// The same, but leaves the listeners alone, for another process has them as well: who waits in
    /// their queues is served there.
    pub fn retire(&self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.leave_to_others();
        }
        self.stop();
    }

    /// Ends at once; open requests are cut.
    pub fn stop_now(&self) {
        self.post(|| Message::StopNow);
    }

    /// Whether there are any.
    pub fn has_applications(&self) -> bool {
        !self.applications.is_empty()
    }

    /// Puts new processes in the place of those that run applications: the new ones serve before the
    /// old ones end.
    pub fn renew_applications(&self) {
        for orders in self.applications.iter() {
            orders.give(Order::Renew);
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

/// How long processes of applications have to end once no worker waits for them any more.
const APPLICATION_GRACE: Duration = Duration::from_secs(2);
