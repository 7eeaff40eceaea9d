//! Who may: whatever way a client takes to a file that not everybody may have, or may change.

use crate::support::Reply;
use crate::support::configured::Configured;
use std::fs;

/// `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";
const WRONG: &str = "Basic YW5uOndyb25n";

fn serve(config: &str, files: &[(&str, &str)]) -> Configured {
    let files: Vec<_> = files.iter().copied().chain([("people", ANN)]).collect();
    Configured::start_with(config, &files)
}

/// A form with files of these names and contents.
fn form(server: &Configured, target: &str, files: &[(&str, &str)], credentials: &str) -> Reply {
    let part = |(name, content): &(&str, &str)| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n{content}\r\n"
        )
    };
    let body: String = files.iter().map(part).chain(["--x--\r\n".to_owned()]).collect();
    let request = server.request("POST", target);
    let request = request.header("Content-Type", "multipart/form-data; boundary=x");
    let request = match credentials {
        "" => request,
        credentials => request.header("Authorization", credentials),
    };
    request.content(body).send()
}

#[test]
fn a_rule_for_a_compressed_sibling_is_for_those_who_ask_for_it_by_name() {
    let server = serve(
        "root = \"www\"\nprecompressed = true\n\
         [[location]]\npath = \"/a.css.gz\"\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/b.css\"\nauth_basic = { file = \"people\" }\n",
        &[("www/a.css", "a"), ("www/a.css.gz", "gz"), ("www/b.css", "b"), ("www/b.css.gz", "gz")],
    );
    let get = |target| server.get(target).header("Accept-Encoding", "gzip").send();
    // As nginx's gzip_static does: it is the file in another form.
    get("/a.css").expect(200).body("gz").header("Content-Encoding", "gzip");
    get("/a.css.gz").expect(401);
    get("/b.css").expect(401);
    get("/b.css.gz").expect(401);
}

#[test]
fn a_form_changes_no_file_that_its_client_could_not_change_by_naming_it() {
    let server = serve(
        "root = \"www\"\nclean_urls = true\nprecompressed = true\n\
         [[location]]\npath = \"/w\"\nmethods = [\"GET\", \"POST\", \"PUT\"]\nform_overwrite = true\n\
         [[location]]\npath = \"/w/x\"\nmethods = [\"GET\", \"PUT\"]\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/w/put\"\nmethods = [\"GET\", \"PUT\"]\n\
         auth_basic = { file = \"people\", methods = [\"PUT\"] }\n\
         [[location]]\npath = \"/w/far\"\nmethods = [\"GET\", \"PUT\"]\nallow = \"10.0.0.0/8\"\n\
         [[location]]\npath = \"/w/read\"\nmethods = [\"GET\"]\n\
         [[location]]\npath = \"/w/page.html\"\nmethods = [\"GET\", \"PUT\"]\nauth_basic = { file = \"people\" }\n",
        &[
            ("www/w/x", "old"),
            ("www/w/put", "old"),
            ("www/w/far", "old"),
            ("www/w/read", "old"),
            ("www/w/page.html", "old"),
        ],
    );
    let content = |name: &str| fs::read_to_string(server.folder.path(format!("www/w/{name}")));
    for name in ["x", "put", "page.html", "page.html.gz", "page"] {
        for target in ["/w", "/w/"] {
            let refused = form(&server, target, &[("new", "1"), (name, "new")], "");
            refused
                .expect(401)
                .header("WWW-Authenticate", "Basic realm=\"restricted\", charset=\"UTF-8\"");
            form(&server, target, &[(name, "new"), ("new", "1")], WRONG).expect(401);
        }
        assert!(content(name).is_err() || content(name).is_ok_and(|it| it == "old"), "{name}");
    }
    for name in ["far", "read"] {
        for credentials in ["", RIGHT] {
            let refused = form(&server, "/w/", &[("new", "1"), (name, "new")], credentials);
            assert!(
                refused.expect(403).text().contains(&format!("\"{name}\"")),
                "{}",
                refused.text()
            );
        }
        assert_eq!(content(name).expect("it is there"), "old");
    }
    assert!(content("new").is_err(), "none of a form is stored, or all");
    // A name in a directory of the client is a name here.
    form(&server, "/w/", &[("c:\\dir\\x", "new")], "").expect(401);
    form(&server, "/w/", &[("../w/x", "new")], "").expect(401);
    // Who could, can.
    form(&server, "/w/", &[("x", "new"), ("page.html", "new"), ("other", "new")], RIGHT)
        .expect(201);
    for name in ["x", "page.html", "other"] {
        assert_eq!(content(name).expect("it is there"), "new");
    }
    form(&server, "/w/", &[("other", "newer")], "").expect(200);
}

