//! Binding: what is listened on already is kept, and the rest is bound.

use super::passed::{Passed, is_passed};
use super::{ListenGroup, ListenSocket, Listeners, address_of};
use crate::server::address::{Address, ListenScheme};
use crate::server::start_error::StartError;
use crate::sys::reason::reason;
use crate::sys::socket::{self, Claim};
use crate::sys::unix_socket::{self, SocketAccess};
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

impl Listeners {
    pub(super) fn bind_groups(
        groups: &[ListenGroup],
        access: SocketAccess,
        processes: usize,
        workers: usize,
        known: Option<&Listeners>,
        passed: &Passed,
    ) -> Result<Listeners, StartError> {
        let mut listeners = Listeners::none(processes, workers);
        let mut known = Known { listeners: known, taken: HashSet::new() };
        for group in groups {
            match &group.addresses[..] {
                [asked @ Address::Systemd(name)] => {
                    let sockets = known.take_all(asked);
                    listeners.add_passed(asked, name, group.scheme, sockets, passed)?;
                }
                addresses => listeners.bind_group(addresses, access, &mut known)?,
            }
            listeners.passed.resize(listeners.addresses.len(), is_passed(group.addresses.first()));
            listeners.proxied.resize(listeners.addresses.len(), group.is_proxied);
            listeners.schemes.resize(listeners.addresses.len(), group.scheme);
        }
        Ok(listeners)
    }

    /// Adds the sockets that a service manager has passed under a name, or those that are known already.
    fn add_passed(
        &mut self,
        asked: &Address,
        name: &str,
        scheme: ListenScheme,
        known: Vec<(Address, BoundSockets)>,
        passed: &Passed,
    ) -> Result<(), StartError> {
        let fail = |error| StartError::listen(asked, error);
        let mut all = known;
        if all.is_empty() {
            for socket in passed.take(name).map_err(fail)? {
                let address = address_of(&socket).map_err(fail)?;
                all.push((address, vec![Arc::new(ListenSocket { socket, file: None })]));
            }
        }
        for (address, sockets) in all {
            if matches!(
                (&address, scheme),
                (Address::Unix(_), ListenScheme::Https | ListenScheme::H2c)
            ) {
                let why =
                    format!("it is a Unix socket, which has no TLS: write {:?}", asked.to_string());
                return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, why)));
            }
            self.add(address, Some(asked.clone()), sockets);
        }
        Ok(())
    }

    /// Binds the addresses that one text stands for, as far as `known` does not have them. For `localhost` and for every
    /// interface, an address family that this machine does not have is left out, and port 0 becomes the same port in both
    /// families.
    fn bind_group(
        &mut self,
        group: &[Address],
        access: SocketAccess,
        known: &mut Known<'_>,
    ) -> Result<(), StartError> {
        let mut port = None;
        let mut failed = None;
        let mut bound = 0;
        let count = self.processes * self.workers;
        for asked in group {
            let kept = known.take(asked);
            let result = match asked {
                // It stands alone.
                Address::Systemd(_) => Err(io::ErrorKind::InvalidInput.into()),
                Address::Tcp(wanted) => {
                    let wanted = SocketAddr::new(
                        wanted.ip(),
                        if wanted.port() == 0 { port.unwrap_or(0) } else { wanted.port() },
                    );
                    let bound = match kept {
                        Some((Address::Tcp(actual), sockets)) => {
                            join(actual, sockets, count).map(|sockets| (actual, sockets))
                        }
                        _ => {
                            let is_ours = known.listeners.is_some_and(|it| it.overlap(wanted));
                            bind_for_all(wanted, count, is_ours)
                        }
                    };
                    bound.map(|(actual, sockets)| {
                        port = Some(actual.port());
                        (Address::Tcp(actual), sockets)
                    })
                }
                Address::Unix(path) => match kept {
                    Some((_, sockets)) => {
                        if let Err(error) = unix_socket::keep_access(path, access) {
                            let error = reason(&error);
                            log::warn!("{asked}: {} cannot be set: {error}", in_words(access));
                        }
                        Ok((asked.clone(), sockets))
                    }
                    None => unix_socket::bind_unix(path, access).map(|socket| {
                        log::info!("{asked}: {}", in_words(access));
                        let file = Some((path.clone(), unix_socket::file_identity(path)));
                        (asked.clone(), vec![Arc::new(ListenSocket { socket, file })])
                    }),
                },
            };
            match result {
                Ok((address, sockets)) => {
                    bound += 1;
                    self.add(address, Some(asked.clone()), sockets);
                }
                Err(error) if group.len() > 1 && is_missing_family(asked, &error) => {
                    failed = Some((asked, error))
                }
                Err(error) => return Err(StartError::listen(asked, error)),
            }
        }
        match failed {
            Some((address, error)) if bound == 0 => Err(StartError::listen(address, error)),
            _ => Ok(()),
        }
    }

    /// Whether an address cannot be bound because of one of these: every interface, and one of them.
    fn overlap(&self, wanted: SocketAddr) -> bool {
        self.addresses.iter().filter_map(Address::tcp).any(|known| {
            let is_any = known.ip().is_unspecified() || wanted.ip().is_unspecified();
            known.port() == wanted.port() && known.is_ipv4() == wanted.is_ipv4() && is_any
        })
    }
}

