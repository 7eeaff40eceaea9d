//! What has decided about a request, for people who ask why.
//!
//! It must never know who asks, or where a configuration is.

use super::redirect::OriginChange;
use super::{Response, Route, Site};
use crate::http::{Method, RequestHead};

/// The way of a request, and what has decided about it.
pub(crate) struct Explained {
    /// The place of its host among those of the configuration. `None`: the default host.
    pub(crate) host: Option<usize>,
    /// The path of its location, without the last slash. `None`: it has none.
    pub(crate) location: Option<String>,
    /// In the order in which they were asked.
    pub(crate) reasons: Vec<Reason>,
}

/// One thing that has decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) what: String,
    pub(crate) written: WrittenAt,
}

/// Where in a configuration something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrittenAt {
    /// At this byte.
    Byte(usize),
    /// As this key of the location, of its host, or at the top: the innermost that has it.
    Key(&'static str),
    /// Nowhere.
    Nowhere,
}

impl Reason {
    fn new(what: &str, written: WrittenAt) -> Reason {
        Reason { what: what.to_owned(), written }
    }
}

impl Site {
    /// What has decided about a request that went along this route and got this response.
    pub(crate) fn explain(
        &self,
        route: &Route,
        head: &RequestHead<'_>,
        response: &Response,
    ) -> Explained {
        let site = self.of(route);
        let location = site.locations.place(route).pattern;
        Explained {
            host: route.host.map(|place| place as usize),
            location: location.map(|it| String::from_utf8_lossy(it.written()).into_owned()),
            reasons: site.reasons(route, head, response),
        }
    }

    fn reasons(&self, route: &Route, head: &RequestHead<'_>, response: &Response) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if route.is_misdirected {
            reasons.push(Reason::new("no host goes by this name", WrittenAt::Key("unknown_host")));
            return reasons;
        }
        let rules = self.locations.rules(route);
        // Both were asked before the request was led elsewhere.
        let is_asked = route.rewritten.is_none();
        let changed = OriginChange::of(head, self.canonical_host.as_ref(), rules);
        let changed = changed.filter(|_| is_asked && !is_of_connection(head));
        let decision = rules.filter(|_| is_asked).and_then(|it| it.reason_of_decision(head));
        if let Some(rewritten) = &route.rewritten {
            let path = String::from_utf8_lossy(rewritten.path());
            reasons.push(match rewritten.written_at() {
                Some(at) => Reason::new(&format!("rewrite to {path}"), WrittenAt::Byte(at)),
                None => Reason::new(&format!("_redirects leads to {path}"), WrittenAt::Nowhere),
            });
        }
        match (changed, decision) {
            (Some(change), _) => note_change(change, &mut reasons),
            (None, Some(decision)) => reasons.push(decision),
            (None, None) => self.note_access(route, head, &mut reasons),
        }
        if let Some(rules) = rules {
            reasons.extend(rules.reasons_of_changes(route.noted.as_deref(), response));
        }
        reasons
    }

    fn note_access(&self, route: &Route, head: &RequestHead<'_>, reasons: &mut Vec<Reason>) {
        let mut note = |what: &str, written| reasons.push(Reason::new(what, written));
        let own = self.locations.own_access(route);
        let places = route.places(head.path());
        for access in
            places.into_iter().flat_map(|(spot, path)| self.locations.accesses(spot, path))
        {
            if !own.is_some_and(|own| std::ptr::eq(own, access)) {
                note("guarded as another path of a file that is guarded", WrittenAt::Nowhere);
                continue;
            }
            if access.allow.is_some() {
                note("allow: only some clients may", WrittenAt::Key("allow"));
            }
            if !access.deny.is_empty() {
                note("deny: some clients may not", WrittenAt::Key("deny"));
            }
            if let Some(auth) = &access.auth {
                let needed = auth.methods.is_none_or(|it| it.contains(head.method()));
                let what = match needed {
                    true => "auth_basic: a name and a password are needed",
                    false => "auth_basic: not needed for this method",
                };
                note(what, WrittenAt::Key("auth_basic"));
            }
        }
    }
}

/// Whether a request is about the connection, not about what is here.
fn is_of_connection(head: &RequestHead<'_>) -> bool {
    matches!(head.method(), Method::Connect | Method::Trace)
}

fn note_change(change: OriginChange<'_>, reasons: &mut Vec<Reason>) {
    if change.https.is_some() {
        let what = "redirect_https: requests without TLS are redirected";
        reasons.push(Reason::new(what, WrittenAt::Key("redirect_https")));
    }
    if let Some(name) = change.name {
        let what = format!("canonical_host = \"{name}\": the other names are redirected");
        reasons.push(Reason::new(&what, WrittenAt::Key("canonical_host")));
    }
}
