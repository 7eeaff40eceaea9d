//! Files in a root that say how it is served: `_headers` and `_redirects`.

use crate::support::{Configured, Folder, Program, configured, until};
use std::fmt::Write;
use std::time::Instant;

const REDIRECTS: &str = "# moved\n\
    /old/*           /new/:splat\n\
    /there           /new/a.txt       302\n\
    /u/:id/:what     /new/:what?id=:id 307\n\
    /out             https://example.org/x\n\
    /exists.txt      /new/a.txt\n\
    /forced.txt      /new/a.txt       302!\n\
    /app/*           /app.html        200\n\
    /raw/*           /new/:splat      200\n\
    /broken\n\
    /gone/*          /gone.html       410\n\
    /lost            /nothing.html    404\n\
    /*               /404.html        404\n";

const HEADERS: &str = "/*\n  X-Everywhere: yes\n/new/*\n  X-New: 1\n  ! X-Content-Type-Options\n\
    /app/*\n  X-App: :splat\n  Content-Length: 7\n";

fn start(config: &str) -> Configured {
    let page = |name: &'static str| (name, name);
    Configured::start_with(
        &format!("root = \"www\"\nhost_files = true\n{config}"),
        &[
            ("www/_redirects", REDIRECTS),
            ("www/_headers", HEADERS),
            page("www/new/a.txt"),
            page("www/exists.txt"),
            page("www/forced.txt"),
            page("www/app.html"),
            page("www/gone.html"),
            page("www/404.html"),
            page("www/secret/a.txt"),
        ],
    )
}

#[test]
fn redirects_lead_where_the_file_says() {
    let mut server = start("");
    for (target, status, location) in [
        ("/old/a/b.txt", 301, "/new/a/b.txt"),
        ("/old/a?q=1", 301, "/new/a?q=1"),
        ("/old", 301, "/new/"),
        ("/there", 302, "/new/a.txt"),
        ("/there/", 302, "/new/a.txt"),
        ("/u/7/x", 307, "/new/x?id=7"),
        ("/out", 301, "https://example.org/x"),
        ("/forced.txt", 302, "/new/a.txt"),
    ] {
        let reply = server.get(target).send();
        reply.expect(status).header("Location", location).no_header("X-Everywhere");
    }
    // A file that is there is served.
    server.get("/exists.txt").send().expect(200).body("www/exists.txt");
    let line = server.program.says("_redirects:10:");
    assert!(line.contains("where it leads"), "{line}");
    let line = server.program.says("_headers:8:");
    assert!(line.contains("Content-Length is for the server to say"), "{line}");
}

#[test]
fn rewrites_serve_another_file_and_pages_of_errors_have_their_status() {
    let server = start("");
    let app = server.get("/app/users/7").send();
    app.expect(200).header("X-App", "users/7").body("www/app.html");
    server.get("/app/users/7").header("If-None-Match", app.etag()).send().expect(304);
    server.get("/raw/a.txt").send().expect(200).body("www/new/a.txt");
    let gone = server.get("/gone/a").send();
    gone.expect(410).no_header("ETag").no_header("Last-Modified").body("www/gone.html");
    let missing = server.get("/anything").header("If-None-Match", "*").header("Range", "bytes=0-1");
    let missing = missing.send();
    missing.expect(404).header("Content-Type", "text/html").body("www/404.html");
    missing.header("Cache-Control", "no-store").header("X-Everywhere", "yes");
    server.request("HEAD", "/anything").send().expect(404);
    let lost = server.get("/lost").send();
    assert!(lost.expect(404).text().contains("404"), "its page is missing: {lost:?}");
    server.get("/raw/none").send().expect(404);
}

#[test]
fn headers_are_set_where_the_file_says() {
    let server = start("");
    let reply = server.get("/new/a.txt").send();
    reply.expect(200).header("X-Everywhere", "yes").header("X-New", "1");
    reply.no_header("X-Content-Type-Options").header("Content-Length", "13");
    let get = || server.get("/new/a.txt");
    get().header("If-None-Match", reply.etag()).send().expect(304).header("X-New", "1");
    get().header("Range", "bytes=0-1").send().expect(206).header("X-New", "1");
    server.get("/exists.txt").send().expect(200).header("X-Everywhere", "yes").no_header("X-New");
}

#[test]
fn the_files_themselves_are_neither_served_nor_listed_nor_stored() {
    let server = start(
        "listing = true\nindex = \"none.html\"\nmethods = [\"GET\", \"PUT\", \"DELETE\", \"POST\"]\n",
    );
    for target in ["/_redirects", "/_headers", "/%5Fheaders", "//_redirects", "/new/../_headers"] {
        server.get(target).send().expect(404);
        server.request("PUT", target).content("/* /evil\n").send().expect(403);
        server.request("DELETE", target).send().expect(404);
    }
    let listing = server.get("/?format=json").send();
    assert!(!listing.expect(200).text().contains("_redirects"), "{listing:?}");
    assert!(listing.text().contains("exists.txt"), "{listing:?}");
    server.request("PUT", "/new/_headers").content("a file as any other").send().expect(201);
    server.get("/new/_headers").send().expect(200).body("a file as any other");
}

#[test]
fn the_files_count_as_they_are_now() {
    let server = start("");
    server.get("/there").send().expect(302);
    server.folder.write("www/_redirects", "/there /exists.txt 308\n");
    server.get("/there").send().expect(308).header("Location", "/exists.txt");
    server.folder.write("www/_headers", "/exists.txt\n  X-New: 2\n");
    server.get("/exists.txt").send().header("X-New", "2").no_header("X-Everywhere");
    std::fs::remove_file(server.folder.path("www/_redirects")).expect("it is there");
    server.get("/there").send().expect(404);
    std::fs::remove_file(server.folder.path("www/_headers")).expect("it is there");
    server.get("/exists.txt").send().no_header("X-New");
    server.folder.write("www/_redirects", "/there /new/ 303\n");
    server.get("/there").send().expect(303);
}

