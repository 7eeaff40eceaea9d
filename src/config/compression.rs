//! The keys for what is compressed while it is served. They mean the same at the top, in a host and in a location; an
//! application does not inherit `compression`.

use super::errors::Errors;
use super::origin::LocatedError;
use super::section::{Holds, SectionKey};
use super::value::Value;
use crate::http::{Coding, Compression};

/// What a scope says of compression; `None` where nothing was written.
#[derive(Debug, Default)]
pub(super) struct CompressionSection {
    /// Empty: nothing is compressed.
    codings: Option<Vec<Coding>>,
    types: Option<Vec<String>>,
    bytes_min: Option<u64>,
}

impl CompressionSection {
    pub(super) fn is_on(&self) -> bool {
        self.codings.as_ref().is_some_and(|it| !it.is_empty())
    }

    pub(super) fn has_types(&self) -> bool {
        self.types.is_some()
    }

    pub(super) fn has_bytes_min(&self) -> bool {
        self.bytes_min.is_some_and(|it| it != 1024)
    }
}

/// The keys that may be set at the top, in a host and in a location, whatever responds there.
pub(super) fn keys<T: Holds<CompressionSection>>() -> [SectionKey<T>; 3] {
    [
        SectionKey::new(NOT_FOR_APPLICATIONS, |it: &mut T, value, errors| {
            it.held().codings = Some(read_codings(value, errors));
        }),
        SectionKey::new("compression_types", |it, value, errors| {
            it.held().types = Some(errors.take_each(value, read_type));
        }),
        SectionKey::new("compression_bytes_min", |it, value, errors| {
            errors.set(&mut it.held().bytes_min, value.bytes(0).map(Some));
        }),
    ]
}

/// What is compressed of files, by what scopes say of it, the innermost first.
pub(super) fn of_files<'s>(
    sections: impl Iterator<Item = &'s CompressionSection> + Clone,
) -> Option<Compression> {
    let codings = sections.clone().find_map(|it| it.codings.clone())?;
    compression(codings, sections)
}

/// What is compressed of responses that are no files and no lists of directories. They are compressed only if their own
/// location says so: an attacker who can put text into a page that also has a secret may learn the secret from its
/// compressed length.
pub(super) fn of_responses<'s>(
    sections: impl Iterator<Item = &'s CompressionSection> + Clone,
) -> Option<Compression> {
    let own = sections.clone().next()?;
    compression(own.codings.clone()?, sections)
}

fn compression<'s>(
    codings: Vec<Coding>,
    sections: impl Iterator<Item = &'s CompressionSection> + Clone,
) -> Option<Compression> {
    if codings.is_empty() {
        return None;
    }
    let mut compression = Compression::new(codings);
    if let Some(types) = sections.clone().find_map(|it| it.types.as_ref()) {
        compression = compression.types(types);
    }
    let mut sections = sections;
    if let Some(bytes_min) = sections.find_map(|it| it.bytes_min) {
        compression = compression.bytes_min(bytes_min);
    }
    Some(compression)
}

/// A list of codings, or `"off"`. `true` and `false` are what somebody who does not care which ones would write.
fn read_codings(value: Value<'_>, errors: &mut Errors) -> Vec<Coding> {
    if let Ok(is_on) = value.boolean() {
        return if is_on { Coding::ALL.to_vec() } else { Vec::new() };
    }
    if value.any_text().is_ok_and(|text| text == "off") {
        return Vec::new();
    }
    errors.take_each(value, |item| match item.text() {
        Ok(text) if text.eq_ignore_ascii_case("brotli") => Err(item.error("is called \"br\"")),
        _ => item.choice(CODINGS),
    })
}

/// `type/subtype`, of which a part may be `*`.
fn read_type(value: Value<'_>) -> Result<String, LocatedError> {
    let text = value.text()?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-/*".contains(&byte);
    let stars = text.matches('*').count();
    let is_type = text.bytes().all(is_part) && text.matches('/').count() <= 1;
    if !is_type || stars > 1 || stars == 0 && !text.contains('/') {
        return Err(value.error(format_args!(
            "must be a content type such as \"application/json\", or several such as \"text/*\" or \"*+json\", not {text:?}"
        )));
    }
    Ok(text.to_owned())
}

/// The key that applications do not inherit.
pub(super) const NOT_FOR_APPLICATIONS: &str = "compression";

const CODINGS: &[(&str, Coding)] =
    &[("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip)];
