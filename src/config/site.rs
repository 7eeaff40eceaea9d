//! What is served where: the root, the locations and what they inherit, as a [`Site`]. Opens the
//! roots, so that a missing one is reported before anything starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::LevelFilter;

use super::access::{PasswordFiles, access};
use super::file::{File, LocationSection};
use super::handlers::{Handlers, guarded, literal};
use super::hosts::{HostNames, Naming, canonical};
use super::logs::AccessLogs;
use super::lookup::{self, INDEX};
use super::places::{Place, PlaceFiles, access_origins, is_closed};
use super::roots::{Inherited, Roots};
use super::scope::{Scope, TypedName};
use super::section::Errors;
use super::value::CHARSET_OFF;
use super::writing::{Rules, WritableRoots};
use super::{Origin, Overrides, Rights, application, compression, rights, rules};
use crate::files::{Root, Types};
use crate::server::AccessLog;
use crate::site::{
    Access, Dotfiles, FormUpload, Mapping, Site, StaticFiles, StatusPages, Store, Wsgi,
};

/// What is served.
pub(super) struct ServedSite {
    pub(super) site: Site,
    /// The directories, each once.
    pub(super) roots: Vec<PathBuf>,
    /// That `/` is a 404, because it has no index.
    pub(super) note: Option<String>,
    pub(super) places: Vec<Place>,
    pub(super) password_files: Vec<PathBuf>,
    /// By their numbers, which parts of the site have.
    pub(super) access_logs: Vec<AccessLog>,
    pub(super) log_files: Vec<PathBuf>,
    /// The directories in which clients may change files.
    pub(super) writable: Vec<PathBuf>,
}

/// The site, and the directories that it serves.
pub(super) fn site(
    file: &File,
    overrides: &Overrides,
    rights: &Rights,
    base: &Path,
    level: LevelFilter,
    errors: &mut Errors,
) -> ServedSite {
    let given = overrides.root.as_ref().map(|it| (it.value.clone(), it.origin));
    let written = file.scope.root.as_ref().map(|it| (base.join(&it.value), it.origin));
    let top = given.or(written);
    if let (Some(wsgi), Some(root)) = (&overrides.wsgi, &overrides.root) {
        let message = format!(
            "--wsgi {} and a directory cannot both serve /; to combine them, write a configuration with two [[location]]",
            wsgi.value
        );
        errors.note(root.origin, message);
    }
    if top.is_none()
        && overrides.wsgi.is_none()
        && file.locations.is_empty()
        && file.hosts.is_empty()
        && !errors.mention("root")
    {
        let message = "root is missing: write which directory to serve, such as root = \"www\"";
        errors.note(Origin::Default, message);
    }
    let top = if overrides.wsgi.is_some() { None } else { top };
    let logs = AccessLogs::new(&file.scope, overrides, level, base, errors);
    let mut builder = SiteBuilder {
        outer: vec![&file.scope],
        outer_roots: Vec::new(),
        errors,
        overrides,
        rights,
        https_port: file.https_port,
        roots: Roots::new(base),
        note: None,
        places: Vec::new(),
        host: None,
        writable: WritableRoots::default(),
        passwords: PasswordFiles::default(),
        logs,
    };
    let inherited = match &top {
        None => Inherited::Nothing,
        Some((path, origin)) => builder
            .roots
            .open_at(path, *origin, builder.errors)
            .map_or(Inherited::Invalid, Inherited::Root),
    };
    let pages = inherited.root().map(|root| builder.with_file_rules(root, None));
    builder.outer_roots.push(pages);
    let mut site = Site::new().error_bodies(file.error_bodies.unwrap_or_default());
    if let Inherited::Root(root) = &inherited {
        site = builder.handlers(root.clone(), None, "/", Mapping::Root, true).stand(site, "/");
    }
    if let Some(target) = &overrides.wsgi {
        let wsgi = Wsgi::new(&target.value);
        let wsgi = rights::of_application(wsgi, rights, None, base, builder.errors);
        let access = builder.access(None);
        site = guarded(site.at("/", builder.with_shared(wsgi, None)), "/", access);
    }
    site = builder.rules(site, None);
    site = builder.locations(site, &file.locations, &inherited);
    rules::check_circles(&site, &[&file.scope], &file.locations, builder.errors);
    site = builder.hosts(site, file, &inherited);
    site = site.guard_other_paths(&lookup::other_paths(file));
    application::check_flags(file, overrides, builder.errors);
    let password_files = builder.passwords.paths().map(Path::to_owned).collect();
    let SiteBuilder { roots, note, places, logs, writable, .. } = builder;
    ServedSite {
        site,
        roots: roots.paths,
        note,
        places,
        password_files,
        writable: writable.paths(),
        log_files: logs.files(),
        access_logs: logs.list,
    }
}

