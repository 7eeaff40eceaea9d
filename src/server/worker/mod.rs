//! The reactor: one turn, in order. It must never know parsing, routing or bodies.
//!
//! `turns` and `reloading` import this file and are imported by it: they have steps of a turn, and what a worker has to
//! remember for them.

mod accepting;
mod applications;
mod handlers;
#[cfg(feature = "tls")]
mod handshakes;
mod kernel;
mod memory;
#[cfg(test)]
mod models;
mod numbers;
mod reloading;
#[cfg(test)]
mod simulation;
mod turns;

pub(crate) use kernel::{Epoll, MESSAGES};

use super::connection::{Connection, Verdict};
use super::context::WorkerContext;
use super::id::{ConnectionId, ExchangeId};
use super::listener::{Accepting, Listeners};
use super::mailbox::{Completion, Mailbox, Message};
use super::metrics::Board;
use super::share::Share;
use super::timers::Timers;
use super::wire::{Edge, Transport};
use crate::site::stream;
use kernel::{Happened, Kernel, Source, Watched};
use reloading::WorkerListener;
use slab::Slab;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use turns::Turns;

/// One reactor with everything that it serves.
pub(crate) struct Worker<K: Kernel> {
    number: usize,
    kernel: K,
    /// What the kernel has reported in this turn.
    happened: Happened,
    mailbox: Arc<Mailbox>,
    listeners: Arc<Listeners>,
    /// What it accepts on. A listener keeps its index, which is its token, for as long as it is here.
    listening: Vec<Option<WorkerListener>>,
    connections: Slab<ConnectionSlot<K::Wire>>,
    /// Counts up with every connection, so that a place that is used again gets another id.
    generation: u32,
    turns: Turns,
    #[cfg(feature = "tls")]
    handshakes: handshakes::Handshakes,
    /// Connections accepted in this turn.
    fresh: Vec<ConnectionId>,
    timers: Timers,
    due: Vec<ConnectionId>,
    cx: WorkerContext,
    /// Where it puts its numbers when it is asked.
    board: Arc<Board>,
    /// Whether connections from elsewhere may wait in the mailbox.
    has_handed: bool,
    /// When a pause of accepting was last logged.
    pause_logged_at: Option<Instant>,
    /// When applications are looked at next, while they have requests.
    applications_look_at: Option<Instant>,
    /// When handlers on threads are looked at next, while there are any.
    handlers_look_at: Option<Instant>,
    /// When the last request must have ended, once the worker stops.
    stop_deadline: Option<Instant>,
    /// Whether it ends with its last connection, because there are to be fewer workers.
    is_retiring: bool,
}

struct ConnectionSlot<W> {
    connection: Connection<W>,
    /// What epoll reports of the socket: nothing until it is registered. One that is answered and closed at once
    /// never is, and most never fill their send buffer: to ask for room would wake the worker for each of them.
    registered: Option<Watched>,
}

impl<K: Kernel> Worker<K> {
    /// A worker whose kernel reports messages in this mailbox.
    ///
    /// # Errors
    /// If epoll does not take the listeners.
    pub(crate) fn new(
        number: usize,
        mut kernel: K,
        mailbox: Arc<Mailbox>,
        listeners: Arc<Listeners>,
        board: Arc<Board>,
        cx: WorkerContext,
    ) -> io::Result<Worker<K>> {
        if let Some(changes) = cx.files.watch_descriptor() {
            kernel.watch_changes(changes)?;
        }
        let timers = Timers::new(cx.clock.monotonic());
        let mut worker = Worker {
            number,
            kernel,
            happened: Happened::default(),
            mailbox,
            listeners: Arc::clone(&listeners),
            listening: Vec::new(),
            connections: Slab::new(),
            generation: 0,
            turns: Turns::default(),
            #[cfg(feature = "tls")]
            handshakes: handshakes::Handshakes::default(),
            fresh: Vec::new(),
            timers,
            due: Vec::new(),
            cx,
            board,
            has_handed: false,
            pause_logged_at: None,
            applications_look_at: None,
            handlers_look_at: None,
            stop_deadline: None,
            is_retiring: false,
        };
        worker.listen_on(&listeners)?;
        worker.board.begin(number);
        Ok(worker)
    }

    /// Serves until a message stops it.
    pub(crate) fn run(mut self) {
        stream::forbid_waiting();
        while self.turn() {}
        log::debug!("worker {} ended", self.number);
    }

