//! Validators of files that change. What RFC 9110 §13 demands of preconditions has its tests in
//! `conformance`.

use crate::support::{Fixture, TestServer};

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "content").serve()
}

fn tag(server: &TestServer) -> String {
    server.get("/a.txt").send().value("ETag").to_owned()
}

/// RFC 9110 §8.8.2.2: neither the tag nor the time of a file that was just written is strong.
#[test]
fn if_range_never_holds_for_a_file_just_written() {
    let server = Fixture::new().serve();
    std::fs::write(server.root().join("new.txt"), "content").expect("it can be written");
    let reply = server.get("/new.txt").send();
    for validator in ["ETag", "Last-Modified"] {
        server
            .get("/new.txt")
            .header("Range", "bytes=1-2")
            .header("If-Range", reply.value(validator))
            .send()
            .expect(200);
    }
}

#[test]
fn the_tag_changes_with_the_file() {
    let server = serve();
    let old = tag(&server);
    server.replace("a.txt", "c0ntent, and more");
    server.get("/a.txt").header("If-None-Match", &old).send().expect(200).body("c0ntent, and more");
}

/// A tag that was given while the file may still have been written must not be vouched for later.
#[test]
fn a_weak_tag_does_not_match_the_rested_file() {
    let server = serve();
    let strong = tag(&server);
    let weak = format!("W/{}~\"", strong.trim_end_matches('"'));
    server.get("/a.txt").header("If-None-Match", weak).send().expect(200);
}

#[test]
fn an_index_has_validators_too() {
    let server = Fixture::new().file("index.html", "top").serve();
    let tag = server.get("/").send().value("ETag").to_owned();
    server.get("/").header("If-None-Match", tag).send().expect(304);
}
