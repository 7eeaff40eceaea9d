//! The keys for redirects: their shape, and how they are checked. They mean the same at the top and in a location,
//! which adds its own to those of the top.

use std::sync::Arc;

use super::file::LocationSection;
use super::scope::Scope;
use super::section::{Errors, SectionKey, read_table};
use super::value::Value;
use super::{LocatedError, Origin, Written, compression, rates, responses};
use crate::files::Root;
use crate::http::Status;
use crate::site::Site;
use crate::site::rules::Rules;
use crate::site::rules::glob::Glob;
use crate::site::rules::redirects::{Redirect, Redirects, Source};
use crate::site::rules::target::Target;

/// What a scope says of its rules; empty where nothing was written.
#[derive(Debug, Default)]
pub(super) struct RulesSection {
    redirects: Arc<Redirects>,
}

/// The keys that may be set at the top and again in a location, whatever responds there.
pub(super) fn keys<T: AsMut<Scope>>() -> [SectionKey<T>; 1] {
    [SectionKey::new("redirect", |it: &mut T, value, errors| {
        it.as_mut().rules.redirects = Arc::new(read_redirects(value, errors));
    })]
}

/// The rules of scopes, of which the innermost comes first, each with the root of its error pages.
pub(super) fn compile(
    scopes: &[(&Scope, Option<&Root>)],
    serves_files: bool,
    is_location: bool,
    errors: &mut Errors,
) -> Option<Arc<Rules>> {
    let mut rules = Rules::default();
    for (scope, _) in scopes {
        if !scope.rules.redirects.is_empty() {
            rules.redirects.push(Arc::clone(&scope.rules.redirects));
        }
    }
    rules.is_for_files = serves_files;
    rules.compression =
        compression::of_responses(scopes.iter().map(|(scope, _)| *scope), serves_files);
    responses::compile(&mut rules, scopes, serves_files, errors);
    let scopes: Vec<&Scope> = scopes.iter().map(|(scope, _)| *scope).collect();
    rules.rates = rates::compile(&scopes, is_location, errors);
    (!rules.is_empty()).then(|| Arc::new(rules))
}

/// Reports redirects of a location that its paths never match.
pub(super) fn check_location(scope: &Scope, path: &str, errors: &mut Errors) {
    let prefix = path.trim_end_matches('/').as_bytes();
    for redirect in scope.rules.redirects.iter() {
        let Source::Glob(glob) = &redirect.from else { continue };
        if !glob.may_match_below(prefix) {
            let message = format!(
                "from is not below the path of its location, {path:?}: no request can match it"
            );
            errors.note(Origin::File(redirect.written_at), message);
        }
    }
}

/// Reports redirects that lead round in a circle.
pub(super) fn check_circles(
    site: &Site,
    outer: &[&Scope],
    locations: &[LocationSection],
    errors: &mut Errors,
) {
    let scopes = outer.iter().copied().chain(locations.iter().map(|it| &it.scope));
    let mut reported: Vec<Vec<u8>> = Vec::new();
    for redirect in scopes.flat_map(|scope| scope.rules.redirects.iter()) {
        let Some(start) = redirect.sample() else { continue };
        let Some(paths) = site.endless_redirects(&start) else { continue };
        if paths.iter().any(|path| reported.contains(path)) {
            continue;
        }
        let shown: Vec<_> = paths
            .iter()
            .take(SHOWN_MAX)
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect();
        let more = if paths.len() > SHOWN_MAX { " → …" } else { "" };
        let message = format!("this redirect never ends: {}{more}", shown.join(" → "));
        let origin = Origin::File(redirect.written_at);
        // It may stand at the top, and have been reported for another host.
        if !errors.has_one_at(origin) {
            errors.note(origin, message);
        }
        reported.extend(paths);
    }
}

#[derive(Default)]
pub(super) struct RedirectSection {
    from: Option<Option<Written<Source>>>,
    to: Option<Option<Written<String>>>,
    status: Option<Written<Status>>,
}

/// The keys of a redirect.
pub(super) const REDIRECT: &[SectionKey<RedirectSection>] = &[
    SectionKey::new("from", |it, value, errors| {
        let glob = errors.take(read_path(value));
        let source = glob.map(|glob| Written { value: Source::Glob(glob), origin: value.origin() });
        set_from(it, value, source, errors);
    }),
    SectionKey::new("regex", |it, value, errors| {
        let source = errors.take(read_regex(value));
        set_from(it, value, source, errors);
    }),
    SectionKey::new("to", |it, value, errors| {
        it.to = Some(errors.take(value.written()));
    }),
    SectionKey::new("status", |it, value, errors| {
        errors.set(&mut it.status, read_status(value).map(Some));
    }),
];

fn set_from(
    section: &mut RedirectSection,
    value: Value<'_>,
    source: Option<Written<Source>>,
    errors: &mut Errors,
) {
    if section.from.is_some() {
        errors.list.push(value.error("is here beside \"from\": a redirect has one of the two"));
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

/// The tables of an array.
pub(super) fn tables<'d>(name: &str, value: Value<'d>, errors: &mut Errors) -> Vec<Value<'d>> {
    if value.is_array() {
        return value.items();
    }
    errors.note(value.origin(), format!("{name} is written with two brackets: [[{name}]]"));
    Vec::new()
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

/// How many paths of a circle an error shows.
const SHOWN_MAX: usize = 5;
