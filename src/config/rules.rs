//! The keys for redirects and rewrites: their shape. They mean the same at the top and in a location,
//! which adds its own to those of the top.

use std::sync::Arc;

use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::section::{Holds, SectionKey, read_table, tables};
use super::value::Value;
use crate::http::Status;
use crate::site::rules::glob::Glob;
use crate::site::rules::redirects::{Redirect, Redirects, Source};
use crate::site::rules::target::Target;

/// What a scope says of its rules; empty where nothing was written.
#[derive(Debug, Default)]
pub(super) struct RulesSection {
    pub(super) redirects: Arc<Redirects>,
    pub(super) rewrites: Arc<Redirects>,
    pub(super) redirect_https: Option<Written<bool>>,
    /// In seconds. `Some(None)`: browsers get no order, whatever the outer scopes say.
    pub(super) hsts: Option<Option<u64>>,
}

impl RulesSection {
    /// Redirects and rewrites.
    pub(super) fn all(&self) -> impl Iterator<Item = &Redirect> {
        self.redirects.iter().chain(self.rewrites.iter())
    }

    pub(super) fn has_hsts(&self) -> bool {
        matches!(self.hsts, Some(Some(_)))
    }

    pub(super) fn redirects_to_https(&self) -> bool {
        self.redirect_https.as_ref().is_some_and(|it| it.value)
    }
}

/// The keys that may be set at the top and again in a location, whatever responds there.
pub(super) fn keys<T: Holds<RulesSection>>() -> [SectionKey<T>; 4] {
    [
        SectionKey::new("redirect", |it: &mut T, value, errors| {
            it.held().redirects = Arc::new(read_redirects(value, errors));
        }),
        SectionKey::new("rewrite", |it, value, errors| {
            it.held().rewrites = Arc::new(read_rewrites(value, errors));
        }),
        SectionKey::new("redirect_https", |it, value, errors| {
            let read =
                value.boolean().map(|is| Some(Written { value: is, origin: value.origin() }));
            errors.set(&mut it.held().redirect_https, read);
        }),
        SectionKey::new("hsts", |it, value, errors| {
            let read = value.unless_off(Value::days);
            errors.set(&mut it.held().hsts, read.map(Some));
        }),
    ]
}

#[derive(Default)]
pub(super) struct RedirectSection {
    from: Option<Option<Written<Source>>>,
    to: Option<Option<Written<String>>>,
    status: Option<Written<Status>>,
}

/// The keys of a redirect.
pub(super) const REDIRECT: &[SectionKey<RedirectSection>] = &[FROM, REGEX, TO, STATUS];

/// The keys of a rewrite.
pub(super) const REWRITE: &[SectionKey<RedirectSection>] = &[FROM, REGEX, TO];

const FROM: SectionKey<RedirectSection> = SectionKey::new("from", |it, value, errors| {
    let glob = errors.take(read_path(value));
    let source = glob.map(|glob| Written { value: Source::Glob(glob), origin: value.origin() });
    set_from(it, value, source, errors);
});

const REGEX: SectionKey<RedirectSection> = SectionKey::new("regex", |it, value, errors| {
    let source = errors.take(read_regex(value));
    set_from(it, value, source, errors);
});

const TO: SectionKey<RedirectSection> = SectionKey::new("to", |it, value, errors| {
    it.to = Some(errors.take(value.written()));
});

const STATUS: SectionKey<RedirectSection> = SectionKey::new("status", |it, value, errors| {
    errors.set(&mut it.status, read_status(value).map(Some));
});

fn set_from(
    section: &mut RedirectSection,
    value: Value<'_>,
    source: Option<Written<Source>>,
    errors: &mut Errors,
) {
    if section.from.is_some() {
        errors.list.push(value.error("is here beside \"from\": a rule has one of the two"));
    }
    section.from = Some(source);
}

fn read_redirects(value: Value<'_>, errors: &mut Errors) -> Redirects {
    let mut redirects = Redirects::default();
    for item in tables("redirect", value, errors) {
        let mut section = RedirectSection::default();
        read_table("[[redirect]]", item, REDIRECT, &mut section, errors);
        let Some(redirect) = redirect(item.origin(), section, errors) else { continue };
        let origin = Origin::File(redirect.written_at);
        if redirects.push(redirect).is_err() {
            errors.note(
                origin,
                "from has the path of an earlier redirect, so this one never matches",
            );
        }
    }
    redirects
}

/// Rewrites are redirects with a status that no client sees.
fn read_rewrites(value: Value<'_>, errors: &mut Errors) -> Redirects {
    let mut rewrites = Redirects::default();
    for item in tables("rewrite", value, errors) {
        let mut section = RedirectSection::default();
        read_table("[[rewrite]]", item, REWRITE, &mut section, errors);
        let Some(rewrite) = rewrite(item.origin(), section, errors) else { continue };
        let origin = Origin::File(rewrite.written_at);
        if rewrites.push(rewrite).is_err() {
            let message = "from has the path of an earlier rewrite, so this one never matches";
            errors.note(origin, message);
        }
    }
    rewrites
}

