//! What operators bring along from other servers: keys of nginx, Apache, Caddy and gunicorn, and whole
//! configurations in another language; and keys of older versions. Says what this server has instead.

/// What to do about a key that another server has.
pub(super) fn answer(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let is_meant = |(names, _): &&(&str, &str)| names.split(' ').any(|known| known == name);
    ANSWERS.iter().find(is_meant).map(|(_, answer)| *answer)
}

/// The language of a text that is no TOML, if its lines give it away.
pub(super) fn language(text: &str) -> Option<&'static str> {
    let lines = || text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    let any = |is_so: fn(&str) -> bool| lines().any(is_so);
    let first = lines().next()?;
    let assigns = |line: &str| line.contains(" = ") || line.contains("=\"");
    let opens_block = |line: &str| line.ends_with('{') && !assigns(line);
    let is_mapping = |line: &str| {
        let key = line.trim_start_matches("- ").split_once(':');
        key.is_some_and(|(key, rest)| {
            !key.is_empty()
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                && (rest.is_empty() || rest.starts_with(' '))
        })
    };
    let is_directive = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        CADDY_DIRECTIVES.contains(&word) && !assigns(line)
    };
    if first.starts_with('{') && (first.contains('"') || any(|it| it.starts_with('"'))) {
        Some("JSON")
    } else if first.starts_with('<') || any(|it| it.starts_with("</")) {
        Some("Apache's language")
    } else if any(|it| {
        it.starts_with("import ") || it.starts_with("from ") || it.starts_with("def ")
    }) && !lines().any(opens_block)
    {
        Some("Python")
    } else if any(|it| it.ends_with(';') && !it.contains('=') && !it.starts_with(';')) {
        Some("nginx's language")
    } else if first == "---" || lines().any(is_mapping) && !lines().any(assigns) {
        Some("YAML")
    } else if lines().any(opens_block) || lines().any(is_directive) {
        Some("a Caddyfile")
    } else if any(|it| it.starts_with(';')) {
        Some("INI")
    } else {
        None
    }
}

/// Directives that stand alone in short Caddyfiles.
const CADDY_DIRECTIVES: &[&str] =
    &["encode", "file_server", "handle", "php_fastcgi", "respond", "reverse_proxy"];

