//! Preconditions (RFC 9110 §13): whether the client's copy, or its idea of the file, still holds.

use super::etag::Strength;
use super::{ETag, HeaderName, Method, RequestHead, date, list};
use std::fmt;
use std::time::SystemTime;

/// What is known of the selected representation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validators<'a> {
    /// `None`: it has none, or none yet.
    pub etag: Option<&'a ETag>,
    /// Whether the tag is being made: nobody can say yet whether a client's tag is the current one.
    pub is_tag_awaited: bool,
    /// In whole seconds, as `Last-Modified` shows it. `None`: nobody knows when it was modified.
    pub modified: Option<SystemTime>,
    /// Whether no later version can have been modified within the same second
    /// (RFC 9110 §8.8.2.2). The entity tag can be strong long before.
    pub date: Strength,
}

/// What the preconditions leave the server to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Perform the method, with or without the `Range`.
    Proceed(RangeHeader),
    /// 304: the client's copy is current.
    NotModified,
    /// 412.
    Failed,
    /// `If-Match` names tags, and the current one is being made.
    TagAwaited,
}

impl Validators<'_> {
    fn match_strongly(&self, tag: &[u8]) -> bool {
        self.etag.is_some_and(|etag| etag.matches_strongly(tag))
    }

    fn match_weakly(&self, tag: &[u8]) -> bool {
        self.etag.is_some_and(|etag| etag.matches_weakly(tag))
    }
}

/// Whether the request's `Range` header counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeHeader {
    Honour,
    Ignore,
}

/// Evaluates the preconditions of a request for an existing representation, in the order of
/// RFC 9110 §13.2.2.
///
/// A date that does not parse counts as absent, and each date header is ignored where its entity
/// tag header is present.
pub(crate) fn evaluate(request: &RequestHead<'_>, validators: Validators<'_>) -> Outcome {
    let tags = request.joined(HeaderName::IfMatch);
    let date = date_of(request, HeaderName::IfUnmodifiedSince);
    if validators.is_tag_awaited && tags.as_deref().is_some_and(names_tags) {
        return Outcome::TagAwaited;
    }
    if guard(tags.as_deref(), date, Some(validators)) == Judgement::Failed {
        return Outcome::Failed;
    }

    let reads = matches!(request.method(), Method::Get | Method::Head);
    if let Some(tags) = request.joined(HeaderName::IfNoneMatch) {
        if any_tag(&tags, |tag| validators.match_weakly(tag)) {
            return if reads { Outcome::NotModified } else { Outcome::Failed };
        }
    } else if reads
        && let Some(date) = date_of(request, HeaderName::IfModifiedSince)
        && validators.modified.is_some_and(|modified| modified <= date)
    {
        return Outcome::NotModified;
    }

    Outcome::Proceed(range_header(request, validators))
}

/// The same for a representation that has an entity tag and no date of modification: headers with a date are ignored
/// (RFC 9110 §13.1.3, §13.1.4), and so is `Range`. The request reads.
pub(crate) fn evaluate_tag(request: &RequestHead<'_>, etag: &ETag) -> Outcome {
    if let Some(tags) = request.joined(HeaderName::IfMatch)
        && !any_tag(&tags, |tag| etag.matches_strongly(tag))
    {
        return Outcome::Failed;
    }
    match request.joined(HeaderName::IfNoneMatch) {
        Some(tags) if any_tag(&tags, |tag| etag.matches_weakly(tag)) => Outcome::NotModified,
        _ => Outcome::Proceed(RangeHeader::Ignore),
    }
}

/// The preconditions of a request that changes a file. They are judged later than the request is read: in
/// the moment of the change, and on another thread.
///
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preconditions {
    if_match: Option<Vec<u8>>,
    if_unmodified_since: Option<SystemTime>,
    if_none_match: Option<Vec<u8>>,
}

/// The precondition that failed. It is written as what the client can do about it.
#[expect(clippy::enum_variant_names, reason = "they are the names of headers")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedPrecondition {
    IfMatch,
    IfUnmodifiedSince,
    IfNoneMatch,
}

impl fmt::Display for FailedPrecondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FailedPrecondition::IfMatch => {
                "If-Match does not name the current version of the file; fetch it again and send the \
                 new ETag"
            }
            FailedPrecondition::IfUnmodifiedSince => {
                "the file has changed since the date in If-Unmodified-Since; fetch it again and send \
                 the new Last-Modified"
            }
            FailedPrecondition::IfNoneMatch => {
                "If-None-Match excludes the file that is there; to change it, send its ETag in \
                 If-Match instead"
            }
        })
    }
}

/// Whether a change may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Holds,
    /// 412.
    Failed,
}

impl Preconditions {
    /// No preconditions: whatever is there may be changed.
    pub(crate) fn none() -> Preconditions {
        Preconditions::default()
    }

    /// One of these entity tags is the current one, compared strongly; with `*`, anything is there.
    pub(crate) fn if_match(tags: &[u8]) -> Preconditions {
        Preconditions { if_match: Some(tags.to_vec()), ..Preconditions::none() }
    }

