//! The supervisor of a pool of processes: it binds every listener once, starts the program again
//! for each process, hands the listeners over, and replaces whoever dies. It must never serve, and
//! never wait for anything but all of its processes and signals at once.
//!
//! A listener lives as long as the supervisor: what is queued on those of a process that died is
//! served by the one that takes its place. The supervisor's end of a process' [`Channel`] is the
//! life line of both: the kernel closes it with either of them, whatever ended it.
//!
//! [`Channel`]: crate::sys::channel::Channel

mod child;
pub(crate) mod protocol;
pub mod supervised;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::config::{Config, Source};
use crate::server::backoff::Backoff;
use crate::sys::signal::{Signal, Signals};
use crate::sys::wait::wait_readable;

use crate::program::banner::{self, Told};
use crate::program::cli::Options;
use crate::program::failure::Failure;
use crate::program::signals;
use child::{Child, End, Life, Plan};
use protocol::Order;

/// Serves with several processes until a signal ends it.
///
/// # Errors
/// What kept one of the processes from starting; none is left then.
pub fn serve(options: &Options, source: &Source, config: Config) -> Result<(), Failure> {
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let processes = config.processes;
    // What a process finds there it tells in the log.
    let applications: Vec<String> =
        config.server.applications().iter().map(|it| it.summary()).collect();
    let listeners = config.server.bind(processes).map_err(Failure::at_run_time)?;
    let plan = Plan::new(listeners, source.text(), processes.get())
        .map_err(|error| Failure::at_run_time(format!("cannot start processes: {error}")))?;
    let mut supervisor = Supervisor::new(plan, signals, config.stop_timeout);
    while supervisor.stage == Stage::Starting {
        supervisor.turn();
    }
    if supervisor.stage == Stage::Serving {
        banner::greet(&Told {
            addresses: supervisor.plan.listeners.addresses(),
            processes: processes.get(),
            workers: supervisor.plan.listeners.workers(),
            config: options.config.as_deref(),
            roots: &config.roots,
            note: config.note.as_deref(),
            applications: &applications,
        });
    }
    while !supervisor.has_ended() {
        supervisor.turn();
    }
    supervisor.outcome
}

struct Supervisor {
    plan: Plan,
    signals: Signals,
    stop_timeout: Duration,
    stage: Stage,
    places: Vec<Place>,
    /// At most one in each place that starts or serves, and those that leave.
    children: Vec<Child>,
    /// When it is looked next whether one of them is stopped.
    look_at: Instant,
    outcome: Result<(), Failure>,
}

/// What becomes of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has been told yet that it serves, and the first failure ends it.
    Starting,
    Serving,
    /// Who is left at this time is killed.
    Stopping {
        kill_at: Instant,
    },
}

/// Where one process is to be at any time.
struct Place {
    /// When the next one may be started there.
    due: Instant,
    backoff: Backoff,
}

impl Supervisor {
    fn new(plan: Plan, signals: Signals, stop_timeout: Duration) -> Supervisor {
        let now = Instant::now();
        let place = |_| Place { due: now, backoff: Backoff::default() };
        Supervisor {
            places: (0..plan.processes()).map(place).collect(),
            plan,
            signals,
            stop_timeout,
            stage: Stage::Starting,
            children: Vec::new(),
            look_at: now,
            outcome: Ok(()),
        }
    }

    /// One turn. Signals before ends: who ends because all of us were sent a signal is not to be
    /// replaced.
    fn turn(&mut self) {
        let now = Instant::now();
        for signal in self.signals.pending() {
            self.obey(signal, now);
        }
        let ended: Vec<Child> =
            self.children.extract_if(.., |child| child.hear() == Life::Over).collect();
        for child in ended {
            self.bury(child, now);
        }
        self.replace_the_stopped(now);
        self.fill_places(now);
        self.relieve();
        self.kill_the_late(now);
        if self.stage == Stage::Starting && (0..self.places.len()).all(|place| self.serves(place)) {
            self.stage = Stage::Serving;
        } else if !self.has_ended() {
            self.sleep();
        }
    }

    fn obey(&mut self, signal: Signal, now: Instant) {
        match (signal, self.stage) {
            (Signal::Reload, _) => self.tell_all(Order::Reload),
            (Signal::Reopen, _) => self.tell_all(Order::Reopen),
            (Signal::Upgrade, _) => signals::decline_to_upgrade(),
            (Signal::Stop, Stage::Stopping { .. }) => {
                log::info!("stopping now");
                self.stop(Order::StopNow, now);
            }
            (Signal::Stop, _) => {
                log::info!("stopping when open requests have ended; a second signal stops now");
                self.stop(Order::Stop, now);
            }
        }
    }

    fn stop(&mut self, order: Order, now: Instant) {
        self.tell_all(order);
        for child in &self.children {
            // One that a signal has stopped could not obey, and its requests would be lost.
            child.let_go_on();
        }
        for place in 0..self.places.len() {
            if !self.children.iter().any(|child| child.place == place && child.accepts()) {
                // Nobody is there to do it, and nobody will be.
                self.plan.listeners.end_share(place);
            }
        }
        let timeout = if order == Order::Stop { self.stop_timeout } else { Duration::ZERO };
        self.stage = Stage::Stopping { kill_at: now + timeout + GRACE };
    }

    /// What keeps one from starting would keep the others, too; and half a pool is none.
    fn fail(&mut self, failure: Failure, now: Instant) {
        self.outcome = Err(failure);
        self.stop(Order::StopNow, now);
    }

    fn tell_all(&self, order: Order) {
        for child in &self.children {
            child.tell(order);
        }
    }

