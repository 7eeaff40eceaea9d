//! From a path to a location and its handler: the longest prefix wins.

#[cfg(feature = "cli")]
use super::access::{Access, GuardedLocation, OtherPaths, WhoMay};
use super::pattern::Pattern;
use super::request::Place;
use super::rewritten::Spot;
use super::route::Route;
use super::rules::Rules;
use super::{Counted, Handler, Methods};
use crate::http::{Method, Scheme};
use std::sync::Arc;

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
        Some(self.entry(route)?.pattern.shown())
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
            needs_password: route.passage.as_ref().is_some_and(|it| it.needs_password),
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