    /// None of these entity tags is the current one, compared weakly; with `*`, nothing is there.
    pub(crate) fn if_none_match(tags: &[u8]) -> Preconditions {
        Preconditions { if_none_match: Some(tags.to_vec()), ..Preconditions::none() }
    }

    /// The preconditions of a request. `If-Modified-Since` counts on GET and HEAD alone (RFC 9110 §13.1.3).
    pub(crate) fn of(request: &RequestHead<'_>) -> Preconditions {
        let tags = |name| request.joined(name).map(|tags| tags.into_owned());
        Preconditions {
            if_match: tags(HeaderName::IfMatch),
            if_unmodified_since: date_of(request, HeaderName::IfUnmodifiedSince),
            if_none_match: tags(HeaderName::IfNoneMatch),
        }
    }

    /// Whether it takes the tag of the current version to judge them.
    pub(crate) fn name_tags(&self) -> bool {
        [&self.if_match, &self.if_none_match].into_iter().flatten().any(|tags| names_tags(tags))
    }

    /// Judges the preconditions by what is there now, in the order of RFC 9110 §13.2.2. `None`: nothing is
    /// there. Then there is no date to compare, and `If-Unmodified-Since` is ignored (§13.1.4).
    ///
    /// A weak tag never satisfies `If-Match`, so that no update is lost. A date distinguishes versions only
    /// to the second.
    pub(crate) fn judge(&self, current: Option<Validators<'_>>) -> Judgement {
        self.check(current).map_or(Judgement::Failed, |()| Judgement::Holds)
    }

    /// Judges the preconditions as [`judge`](Preconditions::judge) does.
    ///
    /// # Errors
    /// The first precondition that failed.
    pub(crate) fn check(&self, current: Option<Validators<'_>>) -> Result<(), FailedPrecondition> {
        let guarded = guard(self.if_match.as_deref(), self.if_unmodified_since, current);
        if guarded == Judgement::Failed && !self.names_encoding_of(current) {
            return Err(match self.if_match {
                Some(_) => FailedPrecondition::IfMatch,
                None => FailedPrecondition::IfUnmodifiedSince,
            });
        }
        match (&self.if_none_match, current) {
            (Some(tags), Some(current)) if any_tag(tags, |tag| current.match_weakly(tag)) => {
                Err(FailedPrecondition::IfNoneMatch)
            }
            _ => Ok(()),
        }
    }
}

impl Preconditions {
    /// Whether `If-Match` names the current version as a client knows it that has it in a content coding: that client
    /// changes what it has seen.
    pub(crate) fn names_encoding_of(&self, current: Option<Validators<'_>>) -> bool {
        match (&self.if_match, current) {
            (Some(tags), Some(current)) => {
                any_tag(tags, |tag| current.etag.is_some_and(|it| it.has_encoding(tag)))
            }
            _ => false,
        }
    }
}

/// The first steps of RFC 9110 §13.2.2: `If-Match`, or else `If-Unmodified-Since`.
fn guard(
    if_match: Option<&[u8]>,
    if_unmodified_since: Option<SystemTime>,
    current: Option<Validators<'_>>,
) -> Judgement {
    let holds = match (if_match, if_unmodified_since, current) {
        (Some(_), _, None) => false,
        (Some(tags), _, Some(current)) => any_tag(tags, |tag| current.match_strongly(tag)),
        // Without a date there is nothing to compare (RFC 9110 §13.1.4).
        (None, Some(date), Some(current)) => current.modified.is_none_or(|it| it <= date),
        (None, _, _) => true,
    };
    if holds { Judgement::Holds } else { Judgement::Failed }
}

/// `Range` counts on GET alone (RFC 9110 §14.2), and only while `If-Range` holds (§13.1.5).
fn range_header(request: &RequestHead<'_>, validators: Validators<'_>) -> RangeHeader {
    if request.method() != Method::Get || request.first(HeaderName::Range).is_none() {
        return RangeHeader::Ignore;
    }
    let Some(condition) = request.joined(HeaderName::IfRange) else {
        return RangeHeader::Honour;
    };
    let holds = if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        validators.match_strongly(&condition)
    } else {
        // A date is no validator for ranges unless it is a strong one (§13.1.5).
        let date = date::parse(&condition);
        validators.date == Strength::Strong && date.is_some() && date == validators.modified
    };
    if holds { RangeHeader::Honour } else { RangeHeader::Ignore }
}

fn names_tags(tags: &[u8]) -> bool {
    tags.trim_ascii() != b"*"
}

/// `*` matches any representation that exists (RFC 9110 §13.1.1).
fn any_tag(tags: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    tags.trim_ascii() == b"*" || list::elements(tags).any(matches)
}

fn date_of(request: &RequestHead<'_>, name: HeaderName) -> Option<SystemTime> {
    date::parse(&request.joined(name)?)
}

#[cfg(test)]
mod tests;
