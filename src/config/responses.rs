//! The keys for what responses get before they are sent: headers, a cache policy, CORS, error pages. They mean the
//! same at the top, in a host and in a location, and inner ones are added to outer ones.

use std::sync::Arc;
use std::time::Duration;

use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::section::{Holds, SectionKey, read_table, tables};
use super::value::Value;
use crate::files::Root;
use crate::http::{Headers, Method};
use crate::site::rules::cors::{Cors, OriginPattern, Origins};
use crate::site::rules::error_pages::ErrorPage;
use crate::site::rules::glob::Glob;
use crate::site::rules::headers::{HeaderRule, Statuses};
use crate::site::rules::{HEADER_RULES_MAX, Rules};

/// What a scope says of responses; empty where nothing was written.
#[derive(Debug, Default)]
pub(super) struct ResponsesSection {
    headers: Vec<Written<Arc<HeaderRule>>>,
    /// Whether it is `"web"`.
    cache_policy: Option<bool>,
    /// `Some(None)`: none, whatever the outer scopes say.
    cors: Option<Option<Arc<Cors>>>,
    error_pages: Vec<(Statuses, Written<String>)>,
    /// Those of outer scopes do not count.
    error_pages_are_off: bool,
}

/// The keys that may be set at the top, in a host and in a location, whatever responds there.
pub(super) fn keys<T: Holds<ResponsesSection>>() -> [SectionKey<T>; 4] {
    [
        SectionKey::new("header", |it: &mut T, value, errors| {
            it.held().headers = read_headers(value, errors);
        }),
        SectionKey::new("cache_policy", |it, value, errors| {
            let slot = &mut it.held().cache_policy;
            errors.set(slot, value.choice(CACHE_POLICY).map(Some));
        }),
        SectionKey::new("cors", |it, value, errors| {
            it.held().cors = match value.is_off() {
                true => Some(None),
                false => read_cors(value, errors).map(|cors| Some(Arc::new(cors))),
            };
        }),
        SectionKey::new("error_pages", |it, value, errors| {
            let section = it.held();
            section.error_pages_are_off = value.is_off();
            if !value.is_off() {
                section.error_pages = read_error_pages(value, errors);
            }
        }),
    ]
}

/// Adds what scopes say, the innermost first, each with the root that its pages are beneath.
pub(super) fn compile(
    rules: &mut Rules,
    sections: &[(&ResponsesSection, Option<&Root>)],
    serves_files: bool,
    errors: &mut Errors,
) {
    let policy = sections.iter().find_map(|(section, _)| section.cache_policy);
    rules.has_web_policy = serves_files && policy == Some(true);
    rules.cors = sections.iter().find_map(|(section, _)| section.cors.clone()).flatten();
    let headers = sections.iter().rev().flat_map(|(section, _)| &section.headers);
    for rule in headers {
        if rules.headers.len() == HEADER_RULES_MAX {
            let message = format!(
                "this is more than {HEADER_RULES_MAX} [[header]] for one location, with those that it inherits"
            );
            note_once(rule.origin, message, errors);
            break;
        }
        rules.headers.push(Arc::clone(&rule.value));
    }
    for (section, root) in sections.iter().take_while(|(section, _)| !section.has_no_pages()) {
        let pages: Vec<_> = section
            .error_pages
            .iter()
            .filter_map(|(statuses, file)| page(statuses, file, *root, errors))
            .collect();
        if !pages.is_empty() {
            rules.error_pages.push(pages.into());
        }
    }
}

impl ResponsesSection {
    pub(super) fn has_web_policy(&self) -> bool {
        self.cache_policy == Some(true)
    }

    /// Whether it has no error pages, not even those of outer scopes.
    pub(super) fn has_no_pages(&self) -> bool {
        self.error_pages_are_off
    }

    /// The files that it names, for warnings.
    pub(super) fn named_files(&self) -> impl Iterator<Item = (&'static str, Origin, &str)> {
        let pages = self.error_pages.iter();
        pages.map(|(_, file)| ("error_pages", file.origin, file.value.as_str()))
    }
}

fn page(
    statuses: &Statuses,
    file: &Written<String>,
    root: Option<&Root>,
    errors: &mut Errors,
) -> Option<ErrorPage> {
    let Some(root) = root else {
        note_once(
            file.origin,
            "error_pages are files below a root, and there is none".to_owned(),
            errors,
        );
        return None;
    };
    let page = ErrorPage::new(statuses.clone(), root.clone(), &file.value, file.origin.byte());
    if let Err(error) = page.check() {
        let why = crate::sys::reason::reason_at(&page.place(), &error);
        let message = format!("cannot read the error page {:?}: {why}", page.place());
        note_once(file.origin, message, errors);
        return None;
    }
    Some(page)
}

