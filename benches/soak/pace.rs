//! When clients work and when they rest: all at once while something is measured, and each between two rounds while the
//! CPU time that is allowed is used up.

use crate::support::process::Process;
use std::fs;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Pace {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    clients: usize,
    resting: usize,
    is_measured: bool,
    is_held: bool,
    is_over: bool,
}

impl Pace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One client more.
    pub fn enter(&self) {
        self.state().clients += 1;
    }

    /// One client less.
    pub fn leave(&self) {
        self.state().clients -= 1;
        self.changed.notify_all();
    }

    /// Everybody ends.
    pub fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    pub fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Between two rounds: waits while clients are to rest. `false`: it is over.
    pub fn next(&self) -> bool {
        let mut state = self.state();
        state.resting += 1;
        self.changed.notify_all();
        while (state.is_measured || state.is_held) && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.resting -= 1;
        !state.is_over
    }

    /// Within a round: whether it may go on with its connection.
    pub fn goes_on(&self) -> bool {
        let state = self.state();
        !state.is_measured && !state.is_held && !state.is_over
    }

    /// Sleeps for so long, unless everybody is to rest.
    pub fn sleep(&self, time: Duration) {
        let state = self.state();
        let _ = self
            .changed
            .wait_timeout_while(state, time, |state| !state.is_measured && !state.is_over);
    }

    /// Does this while all clients rest.
    pub fn at_rest<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        state.is_measured = true;
        self.changed.notify_all();
        let rests = |state: &mut State| state.resting < state.clients;
        let (waited, result) = self
            .changed
            .wait_timeout_while(state, PATIENCE, rests)
            .unwrap_or_else(PoisonError::into_inner);
        state = waited;
        if result.timed_out() {
            println!("{} of {} clients rest", state.resting, state.clients);
        }
        drop(state);
        thread::sleep(SETTLING);
        let done = work();
        self.state().is_measured = false;
        self.changed.notify_all();
        done
    }
}

/// Holds the clients whenever they and the program have taken more than so much of a CPU.
pub fn bound(pace: &Pace, process: Process, percent: f64) {
    let per_second = ticks_per_second() * percent / 100.0;
    let used = || own_ticks() + tree(process).into_iter().map(ticks).sum::<f64>();
    let (mut last, mut debt) = (used(), 0.0_f64);
    let mut at = Instant::now();
    while !pace.is_over() {
        thread::sleep(LOOK_INTERVAL);
        let (now, then) = (used(), at);
        at = Instant::now();
        // Processes that end take their ticks along until their parent has waited for them.
        debt += (now - last).max(0.0) - per_second * (at - then).as_secs_f64();
        debt = debt.max(-per_second);
        last = now;
        pace.state().is_held = debt > 0.0;
        pace.changed.notify_all();
    }
}

/// A process and its descendants.
pub fn tree(process: Process) -> Vec<Process> {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        next += 1;
        for task in fs::read_dir(parent.path("task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|id| id.parse().ok()).map(Process));
        }
    }
    all
}

/// What it and the children that it has waited for have used, in clock ticks.
fn ticks(process: Process) -> f64 {
    let stat = fs::read_to_string(process.path("stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    // proc(5): utime, stime, cutime and cstime are the 14th to 17th field.
    rest.split_whitespace().skip(11).take(4).filter_map(|it| it.parse::<f64>().ok()).sum()
}

fn own_ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    rest.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum()
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the longest round may take to end.
const PATIENCE: Duration = Duration::from_secs(40);

/// From the last request until something is measured.
const SETTLING: Duration = Duration::from_millis(700);
