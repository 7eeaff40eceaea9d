//! All listeners of a program, taken over by the one that takes its place in the same process.

use super::passed::is_passed;
use super::{ListenSocket, Listeners, address_of};
use crate::server::address::{Address, ListenScheme};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// An address that is listened on, with what else is known of it.
#[derive(Debug)]
pub(crate) struct Inherited<S> {
    pub(crate) sockets: Vec<S>,
    /// As what it was asked for.
    pub(crate) asked: Option<Address>,
    pub(crate) scheme: ListenScheme,
    pub(crate) is_proxied: bool,
    /// The file of a Unix socket, with device and inode, which is removed when it ends.
    pub(crate) file: Option<(PathBuf, Option<(u64, u64)>)>,
}

impl Listeners {
    /// Takes over all sockets of all processes from a program that has bound them. The files of Unix sockets are removed
    /// in its place.
    ///
    /// # Errors
    /// If one of them is no socket.
    pub(crate) fn inherit(
        addresses: Vec<Inherited<OwnedFd>>,
        processes: usize,
        workers: usize,
    ) -> io::Result<Listeners> {
        let mut listeners = Listeners::none(processes, workers);
        for Inherited { sockets, asked, scheme, is_proxied, mut file } in addresses {
            let first = sockets.first().ok_or(io::ErrorKind::InvalidInput)?;
            let address = address_of(first)?;
            let sockets = sockets.into_iter();
            let sockets =
                sockets.map(|socket| Arc::new(ListenSocket { socket, file: file.take() }));
            listeners.passed.push(is_passed(asked.as_ref()));
            listeners.add(address, asked, sockets.collect());
            listeners.schemes.push(scheme);
            listeners.proxied.push(is_proxied);
        }
        Ok(listeners)
    }

    /// Everything that [`Listeners::inherit`] takes over.
    pub(crate) fn inheritable(&self) -> impl Iterator<Item = Inherited<BorrowedFd<'_>>> {
        self.sockets.iter().enumerate().map(|(number, sockets)| Inherited {
            sockets: sockets.iter().map(|it| it.as_fd()).collect(),
            asked: self.asked[number].clone(),
            scheme: self.schemes.get(number).copied().unwrap_or_default(),
            is_proxied: self.is_proxied(number),
            file: sockets.iter().find_map(|it| it.file.clone()),
        })
    }
}
