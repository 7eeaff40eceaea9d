//! One location: what it serves, and who may have it.

use super::SiteBuilder;
use crate::config::access::access;
use crate::config::handlers::Handlers;
use crate::config::location::LocationSection;
use crate::config::lookup::{self, INDEX};
use crate::config::overrides::Overrides;
use crate::config::places::{Place, PlaceFiles, access_origins, is_closed};
use crate::config::roots::Inherited;
use crate::config::scope::{Scope, TypedName};
use crate::config::value::CHARSET_OFF;
use crate::config::writing::Rules;
use crate::config::{compression, rights};
use crate::files::{Root, Types};
use crate::site::{Access, Dotfiles, FormUpload, Mapping, StaticFiles, Store, Wsgi};

impl SiteBuilder<'_> {
    /// The application of a location that has one instead of files.
    pub(super) fn application(&mut self, location: &LocationSection) -> Option<Wsgi> {
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
    pub(super) fn with_shared(&self, wsgi: Wsgi, scope: Option<&Scope>) -> Wsgi {
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

    pub(super) fn location(
        &mut self,
        location: &LocationSection,
        inherited: &Inherited,
    ) -> Option<Handlers> {
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
    pub(super) fn path<'l>(
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
    pub(super) fn access(&mut self, scope: Option<&Scope>) -> Access {
        let outer = self.outer.clone();
        let scopes = scope.into_iter().chain(outer.iter().copied());
        access(scopes.map(|it| &it.access), &mut self.passwords, self.roots.base, self.errors)
    }

    /// A root whose files have the types of a scope and of the outer ones, and whose links are followed as they say.
    pub(super) fn with_file_rules(&self, root: Root, scope: Option<&Scope>) -> Root {
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
    pub(super) fn note_place(
        &mut self,
        path: &str,
        files: Option<PlaceFiles>,
        scope: Option<&Scope>,
    ) {
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
    pub(super) fn handlers(
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
                .host_files(lookup::host_files(scopes().map(|it| &it.lookup)).is_some())
                .mapping(mapping)
        });
        let forms = rules.takes_forms().then(|| {
            FormUpload::new(self.writable.get(&root, &rules))
                .on_conflict(rules.on_conflict)
                .dotfiles(dotfiles)
                .host_files(lookup::host_files(scopes().map(|it| &it.lookup)).is_some())
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
        let host_files = lookup::host_files(scopes().map(|it| &it.lookup));
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
            let files = match compression::of_files(scopes().map(|it| &it.compression)) {
                Some(compression) => files.compression(compression),
                None => files,
            };
            lookup::apply(files, &root, scopes().map(|it| &it.lookup), self.errors)
        });
        let access = self.access(scope);
        Handlers { files, store, forms, access }
    }
}
