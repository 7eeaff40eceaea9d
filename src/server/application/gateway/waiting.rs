//! How long requests wait for a process, who waits no more, and which process hangs.
//!
//! **Waiting is not hanging.** A request that no thread has begun in its time is answered with 503, and no
//! process is to blame. A process is replaced when a request that it *has begun*, which its scoreboard
//! tells, has neither ended nor said anything in its time, or when it leaves requests in its queue although
//! a thread is idle, as a stopped one does. What works for nobody any more takes a thread: that is a reason
//! when somebody waits for one.
//!
//! **A client that has gone gives up its place**, and its request is not begun any more. One that has only
//! said that it will send nothing more may still read: nothing that comes from a closed TCP socket tells it
//! from one that is half closed, until something is written to it. So its request is kept, but behind those
//! of all others, on a thread that would be idle, and no more than [`YIELDED_MAX`] of them wait.

use super::super::link::{Forwarded, Link, Progress};
use super::super::orders::{Order, Why};
use super::{Gateway, Served};
use crate::server::id::ExchangeId;
use crate::server::pool::Yielded;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests that no process has room for.
#[derive(Default)]
pub(super) struct Waiting {
    pub first: VecDeque<Forwarded>,
    /// Those of clients that have closed their half of the connection: after all others.
    pub yielded: VecDeque<Forwarded>,
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.yielded.is_empty()
    }

    fn len(&self) -> usize {
        self.first.len() + self.yielded.len()
    }

    fn take_out(&mut self, id: ExchangeId) -> Option<Forwarded> {
        [&mut self.first, &mut self.yielded].into_iter().find_map(|queue| {
            let place = queue.iter().position(|exchange| exchange.id == id)?;
            queue.remove(place)
        })
    }
}

/// What a request is whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestExpired {
    /// It was begun later than it was sent, and has until then.
    NotYet(Instant),
    /// No thread has begun it.
    InQueue,
    /// Its process has begun it and says nothing, or takes no requests.
    Hangs,
}

impl Gateway {
    /// The time of a request is over, as far as its connection knows. Unless it has more, nobody waits
    /// for it any more.
    pub fn expire(&mut self, id: ExchangeId, now: Instant) -> RequestExpired {
        for served in &mut self.served {
            let timeout = served.application.timeout;
            let holds = |exchange: &Forwarded| exchange.id == id;
            if served.waiting.first.iter().chain(&served.waiting.yielded).any(holds) {
                served.report_busy(now);
                served.waiting.take_out(id);
                return RequestExpired::InQueue;
            }
            let mut links = served.links.iter().enumerate();
            let found = links.find_map(|(place, link)| Some((place, link.unanswered(id)?)));
            let Some((place, number)) = found else { continue };
            let expired = served.links[place].judge(number, self.reactor, now, timeout);
            if expired == RequestExpired::InQueue {
                served.report_busy(now);
            }
            if !matches!(expired, RequestExpired::NotYet(_)) {
                served.links[place].give_up(number, self.reactor, now + timeout);
            }
            return expired;
        }
        RequestExpired::InQueue
    }

    /// The client of a request has gone: it is not begun any more, and what is said of it is dropped.
    pub fn withdraw(&mut self, id: ExchangeId, now: Instant) {
        for served in &mut self.served {
            let timeout = served.application.timeout;
            if served.waiting.take_out(id).is_some() {
                return;
            }
            for link in &mut served.links {
                if let Some(number) = link.unanswered(id) {
                    return link.give_up(number, self.reactor, now + timeout);
                }
            }
        }
    }

    /// The client of a request will send nothing more, and may have gone: others come first.
    pub fn yield_place(&mut self, id: ExchangeId) -> Yielded {
        for served in &mut self.served {
            let waiting = &mut served.waiting;
            let Some(place) = waiting.first.iter().position(|exchange| exchange.id == id) else {
                continue;
            };
            if waiting.yielded.len() >= YIELDED_MAX {
                return Yielded::Refused;
            }
            waiting.yielded.extend(waiting.first.remove(place));
            break;
        }
        Yielded::Kept
    }

    /// Once a second or so: sees what has begun, and finds processes that hang although nobody's time
    /// tells it.
    pub fn look(&mut self, now: Instant) {
        for index in 0..self.served.len() {
            let served = &mut self.served[index];
            let (timeout, stream_timeout) =
                (served.application.timeout, served.application.stream_timeout);
            let mut somebody_waits = !served.waiting.is_empty();
            for link in &mut served.links {
                link.read_scoreboard(self.reactor, now, timeout);
                somebody_waits |= link.pending.values().any(|it| it.progress.is_unanswered());
            }
            for link in &mut served.links {
                link.hangs_until = link.hangs_until.filter(|until| *until > now);
                if let Some(why) = link.hangs(now, timeout, stream_timeout, somebody_waits) {
                    link.replace(why, now + timeout);
                }
                if link.takes_nothing(now, timeout) {
                    link.replace(Why::TakesNothing, now + timeout);
                }
            }
            self.dispatch(index);
        }
    }
}

impl Served {
    /// Says why a request found no thread, once a second at most.
    fn report_busy(&mut self, now: Instant) {
        if self.reported_at.is_some_and(|at| now < at + REPORT_EVERY) {
            return;
        }
        self.reported_at = Some(now);
        let pending = || self.links.iter().flat_map(|link| link.pending.values());
        let sent = pending().filter(|it| matches!(it.progress, Progress::Sent)).count();
        let slow = pending().filter(|it| it.progress.waits_for_client()).count();
        let waiting = self.waiting.len() + sent;
        let target = &self.application.target;
        let threads = self.links.len() * self.application.threads;
        let time = self.application.timeout;
        let busy = match (threads, slow) {
            (0, _) => "no process serves".to_owned(),
            (_, 0) => format!("all {threads} threads are busy"),
            _ => format!(
                "all {threads} threads are busy, {slow} of them with answers that their clients are \
                 slow to read"
            ),
        };
        log::error!(
            "{target}: {busy}, {waiting} wait: 503 after {time:?} (see processes, threads)"
        );
    }
}

