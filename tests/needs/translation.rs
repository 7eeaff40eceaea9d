//! Site configurations for nginx, of the kinds that people have, beside ours: both servers get the same requests, and
//! their responses are compared. Where they differ, the difference is listed with its reason, and has to be there.

use crate::support::{Child, Folder, PATIENCE, Program, lacks, own_loopback, until};
use httpd::Address;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

/// A site: `translation/NAME.conf` for nginx, and `translation/NAME.toml`.
struct Site<'a> {
    name: &'a str,
    /// Below `/srv`.
    files: &'a [(&'a str, &'a str)],
    /// The host that most requests are for.
    host: &'a str,
    /// Each is a method and a target, and perhaps headers. A `Host` among them replaces the usual one.
    requests: &'a [&'a str],
    differences: &'a [Difference<'a>],
}

/// A difference that is meant.
struct Difference<'a> {
    /// The request, as above; one that ends in `…` is all that begin so.
    request: &'a str,
    /// `status`, `body`, the name of a header, or `*` for all of it.
    what: &'a str,
    reason: &'a str,
}

/// What is compared of a response.
#[derive(Debug)]
struct Seen {
    status: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The headers that are compared. The others are about the server, the time or the connection.
const COMPARED: &[&str] = &[
    "Accept-Ranges",
    "Access-Control-Allow-Origin",
    "Cache-Control",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Location",
    "Vary",
    "WWW-Authenticate",
    "X-Content-Type-Options",
];

/// Whether a status of this server, a value of nginx and one of this server are a difference that is meant.
type Likeness = fn(&str, &str, &str) -> bool;

/// What differs everywhere, and why.
const GENERAL: &[(&str, Likeness, &str)] = &[
    (
        "X-Content-Type-Options",
        |_, nginx, ours| nginx.is_empty() && ours == "nosniff",
        "no browser takes a file for something else than its type says",
    ),
    (
        "Last-Modified",
        |status, _, ours| status == "304" && ours.is_empty(),
        "RFC 9110 §15.4.5: a 304 that has the ETag needs no other validator",
    ),
    (
        "Accept-Ranges",
        |_, nginx, ours| nginx.is_empty() && ours == "bytes",
        "every file can be asked for in parts; nginx does not say so in a 206 and of compressed files",
    ),
    (
        "Cache-Control",
        |status, nginx, ours| status >= "400" && nginx.is_empty() && ours == "no-store",
        "an error page is kept by no cache",
    ),
    ("Expires", |_, _, ours| ours.is_empty(), "RFC 9111 §5.3: max-age says it, and wins"),
    (
        "WWW-Authenticate",
        |_, nginx, ours| ours.strip_prefix(nginx) == Some(", charset=\"UTF-8\""),
        "RFC 7617 §2.1: names and passwords with other letters than English ones work",
    ),
];

/// Two servers with one site.
struct Pair {
    _folder: Folder,
    _nginx: Child,
    program: Program,
    nginx: SocketAddr,
}

impl Pair {
    fn start(site: &Site<'_>) -> Pair {
        let folder = Folder::new();
        for (path, content) in site.files {
            let path = folder.write(Path::new("srv").join(path), content);
            let open = File::options().write(true).open(path).expect("it was just written");
            // Old enough for a strong tag, and the same for both.
            let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            open.set_modified(time).expect("a time can be set");
        }
        let nginx = SocketAddr::from((own_loopback(), 8080));
        let srv = folder.path("srv").display().to_string();
        let read = |ending: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/needs/translation");
            let path = path.join(site.name).with_extension(ending);
            std::fs::read_to_string(path).expect("it is beside this file").replace("/srv", &srv)
        };
        let server = read("conf").replace("listen 80", &format!("listen {nginx}"));
        folder.write("nginx.conf", format!("{AROUND}http {{\n{IN_HTTP}\n{server}\n}}\n"));
        let mut command = folder.command(NGINX, &["-e", "stderr", "-c"]);
        command.arg(folder.path("nginx.conf")).arg("-p").arg(folder.here());
        let child = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::inherit()));
        until("nginx listens", || TcpStream::connect(nginx).is_ok());

        folder.write("httpd.toml", read("toml"));
        let ours = ["-h", "127.0.0.1", "-p", "0", "-c", "httpd.toml"];
        let program = Program::start(&mut folder.httpd(&ours));
        Pair { _folder: folder, _nginx: child, program, nginx }
    }

    /// What both answer.
    fn ask(&self, host: &str, request: &str) -> [Seen; 2] {
        let Address::Tcp(ours) = self.program.address() else { panic!("it listens on TCP") };
        [self.nginx, *ours].map(|address| ask(address, host, request))
    }
}