fn rewrite(origin: Origin, section: RedirectSection, errors: &mut Errors) -> Option<Redirect> {
    let RedirectSection { from, to, .. } = section;
    if from.is_none() {
        let message =
            "this rewrite needs from: write the path to rewrite, such as from = \"/old/*\"";
        errors.note(origin, message);
    }
    if to.is_none() {
        let message = "this rewrite needs to: write the path to serve, such as to = \"/new/$1\"";
        errors.note(origin, message);
    }
    let (from, to) = (from??, to??);
    let located = |message: String| LocatedError { origin: to.origin, message };
    if to.value.contains("://") {
        errors.list.push(located("to must be a path: a rewrite stays on this host, and [[redirect]] leads to another one".to_owned()));
        return None;
    }
    let path = to.value.split('?').next().unwrap_or_default();
    if path.contains("//") || path.split('/').any(|it| matches!(it, "." | "..")) {
        errors.list.push(located(
            "to must not contain \"//\", \"/./\" or \"/../\": no request's path does".to_owned(),
        ));
        return None;
    }
    let target = Target::new(&to.value, from.value.captures());
    let target = errors.take(target.map_err(|error| located(format!("to {error}"))))?;
    if !target.is_local() {
        errors.list.push(located("to must not have a fragment, which no server sees".to_owned()));
        return None;
    }
    let written_at = match from.origin {
        Origin::File(at) => at,
        _ => 0,
    };
    Some(Redirect { from: from.value, to: Some(target), status: Status::OK, written_at })
}

fn redirect(origin: Origin, section: RedirectSection, errors: &mut Errors) -> Option<Redirect> {
    let status = section.status.as_ref().map_or(Status::MOVED_PERMANENTLY, |it| it.value);
    let is_gone = status == Status::GONE;
    let Some(from) = section.from else {
        errors.note(
            origin,
            "this redirect needs from: write the path to redirect, such as from = \"/old/*\"",
        );
        return None;
    };
    match (&section.to, is_gone) {
        (None, false) => {
            errors.note(origin, "this redirect needs to: write where it leads, such as to = \"/new/$1\" (or status = 410 for what is gone)");
            return None;
        }
        (Some(to), true) => {
            let origin = to.as_ref().map_or(origin, |it| it.origin);
            errors.note(
                origin,
                "to has no meaning beside status = 410: what is gone is nowhere else",
            );
            return None;
        }
        _ => {}
    }
    let from = from?;
    let to = match section.to {
        None => None,
        Some(to) => {
            let to = to?;
            let target = Target::new(&to.value, from.value.captures());
            let located =
                |error| LocatedError { origin: to.origin, message: format!("to {error}") };
            Some(errors.take(target.map_err(located))?)
        }
    };
    let written_at = from.origin.byte();
    Some(Redirect { from: from.value, to, status, written_at })
}

/// A pattern for whole paths.
fn read_path(value: Value<'_>) -> Result<Glob, LocatedError> {
    let text = value.text()?;
    if !text.starts_with('/') {
        let hint = match text.strip_prefix('^') {
            Some(_) => format!("write regex = {text:?}"),
            None if text.contains("://") => "leave out scheme and host".to_owned(),
            None => format!("write {:?}", format!("/{text}")),
        };
        return Err(value.error(format_args!("must begin with a slash: {hint}")));
    }
    Glob::new(text).map_err(|error| value.error(error))
}

fn read_regex(value: Value<'_>) -> Result<Written<Source>, LocatedError> {
    let text = value.text()?;
    let built =
        regex::bytes::RegexBuilder::new(text).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    match built {
        Ok(regex) => Ok(Written { value: Source::Regex(regex), origin: value.origin() }),
        Err(error) => {
            // Its text has several lines; the last one says what is wrong.
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            Err(value.error(format_args!("is no regular expression: {why}")))
        }
    }
}

fn read_status(value: Value<'_>) -> Result<Written<Status>, LocatedError> {
    let code: u16 = value.count(0)?;
    let status = Status::new(code).filter(|it| STATUSES.contains(it));
    match status {
        Some(status) => Ok(Written { value: status, origin: value.origin() }),
        None => Err(value.error(format_args!(
            "must be 301 (moved for good), 302, 303, 307 (for now), 308 or 410 (gone), not {code}"
        ))),
    }
}

const STATUSES: [Status; 6] = [
    Status::MOVED_PERMANENTLY,
    Status::FOUND,
    Status::SEE_OTHER,
    Status::TEMPORARY_REDIRECT,
    Status::PERMANENT_REDIRECT,
    Status::GONE,
];

/// The memory of a compiled regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;
