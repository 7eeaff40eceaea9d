//! What one worker holds of one process: the sockets to it, the requests under way there, and what the
//! worker sees of whether the process hangs.

use super::commands::{CommandQueue, ProcessId, SlotCommand, Why};
use super::pending::{Pending, PendingState};
use super::scoreboard::{BegunRequest, Scoreboard};
use crate::server::id::ExchangeId;
use crate::site::pipe::{BACKLOG_BYTES, Drained, Feeder, Outlet, within_worker};
use crate::sys::channel::Channel;
use crate::wsgi::Token;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a slot reports to every worker about its process.
pub(crate) enum ProcessEvent {
    /// The process serves; this is the worker's link to it.
    Serves(Box<Link>),
    /// The process takes no more requests.
    Leaves(ProcessId),
    /// The process takes no more, and did not take these requests.
    TakenBack(ProcessId, Arc<[Token]>),
    /// The process has ended. Its threads began these requests last. Those of them that it has not answered
    /// are lost; any other that it was sent goes to another process.
    Ended(ProcessId, Arc<[Token]>),
}

/// One worker's end of the sockets to one process.
pub(crate) struct Link {
    pub process: ProcessId,
    /// Commands to its slot, which replaces the process when it hangs.
    pub slot: CommandQueue,
    /// Requests of all workers.
    pub requests: Arc<Channel>,
    /// Responses to this worker.
    pub responses: Channel,
    /// Credit for bodies of responses, by thread.
    pub credits: Arc<[Channel]>,
    /// What the threads of the process do.
    pub scoreboard: Arc<Scoreboard>,
    pub state: LinkState,
    /// Requests under way, by the second number of their tokens.
    pub pending: HashMap<u64, Pending>,
    /// Since when every look has found a thread idle although a request waits, and the number of that
    /// request.
    idle_since: Option<(Instant, u64)>,
    /// Until when other processes are preferred, because this one hangs and is about to be replaced.
    hangs_until: Option<Instant>,
}

/// Whether the worker sends new requests over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Open,
    Leaving,
}

/// What became of a request whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestExpired {
    /// A thread began it later than it was sent, and has until then.
    NotYet(Instant),
    /// No thread has begun it.
    InQueue,
    /// Its process has begun it and sends nothing, or takes no requests.
    Hangs,
}

impl Link {
    /// A link without requests.
    pub(crate) fn new(
        process: ProcessId,
        slot: CommandQueue,
        requests: Arc<Channel>,
        responses: Channel,
        credits: Arc<[Channel]>,
        scoreboard: Arc<Scoreboard>,
    ) -> Link {
        Link {
            process,
            slot,
            requests,
            responses,
            credits,
            scoreboard,
            state: LinkState::Open,
            pending: HashMap::new(),
            idle_since: None,
            hangs_until: None,
        }
    }

    /// A pipe for the body of a response. What the client takes is credited to the thread that sends it, so
    /// that the thread never has more than a window of it under way.
    pub(crate) fn pipe(&self, token: Token, thread: usize) -> (Feeder, Outlet) {
        let credits = Arc::clone(&self.credits);
        let mut earned = 0;
        within_worker(Box::new(move |taken| {
            let Some(thread) = credits.get(thread) else { return };
            let credit = match taken {
                Drained::Bytes(bytes) => {
                    earned += bytes;
                    // Small responses never wait for credit, so they get none.
                    if earned < BACKLOG_BYTES {
                        return;
                    }
                    i64::try_from(earned).unwrap_or(i64::MAX)
                }
                Drained::NoMore => -1,
            };
            let mut message = token.0.to_vec();
            message.extend_from_slice(&credit.to_le_bytes());
            // The thread reads a full socket before it waits for credit; until then the credit is kept.
            if thread.send(&message, &[]).is_ok() {
                earned = 0;
            }
        }))
    }

    /// The number of this exchange's request, if it is here and its response has not begun.
    pub(crate) fn unanswered(&self, id: ExchangeId) -> Option<u64> {
        let mut pending = self.pending.iter();
        let is = |it: &Pending| it.exchange.id == id && it.state.is_unanswered();
        pending.find_map(|(number, pending)| is(pending).then_some(*number))
    }

    /// Whether other processes are preferred.
    pub(crate) fn is_hanging(&self) -> bool {
        self.hangs_until.is_some()
    }

