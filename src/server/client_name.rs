//! The name of a client in the log.

use std::fmt;
use std::net::SocketAddr;

/// A client, named by its address. `None` is on a Unix socket.
#[derive(Clone, Copy)]
pub(crate) struct ClientName(pub Option<SocketAddr>);

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // A proxy has named it without its port.
            Some(peer) if peer.port() == 0 => peer.ip().fmt(formatter),
            Some(peer) => peer.fmt(formatter),
            None => formatter.write_str("unix client"),
        }
    }
}
