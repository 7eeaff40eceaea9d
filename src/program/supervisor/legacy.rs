//! What a supervisor finds that takes the place of another in its process: an [`Inheritance`], and the descriptors that
//! go with it, in the order of its lines. Knows nothing of what becomes of them.

use std::io;
use std::os::fd::OwnedFd;

use super::inheritance::{self, Inheritance, InheritedListener};
use crate::server::listener::inheriting::Inherited;
use crate::sys::channel::{Channel, ChannelMessage, Received};
use crate::sys::process::{read_sealed, set_stdin, take_stdin};

/// What a predecessor has left, with its descriptors.
pub(super) struct Legacy {
    pub(super) inheritance: Inheritance,
    /// The configuration.
    pub(super) text: OwnedFd,
    /// The certificates and the keys of tickets, if it speaks TLS.
    pub(super) tls: Option<OwnedFd>,
    pub(super) addresses: Vec<Inherited<OwnedFd>>,
    /// Of each process, in their order.
    pub(super) channels: Vec<Channel>,
    /// Where commands arrive, if they do.
    pub(super) control: Option<OwnedFd>,
    /// Of each command, in their order.
    pub(super) connections: Vec<OwnedFd>,
}

impl Legacy {
    /// Takes it from standard input, and makes that what it was.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn take() -> Result<Legacy, String> {
        let failed = |error: io::Error| error.to_string();
        let channel = take_stdin().map(Channel::from_end).map_err(failed)?;
        let first = next(&channel).map_err(failed)?;
        let mut descriptors = first.descriptors.into_iter();
        let (Some(left), Some(text), Some(stdin)) =
            (descriptors.next(), descriptors.next(), descriptors.next())
        else {
            return Err("something is missing".to_owned());
        };
        let tls = descriptors.next();
        set_stdin(&stdin).map_err(failed)?;
        let left = read_sealed(&left, inheritance::TEXT_BYTES_MAX).map_err(failed)?;
        let left = String::from_utf8(left).map_err(|error| error.to_string())?;
        let inheritance: Inheritance = left.parse()?;
        let mut all = Vec::new();
        while all.len() < inheritance.descriptor_count() {
            all.append(&mut next(&channel).map_err(failed)?.descriptors);
        }
        let mut all = all.into_iter();
        let of_address = |it: &InheritedListener| Inherited {
            sockets: all.by_ref().take(it.sockets).collect(),
            asked: it.asked.clone(),
            scheme: it.scheme,
            is_proxied: it.is_proxied,
            file: it.file.clone().map(|it| (it.path, it.identity)),
        };
        let addresses = inheritance.listeners.iter().map(of_address).collect();
        let processes = inheritance.children.len();
        let channels = all.by_ref().take(processes).map(Channel::from_end).collect();
        let control = if inheritance.takes_commands { all.next() } else { None };
        let connections = all.collect();
        Ok(Legacy { inheritance, text, tls, addresses, channels, control, connections })
    }
}

fn next(channel: &Channel) -> io::Result<ChannelMessage> {
    match channel.receive()? {
        Received::Message(message) => Ok(message),
        Received::Nothing | Received::End => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What the first message says, and the others.
pub(super) const INHERITANCE: &[u8] = b"inheritance";
pub(super) const MORE: &[u8] = b"more";