impl Link {
    /// The number of a request of this connection whose answer somebody waits for.
    fn unanswered(&self, id: ExchangeId) -> Option<u64> {
        let mut pending = self.pending.iter();
        let is = |it: &super::Pending| it.exchange.id == id && it.progress.is_unanswered();
        pending.find_map(|(number, pending)| is(pending).then_some(*number))
    }

    /// What a request is whose time is over; orders another process if this one hangs.
    fn judge(
        &mut self,
        number: u64,
        reactor: usize,
        now: Instant,
        timeout: Duration,
    ) -> RequestExpired {
        self.read_scoreboard(reactor, now, timeout);
        let pending = self.pending.get(&number);
        match pending.map(|pending| (&pending.progress, pending.deadline)) {
            Some((Progress::Begun, Some(deadline))) if deadline > now => {
                RequestExpired::NotYet(deadline)
            }
            Some((Progress::Begun, _)) => {
                self.replace(Why::Timeout(timeout), now + timeout);
                RequestExpired::Hangs
            }
            _ if self.takes_nothing(now, timeout) => {
                self.replace(Why::TakesNothing, now + timeout);
                RequestExpired::Hangs
            }
            _ => RequestExpired::InQueue,
        }
    }

    /// Sees which requests have begun. Their time begins when that is seen.
    fn read_scoreboard(&mut self, reactor: usize, now: Instant, timeout: Duration) {
        if self.pending.values().all(|pending| pending.progress.has_begun()) {
            self.idle_since = None;
            return;
        }
        let threads = match self.scoreboard.threads() {
            Ok(threads) => threads,
            Err(error) => return log::error!("reading what an application does: {error}"),
        };
        for token in threads.iter().flatten().filter(|token| token.first() == reactor as u64) {
            let Some(pending) = self.pending.get_mut(&token.second()) else { continue };
            if !pending.progress.has_begun() {
                pending.deadline = Some(now + timeout);
                pending.progress = match pending.progress {
                    Progress::Withdrawn => Progress::GivenUp,
                    _ => Progress::Begun,
                };
            }
        }
        // Requests are taken in their order, so that the oldest tells: of others some are always just
        // being taken.
        let pending = self.pending.iter().filter(|(_, it)| !it.progress.has_begun());
        let oldest = pending.map(|(number, _)| *number).min();
        self.idle_since = match oldest.filter(|_| threads.contains(&None)) {
            Some(number) => {
                let same = self.idle_since.filter(|(_, before)| *before == number);
                same.or(Some((now, number)))
            }
            None => None,
        };
    }

    /// Whether it leaves requests where they are, for so long that a busy machine is no reason.
    fn takes_nothing(&self, now: Instant, timeout: Duration) -> bool {
        self.idle_since
            .is_some_and(|(since, _)| now.saturating_duration_since(since) >= timeout / 2)
    }

    /// Why a thread of it is lost for others, if one is. Moves the deadlines of what waits for its client.
    fn hangs(
        &mut self,
        now: Instant,
        timeout: Duration,
        stream_timeout: Duration,
        somebody_waits: bool,
    ) -> Option<Why> {
        let mut why = None;
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        for pending in self.pending.values_mut() {
            match &pending.progress {
                Progress::Streaming(feeder)
                    if feeder.is_abandoned() && !is_over(pending.deadline) =>
                {
                    pending.progress = Progress::GivenUp;
                    pending.deadline = Some(now + timeout);
                }
                progress if progress.waits_for_client() => {
                    pending.deadline = Some(now + stream_timeout);
                }
                Progress::Streaming(_) if is_over(pending.deadline) => {
                    why = Some(Why::StreamTimeout(stream_timeout));
                }
                Progress::GivenUp if somebody_waits && is_over(pending.deadline) => {
                    why = Some(Why::Timeout(timeout));
                }
                Progress::Streaming(_) | Progress::GivenUp => {}
                // The connection that waits for it has an eye on it.
                Progress::Sent | Progress::Begun | Progress::Withdrawn => {}
            }
        }
        why
    }

    /// Nobody waits for it any more.
    fn give_up(&mut self, number: u64, reactor: usize, deadline: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.deadline = Some(deadline);
        if pending.progress.has_begun() {
            pending.progress = Progress::GivenUp;
        } else {
            pending.progress = Progress::Withdrawn;
            let is_withdrawn = |it: &Progress| matches!(it, Progress::Withdrawn);
            let pending = self.pending.iter();
            let withdrawn = pending.filter(|(_, it)| is_withdrawn(&it.progress));
            let numbers: Vec<u64> = withdrawn.map(|(number, _)| *number).collect();
            if let Err(error) = self.scoreboard.withdraw(reactor, &numbers) {
                log::error!("withdrawing a request from an application: {error}");
            }
        }
    }

    fn replace(&mut self, why: Why, until: Instant) {
        self.hangs_until = Some(until);
        self.orders.give(Order::Replace { process: self.process, why });
    }
}

/// Requests of clients that may have gone that wait; one more is answered with 503.
pub(super) const YIELDED_MAX: usize = 128;

const REPORT_EVERY: Duration = Duration::from_secs(1);
