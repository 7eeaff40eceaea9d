//! The keys for how files are found beyond the path of the request: `fallback`, `try_files`, `clean_urls`.

use super::errors::Errors;
use super::origin::{LocatedError, Written};
use super::responses::read_file;
use super::section::{Holds, SectionKey};
use super::value::Value;
use crate::files::{Disk, Root, SmallFile};
use crate::site::StaticFiles;
use crate::site::fallback::Tried;
use crate::site::host_files::Dialect;
use crate::sys::reason::reason_at;

/// What a scope says; `None` where nothing was written.
#[derive(Debug, Default)]
pub(super) struct LookupSection {
    /// `Some(None)`: none, whatever the outer scopes say.
    fallback: Option<Option<Written<String>>>,
    try_files: Option<TryFiles>,
    clean_urls: Option<bool>,
    /// `Some(None)`: no file in the root says how it is served.
    host_files: Option<Option<Dialect>>,
}

impl LookupSection {
    pub(super) fn has_fallback(&self) -> bool {
        matches!(self.fallback, Some(Some(_)))
    }

    pub(super) fn tries_files(&self) -> bool {
        self.try_files.as_ref().is_some_and(|it| !it.tried.is_empty() || it.fallback.is_some())
    }

    pub(super) fn has_clean_urls(&self) -> bool {
        self.clean_urls == Some(true)
    }

    pub(super) fn has_host_files(&self) -> bool {
        matches!(self.host_files, Some(Some(_)))
    }

    /// Whether the path of a file may lack its extension.
    pub(super) fn leaves_extensions_out(&self) -> bool {
        self.clean_urls == Some(true)
            || self.try_files.as_ref().is_some_and(|it| !it.tried.is_empty())
    }
}

#[derive(Clone, Debug, Default)]
struct TryFiles {
    tried: Vec<Tried>,
    fallback: Option<Written<String>>,
}

/// The keys that may be set at the top, in a host and in a location of files.
pub(super) fn keys<T: Holds<LookupSection>>() -> [SectionKey<T>; 4] {
    [
        SectionKey::new("fallback", |it: &mut T, value, errors| {
            let read = value.unless_off(read_file);
            errors.set(&mut it.held().fallback, read.map(Some));
        }),
        SectionKey::new("try_files", |it, value, errors| {
            it.held().try_files = Some(read_try_files(value, errors));
        }),
        SectionKey::new("clean_urls", |it, value, errors| {
            errors.set(&mut it.held().clean_urls, value.boolean().map(Some));
        }),
        SectionKey::new("host_files", |it, value, errors| {
            let read = read_host_files(value).map(Some);
            errors.set(&mut it.held().host_files, read);
        }),
    ]
}

/// Applies what scopes say of it, the innermost first.
pub(super) fn apply<'s>(
    files: StaticFiles,
    root: &Root,
    sections: impl Iterator<Item = &'s LookupSection> + Clone,
    errors: &mut Errors,
) -> StaticFiles {
    let try_files = sections.clone().find_map(|it| it.try_files.clone()).unwrap_or_default();
    let fallback = sections.clone().find_map(|it| it.fallback.clone()).flatten();
    let clean_urls = sections.clone().find_map(|it| it.clean_urls).unwrap_or_default();
    let mut files = files.clean_urls(clean_urls);
    if let Some(dialect) = host_files(sections) {
        files = files.host_files(dialect);
    }
    if !try_files.tried.is_empty() {
        files = files.try_files(try_files.tried);
    }
    if let Some(fallback) = fallback.or(try_files.fallback) {
        let path = fallback.value.trim_start_matches('/');
        if let Err(error) = SmallFile::read(root, path.as_bytes(), usize::MAX, Disk::MayBlock)
            && !errors.has_one_at(fallback.origin)
        {
            let file = root.path().join(path);
            let why = reason_at(&file, &error);
            errors.note(fallback.origin, format!("cannot read the fallback {file:?}: {why}"));
        }
        files = files.fallback(path);
    }
    files
}

/// Whose rules the files in a root follow that say how it is served, by the innermost scope that says something.
pub(super) fn host_files<'s>(
    mut sections: impl Iterator<Item = &'s LookupSection>,
) -> Option<Dialect> {
    sections.find_map(|section| section.host_files).flatten()
}

fn read_host_files(value: Value<'_>) -> Result<Option<Dialect>, LocatedError> {
    if let Ok(is_on) = value.boolean() {
        return Ok(is_on.then(Dialect::default));
    }
    match value.any_text() {
        Ok("netlify") => Ok(Some(Dialect::Netlify)),
        Ok("cloudflare") => Ok(Some(Dialect::Cloudflare)),
        _ => Err(value.error("must be true, false, \"netlify\" (as true) or \"cloudflare\"")),
    }
}

fn read_try_files(value: Value<'_>, errors: &mut Errors) -> TryFiles {
    let items = value.items();
    let mut try_files = TryFiles::default();
    for (place, item) in items.iter().enumerate() {
        let is_last = place + 1 == items.len();
        match errors.take(read_tried(*item)) {
            Some(Some(Tried::File(_))) if is_last && place > 0 => {
                try_files.fallback = errors.take(read_file(*item));
            }
            Some(Some(tried)) => try_files.tried.push(tried),
            Some(None) if !is_last => {
                errors
                    .list
                    .push(item.error("has \"=404\" before its end; nothing after it is tried"));
            }
            _ => {}
        }
    }
    try_files
}

/// `"$uri"`, `"$uri.html"`, `"$uri/"`, `"/static$uri"`, `"/index.html"`; `None` for `"=404"`.
fn read_tried(item: Value<'_>) -> Result<Option<Tried>, LocatedError> {
    let text = item.text()?;
    let bytes = |text: &str| text.as_bytes().to_vec();
    let wrong = || {
        item.error(format_args!(
            "must have \"$uri\", \"$uri.html\", \"$uri/\", a file such as \"/index.html\", or \"=404\", not {text:?}"
        ))
    };
    if text == "=404" {
        return Ok(None);
    }
    if text.starts_with(['=', '@']) {
        return Err(wrong());
    }
    match text.replace("$path", "$uri").split_once("$uri") {
        Some((_, after)) if after.contains('$') => Err(wrong()),
        Some(("", "/")) => Ok(Some(Tried::Index)),
        Some((before, after)) if before.is_empty() || before.starts_with('/') => {
            let before = before.trim_start_matches('/');
            let slash = if before.is_empty() || before.ends_with('/') { "" } else { "/" };
            Ok(Some(Tried::Path(bytes(&format!("{before}{slash}")), bytes(after))))
        }
        None if text.starts_with('/') && !text.contains('$') => {
            let file = read_file(item)?;
            Ok(Some(Tried::File(bytes(file.value.trim_start_matches('/')))))
        }
        _ => Err(wrong()),
    }
}

/// The default index.
pub(super) const INDEX: &str = "index.html";