    fn bury(&mut self, child: Child, now: Instant) {
        let place = &mut self.places[child.place];
        let End { name, how, served, stage, failure } = child.end();
        match (self.stage, stage) {
            (Stage::Starting, child::Stage::Starting) => {
                let unsaid = || Failure::at_run_time(format!("{name} {how} before it served"));
                self.fail(failure.unwrap_or_else(unsaid), now);
            }
            (Stage::Stopping { .. }, _) | (_, child::Stage::Leaving | child::Stage::Retired) => {
                log::info!("{name} {how}");
            }
            (_, child::Stage::Starting | child::Stage::Serving) => {
                let pause = place.backoff.after(served);
                place.due = now + pause;
                let why = failure.map_or(String::new(), |it| format!(": {}", it.lines.join("; ")));
                log::error!("{name} {how}{why}; another takes its place {}", after(pause));
            }
        }
    }

    /// Whether a process starts or serves there.
    fn is_filled(&self, place: usize) -> bool {
        let fills = |stage| matches!(stage, child::Stage::Starting | child::Stage::Serving);
        self.children.iter().any(|child| child.place == place && fills(child.stage))
    }

    fn serves(&self, place: usize) -> bool {
        let serves = |child: &Child| child.stage == child::Stage::Serving;
        self.children.iter().any(|child| child.place == place && serves(child))
    }

    fn fill_places(&mut self, now: Instant) {
        for place in 0..self.places.len() {
            let is_stopping = matches!(self.stage, Stage::Stopping { .. });
            if is_stopping || self.is_filled(place) || self.places[place].due > now {
                continue;
            }
            match Child::start(&self.plan, place, now) {
                Ok(child) => {
                    log::info!("{child} was started");
                    self.children.push(child);
                }
                Err(error) => {
                    let failure = format!("cannot start process {}: {error}", place + 1);
                    if self.stage == Stage::Starting {
                        self.fail(Failure::at_run_time(failure), now);
                    } else {
                        let pause = self.places[place].backoff.after(Duration::ZERO);
                        log::error!("{failure}; it is tried again {}", after(pause));
                        self.places[place].due = now + pause;
                    }
                }
            }
        }
    }

    /// Newcomers wait in the queues of a process that is stopped, which only another with the same
    /// listeners can empty. The stopped one keeps its requests: once it goes on, it ends them and itself.
    /// One that was stopped while it starts has none, and is killed.
    fn replace_the_stopped(&mut self, now: Instant) {
        if self.stage != Stage::Serving || self.look_at > now {
            return;
        }
        self.look_at = now + LOOK_AFTER;
        for child in &mut self.children {
            let is_starting = child.stage == child::Stage::Starting;
            if !is_starting && child.stage != child::Stage::Serving
                || child.look_whether_stopped(now).is_none_or(|time| time < STOPPED_TIME)
            {
                continue;
            }
            if is_starting {
                log::warn!(
                    "{child} is stopped while it starts, by a signal or a debugger; killing it"
                );
                child.kill();
            } else {
                log::warn!(
                    "{child} is still stopped, by a signal or a debugger; another takes its place"
                );
                child.stage = child::Stage::Leaving;
            }
        }
    }

    /// Lets those go that were told to, once another serves in their place.
    fn relieve(&mut self) {
        for index in 0..self.children.len() {
            let child = &self.children[index];
            if child.stage == child::Stage::Leaving && self.serves(child.place) {
                child.tell(Order::Retire);
                self.children[index].stage = child::Stage::Retired;
            }
        }
    }

    /// Nobody is waited for without end.
    fn kill_the_late(&mut self, now: Instant) {
        let everyone = matches!(self.stage, Stage::Stopping { kill_at } if kill_at <= now);
        for child in &mut self.children {
            let is_late = child.stage == child::Stage::Starting && child.ready_by <= now;
            if everyone || is_late {
                log::error!("{child} takes too long to {}", if everyone { "end" } else { "start" });
                child.kill();
                child.ready_by = now + GRACE;
            }
        }
        if everyone {
            self.stage = Stage::Stopping { kill_at: now + GRACE };
        }
    }

    /// Sleeps until there is something to do.
    fn sleep(&self) {
        let vacant = (0..self.places.len()).filter(|place| !self.is_filled(*place));
        let due = vacant.map(|place| self.places[place].due);
        let starting = self.children.iter().filter(|it| it.stage == child::Stage::Starting);
        let next = match self.stage {
            Stage::Stopping { kill_at } => Some(kill_at),
            Stage::Starting => due.chain(starting.map(|it| it.ready_by)).min(),
            Stage::Serving => due.chain(starting.map(|it| it.ready_by)).chain([self.look_at]).min(),
        };
        let descriptors: Vec<_> = [self.signals.as_fd()]
            .into_iter()
            .chain(self.children.iter().map(AsFd::as_fd))
            .collect();
        let time = next.map(|next| next.saturating_duration_since(Instant::now()));
        if let Err(error) = wait_readable(&descriptors, time) {
            log::error!("waiting for processes: {error}");
            std::thread::sleep(PAUSE);
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Stopping { .. }) && self.children.is_empty()
    }
}

fn after(pause: Duration) -> String {
    if pause.is_zero() { "at once".to_owned() } else { format!("after {pause:?}") }
}

/// How often it is looked whether a process is stopped.
const LOOK_AFTER: Duration = Duration::from_millis(500);

/// A debugger may stop a process for a moment; those who connect wait no longer than this for it, and
/// for another to start.
const STOPPED_TIME: Duration = Duration::from_secs(2);

/// What a process has beyond its own deadline to end.
const GRACE: Duration = Duration::from_secs(5);

/// When not even waiting works.
const PAUSE: Duration = Duration::from_millis(100);
