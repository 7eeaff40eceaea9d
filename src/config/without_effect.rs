//! Keys that have no effect where they are written, because nothing there does what they are about. Each is a warning;
//! one that needs another key beside it is an error. A key of the top or of a host has an effect if it has one in any
//! location that inherits it. One that says the default is never reported.

use super::errors::Errors;
use super::file::File;
use super::hosts::HostSection;
use super::location::LocationSection;
use super::overrides::Overrides;
use super::scope::Scope;
use super::{compression, logs};
use crate::http::Method;
use crate::server::address::ListenScheme;
use crate::site::UnknownHost;

mod keys;

use keys::{KEYS, Key, Need};

/// A location, or what is at `/` of a host, and what it inherits from.
struct Place<'f> {
    /// The innermost first.
    scopes: Vec<&'f Scope>,
    serves: Serves,
}

/// What is served there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Serves {
    /// Files, by these methods.
    Files(Vec<Method>),
    Application,
    Status,
    Nothing,
}

/// What the whole server says of it.
struct Server<'a> {
    overrides: &'a Overrides,
    /// Whether requests may come with TLS, as far as is known.
    may_have_tls: bool,
    /// Whether requests may come without TLS, as far as is known.
    may_have_no_tls: bool,
}

/// Reports keys without effect. The addresses of the file are still in it.
pub(super) fn report(file: &File, overrides: &Overrides, errors: &mut Errors) {
    report_unix_sockets(file, overrides, errors);
    report_refused_hosts(file, errors);
    // Flags put an application in the place of what the top says.
    if overrides.wsgi.is_some() {
        return;
    }
    let server = Server::of(file, overrides);
    let has_root = overrides.root.is_some() || file.scope.root.is_some();
    let mut all = places(&[&file.scope], has_root, &file.locations);
    for location in 1..all.len() {
        server.report(all[location].scopes[0], &all[location..=location], errors);
    }
    for host in &file.hosts {
        let of_host = of_host(file, host, has_root);
        for location in 1..of_host.len() {
            server.report(of_host[location].scopes[0], &of_host[location..=location], errors);
        }
        server.report(&host.scope, &of_host, errors);
        all.extend(of_host);
    }
    server.report(&file.scope, &all, errors);
}

fn of_host<'f>(file: &'f File, host: &'f HostSection, top_has_root: bool) -> Vec<Place<'f>> {
    let has_root = top_has_root || host.scope.root.is_some();
    places(&[&host.scope, &file.scope], has_root, &host.locations)
}

/// What is at `/`, and then the locations.
fn places<'f>(
    outer: &[&'f Scope],
    has_root: bool,
    locations: &'f [LocationSection],
) -> Vec<Place<'f>> {
    let files = |scopes: &[&Scope]| {
        let methods = scopes.iter().find_map(|scope| scope.writing.methods.clone());
        Serves::Files(methods.unwrap_or_else(|| vec![Method::Get, Method::Head]))
    };
    let front = if has_root { files(outer) } else { Serves::Nothing };
    let mut places = vec![Place { scopes: outer.to_vec(), serves: front }];
    for location in locations {
        let mut scopes = vec![&location.scope];
        scopes.extend(outer);
        let serves = if location.has_status() {
            Serves::Status
        } else if location.application.is_written() {
            Serves::Application
        } else {
            files(&scopes)
        };
        places.push(Place { scopes, serves });
    }
    places
}

