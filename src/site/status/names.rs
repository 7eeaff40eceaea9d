//! By which names a server may be asked for its status at an address of its own.
//!
//! A stranger's page can have its own name resolve to any address, also to one of this machine (DNS rebinding). To the
//! browser that shows it, the status is then a part of that page, which may read it. But the request still has the
//! stranger's name, and a stranger has only names that the public DNS gives out.

use crate::site::{HostName, Request};
use std::net::Ipv4Addr;

/// The names that an operator has given to a server. Others that no stranger can have are answered too.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusNames(Vec<HostName>);

impl StatusNames {
    pub(crate) fn new(names: Vec<HostName>) -> StatusNames {
        StatusNames(names)
    }

    /// Whether a request may see the status. No browser connects to a Unix socket.
    pub(super) fn admit(&self, request: &Request<'_>) -> bool {
        let is_of_tcp = request.as_head().peer.listener.is_some();
        !is_of_tcp || self.has(request.host())
    }

    /// Whether a host, which may have a port, is one of them, or one that no stranger can have: an address, a name of one
    /// part, or one that is reserved.
    fn has(&self, host: &str) -> bool {
        if host.is_empty() || host.starts_with('[') {
            return true;
        }
        let Ok(name) = host.parse::<HostName>() else { return false };
        let text = name.to_string();
        let (_, last) = text.rsplit_once('.').unwrap_or(("", ""));
        last.is_empty()
            || RESERVED.contains(&last)
            || text.ends_with(HOME)
            || text.parse::<Ipv4Addr>().is_ok()
            || self.0.iter().any(|known| known.covers(&name))
    }
}

/// Names that the public DNS gives to nobody: RFC 6761, RFC 6762, and `internal`, which ICANN has set aside.
const RESERVED: [&str; 5] = ["localhost", "local", "internal", "test", "invalid"];

/// Names of home networks (RFC 8375).
const HOME: &str = ".home.arpa";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_stranger_can_have_are_answered_unless_they_are_given() {
        let given = ["status.example.org", "*.web.example.org"];
        let names = given.map(|name| name.parse().expect("a name")).to_vec();
        let names = StatusNames::new(names);
        for host in [
            "",
            "localhost",
            "LOCALHOST:9090",
            "localhost.",
            "web1",
            "web1:9090",
            "127.0.0.1:9090",
            "10.0.0.7",
            "[::1]:9090",
            "[::1]",
            "status.localhost",
            "printer.local",
            "web.default.svc.cluster.local:9090",
            "db.internal",
            "nas.home.arpa",
            "Status.Example.org:9090",
            "status.example.org.",
            "a.web.example.org",
        ] {
            assert!(names.has(host), "{host}");
        }
        for host in [
            "example.org",
            "evil.example.org:9090",
            "web.example.org",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example.:9090",
            "local.host",
            "home.arpa.example",
            "xhome.arpa.com",
        ] {
            assert!(!names.has(host), "{host}");
        }
    }
}
