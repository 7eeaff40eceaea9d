//! The kernel of the simulated world: it reports what the world has done, and no time passes but what the world lets pass.

use super::socket::{Registered, Socket};
use crate::files::Now;
use crate::server::application::commands::ProcessId;
use crate::server::context::WorkerContext;
use crate::server::driven::script::Script;
use crate::server::id::ConnectionId;
use crate::server::mailbox::models::Epoll;
use crate::server::worker::kernel::{Happened, Kernel, Source, Watched};
use crate::server::worker::reloading::WorkerListener;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What the world and the kernel share.
pub(super) struct Shared {
    pub now: Now,
    /// Connections that nobody has accepted.
    pub queue: VecDeque<Socket>,
    /// Those that the worker has.
    pub accepted: Vec<Socket>,
    /// Whether files have changed since that was reported last.
    pub has_changes: bool,
    /// How many events are reported at a time.
    pub events_max: usize,
    /// What the mailbox wakes.
    pub epoll: Arc<Epoll>,
    /// Processes of applications whose messages are reported, and whether there are any.
    pub processes: Vec<(ProcessId, bool)>,
    /// Whether there are no descriptors left for connections.
    pub is_exhausted: bool,
}

/// The worker's end.
pub(super) struct SimulatedKernel(pub(super) Rc<RefCell<Shared>>);

impl Kernel for SimulatedKernel {
    type Wire = Script;

    fn wait(&mut self, _timeout: Option<Duration>, happened: &mut Happened) -> io::Result<()> {
        let shared = &mut *self.0.borrow_mut();
        happened.clear();
        happened.changes = std::mem::take(&mut shared.has_changes);
        happened.messages = shared.epoll.wait(false);
        if !shared.queue.is_empty() {
            happened.listeners.push(0);
        }
        for (process, has_messages) in &mut shared.processes {
            if std::mem::take(has_messages) {
                happened.sources.push(Source::Process(*process));
            }
        }
        // What is not reported now comes first the next time, as epoll does it: nobody waits for ever.
        for place in 0..shared.accepted.len() {
            if happened.sources.len() >= shared.events_max {
                shared.accepted.rotate_left(place);
                break;
            }
            if let Some((id, edge)) = shared.accepted[place].take_event() {
                happened.sources.push(Source::Connection(id, edge));
            }
        }
        shared.accepted.retain(|socket| !socket.is_dropped());
        Ok(())
    }

    fn now(&mut self) -> Now {
        self.0.borrow().now
    }

    fn watch_changes(&mut self, _changes: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn watch_listener(&mut self, _index: usize, _listener: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn forget_listener(&mut self, _listener: BorrowedFd<'_>) {}

    fn watch_process(&mut self, process: ProcessId, _responses: BorrowedFd<'_>) -> io::Result<()> {
        // What the process has sent before is reported, too.
        self.0.borrow_mut().processes.push((process, true));
        Ok(())
    }

    fn watch(&mut self, wire: &Script, id: ConnectionId, what: Watched, _: bool) -> io::Result<()> {
        let shared = self.0.borrow();
        let socket = shared.accepted.iter().find(|socket| socket.is(wire));
        socket.expect("it was accepted").register(Registered { id, room: what == Watched::Both });
        Ok(())
    }

    fn accept(
        &mut self,
        _listener: &WorkerListener,
        _cx: &WorkerContext,
    ) -> io::Result<(Option<Script>, Option<SocketAddr>)> {
        let shared = &mut *self.0.borrow_mut();
        if shared.is_exhausted {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let socket = shared.queue.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let wire = socket.wire();
        shared.accepted.push(socket);
        Ok((Some(wire), None))
    }

    fn adopt(&mut self, _connection: OwnedFd) -> Script {
        unreachable!("no connection comes from elsewhere")
    }
}

const EMFILE: i32 = 24;
