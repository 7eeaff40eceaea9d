//! What may be set at the top, in a host and in a location, where it means the same each time. One list of its
//! keys serves all three. An inner scope adds to the outer ones.

use toml::de::DeTable;

use super::access::{self, AccessSection};
use super::compression::{self, CompressionSection};
use super::errors::Errors;
use super::logs::{self, AccessLogSection};
use super::lookup::{self, LookupSection};
use super::methods;
use super::origin::{LocatedError, Origin, Written};
use super::rates::{self, RatesSection};
use super::responses::{self, ResponsesSection};
use super::rules::{self, RulesSection};
use super::section::{Holds, SectionKey, names};
use super::value::Value;
use crate::files::{Durability, ETags, NamePattern, Symlinks};
use crate::http::Method;
use crate::site::Dotfiles;

/// What was written; `None` or empty where nothing was.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// All keys beside which these stand, with where their values are written.
    written: Vec<(String, Origin)>,
    pub(super) root: Option<Written<String>>,
    pub(super) index: Option<Vec<String>>,
    pub(super) listing: Option<bool>,
    pub(super) symlinks: Option<Symlinks>,
    pub(super) dotfiles: Option<Dotfiles>,
    pub(super) charset: Option<String>,
    pub(super) types: Vec<(TypedName, String)>,
    pub(super) precompressed: Option<bool>,
    pub(super) compression: CompressionSection,
    pub(super) etag: Option<ETags>,
    /// For requests that store files or go to an application.
    pub(super) body_bytes_max: Option<u64>,
    pub(super) writing: Writing,
    pub(super) access: AccessSection,
    pub(super) rules: RulesSection,
    pub(super) responses: ResponsesSection,
    pub(super) rates: RatesSection,
    pub(super) access_log: AccessLogSection,
    /// For files.
    pub(super) lookup: LookupSection,
}

/// The keys of a [`Scope`] that say which files clients may change, and how.
#[derive(Debug, Default)]
pub(super) struct Writing {
    pub(super) methods: Option<Vec<Method>>,
    pub(super) create_full_put_path: Option<bool>,
    pub(super) form_overwrite: Option<bool>,
    /// `Some(None)`: none, whatever the outer scopes say.
    pub(super) quota_bytes: Option<Option<u64>>,
    pub(super) upload_mode: Option<u32>,
    pub(super) durability: Option<Durability>,
}

impl Scope {
    /// Notes where the keys of a table are written.
    pub(super) fn note_keys(&mut self, table: &DeTable<'_>) {
        let origin = |key: &str, written| Value::new(key, written).origin();
        let keys = table.iter().map(|(key, written)| {
            let name: &str = key.get_ref();
            (name.to_owned(), origin(name, written))
        });
        self.written.extend(keys);
    }

    /// Where the value of a key is written; where the file begins, if it is not.
    pub(super) fn origin(&self, key: &str) -> Origin {
        let found = self.written.iter().find(|(name, _)| name == key);
        found.map_or(Origin::File(0), |(_, origin)| *origin)
    }
}

impl AsMut<Scope> for Scope {
    fn as_mut(&mut self) -> &mut Scope {
        self
    }
}

impl<T: AsMut<Scope>> Holds<CompressionSection> for T {
    fn held(&mut self) -> &mut CompressionSection {
        &mut self.as_mut().compression
    }
}

impl<T: AsMut<Scope>> Holds<AccessSection> for T {
    fn held(&mut self) -> &mut AccessSection {
        &mut self.as_mut().access
    }
}

impl<T: AsMut<Scope>> Holds<RulesSection> for T {
    fn held(&mut self) -> &mut RulesSection {
        &mut self.as_mut().rules
    }
}

impl<T: AsMut<Scope>> Holds<ResponsesSection> for T {
    fn held(&mut self) -> &mut ResponsesSection {
        &mut self.as_mut().responses
    }
}

impl<T: AsMut<Scope>> Holds<RatesSection> for T {
    fn held(&mut self) -> &mut RatesSection {
        &mut self.as_mut().rates
    }
}

impl<T: AsMut<Scope>> Holds<AccessLogSection> for T {
    fn held(&mut self) -> &mut AccessLogSection {
        &mut self.as_mut().access_log
    }
}

impl<T: AsMut<Scope>> Holds<LookupSection> for T {
    fn held(&mut self) -> &mut LookupSection {
        &mut self.as_mut().lookup
    }
}

/// All keys of a scope.
pub(super) fn keys<T: AsMut<Scope>>() -> Vec<SectionKey<T>> {
    let mut keys = Vec::new();
    keys.extend(file_keys());
    keys.extend(writing_keys());
    keys.extend(access::keys());
    keys.extend(lookup::keys());
    keys.extend(compression::keys());
    keys.extend(rules::keys());
    keys.extend(responses::keys());
    keys.extend(rates::keys());
    keys.extend(logs::keys());
    keys
}

