//! The name of a client in the log.

use std::fmt;
use std::net::SocketAddr;

/// A client, named by its address. `None` is on a Unix socket.
#[derive(Clone, Copy)]
pub(crate) struct ClientName(pub Option<SocketAddr>);

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(formatter),
            None => formatter.write_str("unix client"),
        }
    }
}
