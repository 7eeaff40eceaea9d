//! The configurations that come with the program, run as they are shipped.

use crate::support::client::Request;
use crate::support::secured::{Authority, Issued};
use crate::support::{Client, Folder, Program, Reply, lossy};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// `ann` has the password `secret`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";

/// One of them, with the files that it names.
struct Shipped {
    folder: Folder,
    name: String,
}

impl Shipped {
    fn new(name: &str, files: &[(&str, &str)]) -> Shipped {
        let folder = Folder::new();
        let name = format!("{name}.toml");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(&name);
        folder.write(&name, fs::read(shipped).expect("it is shipped"));
        for (path, content) in files {
            folder.write(path, content);
        }
        Shipped { folder, name }
    }

    /// Checks that there is nothing to report, and runs it.
    #[track_caller]
    fn start(&self) -> Program {
        let check = self.folder.output(&["check", "-c", &self.name]);
        let found = lossy(&check.stdout) + &lossy(&check.stderr);
        assert_eq!(check.status.code(), Some(0), "{found}");
        let listen = ["-h", "127.0.0.1", "-p", "0", "-c", &self.name];
        Program::start(&mut self.folder.httpd(&listen))
    }
}

fn get(program: &Program, host: &str, target: &str, header: (&str, &str)) -> Reply {
    let request = Request::new(program.address(), "GET", target).host(host);
    request.header(header.0, header.1).send()
}

fn get_ranged(program: &Program, target: &str, range: &str) -> Reply {
    get(program, "example.org", target, ("Range", range))
}

#[test]
fn one_site() {
    let site = Shipped::new(
        "one-site",
        &[
            ("www/index.html", "front page"),
            ("www/about.html", "about us"),
            ("www/404.html", "nothing here"),
            ("www/articles/first.html", "first"),
            ("www/app.3f2a9b1c.js", "let a"),
            ("www/app.3f2a9b1c.js.br", "br"),
        ],
    );
    let program = site.start();
    let get = |target| get(&program, "example.org", target, ("Accept-Encoding", "br"));
    get("/")
        .expect(200)
        .body("front page")
        .header("Cache-Control", "no-cache")
        .header("X-Frame-Options", "DENY");
    get("/about").expect(200).body("about us");
    get("/about.html").expect(301).header("Location", "/about");
    get("/blog/first?a").expect(301).header("Location", "/articles/first?a");
    get("/shop/x").expect(410);
    get("/missing").expect(404).body("nothing here").header("Cache-Control", "no-store");
    get("/app.3f2a9b1c.js")
        .expect(200)
        .body("br")
        .header("Content-Encoding", "br")
        .header("Cache-Control", "public, max-age=31536000, immutable");
}

#[test]
fn https_site() {
    let site = Shipped::new("https-site", &[("www/index.html", "front page")]);
    let authority = Authority::new();
    let Issued { chain, key } = authority.issue(&["example.org"]);
    site.folder.write("tls/fullchain.pem", chain + &authority.pem());
    site.folder.write("tls/privkey.pem", key);
    let program = site.start();
    let plain = Request::new(program.address(), "GET", "/a?b").host("example.org").send();
    plain.expect(308).header("Location", "https://example.org/a?b");
    let secured = httpd::Address::Tcp(program.addresses()[1]);
    let mut client = Client::secured(&secured, &Arc::new(authority.client()), "example.org");
    client.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    let reply = client.reply();
    reply.expect(200).body("front page").header("Strict-Transport-Security", "max-age=3600");
}

#[test]
fn several_hosts() {
    let site = Shipped::new(
        "several-hosts",
        &[
            ("example.org/index.html", "example"),
            ("example.org/404.html", "not at example.org"),
            ("manual/chapter.txt", "chapter"),
            ("static/app.css", "a {}"),
            ("users/index.html", "users"),
        ],
    );
    let program = site.start();
    let get = |host, target| get(&program, host, target, ("Origin", "https://example.org"));
    get("example.org", "/").expect(200).body("example").header("X-Frame-Options", "SAMEORIGIN");
    get("www.example.org", "/a").expect(301).header("Location", "http://example.org/a");
    get("example.net", "/").expect(301).header("Location", "http://example.org/");
    get("example.org", "/missing").expect(404).body("not at example.org");
    assert!(lossy(&get("example.org", "/manual/").expect(200).body).contains("chapter.txt"));
    get("static.example.org", "/app.css")
        .expect(200)
        .header("Access-Control-Allow-Origin", "https://example.org");
    get("static.example.org", "/manual/chapter.txt").expect(404);
    get("ann.users.example.org", "/").expect(200).body("users");
    get("elsewhere.org", "/").expect(421);
}