struct SiteBuilder<'a> {
    /// What a location inherits from: its host, if it has one, and the top.
    outer: Vec<&'a Scope>,
    /// Their roots, where they have one, for error pages.
    outer_roots: Vec<Option<Root>>,
    errors: &'a mut Errors,
    overrides: &'a Overrides,
    rights: &'a Rights,
    https_port: Option<u16>,
    roots: Roots<'a>,
    note: Option<String>,
    places: Vec<Place>,
    /// The place of the host at hand.
    host: Option<usize>,
    writable: WritableRoots,
    passwords: PasswordFiles,
    logs: AccessLogs<'a>,
}

impl<'a> SiteBuilder<'a> {
    /// Adds the handlers of locations.
    fn locations(
        &mut self,
        mut site: Site,
        locations: &'a [LocationSection],
        inherited: &Inherited,
    ) -> Site {
        let mut seen = Vec::new();
        for location in locations {
            if location.status.as_ref().is_some_and(|it| it.value) {
                self.check_status(location);
                if let Some(path) = self.path(location, &mut seen) {
                    let access = self.access(Some(&location.scope));
                    self.note_place(path, None, Some(&location.scope));
                    site = guarded(site.at(literal(path), StatusPages::new()), path, access);
                    site = self.rules(site, Some((path, location)));
                }
                continue;
            }
            if location.application.is_written() {
                let application = self.application(location);
                let path = self.path(location, &mut seen);
                // Reports errors about its files as well.
                if location.scope.root.is_some() || location.alias.is_some() {
                    self.location(location, inherited);
                }
                if let (Some(path), Some(wsgi)) = (path, application) {
                    let access = self.access(Some(&location.scope));
                    self.note_place(path, None, Some(&location.scope));
                    site = guarded(site.at(literal(path), wsgi), path, access);
                    site = self.rules(site, Some((path, location)));
                }
                continue;
            }
            rights::check_location(&location.rights, self.errors);
            let handlers = self.location(location, inherited);
            if let (Some(path), Some(handlers)) = (self.path(location, &mut seen), handlers) {
                site = handlers.stand(site, path);
                site = self.rules(site, Some((path, location)));
            }
        }
        site
    }

    /// A location with the status of the server has nothing else.
    fn check_status(&mut self, location: &LocationSection) {
        let files = location.scope.root.as_ref().or(location.alias.as_ref());
        if let Some(other) = files.or(location.application.wsgi.as_ref()) {
            let message = "a location has the status of the server (status_pages = true), files or an application";
            self.errors.note(other.origin, message);
        }
    }