    /// One turn; returns whether there will be another. The order matters: a comment at each step says why it has its
    /// place.
    fn turn(&mut self) -> bool {
        let timeout = self.timeout();
        if let Err(error) = self.kernel.wait(timeout, &mut self.happened) {
            log::error!("worker {}: waiting for events: {error}", self.number);
            return false;
        }
        // The time, once for everything that follows.
        self.cx.clock.set(self.kernel.now());
        self.turns.begin();
        #[cfg(feature = "tls")]
        self.cx.tls.begin_turn();
        self.look_at_memory();
        // File changes before any request of this batch: a change before a request was sent was reported before the
        // request.
        if self.happened.changes {
            self.cx.files.look();
        }
        // Messages of applications beyond their share of the turn before.
        self.read_on_responses();
        // Events of clients and applications.
        self.dispatch_all();
        // Connections that were put off for fairness, after those that had waited.
        self.drive_all_again();
        // Large downloads, after everything smaller.
        self.drive_senders();
        // Messages of other threads; before the timers, so that a stop sees every deadline.
        if self.happened.messages {
            self.has_handed = true;
            self.read_messages();
        }
        // What senders have sent: a portion, so that the next events do not wait for all of it.
        self.drive_woken();
        self.look_at_applications();
        // Expired deadlines, only after every edge that could have met them.
        self.expire_due();
        // Producers that wait for room on the disk, once others have left some.
        self.relieve_producers();
        // New connections last, so that none takes the place of a connection that an event of this batch still names.
        self.accept_all();
        // After everything that may give a thread or an application something to do.
        self.look_at_handlers();
        self.plan_look_at_applications();
        self.cx.begin_encodings();
        if let Some(writer) = &mut self.cx.log {
            writer.flush_if_due(self.cx.clock.monotonic());
        }
        !self.has_ended()
    }

    fn dispatch_all(&mut self) {
        for index in self.happened.listeners.drain(..) {
            if let Some(Some(listener)) = self.listening.get_mut(index)
                && listener.accepting == Accepting::Asleep
            {
                listener.accepting = Accepting::Ready;
            }
        }
        let mut sources = std::mem::take(&mut self.happened.sources);
        for source in sources.drain(..) {
            match source {
                Source::Process(process) => self.read_responses(process),
                Source::Connection(id, edge) => self.on_edge(id, edge),
            }
        }
        self.happened.sources = sources;
    }

    fn on_edge(&mut self, id: ConnectionId, edge: Edge) {
        let Some(slot) = self.find(id) else {
            return;
        };
        let connection = &mut self.connections[slot].connection;
        connection.note(edge);
        // A queued connection has its turn in the queue, and one turn is enough.
        match (connection.is_queued, connection.is_sending()) {
            (true, _) => {}
            (false, true) => self.put_off(slot),
            (false, false) => {
                let before = self.turns.bytes_left();
                self.drive(slot, Connection::drive);
                self.note_other(id, before);
            }
        }
    }

    /// The place of a connection, if it still has one.
    fn find(&self, id: ConnectionId) -> Option<usize> {
        let slot = self.connections.get(id.slot())?;
        (slot.connection.id() == id).then(|| id.slot())
    }

    /// Lets a connection go on and does what its verdict says. A panic costs this connection, and
    /// the cached files, which it may have left half changed.
    fn drive(
        &mut self,
        slot: usize,
        action: impl FnOnce(&mut Connection<K::Wire>, &mut Share, &mut WorkerContext) -> Verdict,
    ) {
        let Some(place) = self.connections.get_mut(slot) else {
            return;
        };
        let cx = &mut self.cx;
        let sent_before = cx.counters.sent_bytes;
        let mut share = self.turns.share();
        let verdict =
            catch_unwind(AssertUnwindSafe(|| action(&mut place.connection, &mut share, cx)));
        self.turns.spend(&share);
        match place.connection.is_for_status() {
            false => self.cx.counters.received_bytes += share.read_bytes() as u64,
            // Those who watch the server do not count.
            true => self.cx.counters.sent_bytes = sent_before,
        }
        match verdict {
            Ok(Verdict::Sleep) => self.sleep(slot),
            Ok(Verdict::Again) => {
                self.put_off(slot);
                // It may have to wait for an edge after its next turn.
                self.sleep(slot);
            }
            Ok(Verdict::Close) => self.remove(slot),
            Err(_) => {
                log::error!("worker {}: a handler panicked; its connection is closed", self.number);
                self.cx.files.forget_everything();
                self.remove(slot);
            }
        }
    }

