//! Preconditions (RFC 9110 §13): whether the client's copy, or its idea of the file, still holds.

use super::{ETag, HeaderName, Method, Request, date, list};
use std::time::SystemTime;

/// What is known of the selected representation.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    pub etag: &'a ETag,
    /// In whole seconds, as `Last-Modified` shows it.
    pub modified: SystemTime,
}

/// What the preconditions leave to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Perform the method; whether a `Range` counts is said beside it.
    Proceed(RangeHeader),
    /// 304: the client's copy is current.
    NotModified,
    /// 412.
    Failed,
}

/// Whether the request's `Range` header is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeHeader {
    Honour,
    Ignore,
}

/// Evaluates the preconditions of a request for an existing representation, in the order of
/// RFC 9110 §13.2.2.
///
/// A date that does not parse counts as absent, and each date header is ignored where its entity
/// tag header is present.
pub fn evaluate(request: &Request<'_>, validators: Validators<'_>) -> Outcome {
    if let Some(tags) = request.joined(HeaderName::IfMatch) {
        if !any_tag(&tags, |tag| validators.etag.matches_strongly(tag)) {
            return Outcome::Failed;
        }
    } else if let Some(date) = date_of(request, HeaderName::IfUnmodifiedSince)
        && validators.modified > date
    {
        return Outcome::Failed;
    }

    let reads = matches!(request.method(), Method::Get | Method::Head);
    if let Some(tags) = request.joined(HeaderName::IfNoneMatch) {
        if any_tag(&tags, |tag| validators.etag.matches_weakly(tag)) {
            return if reads { Outcome::NotModified } else { Outcome::Failed };
        }
    } else if reads
        && let Some(date) = date_of(request, HeaderName::IfModifiedSince)
        && validators.modified <= date
    {
        return Outcome::NotModified;
    }

    Outcome::Proceed(range_header(request, validators))
}

/// `Range` counts on GET alone (RFC 9110 §14.2), and only while `If-Range` holds (§13.1.5).
fn range_header(request: &Request<'_>, validators: Validators<'_>) -> RangeHeader {
    if request.method() != Method::Get || request.first(HeaderName::Range).is_none() {
        return RangeHeader::Ignore;
    }
    let Some(condition) = request.joined(HeaderName::IfRange) else {
        return RangeHeader::Honour;
    };
    let holds = if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        validators.etag.matches_strongly(&condition)
    } else {
        // A date is a strong validator only once the file has rested (§8.8.2.2): exactly when its
        // entity tag is strong.
        !validators.etag.is_weak() && date::parse(&condition) == Some(validators.modified)
    };
    if holds { RangeHeader::Honour } else { RangeHeader::Ignore }
}

/// `*` matches any representation that exists (RFC 9110 §13.1.1).
fn any_tag(tags: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    tags.trim_ascii() == b"*" || list::elements(tags).any(matches)
}

fn date_of(request: &Request<'_>, name: HeaderName) -> Option<SystemTime> {
    date::parse(&request.joined(name)?)
}
