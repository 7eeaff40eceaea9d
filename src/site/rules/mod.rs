//! The rules of a location, made once when the configuration is loaded: which requests are redirected, and what every
//! response gets before it is sent. A location without rules has none, and its requests pay nothing for them.
//!
//! It must never know handlers, or how rules are written.

#![cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only a configuration makes rules"))]

pub(crate) mod admission;
pub(crate) mod cache_policy;
pub(crate) mod client_key;
pub(crate) mod connections;
pub(crate) mod cors;
pub(crate) mod error_pages;
#[cfg(feature = "cli")]
pub(crate) mod examined;
pub(crate) mod glob;
pub(crate) mod headers;
pub(crate) mod https;
mod of_site;
#[cfg(feature = "cli")]
mod reasons;
pub(crate) mod redirects;
pub(crate) mod request_rate;
pub(crate) mod seen;
pub(crate) mod target;

use super::{Response, encoded};
use crate::http::shared_lines::{ChangedBy, RulesId};
use crate::http::{Coding, Compression, Headers, Method, RequestHead, Scheme, Status};
use admission::Rates;
use cors::Cors;
use error_pages::ErrorPage;
use headers::HeaderRule;
use https::HttpsRedirect;
use redirects::{Decided, Redirects};
use seen::Seen;
use std::sync::Arc;

/// The rules of a location, with those that it inherits.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) https: Option<HttpsRedirect>,
    /// The value of `Strict-Transport-Security`.
    pub(crate) hsts: Option<String>,
    /// Those of the innermost scope first.
    pub(crate) redirects: Vec<Arc<Redirects>>,
    /// Those of the innermost scope first. They are redirects that no client sees.
    pub(crate) rewrites: Vec<Arc<Redirects>>,
    /// At most [`HEADER_RULES_MAX`]; those of the innermost scope last, so that they win.
    pub(crate) headers: Vec<Arc<HeaderRule>>,
    /// Whether files get a `Cache-Control` that suits them.
    pub(crate) has_web_policy: bool,
    pub(crate) cors: Option<Arc<Cors>>,
    /// What is compressed of responses that are no files.
    pub(crate) compression: Option<Compression>,
    /// Whether files are served here, which say themselves how they are encoded.
    pub(crate) is_for_files: bool,
    /// Those of the innermost scope first.
    pub(crate) error_pages: Vec<Box<[ErrorPage]>>,
    pub(crate) rates: Rates,
    pub(crate) id: RulesId,
}

/// What rules have noted of a request for its response.
#[derive(Default)]
pub(crate) struct Noted {
    /// Which of the header rules with a path are meant: a bit for each.
    header_rules: u128,
    is_fingerprinted: bool,
    /// The value of `Access-Control-Allow-Origin`.
    allowed_origin: Option<Box<[u8]>>,
    /// The coding that the client gets.
    coding: Option<Coding>,
    /// The error response whose page is looked for.
    original: Option<Response>,
}

impl Rules {
    /// Whether there is nothing to do for them.
    pub(crate) fn is_empty(&self) -> bool {
        self.redirects.is_empty()
            && self.rewrites.is_empty()
            && self.headers.is_empty()
            && !self.has_web_policy
            && self.cors.is_none()
            && self.compression.is_none()
            && self.error_pages.is_empty()
            && self.rates.are_none()
            && self.https.is_none()
            && self.hsts.is_none()
    }

    /// The response to a request whose head is complete, if no handler has to be asked.
    pub(crate) fn decide(&self, head: &RequestHead<'_>) -> Option<Response> {
        // OPTIONS for the server as a whole (RFC 9110 §9.3.7) is about nothing that could be elsewhere.
        if head.path() == b"*" {
            return None;
        }
        // Browsers follow no redirect when they ask first.
        let preflight = self.cors.as_ref().and_then(|cors| cors.preflight(head));
        if preflight.is_some() || self.redirects.is_empty() {
            return preflight;
        }
        self.redirect(&Seen::of(head)).map(Decided::into_response)
    }

    /// Where a request is redirected to.
    pub(crate) fn redirect(&self, seen: &Seen<'_>) -> Option<Decided> {
        self.redirects.iter().find_map(|redirects| redirects.decide(seen))
    }

    /// Where a request is answered instead, and where the rule was written that says so.
    pub(crate) fn rewrite(&self, head: &RequestHead<'_>) -> Option<(usize, Decided)> {
        let is_about_a_path = head.path().starts_with(b"/")
            && !matches!(head.method(), Method::Connect | Method::Trace);
        let seen = Seen::of(head);
        let mut rewrites = self.rewrites.iter().filter(|_| is_about_a_path);
        let (rewrite, decided) = rewrites.find_map(|it| it.find(&seen))?;
        Some((rewrite.written_at, decided))
    }