/// What stands at the top is compiled for each location.
fn note_once(origin: Origin, message: String, errors: &mut Errors) {
    if !errors.has_one_at(origin) {
        errors.note(origin, message);
    }
}

#[derive(Default)]
pub(super) struct HeaderSection {
    path: Option<Glob>,
    statuses: Option<Statuses>,
    set: Vec<(String, Vec<String>)>,
    add: Vec<(String, Vec<String>)>,
    remove: Vec<String>,
    /// Whether it changes something, with errors in it or not.
    changes: bool,
}

/// The keys of a header rule.
pub(super) const HEADER: &[SectionKey<HeaderSection>] = &[
    SectionKey::new("path", |it, value, errors| {
        let glob =
            value.text().and_then(|text| Glob::new(text).map_err(|error| value.error(error)));
        errors.set(&mut it.path, glob.map(Some));
    }),
    SectionKey::new("status", |it, value, errors| {
        it.statuses = Some(read_statuses(value, errors));
    }),
    SectionKey::new("set", |it, value, errors| {
        it.changes = true;
        it.set = read_fields(value, errors);
    }),
    SectionKey::new("add", |it, value, errors| {
        it.changes = true;
        it.add = read_fields(value, errors);
    }),
    SectionKey::new("remove", |it, value, errors| {
        it.changes = true;
        it.remove = errors.take_each(value, |item| {
            let name = item.text()?;
            check_field(item, name, "").map(|()| name.to_owned())
        });
    }),
];

fn read_headers(value: Value<'_>, errors: &mut Errors) -> Vec<Written<Arc<HeaderRule>>> {
    let mut rules = Vec::new();
    for item in tables("header", value, errors) {
        let mut section = HeaderSection::default();
        read_table("[[header]]", item, HEADER, &mut section, errors);
        if !section.changes {
            let message = "this header rule changes nothing: write set = { X-Frame-Options = \"DENY\" }, add or remove";
            errors.note(item.origin(), message);
        }
        let HeaderSection { path, statuses, set, add, remove, .. } = section;
        let statuses = statuses.unwrap_or_else(Statuses::all);
        let value = {
            let written_at = item.origin().byte();
            Arc::new(HeaderRule { path, statuses, remove, set, add, written_at })
        };
        rules.push(Written { value, origin: item.origin() });
    }
    rules
}

/// Names and values: text, or several of them.
fn read_fields(value: Value<'_>, errors: &mut Errors) -> Vec<(String, Vec<String>)> {
    let Some(table) = errors.take(value.table()) else { return Vec::new() };
    let mut fields = Vec::new();
    for (name, written) in table {
        let name_text: &str = name.get_ref();
        let values = Value::new(name_text, written);
        let values = errors.take_each(values, |item| {
            let value = item.any_text()?;
            check_field(item, name_text, value).map(|()| value.to_owned())
        });
        fields.push((name_text.to_owned(), values));
    }
    fields
}

fn check_field(at: Value<'_>, name: &str, value: &str) -> Result<(), LocatedError> {
    if let Err(error) = Headers::new().add(name, value) {
        return Err(LocatedError { origin: at.origin(), message: error.to_string() });
    }
    if value.chars().any(|it| it.is_control() && it != '\t') {
        return Err(at.error("must not contain control characters"));
    }
    Ok(())
}

/// Statuses and classes of them.
pub(super) fn read_statuses(value: Value<'_>, errors: &mut Errors) -> Statuses {
    let mut statuses = Statuses::default();
    for item in value.items() {
        errors.take(read_status(item, &mut statuses));
    }
    statuses
}

/// `404` or `"4xx"`.
fn read_status(value: Value<'_>, statuses: &mut Statuses) -> Result<(), LocatedError> {
    let text = match value.is_integer() {
        true => value.count::<u64>(0)?.to_string(),
        false => value.text()?.to_owned(),
    };
    let message =
        format_args!("must be a status such as 404 or a class such as \"4xx\", not {text:?}")
            .to_string();
    statuses.add(&text).map_err(|_| value.error(message))
}

fn read_error_pages(value: Value<'_>, errors: &mut Errors) -> Vec<(Statuses, Written<String>)> {
    let Some(table) = errors.take(value.table()) else { return Vec::new() };
    let mut pages = Vec::new();
    for (name, written) in table {
        let text: &str = name.get_ref();
        let mut statuses = Statuses::default();
        if statuses.add(text).is_err() || !text.starts_with(['4', '5']) {
            let message = format!(
                "{text:?} is no error: write a status such as 404 or a class such as \"5xx\""
            );
            errors.note(Origin::File(name.span().start), message);
            continue;
        }
        let file = errors.take(read_file(Value::new("error_pages", written)));
        pages.extend(file.map(|file| (statuses, file)));
    }
    pages
}

