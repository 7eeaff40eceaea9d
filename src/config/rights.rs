//! What the server's processes may do: the keys `user`, `group`, `serve_as_root`, `confinement` and `readable`, and what
//! follows from the rest of the configuration. Gives nothing up.

use std::path::{Path, PathBuf};

use super::application::ApplicationSection;
use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::overrides::Overrides;
use super::reach;
use super::section::SectionKey;
use super::value::Value;
use crate::site::{WrittenRights, Wsgi};
use crate::sys::confine::Reach;
use crate::sys::reason::reason_at;
use crate::sys::user::{Identity, Unknown, is_of_root, own_user};

/// Who may do what, once the server has begun to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Whom the serving processes become; `None`: they stay the user that started them.
    pub identity: Option<Identity>,
    /// Whether they may serve as root.
    pub serves_as_root: bool,
    /// Whether only programs of this machine can connect.
    pub is_local: bool,
    /// What they may reach; `None`: they are not confined.
    pub reach: Option<Reach>,
}

impl Rights {
    /// Whether a serving process has less of them than its supervisor.
    pub(crate) fn gives_up(&self) -> bool {
        self.identity.is_some() || self.reach.is_some()
    }
}

/// What is written of it, at the top or in a location with an application.
#[derive(Debug, Default)]
pub(super) struct RightsSection {
    user: Option<Written<String>>,
    group: Option<Written<String>>,
    serve_as_root: Option<Written<bool>>,
    confinement: Option<Written<bool>>,
    readable: Vec<Written<String>>,
}

/// The keys that a location has, too.
pub(super) fn keys<T: AsMut<RightsSection>>() -> [SectionKey<T>; 4] {
    [
        SectionKey::new("user", |it: &mut T, value, errors| {
            errors.set(&mut it.as_mut().user, name_or_number(value).map(Some));
        }),
        SectionKey::new("group", |it, value, errors| {
            errors.set(&mut it.as_mut().group, name_or_number(value).map(Some));
        }),
        SectionKey::new("confinement", |it, value, errors| {
            let origin = value.origin();
            let read = value.boolean().map(|value| Some(Written { value, origin }));
            errors.set(&mut it.as_mut().confinement, read);
        }),
        SectionKey::new("readable", |it, value, errors| {
            it.as_mut().readable = errors.take_each(value, |it| it.written());
        }),
    ]
}

/// The key of the top alone.
pub(super) fn top_keys<T: AsMut<RightsSection>>() -> [SectionKey<T>; 1] {
    [SectionKey::new("serve_as_root", |it: &mut T, value, errors| {
        let origin = value.origin();
        let read = value.boolean().map(|value| Some(Written { value, origin }));
        errors.set(&mut it.as_mut().serve_as_root, read);
    })]
}

fn name_or_number(value: Value<'_>) -> Result<Written<String>, LocatedError> {
    if value.is_integer() {
        let number = value.count::<u32>(0)?.to_string();
        return Ok(Written { value: number, origin: value.origin() });
    }
    value.written()
}

impl RightsSection {
    /// The user that is written, if there is one and this process may become it.
    pub(super) fn identity(&self, errors: &mut Errors) -> Option<Identity> {
        let Some(user) = &self.user else {
            if let Some(group) = &self.group {
                errors.note(group.origin, "group goes with user: write user = \"www-data\" too");
            }
            return None;
        };
        let group = self.group.as_ref();
        let found = Identity::find(&user.value, group.map(|it| it.value.as_str()));
        let error = match found {
            // A process that was root and has become this user already finds its own name here.
            Ok(identity) if is_of_root() => return Some(identity),
            Ok(identity) => {
                if identity.user != own_user() {
                    let message = format!(
                        "user = {:?} is ignored: only root can change its user",
                        user.value
                    );
                    errors.warn(user.origin, message);
                }
                return None;
            }
            Err(error) => error,
        };
        let (origin, message) = match (error, group) {
            (Unknown::Group, Some(group)) => {
                let message =
                    format!("group must be a group of this system, not {:?}", group.value);
                (group.origin, message)
            }
            (Unknown::GroupOfNumber, _) => {
                let message = format!(
                    "user {} has no entry on this system, which would name its group: write group too",
                    user.value
                );
                (user.origin, message)
            }
            _ => {
                let name = &user.value;
                let message = format!(
                    "user must be a user of this system, not {name:?}; useradd --system {name} makes one"
                );
                (user.origin, message)
            }
        };
        errors.note(origin, message);
        None
    }

    /// The further files and directories that may be read.
    pub(super) fn readable(&self, base: &Path, errors: &mut Errors) -> Vec<PathBuf> {
        existing("readable", &self.readable, base, errors)
    }
}

