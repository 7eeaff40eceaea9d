//! What clients count: requests, and what failed and why.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    kinds: BTreeMap<&'static str, Kind>,
    kills: Vec<Killed>,
    /// The first failures that nothing explains.
    examples: Vec<String>,
}

#[derive(Default)]
struct Kind {
    requests: u64,
    connections: u64,
    /// Requests that a server has said it did not look at, so that they are sent again (RFC 9113 §8.7).
    repeated: u64,
    explained: u64,
    failed: u64,
}

/// A process that was killed.
struct Killed {
    at: Instant,
    /// The ports of the clients that it had.
    ports: HashSet<u16>,
}

thread_local! {
    /// The connections of the round that runs on this thread.
    static CONNECTIONS: RefCell<Vec<(u16, Instant)>> = const { RefCell::new(Vec::new()) };
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
    static REPEATED: Cell<u64> = const { Cell::new(0) };
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A connection of this round, with the port on the client's side.
pub fn connected(port: u16) {
    CONNECTIONS.with_borrow_mut(|all| all.push((port, Instant::now())));
}

/// A request was answered as it must be.
pub fn answered() {
    REQUESTS.set(REQUESTS.get() + 1);
}

/// A request has to be sent again.
pub fn repeated() {
    REPEATED.set(REPEATED.get() + 1);
}

/// Has clients that panic keep what they say.
pub fn keep_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let is_client = thread::current().name().is_none();
        if !is_client {
            return usual(info);
        }
        PANIC.set(info.to_string());
    }));
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a round of a client. `false`: it has failed.
    pub fn round(&self, kind: &'static str, round: impl FnOnce()) -> bool {
        CONNECTIONS.with_borrow_mut(Vec::clear);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(round));
        let failed_at = Instant::now();
        let connections = CONNECTIONS.take();
        let mut counts = self.counts();
        let is_explained = counts.kills.iter().any(|killed| {
            let had =
                |(port, since): &(u16, Instant)| *since <= killed.at && killed.ports.contains(port);
            killed.at <= failed_at && connections.iter().any(had)
        });
        let entry = counts.kinds.entry(kind).or_default();
        entry.requests += REQUESTS.take();
        entry.repeated += REPEATED.take();
        entry.connections += connections.len() as u64;
        if result.is_ok() {
            return true;
        }
        if is_explained {
            entry.explained += 1;
            return false;
        }
        entry.failed += 1;
        let mut said = PANIC.take();
        let cut = said.char_indices().nth(EXAMPLE_LENGTH_MAX).map_or(said.len(), |(at, _)| at);
        said.truncate(cut);
        // Those that differ in numbers only are shown once.
        let same = without_digits(&said);
        let is_known = counts.examples.iter().any(|it| without_digits(it).ends_with(&same));
        if !is_known && counts.examples.len() < EXAMPLES_MAX {
            let ago = counts.kills.last().map(|it| it.at.elapsed());
            counts.examples.push(format!("{kind}, {ago:.1?} after the last kill: {said}"));
        }
        false
    }

    /// A process with connections of these clients is about to be killed.
    pub fn kills(&self, ports: HashSet<u16>) {
        self.counts().kills.push(Killed { at: Instant::now(), ports });
    }

    fn requests(&self) -> u64 {
        self.counts().kinds.values().map(|it| it.requests).sum()
    }

    /// Waits until so many more requests are answered.
    pub fn goes_on(&self, more: u64) {
        let (wanted, deadline) = (self.requests() + more, Instant::now() + PATIENCE);
        while self.requests() < wanted && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn in_short(&self) -> String {
        let counts = self.counts();
        let sum = |of: fn(&Kind) -> u64| counts.kinds.values().map(of).sum::<u64>();
        format!(
            "{} requests, {} failed, {} ended by kills",
            sum(|it| it.requests),
            sum(|it| it.failed),
            sum(|it| it.explained)
        )
    }

    pub fn problems(&self) -> Vec<String> {
        let counts = self.counts();
        let failed: u64 = counts.kinds.values().map(|it| it.failed).sum();
        let mut problems = counts.examples.clone();
        if failed > 0 {
            problems.push(format!("{failed} requests failed"));
        }
        let idle = counts.kinds.iter().filter(|(_, it)| it.requests == 0);
        problems.extend(idle.map(|(kind, _)| format!("{kind}: not one request was answered")));
        problems
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        writeln!(
            formatter,
            "{:22} {:>10} {:>11} {:>8} {:>14} {:>8}",
            "clients", "requests", "connections", "repeated", "ended by kills", "failed"
        )?;
        for (name, kind) in &counts.kinds {
            let Kind { requests, connections, repeated, explained, failed } = kind;
            writeln!(
                formatter,
                "{name:22} {requests:>10} {connections:>11} {repeated:>8} {explained:>14} {failed:>8}"
            )?;
        }
        drop(counts);
        write!(formatter, "{}", self.in_short())
    }
}

fn without_digits(text: &str) -> String {
    text.chars().map(|it| if it.is_ascii_digit() { '#' } else { it }).collect()
}

const EXAMPLES_MAX: usize = 12;
const EXAMPLE_LENGTH_MAX: usize = 600;
const PATIENCE: Duration = Duration::from_secs(60);