    /// What the response to a request depends on. `None`: nothing of this request. A path of a header rule may also be
    /// the one that the client asked for, where another one is served.
    pub(crate) fn note(&self, head: &RequestHead<'_>, asked: Option<&[u8]>) -> Option<Box<Noted>> {
        let mut header_rules = 0;
        for (place, rule) in self.headers.iter().enumerate() {
            let is_meant = rule.path.as_ref().is_some_and(|path| {
                path.matches(head.path()) || asked.is_some_and(|asked| path.matches(asked))
            });
            header_rules |= u128::from(is_meant) << place;
        }
        let is_fingerprinted = self.has_web_policy && cache_policy::is_fingerprinted(head.path());
        let allowed_origin = self.cors.as_ref().and_then(|cors| cors.allowed(head));
        let coding = self.compression.as_ref().and_then(|it| encoded::coding(it, head));
        let is_something =
            header_rules != 0 || is_fingerprinted || allowed_origin.is_some() || coding.is_some();
        is_something.then(|| {
            Box::new(Noted {
                header_rules,
                is_fingerprinted,
                allowed_origin,
                coding,
                original: None,
            })
        })
    }

    /// Whether [`Rules::with_page`] has something to do for a response.
    pub(crate) fn may_have_page(&self, noted: &Option<Box<Noted>>, response: &Response) -> bool {
        let is_bare_error = || response.status >= Status::BAD_REQUEST && response.is_bare();
        let has_original = || noted.as_ref().is_some_and(|noted| noted.original.is_some());
        !self.error_pages.is_empty() && (is_bare_error() || has_original())
    }

    /// Has a file looked for as the page of an error response without a body. It comes back with the file, and leaves
    /// with its page.
    pub(crate) fn with_page(&self, noted: &mut Option<Box<Noted>>, response: Response) -> Response {
        let original = noted.as_mut().and_then(|noted| noted.original.take());
        if let Some(original) = original {
            return match self.page(original.status) {
                Some(page) => page.put_on(original, response),
                None => original,
            };
        }
        match self.page(response.status) {
            Some(page) if response.is_bare() => {
                let named = page.named(response.status);
                noted.get_or_insert_default().original = Some(response);
                named
            }
            _ => response,
        }
    }

    /// The page that is looked for, if it can be read without waiting. `None`: none is looked for.
    pub(crate) fn page_at_once(&self, noted: &Option<Box<Noted>>) -> Option<Response> {
        let status = noted.as_ref()?.original.as_ref()?.status;
        Some(self.page(status).map_or_else(|| Response::new(status), |page| page.at_once(status)))
    }

    fn page(&self, status: Status) -> Option<&ErrorPage> {
        if status < Status::BAD_REQUEST {
            return None;
        }
        error_pages::find(&self.error_pages, status)
    }

    /// Gives a response its headers.
    pub(crate) fn change(&self, scheme: Scheme, noted: Option<&Noted>, response: &mut Response) {
        let (status, is_file) = (response.status, cache_policy::is_file(response));
        if is_file && status == Status::OK {
            let by = ChangedBy {
                rules: self.id,
                applying: noted.map_or(0, |noted| noted.header_rules),
                is_fingerprinted: noted.is_some_and(|noted| noted.is_fingerprinted),
            };
            response.headers.change_once(by, |headers| self.apply(noted, status, is_file, headers));
        } else {
            self.apply(noted, status, is_file, &mut response.headers);
        }
        // RFC 6797 §7.2: never without TLS. One that a header rule sets stays.
        if let (Some(hsts), Scheme::Https) = (&self.hsts, scheme)
            && response.headers.value(HSTS).is_none()
        {
            response.headers.put(HSTS, hsts);
        }
        if let (Some(cors), Some(noted)) = (&self.cors, noted) {
            cors.allow(noted.allowed_origin.as_deref(), &mut response.headers);
        }
        // Last, because a header may forbid it.
        if let Some(compression) = &self.compression {
            encoded::encode(response, compression, noted.and_then(|noted| noted.coding));
            if !self.is_for_files {
                encoded::vary_if_unchanged(response);
            }
        }
    }

    /// Does what depends on nothing else of the request than [`ChangedBy`] says.
    fn apply(&self, noted: Option<&Noted>, status: Status, is_file: bool, headers: &mut Headers) {
        if self.has_web_policy && headers.value("Cache-Control").is_none() {
            let is_fingerprinted = noted.is_some_and(|noted| noted.is_fingerprinted);
            if let Some(value) = cache_policy::web(status, is_file, headers, is_fingerprinted) {
                headers.put("Cache-Control", value);
            }
        }
        let meant = noted.map_or(0, |noted| noted.header_rules);
        for (place, rule) in self.headers.iter().enumerate() {
            if rule.path.is_none() || meant >> place & 1 == 1 {
                rule.change(status, headers);
            }
        }
        if let Some(cors) = &self.cors {
            cors.vary(headers);
        }
    }
}

const HSTS: &str = "Strict-Transport-Security";

/// How many header rules a location can have, with those that it inherits.
pub(crate) const HEADER_RULES_MAX: usize = 128;
