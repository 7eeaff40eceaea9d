//! Listening sockets: bound before anything starts, one per worker and address, or taken over from the process that
//! bound them. It must never know how they are passed on.
//!
//! A reload makes other listeners of these: they share the sockets of the addresses that stay. A socket that clients
//! may wait on is never closed while its address is listened on: with fewer workers, some have two of them.

mod binding;
#[cfg(feature = "cli")]
pub(crate) mod inheriting;
pub(crate) mod passed;

use super::address::{Address, ListenScheme};
use super::start_error::StartError;
use crate::sys::reason::reason;
use crate::sys::socket;
use crate::sys::unix_socket::{self, SocketAccess};
use passed::Passed;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Every listening socket of a server. It outlives the workers, which borrow from it: a listener
/// that closes resets the connections queued on it.
pub struct Listeners {
    addresses: Vec<Address>,
    /// For each address, as what it was asked for: with port 0 where the system has chosen one. `None` if another process
    /// has bound it.
    asked: Vec<Option<Address>>,
    /// For each address, whether a proxy connects to it that sends a PROXY header first.
    proxied: Vec<bool>,
    /// For each address, whether a service manager has passed its socket, and has it too.
    passed: Vec<bool>,
    /// What is spoken at each, as far as that is known.
    schemes: Vec<ListenScheme>,
    /// For each address at least one socket per worker; a Unix socket, and one that was passed, is shared by all workers.
    sockets: Vec<Vec<Arc<ListenSocket>>>,
    /// How many workers each process has.
    workers: usize,
    /// How many processes share them.
    processes: usize,
    /// Whether another process goes on with them when this one stops.
    left_to_others: AtomicBool,
}

/// A socket that clients connect to.
pub(crate) struct ListenSocket {
    socket: OwnedFd,
    /// The file of a Unix socket with its identity: by the time that it is removed, a successor may have replaced it.
    file: Option<(PathBuf, Option<(u64, u64)>)>,
}

/// The addresses that one text stands for.
pub(crate) struct ListenGroup {
    pub(crate) addresses: Vec<Address>,
    pub(crate) scheme: ListenScheme,
    /// Whether a proxy connects to them that sends a PROXY header first.
    pub(crate) is_proxied: bool,
}

impl Listeners {
    /// Binds all addresses for `processes` processes of `workers` workers, and only then listens on them: if one cannot
    /// be bound, no client was accepted on another.
    ///
    /// # Errors
    /// The first address that cannot be listened on, and why.
    pub fn open(
        groups: &[Vec<Address>],
        access: SocketAccess,
        processes: usize,
        workers: usize,
    ) -> Result<Listeners, StartError> {
        let plain = |group: &Vec<Address>| ListenGroup {
            addresses: group.clone(),
            scheme: ListenScheme::Http,
            is_proxied: false,
        };
        let groups: Vec<ListenGroup> = groups.iter().map(plain).collect();
        Listeners::open_groups(&groups, access, processes, workers)
    }

    /// The same, with what is spoken at the addresses.
    pub(crate) fn open_groups(
        groups: &[ListenGroup],
        access: SocketAccess,
        processes: usize,
        workers: usize,
    ) -> Result<Listeners, StartError> {
        Listeners::open_with_passed(groups, access, processes, workers, &Passed::default())
    }

    /// The same with sockets that a service manager has passed.
    pub(crate) fn open_with_passed(
        groups: &[ListenGroup],
        access: SocketAccess,
        processes: usize,
        workers: usize,
        passed: &Passed,
    ) -> Result<Listeners, StartError> {
        let listeners = Listeners::bind_groups(groups, access, processes, workers, None, passed)?;
        listeners.listen()?;
        Ok(listeners)
    }

    /// Other addresses, and another number of workers. What is listened on already is kept; what is new is bound, and
    /// [listens](Listeners::listen) later: until then, everything may still be given up without harm to a client.
    ///
    /// # Errors
    /// The first address that cannot be bound, and why.
    pub(crate) fn changed_to(
        &self,
        groups: &[ListenGroup],
        access: SocketAccess,
        processes: usize,
        workers: usize,
    ) -> Result<Listeners, StartError> {
        // What is passed is passed at the start.
        let passed = Passed::default();
        Listeners::bind_groups(groups, access, processes, workers, Some(self), &passed)
    }

    /// Listens on all sockets that do not listen yet.
    ///
    /// # Errors
    /// The first address where another process has begun to listen meanwhile.
    pub(crate) fn listen(&self) -> Result<(), StartError> {
        for (address, sockets) in self.addresses.iter().zip(&self.sockets) {
            for socket in sockets.iter().filter(|it| !socket::is_listening(it.as_fd())) {
                socket::listen(socket.as_fd())
                    .map_err(|error| StartError::listen(address, error))?;
            }
        }
        Ok(())
    }