#[test]
fn a_single_page_app() {
    let site = Shipped::new(
        "single-page-app",
        &[("dist/index.html", "the app"), ("dist/app.3f2a9b1c.js", "let a")],
    );
    let program = site.start();
    let get = |target, mode| get(&program, "example.org", target, ("Sec-Fetch-Mode", mode));
    let page = get("/orders/17", "navigate");
    page.expect(200).body("the app").header("Cache-Control", "no-cache");
    page.header("Content-Security-Policy", "default-src 'self'");
    get("/app.0ddba11.js", "no-cors").expect(404).header("Cache-Control", "no-store");
    get("/app.3f2a9b1c.js", "no-cors")
        .expect(200)
        .header("Cache-Control", "public, max-age=31536000, immutable");
}

#[test]
fn behind_a_proxy() {
    let site = Shipped::new(
        "behind-a-proxy",
        &[
            ("www/index.html", "front page"),
            ("www/office/a.html", "for the office"),
            ("www/404.html", "nothing here"),
            ("www/sorry.html", "sorry"),
        ],
    );
    let program = site.start();
    let get = |target, client| get(&program, "example.org", target, ("X-Forwarded-For", client));
    get("/", "198.51.100.1").expect(200);
    get("/office/a.html", "192.0.2.7").expect(200).body("for the office");
    get("/office/a.html", "192.0.2.7, 10.0.0.1").expect(200);
    get("/office/a.html", "198.51.100.1").expect(403);
    get("/office/a.html", "192.0.2.7, 198.51.100.1").expect(403);
    get("/missing", "198.51.100.1").expect(404).body("nothing here");
}

#[test]
fn a_download_area() {
    let site = Shipped::new(
        "downloads",
        &[
            ("files/releases/2.0/a.tar.gz", "archive"),
            ("files/releases/2.0/a.tar.gz.sha256", "abc"),
            ("files/releases/2.0/README", "how to install"),
            ("files/internal/a", "internal"),
        ],
    );
    let program = site.start();
    let get = |target| get(&program, "example.org", target, ("Accept", "application/json"));
    assert!(lossy(&get("/releases/").expect(200).body).contains("\"2.0\""));
    get("/latest").expect(302).header("Location", "/releases/2.0/");
    get("/releases/2.0/a.tar.gz").expect(200).header("Content-Disposition", "attachment");
    let ranged = |range| get_ranged(&program, "/releases/2.0/a.tar.gz", range);
    ranged("bytes=0-1").expect(206).header("Content-Disposition", "attachment");
    ranged("bytes=100-").expect(416).no_header("Content-Disposition");
    get("/releases/2.0/b.tar.gz").expect(404).no_header("Content-Disposition");
    get("/releases/2.0/a.tar.gz.sha256")
        .expect(200)
        .no_header("Content-Disposition")
        .header("Content-Type", "text/plain");
    get("/internal/a").expect(200);
}

#[test]
fn uploads_behind_a_password() {
    let site = Shipped::new(
        "uploads",
        &[
            ("www/index.html", "front page"),
            ("drop/a", "a"),
            ("private/b", "b"),
            ("staff.htpasswd", ANN),
        ],
    );
    let program = site.start();
    let get = |target, authorization| {
        get(&program, "example.org", target, ("Authorization", authorization))
    };
    get("/", "").expect(200);
    get("/drop/a", "").expect(200).body("a").has_header("Content-Security-Policy");
    get("/private/b", "").expect(401);
    get("/private/b", RIGHT).expect(200).body("b");
    let put = |authorization| {
        Request::new(program.address(), "PUT", "/drop/new/c")
            .header("Authorization", authorization)
            .content("c")
            .send()
    };
    put("").expect(401);
    put(RIGHT).expect(201);
    get("/drop/new/c", "").expect(200).body("c");
}

#[test]
fn every_file_that_is_shipped_is_tried_here() {
    let here = include_str!("shipped.rs");
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    for entry in fs::read_dir(conf).expect("it is there").flatten() {
        let name = entry.file_name().into_string().expect("it is UTF-8");
        let Some(name) = name.strip_suffix(".toml").filter(|name| *name != "httpd") else {
            continue;
        };
        assert!(here.contains(&format!("\"{name}\"")), "conf/{name}.toml is not tried");
    }
}
