//! Where a request goes.

use super::around::Passage;
use super::rewritten::{Rewritten, Spot};
use super::rules::Noted;
use super::{Counted, Response, Terms};
use crate::http::Scheme;
use std::sync::Arc;
use std::time::Duration;

/// Where a request goes. It is found once, when the head is complete, and kept until the response is sent. The
/// default leads nowhere: it belongs to a request whose head could not be parsed.
#[derive(Default)]
pub(crate) struct Route {
    /// Whose locations these are, if not those of the outer site: the place in [`Hosts`](super::hosts::Hosts).
    pub(super) host: Option<u32>,
    /// Whether nobody goes by the name of its host.
    pub(super) is_misdirected: bool,
    /// The place in [`Locations`].
    pub(super) location: Option<u32>,
    /// The place among the handlers of the location.
    pub(super) handler: Option<u32>,
    /// How much of the path the location covers.
    pub(super) prefix_bytes: usize,
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

    /// The place of its host: 0 is the outer site, and the sites of hosts follow.
    pub(crate) fn host_place(&self) -> usize {
        self.host.map_or(0, |host| host as usize + 1)
    }
}
