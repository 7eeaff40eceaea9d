//! One application as one worker sees it: the links to its processes, and the requests that wait for one.
//!
//! **Waiting is not hanging.** A request that no thread has begun in its time is answered with 503, and no
//! process is to blame. A process is replaced in three cases: a request that it *has begun*, as its
//! scoreboard shows, sends nothing in its time; it leaves requests in its queue although a thread is idle,
//! as a stopped process does; a thread works for a client that has gone while another request waits for a
//! thread.
//!
//! **A client that has gone gives up its place**, and its request is not begun any more. A client that has
//! only closed its sending half may still read: until the server writes to a TCP socket, a closed peer and a
//! half-closed one look the same. So its request is kept, but it waits behind those of all others for a
//! thread that would be idle, and no more than [`YIELDED_MAX`] such requests wait.

use crate::server::application::link::{Link, LinkState, RequestExpired};
use crate::server::application::pending::{Forwarded, Pending, PendingState};
use crate::server::id::ExchangeId;
use crate::server::metrics::counters::ApplicationNumbers;
use crate::server::pool::Yielded;
use crate::site::Application;
use crate::wsgi::{Token, request};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An application, its links and its waiting requests.
pub(super) struct Upstream {
    pub application: Arc<Application>,
    pub links: Vec<Link>,
    pub waiting: WaitingRequests,
    /// When the log last reported that requests find no thread.
    reported_at: Option<Instant>,
}

/// Requests that no process has room for.
#[derive(Default)]
pub(super) struct WaitingRequests {
    pub first: VecDeque<Forwarded>,
    /// Those of clients that have closed their half of the connection: after all others.
    yielded: VecDeque<Forwarded>,
}

impl Upstream {
    pub(super) fn new(application: Arc<Application>) -> Upstream {
        Upstream {
            application,
            links: Vec::new(),
            waiting: WaitingRequests::default(),
            reported_at: None,
        }
    }

    /// What there is to count.
    pub(super) fn numbers(&self) -> ApplicationNumbers {
        let open = self.links.iter().filter(|link| link.state == LinkState::Open).count();
        let sent: usize = self.links.iter().map(|link| link.pending.len()).sum();
        let waiting = self.waiting.first.len() + self.waiting.yielded.len();
        ApplicationNumbers {
            target: self.application.target.clone(),
            processes: open as u64,
            sent: sent as u64,
            waiting: waiting as u64,
        }
    }

    /// Sends what waits to processes that have room, the one with the fewest requests first. Requests of
    /// clients that may have gone are sent only where a thread would be idle otherwise.
    pub(super) fn dispatch(&mut self, reactor: usize, next_number: &mut u64) {
        let room = self.room();
        while self.dispatch_first(room, reactor, next_number) {}
    }

    /// How many requests a process is given at a time: one for each of its threads, and what it does next.
    /// Where there are several processes, that is one request in all, because what waits in one process
    /// cannot go to another that is free sooner.
    fn room(&self) -> usize {
        let threads = self.application.threads;
        if self.application.processes == 1 { 2 * threads } else { threads + 1 }
    }