/// The path of a file below a root.
pub(super) fn read_file(value: Value<'_>) -> Result<Written<String>, LocatedError> {
    let text = value.text()?;
    let relative = text.strip_prefix('/').unwrap_or(text);
    if relative.split('/').any(|it| matches!(it, "" | "." | "..")) {
        return Err(value.error(format_args!(
            "must be a file below the root, such as \"404.html\", not {text:?}"
        )));
    }
    value.written()
}

#[derive(Default)]
pub(super) struct CorsSection {
    origins: Option<Written<Origins>>,
    methods: Option<Vec<String>>,
    headers: Option<Option<Vec<String>>>,
    credentials: Option<Written<bool>>,
    max_age: Option<Duration>,
}

/// The keys of `[cors]`.
pub(super) const CORS: &[SectionKey<CorsSection>] = &[
    SectionKey::new("origins", |it, value, errors| {
        let told = errors.list.len();
        let items = errors.take_each(value, read_origin);
        let has_any = items.iter().any(Option::is_none);
        if has_any && items.len() > 1 {
            errors.list.push(value.error("has \"*\", which is every origin, beside others"));
        }
        if items.is_empty() && errors.list.len() == told {
            errors.list.push(value.error("must not be empty: write origins = [\"https://example.org\"], or \"*\" for every one"));
        }
        let origins = match has_any {
            true => Origins::Any,
            false => Origins::These(items.into_iter().flatten().collect()),
        };
        it.origins = Some(Written { value: origins, origin: value.origin() });
    }),
    SectionKey::new("methods", |it, value, errors| {
        it.methods = Some(errors.take_each(value, |item| {
            let name = item.text()?;
            let method = Method::new(name).filter(|_| name == name.to_ascii_uppercase());
            let error =
                || item.error(format_args!("must be a method such as \"GET\", not {name:?}"));
            method.map(|_| name.to_owned()).ok_or_else(error)
        }));
    }),
    SectionKey::new("headers", |it, value, errors| {
        let names = errors.take_each(value, |item| {
            let name = item.text()?;
            let error = || item.error(format_args!("must be the name of a header, not {name:?}"));
            let is_token = name.bytes().all(crate::http::header::is_token);
            is_token.then(|| name.to_owned()).ok_or_else(error)
        });
        it.headers = Some((names != ["*"]).then_some(names));
    }),
    SectionKey::new("credentials", |it, value, errors| {
        let written = |value: bool, origin| Some(Written { value, origin });
        errors.set(&mut it.credentials, value.boolean().map(|it| written(it, value.origin())));
    }),
    SectionKey::new("max_age", |it, value, errors| {
        errors.set(&mut it.max_age, value.duration().map(Some));
    }),
];

/// `None`: every origin.
fn read_origin(value: Value<'_>) -> Result<Option<OriginPattern>, LocatedError> {
    match value.text()? {
        "*" => Ok(None),
        text => OriginPattern::new(text)
            .map(Some)
            .map_err(|error| value.error(format_args!("has the wrong origin {text:?}: {error}"))),
    }
}

fn read_cors(value: Value<'_>, errors: &mut Errors) -> Option<Cors> {
    let mut section = CorsSection::default();
    read_table("[cors]", value, CORS, &mut section, errors);
    let Some(origins) = section.origins else {
        errors.note(
            value.origin(),
            "cors needs origins: write origins = [\"https://example.org\"], or \"*\" for every one",
        );
        return None;
    };
    let credentials = section.credentials.filter(|it| it.value);
    if let (Some(credentials), Origins::Any) = (&credentials, &origins.value) {
        let message =
            "credentials cannot be true for every origin: browsers refuse that; write the origins";
        errors.note(credentials.origin, message);
    }
    let methods =
        section.methods.unwrap_or_else(|| ["GET", "HEAD", "POST"].map(str::to_owned).to_vec());
    Some(Cors {
        origins: origins.value,
        methods: methods.join(", "),
        headers: match section.headers {
            None => Some(String::new()),
            Some(names) => names.map(|names| names.join(", ")),
        },
        credentials: credentials.is_some(),
        max_age: section.max_age,
        written_at: value.origin().byte(),
    })
}

const CACHE_POLICY: &[(&str, bool)] = &[("none", false), ("web", true)];