    /// Gives a location its rules and those that it inherits; without a location, `/` and all paths that have none.
    fn rules(&mut self, site: Site, location: Option<(&str, &LocationSection)>) -> Site {
        let own = location.and_then(|(_, location)| self.page_root(location));
        let mut scopes: Vec<(&Scope, Option<&Root>)> = Vec::new();
        let mut root = None;
        for (scope, its) in self.outer.iter().zip(&self.outer_roots).rev() {
            root = its.as_ref().or(root);
            scopes.insert(0, (scope, root));
        }
        // An application that a flag puts at `/` has no scope of its own, and is not a part of a host.
        let nothing = Scope::default();
        let mut serves_files = true;
        if location.is_none() && self.overrides.wsgi.is_some() && self.outer.len() == 1 {
            scopes.insert(0, (&nothing, root));
            serves_files = false;
        }
        if let Some((path, location)) = location {
            scopes.insert(0, (&location.scope, own.as_ref().or(root)));
            serves_files = !location.application.is_written() && location.status.is_none();
            rules::check_location(&location.scope, path, self.errors);
        }
        let logged: Vec<&Scope> = scopes.iter().map(|(scope, _)| *scope).collect();
        let log = self.logs.number(&logged, self.errors);
        let site = match location {
            Some((path, _)) => site.log_at(literal(path), log),
            None => site.log(log),
        };
        let is_location = location.is_some();
        let rules =
            rules::compile(&scopes, serves_files, is_location, self.https_port, self.errors);
        match (rules, location) {
            (Some(rules), Some((path, _))) => site.with_rules(Some(literal(path)), rules),
            (Some(rules), None) => {
                site.with_rules(Some(literal("/")), Arc::clone(&rules)).with_rules(None, rules)
            }
            (None, Some((path, _))) => site.without_rules(&literal(path)),
            (None, None) => site,
        }
    }

    /// Where the error pages of a location are, if it has a root of its own. That it cannot be opened is reported where
    /// its files are.
    fn page_root(&self, location: &LocationSection) -> Option<Root> {
        let written = location.alias.as_ref().or(location.scope.root.as_ref())?;
        let root = Root::try_open(&self.roots.base.join(&written.value)).ok()?;
        Some(self.with_file_rules(root, Some(&location.scope)))
    }

    /// Adds the sites of hosts, and the names of the default host.
    fn hosts(&mut self, mut site: Site, file: &'a File, inherited: &Inherited) -> Site {
        let mut inherited_are_checked = false;
        let mut names = HostNames::default();
        let own = names.take(&file.naming, self.errors);
        site = canonical(site.names(own), &file.naming, self.errors);
        for (place, host) in file.hosts.iter().enumerate() {
            self.host = Some(place);
            let Naming { server_names, has_wrong_names, .. } = &host.naming;
            if server_names.is_empty() && !has_wrong_names && !self.errors.has_one_at(host.origin) {
                let message =
                    "this host needs a server_name, such as server_name = \"example.org\"";
                self.errors.note(host.origin, message);
            }
            let taken = names.take(&host.naming, self.errors);
            self.outer.insert(0, &host.scope);
            let written = host.scope.root.as_ref();
            let root = match written {
                Some(written) => self
                    .roots
                    .open(written, self.errors)
                    .map_or(Inherited::Invalid, Inherited::Root),
                None => inherited.clone(),
            };
            if let (Inherited::Nothing, true) = (&root, host.locations.is_empty()) {
                let message = "this host serves nothing: write its root, or a [[host.location]]";
                self.errors.note(host.origin, message);
            }
            let pages = root.root().map(|root| self.with_file_rules(root, None));
            self.outer_roots.insert(0, pages);
            let mut inner = Site::new().error_bodies(file.error_bodies.unwrap_or_default());
            if let Inherited::Root(root) = &root {
                let handlers = self.handlers(root.clone(), None, "/", Mapping::Root, false);
                inner = handlers.stand(inner, "/");
            }
            inner = self.rules(inner, None);
            inner = self.locations(inner, &host.locations, &root);
            let has_own = rules::lead_elsewhere(&host.scope, &host.locations);
            // Hosts that only inherit have the same circles.
            if has_own || !std::mem::replace(&mut inherited_are_checked, true) {
                let outer = [&host.scope, &file.scope];
                rules::check_circles(&inner, &outer, &host.locations, self.errors);
            }
            inner = canonical(inner, &host.naming, self.errors);
            self.outer.remove(0);
            self.outer_roots.remove(0);
            site = site.hosts(taken, inner);
        }
        site.unknown_host(file.unknown_host.unwrap_or_default())
    }

