//! The jobs of a pool that no thread has begun, and which of them is next. It must never know of threads.

use super::{RetriedJob, SingleJob, Yielded};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// Names a job, which may be withdrawn until a thread begins it. Jobs are begun in the order of their tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    turn: u64,
    number: u64,
}

/// For whom a job is. One who has many jobs has a turn for each of them, and others have theirs in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub worker: usize,
    pub number: u64,
}

/// The jobs that wait.
#[derive(Default)]
pub(super) struct Queue {
    jobs: BTreeMap<Ticket, Waiting>,
    /// Jobs for clients that may have gone: they come after all others.
    yielded: BTreeMap<Ticket, Waiting>,
    /// Jobs that are called again at a time.
    later: BTreeMap<(Instant, Ticket), RetriedJob>,
    /// The turn of the job that was begun last, …
    turn: u64,
    /// … and the turns of those who have jobs that wait.
    owners: HashMap<Owner, Turns>,
    last_number: u64,
}

/// The jobs of one owner that no thread has begun.
#[derive(Default)]
struct Turns {
    waiting: usize,
    /// The turn of the latest.
    last: u64,
}

/// A job that no thread has begun.
struct Waiting {
    owner: Option<Owner>,
    since: Instant,
    work: Work,
}

pub(super) enum Work {
    Single(SingleJob),
    Retried(RetriedJob),
}

impl Queue {
    /// How many jobs wait, apart from those that have yielded.
    pub(super) fn length(&self) -> usize {
        self.jobs.len()
    }

    /// How many jobs no thread has begun.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.len() + self.yielded.len()
    }

    pub(super) fn add(&mut self, work: Work, owner: Option<Owner>) -> Ticket {
        self.last_number += 1;
        let ticket = Ticket { turn: self.next_turn(owner), number: self.last_number };
        self.jobs.insert(ticket, Waiting { owner, since: Instant::now(), work });
        ticket
    }

    /// The turn of a new job: the next one in which its owner has no other. An owner who comes with one job waits for no
    /// more than one of each of the others.
    fn next_turn(&mut self, owner: Option<Owner>) -> u64 {
        let next = self.turn + 1;
        let Some(owner) = owner else { return next };
        let turns = self.owners.entry(owner).or_default();
        turns.waiting += 1;
        turns.last = next.max(turns.last + 1);
        turns.last
    }

    /// Takes back a job, if it still waits.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<Work> {
        let waiting = self.take_out(ticket).or_else(|| self.yielded.remove(&ticket))?;
        Some(waiting.work)
    }

    /// Lets other jobs go before this one, if it still waits. Refuses when so many have yielded already.
    pub(super) fn yield_place(&mut self, ticket: Ticket, yielded_max: usize) -> Yielded {
        if !self.jobs.contains_key(&ticket) {
            return Yielded::Kept;
        }
        if self.yielded.len() >= yielded_max {
            return Yielded::Refused;
        }
        if let Some(waiting) = self.take_out(ticket) {
            self.yielded.insert(ticket, waiting);
        }
        Yielded::Kept
    }

    fn take_out(&mut self, ticket: Ticket) -> Option<Waiting> {
        let waiting = self.jobs.remove(&ticket)?;
        if let Some(owner) = waiting.owner
            && let Entry::Occupied(mut turns) = self.owners.entry(owner)
        {
            turns.get_mut().waiting -= 1;
            if turns.get().waiting == 0 {
                turns.remove();
            }
        }
        Some(waiting)
    }

    /// Has a job called again at this time.
    pub(super) fn call_again(&mut self, due: Instant, ticket: Ticket, attempts: RetriedJob) {
        self.later.insert((due, ticket), attempts);
    }

    /// When the first of those is to be called again.
    pub(super) fn first_due(&self) -> Option<Instant> {
        self.later.keys().next().map(|(due, _)| *due)
    }

    /// The next job: that whose turn it is, unless another has waited longer since its pause was over. So neither jobs that
    /// are called again and again nor new ones keep the others from their threads.
    pub(super) fn next(&mut self) -> Option<(Ticket, Work)> {
        if let Some(first) = self.later.first_entry() {
            let due = first.key().0;
            let is_next = match self.jobs.first_key_value() {
                Some((_, waiting)) => due < waiting.since,
                None => due <= Instant::now(),
            };
            if is_next {
                let ((_, ticket), attempts) = first.remove_entry();
                return Some((ticket, Work::Retried(attempts)));
            }
        }
        let Some(ticket) = self.jobs.first_key_value().map(|(ticket, _)| *ticket) else {
            return self.yielded.pop_first().map(|(ticket, waiting)| (ticket, waiting.work));
        };
        self.turn = self.turn.max(ticket.turn);
        self.take_out(ticket).map(|waiting| (ticket, waiting.work))
    }

    /// All jobs that wait, apart from those that have yielded, in the order of their tickets.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (Ticket, Work)> + use<> {
        self.owners.clear();
        std::mem::take(&mut self.jobs).into_iter().map(|(ticket, waiting)| (ticket, waiting.work))
    }
}

#[cfg(test)]
impl Queue {
    /// Whether it remembers no owner.
    pub(super) fn knows_nobody(&self) -> bool {
        self.owners.is_empty()
    }
}
