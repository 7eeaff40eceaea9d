//! The way of a request to its handler: its host, its location, the functions around it, redirects, rewrites, and who may.
//!
//! It must never know what the handler answers.

use super::around::Layer;
use super::hosts::Chosen;
use super::redirect::OriginChange;
use super::{Request, Response, Route, Site, Terms};
use crate::http::{Method, RequestHead, Status};

impl Site {
    /// Where a request goes. Asked once for each request; everything else about it is asked along this route.
    pub(crate) fn route_of(&self, head: &RequestHead<'_>) -> Route {
        if self.is_plain() {
            return self.locations.route(head.path(), head.method());
        }
        let mut route = match self.hosts.chosen(head.host()) {
            Chosen::Outer => self.locations.route(head.path(), head.method()),
            Chosen::Site(place) => {
                let site = &self.hosts.sites[place as usize];
                let route = site.locations.route(head.path(), head.method());
                route.of_host(place)
            }
            Chosen::Nobody => Route::misdirected(),
        };
        route.scheme = head.scheme();
        if let Some(rules) = self.of(&route).locations.rules(&route) {
            route.noted = rules.note(head, None);
        }
        self.pass(&mut route, head);
        route
    }

    /// Whether nothing stands between a request and its handler, which is found by its path alone.
    pub(super) fn is_plain(&self) -> bool {
        self.layers.is_empty()
            && self.hosts.is_empty()
            && self.canonical_host.is_none()
            && !self.locations.has_rules()
    }

    /// Asks the functions around the handler that have not been asked, and then what the site itself decides before a
    /// handler is asked.
    pub(super) fn pass(&self, route: &mut Route, head: &RequestHead<'_>) {
        // After a check, the request comes here again: what is decided stays so.
        if route.is_decided() {
            return;
        }
        let site = self.of(route);
        let inner: &[Layer] = if route.host.is_some() { &site.layers } else { &[] };
        let around = self.layers.iter().chain(inner);
        if !self.layers.is_empty() || !inner.is_empty() {
            let mut passage = route.passage.take().unwrap_or_default();
            let request = Request::new(head, site.locations.place(route), None);
            passage.go_on(around, &request);
            let is_open = passage.is_open();
            route.passage = Some(passage);
            if !is_open {
                return;
            }
        }
        if let Some(response) = site.decide(route, head) {
            route.decide(response);
            return;
        }
        site.count(route, head);
        // What CONNECT names is no path.
        if !route.is_decided() && head.method() != Method::Connect {
            site.rewrite(route, head);
            site.count(route, head);
            site.ask_access(route, head);
        }
    }

    /// Counts a request, once at each place that it is led to, and refuses one that is too much: before a password is
    /// looked at, which takes more work than anything else that a stranger can ask for.
    fn count(&self, route: &mut Route, head: &RequestHead<'_>) {
        if route.is_decided() {
            return;
        }
        let Some(rules) = self.locations.rules(route) else { return };
        match rules.rates.admit(head, &mut route.counted) {
            Ok(terms) => route.terms = Terms::both(route.terms.take(), terms),
            Err(response) => route.passage.get_or_insert_default().response = Some(response),
        }
    }

    /// Asks whether the client may do that here, and at every path that it was led by.
    #[cfg(feature = "cli")]
    fn ask_access(&self, route: &mut Route, head: &RequestHead<'_>) {
        let rewritten = route.rewritten.clone();
        let served = rewritten.as_ref().map_or(head.path(), |it| it.path());
        let asked = rewritten.iter().flat_map(|it| it.asked());
        let places = asked.map(|it| (it.spot, &it.path[..])).chain([(route.spot(), served)]);
        let accesses = places.flat_map(|(spot, path)| self.locations.accesses(spot, path));
        for (place, access) in accesses.enumerate() {
            let mut passage = route.passage.take().unwrap_or_default();
            let request = Request::new(head, self.locations.place(route), None);
            passage.ask_last(place, &request, |next| access.check(&request, next));
            route.passage = Some(passage);
        }
    }

    /// Only a configuration says who may do what.
    #[cfg(not(feature = "cli"))]
    fn ask_access(&self, _route: &mut Route, _head: &RequestHead<'_>) {}

    /// What the site itself decides before a handler is asked.
    fn decide(&self, route: &Route, head: &RequestHead<'_>) -> Option<Response> {
        if route.rewritten.is_some() {
            // It was asked before.
            return None;
        }
        if route.is_misdirected {
            return Some(Response::new(Status::MISDIRECTED_REQUEST));
        }
        // Both are about the connection, not about what is here.
        if matches!(head.method(), Method::Connect | Method::Trace) {
            return None;
        }
        let rules = self.locations.rules(route);
        match OriginChange::of(head, self.canonical_host.as_ref(), rules) {
            Some(change) => Some(change.response(head)),
            None => rules?.decide(head),
        }
    }

    /// The site of the host that a route belongs to.
    pub(super) fn of(&self, route: &Route) -> &Site {
        match route.host {
            Some(place) => &self.hosts.sites[place as usize],
            None => self,
        }
    }
}
