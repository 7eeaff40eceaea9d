//! Which site of several a request is for, by the name of its host.
//!
//! It must never know what the sites answer.

use super::Site;
use super::host_name::{HostName, Normalised};
use std::collections::HashMap;

/// What becomes of a request for a host that no site goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownHost {
    /// The outer site answers it.
    #[default]
    Default,
    /// 421 Misdirected Request (RFC 9110 §15.5.20).
    Refuse,
}

/// Sites by the names of their hosts.
#[derive(Default)]
pub(super) struct Hosts {
    pub(super) sites: Vec<Site>,
    exact: HashMap<Box<[u8]>, Chosen>,
    below: HashMap<Box<[u8]>, Chosen>,
    pub(super) unknown: UnknownHost,
}

/// Whose a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// That of the site itself.
    Outer,
    /// That of the site at this place.
    Site(u32),
    /// Nobody's.
    Nobody,
}

impl Hosts {
    /// Whether there is nothing to look up.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.unknown == UnknownHost::Default
    }

    /// Whose a host is, which may have a port.
    pub(super) fn chosen(&self, host: &[u8]) -> Chosen {
        if self.is_empty() {
            return Chosen::Outer;
        }
        Normalised::default().of(host).map_or(Chosen::Nobody, |name| self.find(name))
    }

    /// Adds a name. It returns whether it was free.
    pub(super) fn add(&mut self, name: &HostName, chosen: Chosen) -> bool {
        let names = if name.is_wildcard() { &mut self.below } else { &mut self.exact };
        let is_free = !names.contains_key(name.bare().as_bytes());
        names.entry(name.bare().as_bytes().into()).or_insert(chosen);
        is_free
    }

    /// Whose a host is: that of an exact name, then that of the longest name that it is below.
    pub(super) fn find(&self, name: &[u8]) -> Chosen {
        if let Some(chosen) = self.exact.get(name) {
            return *chosen;
        }
        let mut rest = name;
        while !self.below.is_empty()
            && let Some(dot) = rest.iter().position(|&byte| byte == b'.')
        {
            rest = &rest[dot + 1..];
            if let Some(chosen) = self.below.get(rest) {
                return *chosen;
            }
        }
        match self.unknown {
            UnknownHost::Default => Chosen::Outer,
            UnknownHost::Refuse => Chosen::Nobody,
        }
    }
}

impl Site {
    /// Has another site answer the requests for a host. The outer site answers those for other hosts, and the
    /// functions around it stand around the inner one too.
    ///
    /// ```
    /// use httpd::{Request, Site};
    /// let blog = Site::new().get("/", |_| "the blog\n");
    /// let site = Site::new().get("/", |_| "the front page\n").host("blog.example.org".parse()?, blog);
    /// let request = Request::get("/").header("Host", "blog.example.org");
    /// assert_eq!(site.handle(request).into_text()?, "the blog\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// When another site has the name, or when the site has hosts of its own.
    #[track_caller]
    pub fn host(self, name: HostName, site: Site) -> Site {
        self.hosts([name], site)
    }

    /// The same for a host that goes by several names.
    ///
    /// # Panics
    /// As [`Site::host`].
    #[track_caller]
    pub fn hosts(mut self, names: impl IntoIterator<Item = HostName>, mut site: Site) -> Site {
        assert!(site.hosts.is_empty(), "a site of a host has hosts of its own");
        let place =
            u32::try_from(self.hosts.sites.len()).expect("so many sites fit into no memory");
        for name in names {
            assert!(self.hosts.add(&name, Chosen::Site(place)), "{name} has a site already");
            site.name.get_or_insert_with(|| name.to_string().into());
        }
        self.hosts.sites.push(site);
        self
    }

    /// Names of the outer site itself. They matter where unknown hosts are refused.
    ///
    /// # Panics
    /// When another site has one of the names.
    #[track_caller]
    pub fn names(mut self, names: impl IntoIterator<Item = HostName>) -> Site {
        for name in names {
            assert!(self.hosts.add(&name, Chosen::Outer), "{name} has a site already");
            self.name.get_or_insert_with(|| name.to_string().into());
        }
        self
    }

    /// All names of it and of its hosts.
    pub(crate) fn all_names(&self) -> Vec<HostName> {
        let Hosts { exact, below, sites, .. } = &self.hosts;
        let exact = exact.keys().map(|name| (name, false));
        let names = exact.chain(below.keys().map(|name| (name, true)));
        let names = names.map(|(name, is_wildcard)| HostName::normalised(name, is_wildcard));
        let sites = [self].into_iter().chain(sites);
        names.chain(sites.filter_map(|site| site.canonical_host.clone())).collect()
    }

    /// What becomes of a request for a host that no site goes by. Default: the outer site answers it.
    pub fn unknown_host(mut self, unknown: UnknownHost) -> Site {
        self.hosts.unknown = unknown;
        self
    }

    /// Redirects all other names of this site to this one, with path, query and port as they are: 301, or 308 for
    /// requests that are no GET or HEAD.
    ///
    /// # Panics
    /// When it is a name with `*`.
    #[track_caller]
    pub fn canonical_host(mut self, name: HostName) -> Site {
        assert!(!name.is_wildcard(), "{name} stands for many names");
        self.canonical_host = Some(name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::host_name::port;

    fn hosts(names: &[&str]) -> Hosts {
        let mut hosts = Hosts::default();
        for (place, name) in names.iter().enumerate() {
            let name = name.parse().expect("it is a name");
            assert!(hosts.add(&name, Chosen::Site(place as u32)));
        }
        hosts
    }

    fn found(hosts: &Hosts, host: &str) -> Chosen {
        hosts.find(Normalised::default().of(host.as_bytes()).expect("it is short"))
    }

    #[test]
    fn an_exact_name_wins_and_then_the_longest_wildcard() {
        let hosts = hosts(&["example.org", "*.example.org", "*.a.example.org", "b.a.example.org"]);
        for (host, place) in [
            ("example.org", 0),
            ("EXAMPLE.org:8080", 0),
            ("example.org.", 0),
            ("example.org.:80", 0),
            ("www.example.org", 1),
            ("x.y.example.org", 1),
            ("a.example.org", 1),
            ("x.a.example.org", 2),
            ("b.a.example.org", 3),
            ("c.b.a.example.org", 2),
        ] {
            assert_eq!(found(&hosts, host), Chosen::Site(place), "{host}");
        }
        for host in ["", "org", "example.org.evil.com", "xexample.org", "..example", "localhost"] {
            assert_eq!(found(&hosts, host), Chosen::Outer, "{host}");
        }
    }

    #[test]
    fn an_ipv6_address_has_brackets_and_may_have_a_port() {
        let hosts = hosts(&["[::1]", "127.0.0.1"]);
        assert_eq!(found(&hosts, "[::1]"), Chosen::Site(0));
        assert_eq!(found(&hosts, "[::1]:80"), Chosen::Site(0));
        assert_eq!(found(&hosts, "127.0.0.1:80"), Chosen::Site(1));
        assert_eq!(
            (port(b"[::1]:80"), port(b"[::1]"), port(b"a:1")),
            (&b":80"[..], &b""[..], &b":1"[..])
        );
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut hosts = hosts(&["example.org"]);
        let name = "EXAMPLE.org".parse().expect("it is a name");
        assert!(!hosts.add(&name, Chosen::Outer));
    }
}