fn ask(address: SocketAddr, host: &str, request: &str) -> Seen {
    let mut lines = request.split("; ");
    let line = lines.next().expect("a request has a line");
    let mut head = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    let headers: Vec<&str> = lines.collect();
    let own_host = headers.iter().find_map(|it| it.strip_prefix("Host: "));
    if own_host.is_none() {
        head += &format!("Host: {host}\r\n");
    }
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    head += "\r\n";
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("it answers and closes");
    seen(&String::from_utf8_lossy(&response), own_host.unwrap_or(host))
}

fn seen(response: &str, host: &str) -> Seen {
    let (head, body) = response.split_once("\r\n\r\n").expect("a head ends in an empty line");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").to_owned();
    let all: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let mut headers = Vec::new();
    let is_error = status.starts_with('4') || status.starts_with('5') || status.starts_with('3');
    let is_own_page = is_error && OWN_PAGES.iter().any(|it| body.contains(it));
    for name in COMPARED {
        let values: Vec<&str> =
            all.iter().filter(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1).collect();
        let mut value = values.join(", ");
        if *name == "Location" {
            // nginx writes its own address there, this server the path.
            value = value.replacen(&format!("http://{host}/"), "/", 1);
        }
        if *name == "Content-Type" {
            value = value.to_ascii_lowercase().replace("; ", ";");
        }
        // A page that the server itself makes is its own affair.
        let is_of_page = ["Content-Type", "Content-Length"].contains(name);
        let is_compared = !is_own_page || !is_of_page;
        if is_compared && !value.is_empty() {
            headers.push(((*name).to_owned(), value));
        }
    }
    let body = if is_own_page { "(its own page)" } else { body };
    Seen { status, headers, body: body.to_owned() }
}

/// What is different: its name, and both values.
fn differences(nginx: &Seen, ours: &Seen) -> Vec<(String, String, String)> {
    let value = |seen: &Seen, name: &str| {
        let found = seen.headers.iter().find(|(it, _)| it == name);
        found.map_or(String::new(), |(_, value)| value.clone())
    };
    let mut rows = vec![("status".to_owned(), nginx.status.clone(), ours.status.clone())];
    rows.extend(COMPARED.iter().map(|it| ((*it).to_owned(), value(nginx, it), value(ours, it))));
    rows.push(("body".to_owned(), nginx.body.clone(), ours.body.clone()));
    rows.retain(|(_, theirs, ours)| theirs != ours);
    rows
}

/// Asks both everything, and demands the listed differences and no others.
#[track_caller]
fn compare(site: &Site<'_>) {
    let pair = Pair::start(site);
    let mut met = vec![false; site.differences.len()];
    let mut unexpected = String::new();
    for request in site.requests {
        let [nginx, ours] = pair.ask(site.host, request);
        for (what, theirs, own) in differences(&nginx, &ours) {
            let is_listed = |difference: &Difference<'_>| {
                let is_of = match difference.request.strip_suffix('…') {
                    Some(beginning) => request.starts_with(beginning),
                    None => *request == difference.request,
                };
                is_of && (difference.what == what || difference.what == "*")
            };
            let is_general = |(of, is_so, _): &&(&str, Likeness, &str)| {
                *of == what && is_so(&ours.status, &theirs, &own)
            };
            if GENERAL.iter().any(|it| is_general(&it)) {
                continue;
            }
            match site.differences.iter().position(is_listed) {
                Some(place) => met[place] = true,
                None => {
                    unexpected +=
                        &format!("{request}: {what}: nginx has {theirs:?}, this server {own:?}\n");
                }
            }
        }
    }
    let missing: Vec<_> = site.differences.iter().zip(&met).filter(|(_, met)| !**met).collect();
    for (Difference { request, what, reason }, _) in missing {
        unexpected += &format!("{request}: {what}: no difference any more ({reason})\n");
    }
    assert!(unexpected.is_empty(), "{}:\n{unexpected}", site.name);
}

const fn differs<'a>(request: &'a str, what: &'a str, reason: &'a str) -> Difference<'a> {
    Difference { request, what, reason }
}

/// Why nginx is not to be had.
fn nginx() -> Option<String> {
    match Command::new(NGINX).arg("-v").stdin(Stdio::null()).output() {
        Err(error) => Some(format!("{NGINX}: {error}")),
        Ok(_) => lacks::nothing(),
    }
}