#[test]
fn a_number_that_the_server_gives_a_file_leads_to_nothing_that_is_guarded() {
    let server = serve(
        "root = \"www\"\n\
         [[location]]\npath = \"/w\"\nmethods = [\"GET\", \"POST\"]\n\
         [[location]]\npath = \"/w/a (2).txt\"\nmethods = [\"GET\", \"PUT\"]\nauth_basic = { file = \"people\" }\n",
        &[("www/w/b", "b")],
    );
    form(&server, "/w", &[("a.txt", "1"), ("a.txt", "2")], "").expect(201);
    assert!(!server.folder.path("www/w/a (2).txt").exists());
    assert!(server.folder.path("www/w/a (3).txt").exists());
}

#[test]
fn what_is_served_in_place_of_a_path_is_asked_for_as_if_it_was_named() {
    let auth = "auth_basic = { file = \"people\" }\n";
    for (key, targets) in [
        ("fallback = \"/in/app.html\"", &["/missing", "/a/b"][..]),
        ("try_files = [\"$uri\", \"/in/app.html\"]", &["/missing", "/a/b"]),
        ("try_files = [\"/in/app.html\", \"$uri\"]", &["/missing", "/a/b", "/open.txt"]),
        ("try_files = [\"/in$uri\", \"$uri\"]", &["/app.html", "//app.html", "/./%61pp.html"]),
        ("try_files = [\"$uri\", \"$uri.txt\"]", &["/top"]),
    ] {
        let server = serve(
            &format!(
                "root = \"www\"\n{key}\n[[location]]\npath = \"/in/\"\n{auth}\
                 [[location]]\npath = \"/top.txt\"\n{auth}"
            ),
            &[("www/in/app.html", "secret"), ("www/open.txt", "open"), ("www/top.txt", "secret")],
        );
        for target in targets {
            let get = || server.get(target).header("Accept", "text/html");
            let refused = get().send();
            assert!(refused.status == 401 && !refused.text().contains("secret"), "{key} {target}");
            get().header("Authorization", WRONG).send().expect(401);
            get().header("Authorization", RIGHT).send().expect(200).body("secret");
            let head = server.request("HEAD", target).header("Accept", "text/html").send();
            head.expect(401);
        }
        let open = server.get("/open.txt").header("Authorization", RIGHT).send();
        open.expect(200);
        let url = format!("http://127.0.0.1:8080{}", targets[0]);
        let explained =
            server.folder.output(&["explain", "-c", "httpd.toml", &url, "-H", "Accept: text/html"]);
        let text = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert!(text.contains("HTTP/1.1 401") && text.contains("stands in place of"), "{text}");
    }
}

#[test]
fn a_listing_shows_no_text_that_its_client_could_not_read() {
    let server = serve(
        "root = \"www\"\nlisting = true\n\
         [[location]]\npath = \"/d/README\"\nauth_basic = { file = \"people\" }\n",
        &[("www/d/README", "the secret is 7"), ("www/e/README", "everybody knows")],
    );
    let shown = |target: &str| server.get(target).send().expect(200).text().to_owned();
    assert!(shown("/e/").contains("everybody knows"));
    assert!(!shown("/d/").contains("the secret"));
    // It has to be known already who asks: a listing asks for no password.
    server.get("/d/README").header("Authorization", RIGHT).send().expect(200);
    let listed = server.get("/d/").header("Authorization", RIGHT).send();
    assert!(listed.expect(200).text().contains("the secret is 7"));
}

