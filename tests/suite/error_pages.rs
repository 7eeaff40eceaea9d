//! Error pages of an operator's own.

use crate::support::{Configured, configured};
use std::fs;

const PAGES: &str = "error_pages = { 404 = \"errors/404.html\", 4xx = \"errors/4xx.html\", \"5xx\" = \"errors/5xx.html\" }\n";

fn start(config: &str) -> Configured {
    let files = ["www/a.txt", "www/errors/404.html", "www/errors/4xx.html", "www/errors/5xx.html"];
    Configured::start(&files, &format!("root = \"www\"\n{PAGES}{config}"))
}

#[test]
fn an_error_has_the_page_of_its_status_or_of_its_class() {
    let server = start("");
    let reply = server.get("/missing").send();
    reply
        .expect(404)
        .header("Content-Type", "text/html")
        .header("Cache-Control", "no-store")
        .no_header("ETag")
        .no_header("Last-Modified")
        .no_header("Accept-Ranges")
        .body("www/errors/404.html\n");
    let reply = server.request("DELETE", "/a.txt").send();
    reply.expect(405).header("Allow", "GET, HEAD, OPTIONS").body("www/errors/4xx.html\n");
    server.request("BREW", "/a.txt").send().expect(501).body("www/errors/5xx.html\n");
    server.get("/a.txt").send().expect(200).body("www/a.txt\n");
}

#[test]
fn what_is_inherited_can_be_switched_off_below() {
    let server = Configured::start_with(
        &format!(
            "root = \"www\"\n{PAGES}cors = {{ origins = \"*\" }}\nquota_bytes = 10\nmethods = [\"GET\", \"PUT\"]\n\
             [[location]]\npath = \"/off\"\nerror_pages = \"off\"\ncors = \"off\"\nquota_bytes = \"off\"\n\
             [[location]]\npath = \"/false\"\nerror_pages = false\ncors = false\nquota_bytes = false\n"
        ),
        &[
            ("www/errors/404.html", "ours"),
            ("www/errors/4xx.html", "ours"),
            ("www/errors/5xx.html", "ours"),
            ("www/off/a", "a"),
            ("www/false/a", "a"),
        ],
    );
    let missing = |target: &str| server.get(target).header("Origin", "https://a.test").send();
    let put = |target: &str| server.request("PUT", target).content(vec![b'x'; 50]).send();
    missing("/none").expect(404).body("ours").header("Access-Control-Allow-Origin", "*");
    put("/b").expect(507);
    for below in ["/off", "/false"] {
        let reply = missing(&format!("{below}/none"));
        reply.expect(404).no_header("Access-Control-Allow-Origin");
        assert_ne!(reply.body, b"ours");
        put(&format!("{below}/b")).expect(201);
    }
}

#[test]
fn a_page_has_the_type_that_files_have_there() {
    let server = start(
        "charset = \"iso-8859-1\"\n[[location]]\npath = \"/in\"\nalias = \"www\"\n\
         charset = \"utf-8\"\nerror_pages = { 404 = \"errors/404.html\" }\n",
    );
    let typed = |path: &str, kind| {
        server.get(path).send().header("Content-Type", kind);
    };
    typed("/missing", "text/html; charset=iso-8859-1");
    typed("/in/missing", "text/html; charset=utf-8");
}

#[test]
fn head_gets_the_length_of_the_page_and_no_page() {
    let server = start("");
    let reply = server.request("HEAD", "/missing").send();
    reply.expect(404).header("Content-Length", "20").header("Content-Type", "text/html");
}

#[test]
fn nothing_that_a_client_sends_makes_anything_else_of_an_error() {
    let server = start("");
    let etag = server.get("/errors/404.html").send().etag();
    for (name, value) in [
        ("If-None-Match", "*"),
        ("If-None-Match", etag.as_str()),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Match", "\"other\""),
        ("Range", "bytes=0-3"),
    ] {
        let reply = server.get("/missing").header(name, value).send();
        reply.expect(404).no_header("Content-Range").body("www/errors/404.html\n");
    }
}

