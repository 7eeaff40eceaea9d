//! Listening sockets: bound before anything starts, one per worker and address, or taken over from the process that
//! bound them. It must never know how they are passed on.

use super::address::{Address, ListenScheme};
use super::start_error::StartError;
use crate::sys::reason::reason;
use crate::sys::socket::{self, Claim, SocketAccess};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Every listening socket of a server. It outlives the workers, which borrow from it: a listener
/// that closes resets the connections queued on it.
pub struct Listeners {
    addresses: Vec<Address>,
    /// For each address, whether a proxy connects to it that sends a PROXY header first.
    proxied: Vec<bool>,
    /// What is spoken at each, as far as that is known.
    schemes: Vec<ListenScheme>,
    /// For each address one socket per worker; a Unix socket has one that all workers share.
    sockets: Vec<Vec<OwnedFd>>,
    /// How many workers each process has.
    workers: usize,
    /// The files of Unix sockets, each with its identity: by the time that they are removed, a successor may have
    /// replaced them.
    socket_files: Vec<(PathBuf, Option<(u64, u64)>)>,
    /// Whether another process goes on with them when this one stops.
    left_to_others: AtomicBool,
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
        let mut listeners = Listeners::none(workers);
        for group in groups {
            listeners.bind_group(&group.addresses, access, processes * workers)?;
            listeners.proxied.resize(listeners.addresses.len(), group.is_proxied);
            listeners.schemes.resize(listeners.addresses.len(), group.scheme);
        }
        for (address, sockets) in listeners.addresses.iter().zip(&listeners.sockets) {
            for socket in sockets {
                socket::listen(socket).map_err(|error| StartError::listen(address, error))?;
            }
        }
        Ok(listeners)
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
        let mut listeners = Listeners::none(workers);
        let addresses = sockets.len() / workers;
        for (index, socket) in sockets.into_iter().enumerate() {
            match listeners.sockets.get_mut(index % addresses) {
                Some(of_address) => of_address.push(socket),
                None => {
                    let address = address_of(&socket).map_err(|error| {
                        let message = format!("socket {index} is no listener: {}", reason(&error));
                        io::Error::new(error.kind(), message)
                    })?;
                    listeners.addresses.push(address);
                    listeners.proxied.push(false);
                    listeners.sockets.push(vec![socket]);
                }
            }
        }
        Ok(listeners)
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

    /// The same, with what is spoken at each of the addresses, and whether connections begin with a PROXY header.
    pub(crate) fn speaking(
        mut self,
        addresses: impl IntoIterator<Item = (ListenScheme, bool)>,
    ) -> Listeners {
        (self.schemes, self.proxied) = addresses.into_iter().unzip();
        self.proxied.resize(self.addresses.len(), false);
        self
    }

    /// Whether connections to this one of the addresses begin with a PROXY header.
    pub fn is_proxied(&self, number: usize) -> bool {
        self.proxied.get(number).copied().unwrap_or(false)
    }

    fn none(workers: usize) -> Listeners {
        Listeners {
            addresses: Vec::new(),
            proxied: Vec::new(),
            schemes: Vec::new(),
            sockets: Vec::new(),
            workers,
            socket_files: Vec::new(),
            left_to_others: AtomicBool::new(false),
        }
    }

    /// Binds the addresses that one text stands for. For `localhost` and for every interface, an address family that
    /// this machine does not have is left out, and port 0 becomes the same port in both families.
    fn bind_group(
        &mut self,
        group: &[Address],
        access: SocketAccess,
        workers: usize,
    ) -> Result<(), StartError> {
        let mut port = None;
        let mut failed = None;
        let mut bound = 0;
        for address in group {
            let result = match address {
                Address::Tcp(wanted) => {
                    let wanted = SocketAddr::new(
                        wanted.ip(),
                        if wanted.port() == 0 { port.unwrap_or(0) } else { wanted.port() },
                    );
                    bind_for_all(wanted, workers).map(|(actual, sockets)| {
                        port = Some(actual.port());
                        (Address::Tcp(actual), sockets)
                    })
                }
                Address::Unix(path) => socket::bind_unix(path, access).map(|socket| {
                    log::info!("{address}: {}", in_words(access));
                    self.socket_files.push((path.clone(), socket::file_identity(path)));
                    (address.clone(), vec![socket])
                }),
            };
            match result {
                Ok((address, sockets)) => {
                    bound += 1;
                    self.addresses.push(address);
                    self.sockets.push(sockets);
                }
                Err(error) if group.len() > 1 && is_missing_family(address, &error) => {
                    failed = Some((address, error))
                }
                Err(error) => return Err(StartError::listen(address, error)),
            }
        }
        match failed {
            Some((address, error)) if bound == 0 => Err(StartError::listen(address, error)),
            _ => Ok(()),
        }
    }

    /// The addresses that are listened on, with their actual ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What is spoken at each of the addresses.
    pub(crate) fn schemes(&self) -> &[ListenScheme] {
        &self.schemes
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
        (first..first + self.workers).flat_map(|worker| self.of_worker(worker))
    }

    /// Ends the listeners of one process that no other process has. Clients that wait there are refused.
    pub fn end_share(&self, process: usize) {
        let first = process * self.workers;
        for sockets in self.sockets.iter().filter(|sockets| sockets.len() > 1) {
            sockets.iter().skip(first).take(self.workers).for_each(socket::stop_listening);
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

    /// The sockets of one worker.
    pub fn of_worker(&self, worker: usize) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets
            .iter()
            .filter_map(move |sockets| sockets.get(worker % sockets.len().max(1)))
            .map(AsFd::as_fd)
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        // The sockets are still open, so no other file can have the identity of one of theirs.
        for (path, identity) in &self.socket_files {
            if socket::file_identity(path) == *identity {
                // It may be gone already, which is as good.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn address_of(socket: &OwnedFd) -> io::Result<Address> {
    Ok(match socket::local_path(socket)? {
        Some(path) => Address::Unix(path),
        None => Address::Tcp(socket::local_address(socket)?),
    })
}

fn in_words(SocketAccess { mode, group }: SocketAccess) -> String {
    let group = group.map_or(String::new(), |group| format!(", group {group}"));
    format!("socket_mode = \"{mode:04o}\"{group}: everyone who may write to the file may connect")
}

fn bind_for_all(wanted: SocketAddr, workers: usize) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    let first = socket::bind_tcp(wanted, Claim::First)?;
    let actual = socket::local_address(&first)?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(socket::bind_tcp(actual, Claim::Join)?);
    }
    Ok((actual, sockets))
}

fn is_missing_family(address: &Address, error: &io::Error) -> bool {
    let is_v6 = matches!(address, Address::Tcp(address) if matches!(address.ip(), IpAddr::V6(_)));
    is_v6 && socket::is_missing_family(error)
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