#[test]
fn no_spelling_of_a_path_leads_around_a_password() {
    let server = serve(
        "root = \"www\"\n[[location]]\npath = \"/staff\"\nauth_basic = { file = \"people\" }\n",
        &[("www/staff/a.txt", "secret"), ("www/open/b.txt", "open")],
    );
    let etag = server.get("/staff/a.txt").header("Authorization", RIGHT).send().etag();
    for target in [
        "/staff",
        "/staff/",
        "/staff/a.txt",
        "//staff/a.txt",
        "/staff//a.txt",
        "/./staff/a.txt",
        "/staff/./a.txt",
        "/open/../staff/a.txt",
        "/open/..//staff/a.txt",
        "/%73taff/a.txt",
        "/staff%2Fa.txt",
        "/staff%2fa.txt",
        "/%2e/staff/a.txt",
        "/open/%2e%2e/staff/a.txt",
        "/open%2F..%2Fstaff/a.txt",
        "/open/..%2fstaff%2f/a.txt",
        "/staff/x/../a.txt",
        "/staff/missing",
        "/staff/a.txt?x=/open/b.txt",
        "http://test/staff/a.txt",
        "http://test//staff/a.txt",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PURGE"] {
            let refused = server.request(method, target).send();
            assert_eq!(refused.status, 401, "{method} {target}");
            refused.no_header("ETag").no_header("Last-Modified").no_header("Accept-Ranges");
        }
        for (name, value) in [
            ("If-None-Match", &etag[..]),
            ("If-None-Match", "*"),
            ("If-Match", "\"x\""),
            ("If-Modified-Since", "Fri, 31 Dec 2049 00:00:00 GMT"),
            ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("Range", "bytes=0-0"),
            ("Range", "bytes=999-"),
        ] {
            server.get(target).header(name, value).send().expect(401);
        }
    }
    // Other names are other files.
    for target in [
        "/STAFF/a.txt",
        "/Staff/a.txt",
        "/staff./a.txt",
        "/staff;/a.txt",
        "/staff%20/a.txt",
        "/staff%5Ca.txt",
        "/%252e%252e/staff/a.txt",
        "/staff%2500/a.txt",
        "/staff%C0%AFa.txt",
        "/staffa.txt",
    ] {
        server.get(target).send().expect(404);
    }
    for target in
        ["/staff%00/a.txt", "/%00/../staff/a.txt", "/staff/a.txt%00.html", "/staff%2/a.txt"]
    {
        server.get(target).send().expect(400);
    }
}

#[test]
fn credentials_of_any_size_and_kind_are_answered_and_stand_in_no_log() {
    let server = serve(
        "root = \"www\"\nauth_basic = { file = \"people\" }\n[log]\nlevel = \"debug\"\n[access_log]\nfile = \"access.log\"\n",
        &[],
    );
    let base64 = |length: usize| format!("Basic {}", "QUJD".repeat(length / 4));
    for credentials in [
        "Basic",
        "Basic ",
        "basic YW5uOg==",
        "Basic YW5u",
        "Basic Og==",
        "Basic YW5uOnNlY3JldAo=",
        "Basic YW5uOnNlY3JldA==, Basic YW5uOnNlY3JldA==",
        "Digest username=\"ann\", realm=\"restricted\", response=\"secret\"",
        "Bearer c2VjcmV0",
        &base64(30_000),
        "Basic \u{e4}",
    ] {
        let reply = server.get("/").header("Authorization", credentials).send();
        reply.expect(401);
        assert!(!reply.text().contains("QUJD") && !reply.text().contains("YW5u"));
    }
    server.get("/").header("Authorization", base64(65_536)).send().expect(431);
    server.get("/").header("Authorization", RIGHT).send().expect(200);
    server.get("/").header("Authorization", WRONG).send().expect(401);
    let Configured { folder, program } = server;
    program.signal(crate::support::Signal::TERM);
    let (_, log) = program.end();
    let access = fs::read_to_string(folder.path("access.log")).expect("it is written at the end");
    for text in [log, access] {
        for secret in ["secret", "YW5u", "QUJD", "c2VjcmV0", "wrong\"", "$2y$"] {
            assert!(!text.contains(secret), "{secret}\n{text}");
        }
    }
}