#[test]
fn what_is_refused_before_a_handler_is_asked_has_its_page_too() {
    let server = start("");
    for (request, status) in [
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: x\r\n\r\n", 417),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ] {
        let reply = server.program.connect().send(request).last_reply();
        reply.expect(status).header("Cache-Control", "no-store").body("www/errors/4xx.html\n");
    }
    let request = "GET / HTTP/3.0\r\nHost: a\r\n\r\n";
    server.program.connect().send(request).last_reply().expect(505).body("www/errors/5xx.html\n");
}

/// A change that is refused says why in words.
#[test]
fn an_error_that_explains_itself_keeps_its_explanation() {
    let server = start("methods = [\"GET\", \"HEAD\", \"PUT\"]\nbody_bytes_max = 10\n");
    let reply = server.request("PUT", "/big").content("more than ten bytes").send();
    assert!(reply.expect(413).text().contains("19 bytes are too many"), "{reply:?}");
}

#[test]
fn a_page_that_changes_is_sent_as_it_is_now_and_one_that_is_gone_is_replaced_by_the_built_in_one() {
    let server = start("");
    server.get("/missing").send().expect(404).body("www/errors/404.html\n");
    server.folder.write("www/errors/404.html", "new\n");
    server.get("/missing").send().expect(404).body("new\n");
    fs::remove_file(server.folder.path("www/errors/404.html")).expect("it is there");
    let reply = server.get("/missing").send();
    assert!(reply.expect(404).text().contains("404 Not Found"), "{reply:?}");
    server.folder.write("www/errors/404.html", "back\n");
    server.get("/missing").send().expect(404).body("back\n");
}

#[test]
fn a_location_has_pages_of_its_own_below_its_own_root_and_keeps_the_others() {
    let files = ["www/404.html", "www/403.html", "app/sorry.html"];
    let server = Configured::start(
        &files,
        "root = \"www\"\nerror_pages = { 404 = \"404.html\", 405 = \"403.html\" }\n\
         [[location]]\npath = \"/app/\"\nalias = \"app\"\nerror_pages = { 404 = \"/sorry.html\" }\n",
    );
    server.get("/x").send().expect(404).body("www/404.html\n");
    server.get("/app/x").send().expect(404).body("app/sorry.html\n");
    server.request("PUT", "/app/x").content("").send().expect(405).body("www/403.html\n");
}

#[test]
fn an_application_that_says_nothing_of_its_error_gets_the_page() {
    let app = "def app(environ, start_response):\n\
               \x20   body = environ['PATH_INFO'].encode() if environ['QUERY_STRING'] else b''\n\
               \x20   start_response('404 Not Found', [('Content-Type', 'text/plain')] if body else [])\n\
               \x20   return [body]\n";
    let server = Configured::start_with(
        "root = \"www\"\nerror_pages = { 404 = \"404.html\" }\n\
         [[location]]\npath = \"/app\"\nwsgi = \"missing:app\"\n",
        &[("missing.py", app), ("www/404.html", "page")],
    );
    server.get("/app/own?x").send().expect(404).body("/own");
    server.get("/app/bare").send().expect(404).body("page");
    server.get("/other").send().expect(404).body("page");
}

#[test]
fn an_error_page_that_is_not_there_is_an_error_of_the_configuration() {
    for (config, error) in [
        (
            "error_pages = { 404 = \"none.html\" }",
            "2:23: cannot read the error page \"ROOT/none.html\": it does not exist",
        ),
        (
            "error_pages = { 200 = \"index.html\" }",
            "2:17: \"200\" is no error: write a status such as 404 or a class such as \"5xx\"",
        ),
        (
            "error_pages = { 404 = \"../c.toml\" }",
            "2:23: error_pages must be a file below the root, such as \"404.html\", not \"../c.toml\"",
        ),
        ("error_pages = \"404.html\"", "2:15: error_pages must be a table, not text"),
    ] {
        let said = configured::errors(&[], &format!("root = \"www\"\n{config}\n"));
        let (before, after) = error.split_once("ROOT").unwrap_or((error, ""));
        let is_it =
            |line: &String| line.starts_with(&format!("c.toml:{before}")) && line.ends_with(after);
        assert!(said.iter().any(is_it), "{config}\n{said:#?}");
    }
}
