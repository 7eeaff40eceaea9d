//! A socket of the simulated kernel: a [`Script`], and what epoll has to report of it.

use crate::server::driven::script::{Script, StreamEnd};
use crate::server::id::ConnectionId;
use crate::server::wire::Edge;
use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

/// A connection between a client and the server.
#[derive(Clone)]
pub(super) struct Socket(Rc<Inner>);

struct Inner {
    script: Script,
    /// What has happened and epoll has not reported.
    pending: RefCell<Edge>,
    registered: Cell<Option<Registered>>,
}

/// What epoll is asked to report.
#[derive(Clone, Copy)]
pub(super) struct Registered {
    pub id: ConnectionId,
    pub room: bool,
}

impl Socket {
    pub(super) fn new(room_bytes: usize) -> Socket {
        let script = Script::new();
        script.limit(room_bytes);
        let inner = Inner { script, pending: RefCell::default(), registered: Cell::new(None) };
        Socket(Rc::new(inner))
    }

    /// The server's end.
    pub(super) fn wire(&self) -> Script {
        self.0.script.clone()
    }

    pub(super) fn is(&self, wire: &Script) -> bool {
        self.0.script.is(wire)
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        self.happens(self.0.script.send(bytes));
    }

    pub(super) fn make_room(&self, bytes: usize) {
        self.happens(self.0.script.make_room(bytes));
    }

    pub(super) fn finish(&self) {
        self.happens(self.0.script.finish());
    }

    pub(super) fn reset(&self) {
        self.happens(self.0.script.reset());
    }

    /// Writes are refused once before they are taken.
    pub(super) fn stutter(&self) {
        self.0.script.stutter();
    }

    /// What has been sent from this place on.
    pub(super) fn sent_from(&self, place: usize) -> Ref<'_, [u8]> {
        self.0.script.sent_from(place)
    }

    /// How the server's side has ended, also if the server has just closed it.
    pub(super) fn end(&self) -> StreamEnd {
        match self.0.script.end() {
            StreamEnd::Open if self.0.script.is_dropped() => StreamEnd::Finished,
            end => end,
        }
    }

    /// Whether the server has let go of it.
    pub(super) fn is_dropped(&self) -> bool {
        self.0.script.is_dropped()
    }

    /// epoll is asked for this. It reports what is the case already.
    pub(super) fn register(&self, registered: Registered) {
        self.0.registered.set(Some(registered));
        self.happens(self.0.script.readiness());
    }

    /// What epoll reports now.
    pub(super) fn take_event(&self) -> Option<(ConnectionId, Edge)> {
        let registered = self.0.registered.get()?;
        let mut pending = self.0.pending.borrow_mut();
        let edge = Edge { writable: pending.writable && registered.room, ..*pending };
        if edge == Edge::default() {
            return None;
        }
        *pending = Edge { writable: pending.writable && !registered.room, ..Edge::default() };
        Some((registered.id, edge))
    }

    pub(super) fn has_event(&self) -> bool {
        let Some(registered) = self.0.registered.get() else { return false };
        let pending = self.0.pending.borrow();
        Edge { writable: pending.writable && registered.room, ..*pending } != Edge::default()
    }

    fn happens(&self, edge: Edge) {
        let mut pending = self.0.pending.borrow_mut();
        pending.readable |= edge.readable;
        pending.writable |= edge.writable;
        pending.read_closed |= edge.read_closed;
        pending.gone |= edge.gone;
    }
}
