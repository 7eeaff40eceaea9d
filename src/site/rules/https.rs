//! What is only for HTTPS: the redirect to it, and the order to browsers to use nothing else (HSTS, RFC 6797).

use crate::http::{RequestHead, Scheme};
use crate::site::host_name::port;
use std::sync::atomic::{AtomicU16, Ordering};

/// Redirects requests that came without TLS.
#[derive(Debug)]
pub(crate) struct HttpsRedirect {
    /// Where the server speaks TLS. 0: at a port that the system chooses.
    port: AtomicU16,
}

impl HttpsRedirect {
    /// To this port.
    pub(crate) fn new(port: u16) -> HttpsRedirect {
        HttpsRedirect { port: AtomicU16::new(port) }
    }

    /// The system has chosen this port, if it was asked to choose.
    #[cfg(feature = "cli")]
    pub(super) fn learn_port(&self, chosen: u16) {
        let _ = self.port.compare_exchange(0, chosen, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether a request is redirected.
    pub(crate) fn is_for(&self, head: &RequestHead<'_>) -> bool {
        head.scheme() == Scheme::Http && !head.path().starts_with(ACME_CHALLENGE)
    }

    /// The port at which a client finds TLS. `None`: the usual one.
    ///
    /// A client that came to the port that the server listens at finds the server's other ports as well. Otherwise
    /// something in front has other ports: a proxy, a load balancer, or the port mapping of a container. If a client
    /// finds HTTP there at the usual port, it finds HTTPS at the usual port too.
    pub(crate) fn port_for(&self, head: &RequestHead<'_>) -> Option<u16> {
        let named = port(head.host()).strip_prefix(b":").unwrap_or_default();
        let asked = std::str::from_utf8(named).ok().and_then(|it| it.parse().ok());
        let listener = head.peer.listener.map(|it| it.port());
        self.port(asked.unwrap_or(HTTP_PORT), listener, head.peer.is_relayed)
    }

    /// The same for a client that has asked a port, of a server that listens at this one.
    fn port(&self, asked: u16, listener: Option<u16>, is_relayed: bool) -> Option<u16> {
        let is_usual = asked == HTTP_PORT;
        let is_mapped = match listener == Some(asked) {
            true => is_relayed && is_usual,
            false => is_relayed || is_usual,
        };
        let port = self.port.load(Ordering::Relaxed);
        (!is_mapped && port != 0 && port != HTTPS_PORT).then_some(port)
    }
}

/// What authorities ask for without TLS, before there is a certificate (RFC 8555 §8.3).
const ACME_CHALLENGE: &[u8] = b"/.well-known/acme-challenge/";

/// RFC 9110 §4.2.1.
const HTTP_PORT: u16 = 80;

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_something_in_front_maps_is_not_named() {
        let https = HttpsRedirect::new(8443);
        for (asked, listener, is_relayed, expected) in [
            // Straight to the server.
            (80, Some(80), false, Some(8443)),
            (8080, Some(8080), false, Some(8443)),
            // A container's 80 is mapped to its 8080.
            (80, Some(8080), false, None),
            (80, None, false, None),
            // Nobody knows which ports are mapped.
            (8000, Some(8080), false, Some(8443)),
            // A proxy speaks TLS, at the usual port.
            (80, Some(80), true, None),
            (80, Some(8080), true, None),
            (8000, Some(8080), true, None),
            (8000, None, true, None),
            // A client on the machine of the proxy.
            (8080, Some(8080), true, Some(8443)),
        ] {
            let port = https.port(asked, listener, is_relayed);
            assert_eq!(port, expected, "{asked} {listener:?} {is_relayed}");
        }
        assert_eq!(HttpsRedirect::new(443).port(8080, Some(8080), false), None);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_port_that_the_system_chooses_is_named_once_it_is_known() {
        let https = HttpsRedirect::new(0);
        assert_eq!(https.port(8080, Some(8080), false), None);
        https.learn_port(40_000);
        assert_eq!(https.port(8080, Some(8080), false), Some(40_000));
        https.learn_port(50_000);
        assert_eq!(https.port(8080, Some(8080), false), Some(40_000));
    }
}
