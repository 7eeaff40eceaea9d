//! From a path to a location and its handler: the longest prefix wins.

use super::{Handler, Methods};
use crate::http::Method;

/// The paths that a handler serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Without its last slash, so that the root is empty; an exact path as it is.
    path: Vec<u8>,
    /// Whether it covers the path alone, and nothing below it.
    is_exact: bool,
}

impl Location {
    /// A path and everything below it.
    pub fn prefix(path: &str) -> Location {
        let path = path.trim_end_matches('/').as_bytes().to_vec();
        Location { path, is_exact: false }
    }

    /// A path alone, like nginx's `location = /path`.
    pub fn exact(path: &str) -> Location {
        Location { path: path.as_bytes().to_vec(), is_exact: true }
    }

    fn covers(&self, path: &[u8]) -> bool {
        if self.is_exact {
            return path == self.path;
        }
        // A prefix ends where a segment ends: `/a` covers `/a` and `/a/b`, not `/ab`.
        path.strip_prefix(&self.path[..]).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    }

    /// The order of locations: exact ones before prefixes, long ones before short ones.
    fn precedence(&self) -> (bool, usize) {
        (self.is_exact, self.path.len())
    }
}

impl From<&str> for Location {
    fn from(prefix: &str) -> Location {
        Location::prefix(prefix)
    }
}

impl From<&String> for Location {
    fn from(prefix: &String) -> Location {
        Location::prefix(prefix)
    }
}

/// The locations of a site.
#[derive(Default)]
pub(crate) struct Locations {
    /// By precedence, so that the first match wins.
    sorted: Vec<LocationHandlers>,
}

struct LocationHandlers {
    location: Location,
    /// The latest first.
    handlers: Vec<Box<dyn Handler>>,
}

/// Where a request goes. It is found once, when the head is complete, and kept until the response is sent. The
/// default leads nowhere: it belongs to a request whose head could not be parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// The place in [`Locations`].
    location: Option<u32>,
    /// The place among the handlers of the location.
    handler: Option<u32>,
    /// How much of the path the location covers.
    pub(crate) prefix_bytes: usize,
}

impl Locations {
    /// Adds a handler. It replaces handlers at the same location that have no other methods.
    pub(crate) fn insert(&mut self, location: Location, handler: Box<dyn Handler>) {
        match self.sorted.iter_mut().find(|entry| entry.location == location) {
            Some(entry) => {
                let taken = handler.methods();
                entry.handlers.retain(|earlier| !earlier.methods().is_within(taken));
                entry.handlers.insert(0, handler);
            }
            None => {
                let precedence = location.precedence();
                let place =
                    self.sorted.partition_point(|entry| entry.location.precedence() >= precedence);
                self.sorted.insert(place, LocationHandlers { location, handlers: vec![handler] });
            }
        }
    }

    /// All handlers.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = &dyn Handler> {
        self.sorted.iter().flat_map(|entry| &entry.handlers).map(|handler| &**handler)
    }

    /// The location of a decoded, normalised path, and its handler for the method.
    pub(crate) fn route(&self, path: &[u8], method: Method) -> Route {
        let covers = |entry: &LocationHandlers| entry.location.covers(path);
        let Some(location) = self.sorted.iter().position(covers) else {
            return Route::default();
        };
        let entry = &self.sorted[location];
        let mut handlers = entry.handlers.iter().map(|handler| handler.methods());
        Route {
            location: Some(location as u32),
            handler: handlers
                .position(|methods| methods.contains(method))
                .map(|place| place as u32),
            prefix_bytes: entry.location.path.len(),
        }
    }

    /// The handler of a route.
    pub(crate) fn handler(&self, route: &Route) -> Option<&dyn Handler> {
        let handler = self.entry(route)?.handlers.get(route.handler? as usize)?;
        Some(&**handler)
    }

    /// All methods that the handlers at the location of a route take.
    pub(crate) fn methods(&self, route: &Route) -> Option<Methods> {
        let all = self.entry(route)?.handlers.iter();
        Some(all.fold(Methods::NONE, |methods, handler| methods.and(handler.methods())))
    }

    fn entry(&self, route: &Route) -> Option<&LocationHandlers> {
        self.sorted.get(route.location? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;
    use crate::site::{Response, inline};

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let mut locations = Locations::default();
        for prefix in ["/", "/a", "/a/b/", "/c/"] {
            locations.insert(prefix.into(), Box::new(|_: &Request<'_>| Response::text("")));
        }
        for (path, expected) in [
            ("/", 0),
            ("/x", 0),
            ("/a", 2),
            ("/a/", 2),
            ("/ab", 0),
            ("/a/b", 4),
            ("/a/b/c", 4),
            ("/a/bc", 2),
            ("/c", 2),
        ] {
            let found = locations.route(path.as_bytes(), Method::Get);
            assert_eq!((found.location.is_some(), found.prefix_bytes), (true, expected), "{path}");
        }
    }

    #[test]
    fn without_a_root_location_the_rest_is_nowhere() {
        let mut locations = Locations::default();
        locations.insert("/a".into(), Box::new(|_: &Request<'_>| Response::text("")));
        assert_eq!(locations.route(b"/b", Method::Get), Route::default());
    }

    #[test]
    fn an_exact_location_wins_over_every_prefix_and_reaches_no_further() {
        let mut locations = Locations::default();
        let handler = || Box::new(|_: &Request<'_>| Response::text(""));
        locations.insert("/a/b".into(), handler());
        locations.insert(Location::exact("/a"), handler());
        locations.insert(Location::exact("/a/b/"), handler());
        locations.insert("/".into(), handler());
        for (path, expected) in
            [("/a", 2), ("/a/", 0), ("/a/b", 4), ("/a/b/", 5), ("/a/b/c", 4), ("/b", 0)]
        {
            let found = locations.route(path.as_bytes(), Method::Get);
            assert_eq!((found.location.is_some(), found.prefix_bytes), (true, expected), "{path}");
        }
    }

    #[test]
    fn each_method_has_its_handler_and_the_later_one_wins() {
        let mut locations = Locations::default();
        let taking = |methods| Box::new(inline(|_, _| Response::text("")).methods(methods));
        locations.insert("/a".into(), taking(&[Method::Get, Method::Post]));
        locations.insert("/a".into(), taking(&[Method::Put]));
        let entries = |locations: &Locations| locations.sorted[0].handlers.len();
        let route = locations.route(b"/a", Method::Delete);
        let methods = locations.methods(&route).expect("it is there");
        assert_eq!(methods.allow(), "GET, HEAD, POST, PUT, OPTIONS");
        assert!(locations.handler(&route).is_none());
        assert!(locations.handler(&locations.route(b"/a", Method::Put)).is_some());
        assert_eq!(entries(&locations), 2);
        locations.insert("/a".into(), taking(&[Method::Get, Method::Post, Method::Put]));
        assert_eq!(entries(&locations), 1, "a handler with no method left is removed");
    }
}