fn a_static_site() {
    compare(&Site {
        name: "static",
        host: "example.org",
        files: &[
            ("www/index.html", "front page"),
            ("www/a.css", "a {}"),
            ("www/b.txt", "0123456789"),
            ("www/dir/index.html", "in a directory"),
            ("www/404.html", "nothing here"),
            ("www/.env", "secret"),
        ],
        requests: &[
            "GET /",
            "HEAD /",
            "GET /?a=b",
            "GET /a.css",
            "GET /dir",
            "GET /dir?q",
            "GET /dir/",
            "GET /missing",
            "HEAD /missing",
            "GET /a%2ecss",
            "GET //a.css",
            "GET /dir/../a.css",
            "GET /b.txt; Range: bytes=2-4",
            "GET /b.txt; Range: bytes=-3",
            "GET /b.txt; Range: bytes=20-",
            "GET /b.txt; If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
            "GET /b.txt; If-Modified-Since: Tue, 14 Nov 2022 22:13:20 GMT",
            "GET /.env",
        ],
        differences: &[differs("GET /.env", "*", "a hidden file looks like one that is not there")],
    });
}

fn an_application_with_a_fallback() {
    compare(&Site {
        name: "application",
        host: "app.example.org",
        files: &[("dist/index.html", "the app"), ("dist/app.js", "let a")],
        requests: &[
            "GET /; Accept: text/html",
            "GET /orders/17; Accept: text/html",
            "GET /orders/17; Sec-Fetch-Mode: navigate",
            "GET /app.js; Accept: */*",
            "GET /gone.js; Accept: */*",
        ],
        differences: &[
            differs("GET /orders/17…", "Vary", "caches are told what the answer depends on"),
            differs("GET /app.js…", "Content-Type", "RFC 9239: text/javascript is its name"),
            differs(
                "GET /gone.js…",
                "*",
                "a missing script is a 404, not a page that is no script",
            ),
        ],
    });
}

fn hosts_with_a_canonical_name() {
    compare(&Site {
        name: "hosts",
        host: "example.org",
        files: &[("www/index.html", "example"), ("users/index.html", "users")],
        requests: &[
            "GET /",
            "GET /; Host: EXAMPLE.ORG.",
            "GET /a/b?c; Host: www.example.org",
            "GET /; Host: example.net",
            "GET /; Host: ann.users.example.org",
            "GET /; Host: users.example.org",
            "GET /; Host: elsewhere.org",
        ],
        differences: &[],
    });
}

fn assets_that_browsers_keep() {
    compare(&Site {
        name: "assets",
        host: "example.org",
        files: &[
            ("www/index.html", "front page"),
            ("www/assets/app.css", "a {}"),
            ("www/assets/logo.png", "png"),
            ("www/photo.jpg", "jpg"),
        ],
        requests: &[
            "GET /",
            "GET /assets/app.css",
            "GET /assets/app.css; If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
            "GET /assets/app.css; Origin: https://example.net",
            "GET /assets/logo.png",
            "GET /photo.jpg",
            "GET /assets/missing.css",
            "GET /assets",
        ],
        differences: &[],
    });
}

fn a_download_area() {
    compare(&Site {
        name: "downloads",
        host: "dl.example.org",
        files: &[
            ("www/index.html", "front page"),
            ("files/a.gz", "archive"),
            ("files/notes.txt", "notes"),
            ("files/sub/b.gz", "more"),
            ("files/private/c.gz", "private"),
        ],
        requests: &[
            "GET /",
            "GET /files",
            "GET /files/",
            "GET /files/a.gz",
            "GET /files/notes.txt",
            "GET /files/sub",
            "GET /files/sub/b.gz",
            "GET /files/missing",
            "GET /files/private/c.gz",
        ],
        differences: &[
            differs("GET /files", "*", "a directory without its slash is redirected"),
            differs("GET /files/", "*", "the list is another page"),
            differs("GET /files/sub", "X-Content-Type-Options", "it is for files"),
        ],
    });
}

fn a_protected_area() {
    compare(&Site {
        name: "protected",
        host: "example.org",
        files: &[
            ("www/staff/a.html", "for staff"),
            ("www/staff/open/b.html", "for everybody"),
            ("www/office/c.html", "for the office"),
            ("www/local/d.html", "for this machine"),
            ("people", "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n"),
        ],
        requests: &[
            "GET /staff/a.html",
            "GET /staff/a.html; Authorization: Basic YW5uOnNlY3JldA==",
            "GET /staff/a.html; Authorization: Basic YW5uOndyb25n",
            "GET /staff/missing",
            "GET /staff/open/b.html",
            "GET /office/c.html",
            "GET /local/d.html",
        ],
        differences: &[],
    });
}

