//! What the locations of a configuration serve from the disk, for those who look at a site before it serves: `check`,
//! `explain`, and the warnings of `-t`. Knows no request.

use super::file::{File, LocationSection};
use super::hosts::Naming;
use super::scope::Scope;
use super::section::Errors;
use super::{Origin, lookup, responses};
use crate::files::Root;
use crate::site::{Dotfiles, Mapping};
use std::path::{Path, PathBuf};

/// A location, or what is at `/` without one.
#[derive(Debug)]
pub(crate) struct Place {
    /// The place of its host among those of the file. `None`: the default host.
    pub(crate) host: Option<usize>,
    /// As it was written.
    pub(crate) path: String,
    /// `None`: it has an application.
    pub(crate) files: Option<PlaceFiles>,
    /// Where it was written who may ask for what is here; all `None` if everybody may.
    pub(crate) access: AccessOrigins,
}

/// The files of a location.
#[derive(Clone, Debug)]
pub(crate) struct PlaceFiles {
    pub(crate) root: Root,
    pub(crate) mapping: Mapping,
    pub(crate) dotfiles: Dotfiles,
    pub(crate) precompressed: bool,
}

/// Where `allow`, `deny` and `auth_basic` were written.
pub(crate) type AccessOrigins = [Option<Origin>; 3];

impl Place {
    /// Whether something is asked of clients here that is not asked of them there.
    fn asks_more_than(&self, other: &Place) -> bool {
        self.access
            .iter()
            .zip(&other.access)
            .any(|(ours, theirs)| ours.is_some() && theirs.is_none())
    }

    /// Whether a path is below this one.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path of the URL at which a file is served here, if it is. `relative` is below the root.
    pub(crate) fn url_path(&self, relative: &Path) -> Option<PathBuf> {
        let files = self.files.as_ref()?;
        let path = match files.mapping {
            Mapping::Root => Path::new("/").join(relative),
            Mapping::Alias => {
                Path::new(&format!("{}/", self.path.trim_end_matches('/'))).join(relative)
            }
        };
        let prefix = Path::new(self.path.trim_end_matches('/'));
        (prefix.as_os_str().is_empty() || path.starts_with(prefix)).then_some(path)
    }

    /// The path of the URL at which a file is served here, by its path on the disk.
    fn url_path_of(&self, file: &Path) -> Option<PathBuf> {
        self.url_path(file.strip_prefix(self.files.as_ref()?.root.path()).ok()?)
    }
}

/// A name that a client can ask a host by: where it redirects others, the one that it redirects them to.
pub(super) fn name_to_ask_by(naming: &Naming) -> Option<String> {
    let name = naming.canonical_host.as_ref().or(naming.server_names.first())?;
    let text = name.value.to_string();
    Some(match text.strip_prefix("*.") {
        Some(rest) => format!("www.{rest}"),
        None => text,
    })
}

/// Where it was written who may, by scopes of which the innermost comes first.
pub(super) fn access_origins<'s>(scopes: impl Iterator<Item = &'s Scope> + Clone) -> AccessOrigins {
    let of = |number: usize| scopes.clone().find_map(|scope| scope.access.origins[number]);
    let opens = scopes.clone().find_map(|scope| scope.access.auth_basic.as_ref());
    let is_open = matches!(opens, None | Some(super::access::AuthSetting::Off));
    [of(0), of(1), of(2).filter(|_| !is_open)]
}

/// Warns of files that a location names and sends to everybody, although another one guards them.
pub(super) fn warn_of_unguarded(file: &File, places: &[Place], errors: &mut Errors) {
    for place in places {
        let Some(files) = &place.files else { continue };
        for (key, origin, named) in named_files(file, place) {
            let on_disk = files.root.path().join(named.trim_start_matches('/'));
            let guard = places.iter().find(|guard| {
                guard.asks_more_than(place)
                    && guard.url_path_of(&on_disk).is_some_and(|path| {
                        let path = path.to_string_lossy();
                        let is_longer = |other: &&Place| {
                            other.host == guard.host
                                && other.path.len() > guard.path.len()
                                && other.covers(&path)
                        };
                        guard.covers(&path) && !places.iter().any(|it| is_longer(&it))
                    })
            });
            let Some(guard) = guard else { continue };
            let message = format!(
                "{key} names {named:?}, which the location {:?} guards: it is sent here without asking; put it elsewhere, or guard this location too",
                guard.path
            );
            errors.warn_once(origin, message);
        }
    }
}

/// The files below the root of a location that its keys name, with those that it inherits.
fn named_files<'f>(file: &'f File, place: &Place) -> Vec<(&'static str, Origin, &'f str)> {
    let host = place.host.and_then(|host| file.hosts.get(host));
    let locations = host.map_or(&file.locations, |host| &host.locations);
    let is_meant = |location: &&LocationSection| matches!(&location.path, Some(Some(path)) if path.value == place.path);
    let own = locations.iter().find(is_meant).map(|location| &location.scope);
    let scopes = [own, host.map(|host| &host.scope), Some(&file.scope)];
    let scopes = scopes.into_iter().flatten();
    let mut named = lookup::named_files(scopes.clone());
    named.extend(scopes.flat_map(responses::named_files));
    named
}
