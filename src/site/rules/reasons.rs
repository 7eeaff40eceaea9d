//! Which rules have decided about a request, for people who ask why.
//!
//! It must never know who asks.

use super::seen::Seen;
use super::{HSTS, Noted, Rules};
use crate::http::{Method, RequestHead, Status};
use crate::site::explained::{Reason, WrittenAt};
use crate::site::{Body, Response};

impl Rules {
    /// The rule that answers a request in place of its handler.
    pub(crate) fn reason_of_decision(&self, head: &RequestHead<'_>) -> Option<Reason> {
        if matches!(head.method(), Method::Connect | Method::Trace) {
            return None;
        }
        if let Some(cors) = self.cors.as_ref().filter(|cors| cors.preflight(head).is_some()) {
            let what = "cors answers this preflight request".to_owned();
            return Some(Reason { what, written: WrittenAt::Byte(cors.written_at) });
        }
        let (path, query, host) = (head.path(), head.query(), head.host());
        let seen = Seen { path, query, host, scheme: head.scheme() };
        let (redirect, decided) = self.redirects.iter().find_map(|it| it.find(&seen))?;
        let what = match decided.location {
            Some(location) => {
                format!(
                    "redirect with {} to {}",
                    decided.status,
                    String::from_utf8_lossy(&location)
                )
            }
            None => format!("redirect: answered with {}", decided.status),
        };
        Some(Reason { what, written: WrittenAt::Byte(redirect.written_at) })
    }

    /// The rules that have changed its response.
    pub(crate) fn reasons_of_changes(
        &self,
        noted: Option<&Noted>,
        response: &Response,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut note = |what: String, written| reasons.push(Reason { what, written });
        if response.status >= Status::BAD_REQUEST
            && matches!(response.body, Body::Cached(..))
            && let Some(page) = self.page(response.status)
        {
            note(
                format!("error page {}", page.place().display()),
                WrittenAt::Byte(page.written_at),
            );
        }
        if self.has_web_policy && response.headers.value("Cache-Control").is_some() {
            note("cache_policy = \"web\"".to_owned(), WrittenAt::Key("cache_policy"));
        }
        if let Some(hsts) = &self.hsts
            && response.headers.value(HSTS) == Some(hsts.as_bytes())
        {
            let what = format!("hsts: browsers use nothing but HTTPS for so long ({hsts})");
            note(what, WrittenAt::Key("hsts"));
        }
        if self.rates.requests.is_some() {
            note(
                "request_rate: a client has so many requests".to_owned(),
                WrittenAt::Key("request_rate"),
            );
        }
        if self.rates.connections.is_some() {
            let what = "connections_per_client: a client has so many at once";
            note(what.to_owned(), WrittenAt::Key("connections_per_client"));
        }
        if self.rates.pace.is_some() {
            note("limit_rate: the body is sent so fast".to_owned(), WrittenAt::Key("limit_rate"));
        }
        let meant = noted.map_or(0, |noted| noted.header_rules);
        for (place, rule) in self.headers.iter().enumerate() {
            let is_meant = rule.path.is_none() || meant >> place & 1 == 1;
            if is_meant && rule.is_for(response.status) {
                note(rule.to_string(), WrittenAt::Byte(rule.written_at));
            }
        }
        if let Some(cors) = &self.cors {
            let allowed = noted.and_then(|noted| noted.allowed_origin.as_deref());
            let what = match allowed {
                Some(_) => "cors: pages of this origin may read the response",
                None => "cors: no page of another origin may read the response",
            };
            note(what.to_owned(), WrittenAt::Byte(cors.written_at));
        }
        reasons
    }
}

impl std::fmt::Display for super::HeaderRule {
    /// `header: set A, B; remove C`
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |fields: &[(String, Vec<String>)]| {
            fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ")
        };
        let changes = [
            ("remove", self.remove.join(", ")),
            ("set", names(&self.set)),
            ("add", names(&self.add)),
        ];
        let changes = changes.iter().filter(|(_, names)| !names.is_empty());
        let changes: Vec<_> = changes.map(|(what, names)| format!("{what} {names}")).collect();
        write!(formatter, "header: {}", changes.join("; "))
    }
}