/// The listeners of before a change.
struct Known<'a> {
    listeners: Option<&'a Listeners>,
    /// The numbers of the addresses that have been found: port 0 may be asked for more than once.
    taken: HashSet<usize>,
}

impl Known<'_> {
    /// All sockets that were asked for by this address.
    fn take_all(&mut self, asked: &Address) -> Vec<(Address, BoundSockets)> {
        std::iter::from_fn(|| self.take(asked)).collect()
    }

    /// The sockets of an address, if it is listened on already.
    fn take(&mut self, asked: &Address) -> Option<(Address, BoundSockets)> {
        let known = self.listeners?;
        let as_asked =
            |number: usize| known.asked[number].as_ref().unwrap_or(&known.addresses[number]);
        let number = (0..known.addresses.len())
            .find(|number| as_asked(*number) == asked && !self.taken.contains(number))?;
        self.taken.insert(number);
        Some((known.addresses[number].clone(), known.sockets[number].clone()))
    }
}

fn in_words(SocketAccess { mode, group }: SocketAccess) -> String {
    let group = group.map_or(String::new(), |group| format!(", group {group}"));
    format!("socket_mode = \"{mode:04o}\"{group}: everyone who may write to the file may connect")
}

type BoundSockets = Vec<Arc<ListenSocket>>;

/// Binds an address that is not listened on. One that overlaps with another of this server has to join that.
fn bind_for_all(
    wanted: SocketAddr,
    count: usize,
    is_ours: bool,
) -> io::Result<(SocketAddr, BoundSockets)> {
    let claim = if is_ours { Claim::Join } else { Claim::First };
    let first = socket::bind_tcp(wanted, claim)?;
    let actual = socket::local_address(&first)?;
    let first = Arc::new(ListenSocket { socket: first, file: None });
    Ok((actual, join(actual, vec![first], count)?))
}

/// Binds as many more as there are workers.
fn join(actual: SocketAddr, mut sockets: BoundSockets, count: usize) -> io::Result<BoundSockets> {
    while sockets.len() < count {
        let socket = socket::bind_tcp(actual, Claim::Join)?;
        sockets.push(Arc::new(ListenSocket { socket, file: None }));
    }
    Ok(sockets)
}

fn is_missing_family(address: &Address, error: &io::Error) -> bool {
    let is_v6 = matches!(address, Address::Tcp(address) if matches!(address.ip(), IpAddr::V6(_)));
    is_v6 && socket::is_missing_family(error)
}
