//! `Content-Type` goes by the extension.

use crate::support::{Fixture, TestServer};
use httpd::Types;

fn serve(names: &[&str], types: Types) -> TestServer {
    names.iter().fold(Fixture::new(), |fixture, name| fixture.file(name, "x")).types(types).serve()
}

#[track_caller]
fn each(pairs: &[(&str, &str)]) {
    let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    let server = serve(&names, Types::new());
    for (name, content_type) in pairs {
        let reply = server.get(format!("/{name}")).send();
        assert_eq!(reply.value("Content-Type"), *content_type, "{name}");
        let reply = server.head(format!("/{name}")).send();
        assert_eq!(reply.value("Content-Type"), *content_type, "HEAD {name}");
    }
}

#[test]
fn the_eight_types_of_the_first_web_are_exactly_these() {
    each(&[
        ("a.html", "text/html"),
        ("a.css", "text/css"),
        ("a.jpg", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.png", "image/png"),
        ("a.gif", "image/gif"),
        ("a.swf", "application/x-shockwave-flash"),
        ("a.js", "text/javascript"),
    ]);
}

/// RFC 9239, and what browsers demand of modules and WebAssembly.
#[test]
fn the_types_of_the_present_web_are_known() {
    each(&[
        ("a.mjs", "text/javascript"),
        ("a.wasm", "application/wasm"),
        ("a.avif", "image/avif"),
        ("a.jxl", "image/jxl"),
        ("a.webp", "image/webp"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.map", "application/json"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
    ]);
}

/// RFC 9110 §8.3: what is not known is bytes.
#[test]
fn an_unknown_extension_is_bytes() {
    each(&[
        ("a.qqq", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.html~", "application/octet-stream"),
    ]);
}

#[test]
fn the_case_of_an_extension_does_not_matter() {
    each(&[("A.HTML", "text/html"), ("b.JpG", "image/jpeg")]);
}

#[test]
fn the_last_extension_counts() {
    each(&[
        ("a.html.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("dir.html/file", "application/octet-stream"),
    ]);
}

#[test]
fn a_type_can_be_overridden() {
    let types =
        Types::new().set("html", "application/xhtml+xml").set(".Webapp", "application/x-webapp");
    let server = serve(&["a.html", "a.webapp", "a.css"], types);
    let content_type = |target: &str| server.get(target).send().value("Content-Type").to_owned();
    assert_eq!(content_type("/a.html"), "application/xhtml+xml");
    assert_eq!(content_type("/a.webapp"), "application/x-webapp");
    assert_eq!(content_type("/a.css"), "text/css");
}

#[test]
fn text_that_cannot_declare_it_is_utf_8() {
    each(&[
        ("a.log", "text/plain; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.html", "text/html"),
        ("a.json", "application/json"),
    ]);
    let server = serve(&["a.txt"], Types::new());
    let part = server.get("/a.txt").header("Range", "bytes=0-0").send();
    part.expect(206).header("Content-Type", "text/plain; charset=utf-8");
    let server = serve(&["a.txt"], Types::new().without_charset());
    server.get("/a.txt").send().expect(200).header("Content-Type", "text/plain");
}

#[test]
fn a_charset_is_said_of_text_alone() {
    let server = serve(&["a.html", "a.json", "a.png"], Types::new().charset("utf-8"));
    let content_type = |target: &str| server.get(target).send().value("Content-Type").to_owned();
    assert_eq!(content_type("/a.html"), "text/html; charset=utf-8");
    assert_eq!(content_type("/a.json"), "application/json");
    assert_eq!(content_type("/a.png"), "image/png");
}

#[test]
fn an_index_has_the_type_of_its_own_name() {
    let server = Fixture::new().file("d.png/index.html", "x").serve();
    server.get("/d.png/").send().expect(200).header("Content-Type", "text/html");
}

#[test]
fn a_part_has_the_type_of_the_whole() {
    let server = Fixture::new().file("a.css", "a{}").serve();
    server
        .get("/a.css")
        .header("Range", "bytes=0-0")
        .send()
        .expect(206)
        .header("Content-Type", "text/css");
}