impl Server<'_> {
    fn of<'a>(file: &File, overrides: &'a Overrides) -> Server<'a> {
        let are_given = are_given(overrides);
        let has_proxies = !file.proxies.are_none();
        let listen = file.listen.iter().flatten();
        let schemes: Vec<ListenScheme> =
            listen.map(|it| ListenScheme::split(&it.address.value).0).collect();
        let is_tls = |scheme: &ListenScheme| *scheme == ListenScheme::Https;
        Server {
            overrides,
            may_have_tls: are_given || has_proxies || schemes.iter().any(is_tls),
            may_have_no_tls: are_given
                || has_proxies
                || schemes.is_empty()
                || !schemes.iter().all(is_tls),
        }
    }

    /// Reports what a scope says that has no effect at any of these places, which are all that it is for.
    fn report(&self, scope: &Scope, places: &[Place<'_>], errors: &mut Errors) {
        for key in KEYS.iter().filter(|key| (key.is_set)(scope)) {
            if places.iter().any(|place| self.meets(key, place)) {
                continue;
            }
            let origin = scope.origin(key.name);
            if errors.has_one_at(origin) {
                continue;
            }
            let lacks = match key.need {
                Need::Reading | Need::Put | Need::Forms | Need::Storing | Need::Changes
                    if places.iter().all(|it| !it.has_files()) =>
                {
                    Need::Files
                }
                need => need,
            };
            let message = format!("{} {}", key.name, lacks.why());
            match lacks.is_an_error() {
                true => errors.note(origin, message),
                false => errors.warn_once(origin, message),
            }
        }
        self.report_access_log(scope, places, errors);
        report_closed(scope, places, errors);
    }

    /// Whether what a key is about is at a place.
    fn meets(&self, key: &Key, place: &Place<'_>) -> bool {
        let takes = |methods: &[Method]| match &place.serves {
            Serves::Files(its) => methods.iter().any(|it| its.contains(it)),
            _ => false,
        };
        match key.need {
            Need::Files => place.has_files(),
            Need::Reading => takes(&[Method::Get]),
            Need::Put => takes(&[Method::Put]),
            Need::Forms => takes(&[Method::Post]),
            Need::Storing => takes(&[Method::Put, Method::Post]),
            Need::Bodies => {
                place.serves == Serves::Application || takes(&[Method::Put, Method::Post])
            }
            Need::Changes => takes(&[Method::Put, Method::Post, Method::Delete]),
            Need::Compression | Need::Compressible => {
                let sections = place.scopes.iter().map(|it| &it.compression);
                match place.serves {
                    Serves::Files(_) => compression::of_files(sections).is_some(),
                    Serves::Nothing => false,
                    _ => compression::of_responses(sections).is_some(),
                }
            }
            Need::RequestRate => place.scopes.iter().any(|it| it.rates.has_rate()),
            Need::LimitRate => place.scopes.iter().any(|it| it.rates.has_limit_rate()),
            Need::Tls => self.may_have_tls,
            Need::NoTls => self.may_have_no_tls,
            Need::MethodsOfPassword => {
                let needed = place.scopes.iter().find_map(|it| it.access.auth_basic.as_ref());
                match (needed.and_then(|it| it.methods()), &place.serves) {
                    (None, _) | (_, Serves::Application) => true,
                    (Some(needed), Serves::Files(its)) => needed.iter().any(|it| its.contains(it)),
                    (Some(needed), Serves::Status) => needed.contains(&Method::Get),
                    (Some(_), Serves::Nothing) => false,
                }
            }
        }
    }

    /// Reports what is said of an access log that does not exist, or of messages that are lines of a file.
    fn report_access_log(&self, scope: &Scope, places: &[Place<'_>], errors: &mut Errors) {
        let given = self.overrides.access_log.as_ref().map(|it| it.value.to_string_lossy());
        let is_shown = self.overrides.terminal.is_some();
        let file = |place: &Place<'_>| {
            let own = place.scopes.iter().find_map(|it| it.access_log.file());
            own.map(str::to_owned).or(given.as_ref().map(|it| it.to_string()))
        };
        let files: Vec<Option<String>> = places.iter().map(file).collect();
        let is_none = files.iter().all(Option::is_none);
        for (key, origin) in scope.access_log.about_lines() {
            let is_filter = key.starts_with("skip");
            if is_none && !(is_filter && is_shown) {
                let message = format!(
                    "{key} has no effect: there is no access log; write file = \"access.log\" beside it"
                );
                errors.warn_once(origin, message);
            }
        }
        let is_of_a_daemon = |file: &Option<String>| {
            file.as_deref().is_some_and(|it| it == "off" || logs::is_of_a_daemon(it))
        };
        if !files.iter().any(is_of_a_daemon) {
            for (key, origin) in scope.access_log.about_messages() {
                errors.warn_once(origin, logs::for_messages(key));
            }
        }
    }
}

