//! A directory is its index, with a slash at the end.

use crate::support::Fixture;
use httpd::{Mapping, Request, Response};

#[test]
fn a_directory_is_its_index() {
    let server = Fixture::new().file("index.html", "top").file("sub/index.html", "sub").serve();
    server.get("/").send().expect(200).body("top");
    server.get("/sub/").send().expect(200).body("sub");
}

#[test]
fn a_directory_without_an_index_is_not_found() {
    let server = Fixture::new().dir("empty").serve();
    server.get("/empty/").send().expect(404);
    server.get("/").send().expect(404);
}

#[test]
fn a_listing_is_never_made_up() {
    let server = Fixture::new().file("sub/secret-name.txt", "x").serve();
    let reply = server.get("/sub/").send();
    assert!(!reply.expect(404).text().contains("secret-name"));
}

/// RFC 9110 §15.4.2, with a relative reference (§10.2.2).
#[test]
fn a_directory_without_its_slash_is_redirected_to_it() {
    let server = Fixture::new().file("sub/index.html", "sub").serve();
    server.get("/sub").send().expect(301).header("Location", "/sub/");
    server.head("/sub").send().expect(301).header("Location", "/sub/");
}

#[test]
fn even_a_directory_without_an_index_is_redirected() {
    let server = Fixture::new().dir("empty").serve();
    server.get("/empty").send().expect(301);
}

#[test]
fn the_redirect_keeps_the_query() {
    let server = Fixture::new().dir("sub").serve();
    server.get("/sub?a=b&c=%20d?e").send().header("Location", "/sub/?a=b&c=%20d?e");
    server.get("/sub?").send().header("Location", "/sub/?");
}

#[test]
fn the_redirect_names_neither_host_nor_port() {
    let server = Fixture::new().dir("sub").serve();
    let mut client =
        server.raw("GET http://evil.example:99/sub HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    client.reply().expect(301).header("Location", "/sub/");
}

/// `//evil.example/` would be another host (RFC 3986 §4.2).
#[test]
fn the_redirect_never_begins_with_two_slashes() {
    let server = Fixture::new().dir("evil.example").serve();
    for target in [
        "//evil.example",
        "///evil.example",
        "/%2fevil.example",
        "/.//evil.example",
        "/x/..//evil.example",
    ] {
        server.get(target).send().expect(301).header("Location", "/evil.example/");
    }
}

/// Browsers take `/\` for `//`.
#[test]
fn the_redirect_never_begins_with_a_slash_and_a_backslash() {
    let server = Fixture::new().dir("\\evil.example").serve();
    server.get("/%5Cevil.example").send().expect(301).header("Location", "/%5Cevil.example/");
}

#[test]
fn the_redirect_of_a_hostile_name_is_encoded_and_leads_there() {
    for name in ["a b", "new\nline: x", "50%", "q?#", "snow \u{2603}", "a\rSet-Cookie: x"] {
        let server = Fixture::new().file(format!("{name}/index.html"), name).serve();
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = server.get(format!("/{encoded}")).send();
        let location = reply.expect(301).value("Location").to_owned();
        assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
        server.get(location).send().expect(200).body(name);
    }
}

#[test]
fn the_page_of_the_redirect_reflects_nothing_unescaped() {
    let server = Fixture::new().dir("sub").serve();
    let reply = server.get("/sub?\"><script>alert(1)</script>").send();
    assert!(!reply.expect(301).text().contains("<script"), "{reply:?}");
}

#[test]
fn indexes_are_tried_in_the_order_given() {
    let server = Fixture::new()
        .index(&["first.html", "second.txt"])
        .file("both/first.html", "1")
        .file("both/second.txt", "2")
        .file("one/second.txt", "2")
        .file("none/index.html", "3")
        .serve();
    server.get("/both/").send().expect(200).body("1");
    server.get("/one/").send().expect(200).body("2");
    server.get("/none/").send().expect(404);
}

#[test]
fn a_directory_named_like_an_index_is_none() {
    let server = Fixture::new()
        .index(&["index.html", "index.txt"])
        .dir("sub/index.html")
        .file("sub/index.txt", "text")
        .serve();
    server.get("/sub/").send().expect(200).body("text");
}

#[test]
fn without_index_names_no_directory_has_an_index() {
    let server = Fixture::new().index(&[]).file("index.html", "it").serve();
    server.get("/").send().expect(404);
    server.get("/index.html").send().expect(200);
}

#[test]
fn an_index_that_appears_is_served_at_once() {
    let server = Fixture::new().dir("sub").serve();
    server.get("/sub/").send().expect(404);
    server.replace("sub/index.html", "new");
    server.get("/sub/").send().expect(200).body("new");
}

#[test]
fn dot_segments_at_the_end_mean_the_directory() {
    let server = Fixture::new().file("index.html", "top").file("a/b/index.html", "b").serve();
    server.get("/a/b/.").send().expect(200).body("b");
    server.get("/a/b/c/..").send().expect(200).body("b");
    server.get("/a/..").send().expect(200).body("top");
}

#[test]
fn a_mounted_root_serves_what_follows_its_prefix() {
    let server = Fixture::new()
        .file("a.txt", "it")
        .file("index.html", "top")
        .mount("/mounted", Mapping::Alias)
        .serve();
    server.get("/mounted/a.txt").send().expect(200).body("it");
    server.get("/mounted/").send().expect(200).body("top");
    server.get("/mounted?q").send().expect(301).header("Location", "/mounted/?q");
    server.get("/mountedx").send().expect(404);
}

#[test]
fn a_root_mapping_appends_the_whole_path() {
    let server = Fixture::new().file("pub/a.txt", "it").mount("/pub", Mapping::Root).serve();
    server.get("/pub/a.txt").send().expect(200).body("it");
}

#[test]
fn a_handler_below_a_directory_is_found_before_the_files() {
    let server = Fixture::new()
        .file("sub/a.txt", "file")
        .handler("/sub/a.txt", |_: &Request<'_>| Response::text("handler"))
        .serve();
    server.get("/sub/a.txt").send().expect(200).body("handler");
}
