//! Who may compare a password now: comparing costs CPU, so that only a few do it at a time, and the others wait.
//!
//! Clients that have not failed lately go before those that have, and one comparison of each client before the second
//! of any; among equals, who came first goes first. It must never know names, passwords, or what is protected.

use crate::site::rules::client_key::ClientKey;
use crate::sys::uptime::uptime;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The comparisons that wait and those that run.
pub(super) struct Turns {
    queue: Mutex<Queue>,
    comparing_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: BTreeMap<Rank, ClientKey>,
    comparing: usize,
    next_number: u64,
    /// How long a comparison took, on average.
    usual_time: Duration,
    failed: Failed,
    warned: Option<Duration>,
}

/// Whose turn comes first, the first first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    has_failed: bool,
    /// How many of the same client waited when it came.
    ahead: usize,
    /// In the order of coming.
    number: u64,
}

/// A comparison that waits or runs, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    rank: Rank,
    until: Duration,
    /// When it began.
    began: Option<Duration>,
}

/// Whether it is somebody's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// It is.
    Yours,
    /// It may be after so long.
    Others(Duration),
    /// It will not be: too many wait.
    Nobodys,
}

impl Turns {
    /// So many compare at a time, and at least one.
    pub(super) fn new(comparing_max: usize) -> Arc<Turns> {
        Arc::new(Turns { queue: Mutex::default(), comparing_max: comparing_max.max(1) })
    }

    /// Begins to wait. `None`: too many wait already, of this client or of all.
    pub(super) fn enter(self: &Arc<Turns>, client: ClientKey) -> Option<Turn> {
        let now = uptime();
        let mut queue = self.lock();
        let ahead = queue.waiting.values().filter(|it| **it == client).count();
        let has_failed = queue.failed.contains(client);
        if ahead >= OF_CLIENT_MAX {
            return None;
        }
        if queue.waiting.len() >= WAITING_MAX {
            // One that has failed makes room for one that has not.
            let last = queue.waiting.last_entry()?;
            if has_failed || !last.key().has_failed {
                return None;
            }
            last.remove();
        }
        let rank = Rank { has_failed, ahead, number: queue.next_number };
        queue.next_number += 1;
        queue.waiting.insert(rank, client);
        drop(queue);
        Some(Turn { turns: Arc::clone(self), rank, until: now + WAIT_MAX, began: None })
    }

    /// A client had a wrong password.
    pub(super) fn note_failure(&self, client: ClientKey) {
        self.lock().failed.add(client, uptime());
    }

    /// Whether to warn that too many wait, which is done once a minute.
    pub(super) fn warns(&self) -> bool {
        let now = uptime();
        let mut queue = self.lock();
        let is_due = queue.warned.is_none_or(|then| now.saturating_sub(then) >= LATELY);
        if is_due {
            queue.warned = Some(now);
        }
        is_due
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Asks whether it is its turn now, which then lasts until this is dropped.
    pub(super) fn ask(&mut self) -> Whose {
        let comparing_max = self.turns.comparing_max;
        let now = uptime();
        let mut queue = self.turns.lock();
        if !queue.waiting.contains_key(&self.rank) {
            return Whose::Nobodys;
        }
        if now >= self.until {
            queue.waiting.remove(&self.rank);
            return Whose::Nobodys;
        }
        let before = queue.waiting.range(..self.rank).count();
        if before < comparing_max.saturating_sub(queue.comparing) {
            queue.waiting.remove(&self.rank);
            queue.comparing += 1;
            self.began = Some(now);
            return Whose::Yours;
        }
        // Asking twice in the time that those before it take costs little and wastes little.
        let rounds = u32::try_from(before / comparing_max + 1).unwrap_or(u32::MAX);
        let pause = queue.usual_time.saturating_mul(rounds) / 2;
        Whose::Others(pause.clamp(PAUSE_MIN, PAUSE_MAX))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.turns.lock();
        match self.began {
            Some(began) => {
                queue.comparing -= 1;
                queue.usual_time = (queue.usual_time * 3 + uptime().saturating_sub(began)) / 4;
            }
            None => {
                queue.waiting.remove(&self.rank);
            }
        }
    }
}

/// The clients that have failed in the last minute or two.
#[derive(Default)]
struct Failed {
    lately: HashSet<ClientKey>,
    before: HashSet<ClientKey>,
    since: Option<Duration>,
}

impl Failed {
    fn contains(&self, client: ClientKey) -> bool {
        let is_recent = |since| uptime().saturating_sub(since) < 2 * LATELY;
        self.since.is_some_and(is_recent)
            && (self.lately.contains(&client) || self.before.contains(&client))
    }

