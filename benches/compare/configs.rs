//! What each server is told: one worker, no access log unless wanted, keep-alive without an end, everything else as
//! its makers recommend for static files.

use std::path::{Path, PathBuf};

use crate::servers::{Launch, Logging};

/// Connections, and descriptors, that a server may have.
const CONNECTIONS_MAX: usize = 16_384;

pub fn httpd(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    let log = match launch.logging {
        Logging::Off => "file = \"off\"".into(),
        Logging::On => format!("file = \"{}\"\nformat = \"combined\"", launch.file("access.log")),
    };
    format!(
        "listen = [\"127.0.0.1:{port}\"]\nroot = \"{root}\"\nworkers = 1\n\n[access_log]\n{log}\n"
    )
}

/// Whether nginx keeps files open between requests: it can, and by default does not.
#[derive(Clone, Copy)]
pub enum OpenFileCache {
    Off,
    On,
}

pub fn nginx(launch: &Launch<'_>, port: u16, cache: OpenFileCache) -> String {
    let cache = match cache {
        OpenFileCache::Off => "",
        OpenFileCache::On => {
            "open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s; open_file_cache_min_uses 1;"
        }
    };
    let log = match launch.logging {
        Logging::Off => "off".into(),
        Logging::On => format!("{} combined buffer=64k flush=1s", launch.file("access.log")),
    };
    let user = if is_root() { "user root;" } else { "" };
    let folder = launch.folder.display();
    let root = launch.site.root.display();
    format!(
        "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error; {user}
        worker_rlimit_nofile {CONNECTIONS_MAX};
        events {{ worker_connections {CONNECTIONS_MAX}; }}
        http {{
            types {{ text/html html; application/octet-stream bin; }}
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            access_log {log}; sendfile on; tcp_nopush on; keepalive_requests 1000000000; {cache}
            server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; log_not_found off; }}
        }}\n"
    )
}

pub fn lighttpd(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    let log = match launch.logging {
        Logging::Off => String::new(),
        Logging::On => format!(
            "server.modules += (\"mod_accesslog\")\naccesslog.filename = \"{}\"\n",
            launch.file("access.log")
        ),
    };
    format!(
        "server.bind = \"127.0.0.1\"\nserver.port = {port}\nserver.document-root = \"{root}\"
server.listen-backlog = 4096\nserver.max-fds = {CONNECTIONS_MAX}\nserver.max-connections = 8192
server.max-keep-alive-requests = 65535\nserver.max-keep-alive-idle = 60
mimetype.assign = (\".html\" => \"text/html\", \".bin\" => \"application/octet-stream\")\n{log}"
    )
}

pub fn h2o(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    let user = if is_root() { "user: root\n" } else { "" };
    let log = match launch.logging {
        Logging::Off => String::new(),
        Logging::On => format!("access-log: {}\n", launch.file("access.log")),
    };
    format!(
        "num-threads: 1\nmax-connections: {CONNECTIONS_MAX}\nerror-log: {}\n{user}{log}listen:
  host: 127.0.0.1\n  port: {port}\nhosts:\n  default:\n    paths:\n      /:\n        file.dir: {root}\n",
        launch.file("error.log")
    )
}

pub fn caddy(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    let log = match launch.logging {
        Logging::Off => String::new(),
        Logging::On => format!("log {{\n output file {}\n }}\n", launch.file("access.log")),
    };
    format!(
        "{{\n admin off\n auto_https off\n log {{\n  level ERROR\n  exclude http.log.access\n }}
 servers {{\n  protocols h1\n }}\n}}
http://:{port} {{\n bind 127.0.0.1\n root * {root}\n file_server\n {log}}}\n"
    )
}

pub fn apache2(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    let folder = launch.folder.display();
    // Apache refuses to serve as root.
    let user = if is_root() { "User #65534\nGroup #65534\n" } else { "" };
    let log = match launch.logging {
        Logging::Off => String::new(),
        Logging::On => format!(
            "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined
BufferedLogs On\nCustomLog {} combined\n",
            launch.file("access.log")
        ),
    };
    let modules: String = ["mpm_event", "authz_core", "mime", "unixd", "log_config"]
        .iter()
        .filter_map(|name| Some((name, apache2_module(name)?)))
        .map(|(name, file)| format!("LoadModule {name}_module {}\n", file.display()))
        .collect();
    format!(
        "{modules}ServerRoot {folder}\nServerName 127.0.0.1\nPidFile {folder}/apache2.pid\nErrorLog {folder}/error.log
LogLevel crit\nListen 127.0.0.1:{port}\nListenBacklog 4096\n{user}DefaultRuntimeDir {folder}
ServerLimit 1\nStartServers 1\nThreadLimit 256\nThreadsPerChild 256\nMaxRequestWorkers 256\nAsyncRequestWorkerFactor 64
MinSpareThreads 1\nMaxSpareThreads 1024\nMaxConnectionsPerChild 0\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60
EnableSendfile On\nTypesConfig /dev/null\nAddType text/html html\nAddType application/octet-stream bin
DocumentRoot {root}\n<Directory {root}>\nAllowOverride None\nOptions FollowSymLinks\n</Directory>\n{log}"
    )
}

/// Where distributions keep them; one that is nowhere is taken to be compiled in.
fn apache2_module(name: &str) -> Option<PathBuf> {
    ["/usr/lib/apache2/modules", "/usr/lib64/apache2", "/usr/libexec/apache2"]
        .into_iter()
        .map(|folder| Path::new(folder).join(format!("mod_{name}.so")))
        .find(|file| file.is_file())
}

pub fn static_web_server(launch: &Launch<'_>, port: u16) -> String {
    let root = launch.site.root.display();
    format!(
        "[general]\nhost = \"127.0.0.1\"\nport = {port}\nroot = \"{root}\"\nlog-level = \"error\"
threads-multiplier = 1\ncompression = false\ncache-control-headers = false\nsecurity-headers = false\n"
    )
}

/// Then a server must be told which user to serve as.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
