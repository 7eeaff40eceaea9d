//! Reads everything that there is to know of a server, for [`Handle::metrics`](crate::Handle::metrics) and its pages.

use super::board::{Answers, Board};
use crate::server::mailbox::Mailbox;
use crate::server::pool::PoolNumbers;
use crate::server::prepared::Common;
use crate::server::reload::Shared;
use crate::site::Application;
use crate::site::status::families::*;
use crate::site::status::{Metrics, Reading, Refusal, StatusSource};
use crate::sys::self_use::SelfUse;
use crate::sys::trouble::Trouble;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the numbers of a server are.
pub(crate) struct Collector {
    server: Weak<Shared>,
    board: Arc<Board>,
    started: SystemTime,
    taken: OnceLock<SelfUse>,
    /// Changes of what is served: those that failed, and those that did not; and when the last of them was, in seconds
    /// since 1970.
    reloads: [(AtomicU64, AtomicU64); 2],
    /// Asks for the numbers of the rest of the server: other processes, and their supervisor.
    others: OnceLock<AskOthers>,
}

/// Returns the numbers of the rest of the server, if they are known, given those of this process. It waits for a second
/// or two at most.
pub(crate) type AskOthers = Box<dyn Fn(&Metrics) -> Option<Metrics> + Send + Sync>;

/// What the server lends for a reading.
#[derive(Default)]
struct Lent {
    mailboxes: Vec<Arc<Mailbox>>,
    common: Option<Arc<Common>>,
    applications: Vec<Arc<Application>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<crate::server::tls::KeptTls>>,
    is_stopping: bool,
}

