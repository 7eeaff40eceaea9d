//! From a path to a location and its handler: the longest prefix wins.

#[cfg(feature = "cli")]
use super::access::{Access, GuardedLocation, OtherPaths, WhoMay};
use super::around::Passage;
use super::pattern::Pattern;
use super::request::Place;
use super::rewrite::Rewritten;
use super::rules::{Noted, Rules};
use super::{Counted, Handler, Methods, Response, Terms};
use crate::http::{Method, Scheme};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The paths that a handler serves: a path and everything below it, for which the text alone will do, or one path
/// ([`Location::exact`]).
///
/// A segment `{name}` stands for any one segment, and `{*name}` at the end for the rest of the path:
/// [`Request::parameter`](crate::Request::parameter) says what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    path: Vec<u8>,
    /// Whether it covers the path alone, and nothing below it.
    is_exact: bool,
    /// Whether braces are braces.
    is_literal: bool,
}

impl Location {
    /// A path and everything below it.
    pub fn prefix(path: &str) -> Location {
        Location { path: path.as_bytes().to_vec(), is_exact: false, is_literal: false }
    }

    /// A path alone, and nothing below it, like nginx's `location = /path`.
    pub fn exact(path: &str) -> Location {
        Location { path: path.as_bytes().to_vec(), is_exact: true, is_literal: false }
    }

    /// The same without names: each character stands for itself, such as a brace, a star or a colon.
    ///
    /// ```
    /// use httpd::{Location, Request, Site, inline};
    /// let site = Site::new().at(Location::exact("/:batch").literal(), inline(|_| "done\n"));
    /// assert_eq!(site.handle(Request::get("/:batch")).into_text()?, "done\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn literal(self) -> Location {
        Location { is_literal: true, ..self }
    }

    /// The paths that it stands for.
    ///
    /// # Errors
    /// What is wrong with its path.
    pub(super) fn pattern(&self) -> Result<Pattern, &'static str> {
        // Without its last slash, a prefix is a beginning of itself, and the root is empty.
        let end = match self.is_exact {
            true => self.path.len(),
            false => self.path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1),
        };
        match self.is_literal {
            true => Ok(Pattern::literal(&self.path[..end], self.is_exact)),
            false => Pattern::parse(&self.path[..end], self.is_exact),
        }
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

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.path))
    }
}

/// The locations of a site.
#[derive(Default)]
pub(crate) struct Locations {
    /// By precedence, so that the first match wins.
    sorted: Vec<LocationHandlers>,
    /// For paths without a location.
    rules: Option<Arc<Rules>>,
    /// The number of the log for paths without a location.
    log: u16,
    /// Whether there is a location with rules, or one that not everybody may ask for.
    has_rules: bool,
    /// Who may ask for what, if not everybody may do everything.
    #[cfg(feature = "cli")]
    who_may: Option<Arc<WhoMay>>,
}

struct LocationHandlers {
    pattern: Arc<Pattern>,
    /// Who may ask for it, if not everybody may.
    #[cfg(feature = "cli")]
    access: Option<Arc<Access>>,
    /// The latest first.
    handlers: Vec<Box<dyn Handler>>,
    rules: Option<Arc<Rules>>,
    /// The number of its log.
    log: u16,
}

impl LocationHandlers {
    fn methods(&self) -> Methods {
        let all = self.handlers.iter();
        all.fold(Methods::NONE, |methods, handler| methods.and(handler.methods()))
    }
}

