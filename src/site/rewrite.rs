//! Leads a request to another path, without its client knowing.
//!
//! Who may ask is asked for every path on the way: for the one that the client named, and for the one that is served.
//! It must never know which rule led there.

use super::rewritten::{Asked, Elsewhere, Rewritten};
use super::{Counted, Response, Route, Site};
use crate::http::{RequestHead, Status};
use std::sync::Arc;

impl Site {
    /// Leads a request to where the rules of its location say.
    pub(super) fn rewrite(&self, route: &mut Route, head: &RequestHead<'_>) {
        if route.rewritten.is_some() {
            return;
        }
        let Some(rules) = self.locations.rules(route).filter(|it| !it.rewrites.is_empty()) else {
            return;
        };
        let Some((written_at, decided)) = rules.rewrite(head) else { return };
        match decided.location.as_deref().map(Elsewhere::new) {
            Some(Some(to)) => {
                self.lead(route, head, to.by_rule(written_at));
            }
            Some(None) => route.decide(Response::new(Status::NOT_FOUND)),
            None => route.decide(Response::new(decided.status)),
        }
    }

    /// Leads a request elsewhere.
    pub(super) fn lead(&self, route: &mut Route, head: &RequestHead<'_>, to: Elsewhere) {
        let mut asked = Vec::new();
        let path = match route.rewritten.take() {
            Some(before) => {
                let (earlier, path) = Arc::unwrap_or_clone(before).into_asked();
                asked = earlier;
                path
            }
            None => head.path().to_vec(),
        };
        asked.push(Asked { spot: route.spot(), path });
        let rewritten = Arc::new(Rewritten::new(to, asked));
        let rates = |route: &Route| self.locations.rules(route).map(|rules| &rules.rates);
        let before = rates(route);
        self.locations.reroute(route, rewritten.path(), head.method());
        route.counted = match (before, rates(route)) {
            (Some(before), Some(now)) => now.counted_at(before),
            _ => Counted::default(),
        };
        route.noted = self
            .locations
            .rules(route)
            .and_then(|rules| rules.note(&rewritten.head(head), Some(rewritten.asked_path())));
        route.rewritten = Some(rewritten);
    }
}