impl Collector {
    pub(in crate::server) fn new(server: Weak<Shared>) -> Collector {
        Collector {
            server,
            board: Arc::default(),
            started: SystemTime::now(),
            taken: OnceLock::new(),
            reloads: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; 2],
            others: OnceLock::new(),
        }
    }

    /// Where the workers put their numbers.
    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// What is served was changed, or could not be.
    pub(crate) fn note_reload(&self, has_succeeded: bool) {
        let (count, last) = &self.reloads[usize::from(has_succeeded)];
        count.fetch_add(1, Ordering::Relaxed);
        last.store(seconds(SystemTime::now()) as u64, Ordering::Relaxed);
    }

    /// Whether other processes serve in the place of this one, which ends.
    fn is_replaced(&self) -> bool {
        let Some(server) = self.server.upgrade() else { return false };
        let listeners = {
            let state = server.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.listeners.upgrade()
        };
        listeners.is_some_and(|it| it.are_left_to_others())
    }

    /// When each certificate expires, by the names that it is for.
    #[cfg(feature = "tls")]
    fn add_certificates(lent: &Lent, metrics: &mut Metrics) {
        let now = seconds(SystemTime::now());
        for (names, expires) in lent.tls.iter().flat_map(|tls| tls.expiries()) {
            let expires = seconds(expires);
            let days = ((expires - now) / 86_400.0).floor();
            metrics.add(CERTIFICATE, &[("names", &names)], expires);
            metrics.add(CERTIFICATE_DAYS, &[("names", &names)], days);
        }
    }

    fn borrow(&self) -> Lent {
        let Some(server) = self.server.upgrade() else { return Lent::default() };
        let state = server.state.lock().unwrap_or_else(PoisonError::into_inner);
        Lent {
            mailboxes: state.mailboxes().cloned().collect(),
            common: state.common.clone(),
            applications: state.applications.iter().map(|it| Arc::clone(&it.application)).collect(),
            #[cfg(feature = "tls")]
            tls: state.tls.upgrade(),
            is_stopping: state.is_stopping,
        }
    }

    /// Opens what has to be opened before the process is confined.
    pub(crate) fn prepare(&self) {
        self.taken.get_or_init(SelfUse::open);
    }

    /// Adds the numbers of the rest of the server to what is shown from now on.
    #[cfg(feature = "cli")]
    pub(crate) fn add_others(&self, others: AskOthers) {
        // It is called once.
        let _ = self.others.set(others);
    }

    fn add_process(&self, metrics: &mut Metrics) {
        let version = env!("CARGO_PKG_VERSION");
        metrics.add(BUILD, &[("version", version)], 1.0);
        metrics.add(START, &[], seconds(self.started));
        metrics.count(PROCESSES, &[], 1);
        let taken = self.taken.get_or_init(SelfUse::open).read();
        if let Some(bytes) = taken.memory_bytes {
            metrics.count(MEMORY, &[], bytes);
        }
        if let Some(time) = taken.cpu {
            metrics.add(CPU, &[], time.as_secs_f64());
        }
        if let Some(count) = taken.descriptors {
            metrics.count(DESCRIPTORS, &[], count);
        }
        if let Some(count) = taken.descriptors_max {
            metrics.count(DESCRIPTORS_MAX, &[], count);
        }
        for (trouble, family) in [
            (Trouble::AcceptPaused, ACCEPT_PAUSES),
            (Trouble::ThreadNotGiven, POOL_FAILURES),
            (Trouble::WatchRefused, WATCHES_REFUSED),
            (Trouble::ChangesLost, WATCHES_LOST),
            (Trouble::BodyNotStored, DISK_FAILURES),
            (Trouble::LogLineDropped, LOG_DROPPED),
            (Trouble::ClockStepped, CLOCK_STEPS),
            (Trouble::RootReplaced, ROOTS_REPLACED),
            (Trouble::RootGone, ROOTS_GONE),
            (Trouble::MemoryShort, MEMORY_SHORTAGES),
        ] {
            metrics.count(family, &[], trouble.count());
        }
        for (reason, count) in Refusal::counts() {
            metrics.count(REFUSALS, &[("reason", reason)], count);
        }
    }

    fn add_pools(common: &Common, metrics: &mut Metrics) {
        for (name, pool) in [("disk", &common.disk), ("handlers", &common.handlers)] {
            let PoolNumbers { threads, idle, waiting, threads_max } = pool.numbers();
            let busy = [("pool", name), ("state", "busy")];
            metrics.count(POOL_THREADS, &busy, threads.saturating_sub(idle) as u64);
            metrics.count(POOL_THREADS, &[("pool", name), ("state", "idle")], idle as u64);
            metrics.count(POOL_THREADS_MAX, &[("pool", name)], threads_max as u64);
            metrics.count(POOL_WAITING, &[("pool", name)], waiting as u64);
        }
    }

    fn add_applications(
        applications: &[Arc<Application>],
        answers: &Answers,
        metrics: &mut Metrics,
    ) {
        for application in applications {
            let of_workers = answers.numbers.iter().flat_map(|it| &it.applications);
            let same = of_workers.filter(|it| it.target == application.target);
            // Every worker sees all of them.
            let processes = same.map(|it| it.processes).max().unwrap_or(0);
            let labels = [("application", &*application.target)];
            metrics.count(APPLICATION_PROCESSES, &labels, processes);
            metrics.count(APPLICATION_RESTARTS, &labels, application.replaced());
        }
    }

    /// What this process does.
    pub(crate) fn read_own(&self) -> Reading {
        let lent = self.borrow();
        let answers = self.board.ask(&lent.mailboxes, ANSWER_TIME);
        let mut metrics = answers.past.clone();
        self.add_process(&mut metrics);
        metrics.count(WORKERS, &[], answers.running as u64);
        metrics.count(WORKERS_SILENT, &[], answers.silent.len() as u64);
        for numbers in &answers.numbers {
            numbers.add_to(&mut metrics);
        }
        if let Some(common) = &lent.common {
            Collector::add_pools(common, &mut metrics);
        }
        Collector::add_applications(&lent.applications, &answers, &mut metrics);
        for (outcome, (count, last)) in ["failure", "success"].iter().zip(&self.reloads) {
            let labels = [("outcome", *outcome)];
            metrics.count(RELOADS, &labels, count.load(Ordering::Relaxed));
            match last.load(Ordering::Relaxed) {
                0 => {}
                last => metrics.count(RELOAD_LAST, &labels, last),
            }
        }
        #[cfg(feature = "tls")]
        Collector::add_certificates(&lent, &mut metrics);
        let is_stopping = lent.is_stopping || answers.numbers.iter().any(|it| it.is_stopping);
        let longest = answers.silent.iter().max_by_key(|(_, time)| *time);
        let silent = longest.map(|(worker, time)| {
            format!("worker {worker} has not answered for {:.0} s", time.as_secs_f64().max(1.0))
        });
        let unready = match (is_stopping, answers.running) {
            (true, _) => Some("the server is stopping".to_owned()),
            (false, 0) => Some("no worker serves".to_owned()),
            _ => silent.clone(),
        };
        metrics.count(READY, &[], u64::from(unready.is_none()));
        let stuck = answers.silent.iter().filter(|(_, time)| *time >= STUCK_TIME).count();
        metrics.count(WORKERS_STUCK, &[], stuck as u64);
        let is_stuck = stuck > 0;
        Reading { metrics, unready, stuck: silent.filter(|_| is_stuck) }
    }
}

impl StatusSource for Collector {
    fn read(&self) -> Reading {
        let mut reading = self.read_own();
        let ask = |ask: &AskOthers| ask(&reading.metrics);
        let Some(others) = self.others.get().and_then(ask) else { return reading };
        // These are counted for the whole server.
        let is_replaced = self.is_replaced();
        let own_family: &[usize] =
            if is_replaced { &[RELOADS, RELOAD_LAST, READY] } else { &[RELOADS, RELOAD_LAST] };
        reading.metrics = reading.metrics.without(own_family);
        reading.metrics.add_all(&others);
        let is_ready = reading.metrics.sum(READY) > 0.0;
        reading.unready = match reading.unready.take() {
            // Others serve in its place.
            Some(_) if is_replaced && is_ready => None,
            None if !is_ready => Some("a process of the server does not serve".to_owned()),
            own => own,
        };
        let stuck = reading.metrics.sum(WORKERS_STUCK);
        if reading.stuck.is_none() && stuck > 0.0 {
            reading.stuck = Some(format!("{stuck} workers of other processes take no turns"));
        }
        reading
    }
}

/// Since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// How long a reading waits for workers that are busy.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A worker that has taken no turn for this long will hardly take one again.
const STUCK_TIME: Duration = Duration::from_secs(10);
