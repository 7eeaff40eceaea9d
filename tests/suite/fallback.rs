//! Applications that run in the browser, and URLs without extension.

use crate::support::{Configured, Reply, configured};

const NAVIGATION: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn spa() -> Configured {
    let files = ["www/assets/app.3f2a9b1c.js", "www/docs/index.html"];
    Configured::start(
        &files,
        "root = \"www\"\nfallback = \"/index.html\"\ncache_policy = \"web\"\n",
    )
}

fn navigate(server: &Configured, target: &str) -> Reply {
    server.get(target).header("Accept", NAVIGATION).send()
}

#[test]
fn a_route_of_the_application_is_answered_with_its_page() {
    let server = spa();
    for route in ["/users/7", "/users/", "/users/john.doe", "/a/b/c?d=e", "/old.html"] {
        let reply = navigate(&server, route);
        reply.expect(200).header("Content-Type", "text/html").header("Cache-Control", "no-cache");
        reply.header("Vary", "Accept, Sec-Fetch-Mode").body("from www\n");
    }
    let reply = server.get("/users/app.js").header("Sec-Fetch-Mode", "navigate").send();
    reply.expect(200).body("from www\n");
    server.request("HEAD", "/users/7").header("Accept", NAVIGATION).send().expect(200);
    navigate(&server, "/docs/").expect(200).body("www/docs/index.html\n");
    navigate(&server, "/docs").expect(301).header("Location", "/docs/");
}