#[test]
fn a_file_of_passwords_that_breaks_lets_nobody_in_until_it_is_whole_again() {
    let server = serve("root = \"www\"\nauth_basic = { file = \"people\" }\n", &[]);
    let status = || server.get("/").header("Authorization", "Basic YW5uOnNlY3JldDI=").send().status;
    let people = server.folder.path("people");
    let replace = |content: &str| {
        let next = server.folder.write("next", content);
        fs::rename(next, &people).expect("it is ours");
    };
    assert_eq!(status(), 401);
    replace("");
    assert_eq!(status(), 401);
    replace("\0\u{ff}\n:::\nann:secret2\nann:$apr1$x$y\n");
    assert_eq!(status(), 401);
    fs::remove_file(&people).expect("it is ours");
    assert_eq!(status(), 500);
    fs::create_dir(&people).expect("the name is free");
    assert_eq!(status(), 500);
    fs::remove_dir(&people).expect("it is empty");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &people,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("the name is free");
    assert_eq!(status(), 500, "nobody waits for a pipe");
    replace(&format!("ann:{}\n", bcrypt::hash("secret2", 4).expect("it can be computed")));
    assert_eq!(status(), 200);
}

#[test]
fn networks_are_the_same_however_they_are_written() {
    for (rule, expected) in [
        ("allow = \"127.0.0.0/8\"", 200),
        ("allow = \"::ffff:127.0.0.1\"", 200),
        ("allow = \"0.0.0.0/0\"", 200),
        ("allow = \"::1\"", 403),
        ("allow = \"unix\"", 403),
        ("allow = []", 403),
        ("deny = \"::ffff:127.0.0.0/104\"", 403),
        ("deny = \"::/0\"", 403),
        ("allow = \"127.0.0.1\"\ndeny = \"127.0.0.0/8\"", 403),
    ] {
        let server = serve(&format!("root = \"www\"\n{rule}\n"), &[]);
        for method in ["GET", "HEAD", "OPTIONS", "PUT"] {
            let status = server.request(method, "/").send().status;
            let is_read = matches!(method, "GET" | "HEAD");
            assert!(
                status == expected || expected == 200 && !is_read && status != 403,
                "{rule} {method}"
            );
        }
    }
}

#[test]
fn connect_trace_and_the_server_as_a_whole_are_never_elsewhere() {
    let server = serve(
        "root = \"www\"\nserver_name = \"old.example\"\ncanonical_host = \"new.example\"\nfallback = \"/index.html\"\n\
         cors = { origins = \"*\" }\n\
         [[redirect]]\nfrom = \"/**\"\nto = \"http://elsewhere.example/\"\n",
        &[("www/x", "x")],
    );
    let raw = |request: &str| {
        let mut client = server.program.connect();
        client.send(format!("{request}\r\n"));
        client.reply_to(request.split(' ').next().unwrap_or_default())
    };
    for host in ["old.example", "new.example", "other.example"] {
        for target in ["a.example:443", "old.example:80"] {
            let line = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
            raw(&line).expect(405).no_header("Location");
        }
        let host = format!("Host: {host}\r\n");
        raw(&format!("TRACE / HTTP/1.1\r\n{host}")).expect(405).no_header("Location");
        raw(&format!("TRACE /old HTTP/1.1\r\n{host}")).expect(405).no_header("Location");
        raw(&format!("OPTIONS * HTTP/1.1\r\n{host}")).expect(204).no_header("Location");
        let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n";
        raw(&format!("OPTIONS * HTTP/1.1\r\n{host}{preflight}"))
            .expect(204)
            .no_header("Access-Control-Allow-Methods");
    }
    let absolute = "GET http://old.example/a HTTP/1.1\r\nHost: new.example\r\n";
    raw(absolute).expect(301).header("Location", "http://new.example/a");
    let unknown = "PURGE /a HTTP/1.1\r\nHost: old.example\r\n";
    raw(unknown).expect(308).header("Location", "http://new.example/a");
}

