//! Who may: the keys `allow`, `deny` and `auth_basic`, and what they come to.

use super::errors::Errors;
use super::methods;
use super::origin::{LocatedError, Origin, Written};
use super::section::{Holds, SectionKey};
use super::value::Value;
use crate::http::Method;
use crate::site::{Access, Auth, BasicAuth, Methods, Network, Networks};
use crate::sys::reason::reason_at;
use std::path::{Path, PathBuf};

/// What a scope says of who may do something there; `None` where nothing was written.
#[derive(Debug, Default)]
pub(super) struct AccessSection {
    pub(super) allow: Option<Vec<Network>>,
    pub(super) deny: Option<Vec<Network>>,
    pub(super) auth_basic: Option<AuthSetting>,
    /// Where these three were written.
    pub(super) origins: AccessOrigins,
}

/// Where `allow`, `deny` and `auth_basic` were written.
pub(crate) type AccessOrigins = [Option<Origin>; 3];

/// Whether a name and a password are needed.
#[derive(Debug)]
pub(super) enum AuthSetting {
    Off,
    Basic { realm: String, file: Written<String>, methods: Option<Vec<Method>> },
}

impl AuthSetting {
    /// Those that need a password, if they are written.
    pub(super) fn methods(&self) -> Option<&[Method]> {
        match self {
            AuthSetting::Off => None,
            AuthSetting::Basic { methods, .. } => methods.as_deref(),
        }
    }
}

pub(super) fn keys<T: Holds<AccessSection>>() -> [SectionKey<T>; 3] {
    [
        SectionKey::new("allow", |it: &mut T, value, errors| {
            it.held().origins[0] = Some(value.origin());
            it.held().allow = Some(errors.take_each(value, network));
        }),
        SectionKey::new("deny", |it, value, errors| {
            it.held().origins[1] = Some(value.origin());
            it.held().deny = Some(errors.take_each(value, network));
        }),
        SectionKey::new("auth_basic", |it, value, errors| {
            it.held().origins[2] = Some(value.origin());
            if let Some(setting) = read_auth(value, errors) {
                it.held().auth_basic = Some(setting);
            }
        }),
    ]
}

fn network(value: Value<'_>) -> Result<Network, LocatedError> {
    let text = value.text()?;
    text.parse().map_err(|error| value.error(format_args!("{text:?} {error}")))
}

fn read_auth(value: Value<'_>, errors: &mut Errors) -> Option<AuthSetting> {
    if matches!(value.text(), Ok("off")) {
        return Some(AuthSetting::Off);
    }
    let Ok(table) = value.table() else {
        let expected =
            "must be \"off\", or a table such as { realm = \"staff\", file = \"staff.htpasswd\" }";
        errors.list.push(value.error(expected));
        return None;
    };
    let (mut realm, mut file, mut needed_for) = (None, None, None);
    for (key, written) in table {
        let name: &str = key.get_ref();
        let value = Value::new(name, written);
        match name {
            "realm" => realm = errors.take(value.text()),
            "file" => file = errors.take(value.written()),
            "methods" => needed_for = errors.take(methods::read(value)),
            _ => {
                let message =
                    format!("unknown key {name:?} in auth_basic; known: realm, file, methods");
                errors.note(Origin::File(key.span().start), message);
            }
        }
    }
    let Some(file) = file else {
        errors.list.push(value.error("needs a file, as `htpasswd -B -c FILE NAME` makes it"));
        return None;
    };
    let realm = realm.unwrap_or("restricted").to_owned();
    Some(AuthSetting::Basic { realm, file, methods: needed_for })
}

/// The files of passwords. One that several locations name is one, so that passwords are remembered together.
#[derive(Default)]
pub(super) struct PasswordFiles {
    known: Vec<(String, PathBuf, BasicAuth)>,
}

/// What scopes come to, by what each says of it, the innermost first; the first that sets a key wins.
pub(super) fn access<'s>(
    sections: impl Iterator<Item = &'s AccessSection> + Clone,
    files: &mut PasswordFiles,
    base: &Path,
    errors: &mut Errors,
) -> Access {
    let all = |key: fn(&AccessSection) -> &Option<Vec<Network>>| {
        sections.clone().find_map(|section| key(section).clone())
    };
    let auth = match sections.clone().find_map(|section| section.auth_basic.as_ref()) {
        Some(AuthSetting::Basic { realm, file, methods }) => {
            let methods = methods.as_deref().map(Methods::of);
            files.basic(realm, file, base, errors).map(|basic| Auth { basic, methods })
        }
        Some(AuthSetting::Off) | None => None,
    };
    Access {
        allow: all(|it| &it.allow).map(Networks::new),
        deny: Networks::new(all(|it| &it.deny).unwrap_or_default()),
        auth,
    }
}

impl PasswordFiles {
    /// Where they are.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.known.iter().map(|(_, path, _)| path.as_path())
    }

    fn basic(
        &mut self,
        realm: &str,
        file: &Written<String>,
        base: &Path,
        errors: &mut Errors,
    ) -> Option<BasicAuth> {
        let path = base.join(&file.value);
        let known = self.known.iter().find(|(it, known, _)| it == realm && *known == path);
        if let Some((_, _, basic)) = known {
            return Some(basic.clone());
        }
        let made = BasicAuth::new(realm, &path).and_then(|it| Ok((it.first_error()?, it)));
        let message = match made {
            Ok((None, basic)) => {
                self.known.push((realm.to_owned(), path, basic.clone()));
                return Some(basic);
            }
            Ok((Some(error), _)) => format!("{path:?}, {error}"),
            Err(error) => {
                format!("cannot read the passwords in {path:?}: {}", reason_at(&path, &error))
            }
        };
        if !errors.has_one_at(file.origin) {
            errors.note(file.origin, message);
        }
        None
    }
}