    /// Takes over sockets that listen already: the [`share`](Listeners::share) of one process with `workers` workers.
    /// The process that bound them unlinks the paths of Unix sockets.
    ///
    /// # Errors
    /// If they are not sockets, or cannot be divided among the workers.
    pub fn take_over(sockets: Vec<OwnedFd>, workers: usize) -> io::Result<Listeners> {
        if sockets.is_empty() || workers == 0 || !sockets.len().is_multiple_of(workers) {
            let count = sockets.len();
            let message = format!("{count} sockets cannot be divided among {workers} workers");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let addresses = sockets.len() / workers;
        let placed = sockets.into_iter().enumerate();
        Listeners::take_over_placed(placed.map(|(index, it)| (index % addresses, it)), workers)
    }

    /// Takes over sockets, each with the number of its address: what [`Listeners::placed`] gives for one process.
    ///
    /// # Errors
    /// If one of them is no socket, or the numbers are not in order.
    pub(crate) fn take_over_placed(
        sockets: impl IntoIterator<Item = (usize, OwnedFd)>,
        workers: usize,
    ) -> io::Result<Listeners> {
        let mut listeners = Listeners::none(1, workers);
        for (index, (number, socket)) in sockets.into_iter().enumerate() {
            if number > listeners.addresses.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if number == listeners.addresses.len() {
                let address = address_of(&socket).map_err(|error| {
                    let message = format!("socket {index} is no listener: {}", reason(&error));
                    io::Error::new(error.kind(), message)
                })?;
                listeners.add(address, None, Vec::new());
                listeners.proxied.push(false);
                listeners.passed.push(false);
            }
            listeners.sockets[number].push(Arc::new(ListenSocket { socket, file: None }));
        }
        Ok(listeners)
    }

    /// The same, where sockets that `known` has already are those of `known`. So a worker knows which of its sockets stay,
    /// although the other process has sent them once more.
    pub(crate) fn keeping(mut self, known: &Listeners) -> Listeners {
        let identity = |it: &Arc<ListenSocket>| socket::identity(it.as_fd());
        let known: Vec<_> =
            known.sockets.iter().flatten().map(|it| (identity(it), Arc::clone(it))).collect();
        for socket in self.sockets.iter_mut().flatten() {
            let own = identity(socket);
            if let Some((_, kept)) = known.iter().find(|(it, _)| it.is_some() && *it == own) {
                *socket = Arc::clone(kept);
            }
        }
        self
    }

    /// The same, where connections to these of the [addresses](Listeners::addresses) begin with a PROXY header: see
    /// [`Server::listen_proxied`](crate::Server::listen_proxied). Numbers without an address are left out.
    pub fn proxied(mut self, numbers: impl IntoIterator<Item = usize>) -> Listeners {
        for number in numbers {
            if let Some(is_proxied) = self.proxied.get_mut(number) {
                *is_proxied = true;
            }
        }
        self
    }

    /// The same, with what is spoken at each of the addresses, whether connections begin with a PROXY header, and whether
    /// a service manager has passed its socket.
    pub(crate) fn speaking(
        mut self,
        addresses: impl IntoIterator<Item = (ListenScheme, bool, bool)>,
    ) -> Listeners {
        (self.schemes, self.proxied, self.passed) = addresses.into_iter().collect();
        self.proxied.resize(self.addresses.len(), false);
        self.passed.resize(self.addresses.len(), false);
        self
    }

    /// Whether a service manager has passed the socket of this one of the addresses. It has it too, and goes on with it
    /// when this program has ended: it must not be shut down.
    pub(crate) fn is_passed(&self, number: usize) -> bool {
        self.passed.get(number).copied().unwrap_or(false)
    }

    /// Whether connections to this one of the addresses begin with a PROXY header.
    pub fn is_proxied(&self, number: usize) -> bool {
        self.proxied.get(number).copied().unwrap_or(false)
    }

    fn none(processes: usize, workers: usize) -> Listeners {
        Listeners {
            addresses: Vec::new(),
            asked: Vec::new(),
            proxied: Vec::new(),
            passed: Vec::new(),
            schemes: Vec::new(),
            sockets: Vec::new(),
            workers,
            processes,
            left_to_others: AtomicBool::new(false),
        }
    }

    fn add(&mut self, address: Address, asked: Option<Address>, sockets: Vec<Arc<ListenSocket>>) {
        self.addresses.push(address);
        self.asked.push(asked);
        self.sockets.push(sockets);
    }

    /// The addresses that are listened on, with their actual ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What is spoken at each of the addresses.
    pub(crate) fn schemes(&self) -> &[ListenScheme] {
        &self.schemes
    }

    /// The port of the first address with TLS.
    #[cfg(feature = "cli")]
    pub(crate) fn https_port(&self) -> Option<u16> {
        let mut secured = self.addresses.iter().zip(&self.schemes);
        secured.find_map(|(address, scheme)| match (address, scheme) {
            (Address::Tcp(address), ListenScheme::Https) => Some(address.port()),
            _ => None,
        })
    }

    /// Finds out what is spoken at the addresses, if another process has bound them, from what it was asked to bind. Of a
    /// port that the system has chosen, the host tells.
    pub(crate) fn find_schemes(&mut self, groups: &[ListenGroup]) {
        if self.schemes.len() == self.addresses.len() {
            return;
        }
        let all =
            || groups.iter().flat_map(|group| group.addresses.iter().map(|it| (group.scheme, it)));
        let scheme = |address: &Address| {
            let is_chosen = |asked: &Address| {
                asked.tcp().is_some_and(|asked| {
                    asked.port() == 0 && address.tcp().is_some_and(|it| it.ip() == asked.ip())
                })
            };
            let exact = all().find(|(_, asked)| *asked == address);
            let found = exact.or_else(|| all().find(|(_, asked)| is_chosen(asked)));
            found.map_or(ListenScheme::Http, |(scheme, _)| scheme)
        };
        self.schemes = self.addresses.iter().map(scheme).collect();
    }

    /// How many workers of one process they are for.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The sockets of one process: those of its first worker, those of the next, and so on.
    pub fn share(&self, process: usize) -> impl Iterator<Item = BorrowedFd<'_>> {
        let first = process * self.workers;
        (first..first + self.workers).flat_map(|worker| {
            let all = self.sockets.iter();
            all.filter_map(move |it| it.get(worker % it.len().max(1))).map(|it| it.as_fd())
        })
    }