    fn add(&mut self, client: ClientKey, now: Duration) {
        let is_over = self.since.is_none_or(|since| now.saturating_sub(since) >= LATELY);
        if is_over || self.lately.len() >= FAILED_MAX {
            self.before = std::mem::take(&mut self.lately);
            self.since = Some(now);
        }
        self.lately.insert(client);
    }
}

/// How many comparisons of one client wait.
const OF_CLIENT_MAX: usize = 64;

/// How many comparisons wait in all.
const WAITING_MAX: usize = 1024;

/// How long one waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a failure counts.
const LATELY: Duration = Duration::from_secs(60);

/// How many clients that have failed are known at a time; twice.
const FAILED_MAX: usize = 4096;

const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, SocketAddr};

    fn client(number: u32) -> ClientKey {
        ClientKey::of(Some(SocketAddr::new(IpAddr::V4(number.into()), 1)))
    }

    fn enter(turns: &Arc<Turns>, number: u32) -> Turn {
        turns.enter(client(number)).expect("there is room")
    }

    #[test]
    fn who_came_first_goes_first_and_only_a_few_at_a_time() {
        let turns = Turns::new(2);
        let mut all: Vec<Turn> = (0..5).map(|number| enter(&turns, number)).collect();
        assert!(matches!(all[2].ask(), Whose::Others(_)));
        assert!(matches!(all[4].ask(), Whose::Others(_)));
        assert_eq!((all[1].ask(), all[0].ask()), (Whose::Yours, Whose::Yours));
        assert!(matches!(all[2].ask(), Whose::Others(_)));
        drop(all.remove(0));
        assert!(matches!(all[2].ask(), Whose::Others(_)), "one that came before waits");
        assert_eq!(all[1].ask(), Whose::Yours);
    }

    #[test]
    fn one_that_has_failed_waits_behind_all_that_have_not() {
        let turns = Turns::new(1);
        turns.note_failure(client(7));
        let mut failed = enter(&turns, 7);
        let mut other = enter(&turns, 8);
        assert!(matches!(failed.ask(), Whose::Others(_)));
        assert_eq!(other.ask(), Whose::Yours);
        assert!(matches!(failed.ask(), Whose::Others(_)));
        drop(other);
        assert_eq!(failed.ask(), Whose::Yours);
    }

    #[test]
    fn the_crowd_of_one_client_keeps_no_other_waiting() {
        let turns = Turns::new(1);
        let mut crowd: Vec<Turn> = (0..OF_CLIENT_MAX).map(|_| enter(&turns, 1)).collect();
        let mut other = enter(&turns, 2);
        assert_eq!(crowd[0].ask(), Whose::Yours);
        drop(crowd.remove(0));
        assert!(matches!(crowd[0].ask(), Whose::Others(_)));
        assert_eq!(other.ask(), Whose::Yours);
    }

    #[test]
    fn one_that_gives_up_frees_its_place() {
        let turns = Turns::new(1);
        let (first, mut second) = (enter(&turns, 1), enter(&turns, 2));
        assert!(matches!(second.ask(), Whose::Others(_)));
        drop(first);
        assert_eq!(second.ask(), Whose::Yours);
    }

    #[test]
    fn one_client_fills_its_own_places_only() {
        let turns = Turns::new(1);
        let all: Vec<Turn> = (0..OF_CLIENT_MAX).map(|_| enter(&turns, 1)).collect();
        assert!(turns.enter(client(1)).is_none());
        assert!(turns.enter(client(2)).is_some());
        drop(all);
        assert!(turns.enter(client(1)).is_some());
    }

    #[test]
    fn one_that_has_failed_makes_room_for_one_that_has_not() {
        let turns = Turns::new(1);
        let addresses = (WAITING_MAX / OF_CLIENT_MAX) as u32;
        (0..addresses).for_each(|number| turns.note_failure(client(number)));
        let fill = |number| (0..OF_CLIENT_MAX).map(move |_| number);
        let mut all: Vec<Turn> =
            (0..addresses).flat_map(fill).map(|number| enter(&turns, number)).collect();
        turns.note_failure(client(addresses));
        assert!(turns.enter(client(addresses)).is_none(), "it has failed as well");
        let mut new = enter(&turns, addresses + 1);
        assert_eq!(all[WAITING_MAX - 1].ask(), Whose::Nobodys);
        assert_eq!(new.ask(), Whose::Yours);
    }

    #[test]
    fn failures_of_very_many_clients_take_no_more_memory() {
        let mut failed = Failed::default();
        let now = uptime();
        (0..5 * FAILED_MAX as u32).for_each(|number| failed.add(client(number), now));
        assert!(failed.lately.len() + failed.before.len() <= 2 * FAILED_MAX);
        assert!(failed.contains(client(5 * FAILED_MAX as u32 - 1)));
        assert!(!failed.contains(client(0)));
    }
}
