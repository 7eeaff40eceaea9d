//! What counts as one client for limits.

use crate::site::networks::bits_of;
use std::net::{IpAddr, SocketAddr};

/// A client. One with an IPv6 address is known by its first 64 bits, because it has all addresses that begin with them;
/// all clients of Unix sockets are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey(u128);

impl ClientKey {
    pub(crate) fn of(client: Option<SocketAddr>) -> ClientKey {
        let Some(client) = client else { return ClientKey(OF_UNIX_SOCKETS) };
        let bits = bits_of(client.ip());
        ClientKey(match client.ip().to_canonical() {
            IpAddr::V4(_) => bits,
            // The lower bits are set, so that no such network is what an account without a client has.
            IpAddr::V6(_) => bits | u128::from(u64::MAX),
        })
    }
}

/// No network has this number: its lower bits are not all set, and it is no mapped IPv4 address.
const OF_UNIX_SOCKETS: u128 = 1;
