//! Asks a site what everybody would get there. The clients that it makes up have addresses that nobody has (RFC 3849),
//! each another one, so that neither networks nor rates make a difference.

use crate::config::{Config, Place};
use crate::files::Root;
use crate::http::target::encode_path;
use crate::http::{Scheme, Status};
use crate::server::asker::{Asked, Asker};
use crate::server::in_process::RequestBuilder;
use crate::site::Site;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Asks, and counts.
pub(super) struct Inquiry<'c> {
    config: &'c Config,
    asker: Asker,
    asked: u32,
    /// The hosts by the names that they are asked by.
    hosts: HashMap<String, Option<usize>>,
    places: HashMap<&'c Path, Vec<&'c Place>>,
}

impl<'c> Inquiry<'c> {
    pub(super) fn new(config: &'c Config) -> Inquiry<'c> {
        let mut places: HashMap<&Path, Vec<&Place>> = HashMap::new();
        for place in &config.places {
            let Some(files) = &place.files else { continue };
            let known = places.entry(files.root.path()).or_default();
            if known.len() < PLACES_MAX {
                known.push(place);
            }
        }
        let mut inquiry =
            Inquiry { config, asker: Asker::new(), asked: 0, hosts: HashMap::new(), places };
        for place in 0..config.names.len() {
            let host = place.checked_sub(1);
            inquiry.hosts.entry(inquiry.name(host)).or_insert(host);
        }
        inquiry
    }

    pub(super) fn site(&self) -> &'c Site {
        self.config.server.site()
    }

    /// The places whose files are below this root.
    pub(super) fn places(&self, root: &Path) -> Vec<&'c Place> {
        self.places.get(root).cloned().unwrap_or_default()
    }

    /// By which name a host is asked.
    pub(super) fn name(&self, host: Option<usize>) -> String {
        let place = host.map_or(0, |place| place + 1);
        let name = self.config.names.get(place).cloned().flatten();
        name.unwrap_or_else(|| "localhost".to_owned())
    }

    /// The host that is asked by this name.
    pub(super) fn host(&self, name: &str) -> Option<Option<usize>> {
        self.hosts.get(name).copied()
    }

    /// What a client gets that it knows nothing of. `None`: this was asked too often, or is no path.
    pub(super) fn ask(&mut self, host: Option<usize>, path: &[u8]) -> Option<Asked> {
        if self.asked == ASKED_MAX {
            return None;
        }
        self.asked += 1;
        let [high, low] = [self.asked >> 16, self.asked & 0xffff].map(|it| it as u16);
        let client = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 1));
        let mut target = Vec::new();
        encode_path(path, &mut target);
        let request = RequestBuilder::new("GET", &String::from_utf8_lossy(&target))
            .header("Host", self.name(host))
            .peer(SocketAddr::new(client, 1));
        let (asker, site) = (&mut self.asker, self.config.server.site());
        let mut ask = |scheme| {
            let request = request.clone().scheme(scheme);
            request.with_head(|head| Some(asker.ask(site, head.ok()?, Vec::new())))
        };
        let asked = ask(Scheme::Http)?;
        match site.redirects_to_https(&asked.route) {
            true => ask(Scheme::Https),
            false => Some(asked),
        }
    }

    /// Whether nothing more is asked.
    pub(super) fn is_exhausted(&self) -> bool {
        self.asked == ASKED_MAX
    }

    /// The URL at which everybody gets this file, if there is one.
    pub(super) fn url_of(
        &mut self,
        places: &[&Place],
        root: &Path,
        relative: &Path,
    ) -> Option<String> {
        let file = root.join(relative);
        places.iter().find_map(|place| {
            let path = place.url_path(relative)?;
            let asked = self.ask(place.host, path.as_os_str().as_bytes())?;
            let roots: &Root = &place.files.as_ref()?.root;
            let sent = self.asker.file_of(&asked.response, [roots].into_iter());
            let is_sent = asked.response.status == Status::OK && sent.as_deref() == Some(&file);
            is_sent.then(|| {
                let path = path.as_os_str().as_bytes();
                url(self.site().redirects_to_https(&asked.route), &self.name(place.host), path)
            })
        })
    }
}

/// As a client writes it.
pub(super) fn url(is_https: bool, host: &str, path: &[u8]) -> String {
    let scheme = if is_https { Scheme::Https } else { Scheme::Http };
    let mut url = format!("{}://{host}", scheme.as_str()).into_bytes();
    encode_path(path, &mut url);
    String::from_utf8_lossy(&url).into_owned()
}

/// More questions take long.
const ASKED_MAX: u32 = 20_000;

/// Very many hosts may have one root; it is asked of so many of them.
const PLACES_MAX: usize = 20;
