//! How a world comes to rest and to its end, and what holds all the time.

use super::World;
use crate::server::connection::Phase;
use crate::server::exchange::ExchangeState;
use crate::server::listener::PAUSE;
use crate::server::metrics::counters::ApplicationNumbers;
use crate::server::wire::Transport;
use crate::server::worker::simulation::client::Client;
use crate::server::worker::simulation::ground;
use crate::server::worker::simulation::socket::Socket;
use std::time::Duration;

impl World {
    /// Everybody does what is left to do: what honest clients have asked for, they get.
    pub(super) fn settles(&mut self) {
        while self.to_come > 0 {
            self.connects();
        }
        self.shared.borrow_mut().is_exhausted = false;
        ground::let_calls_fail(false);
        self.advances(PAUSE);
        self.truth.finish_streams();
        let (mut sent, mut still) = (0, 0);
        for _ in 0..SETTLING_MAX {
            let mut has_moved = false;
            self.turns();
            while self.works() {
                has_moved = true;
            }
            has_moved |= self.handlers.all_go_on();
            has_moved |= self.application_does_all();
            self.truth.finish_streams();
            for client in &mut self.clients {
                client.socket.make_room(1 << 20);
                client.send(1 << 20, &self.truth);
                client.read(&self.truth, self.is_stopping);
            }
            has_moved |= self.worker.timeout() == Some(Duration::ZERO) || self.has_events();
            let before = std::mem::replace(&mut sent, self.sent_bytes());
            has_moved |= before != sent;
            still = if has_moved { 0 } else { still + 1 };
            let all_are_over = self.clients.iter().all(Client::is_over_or_answered);
            if self.has_ended || still > 0 && all_are_over || still > STILL_MAX {
                break;
            }
        }
        self.clients.iter().for_each(|client| client.is_served(&self.truth));
        self.outlasts_stalled();
        self.ends();
    }

    /// Streams whose clients take nothing, or send nothing, end when their time is over and not before; and so they do
    /// however much else goes on at their connections.
    fn outlasts_stalled(&mut self) {
        let have_stalled = |clients: &[Client]| clients.iter().any(Client::has_stalled);
        let mut time = Duration::ZERO;
        while !self.has_ended && !self.is_stopping && have_stalled(&self.clients) {
            assert!(time < STALLED_MAX, "a stalled stream does not end");
            if time < STALLED_MIN {
                self.clients.iter().for_each(|client| client.is_patiently_served(&self.truth));
            }
            time += STEP;
            self.advances(STEP);
            self.turns();
            while self.works() {}
            self.handlers.all_go_on();
            self.application_does_all();
            for client in &mut self.clients {
                client.send(1 << 20, &self.truth);
                client.read(&self.truth, false);
            }
        }
    }

    /// How much all clients have got.
    pub(super) fn sent_bytes(&self) -> usize {
        self.clients.iter().map(|client| client.socket.sent_from(0).len()).sum()
    }

    pub(super) fn has_events(&self) -> bool {
        let shared = self.shared.borrow();
        let has_messages = shared.processes.iter().any(|(_, has_messages)| *has_messages);
        has_messages || !shared.queue.is_empty() || shared.accepted.iter().any(Socket::has_event)
    }

    /// The server stops, and nothing is left.
    pub(super) fn ends(&mut self) {
        self.stops();
        for _ in 0..SETTLING_MAX {
            if self.has_ended {
                break;
            }
            self.turns();
            while self.works() {}
            self.handlers.all_go_on();
            self.application_does_all();
            for client in &mut self.clients {
                client.socket.make_room(1 << 20);
                client.read(&self.truth, true);
            }
            self.advances(Duration::from_millis(200));
        }
        assert!(self.has_ended, "the worker does not end");
        // The connections that are left were cut, as the process would cut them.
        let were_cut = !self.worker.connections.is_empty();
        self.worker.connections.clear();
        while self.works() || self.handlers.all_go_on() {}
        self.application_ends();
        self.worker.read_messages();
        // What requests of the application still held is dropped by a thread.
        while self.works() {}
        let cx = &self.worker.cx;
        assert!(self.handlers.are_idle(), "a handler waits for ever");
        assert!(!cx.threads.handler_jobs.exist(), "a handler is counted that has ended");
        assert!(were_cut || cx.without_room.is_empty(), "a producer is forgotten");
        assert!(were_cut || cx.room.held_bytes() == 0, "room on the disk is lost");
        let is_at_rest = |it: &ApplicationNumbers| (it.processes, it.sent, it.waiting) == (0, 0, 0);
        let applications = cx.gateway.numbers();
        assert!(
            were_cut || applications.iter().all(is_at_rest),
            "a request is left with an application"
        );
        assert_eq!(self.truth.strange_names(), Vec::<String>::new());
        for client in &mut self.clients {
            client.read(&self.truth, true);
        }
    }

    /// What holds after every turn.
    pub(super) fn is_sound(&self) {
        let now = self.shared.borrow().now.monotonic;
        for (_, slot) in &self.worker.connections {
            let connection = &slot.connection;
            // It has its turn before anything is waited for.
            if connection.is_queued {
                continue;
            }
            let phase = connection.phase();
            let late = now.saturating_duration_since(connection.deadline());
            // Data that comes in the turn in which time has jumped beyond the deadline of its body still counts, and the
            // deadline of the rest is over already: the next tick ends it.
            let soon = now..=now + LATE_MAX;
            let is_looked_at = connection.hinted.is_some_and(|hinted| soon.contains(&hinted));
            assert!(late <= LATE_MAX || is_looked_at, "{phase} {late:?} beyond its deadline");
            let first = connection.audit().and_then(|audit| audit.first_deadline);
            assert!(
                first.is_none_or(|first| connection.deadline() <= first || is_looked_at),
                "{phase}: nobody looks at the deadline of a stream"
            );
            let wire = connection.wire();
            match phase {
                Phase::In(ExchangeState::Waiting(_)) | Phase::Blocked | Phase::Lingering => {}
                Phase::In(ExchangeState::Sending) => {
                    assert!(wire.wants_write(), "asleep {phase} with a writable client");
                }
                // The end of the stream stays to be read.
                _ => assert!(
                    !wire.has_unread() || wire.is_half_closed() && wire.unread_bytes() == 0,
                    "asleep {phase} with a readable client"
                ),
            }
        }
    }
}

const SETTLING_MAX: usize = 20_000;

/// A client that has got nothing for so many steps without time gets nothing more.
const STILL_MAX: usize = 50;

const STEP: Duration = Duration::from_millis(500);

/// The shortest time that a stalled stream has, less what has passed before.
const STALLED_MIN: Duration = Duration::from_secs(5);

/// The longest: `body_timeout` and what so much of a body earns, or `send_timeout` after that.
const STALLED_MAX: Duration = Duration::from_secs(140);

/// Two ticks of the wheel.
const LATE_MAX: Duration = Duration::from_millis(130);
