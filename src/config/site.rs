//! What is served where: the root, the locations and what they inherit, as a [`Site`]. Opens the
//! roots, so that a missing one is reported before anything starts.

mod location;

use super::access::PasswordFiles;
use super::access_logs::AccessLogs;
use super::errors::Errors;
use super::file::File;
use super::handlers::{guarded, literal};
use super::location::LocationSection;
use super::lookup::INDEX;
use super::naming::{HostNames, Naming, canonical};
use super::origin::Origin;
use super::overrides::Overrides;
use super::places::Place;
use super::rights::{self, Rights};
use super::roots::{Inherited, Roots};
use super::scope::Scope;
use super::scope_rules;
use super::writing::WritableRoots;
use crate::files::Root;
use crate::server::AccessLog;
use crate::site::{Mapping, OtherPaths, Site, StatusPages, Wsgi};
use log::LevelFilter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        && file.scope.rules.all().next().is_none()
        && !errors.mention("root")
    {
        let message = "root is missing: write which directory to serve, such as root = \"www\"";
        errors.note(Origin::Default, message);
    }
    let top = if overrides.wsgi.is_some() { None } else { top };
    let logs = AccessLogs::new(&file.scope.access_log, overrides, level, base, errors);
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
    scope_rules::check_circles(&site, &[&file.scope], &file.locations, builder.errors);
    site = builder.hosts(site, file, &inherited);
    site = site.guard_other_paths(&other_paths(file));
    check_flags(file, overrides, builder.errors);
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
            if location.has_status() {
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
            return;
        }
        self.errors.list.extend(location.about_files.iter().cloned());
        // Reports the keys of an application alone.
        location.application.wsgi(self.roots.base, self.errors);
        rights::check_location(&location.rights, self.errors);
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
            serves_files = !location.application.is_written() && !location.has_status();
            scope_rules::check_location(&location.scope, path, self.errors);
        }
        let logged: Vec<_> = scopes.iter().map(|(scope, _)| &scope.access_log).collect();
        let log = self.logs.number(&logged, self.errors);
        let site = match location {
            Some((path, _)) => site.log_at(literal(path), log),
            None => site.log(log),
        };
        let rules = scope_rules::compile(&scopes, serves_files, self.https_port, self.errors);
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
            let leads_elsewhere = host.scope.rules.all().next().is_some();
            if let (Inherited::Nothing, true, false) =
                (&root, host.locations.is_empty(), leads_elsewhere)
            {
                let message =
                    "this host serves nothing: write its root, a [[host.location]], or a redirect";
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
            let has_own = scope_rules::lead_elsewhere(&host.scope, &host.locations);
            // Hosts that only inherit have the same circles.
            if has_own || !std::mem::replace(&mut inherited_are_checked, true) {
                let outer = [&host.scope, &file.scope];
                scope_rules::check_circles(&inner, &outer, &host.locations, self.errors);
            }
            inner = canonical(inner, &host.naming, self.errors);
            self.outer.remove(0);
            self.outer_roots.remove(0);
            site = site.hosts(taken, inner);
        }
        site.unknown_host(file.unknown_host.unwrap_or_default())
    }
}

/// By which other paths files may be found, somewhere.
fn other_paths(file: &File) -> OtherPaths {
    let mut other = OtherPaths { index: vec![INDEX.to_owned()], ..OtherPaths::default() };
    for scope in file.all_scopes() {
        other.clean_urls |= scope.lookup.leaves_extensions_out();
        other.precompressed |= scope.precompressed == Some(true);
        other.index.extend(scope.index.iter().flatten().cloned());
    }
    other
}

/// Reports flags for applications where there is none.
fn check_flags(file: &File, overrides: &Overrides, errors: &mut Errors) {
    let runs_none =
        overrides.wsgi.is_none() && !file.all_locations().any(|it| it.application.is_written());
    if runs_none {
        let given = [
            overrides.reload.map(|_| "--reload"),
            overrides.threads.as_ref().map(|_| "--threads"),
            overrides.timeout.as_ref().map(|_| "--timeout"),
        ];
        for flag in given.into_iter().flatten() {
            let message = "there is no application to apply it to; add --wsgi MODULE:CALLABLE";
            errors.note(Origin::Given(flag), message);
        }
    }
}