    /// Sends one request on. Returns whether another may follow.
    fn dispatch_first(&mut self, room: usize, reactor: usize, next_number: &mut u64) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let (queue, room) = match self.waiting.first.is_empty() {
            false => (&mut self.waiting.first, room),
            true => (&mut self.waiting.yielded, self.application.threads),
        };
        let links = self.links.iter_mut().filter(|link| link.state == LinkState::Open);
        let link = links.min_by_key(|link| (link.is_hanging(), link.pending.len()));
        // What a process that hangs has no thread for waits here for the one that replaces it.
        let room_of = |link: &Link| if link.is_hanging() { self.application.threads } else { room };
        let Some(link) = link.filter(|link| link.pending.len() < room_of(link)) else {
            return false;
        };
        let Some(exchange) = queue.pop_front() else {
            return false;
        };
        let number = *next_number;
        *next_number += 1;
        let mut head = Vec::with_capacity(32);
        request::begin(&mut head, Token::new(reactor as u64, number), reactor);
        let slices = [&head, &exchange.environ, &exchange.body].map(|it| IoSlice::new(it));
        match link.requests.send_slices(&slices, &[]) {
            Ok(()) => {
                let pending = Pending { exchange, state: PendingState::Sent, deadline: None };
                link.pending.insert(number, pending);
                true
            }
            Err(error) if is_closed(&error) => {
                // The process is being replaced; its slot is about to report that.
                link.state = LinkState::Leaving;
                queue.push_front(exchange);
                true
            }
            Err(_) => {
                // The queue of the process is full of other workers' requests, or the kernel is short of
                // memory. The next response to this worker tries again, and so does the next look.
                queue.push_front(exchange);
                false
            }
        }
    }

    /// What became of this exchange's request, whose time is over. `None`: it is not here.
    pub(super) fn expire(
        &mut self,
        id: ExchangeId,
        reactor: usize,
        now: Instant,
    ) -> Option<RequestExpired> {
        let timeout = self.application.timeout;
        if self.waiting.contains(id) {
            self.report_busy(now);
            self.waiting.take_out(id);
            return Some(RequestExpired::InQueue);
        }
        let mut links = self.links.iter().enumerate();
        let (place, number) =
            links.find_map(|(place, link)| Some((place, link.unanswered(id)?)))?;
        // The report counts this request, too, so it is given up only afterwards.
        let expired = self.links[place].judge(number, reactor, now, timeout);
        if expired == RequestExpired::InQueue {
            self.report_busy(now);
        }
        if !matches!(expired, RequestExpired::NotYet(_)) {
            self.links[place].give_up(number, reactor, now + timeout);
        }
        Some(expired)
    }

    /// Drops this exchange's request, whose client has gone. Returns whether it was here.
    pub(super) fn withdraw(&mut self, id: ExchangeId, reactor: usize, now: Instant) -> bool {
        if self.waiting.take_out(id).is_some() {
            return true;
        }
        let timeout = self.application.timeout;
        for link in &mut self.links {
            if let Some(number) = link.unanswered(id) {
                link.give_up(number, reactor, now + timeout);
                return true;
            }
        }
        false
    }

    /// Puts this exchange's request behind all others, because its client may have gone. `None`: it is not
    /// here, or has been sent.
    pub(super) fn yield_place(&mut self, id: ExchangeId) -> Option<Yielded> {
        let place = self.waiting.first.iter().position(|exchange| exchange.id == id)?;
        if self.waiting.yielded.len() >= YIELDED_MAX {
            return Some(Yielded::Refused);
        }
        let exchange = self.waiting.first.remove(place);
        self.waiting.yielded.extend(exchange);
        Some(Yielded::Kept)
    }

    /// Sees which requests have begun, and has processes replaced that hang.
    pub(super) fn look(&mut self, reactor: usize, now: Instant) {
        let Application { timeout, stream_timeout, .. } = *self.application;
        let mut somebody_waits = !self.waiting.is_empty();
        for link in &mut self.links {
            link.read_scoreboard(reactor, now, timeout);
            somebody_waits |= link.pending.values().any(|it| it.state.is_unanswered());
        }
        for link in &mut self.links {
            link.check(now, timeout, stream_timeout, somebody_waits);
        }
    }

    /// Whether requests wait here or are under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.links.iter().any(|link| !link.pending.is_empty())
    }

    /// Logs why a request found no thread, once a second at most.
    fn report_busy(&mut self, now: Instant) {
        if self.reported_at.is_some_and(|at| now < at + REPORT_EVERY) {
            return;
        }
        self.reported_at = Some(now);
        let pending = || self.links.iter().flat_map(|link| link.pending.values());
        let sent = pending().filter(|it| matches!(it.state, PendingState::Sent)).count();
        let slow = pending().filter(|it| it.state.waits_for_client()).count();
        let waiting = self.waiting.len() + sent;
        let target = &self.application.target;
        let threads = self.links.len() * self.application.threads;
        let time = self.application.timeout;
        let busy = match (threads, slow) {
            (0, _) => "no process serves".to_owned(),
            (_, 0) => format!("all {threads} threads are busy"),
            _ => format!(
                "all {threads} threads are busy, {slow} of them with responses that their clients are \
                 slow to read"
            ),
        };
        log::error!(
            "{target}: {busy}, {waiting} wait: 503 after {time:?} (see processes, threads)"
        );
    }
}

impl WaitingRequests {
    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.yielded.is_empty()
    }

    fn len(&self) -> usize {
        self.first.len() + self.yielded.len()
    }

    fn contains(&self, id: ExchangeId) -> bool {
        self.first.iter().chain(&self.yielded).any(|exchange| exchange.id == id)
    }

    fn take_out(&mut self, id: ExchangeId) -> Option<Forwarded> {
        [&mut self.first, &mut self.yielded].into_iter().find_map(|queue| {
            let place = queue.iter().position(|exchange| exchange.id == id)?;
            queue.remove(place)
        })
    }
}

/// Whether the other end of a socket is closed.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected)
}

/// Requests of clients that may have gone that wait; one more is answered with 503.
pub(super) const YIELDED_MAX: usize = 128;

const REPORT_EVERY: Duration = Duration::from_secs(1);