    /// The application of a location that has one instead of files.
    fn application(&mut self, location: &LocationSection) -> Option<Wsgi> {
        let files = location.scope.root.as_ref().or(location.alias.as_ref());
        if let (Some(files), Some(_)) = (files, &location.application.wsgi) {
            let message = "a location has files or an application, not both";
            self.errors.note(files.origin, message);
        }
        if location.application.wsgi.is_some() {
            self.errors.list.extend(location.about_files.iter().cloned());
        }
        let base = self.roots.base;
        let wsgi = location.application.wsgi(base, self.errors)?;
        let own = Some((&location.rights, &location.application));
        let wsgi = rights::of_application(wsgi, self.rights, own, base, self.errors);
        Some(self.with_shared(wsgi, Some(&location.scope)))
    }

    /// Adds the settings that are not for this application alone: the size of a body from its scope or the
    /// top, and flags, which apply to all applications.
    fn with_shared(&self, wsgi: Wsgi, scope: Option<&Scope>) -> Wsgi {
        let Overrides { reload, threads, timeout, .. } = self.overrides;
        let body_bytes_max =
            scope.into_iter().chain(self.outer.iter().copied()).find_map(|it| it.body_bytes_max);
        wsgi.with(|it| {
            it.body_bytes_max = body_bytes_max.unwrap_or(it.body_bytes_max);
            it.reload = reload.unwrap_or(it.reload);
            it.threads = threads.as_ref().map_or(it.threads, |threads| threads.value);
            it.timeout = timeout.as_ref().map_or(it.timeout, |timeout| timeout.value);
        })
    }

    fn location(&mut self, location: &LocationSection, inherited: &Inherited) -> Option<Handlers> {
        let scope = &location.scope;
        let (written, mapping) = match (&scope.root, &location.alias) {
            (Some(root), Some(alias)) => {
                let message = "a location has a root or an alias, not both";
                self.errors.note(alias.origin, message);
                self.roots.open(root, self.errors);
                (Some(alias), Mapping::Alias)
            }
            (Some(root), None) => (Some(root), Mapping::Root),
            (None, Some(alias)) => (Some(alias), Mapping::Alias),
            (None, None) => (None, Mapping::Root),
        };
        let root = match (written, inherited) {
            (Some(written), _) => self.roots.open(written, self.errors)?,
            (None, Inherited::Root(root)) => root.clone(),
            (None, Inherited::Invalid) => return None,
            (None, Inherited::Nothing) => {
                let message = "this location needs a root or an alias: there is none to inherit";
                self.errors.note(location.origin, message);
                return None;
            }
        };
        let path = location.path.as_ref().and_then(Option::as_ref);
        let path = path.map_or("", |path| path.value.as_str());
        Some(self.handlers(root, Some(scope), path, mapping, path == "/"))
    }