/// Keys about files, except for `body_bytes_max`.
fn file_keys<T: AsMut<Scope>>() -> [SectionKey<T>; 10] {
    [
        SectionKey::new("root", |it, value, errors| {
            errors.set(&mut it.as_mut().root, value.written().map(Some));
        }),
        SectionKey::new("index", |it, value, errors| {
            it.as_mut().index = Some(errors.take_each(value, Value::file_name));
        }),
        SectionKey::new("listing", |it, value, errors| {
            errors.set(&mut it.as_mut().listing, value.boolean().map(Some));
        }),
        SectionKey::new("symlinks", |it, value, errors| {
            errors.set(&mut it.as_mut().symlinks, value.choice(SYMLINKS).map(Some));
        }),
        SectionKey::new("dotfiles", |it, value, errors| {
            errors.set(&mut it.as_mut().dotfiles, value.choice(DOTFILES).map(Some));
        }),
        SectionKey::new("charset", |it, value, errors| {
            errors.set(&mut it.as_mut().charset, value.charset().map(Some));
        }),
        SectionKey::new("types", |it, value, errors| {
            it.as_mut().types = read_types(value, errors);
        }),
        SectionKey::new("precompressed", |it, value, errors| {
            errors.set(&mut it.as_mut().precompressed, value.boolean().map(Some));
        }),
        SectionKey::new("etag", |it, value, errors| {
            errors.set(&mut it.as_mut().etag, value.choice(ETAGS).map(Some));
        }),
        SectionKey::new("body_bytes_max", |it, value, errors| {
            errors.set(&mut it.as_mut().body_bytes_max, value.bytes(1).map(Some));
        }),
    ]
}

fn writing_keys<T: AsMut<Scope>>() -> [SectionKey<T>; 6] {
    [
        SectionKey::new("methods", |it: &mut T, value, errors| {
            errors.set(&mut it.as_mut().writing.methods, methods::read(value).map(Some));
        }),
        SectionKey::new("create_full_put_path", |it, value, errors| {
            let slot = &mut it.as_mut().writing.create_full_put_path;
            errors.set(slot, value.boolean().map(Some));
        }),
        SectionKey::new("form_overwrite", |it, value, errors| {
            errors.set(&mut it.as_mut().writing.form_overwrite, value.boolean().map(Some));
        }),
        SectionKey::new("quota_bytes", |it, value, errors| {
            let read = value.unless_off(|value| value.bytes(1));
            errors.set(&mut it.as_mut().writing.quota_bytes, read.map(Some));
        }),
        SectionKey::new("upload_mode", |it, value, errors| {
            errors.set(&mut it.as_mut().writing.upload_mode, value.mode().map(Some));
        }),
        SectionKey::new("durability", |it, value, errors| {
            errors.set(&mut it.as_mut().writing.durability, value.choice(DURABILITY).map(Some));
        }),
    ]
}

/// The names of the keys that apply to files only.
pub(super) fn keys_about_files() -> Vec<&'static str> {
    let mut keys = names(&file_keys::<Scope>());
    keys.extend(names(&writing_keys::<Scope>()));
    keys.extend(names(&lookup::keys::<Scope>()));
    keys.push("cache_policy");
    // An error about a root is reported where it is opened; the size of a body applies to both.
    keys.retain(|name| !["root", "body_bytes_max"].contains(name));
    keys
}

/// An error for each key that applies to files only, in case that a location has none.
pub(super) fn about_files(table: &DeTable<'_>) -> Vec<LocatedError> {
    let keys = keys_about_files();
    let is_about_files = |name: &str| keys.contains(&name);
    let written = table.keys().filter(|key| is_about_files(key.get_ref()));
    let error = |name: &str, at: usize| LocatedError {
        origin: Origin::File(at),
        message: format!("{name} is for files, and there are none here"),
    };
    written.map(|key| error(key.get_ref(), key.span().start)).collect()
}

/// Which files a content type is for.
#[derive(Debug)]
pub(super) enum TypedName {
    /// Files with this extension, and files with this name that have none.
    Extension(String),
    Matching(NamePattern),
}

fn read_types(value: Value<'_>, errors: &mut Errors) -> Vec<(TypedName, String)> {
    let Some(table) = errors.take(value.table()) else {
        return Vec::new();
    };
    let mut types = Vec::new();
    for (extension, written) in table {
        let name: &str = extension.get_ref();
        if let Some(bare) = name.strip_prefix('.') {
            let message = format!("extension {name:?} is written without the dot: {bare:?}");
            errors.note(Origin::File(extension.span().start), message);
            continue;
        }
        let named = if name.contains(|it: char| "./*?[]{}\\".contains(it)) {
            NamePattern::new(name).map(TypedName::Matching)
        } else {
            Ok(TypedName::Extension(name.to_owned()))
        };
        let found = errors.take(Value::new(name, written).content_type());
        match (named, found) {
            (Ok(named), Some(found)) => types.push((named, found.to_owned())),
            (Ok(_), None) => {}
            (Err(error), _) => {
                let message = format!("the name {name:?} {error}");
                errors.note(Origin::File(extension.span().start), message);
            }
        }
    }
    types
}

const DURABILITY: &[(&str, Durability)] = &[
    ("never", Durability::Never),
    ("file", Durability::File),
    ("directory", Durability::FileAndDirectory),
];
const DOTFILES: &[(&str, Dotfiles)] = &[("deny", Dotfiles::Deny), ("allow", Dotfiles::Allow)];
const ETAGS: &[(&str, ETags)] = &[("time", ETags::Time), ("content", ETags::Content)];
const SYMLINKS: &[(&str, Symlinks)] =
    &[("inside", Symlinks::Inside), ("never", Symlinks::Never), ("all", Symlinks::All)];