/// The rights of the server, without what it has to reach.
pub(super) fn of_server(
    section: &RightsSection,
    overrides: &Overrides,
    errors: &mut Errors,
) -> Rights {
    let given = overrides.user.as_ref();
    let identity = match given {
        Some(user) => {
            let section = RightsSection { user: Some(user.clone()), ..RightsSection::default() };
            section.identity(errors)
        }
        None => section.identity(errors),
    };
    let serves_as_root = overrides
        .serves_as_root
        .as_ref()
        .map(|it| it.value)
        .or(section.serve_as_root.as_ref().map(|it| it.value))
        .unwrap_or(false);
    if let (Some(root), Some(user), None) = (&section.serve_as_root, &section.user, given)
        && root.value
        && !["root", "0"].contains(&user.value.as_str())
    {
        let message = format!(
            "serve_as_root has no effect beside user = {:?}: root becomes that user",
            user.value
        );
        errors.warn(root.origin, message);
    }
    if let Some(root) = identity.as_ref().filter(|it| it.is_root() && !serves_as_root) {
        let origin = given.or(section.user.as_ref()).map_or(Origin::Default, |it| it.origin);
        let name = &root.name;
        let message =
            format!("user {name:?} is root: to serve as root, write serve_as_root = true instead");
        errors.note(origin, message);
    }
    let confines = section.confinement.as_ref().is_none_or(|it| it.value);
    if let (false, Some(readable)) = (confines, section.readable.first()) {
        let message = "readable has no effect: confinement = false keeps the server from nothing";
        errors.warn(readable.origin, message.to_owned());
    }
    Rights { identity, serves_as_root, is_local: false, reach: confines.then(Reach::default) }
}

/// Gives an application its rights: those that its location writes, or else those of the server.
pub(super) fn of_application(
    wsgi: Wsgi,
    server: &Rights,
    location: Option<(&RightsSection, &ApplicationSection)>,
    base: &Path,
    errors: &mut Errors,
) -> Wsgi {
    let own = location.and_then(|(section, _)| section.identity(errors));
    let confines =
        location.and_then(|(section, _)| section.confinement.as_ref()).map(|it| it.value);
    let confines = confines.unwrap_or(server.reach.is_some());
    let readable = location.map(|(section, _)| section.readable(base, errors)).unwrap_or_default();
    if let (false, Some((section, keys))) = (confines, location) {
        warn_of_unconfined(section, keys, errors);
    }
    let network = location.and_then(|(_, keys)| keys.network.as_ref());
    let network = network.is_none_or(|it| it.value);
    let writable = location.and_then(|(_, keys)| keys.writable.as_ref());
    let writable = writable.map(|written| existing("writable", written, base, errors));
    wsgi.with(|it| {
        it.written_rights = WrittenRights {
            is_confined: confines,
            has_network: network,
            readable: readable.clone(),
            writable: writable.clone(),
        };
        it.file_group = own.as_ref().map(|own| own.group);
        it.identity = own.or_else(|| server.identity.clone());
        it.confinement = confines.then(|| reach::of_application(it, network, readable, writable));
    })
}

/// Warns of what an application may do beside that it may do everything.
fn warn_of_unconfined(section: &RightsSection, keys: &ApplicationSection, errors: &mut Errors) {
    let network = keys.network.as_ref().filter(|it| !it.value).map(|it| it.origin);
    let readable = section.readable.first().map(|it| it.origin);
    let writable = keys.writable.as_ref().and_then(|it| it.first()).map(|it| it.origin);
    for (key, origin) in [("network", network), ("readable", readable), ("writable", writable)] {
        let Some(origin) = origin else { continue };
        let message = format!(
            "{key} has no effect: this application is not confined; write confinement = true here"
        );
        errors.warn(origin, message);
    }
}

/// Notes keys for applications in a location that has none.
pub(super) fn check_location(section: &RightsSection, errors: &mut Errors) {
    let RightsSection { user, group, readable, confinement, .. } = section;
    let written = user.iter().chain(group).chain(readable).map(|it| it.origin);
    if let Some(origin) = written.chain(confinement.iter().map(|it| it.origin)).min() {
        let message = "user, group, readable and confinement are for the whole server, or for an application: write them at the top, or add wsgi = \"module:callable\"";
        errors.note(origin, message);
    }
}

/// The absolute paths of those that exist.
fn existing(
    key: &str,
    written: &[Written<String>],
    base: &Path,
    errors: &mut Errors,
) -> Vec<PathBuf> {
    let absolute = |written: &Written<String>| {
        let path = base.join(&written.value);
        match std::path::absolute(&path).and_then(|path| std::fs::metadata(&path).map(|_| path)) {
            Ok(path) => Some(path),
            Err(error) => {
                let reason = reason_at(&path, &error);
                errors.note(written.origin, format!("{key}: {path:?}: {reason}"));
                None
            }
        }
    };
    written.iter().filter_map(absolute).collect()
}
