//! How a worker accepts connections, and how it stops.

use super::kernel::Kernel;
use super::{ConnectionSlot, Worker};
use crate::server::connection::Connection;
#[cfg(feature = "tls")]
use crate::server::connection::Phase;
use crate::server::id::ConnectionId;
use crate::server::listener::{ACCEPTS_PER_TURN, Accepting, PAUSE};
use crate::sys::socket;
use crate::sys::trouble::Trouble;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

impl<K: Kernel> Worker<K> {
    pub(super) fn accept_all(&mut self) {
        let now = self.cx.clock.monotonic();
        for index in 0..self.listening.len() {
            let Some(listener) = &mut self.listening[index] else { continue };
            if matches!(listener.accepting, Accepting::Paused(until) if until <= now) {
                listener.accepting = Accepting::Ready;
            }
            if listener.accepting == Accepting::Ready {
                let accepting = self.accept(index, ACCEPTS_PER_TURN);
                if let Some(listener) = &mut self.listening[index] {
                    listener.accepting = accepting;
                }
            }
        }
        if self.has_handed {
            self.take_handed();
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        // Before epoll knows them: their requests are here (unless a client is silent), and a connection that is
        // answered and closed at once need not be registered at all.
        for id in fresh.drain(..) {
            let before = self.turns.bytes_left();
            self.drive_again(id);
            self.note_other(id, before);
        }
        self.fresh = fresh;
    }

    /// Takes connections from one queue.
    pub(super) fn accept(&mut self, index: usize, batch: usize) -> Accepting {
        let mut gave_back = false;
        for _ in 0..batch {
            let Some(Some(listener)) = self.listening.get(index) else {
                return Accepting::Ended;
            };
            let place = listener.place;
            if !self.has_room(place) {
                return Accepting::Ready;
            }
            if let Some(shortage) = self.cx.memory.shortage()
                && self.connections.len() >= SHORT_CONNECTIONS
                && !self.cx.is_for_status(place)
            {
                return self.pause(&shortage);
            }
            match self.kernel.accept(listener, &self.cx) {
                Ok((Some(wire), peer)) => self.welcome(wire, peer, place),
                Ok((None, _)) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Accepting::Asleep;
                }
                // A worker that shares this listener has stopped before us.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    return Accepting::Ended;
                }
                // Clients need descriptors more than the file cache does.
                Err(error) if socket::is_exhausted(&error) => {
                    if gave_back || self.cx.files.give_back_descriptors(GIVEN_BACK) == 0 {
                        return self.pause(&error);
                    }
                    gave_back = true;
                }
                // Linux reports errors of the new connection here (accept(2)). That is gone; the listener is fine.
                Err(error) => log::debug!("worker {}: accepting: {error}", self.number),
            }
        }
        Accepting::Ready
    }

    /// Takes connections from elsewhere, which another thread has put into the mailbox.
    fn take_handed(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            if self.is_full() {
                return;
            }
            let Some(socket) = self.mailbox.take_connection() else {
                self.has_handed = false;
                return;
            };
            self.welcome_handed(socket);
        }
    }

    pub(super) fn welcome_handed(&mut self, connection: OwnedFd) {
        let peer = socket::peer_address(&connection);
        let address = socket::local_address(&connection).ok();
        let listener = self.cx.listening_number(address);
        let wire = self.kernel.adopt(connection);
        self.welcome(wire, peer, listener);
    }

    /// Pauses, and logs the reason from time to time.
    fn pause(&mut self, reason: &dyn Display) -> Accepting {
        let now = self.cx.clock.monotonic();
        Trouble::AcceptPaused.note();
        if self.pause_logged_at.is_none_or(|at| now >= at + PAUSE_LOGGED_EVERY) {
            self.pause_logged_at = Some(now);
            log::error!("worker {}: no new connections for now: {reason}", self.number);
        }
        Accepting::Paused(now + PAUSE)
    }

    fn welcome(&mut self, wire: K::Wire, peer: Option<SocketAddr>, listener: u16) {
        if !self.cx.is_for_status(listener) {
            self.cx.counters.accepted += 1;
        }
        let entry = self.connections.vacant_entry();
        self.generation = self.generation.wrapping_add(1);
        let slot = entry.key();
        let id = ConnectionId::new(slot as u32, self.generation);
        let connection = Connection::new(id, peer, listener, wire, &self.cx);
        #[cfg(feature = "tls")]
        let has_handshake = connection.phase() == Phase::Handshake;
        entry.insert(ConnectionSlot { connection, registered: None });
        self.fresh.push(id);
        #[cfg(feature = "tls")]
        if has_handshake {
            self.bound_handshakes(id);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.connections.len() >= self.cx.setup.limits.connections_max
    }

    /// Whether another connection of this listener may be accepted. Those who watch the server have some room of their
    /// own: they want to see a full one.
    pub(super) fn has_room(&self, place: u16) -> bool {
        let extra = if self.cx.is_for_status(place) { STATUS_CONNECTIONS } else { 0 };
        self.connections.len() < self.cx.setup.limits.connections_max.saturating_add(extra)
    }

    /// Accepts the connections that wait already, unless another process will, and then no more. Ends idle connections,
    /// hurries those that have not sent anything yet, and lets the others finish. If another process goes on, the idle and
    /// silent ones may send a request until the deadline.
    pub(super) fn stop(&mut self, deadline: Instant) {
        if self.cx.is_stopping {
            return;
        }
        let are_left = self.listeners.are_left_to_others();
        for index in 0..self.listening.len() {
            // A client that comes later is refused at once and can go elsewhere. Waiting in a queue that no worker
            // empties, until the last open request has ended, would be worse.
            match are_left {
                true => self.leave(index),
                // Who asks there learns that the server stops.
                false if self.goes_on_while_stopping(index) => {}
                false => self.end(index),
            }
        }
        for connection in self.mailbox.close() {
            if self.is_full() {
                break;
            }
            self.welcome_handed(connection);
        }
        self.has_handed = false;
        self.cx.is_stopping = true;
        self.cx.is_draining = self.listeners.are_left_to_others();
        self.stop_deadline = Some(deadline);
        let silent_until = self.cx.clock.monotonic() + STOP_SILENCE;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.drive(slot, |connection, share, cx| connection.stop(silent_until, share, cx));
        }
    }

    /// Whether a listener is for the status of the server, and no other worker would end it too.
    fn goes_on_while_stopping(&self, index: usize) -> bool {
        let listener = self.listening.get(index).and_then(Option::as_ref);
        listener.is_some_and(|it| {
            self.cx.is_for_status(it.place) && (it.is_own || self.listeners.workers() == 1)
        })
    }

    /// Ends the listeners that went on until the last request had ended.
    pub(super) fn end_listeners(&self) {
        if self.cx.is_stopping && !self.listeners.are_left_to_others() {
            for listener in self.listening.iter().flatten().filter(|it| !it.is_passed) {
                socket::stop_listening(listener.socket.as_fd());
            }
        }
    }

    /// Whether everything is done, or the time for it is over.
    pub(super) fn has_ended(&mut self) -> bool {
        match self.stop_deadline {
            None => self.is_retiring && self.connections.is_empty() && self.mailbox.end_if_empty(),
            Some(deadline)
                if self.connections.is_empty() || deadline <= self.cx.clock.monotonic() =>
            {
                if !self.connections.is_empty() {
                    let count = self.connections.len();
                    log::info!("worker {}: {count} open connections are cut", self.number);
                }
                for (_, slot) in &mut self.connections {
                    slot.connection.cut(&mut self.cx);
                }
                true
            }
            _ => false,
        }
    }
}

/// How many descriptors of cached files are closed when there is none for a client: enough for a batch of clients and
/// the files that they request.
const GIVEN_BACK: usize = 2 * ACCEPTS_PER_TURN;

/// How many connections of those who watch the server a worker accepts beyond its `connections_max`.
const STATUS_CONNECTIONS: usize = 16;

/// So many connections a worker accepts in any case, however short memory is.
const SHORT_CONNECTIONS: usize = 16;

/// How often a lasting lack of descriptors is logged.
const PAUSE_LOGGED_EVERY: Duration = Duration::from_secs(10);

/// How long a stopping worker waits for the first byte of a client that has just connected.
const STOP_SILENCE: Duration = Duration::from_millis(500);
