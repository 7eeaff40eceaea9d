//! The proxies that are believed when they say who their client is.
//!
//! It must never know how a connection came, or what its client may do.

use super::networks::{Network, Networks};
use crate::http::{Forwarded, ForwardedHeader, RequestHead, forwarded};
use std::net::SocketAddr;

/// The networks of proxies, and which of their headers names the client. Default: there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies {
    networks: Networks,
    header: ForwardedHeader,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<Network>, header: ForwardedHeader) -> TrustedProxies {
        TrustedProxies { networks: Networks::new(networks), header }
    }

    /// The same with another header.
    pub(crate) fn with_header(self, header: ForwardedHeader) -> TrustedProxies {
        TrustedProxies { header, ..self }
    }

    /// Which header names the client.
    pub(crate) fn header(&self) -> ForwardedHeader {
        self.header
    }

    /// Whether nobody is believed.
    pub(crate) fn are_none(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether the other end of a connection is one of them; `None` is at a Unix socket.
    pub(crate) fn contain(&self, peer: Option<SocketAddr>) -> bool {
        self.networks.contain(peer)
    }

    /// Puts the client, the scheme and the host that such a proxy names into the head of its request.
    pub(crate) fn resolve(&self, head: &mut RequestHead<'_>) {
        let is_trusted = |address| self.contain(Some(address));
        let Forwarded { address, scheme, host } = forwarded(head, self.header, &is_trusted);
        head.peer.is_relayed = true;
        head.peer.address = address.or(head.peer.address);
        head.peer.scheme = scheme.unwrap_or(head.peer.scheme);
        head.host = host.unwrap_or(head.host);
    }
}