    /// The same with the number of the address of each, those of the first address first. Each is there once; with fewer
    /// workers than before, there are more sockets than workers.
    pub(crate) fn placed(&self, process: usize) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.sockets.iter().enumerate().flat_map(move |(number, sockets)| {
            let own = sockets
                .iter()
                .enumerate()
                .filter(move |(place, _)| sockets.len() == 1 || self.process_of(*place) == process);
            own.map(move |(_, socket)| (number, socket.as_fd()))
        })
    }

    /// The process that serves the socket at this place of an address.
    fn process_of(&self, place: usize) -> usize {
        place % (self.processes * self.workers).max(1) / self.workers.max(1)
    }

    /// Ends the listeners of one process that no other process has. Clients that wait there are refused.
    pub fn end_share(&self, process: usize) {
        for sockets in self.sockets.iter().filter(|sockets| sockets.len() > 1) {
            let own =
                sockets.iter().enumerate().filter(|(place, _)| self.process_of(*place) == process);
            own.for_each(|(_, socket)| socket::stop_listening(socket.as_fd()));
        }
    }

    /// From now on, a worker that stops leaves its listeners open: another process has them too, and serves the clients
    /// in their queues. Ending a listener would end it for that process as well.
    pub fn leave_to_others(&self) {
        self.left_to_others.store(true, Ordering::Release);
    }

    /// Whether a worker that stops must leave them open.
    pub fn are_left_to_others(&self) -> bool {
        self.left_to_others.load(Ordering::Acquire)
    }

    /// The sockets of one worker of a process that has all of these, each with the number of its address.
    pub(crate) fn of_worker(
        &self,
        worker: usize,
    ) -> impl Iterator<Item = (usize, &Arc<ListenSocket>)> {
        self.sockets.iter().enumerate().flat_map(move |(number, sockets)| {
            let own = sockets.iter().enumerate().filter(move |(place, _)| {
                sockets.len() == 1 || place % self.workers.max(1) == worker
            });
            own.map(move |(_, socket)| (number, socket))
        })
    }

    /// Whether this address is listened on.
    pub(crate) fn have(&self, address: &Address) -> bool {
        self.addresses.contains(address)
    }
}

impl AsFd for ListenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for ListenSocket {
    fn drop(&mut self) {
        // The socket is still open, so no other file can have the identity of its own.
        if let Some((path, identity)) = &self.file
            && unix_socket::file_identity(path) == *identity
        {
            // It may be gone already, which is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn address_of(socket: &OwnedFd) -> io::Result<Address> {
    Ok(match unix_socket::local_path(socket)? {
        Some(path) => Address::Unix(path),
        None => Address::Tcp(socket::local_address(socket)?),
    })
}

/// Whether a worker may accept on one of its listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepting {
    /// epoll will report the next connection.
    Asleep,
    /// There may be more in the queue.
    Ready,
    /// Descriptors have run out: not before this time, or until a connection closes.
    Paused(Instant),
    /// No more.
    Ended,
}

/// How long to wait for descriptors that other processes or threads may close.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// How many connections are taken from one queue in a turn, so that the open ones have theirs.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;