#[test]
fn an_asset_that_is_gone_since_the_last_release_is_a_404_that_nobody_keeps() {
    let server = spa();
    let gone = "/assets/app.00000000aa.js";
    for (name, value) in [
        ("Accept", "*/*"),
        ("Accept", NAVIGATION),
        ("Accept", "image/avif,image/webp,*/*;q=0.8"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Mode", "cors"),
    ] {
        let reply = server.get(gone).header(name, value).send();
        reply.expect(404).header("Cache-Control", "no-store");
    }
    let reply = server.get("/api/users").header("Accept", "application/json").send();
    reply.expect(404).header("Cache-Control", "no-store");
    server.get("/api/users").header("Accept", "text/html;q=0, */*").send().expect(404);
    server.get("/api/users").send().expect(404);
    let there = server.get("/assets/app.3f2a9b1c.js").send();
    there.expect(200).header("Cache-Control", "public, max-age=31536000, immutable");
}

#[test]
fn the_page_of_an_application_can_be_asked_for_again() {
    let server = spa();
    let etag = navigate(&server, "/users/7").etag();
    let reply =
        server.get("/users/8").header("Accept", NAVIGATION).header("If-None-Match", &etag).send();
    reply.expect(304).header("Cache-Control", "no-cache").header("Vary", "Accept, Sec-Fetch-Mode");
    navigate(&server, "/.git/config").expect(404);
    server.request("POST", "/users/7").content("x").send().expect(405);
}

#[test]
fn a_location_can_do_without_the_fallback() {
    let server = Configured::start(
        &[],
        "root = \"www\"\nfallback = \"index.html\"\n[[location]]\npath = \"/api/\"\nfallback = \"off\"\n",
    );
    navigate(&server, "/x").expect(200);
    navigate(&server, "/api/x").expect(404).no_header("Cache-Control");
}

#[test]
fn try_files_tries_what_an_operator_of_nginx_expects() {
    let server = Configured::start(
        &["www/a", "www/b.html", "www/d/index.html", "www/spare/c.txt"],
        "root = \"www\"\ntry_files = [\"$uri\", \"$uri.html\", \"$uri/\", \"/spare$uri\", \"/index.html\"]\n",
    );
    server.get("/a").send().expect(200).body("www/a\n");
    server.get("/b").send().expect(200).body("www/b.html\n");
    server.get("/d/").send().expect(200).body("www/d/index.html\n");
    server.get("/d").send().expect(301).header("Location", "/d/");
    server.get("/c.txt").send().expect(200).body("www/spare/c.txt\n");
    server.get("/").send().expect(200).body("from www\n");
    navigate(&server, "/e").expect(200).body("from www\n");
    server.get("/e.js").send().expect(404);
    server.get("/.hidden").send().expect(404);
    let server =
        Configured::start(&["www/a"], "root = \"www\"\ntry_files = [\"$uri\", \"=404\"]\n");
    server.get("/a").send().expect(200);
    navigate(&server, "/b").expect(404);
}

#[test]
fn pages_have_urls_without_extension() {
    let server = Configured::start(
        &[
            "www/about.html",
            "www/d/index.html",
            "www/d/page.html",
            "www/both.html",
            "www/both/x",
            "www/same",
            "www/same.html",
        ],
        "root = \"www\"\nclean_urls = true\n[[location]]\npath = \"/alias/\"\nalias = \"www\"\n",
    );
    server
        .get("/about")
        .send()
        .expect(200)
        .header("Content-Type", "text/html")
        .body("www/about.html\n");
    for (target, location) in [
        ("/about.html?a=b", "/about?a=b"),
        ("/about/", "/about"),
        ("/index.html", "/"),
        ("/d/index.html", "/d/"),
        ("/d", "/d/"),
        ("/d/page.html", "/d/page"),
        ("/alias/about.html", "/alias/about"),
        ("/alias/index.html", "/alias/"),
        ("/both/", "/both"),
    ] {
        server.get(target).send().expect(301).header("Location", location);
    }
    server.get("/").send().expect(200).body("from www\n");
    server.get("/d/").send().expect(200).body("www/d/index.html\n");
    server.get("/alias/about").send().expect(200).body("www/about.html\n");
    server.get("/both").send().expect(200).body("www/both.html\n");
    server.get("/same").send().expect(200).body("www/same\n");
    server.get("/same.html").send().expect(200).body("www/same.html\n");
    for missing in ["/missing", "/missing.html", "/missing/", "/about.html/", "/.html"] {
        server.get(missing).send().expect(404);
    }
    let etag = server.get("/about").send().etag();
    server.get("/about").header("If-None-Match", &etag).send().expect(304);
}

#[test]
fn an_error_in_how_files_are_found_is_named_with_its_place_and_what_to_write() {
    for (config, error) in [
        (
            "fallback = \"none.html\"",
            "2:12: cannot read the fallback \"ROOT/none.html\": it does not exist",
        ),
        (
            "fallback = \"/\"",
            "2:12: fallback must be a file below the root, such as \"404.html\", not \"/\"",
        ),
        ("fallback = true", "2:12: fallback must be text in quotes, not true or false"),
        (
            "try_files = [\"$uri\", \"@app\"]",
            "2:22: try_files must have \"$uri\", \"$uri.html\", \"$uri/\", a file such as \"/index.html\", or \"=404\", not \"@app\"",
        ),
        (
            "try_files = [\"=404\", \"$uri\"]",
            "2:14: try_files has \"=404\" before its end; nothing after it is tried",
        ),
        (
            "try_files = [\"$uri\", \"/none.html\"]",
            "2:22: cannot read the fallback \"ROOT/none.html\": it does not exist",
        ),
        ("clean_urls = \"yes\"", "2:14: clean_urls must be true or false, not text"),
        (
            "[[location]]\npath = \"/a\"\nwsgi = \"a:b\"\nclean_urls = true",
            "5:1: clean_urls is for files, and there are none here",
        ),
    ] {
        let said = configured::errors(&[], &format!("root = \"www\"\n{config}\n"));
        let (before, after) = error.split_once("ROOT").unwrap_or((error, ""));
        let is_it =
            |line: &String| line.starts_with(&format!("c.toml:{before}")) && line.ends_with(after);
        assert!(said.iter().any(is_it), "{config}\n{said:#?}");
    }
}