/// The names of keys, and what this server has in their place. The first are its own of 0.1.
const ANSWERS: &[(&str, &str)] = &[
    ("upload_bytes_max content_bytes_max", "it is called body_bytes_max now"),
    ("content_memory_bytes_max", "it is called body_memory_bytes_max now"),
    (
        "tls ssl https cert certfile keyfile key certificates certificate_file ssl_certificate \
         ssl_certificate_key sslengine sslcertificatefile sslcertificatekeyfile",
        "write listen = [\"https://:443\"], and certificate = \"fullchain.pem\" and certificate_key = \
         \"privkey.pem\" at the top or in a [[host]]",
    ),
    (
        "ssl_protocols ssl_ciphers ssl_version ssl_prefer_server_ciphers ciphers",
        "TLS 1.2 and 1.3 are spoken with safe suites only; there is nothing to choose",
    ),
    (
        "acme auto_https letsencrypt",
        "certificates are had by another program, such as certbot; write the files that it keeps as certificate and \
         certificate_key",
    ),
    (
        "ca_certs ssl_client_certificate ssl_verify_client",
        "clients are not asked for certificates, so far",
    ),
    (
        "http2 h2 protocols",
        "over TLS, clients that offer it get HTTP/2; without TLS, write listen = \"h2c://localhost:8081\"",
    ),
    ("http3 quic", "this server speaks HTTP/1 and HTTP/2, so far"),
    (
        "gzip brotli zstd deflate encode compress compression_codings",
        "write compression = [\"zstd\", \"br\", \"gzip\"]; precompressed = true sends files that were \
         compressed before, such as a.css.gz for a.css",
    ),
    ("gzip_types brotli_types zstd_types", "write compression_types = "),
    ("gzip_min_length brotli_min_length zstd_min_length", "write compression_bytes_min = "),
    (
        "gzip_comp_level brotli_comp_level zstd_comp_level compression_level",
        "there are no levels to set: what is asked for often is compressed as well as it can be, in idle time",
    ),
    ("gzip_vary", "compression sends Vary: Accept-Encoding by itself"),
    (
        "gzip_static brotli_static zstd_static compression_static precompress precompressed_files",
        "write precompressed = true",
    ),
    (
        "autoindex autoindex_exact_size autoindex_localtime browse directory_listing dir_listing \
         fancyindex",
        "write listing = true at the top or in a [[location]]",
    ),
    (
        "server_names servername serveralias server_alias virtualhost virtual_host virtual_hosts vhost vhosts \
         hosts domain domains site sites server",
        "write [[host]] with a server_name for each of them",
    ),
    (
        "http events mail stream global vars",
        "there is no such section; write these keys at the top of the file, before the first [section]",
    ),
    ("locations handle handle_path route", "write [[location]] with a path for each of them"),
    (
        "proxy_pass proxy_set_header proxy reverse_proxy proxypass upstream upstreams fastcgi_pass \
         fastcgi_param php php_fastcgi uwsgi_pass scgi_pass forward cgi backend backends",
        "this server is no proxy yet; it runs Python applications itself: wsgi in a [[location]]",
    ),
    (
        "redirects redir return redirectmatch redirectpermanent",
        "write [[redirect]] with from = \"/old/*\" and to = \"/new/$1\"",
    ),
    (
        "rewrites rewriterule rewriteengine uri",
        "write [[rewrite]] with from and to: the path is answered as another; [[redirect]] sends clients to it",
    ),
    (
        "spa single_page fallbackresource",
        "write fallback = \"/index.html\" for an application that runs in the browser",
    ),
    (
        "error_page errordocument handle_errors errors",
        "write error_pages = { 404 = \"404.html\" }, with files below the root",
    ),
    (
        "add_header add_headers custom_headers set_header more_set_headers headers_more",
        "write [[header]] with set = { X-Frame-Options = \"DENY\" }",
    ),
    (
        "expires expires_active cache_control",
        "write cache_policy = \"web\", or [[header]] with set = { Cache-Control = \"…\" }",
    ),
    ("access_control_allow_origin allow_origin", "write [cors] with origins"),
    ("server_tokens respond", "leave it out; there is nothing like it here"),
    (
        "auth auth_basic_user_file basic_auth basicauth htpasswd auth_request authtype \
         authuserfile forward_auth",
        "write auth_basic = { realm = \"staff\", file = \"staff.htpasswd\" }",
    ),
    (
        "allow_from deny_from require satisfy limit_except acl",
        "write allow and deny with networks, such as allow = [\"10.0.0.0/8\"], or auth_basic",
    ),
    (
        "limit_req limit_req_zone limit_req_status rate_limit ratelimit requests_per_second",
        "write request_rate = \"10/s\"; request_burst says how many may come at once (one more than nginx's burst)",
    ),
    (
        "limit_conn limit_conn_zone limit_conn_status max_connections_per_ip",
        "write connections_per_client = 10",
    ),
    (
        "bandwidth bandwidth_limit ratelimit_in_bytes throttle mod_ratelimit",
        "write limit_rate = \"500KiB\", bytes per second of each response",
    ),
    (
        "set_real_ip_from real_ip_recursive remoteipinternalproxy remoteiptrustedproxy \
         forwarded_allow_ips trusted_proxy trust_proxy xff_num_trusted_hops",
        "write trusted_proxies with the networks of your proxies, such as trusted_proxies = [\"10.0.0.0/8\"]",
    ),
    (
        "real_ip_header remoteipheader client_ip_headers remote_ip_header",
        "write trusted_proxies with the networks of your proxies; forwarded_header says which header names the client",
    ),
    (
        "proxy_protocol accept_proxy remoteipproxyprotocol proxy_allow_from",
        "write listen = [{ address = \":80\", proxy_protocol = true }]",
    ),
    (
        "uid gid run_as username usr",
        "write user = \"www-data\" (and group, if it is not that user's)",
    ),
    (
        "daemon daemonize background foreground pid pidfile pid_file",
        "this server stays in the foreground and writes no pid file; let systemd or a container run it",
    ),
    (
        "bind bind_address bind_addr address addr port ip interface listen_address \
         listen_port http_port https_port default_bind",
        "write listen = \"localhost:8080\", or \":8080\" for every address",
    ),
    ("master_process", "it is called supervisor here: write supervisor = false"),
    ("worker_processes", "write processes = 2, or workers = 2 for threads"),
    ("worker_connections max_connections max_clients", "write connections_max in [limits]"),
    (
        "worker_rlimit_nofile",
        "leave it out; the limit of open files is raised as far as the system allows",
    ),
    (
        "worker_class worker_cpu_affinity preload preload_app",
        "leave it out; there is nothing like it here",
    ),
    (
        "sendfile tcp_nopush tcp_nodelay aio directio use multi_accept keepalive_requests \
         reset_timedout_connection",
        "leave it out; the server does what is best by itself",
    ),
    (
        "open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors",
        "leave it out; open files are always cached, and [cache] has the bounds",
    ),
    (
        "error_log errorlog error_logfile logfile log_file customlog_error",
        "write file = \"error.log\" in [log]",
    ),
    ("loglevel log_level", "write level = \"info\" in [log]"),
    (
        "accesslog access_logfile access_log_file customlog transferlog",
        "write file = \"access.log\" in [access_log]",
    ),
    (
        "log_format access_log_format access_logformat logformat",
        "write format in [access_log]: \"combined\", \"common\", \"json\", or text with the variables",
    ),
    (
        "client_max_body_size max_body_size request_body max_request_body_size limitrequestbody",
        "write body_bytes_max at the top or in a [[location]]",
    ),
    ("max_ranges maxranges", "write ranges_max in [limits]"),
    ("client_header_timeout", "write head_timeout in [limits]"),
    ("client_body_timeout", "write body_timeout in [limits]"),
    (
        "client_header_buffer_size large_client_header_buffers limit_request_field_size",
        "write head_bytes_max in [limits]",
    ),
    ("limit_request_line", "write target_bytes_max in [limits]"),
    ("limit_request_fields", "write header_count_max in [limits]"),
    ("client_body_buffer_size", "write body_memory_bytes_max in [limits]"),
    (
        "keepalive keep_alive keep_alive_timeout keepalivetimeout",
        "write keepalive_timeout in [limits]",
    ),
    ("graceful_timeout grace_period worker_shutdown_timeout", "write stop_timeout in [limits]"),
    ("max_requests max_requests_jitter", "write requests_max beside wsgi in a [[location]]"),
    (
        "wsgi_app wsgi_file app application callable module proxy_app wsgiscriptalias asgi",
        "write wsgi = \"module:callable\" in a [[location]]",
    ),
    (
        "venv virtualenv pythonpath python_path pythonhome",
        "write python = \"venv/bin/python\" beside wsgi in a [[location]]",
    ),
    (
        "raw_env environment setenv passenv",
        "write env = { NAME = \"value\" } beside wsgi in a [[location]]",
    ),
    (
        "document_root documentroot docroot web_root webroot public directory dir folder static \
         static_dir file_server serve",
        "write root = \"www\"",
    ),
    ("directoryindex index_files indexes default_page", "write index = [\"index.html\"]"),
    ("mime_types mime default_type addtype", "write the types by extension in [types]"),
    (
        "charset_types source_charset override_charset default_charset adddefaultcharset",
        "write charset = \"utf-8\"",
    ),
    (
        "disable_symlinks follow_symlinks followsymlinks",
        "write symlinks = \"inside\", \"never\" or \"all\"",
    ),
    ("hidden hidden_files hide dot_files", "write dotfiles = \"deny\" or \"allow\""),
    (
        "dav dav_methods webdav upload uploads allow_upload",
        "write methods = [\"GET\", \"HEAD\", \"PUT\"]",
    ),
    ("umask dav_access mode", "write upload_mode = \"0644\""),
    ("include includes import load_module loadmodule", "one file is the whole configuration"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_is_about_a_key_that_this_server_has() {
        let mut seen = std::collections::HashSet::new();
        for name in ANSWERS.iter().flat_map(|(names, _)| names.split(' ')) {
            assert!(seen.insert(name), "{name} has two answers");
            let sections = crate::config::file::sections();
            let is_known = sections.iter().any(|section| section.keys.contains(&name));
            assert!(!is_known, "{name} is a key");
        }
    }

    #[test]
    fn a_configuration_of_another_server_is_recognised_by_its_lines() {
        let table = [
            ("server {\n  listen 80;\n  root /srv;\n}\n", Some("nginx's language")),
            ("worker_processes auto;\n", Some("nginx's language")),
            ("location / {\n  add_header X \"a=b\";\n  root /srv;\n}\n", Some("nginx's language")),
            ("example.org {\n  root * /srv\n  file_server\n}\n", Some("a Caddyfile")),
            (":80\nfile_server\n", Some("a Caddyfile")),
            ("root: www\nlisten:\n  - 80\n", Some("YAML")),
            ("---\nroot: www\n", Some("YAML")),
            ("{\n  \"root\": \"www\"\n}\n", Some("JSON")),
            ("; mine\n[server:main]\nuse = egg:waitress\n", Some("INI")),
            ("import os\nbind = f\"0.0.0.0:{port}\"\n", Some("Python")),
            ("<VirtualHost *:80>\nDocumentRoot /srv\n</VirtualHost>\n", Some("Apache's language")),
            ("root = www\n", None),
            ("root = \"www\nlisten = \"localhost:80\"\n", None),
            ("[log]\nlevel = \"info\"\nfile = oops\n", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(language(text), expected, "{text:?}");
        }
    }
}