fn custom_error_pages() {
    compare(&Site {
        name: "errors",
        host: "example.org",
        files: &[
            ("www/errors/404.html", "not found"),
            ("www/errors/403.html", "forbidden"),
            ("www/errors/410.html", "gone"),
            ("www/errors/50x.html", "broken"),
            ("www/closed/a.html", "closed"),
            ("www/shop/404.html", "not in the shop"),
        ],
        requests: &[
            "GET /missing",
            "HEAD /missing",
            "GET /missing; If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
            "GET /missing; Range: bytes=0-1",
            "GET /closed/a.html",
            "GET /retired.html",
            "GET /shop/missing",
            "GET /errors/404.html",
        ],
        differences: &[],
    });
}

fn compressed_files() {
    compare(&Site {
        name: "compressed",
        host: "example.org",
        files: &[
            ("www/index.html", "front page"),
            ("www/index.html.gz", "gzipped page"),
            ("www/app.css", "a {}"),
            ("www/app.css.gz", "gzipped"),
            ("www/plain.css", "b {}"),
        ],
        requests: &[
            "GET /",
            "GET /; Accept-Encoding: gzip",
            "GET /app.css",
            "GET /app.css; Accept-Encoding: gzip, br",
            "GET /app.css; Accept-Encoding: gzip;q=0",
            "GET /app.css; Accept-Encoding: br",
            "GET /app.css; Accept-Encoding: *",
            "GET /app.css.gz",
            "GET /plain.css; Accept-Encoding: gzip",
            "GET /app.css; Accept-Encoding: gzip; Range: bytes=0-1",
        ],
        differences: &[
            differs(
                "GET /app.css; Accept-Encoding: *",
                "*",
                "RFC 9110 §12.5.3: * accepts gzip, too",
            ),
            differs("GET /app.css.gz", "Content-Type", "nginx does not know the type"),
            differs(
                "GET /app.css; Accept-Encoding: gzip; Range: bytes=0-1",
                "*",
                "a compressed file that is stored can be sent in parts",
            ),
        ],
    });
}

fn addresses_that_have_moved() {
    compare(&Site {
        name: "moved",
        host: "example.org",
        files: &[("www/new.html", "new")],
        requests: &[
            "GET /old.html",
            "GET /old.html?a=b",
            "GET /new.html",
            "GET /blog/2026/first?a=b",
            "GET /wiki/17/home.php",
            "GET /wiki/other",
            "GET /shop",
            "GET /form",
            "GET /gone",
        ],
        differences: &[differs("GET /old.html?a=b", "Location", "the query is kept")],
    });
}

fn a_site_behind_a_load_balancer() {
    compare(&Site {
        name: "balanced",
        host: "example.org",
        files: &[("www/office/a.html", "for the office"), ("www/inside/b.html", "inside")],
        requests: &[
            "GET /office/a.html",
            "GET /office/a.html; X-Forwarded-For: 192.0.2.7",
            "GET /office/a.html; X-Forwarded-For: 198.51.100.1",
            "GET /office/a.html; X-Forwarded-For: 198.51.100.1, 192.0.2.7",
            "GET /office/a.html; X-Forwarded-For: 192.0.2.7, 198.51.100.1",
            "GET /office/a.html; X-Forwarded-For: 192.0.2.7, 10.0.0.9, 127.0.0.1",
            "GET /office/a.html; X-Forwarded-For: 192.0.2.7; X-Forwarded-For: 198.51.100.1",
            "GET /office/a.html; X-Forwarded-For: 2001:db8::1",
            "GET /office/a.html; X-Forwarded-For: nonsense",
            "GET /inside/b.html; X-Forwarded-For: 192.0.2.7, 10.0.0.9",
            "GET /inside/b.html; X-Forwarded-For: 10.0.0.7, 10.0.0.9",
        ],
        differences: &[],
    });
}

/// Around the configuration of a site.
const AROUND: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
";

const IN_HTTP: &str = "\
include /etc/nginx/mime.types;
default_type application/octet-stream;
access_log off;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
port_in_redirect off;
";

const NGINX: &str = "/usr/sbin/nginx";

/// By which the pages of both servers are known.
const OWN_PAGES: &[&str] = &["<hr><center>nginx", "<!DOCTYPE html>"];

tests! {
    nginx:
        a_static_site,
        an_application_with_a_fallback,
        hosts_with_a_canonical_name,
        assets_that_browsers_keep,
        a_download_area,
        a_protected_area,
        custom_error_pages,
        compressed_files,
        addresses_that_have_moved,
        a_site_behind_a_load_balancer;
}