#[test]
fn the_client_behind_a_proxy_is_asked_for_whatever_it_reads_and_stores() {
    let server = serve(
        "root = \"www\"\ntrusted_proxies = \"127.0.0.1\"\nfallback = \"/in/app.html\"\n\
         [[location]]\npath = \"/w\"\nmethods = [\"GET\", \"POST\", \"PUT\"]\nallow = \"192.0.2.0/24\"\n\
         [[location]]\npath = \"/w/x\"\nmethods = [\"GET\", \"PUT\"]\nallow = \"198.51.100.0/24\"\n\
         [[location]]\npath = \"/in\"\nallow = \"198.51.100.0/24\"\n",
        &[("www/w/x", "old"), ("www/in/app.html", "page")],
    );
    let inside = "X-Forwarded-For: 203.0.113.9, 192.0.2.1";
    let spoofed = "X-Forwarded-For: 192.0.2.1, 203.0.113.9";
    let special = "X-Forwarded-For: 198.51.100.1";
    let send = |method: &str, target: &str, from: &str, rest: &str| {
        let mut client = server.program.connect();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{from}\r\n{rest}"));
        client.reply_to(method).status
    };
    for (from, expected) in [(inside, 201), (spoofed, 403), (special, 403), ("X-A: b", 403)] {
        assert_eq!(send("PUT", "/w/new", from, "Content-Length: 1\r\n\r\na"), expected, "{from}");
        let _ = fs::remove_file(server.folder.path("www/w/new"));
    }
    assert_eq!(send("PUT", "/w/x", special, "Content-Length: 1\r\n\r\na"), 204);
    assert_eq!(send("PUT", "/w/x", inside, "Content-Length: 1\r\n\r\na"), 403);
    let body =
        "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n1\r\n--x--\r\n";
    let form = format!(
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for from in [inside, spoofed, special] {
        assert_eq!(send("POST", "/w/", from, &form), 403, "{from}");
    }
    let navigation = "Accept: text/html\r\n\r\n";
    assert_eq!(send("GET", "/missing", special, navigation), 200);
    assert_eq!(send("GET", "/missing", inside, navigation), 403);
}

#[test]
fn no_rewrite_leads_around_a_password_wherever_it_was_written() {
    let server = serve(
        "root = \"www\"\nhost_files = true\nmethods = [\"GET\", \"PUT\", \"POST\", \"DELETE\"]\n\
         form_overwrite = true\nclean_urls = true\n\
         [[rewrite]]\nfrom = \"/rw/*\"\nto = \"/in/$1\"\n\
         [[rewrite]]\nfrom = \"/forms\"\nto = \"/w\"\n\
         [[location]]\npath = \"/in\"\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/w/x\"\nmethods = [\"GET\", \"PUT\"]\nauth_basic = { file = \"people\" }\n",
        &[
            ("www/in/a.txt", "secret"),
            ("www/in/b.html", "secret"),
            ("www/w/x", "old"),
            ("www/_redirects", "/f/* /in/:splat 200\n/g/* /open/:splat 200\n/* /in/a.txt 404\n"),
        ],
    );
    let content = |name: &str| fs::read_to_string(server.folder.path(name)).unwrap_or_default();
    for target in [
        "/rw/a.txt",
        "/rw//a.txt",
        "/rw/b",
        "/f/a.txt",
        "/f/b",
        "/f/%61.txt",
        "/g/../in/a.txt",
        "/g/%2e%2e%2fin/a.txt",
        "/g/..%2fin%2fa.txt",
        "/missing",
    ] {
        for method in ["GET", "HEAD"] {
            let refused = server.request(method, target).send();
            refused.expect(401).no_header("ETag");
            assert!(!refused.text().contains("secret"), "{method} {target}");
        }
        let status = if target == "/missing" { 404 } else { 200 };
        server.get(target).header("Authorization", RIGHT).send().expect(status).body("secret");
    }
    server.request("PUT", "/rw/a.txt").content("new").send().expect(401);
    server.request("DELETE", "/rw/a.txt").send().expect(401);
    assert_eq!(content("www/in/a.txt"), "secret");
    form(&server, "/forms", &[("x", "new")], "").expect(401);
    form(&server, "/forms", &[("x", "new")], WRONG).expect(401);
    assert_eq!(content("www/w/x"), "old");
    for name in ["_redirects", "_headers"] {
        form(&server, "/", &[(name, "/* /evil 301\n")], RIGHT).expect(403);
        let target = format!("/{name}");
        server.request("PUT", &target).content("/* /evil 301\n").send().expect(403);
        server.request("DELETE", &target).send().expect(404);
    }
    assert!(content("www/_redirects").starts_with("/f/*") && content("www/_headers").is_empty());
}
