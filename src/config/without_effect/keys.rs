//! What each key needs to have an effect.

use crate::config::scope::Scope;

/// A key, and what it needs.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Whether a scope sets it to something else than the default.
    pub(super) is_set: fn(&Scope) -> bool,
    pub(super) need: Need,
}

/// What is needed at one of the places that a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Files, whatever clients may do with them.
    Files,
    /// Files that clients may read.
    Reading,
    Put,
    Forms,
    /// Files that clients may store, one by one or by forms.
    Storing,
    /// Files that clients may store or delete.
    Changes,
    /// Something that takes the bodies of requests.
    Bodies,
    Compression,
    /// Something that can be compressed.
    Compressible,
    RequestRate,
    LimitRate,
    Tls,
    NoTls,
    /// A method for which a password is asked.
    MethodsOfPassword,
}

impl Need {
    /// Whether two keys belong together, so that one of them alone can never have been meant.
    pub(super) fn is_an_error(self) -> bool {
        matches!(self, Need::RequestRate | Need::LimitRate)
    }

    /// What is missing and what to write, after the name of a key.
    pub(super) fn why(self) -> &'static str {
        match self {
            Need::Files => "has no effect: it is for files, and none are served here",
            Need::Reading => {
                "has no effect: nobody may read files here; add \"GET\" to methods if they may"
            }
            Need::Put => {
                "has no effect: it is for PUT, which is not allowed here; write methods = [\"GET\", \"HEAD\", \"PUT\"]"
            }
            Need::Forms => {
                "has no effect: it is for forms, which are not taken here; write methods = [\"GET\", \"HEAD\", \"POST\"]"
            }
            Need::Storing => {
                "has no effect: nobody may store files here; write methods = [\"GET\", \"HEAD\", \"PUT\"], or \"POST\" for forms"
            }
            Need::Changes => {
                "has no effect: nobody may change files here; write methods = [\"GET\", \"HEAD\", \"PUT\", \"DELETE\"]"
            }
            Need::Bodies => {
                "has no effect: nothing takes the bodies of requests here; write methods = [\"GET\", \"HEAD\", \"PUT\"] for files ([limits] body_discard_bytes_max bounds bodies that nobody wants)"
            }
            Need::Compression => {
                "has no effect: nothing is compressed here; write compression = true (an application needs it in its own location)"
            }
            Need::Compressible => {
                "has no effect: no files are served here, and an application needs it in its own location"
            }
            Need::RequestRate => "needs a request_rate, such as request_rate = \"10/s\"",
            Need::LimitRate => "needs a limit_rate, such as limit_rate = \"1MiB\"",
            Need::Tls => {
                "has no effect: it is sent over TLS only, which no address speaks; write listen = [\":80\", \"https://:443\"]"
            }
            Need::NoTls => {
                "has no effect: every address speaks TLS, so that no request comes without; write listen = [\":80\", \"https://:443\"]"
            }
            Need::MethodsOfPassword => {
                "has no effect: none of its methods is allowed here; leave its methods out if every request needs a password"
            }
        }
    }
}

/// All keys of a scope that may be without effect.
pub(super) const KEYS: &[Key] = &[
    key("symlinks", |it| is_other(&it.symlinks), Need::Files),
    key("dotfiles", |it| it.dotfiles == Some(crate::site::Dotfiles::Allow), Need::Files),
    key("charset", |it| it.charset.is_some(), Need::Files),
    key("types", |it| !it.types.is_empty(), Need::Files),
    key("etag", |it| is_other(&it.etag), Need::Files),
    key("cache_policy", |it| it.responses.has_web_policy(), Need::Files),
    key("index", |it| it.index.as_ref().is_some_and(|it| it != &["index.html"]), Need::Reading),
    key("listing", |it| it.listing == Some(true), Need::Reading),
    key("precompressed", |it| it.precompressed == Some(true), Need::Reading),
    key("fallback", |it| it.lookup.has_fallback(), Need::Reading),
    key("try_files", |it| it.lookup.tries_files(), Need::Reading),
    key("clean_urls", |it| it.lookup.has_clean_urls(), Need::Reading),
    key("host_files", |it| it.lookup.has_host_files(), Need::Reading),
    key("body_bytes_max", |it| it.body_bytes_max.is_some_and(|it| it != 128 << 20), Need::Bodies),
    key("create_full_put_path", |it| it.writing.create_full_put_path == Some(true), Need::Put),
    key("form_overwrite", |it| it.writing.form_overwrite == Some(true), Need::Forms),
    key("quota_bytes", |it| matches!(it.writing.quota_bytes, Some(Some(_))), Need::Storing),
    key("upload_mode", |it| it.writing.upload_mode.is_some_and(|it| it != 0o644), Need::Storing),
    key("durability", |it| is_other(&it.writing.durability), Need::Changes),
    key("compression", |it| it.compression.is_on(), Need::Compressible),
    key("compression_types", |it| it.compression.has_types(), Need::Compression),
    key("compression_bytes_min", |it| it.compression.has_bytes_min(), Need::Compression),
    key("request_burst", |it| it.rates.has_burst(), Need::RequestRate),
    key("limit_rate_after", |it| it.rates.has_limit_rate_after(), Need::LimitRate),
    key("hsts", |it| it.rules.has_hsts(), Need::Tls),
    key("redirect_https", |it| it.rules.redirects_to_https(), Need::NoTls),
    key(
        "auth_basic",
        |it| it.access.auth_basic.as_ref().is_some_and(|it| it.methods().is_some()),
        Need::MethodsOfPassword,
    ),
];

const fn key(name: &'static str, is_set: fn(&Scope) -> bool, need: Need) -> Key {
    Key { name, is_set, need }
}

fn is_other<T: Default + PartialEq>(value: &Option<T>) -> bool {
    value.as_ref().is_some_and(|it| *it != T::default())
}