#[test]
fn without_the_key_they_are_files_like_any_other() {
    let server = Configured::start_with("root = \"www\"\n", &[("www/_redirects", REDIRECTS)]);
    server.get("/there").send().expect(404);
    server.get("/_redirects").send().expect(200).body(REDIRECTS);
}

#[test]
fn who_may_is_asked_where_a_file_leads_too() {
    let server = start("[[location]]\npath = \"/secret/\"\nallow = \"192.0.2.1\"\n");
    server.folder.write("www/_redirects", "/in/* /secret/:splat 200!\n/page /secret/a.txt 404\n");
    for target in ["/secret/a.txt", "/in/a.txt", "/page"] {
        server.get(target).send().expect(403);
    }
}

#[test]
fn a_rewrite_of_the_configuration_and_one_of_a_file_come_one_after_the_other_and_end() {
    let server = start("[[rewrite]]\nfrom = \"/x/*\"\nto = \"/raw/$1\"\n");
    server.get("/x/a.txt").send().expect(200).body("www/new/a.txt");
    server.folder.write("www/_redirects", "/a /b 200!\n/b /a 200!\n");
    server.get("/a").send().expect(404);
}

#[test]
fn each_root_has_its_own_files_and_an_alias_is_a_root_at_its_path() {
    let config = "host_files = true\n\
        [[host]]\nserver_name = \"one.example\"\nroot = \"one\"\n\
        [[host]]\nserver_name = \"two.example\"\nroot = \"two\"\n\
        [[host.location]]\npath = \"/docs/\"\nalias = \"docs\"\n";
    let server = Configured::start_with(
        config,
        &[
            ("one/_redirects", "/a /one\n"),
            ("two/_redirects", "/a /two\n"),
            ("docs/_redirects", "/a /new\n/b/* /c.txt 200\n/out https://example.org/\n"),
            ("docs/_headers", "/c.txt\n  X-Docs: 1\n/b/*\n  X-B: 1\n"),
            ("docs/c.txt", "docs/c.txt"),
        ],
    );
    let get = |host: &str, target: &str| server.get(target).host(host).send();
    get("one.example", "/a").expect(301).header("Location", "/one");
    get("two.example", "/a").expect(301).header("Location", "/two");
    get("two.example", "/docs/a").expect(301).header("Location", "/docs/new");
    get("two.example", "/docs/out").expect(301).header("Location", "https://example.org/");
    let led = get("two.example", "/docs/b/x");
    led.expect(200).body("docs/c.txt").header("X-B", "1").no_header("X-Docs");
    get("two.example", "/docs/c.txt").expect(200).header("X-Docs", "1");
    get("two.example", "/docs/_headers").expect(404);
}

#[test]
fn cloudflare_redirects_whatever_is_there() {
    let config = "root = \"www\"\nhost_files = \"cloudflare\"\n";
    let redirects = "/a.txt /b.txt\n/c/* /d/:splat 301\n/x /b.txt 200\n";
    let server = Configured::start_with(
        config,
        &[("www/_redirects", redirects), ("www/a.txt", "a"), ("www/b.txt", "b")],
    );
    server.get("/a.txt").send().expect(302).header("Location", "/b.txt");
    server.get("/c/x").send().expect(301).header("Location", "/d/x");
    server.get("/x").send().expect(200).body("b");
    server.get("/x/").send().expect(404);
}

#[test]
fn a_page_for_what_is_missing_comes_after_the_rules() {
    let server = start("fallback = \"app.html\"\n");
    server.folder.write("www/_redirects", "/there /new/a.txt 302\n");
    let navigate = |target: &str| server.get(target).header("Accept", "text/html").send();
    navigate("/there").expect(302);
    navigate("/nowhere").expect(200).body("www/app.html");
}

#[test]
fn a_wrong_word_is_an_error_with_its_place() {
    let errors = configured::errors(&[], "root = \"www\"\nhost_files = \"vercel\"\n");
    let expected =
        "c.toml:2:14: host_files must be true, false, \"netlify\" (as true) or \"cloudflare\"";
    assert_eq!(errors, [expected]);
}

/// Larger files are read by a thread; what is too large is said and does not count.
#[test]
fn ten_thousand_rules_are_found_as_fast_as_one_and_a_file_that_is_too_large_does_not_count() {
    let folder = Folder::with_www();
    let mut rules = String::new();
    for number in 0..9_000 {
        writeln!(rules, "/old/{number} /new/{number}").expect("there is room");
    }
    for number in 0..1_000 {
        writeln!(rules, "/dir{number}/:name /d/{number}/:name").expect("there is room");
    }
    folder.write("www/_redirects", &rules);
    folder.write("c.toml", "root = \"www\"\nhost_files = true\n");
    let arguments = ["-c", "c.toml", "-h", "127.0.0.1", "-p", "0", "-w", "1"];
    let mut program = Program::start(&mut folder.httpd(&arguments));
    program.get("/old/8999").expect(301).header("Location", "/new/8999");
    program.get("/dir999/x").expect(301).header("Location", "/d/999/x");
    let began = Instant::now();
    for _ in 0..200 {
        program.get("/old/nothing").expect(404);
    }
    eprintln!("200 requests that no rule matches: {:?}", began.elapsed());
    let comments = format!("{rules}# {}\n", "x".repeat(1 << 20));
    folder.write("www/_redirects", comments);
    until("the file does not count", || (program.get("/old/1").status == 404).then_some(()));
    let line = program.says("_redirects");
    assert!(line.contains("larger than 1048576 bytes"), "{line}");
}