    /// Makes sure that an edge or the deadline wakes the connection.
    fn sleep(&mut self, slot: usize) {
        let Some(place) = self.connections.get_mut(slot) else {
            return;
        };
        let wanted = match place.connection.wire().wants_write() {
            true => Watched::Both,
            false => place.registered.unwrap_or(Watched::Arrivals),
        };
        if place.registered != Some(wanted) {
            let (wire, id) = (place.connection.wire(), place.connection.id());
            if let Err(error) = self.kernel.watch(wire, id, wanted, place.registered.is_some()) {
                log::error!("worker {}: registering a connection: {error}", self.number);
                return self.remove(slot);
            }
            place.registered = Some(wanted);
        }
        let connection = &mut place.connection;
        if connection.hinted.is_none_or(|hinted| hinted > connection.deadline()) {
            connection.hinted = Some(self.timers.hint(connection.id(), connection.deadline()));
        }
    }

    /// Removes a connection. Closing its socket takes it out of epoll.
    fn remove(&mut self, slot: usize) {
        if let Some(mut gone) = self.connections.try_remove(slot) {
            gone.connection.abandon(&mut self.cx);
            self.cx.without_room.remove(&gone.connection.id());
            for listener in self.listening.iter_mut().flatten() {
                if let Accepting::Paused(_) = listener.accepting {
                    listener.accepting = Accepting::Ready;
                }
            }
        }
    }

    fn expire_due(&mut self) {
        let now = self.cx.clock.monotonic();
        let mut due = std::mem::take(&mut self.due);
        self.timers.due(now, &mut due);
        for id in due.drain(..) {
            let Some(slot) = self.find(id) else { continue };
            let connection = &mut self.connections[slot].connection;
            if connection.hinted.is_some_and(|hinted| hinted > now) {
                // This is an older hint; a newer one is on the wheel.
                continue;
            }
            connection.hinted = None;
            if connection.deadline() <= now {
                self.drive(slot, Connection::expire);
            } else {
                self.sleep(slot);
            }
        }
        self.due = due;
    }

    /// A thread or an application has done something for an exchange, which may have gone.
    fn complete(&mut self, id: ExchangeId, completion: Completion) {
        match self.find(id.connection) {
            Some(slot) => self.drive(slot, |connection, share, cx| {
                connection.complete(id, completion, share, cx)
            }),
            None => self.cx.drop_completion(completion),
        }
    }

    fn read_messages(&mut self) {
        self.mailbox.take_woken(&mut self.turns.woken);
        for message in self.mailbox.take() {
            match message {
                Message::Report => self.board.put(self.number, self.numbers()),
                Message::Stop { deadline } => self.stop(deadline),
                Message::To(id, completion) => self.complete(id, completion),
                Message::Application(application, news) => {
                    self.on_process_event(&application, news)
                }
                Message::Ping(ping) => ping.answer(),
                Message::Reload(replacement) => self.change(*replacement),
                Message::StopNow => {
                    self.stop_deadline = Some(self.cx.clock.monotonic());
                    self.cx.is_stopping = true;
                }
            }
        }
    }

    /// How long to wait for events.
    fn timeout(&self) -> Option<Duration> {
        let mut listening = self.listening.iter().flatten();
        let can_accept = self.has_handed && !self.is_full()
            || listening.any(|it| it.accepting == Accepting::Ready && self.has_room(it.place));
        if can_accept || self.turns.has_work() || self.cx.gateway.has_unread() {
            return Some(Duration::ZERO);
        }
        let paused = self.listening.iter().flatten().filter_map(|it| match it.accepting {
            Accepting::Paused(until) => Some(until),
            _ => None,
        });
        let flush = self.cx.log.as_ref().and_then(|writer| writer.flush_at());
        let looks = [self.applications_look_at, self.handlers_look_at];
        let next = [self.timers.next_due(), flush, self.stop_deadline]
            .into_iter()
            .chain(looks)
            .flatten()
            .chain(paused)
            .min()?;
        // epoll counts in milliseconds. Without one more, the worker would spin through the last one.
        let now = self.cx.clock.monotonic();
        Some(next.saturating_duration_since(now) + Duration::from_millis(1))
    }
}

impl<K: Kernel> Drop for Worker<K> {
    fn drop(&mut self) {
        // Nobody else would serve what is in it.
        self.mailbox.end();
        self.end_listeners();
        self.board.end(self.number, self.numbers());
    }
}
