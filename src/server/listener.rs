//! Listening: every address bound before anything starts, one listener per worker and address.

use super::address::Address;
use super::start_error::StartError;
use crate::sys::socket::{self, Claim};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Every listening socket of a server. It outlives the workers, which borrow from it: a listener
/// that closes resets the connections queued on it.
pub struct Listeners {
    addresses: Vec<Address>,
    /// For each address one socket per worker; a Unix socket has one that all workers share.
    sockets: Vec<Vec<OwnedFd>>,
    unlink: Vec<PathBuf>,
}

impl Listeners {
    /// Binds all addresses for this many workers, then listens on all of them: when one cannot be
    /// had, nobody was ever let in at another.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub fn open(groups: &[Vec<Address>], workers: usize) -> Result<Listeners, StartError> {
        let mut listeners =
            Listeners { addresses: Vec::new(), sockets: Vec::new(), unlink: Vec::new() };
        for group in groups {
            listeners.bind_group(group, workers)?;
        }
        for (address, sockets) in listeners.addresses.iter().zip(&listeners.sockets) {
            for socket in sockets {
                socket::listen(socket).map_err(|error| StartError::listen(address, error))?;
            }
        }
        Ok(listeners)
    }

    /// Binds what one written address stands for. Of `localhost` or every interface, a family that
    /// this machine does not have is left out; port 0 becomes the same port in both.
    fn bind_group(&mut self, group: &[Address], workers: usize) -> Result<(), StartError> {
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
                Address::Unix(path) => socket::bind_unix(path).map(|socket| {
                    self.unlink.push(path.clone());
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
        for path in &self.unlink {
            // Gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }
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
pub enum Accepting {
    /// epoll will say when there is something.
    Asleep,
    /// There may be more in the queue.
    Ready,
    /// Out of descriptors: not before this time, or until a connection has closed.
    Paused(Instant),
    /// No more.
    Ended,
}

/// How long to wait for descriptors that other processes or threads may give back.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Connections taken from one queue per turn, so that those that are open get theirs.
pub const ACCEPTS_PER_TURN: usize = 64;
