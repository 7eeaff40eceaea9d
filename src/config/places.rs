//! What the locations of a configuration serve from the disk, for those who look at a site before it serves: `check`,
//! `explain`, and the warnings of `-t`. Knows no request.

use super::access::{AccessOrigins, AuthSetting};
use super::errors::Errors;
use super::file::File;
use super::location::LocationSection;
use super::naming::Naming;
use super::origin::Origin;
use super::scope::Scope;
use crate::files::Root;
use crate::http::Method;
use crate::site::host_files::Dialect;
use crate::site::{Dotfiles, Mapping, Network};
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
    /// Where the keys were written that say who may read here; all `None` if everybody may.
    pub(crate) access: AccessOrigins,
    /// Whether nobody may, because of `deny = "all"`.
    pub(crate) is_closed: bool,
}

/// The files of a location.
#[derive(Clone, Debug)]
pub(crate) struct PlaceFiles {
    pub(crate) root: Root,
    pub(crate) mapping: Mapping,
    pub(crate) dotfiles: Dotfiles,
    pub(crate) precompressed: bool,
    /// Whether `_redirects` and `_headers` in the root count, and how they are read.
    pub(crate) host_files: Option<Dialect>,
}

impl Place {
    /// The first key that asks something of clients here that is not asked of them there, and where it is written.
    fn asks_more_than(&self, other: &Place) -> Option<(&'static str, Origin)> {
        // What nobody gets here may be meant for some clients there.
        let is_for_some = self.is_closed && other.access != [None; 3];
        if other.is_closed || is_for_some {
            return None;
        }
        self.key_without(other)
    }

    /// The first key that is written for this place and not for that one.
    fn key_without(&self, other: &Place) -> Option<(&'static str, Origin)> {
        let keys = ["allow", "deny", "auth_basic"].into_iter().zip(self.access).zip(other.access);
        keys.filter(|(_, theirs)| theirs.is_none()).find_map(|((key, ours), _)| Some((key, ours?)))
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

    /// Where on the disk the files of this location are.
    fn on_disk(&self) -> Option<PathBuf> {
        let files = self.files.as_ref()?;
        Some(real(&match files.mapping {
            Mapping::Root => files.root.path().join(self.path.trim_matches('/')),
            Mapping::Alias => files.root.path().to_owned(),
        }))
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

/// Where it was written who may read, by scopes of which the innermost comes first.
pub(super) fn access_origins<'s>(scopes: impl Iterator<Item = &'s Scope> + Clone) -> AccessOrigins {
    let of = |number: usize| scopes.clone().find_map(|scope| scope.access.origins[number]);
    let setting = scopes.clone().find_map(|scope| scope.access.auth_basic.as_ref());
    let asks = match setting {
        None | Some(AuthSetting::Off) => false,
        Some(AuthSetting::Basic { methods, .. }) => {
            methods.as_ref().is_none_or(|methods| methods.contains(&Method::Get))
        }
    };
    [of(0), of(1), of(2).filter(|_| asks)]
}

/// Whether nobody may read, by scopes of which the innermost comes first.
pub(super) fn is_closed<'s>(mut scopes: impl Iterator<Item = &'s Scope>) -> bool {
    let denied = scopes.find_map(|scope| scope.access.deny.as_ref());
    denied.is_some_and(|denied| denied.contains(&Network::All))
}

/// Warns of what a location guards and another one sends to everybody.
pub(super) fn warn_of_unguarded(file: &File, places: &[Place], errors: &mut Errors) {
    if places.iter().all(|place| place.access == [None; 3]) {
        return;
    }
    warn_of_error_pages(file, places, errors);
    let root = |place: &Place| Some(real(place.files.as_ref()?.root.path()));
    let roots: Vec<Option<PathBuf>> = places.iter().map(root).collect();
    let mut left = COMPARED_MAX;
    for guard in places {
        if guard.access == [None; 3] {
            continue;
        }
        let Some(on_disk) = guard.on_disk() else { continue };
        left = left.saturating_sub(places.len());
        if left == 0 {
            return;
        }
        let way = places.iter().zip(&roots).find_map(|(place, root)| {
            let (key, origin) = guard.asks_more_than(place)?;
            let way = way_to(&on_disk, place, root.as_deref()?)?;
            is_innermost(place, &way, places).then_some((place, way, key, origin))
        });
        if let Some((place, way, key, origin)) = way {
            let host = host_name(file, place);
            let whom = match place.access == [None; 3] {
                true => "to everybody".to_owned(),
                false => format!("without {key}"),
            };
            errors.warn_once(
                origin,
                format!(
                    "the location {:?} is guarded here, and {host} sends the same files {whom} at {way:?}; guard them there too",
                    guard.path
                ),
            );
        }
    }
}

/// The path of the URL by which a place, whose root is there, sends what is at a path of the disk, or a part of it.
fn way_to(on_disk: &Path, place: &Place, root: &Path) -> Option<String> {
    let path = match root.strip_prefix(on_disk) {
        Ok(_) => PathBuf::from(&place.path),
        Err(_) => place.url_path(on_disk.strip_prefix(root).ok()?)?,
    };
    Some(path.to_string_lossy().into_owned())
}

/// Whether no other place of its host is for that path.
fn is_innermost(place: &Place, path: &str, places: &[Place]) -> bool {
    place.covers(path)
        && !places.iter().any(|other| {
            other.host == place.host && other.path.len() > place.path.len() && other.covers(path)
        })
}

fn host_name(file: &File, place: &Place) -> String {
    let host = place.host.and_then(|host| file.hosts.get(host));
    match host.and_then(|host| name_to_ask_by(&host.naming)) {
        Some(name) => format!("the host {name}"),
        None => "the default host".to_owned(),
    }
}

/// The same path without links, if it exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Warns of guarded files that are sent as the pages of errors, for which nobody is asked.
fn warn_of_error_pages(file: &File, places: &[Place], errors: &mut Errors) {
    let guards: Vec<&Place> = places.iter().filter(|it| it.access != [None; 3]).collect();
    for place in places {
        let Some(files) = &place.files else { continue };
        for (key, origin, named) in named_files(file, place) {
            let on_disk = files.root.path().join(named.trim_start_matches('/'));
            let guard = guards.iter().find(|guard| {
                guard.key_without(place).is_some()
                    && guard
                        .url_path_of(&on_disk)
                        .is_some_and(|path| is_innermost(guard, &path.to_string_lossy(), places))
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

/// The error pages below the root of a location, with those that it inherits.
fn named_files<'f>(file: &'f File, place: &Place) -> Vec<(&'static str, Origin, &'f str)> {
    let host = place.host.and_then(|host| file.hosts.get(host));
    let locations = host.map_or(&file.locations, |host| &host.locations);
    let is_meant = |location: &&LocationSection| matches!(&location.path, Some(Some(path)) if path.value == place.path);
    let own = locations.iter().find(is_meant).map(|location| &location.scope);
    let scopes = [own, host.map(|host| &host.scope), Some(&file.scope)];
    let scopes = scopes.into_iter().flatten();
    let with_pages = scopes.take_while(|scope| !scope.responses.has_no_pages());
    with_pages.flat_map(|scope| scope.responses.named_files()).collect()
}

/// If there are more pairs of locations, some are not compared.
const COMPARED_MAX: usize = 10_000_000;