/// Where a request goes. It is found once, when the head is complete, and kept until the response is sent. The
/// default leads nowhere: it belongs to a request whose head could not be parsed.
#[derive(Default)]
pub(crate) struct Route {
    /// Whose locations these are, if not those of the outer site: the place in [`Hosts`](super::hosts::Hosts).
    pub(super) host: Option<u32>,
    /// Whether nobody goes by the name of its host.
    pub(super) is_misdirected: bool,
    /// The place in [`Locations`].
    location: Option<u32>,
    /// The place among the handlers of the location.
    handler: Option<u32>,
    /// How much of the path the location covers.
    prefix_bytes: usize,
    /// What stands around the handler, if anything does.
    pub(super) passage: Option<Box<Passage>>,
    /// What the rules of the location have noted, if they depend on the request.
    pub(super) noted: Option<Box<Noted>>,
    /// By which rates of the location it was counted.
    pub(super) counted: Counted,
    /// On which terms it is answered, if there are any.
    pub(super) terms: Option<Box<Terms>>,
    /// Where the request was led, if its client asked for another path.
    pub(super) rewritten: Option<Arc<Rewritten>>,
    /// The scheme of the request, for the rules.
    pub(super) scheme: Scheme,
}

/// What is at a path: a location, and how much of the path it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only a configuration says who may")
    )]
    location: Option<u32>,
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only a configuration says who may")
    )]
    prefix_bytes: usize,
}

impl Route {
    /// The place of its host among those of the site, if it is one of them.
    pub(crate) fn host(&self) -> Option<u32> {
        self.host
    }

    /// Whether functions stand around its handler.
    pub(crate) fn has_functions(&self) -> bool {
        self.passage.is_some()
    }

    /// How long the response may take to be found, if a function around its handler says so.
    pub(crate) fn time_max(&self) -> Option<Duration> {
        self.passage.as_ref()?.time_max
    }

    /// What is at its path.
    pub(super) fn spot(&self) -> Spot {
        Spot { location: self.location, prefix_bytes: self.prefix_bytes }
    }

    /// What is at the path that the client asked for, and at every path that it was led to, with these paths.
    #[cfg(feature = "cli")]
    pub(super) fn places<'p>(&'p self, path: &'p [u8]) -> Vec<(Spot, &'p [u8])> {
        let Some(rewritten) = &self.rewritten else { return vec![(self.spot(), path)] };
        let asked = rewritten.asked().iter().map(|it| (it.spot, &it.path[..]));
        asked.chain([(self.spot(), rewritten.path())]).collect()
    }

    /// Decides the response.
    pub(super) fn decide(&mut self, response: Response) {
        self.passage.get_or_insert_default().response = Some(Box::new(response));
    }

    /// That of a request for a host that nobody goes by.
    pub(super) fn misdirected() -> Route {
        Route { is_misdirected: true, ..Route::default() }
    }

    /// The same within the site of a host.
    pub(super) fn of_host(self, place: u32) -> Route {
        Route { host: Some(place), ..self }
    }

    /// Whether something has to be found out before the request can go on.
    pub(crate) fn has_check(&self) -> bool {
        self.passage.as_ref().is_some_and(|passage| passage.has_check())
    }

    /// Whether a function around its handler has decided the response.
    pub(crate) fn is_decided(&self) -> bool {
        self.passage.as_ref().is_some_and(|passage| passage.response.is_some())
    }

    /// The terms on which the request is answered. They can be taken once.
    pub(crate) fn take_terms(&mut self) -> Option<Box<Terms>> {
        self.terms.take()
    }

    /// The response that a function around its handler has decided.
    pub(crate) fn take_response(&mut self) -> Option<Box<Response>> {
        self.passage.as_mut()?.response.take()
    }
}

impl Route {
    /// The place of its host: 0 is the outer site, and the sites of hosts follow.
    pub(crate) fn host_place(&self) -> usize {
        self.host.map_or(0, |host| host as usize + 1)
    }
}

