//! The rules of a site's locations.

use super::Rules;
use super::seen::{Seen, path_of};
use crate::http::Method;
use crate::site::route::Route;
use crate::site::{Location, Response, Site};
use std::sync::Arc;

impl Site {
    /// Sets the rules of a location, or those for paths without a location.
    pub(crate) fn with_rules(mut self, location: Option<Location>, rules: Arc<Rules>) -> Site {
        match location.map(|it| it.pattern()) {
            Some(Ok(pattern)) => self.locations.set_rules(Some(&pattern), rules),
            Some(Err(_)) => {}
            None => self.locations.set_rules(None, rules),
        }
        self
    }

    /// Takes the rules of a location away, which it may have from what stood there before.
    pub(crate) fn without_rules(mut self, location: &Location) -> Site {
        if let Ok(pattern) = location.pattern() {
            self.locations.clear_rules(&pattern);
        }
        self
    }

    /// Whether requests without TLS are redirected on this route.
    #[cfg(feature = "cli")]
    pub(crate) fn redirects_to_https(&self, route: &Route) -> bool {
        self.of(route).locations.rules(route).is_some_and(|rules| rules.https.is_some())
    }

    /// Tells redirects to HTTPS at which port the server speaks it, where the system was to choose one.
    #[cfg(feature = "cli")]
    pub(crate) fn learn_https_port(&self, port: u16) {
        let sites = [self].into_iter().chain(&self.hosts.sites);
        let rules = sites.flat_map(|site| site.locations.all_rules());
        rules.filter_map(|(_, rules)| rules.https.as_ref()).for_each(|it| it.learn_port(port));
    }

    /// The paths that a client is sent to, one after another, if that never ends.
    pub(crate) fn endless_redirects(&self, from: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut paths = vec![from.to_vec()];
        while let Some(path) = paths.last() {
            let seen = Seen { path, host: b"this.host.invalid", ..Seen::default() };
            let route = self.locations.route(path, Method::Get);
            let decided = self.locations.rules(&route)?.redirect(&seen)?;
            let next = path_of(&decided.location?, &seen)?;
            let is_known = paths.contains(&next);
            paths.push(next);
            if is_known || paths.len() > REDIRECTS_MAX {
                break;
            }
        }
        Some(paths)
    }

    /// The paths that rewrites lead to one after another, if they come round to one of them again.
    pub(crate) fn circular_rewrites(&self, from: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut paths = vec![from.to_vec()];
        while let Some(path) = paths.last() {
            let seen = Seen { path, host: b"this.host.invalid", ..Seen::default() };
            let route = self.locations.route(path, Method::Get);
            let rules = self.locations.rules(&route)?;
            let decided = rules.rewrites.iter().find_map(|it| it.decide(&seen))?;
            let next = path_of(&decided.location?, &seen)?;
            let is_known = paths.contains(&next);
            paths.push(next);
            if is_known {
                return Some(paths);
            }
            if paths.len() > REDIRECTS_MAX {
                return None;
            }
        }
        None
    }

    /// The same as [`Site::finish`] for a refusal that cannot wait for a file: its page is read at once, or it gets the
    /// built-in one.
    pub(crate) fn finish_at_once(&self, route: &mut Route, response: &mut Response) {
        self.finish(route, response);
        if !response.is_named() {
            return;
        }
        let rules = self.of(route).locations.rules(route);
        if let Some(page) = rules.and_then(|rules| rules.page_at_once(&route.noted)) {
            *response = page;
            self.finish(route, response);
        }
    }
}

/// How many redirects browsers follow.
const REDIRECTS_MAX: usize = 20;
