//! The *meaning* of a configuration: defaults, checks of one key against another, logs. `listen` and `site`
//! have the addresses and what is served. Knows nothing of the syntax. Continues after each error; its
//! result is not used then.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificates::ServedCertificates;
use super::errors::Errors;
use super::file::File;
use super::logs::Log;
use super::origin::Origin;
use super::overrides::Overrides;
use super::places::Place;
use super::rights::Rights;
use super::site::ServedSite;
use super::source::ConfigError;
use super::{certificates, listen, logs, places, reach, rights, site, without_effect};
use crate::files::Symlinks;
use crate::server::{AccessLog, CertificateText, Server, SocketAccess};

/// A server that is ready to start, and what else the program needs.
pub(crate) struct Config {
    pub server: Server,
    /// How many processes serve, each with its own workers.
    pub processes: NonZeroUsize,
    /// Whether a supervisor starts and watches them. Without one, this process serves.
    pub supervisor: bool,
    /// How long open requests may take to end when the program stops.
    pub stop_timeout: Duration,
    pub log: Log,
    /// The directories that are served, each once, in the order written.
    pub roots: Vec<PathBuf>,
    /// The certificates, one line each.
    pub certificates: Vec<String>,
    /// What stands in their files, each once.
    pub certificate_texts: Vec<CertificateText>,
    /// What is said of a certificate that was made for trying.
    pub made_certificate: Option<&'static str>,
    /// What may surprise a new user, such as a `/` without an index, which is a 404.
    pub note: Option<String>,
    /// What was probably not meant, each with its place.
    pub warnings: Vec<ConfigError>,
    /// What is served from the disk.
    pub places: Vec<Place>,
    /// By which name to ask the default host, if it has one, and then the others.
    pub names: Vec<Option<String>>,
    /// Files that the program itself reads: certificates, keys and passwords.
    pub secret_files: Vec<PathBuf>,
    /// Files that the program itself writes.
    pub log_files: Vec<PathBuf>,
    /// What the serving processes may do.
    pub rights: Rights,
}

pub(super) fn assemble(
    mut file: File,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> Config {
    without_effect::report(&file, overrides, errors);
    let listen = listen::addresses(file.listen.take(), overrides, base, errors);
    // A trusted proxy speaks TLS for this server, at the usual port.
    let port_of_proxy = (!file.proxies.are_none()).then_some(HTTPS_PORT);
    file.https_port = listen.https_port().or(port_of_proxy);
    let served = certificates::certificates(&file, listen.secured, overrides, base, errors);
    let ServedCertificates { tls, descriptions, texts, made } = served;
    file.limits.check(errors);
    let log = logs::log(&file.log, overrides, base, errors);
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
    let mut rights = rights::of_server(&file.rights, overrides, errors);
    rights.is_local = listen.are_local();
    let readable = file.rights.readable(base, errors);
    let ServedSite {
        site,
        roots,
        note,
        places,
        password_files,
        writable,
        access_logs,
        mut log_files,
    } = site::site(&file, overrides, &rights, base, log.level, errors);
    let daemons =
        log.destination.is_of_a_daemon() || access_logs.iter().any(AccessLog::is_of_a_daemon);
    let follows_all_links = file.all_scopes().any(|it| it.symlinks == Some(Symlinks::All));
    if let Some(reach) = &mut rights.reach {
        *reach =
            reach::of_server(&roots, follows_all_links, &writable, readable, &site.applications());
        reach.daemons = daemons;
        if daemons {
            reach.read.extend(reach::NAMES_OF_HOSTS.iter().map(PathBuf::from));
        }
    }
    places::warn_of_unguarded(&file, &places, errors);
    let mut secret_files = password_files;
    secret_files.extend(certificates::files(&file, base));
    log_files.extend(log.destination.path().cloned());
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
    let server = server.access_logs(access_logs).trusting(proxies);
    let server = match &file.request_id {
        Some(header) => server.request_id(header),
        None => server,
    };
    let server = listen.addresses.iter().fold(server, |server, it| match it.is_proxied {
        true => server.listen_proxied(&it.address.value),
        false => server.listen(&it.address.value),
    });
    let status = file.status.addresses(&listen.addresses, overrides, base, errors);
    let server = status.iter().fold(server, |server, it| server.listen_status(it));
    let server = server.status_names(file.status.names());
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
        certificate_texts: texts,
        made_certificate: made,
        places,
        names,
        secret_files,
        log_files,
        rights,
    }
}

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;