impl Locations {
    /// Adds a handler. It replaces handlers at the same location that have no other methods.
    ///
    /// # Errors
    /// The path of a location with the same paths and other names.
    pub(crate) fn insert(
        &mut self,
        pattern: Pattern,
        handler: Box<dyn Handler>,
    ) -> Result<(), Vec<u8>> {
        match self.sorted.iter_mut().find(|entry| entry.pattern.covers_the_same_as(&pattern)) {
            Some(entry) if entry.pattern.written() != pattern.written() => {
                return Err(entry.pattern.written().to_vec());
            }
            Some(entry) => {
                let taken = handler.methods();
                entry.handlers.retain(|earlier| !earlier.methods().is_within(taken));
                entry.handlers.insert(0, handler);
            }
            None => {
                let precedence = pattern.precedence();
                let place =
                    self.sorted.partition_point(|entry| entry.pattern.precedence() <= precedence);
                let pattern = Arc::new(pattern);
                let entry = LocationHandlers {
                    pattern,
                    #[cfg(feature = "cli")]
                    access: None,
                    handlers: vec![handler],
                    rules: None,
                    log: 0,
                };
                self.sorted.insert(place, entry);
            }
        }
        Ok(())
    }

    /// Says who may ask for what is at a location, if there is a handler at it.
    #[cfg(feature = "cli")]
    pub(super) fn set_access(&mut self, pattern: &Pattern, access: Access) {
        let mut entries = self.sorted.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.pattern.covers_the_same_as(pattern)) {
            entry.access = Some(Arc::new(access));
            self.has_rules = true;
        }
    }

    /// Whether there is a location with rules, or one that not everybody may ask for.
    pub(super) fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// Guards what not everybody may ask for at its other paths too, and wherever a request comes to it without naming
    /// it. No location is added after this.
    #[cfg(feature = "cli")]
    pub(super) fn guard_other_paths(&mut self, other: &OtherPaths) {
        let mut who_may = WhoMay::default();
        for entry in &self.sorted {
            let methods = entry.methods();
            let (pattern, access) = (Arc::clone(&entry.pattern), entry.access.clone());
            for path in access.iter().flat_map(|_| other.of(pattern.written())) {
                who_may.other_paths.entry(path).or_default().extend(access.clone());
            }
            who_may.locations.push(GuardedLocation { pattern, methods, access });
        }
        // Where one location stores files, another one within it may take none.
        let stores = |it: &GuardedLocation| it.methods.contains(Method::Post);
        if !who_may.is_open() || who_may.locations.iter().any(stores) {
            self.who_may = Some(Arc::new(who_may));
        }
    }

    /// Who may ask for what is at a path; nothing where everybody may.
    #[cfg(feature = "cli")]
    pub(super) fn accesses<'l>(
        &'l self,
        spot: Spot,
        path: &[u8],
    ) -> impl Iterator<Item = &'l Access> + use<'l> {
        let entry = spot.location.and_then(|location| self.sorted.get(location as usize));
        let own = entry.and_then(|entry| entry.access.as_deref());
        let others: &[Arc<Access>] = match &self.who_may {
            Some(who_may) => who_may.of_others(path, spot.prefix_bytes),
            None => &[],
        };
        own.into_iter().chain(others.iter().map(|it| &**it))
    }

    /// Who may ask for what is at the location of a route, if not everybody may.
    #[cfg(feature = "cli")]
    pub(super) fn own_access(&self, route: &Route) -> Option<&Access> {
        self.entry(route)?.access.as_deref()
    }

    /// Sets the rules of a location that has handlers, or those for paths without a location.
    pub(crate) fn set_rules(&mut self, pattern: Option<&Pattern>, rules: Arc<Rules>) {
        self.has_rules = true;
        let Some(pattern) = pattern else {
            self.rules = Some(rules);
            return;
        };
        if let Some(entry) =
            self.sorted.iter_mut().find(|it| it.pattern.covers_the_same_as(pattern))
        {
            entry.rules = Some(rules);
        }
    }

    /// Sets the log of all locations, and of paths without one.
    #[cfg(feature = "cli")]
    pub(super) fn set_logs(&mut self, number: u16) {
        self.log = number;
        for entry in &mut self.sorted {
            entry.log = number;
        }
    }

    /// Sets the log of a location that has handlers.
    #[cfg(feature = "cli")]
    pub(super) fn set_log(&mut self, pattern: &Pattern, number: u16) {
        let mut entries = self.sorted.iter_mut();
        if let Some(entry) = entries.find(|it| it.pattern.covers_the_same_as(pattern)) {
            entry.log = number;
        }
    }

    /// The number of the log for the responses of a route.
    pub(super) fn log_of(&self, route: &Route) -> u16 {
        self.entry(route).map_or(self.log, |entry| entry.log)
    }

    /// The path of the location of a route, as it was written.
    pub(super) fn path_of(&self, route: &Route) -> Option<&[u8]> {
        Some(self.entry(route)?.pattern.written())
    }

    /// Takes the rules of a location away.
    pub(crate) fn clear_rules(&mut self, pattern: &Pattern) {
        let mut entries = self.sorted.iter_mut();
        if let Some(entry) = entries.find(|it| it.pattern.covers_the_same_as(pattern)) {
            entry.rules = None;
        }
    }

    /// The rules for the requests of a route.
    pub(crate) fn rules(&self, route: &Route) -> Option<&Rules> {
        match self.entry(route) {
            Some(entry) => entry.rules.as_deref(),
            None => self.rules.as_deref(),
        }
    }

    /// All rules, and the paths of their locations, without the last slash.
    #[cfg(feature = "cli")]
    pub(super) fn all_rules(&self) -> impl Iterator<Item = (&[u8], &Rules)> {
        let own =
            self.sorted.iter().filter_map(|it| Some((it.pattern.written(), it.rules.as_deref()?)));
        own.chain(self.rules.as_deref().map(|rules| (&b""[..], rules)))
    }

    /// All handlers.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = &dyn Handler> {
        self.sorted.iter().flat_map(|entry| &entry.handlers).map(|handler| &**handler)
    }

    /// The location of a decoded, normalised path, and its handler for the method.
    pub(crate) fn route(&self, path: &[u8], method: Method) -> Route {
        let mut covered = self.sorted.iter().enumerate().filter_map(|(place, entry)| {
            entry.pattern.covers(path).map(|prefix_bytes| (place, entry, prefix_bytes))
        });
        let Some((location, entry, prefix_bytes)) = covered.next() else {
            return Route::default();
        };
        let mut handlers = entry.handlers.iter().map(|handler| handler.methods());
        Route {
            host: None,
            is_misdirected: false,
            location: Some(location as u32),
            handler: handlers
                .position(|methods| methods.contains(method))
                .map(|place| place as u32),
            prefix_bytes,
            passage: None,
            noted: None,
            counted: Counted::default(),
            terms: None,
            rewritten: None,
            scheme: Scheme::default(),
        }
    }

    /// Leads a route to the location of another path.
    pub(super) fn reroute(&self, route: &mut Route, path: &[u8], method: Method) {
        let Route { location, handler, prefix_bytes, .. } = self.route(path, method);
        (route.location, route.handler, route.prefix_bytes) = (location, handler, prefix_bytes);
    }

    /// The handler of a route.
    pub(crate) fn handler(&self, route: &Route) -> Option<&dyn Handler> {
        let handler = self.entry(route)?.handlers.get(route.handler? as usize)?;
        Some(&**handler)
    }

    /// All methods that the handlers at the location of a route take.
    pub(crate) fn methods(&self, route: &Route) -> Option<Methods> {
        self.entry(route).map(LocationHandlers::methods)
    }

    /// Where a request was found.
    pub(crate) fn place(&self, route: &Route) -> Place<'_> {
        let pattern = self.entry(route).map(|entry| &entry.pattern);
        Place {
            pattern,
            prefix_bytes: route.prefix_bytes,
            #[cfg(feature = "cli")]
            who_may: self.who_may.as_ref(),
        }
    }

    fn entry(&self, route: &Route) -> Option<&LocationHandlers> {
        self.sorted.get(route.location? as usize)
    }
}

#[cfg(test)]
mod tests;
