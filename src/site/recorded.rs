//! How hosts and locations are called where requests are counted and logged, and which log each has.
//!
//! It must never know how a log looks, or where it goes.

use super::Site;
use super::location::Location;
use super::route::Route;

impl Site {
    /// The name of the host at a place, or of the outer site: the first that it was given.
    pub(crate) fn host_name(&self, place: Option<u32>) -> Option<&str> {
        let site = match place {
            Some(place) => self.hosts.sites.get(place as usize)?,
            None => self,
        };
        site.name.as_deref()
    }

    /// How many hosts it has besides the outer one.
    #[expect(dead_code, reason = "requests are not counted by host yet")]
    pub(crate) fn host_count(&self) -> usize {
        self.hosts.sites.len()
    }

    /// The path of the location that a route leads to, as it was written.
    pub(crate) fn location_path(&self, route: &Route) -> Option<&[u8]> {
        let path = self.of(route).locations.path_of(route)?;
        Some(if path.is_empty() { b"/" } else { path })
    }

    /// The number of the log for the responses of a route; that of the outer site if there is no route.
    pub(crate) fn log_of(&self, route: Option<&Route>) -> u16 {
        match route {
            Some(route) => self.of(route).locations.log_of(route),
            None => self.locations.log_of(&Route::default()),
        }
    }

    /// Sets the log of everything that is here so far, but not of hosts. Default: 0.
    #[cfg(feature = "cli")]
    pub(crate) fn log(mut self, number: u16) -> Site {
        self.locations.set_logs(number);
        self
    }

    /// Sets the log of a location that has a handler.
    #[cfg(feature = "cli")]
    pub(crate) fn log_at(mut self, location: impl Into<Location>, number: u16) -> Site {
        self.locations.set_log(&super::building::pattern(&location.into()), number);
        self
    }
}
