//! Which pages of other origins may read responses (the CORS protocol of the Fetch Standard).
//!
//! It must never know what the responses are.

use super::headers::vary;
use crate::http::{Headers, Method, RequestHead, Status};
use crate::site::Response;
use std::time::Duration;

/// What pages of other origins may do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cors {
    pub(crate) origins: Origins,
    /// Joined with commas.
    pub(crate) methods: String,
    /// Joined with commas; `None`: those that a page asks for.
    pub(crate) headers: Option<String>,
    pub(crate) credentials: bool,
    pub(crate) max_age: Option<Duration>,
    /// Where in the configuration it was written.
    pub(crate) written_at: usize,
}

/// Which origins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    Any,
    /// In lower case.
    These(Vec<OriginPattern>),
}

impl Default for Origins {
    fn default() -> Origins {
        Origins::These(Vec::new())
    }
}

/// `https://example.org`, or `https://*.example.org` for everything below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OriginPattern {
    before: String,
    /// What follows the `*`, if there is one.
    after: Option<String>,
}

impl OriginPattern {
    /// Reads an origin.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn new(text: &str) -> Result<OriginPattern, String> {
        let text = text.to_ascii_lowercase();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("write \"https://{text}\""));
        };
        if let Some((host, _)) = rest.split_once('/') {
            return Err(format!("an origin has no path: write \"{scheme}://{host}\""));
        }
        let (before, after) = match rest.split_once('*') {
            None => (text.clone(), None),
            Some(("", after)) if after.starts_with('.') && !after.contains('*') => {
                (format!("{scheme}://"), Some(after.to_owned()))
            }
            Some(_) => {
                return Err(
                    "\"*\" stands only for what is before a domain: \"https://*.example.org\""
                        .to_owned(),
                );
            }
        };
        let named = rest.trim_start_matches("*.");
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        if scheme.is_empty() || named.is_empty() || !named.bytes().all(is_fit) {
            return Err(
                "an origin is a scheme and a host, such as \"https://example.org\"".to_owned()
            );
        }
        Ok(OriginPattern { before, after })
    }

    fn matches(&self, origin: &[u8]) -> bool {
        let origin = origin.to_ascii_lowercase();
        match &self.after {
            None => origin == self.before.as_bytes(),
            Some(after) => {
                let inside = origin.strip_prefix(self.before.as_bytes());
                let inside = inside.and_then(|it| it.strip_suffix(after.as_bytes()));
                let is_label = |it: &u8| it.is_ascii_alphanumeric() || b".-_".contains(it);
                inside.is_some_and(|it| !it.is_empty() && it.iter().all(is_label))
            }
        }
    }
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a request, if its page may read the response.
    pub(crate) fn allowed(&self, head: &RequestHead<'_>) -> Option<Box<[u8]>> {
        let origin = head.header("Origin")?;
        match &self.origins {
            Origins::Any => Some(b"*"[..].into()),
            Origins::These(origins) => {
                origins.iter().any(|it| it.matches(origin)).then(|| origin.into())
            }
        }
    }

    /// The response to a request by which a browser asks whether another one may be sent.
    pub(crate) fn preflight(&self, head: &RequestHead<'_>) -> Option<Response> {
        if head.method() != Method::Options || head.header("Origin").is_none() {
            return None;
        }
        head.header("Access-Control-Request-Method")?;
        let mut response = Response::new(Status::NO_CONTENT);
        if self.allowed(head).is_some() {
            let headers = &mut response.headers;
            headers.put("Access-Control-Allow-Methods", &self.methods);
            match (&self.headers, head.header("Access-Control-Request-Headers")) {
                (Some(names), _) if names.is_empty() => {}
                (Some(names), _) => headers.put("Access-Control-Allow-Headers", names),
                (None, Some(asked)) => headers.put("Access-Control-Allow-Headers", asked),
                (None, None) => {}
            }
            if let Some(max_age) = self.max_age {
                headers.put("Access-Control-Max-Age", max_age.as_secs().to_string());
            }
        }
        if self.headers.is_none() {
            response.headers.put("Vary", "Access-Control-Request-Headers");
        }
        Some(response)
    }

    /// Says for caches that every response depends on the origin.
    pub(crate) fn vary(&self, headers: &mut Headers) {
        if self.origins != Origins::Any {
            vary(headers, "Origin");
        }
    }

    /// Adds what a browser has to know before a page of this origin may read the response.
    pub(crate) fn allow(&self, allowed: Option<&[u8]>, headers: &mut Headers) {
        let Some(allowed) = allowed else { return };
        if headers.value("Access-Control-Allow-Origin").is_some() {
            // An application has answered for itself.
            return;
        }
        headers.put("Access-Control-Allow-Origin", allowed);
        if self.credentials {
            headers.put("Access-Control-Allow-Credentials", "true");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_as_a_whole_or_below_a_domain() {
        for (pattern, origin, expected) in [
            ("https://example.org", "https://example.org", true),
            ("https://Example.org", "https://example.ORG", true),
            ("https://example.org", "http://example.org", false),
            ("https://example.org", "https://example.org:8443", false),
            ("https://example.org", "https://example.org.evil", false),
            ("https://*.example.org", "https://a.example.org", true),
            ("https://*.example.org", "https://a.b.example.org", true),
            ("https://*.example.org", "https://example.org", false),
            ("https://*.example.org", "https://evil/.example.org", false),
            ("https://*.example.org", "https://evilexample.org", false),
            ("http://localhost:5173", "http://localhost:5173", true),
            ("https://example.org", "null", false),
        ] {
            let pattern = OriginPattern::new(pattern).expect("it is one");
            assert_eq!(pattern.matches(origin.as_bytes()), expected, "{pattern:?} {origin}");
        }
        for bad in
            ["example.org", "https://", "https://a/b", "https://*", "https://a.*.b", "https://a b"]
        {
            assert!(OriginPattern::new(bad).is_err(), "{bad}");
        }
    }
}
