//! What diagnostics call a client.

use std::fmt;
use std::net::SocketAddr;

/// A client by its address.
#[derive(Clone, Copy)]
pub struct ClientName(pub Option<SocketAddr>);

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(formatter),
            None => formatter.write_str("unix client"),
        }
    }
}