impl Place<'_> {
    fn has_files(&self) -> bool {
        matches!(self.serves, Serves::Files(_))
    }
}

/// Warns of a list of clients who may where no client may. A place that is closed by `deny` alone is meant to be.
fn report_closed(scope: &Scope, places: &[Place<'_>], errors: &mut Errors) {
    let Some(allow) = &scope.access.allow else { return };
    // Only of this scope's own list, where a place has it.
    let mut own = places.iter().filter(|place| {
        let first = place.scopes.iter().find(|it| it.access.allow.is_some());
        first.is_some_and(|first| std::ptr::eq(*first, scope)) && place.serves != Serves::Nothing
    });
    let origin = scope.origin("allow");
    if allow.is_empty() {
        if own.next().is_some() {
            let message = "allow is empty, so that nobody may: write allow = \"all\" for everybody, or deny = \"all\" if this is meant";
            errors.warn_once(origin, message.to_owned());
        }
        return;
    }
    for place in own {
        let denies = |it: &&&Scope| it.access.deny.is_some();
        let Some(by) = place.scopes.iter().find(denies) else { continue };
        let is_inner = place.scopes.iter().position(|it| std::ptr::eq(*it, *by))
            < place.scopes.iter().position(|it| std::ptr::eq(*it, scope));
        let deny = by.access.deny.as_deref().unwrap_or_default();
        let is_denied = allow.iter().all(|it| deny.iter().any(|denied| denied.covers(it)));
        // An inner scope that denies what an outer one allows closes a part on purpose.
        if is_denied && !is_inner {
            let whose = if std::ptr::eq(*by, scope) { "" } else { ", which is inherited," };
            let instead = if whose.is_empty() { "leave deny out" } else { "write deny = []" };
            let message = format!(
                "allow lets nobody in: deny{whose} has all of its clients, and deny wins; {instead}: whom allow does not name is refused anyway"
            );
            errors.warn_once(origin, message);
            return;
        }
    }
}

/// Whether flags name other addresses, so that nothing is known of those that the file is meant to run with.
fn are_given(overrides: &Overrides) -> bool {
    !overrides.listen.is_empty()
        || overrides.host.is_some()
        || overrides.port.is_some()
        || overrides.tls
}

/// Warns of what is said of Unix sockets where there are none.
fn report_unix_sockets(file: &File, overrides: &Overrides, errors: &mut Errors) {
    let listen = file.listen.iter().flatten().map(|it| it.address.value.as_str());
    let mut all = listen.chain(file.status.written());
    if are_given(overrides) || all.any(|it| it.contains("unix:")) {
        return;
    }
    let mode = file.socket_mode.filter(|mode| *mode != SOCKET_MODE).map(|_| "socket_mode");
    let group = file.socket_group.map(|_| "socket_group");
    for key in mode.into_iter().chain(group) {
        let message = format!(
            "{key} has no effect: it is for Unix sockets, such as listen = \"unix:/run/httpd.sock\""
        );
        errors.warn_once(file.scope.origin(key), message);
    }
}

/// Warns of what is served to no host where unknown hosts are refused.
fn report_refused_hosts(file: &File, errors: &mut Errors) {
    let has_name = !file.naming.server_names.is_empty() || file.naming.canonical_host.is_some();
    if file.unknown_host != Some(UnknownHost::Refuse) || has_name || file.naming.has_wrong_names {
        return;
    }
    if file.hosts.is_empty() {
        let message = "unknown_host = \"refuse\" refuses every request: no host has a name; write server_name = \"example.org\"";
        errors.warn_once(file.scope.origin("unknown_host"), message.to_owned());
    } else if let Some(location) = file.locations.first() {
        let message = "no request comes to this [[location]]: unknown hosts are refused, and the default host, whose it is, has no server_name";
        errors.warn_once(location.origin, message.to_owned());
    }
}

/// The default permissions of Unix sockets.
const SOCKET_MODE: u32 = 0o666;
