//! The *meaning* of a configuration: defaults, checks of one key against another, logs. `listen` and `site`
//! have the addresses and what is served. Knows nothing of the syntax. Continues after each error; its
//! result is not used then.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::certificates::{ServedCertificates, certificates};
use super::file::{AccessLogSection, File};
use super::section::Errors;
use super::site::ServedSite;
use super::{Config, Log, Origin, Overrides, Terminal, Written, listen, places, site};
use crate::server::{AccessLog, Format, Server, SocketAccess};
use crate::sys::permission::check_appendable;
use crate::sys::reason::reason_at;

impl File {
    /// Without a file, the working directory is served.
    pub(super) fn defaults() -> File {
        let mut file = File::default();
        file.scope.root = Some(Written { value: ".".to_owned(), origin: Origin::Default });
        file
    }
}

pub(super) fn assemble(
    mut file: File,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> Config {
    let listen = listen::addresses(file.listen.take(), overrides, base, errors);
    // A trusted proxy speaks TLS for this server, at the usual port.
    let port_of_proxy = (!file.proxies.are_none()).then_some(HTTPS_PORT);
    file.https_port = listen.https_port().or(port_of_proxy);
    let certificates = certificates(&file, listen.secured, overrides, base, errors);
    let ServedCertificates { tls, descriptions, made } = certificates;
    file.limits.check(errors);
    let log = log(&file, overrides, base, errors);
    let access_log = access_log(&file.access_log, overrides, log.level, base, errors);
    let processes = overrides.processes.as_ref().map(|it| it.value);
    let processes = processes.or(file.processes).unwrap_or(NonZeroUsize::MIN);
    let supervisor = file.supervisor.as_ref().is_none_or(|it| it.value);
    if let (false, Some(written), 2..) = (supervisor, &file.supervisor, processes.get()) {
        let origin = overrides.processes.as_ref().map(|it| it.origin);
        let key = match origin {
            Some(Origin::Given(name)) => name,
            _ => "processes =",
        };
        let message = format!(
            "supervisor = false leaves one process alone, and {key} {processes} asks for more: write supervisor = true, or one process"
        );
        errors.note(written.origin, message);
    }
    let workers = overrides.workers.as_ref().map(|it| it.value);
    let workers = workers.or(file.workers).unwrap_or_default();
    if made.is_some() && processes.get() > 1 {
        let message = "each process would make its own certificate; write certificate and certificate_key, or processes = 1";
        errors.note(Origin::Given("--tls"), message);
    }
    let limits = file.limits.values.clone();
    let stop_timeout = limits.stop_timeout;
    let cache = file.cache;
    let ServedSite { site, roots, note, places, password_files } =
        site::site(&file, overrides, base, errors);
    places::warn_of_unguarded(&file, &places, errors);
    let mut own_files = password_files;
    own_files.extend(log.file.clone());
    own_files.extend(access_log_file(&file.access_log, overrides, base));
    let hosts = file.hosts.iter().map(|host| &host.naming);
    let names = [&file.naming].into_iter().chain(hosts).map(places::name_to_ask_by).collect();
    let server = Server::new(site).workers(workers).limits(limits).cache(cache);
    let access = SocketAccess::default();
    let server = server.socket_access(SocketAccess {
        mode: file.socket_mode.unwrap_or(access.mode),
        group: file.socket_group,
    });
    let proxies = file.proxies.proxies(errors);
    listen::warn_of_strangers(&listen.addresses, &proxies, errors);
    let server = server.access_log(access_log).trusting(proxies);
    let server = listen.addresses.iter().fold(server, |server, it| match it.is_proxied {
        true => server.listen_proxied(&it.address.value),
        false => server.listen(&it.address.value),
    });
    let server = match tls {
        Some(tls) => server.tls(tls),
        None => server,
    };
    Config {
        server,
        processes,
        supervisor,
        stop_timeout,
        log,
        roots,
        note,
        warnings: Vec::new(),
        certificates: descriptions,
        made_certificate: made,
        places,
        names,
        own_files,
    }
}

/// The file that the access log is written to, if it is one.
fn access_log_file(
    section: &AccessLogSection,
    overrides: &Overrides,
    base: &Path,
) -> Option<PathBuf> {
    let written = || section.file.as_ref().map(|it| base.join(&it.value));
    let path = overrides.access_log.as_ref().map(|it| it.value.clone()).or_else(written)?;
    let is_word = path.file_name().is_some_and(|name| name == "off" || name == "stdout");
    (!is_word).then_some(path)
}

/// A flag or a variable wins over the file. Without any of them, a terminal shows requests at level `info`.
fn access_log(
    section: &AccessLogSection,
    overrides: &Overrides,
    level: LevelFilter,
    base: &Path,
    errors: &mut Errors,
) -> AccessLog {
    let format = section.format.unwrap_or(Format::Combined);
    let given = overrides.access_log.as_ref().map(|it| (it.value.clone(), it.origin));
    let written = || {
        let written = section.file.as_ref()?;
        let is_word = matches!(written.value.as_str(), "off" | "stdout");
        let path = if is_word { PathBuf::from(&written.value) } else { base.join(&written.value) };
        Some((path, written.origin))
    };
    let Some((path, origin)) = given.or_else(written) else {
        return match overrides.terminal {
            Some(Terminal { colours }) if level >= LevelFilter::Info => {
                AccessLog::to_stdout(Format::Terminal { colours })
            }
            _ => AccessLog::off(),
        };
    };
    match (path.to_str(), overrides.terminal) {
        (Some("off"), _) => AccessLog::off(),
        (Some("stdout"), Some(Terminal { colours })) if section.format.is_none() => {
            AccessLog::to_stdout(Format::Terminal { colours })
        }
        (Some("stdout"), _) => AccessLog::to_stdout(format),
        _ => {
            check_log(&path, origin, errors);
            AccessLog::to_file(path, format)
        }
    }
}

fn log(file: &File, overrides: &Overrides, base: &Path, errors: &mut Errors) -> Log {
    let given = overrides.log.as_ref().map(|it| (it.value.clone(), it.origin));
    let written = || file.log.file.as_ref().map(|it| (base.join(&it.value), it.origin));
    let is_stderr = given.as_ref().map_or_else(
        || file.log.file.as_ref().is_none_or(|it| it.value == "stderr"),
        |(path, _)| path == Path::new("stderr"),
    );
    let target = if is_stderr { None } else { given.or_else(written) };
    if let Some((path, origin)) = &target {
        check_log(path, *origin, errors);
    }
    // Somebody who runs an application from the command line wants to see what it prints.
    let usual = if overrides.wsgi.is_some() { LevelFilter::Info } else { LevelFilter::Warn };
    let given = overrides.level.as_ref().map(|it| it.value);
    let level = given.or(file.log.level).unwrap_or(usual);
    Log { level, file: target.map(|(path, _)| path) }
}

/// Checks that a log can be written, without creating it.
fn check_log(path: &Path, origin: Origin, errors: &mut Errors) {
    if let Err(error) = check_appendable(path) {
        let reason = reason_at(path, &error);
        errors.note(origin, format!("cannot write the log {path:?}: {reason}"));
    }
}

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;