    /// The path of a location, if it has one that no earlier location has.
    fn path<'l>(
        &mut self,
        location: &'l LocationSection,
        seen: &mut Vec<&'l str>,
    ) -> Option<&'l str> {
        let Some(written) = &location.path else {
            self.errors.note(location.origin, "this location needs a path");
            return None;
        };
        let written = written.as_ref()?;
        let path = written.value.as_str();
        let prefix = path.trim_end_matches('/');
        if seen.contains(&prefix) {
            let message = format!("there is a location {path:?} already");
            self.errors.note(written.origin, message);
            return None;
        }
        seen.push(prefix);
        Some(path)
    }

    /// Who may, by the settings of `scope`, and those of the outer scopes where `scope` has none.
    fn access(&mut self, scope: Option<&Scope>) -> Access {
        let outer = self.outer.clone();
        let scopes = scope.into_iter().chain(outer.iter().copied());
        access(scopes, &mut self.passwords, self.roots.base, self.errors)
    }

    /// A root whose files have the types of a scope and of the outer ones, and whose links are followed as they say.
    fn with_file_rules(&self, root: Root, scope: Option<&Scope>) -> Root {
        let scopes = || scope.into_iter().chain(self.outer.iter().copied());
        let mut types = Types::new();
        if let Some(charset) = scopes().find_map(|it| it.charset.as_deref()) {
            types = match charset {
                CHARSET_OFF => types.without_charset(),
                charset => types.charset(charset),
            };
        }
        // The innermost last, so that it wins.
        let scopes_inwards = self.outer.iter().rev().copied().chain(scope);
        for (name, content_type) in scopes_inwards.flat_map(|it| &it.types) {
            types = match name {
                TypedName::Extension(extension) => types.set(extension, content_type),
                TypedName::Matching(pattern) => types.set_matching(pattern.clone(), content_type),
            };
        }
        let symlinks = scopes().find_map(|it| it.symlinks).unwrap_or_default();
        root.symlinks(symlinks).types(types)
    }

    /// Notes what a location serves. It replaces what was at its path without it.
    fn note_place(&mut self, path: &str, files: Option<PlaceFiles>, scope: Option<&Scope>) {
        let scopes = scope.into_iter().chain(self.outer.iter().copied());
        let access = access_origins(scopes.clone());
        let is_closed = is_closed(scopes);
        let host = self.host;
        // Those of a host follow one another.
        let others = self.places.iter().rposition(|it| it.host != host).map_or(0, |last| last + 1);
        if let Some(known) = self.places[others..].iter().position(|it| it.path == path) {
            self.places.remove(others + known);
        }
        self.places.push(Place { host, path: path.to_owned(), files, access, is_closed });
    }

    /// Handlers with the settings of `scope`, and those of the top where `scope` has none.
    fn handlers(
        &mut self,
        root: Root,
        scope: Option<&Scope>,
        path: &str,
        mapping: Mapping,
        is_front: bool,
    ) -> Handlers {
        let outer = self.outer.clone();
        let scopes = || scope.into_iter().chain(outer.iter().copied());
        let dotfiles = scopes().find_map(|it| it.dotfiles).unwrap_or(Dotfiles::Deny);
        let index = scopes().find_map(|it| it.index.clone());
        let lists = scopes().find_map(|it| it.listing).unwrap_or(false);
        let rules = Rules::of(scopes());
        let etags = scopes().find_map(|it| it.etag).unwrap_or_default();
        let root = self.with_file_rules(root, scope).etags(etags);
        let store = rules.stores().then(|| {
            Store::new(self.writable.get(&root, &rules))
                .methods(&rules.methods)
                .dotfiles(dotfiles)
                .host_files(lookup::host_files(scopes()).is_some())
                .mapping(mapping)
        });
        let forms = rules.takes_forms().then(|| {
            FormUpload::new(self.writable.get(&root, &rules))
                .on_conflict(rules.on_conflict)
                .dotfiles(dotfiles)
                .host_files(lookup::host_files(scopes()).is_some())
                .mapping(mapping)
        });
        let index = index.unwrap_or_else(|| vec![INDEX.to_owned()]);
        if is_front && rules.reads() {
            let is_there = |name: &String| root.path().join(name).exists();
            self.note = (!lists && !index.iter().any(is_there)).then(|| {
                let (root, names) = (root.path().display(), index.join(" or "));
                format!("/ is a 404: {root} has no {names}, and directories are not listed")
            });
        }
        let precompressed = scopes().find_map(|it| it.precompressed).unwrap_or(false);
        let host_files = lookup::host_files(scopes());
        let place_files =
            PlaceFiles { root: root.clone(), mapping, dotfiles, precompressed, host_files };
        self.note_place(path, Some(place_files).filter(|_| rules.reads()), scope);
        let files = rules.reads().then(|| {
            let files = StaticFiles::new(root.clone())
                .index(index)
                .listing(lists)
                .dotfiles(dotfiles)
                .mapping(mapping)
                .precompressed(precompressed);
            let files = match compression::of_files(scopes()) {
                Some(compression) => files.compression(compression),
                None => files,
            };
            lookup::apply(files, &root, scopes(), self.errors)
        });
        let access = self.access(scope);
        Handlers { files, store, forms, access }
    }
}