    /// Judges a request whose time is over, and has the process replaced if it hangs.
    pub(crate) fn judge(
        &mut self,
        number: u64,
        reactor: usize,
        now: Instant,
        timeout: Duration,
    ) -> RequestExpired {
        self.read_scoreboard(reactor, now, timeout);
        let pending = self.pending.get(&number);
        match pending.map(|pending| (&pending.state, pending.deadline)) {
            Some((PendingState::Begun, Some(deadline))) if deadline > now => {
                RequestExpired::NotYet(deadline)
            }
            Some((PendingState::Begun, _)) => {
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

    /// Sees which requests have begun, and when.
    pub(crate) fn read_scoreboard(&mut self, reactor: usize, now: Instant, timeout: Duration) {
        if self.pending.values().all(|pending| pending.state.has_begun()) {
            self.idle_since = None;
            return;
        }
        let threads = match self.scoreboard.threads() {
            Ok(threads) => threads,
            Err(error) => {
                return log::error!("cannot read the scoreboard of an application: {error}");
            }
        };
        let of_this_worker = |begun: &&BegunRequest| begun.token.first() == reactor as u64;
        for begun in threads.iter().flatten().filter(of_this_worker) {
            let Some(pending) = self.pending.get_mut(&begun.token.second()) else { continue };
            if !pending.state.has_begun() {
                // What a thread writes is no reason to wait for longer than from now on.
                pending.deadline = Some(begun.at.min(now) + timeout);
                pending.state = match pending.state {
                    PendingState::Withdrawn => PendingState::GivenUp,
                    _ => PendingState::Begun,
                };
            }
        }
        // Threads take requests in order, so only the oldest counts: some later ones are always on their
        // way to a thread.
        let pending = self.pending.iter().filter(|(_, it)| !it.state.has_begun());
        let oldest = pending.map(|(number, _)| *number).min();
        self.idle_since = match oldest.filter(|_| threads.contains(&None)) {
            Some(number) => {
                let same = self.idle_since.filter(|(_, before)| *before == number);
                same.or(Some((now, number)))
            }
            None => None,
        };
    }

    /// Has the process replaced if it hangs, and moves the deadlines of what waits for its client.
    pub(crate) fn check(
        &mut self,
        now: Instant,
        timeout: Duration,
        stream_timeout: Duration,
        somebody_waits: bool,
    ) {
        self.hangs_until = self.hangs_until.filter(|until| *until > now);
        if let Some(why) = self.lost_thread(now, timeout, stream_timeout, somebody_waits) {
            self.replace(why, now + timeout);
        }
        if self.takes_nothing(now, timeout) {
            self.replace(Why::TakesNothing, now + timeout);
        }
    }

    /// Whether the process has left requests where they are for so long that a busy machine is no reason.
    fn takes_nothing(&self, now: Instant, timeout: Duration) -> bool {
        self.idle_since
            .is_some_and(|(since, _)| now.saturating_duration_since(since) >= timeout / 2)
    }

    /// Why one of its threads is lost for other requests, if one is.
    fn lost_thread(
        &mut self,
        now: Instant,
        timeout: Duration,
        stream_timeout: Duration,
        somebody_waits: bool,
    ) -> Option<Why> {
        let mut why = None;
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        for pending in self.pending.values_mut() {
            match &pending.state {
                PendingState::Streaming(feeder)
                    if feeder.is_abandoned() && !is_over(pending.deadline) =>
                {
                    pending.state = PendingState::GivenUp;
                    pending.deadline = Some(now + timeout);
                }
                state if state.waits_for_client() => {
                    pending.deadline = Some(now + stream_timeout);
                }
                PendingState::Streaming(_) if is_over(pending.deadline) => {
                    why = Some(Why::StreamTimeout(stream_timeout));
                }
                PendingState::GivenUp if somebody_waits && is_over(pending.deadline) => {
                    why = Some(Why::Timeout(timeout));
                }
                PendingState::Streaming(_) | PendingState::GivenUp => {}
                // The connection that waits for it watches its time.
                PendingState::Sent | PendingState::Begun | PendingState::Withdrawn => {}
            }
        }
        why
    }

    /// Nobody waits for this request any more: the process skips it, or its response is dropped.
    pub(crate) fn give_up(&mut self, number: u64, reactor: usize, deadline: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.deadline = Some(deadline);
        if pending.state.has_begun() {
            pending.state = PendingState::GivenUp;
        } else {
            pending.state = PendingState::Withdrawn;
            let is_withdrawn = |it: &PendingState| matches!(it, PendingState::Withdrawn);
            let pending = self.pending.iter();
            let withdrawn = pending.filter(|(_, it)| is_withdrawn(&it.state));
            let numbers: Vec<u64> = withdrawn.map(|(number, _)| *number).collect();
            if let Err(error) = self.scoreboard.withdraw(reactor, &numbers) {
                log::error!("cannot withdraw a request from an application: {error}");
            }
        }
    }

    fn replace(&mut self, why: Why, until: Instant) {
        self.hangs_until = Some(until);
        self.slot.send(SlotCommand::Replace { process: self.process, why });
    }
}
