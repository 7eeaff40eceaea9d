//! How a worker changes to another setup: it touches no connection. Exchanges keep the setup that they began with.

use super::Worker;
use super::kernel::Kernel;
use crate::server::address::{Address, ListenScheme};
use crate::server::connection::{FreeList, FreeStreams};
use crate::server::context::ListenPlace;
use crate::server::listener::{Accepting, ListenSocket, Listeners};
use crate::server::replacement::Replacement;
use crate::sys::socket;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

/// A listener of a worker.
pub(crate) struct WorkerListener {
    pub(super) socket: Arc<ListenSocket>,
    pub(super) accepting: Accepting,
    address: Address,
    /// Its number among the places of the worker.
    pub(super) place: u16,
    pub(super) is_secured: bool,
    pub(super) is_proxied: bool,
    /// Whether no other worker has this socket too, as it is with Unix sockets.
    pub(super) is_own: bool,
    /// Whether a service manager has this socket too.
    pub(super) is_passed: bool,
}

impl<K: Kernel> Worker<K> {
    /// Serves what comes from now on by another setup.
    pub(super) fn change(&mut self, replacement: Replacement) {
        if self.cx.is_stopping {
            return;
        }
        let Replacement { setup, listeners, logs, accepts, done } = replacement;
        self.is_retiring = !accepts;
        // Before the setup, by which the connections that wait at an address with TLS may have no certificate any more.
        if let Err(error) = self.listen_on(&listeners) {
            log::error!("worker {}: registering a listener: {error}", self.number);
        }
        let cx = &mut self.cx;
        let places = match &mut cx.log {
            // Lines that have begun end where they began.
            Some(writer) => writer.install(&logs),
            None => {
                let (log, places) = logs.writer().unzip();
                cx.log = log;
                places.unwrap_or_default()
            }
        };
        cx.setup = Rc::new(setup.setup(places).counted_by(&mut cx.counters));
        cx.status_setup = Rc::new(setup.status_setup());
        // Those that wait to be used again hold the setup that they were used with.
        cx.free_list = FreeList::default();
        cx.free_streams = FreeStreams::default();
        cx.gateway.forget_ended();
        cx.files.set_limits(setup.cache);
        cx.files.forget_dead_roots();
        cx.room.set_bytes_max(setup.limits.response_spool_bytes_max);
        cx.threads.spool_directory = Arc::clone(&setup.spool_directory);
        match accepts {
            true => self.mailbox.open(),
            false => self.take_what_was_handed(),
        }
        log::debug!("worker {} serves by the new configuration", self.number);
        drop(done);
    }

    /// Connections from elsewhere that wait are served before the worker ends.
    fn take_what_was_handed(&mut self) {
        for connection in self.mailbox.close() {
            self.welcome_handed(connection);
        }
    }

    /// Accepts on these listeners and on no others. Those that stay are not touched. An address that is not listened on
    /// any more gets its queue emptied; a socket that another worker has from now on keeps its queue.
    ///
    /// # Errors
    /// The last error of epoll.
    pub(super) fn listen_on(&mut self, listeners: &Arc<Listeners>) -> io::Result<()> {
        let mut result = Ok(());
        let mut wanted: Vec<(usize, &Arc<ListenSocket>)> = match self.is_retiring {
            true => Vec::new(),
            false => listeners.of_worker(self.number).collect(),
        };
        for index in 0..self.listening.len() {
            let Some(listener) = &self.listening[index] else { continue };
            let kept = wanted.iter().position(|(_, it)| Arc::ptr_eq(it, &listener.socket));
            match kept {
                Some(kept) => {
                    let (number, socket) = wanted.swap_remove(kept);
                    let listener = self.listener(listeners, number, socket);
                    if let Some(place) = &mut self.listening[index] {
                        let accepting = place.accepting;
                        *place = WorkerListener { accepting, ..listener };
                    }
                }
                None if listeners.have(&listener.address) => self.leave(index),
                None => self.end(index),
            }
        }
        // In the order of the addresses.
        wanted.sort_by_key(|(number, _)| *number);
        for (number, socket) in wanted {
            let index = self.listening.iter().position(Option::is_none);
            let index = index.unwrap_or_else(|| {
                self.listening.push(None);
                self.listening.len() - 1
            });
            let listener = self.listener(listeners, number, socket);
            match self.kernel.watch_listener(index, socket.as_fd()) {
                Ok(()) => self.listening[index] = Some(listener),
                Err(error) => result = Err(error),
            }
        }
        self.listeners = Arc::clone(listeners);
        result
    }

    fn listener(
        &mut self,
        listeners: &Listeners,
        number: usize,
        socket: &Arc<ListenSocket>,
    ) -> WorkerListener {
        let address = listeners.addresses()[number].clone();
        let scheme = listeners.schemes().get(number).copied().unwrap_or(ListenScheme::Http);
        let place = ListenPlace {
            address: Address::tcp(&address),
            speaks_http2: scheme == ListenScheme::H2c,
            for_status: scheme == ListenScheme::Status,
        };
        WorkerListener {
            socket: Arc::clone(socket),
            // epoll may not report connections that were queued before the registration.
            accepting: Accepting::Ready,
            place: self.cx.number_of(place),
            address,
            is_secured: scheme == ListenScheme::Https,
            is_proxied: listeners.is_proxied(number),
            is_own: place.address.is_some() && !listeners.is_passed(number),
            is_passed: listeners.is_passed(number),
        }
    }

    /// Takes all connections that wait, and has clients that come later refused.
    pub(super) fn end(&mut self, index: usize) {
        let Some(listener) = &self.listening[index] else { return };
        if listener.is_passed {
            // Who waits there starts the program again.
            return self.leave(index);
        }
        let socket = Arc::clone(&listener.socket);
        socket::stop_queueing(socket.as_fd());
        self.accept(index, ACCEPTS_AT_END_MAX);
        socket::stop_listening(socket.as_fd());
        self.leave(index);
    }

    /// Accepts no more connections on a listener that another worker or process has too.
    pub(super) fn leave(&mut self, index: usize) {
        if let Some(listener) = self.listening[index].take() {
            self.kernel.forget_listener(listener.socket.as_fd());
        }
    }
}

/// More than a queue can hold, with those that come while it is emptied.
const ACCEPTS_AT_END_MAX: usize = 8192;
