//! Entity tags that are made of contents, and files whose times say nothing.

use crate::support::fixture::{modified, set_modified, write};
use crate::support::{Configured, Fixture, Reply, TestServer, configured, logged, noise, until};
use httpd::{ETags, Method, Root, StaticFiles, Store, WritableRoot, WriteRules};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The first half of what `printf abc | sha256sum` says.
const ABC: &str = "\"ba7816bf8f01cfea414140de5dae2223\"";

fn by_content(fixture: Fixture) -> Fixture {
    let root = Root::open(fixture.root()).expect("it is there").etags(ETags::Content);
    let store = Store::new(WritableRoot::new(root.clone(), WriteRules::default()));
    fixture
        .handler("/", StaticFiles::new(root.clone()).precompressed(true))
        .handler("/", store.methods(&[Method::Put, Method::Delete, Method::Post]))
}

/// Waits until the tag of a file is there.
#[track_caller]
fn tagged(server: &TestServer, target: &str) -> Reply {
    until("a tag", || {
        let reply = server.get(target).send();
        assert_eq!(reply.status, 200);
        reply.no_header("Last-Modified");
        reply.headers.iter().any(|(name, _)| name == "ETag").then_some(reply)
    })
}

fn at(path: &Path, seconds: u64) {
    set_modified(path, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
}

#[test]
fn the_tag_of_a_small_file_is_the_sum_of_its_contents_at_once_and_on_every_machine() {
    let servers = [(), ()].map(|()| by_content(Fixture::new().file("a.txt", "abc")).serve());
    at(&servers[1].root().join("a.txt"), 1);
    for server in &servers {
        let reply = server.get("/a.txt").send();
        reply.expect(200).header("ETag", ABC).no_header("Last-Modified").body("abc");
        let ask = |name: &str, value: &str| server.get("/a.txt").header(name, value).send();
        ask("If-None-Match", ABC).expect(304).header("ETag", ABC);
        ask("If-Match", ABC).expect(200);
        ask("If-Match", "\"other\"").expect(412);
        ask("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT").expect(200);
        ask("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT").expect(200);
        let range = |condition: &str| {
            let request = server.get("/a.txt").header("Range", "bytes=1-1");
            request.header("If-Range", condition).send()
        };
        range(ABC).expect(206).header("ETag", ABC).body("b");
        range("\"other\"").expect(200).body("abc");
    }
}

#[test]
fn the_tag_changes_with_the_contents_and_comes_back_with_them() {
    let server = by_content(Fixture::new().file("a.txt", "abc")).serve();
    let tag = |content: &str| {
        server.replace("a.txt", content);
        at(&server.root().join("a.txt"), 1);
        server.get("/a.txt").send().expect(200).body(content).etag()
    };
    let [first, second, third] = ["abc", "abd", "abc"].map(tag);
    assert_eq!((first.as_str(), &third), (ABC, &first));
    assert_ne!(first, second);
}

/// A thread computes it; nothing is said of the file until then, and no precondition is guessed at.
#[test]
fn the_tag_of_a_large_file_comes_when_it_is_computed() {
    let bytes = noise(9_000_000);
    let server = by_content(Fixture::new().file("a.bin", &bytes)).serve();
    // So that it counts as settled.
    until("two seconds since the file was made", || {
        let changed = fs::metadata(server.root().join("a.bin")).expect("it is there");
        let changed = std::os::unix::fs::MetadataExt::ctime(&changed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
        (now.as_secs() as i64 > changed + 3).then_some(())
    });
    let first = server.get("/a.bin").header("If-Match", "\"x\"").send();
    assert!([503, 412].contains(&first.status), "{}", first.status);
    let reply = tagged(&server, "/a.bin");
    reply.body(&bytes);
    let tag = reply.etag();
    assert!(tag.len() == 34 && tag.starts_with('"'), "{tag}");
    server.get("/a.bin").header("If-None-Match", &tag).send().expect(304).header("ETag", &tag);
    server.get("/a.bin").header("If-Match", &tag).send().expect(200);
    let part = server.get("/a.bin").header("Range", "bytes=-3").header("If-Range", &tag).send();
    part.expect(206).body(&bytes[bytes.len() - 3..]);
    // Another file with the same contents has it, too.
    fs::copy(server.root().join("a.bin"), server.root().join("b.bin")).expect("there is room");
    assert_eq!(tagged(&server, "/b.bin").etag(), tag);
}

#[test]
fn a_large_file_that_changes_gets_the_tag_of_what_it_is_now() {
    let server = by_content(Fixture::new().file("a.bin", noise(300_000))).serve();
    let first = tagged(&server, "/a.bin").etag();
    let mut other = noise(300_000);
    other[150_000] ^= 1;
    write(&server.root().join("a.bin"), &other);
    at(&server.root().join("a.bin"), 1);
    let changed = server.get("/a.bin").header("If-None-Match", &first).send();
    changed.expect(200).body(&other);
    assert_ne!(tagged(&server, "/a.bin").etag(), first);
}

#[test]
fn each_sibling_has_the_tag_of_its_own_contents() {
    let fixture = Fixture::new().file("a.css", "abc").file("a.css.gz", "not really gzip");
    let server = by_content(fixture).serve();
    let plain = server.get("/a.css").send();
    plain.header("ETag", ABC).header("Vary", "Accept-Encoding");
    let gzip = || server.get("/a.css").header("Accept-Encoding", "gzip");
    let encoded = gzip().send();
    encoded.header("Content-Encoding", "gzip").header("Content-Type", "text/css");
    let tag = encoded.etag();
    assert!(tag.ends_with("-gzip\"") && tag.len() == 39, "{tag}");
    gzip().header("If-None-Match", &tag).send().expect(304).header("Vary", "Accept-Encoding");
    gzip().header("If-None-Match", ABC).send().expect(200);
}

#[test]
fn a_large_sibling_keeps_its_type_and_coding_when_its_tag_comes() {
    let fixture = Fixture::new().file("a.css", "abc").file("a.css.gz", noise(300_000));
    let server = by_content(fixture).serve();
    let reply = until("a tag", || {
        let reply = server.get("/a.css").header("Accept-Encoding", "gzip").send();
        reply.expect(200).header("Content-Encoding", "gzip").header("Content-Type", "text/css");
        reply.header("Vary", "Accept-Encoding");
        reply.headers.iter().any(|(name, _)| name == "ETag").then_some(reply)
    });
    assert!(reply.etag().ends_with("-gzip\""), "{reply:?}");
}

#[test]
fn what_is_stored_is_answered_with_the_tag_that_it_is_read_with() {
    let server = by_content(Fixture::new()).serve();
    let put = |content: &[u8], name: &str, value: &str| {
        let request = server.request("PUT", "/a.bin").content(content);
        if name.is_empty() { request.send() } else { request.header(name, value).send() }
    };
    let large = noise(200_000);
    let stored = put(&large, "If-None-Match", "*");
    let tag = stored.expect(201).etag();
    // It needs no thread: the sum was made while the body came.
    server.get("/a.bin").send().expect(200).header("ETag", &tag).body(&large);
    put(b"abc", "If-Match", "\"other\"").expect(412);
    put(b"abc", "If-None-Match", &tag).expect(412);
    put(b"abc", "If-Match", &tag).expect(204).header("ETag", ABC);
    server.get("/a.bin").send().header("ETag", ABC);
    put(&large, "If-Match", ABC).expect(204).header("ETag", &tag);
    // Somebody else has written it since, with the same length and time.
    let mut other = large.clone();
    other[7] ^= 1;
    write(&server.root().join("a.bin"), &other);
    set_modified(&server.root().join("a.bin"), modified());
    put(b"abc", "If-Match", &tag).expect(412);
    server.request("DELETE", "/a.bin").header("If-Match", &tag).send().expect(412);
    let now = tagged(&server, "/a.bin").etag();
    server.request("DELETE", "/a.bin").header("If-Match", now).send().expect(204);
}

#[test]
fn the_configuration_says_what_tags_are_made_of_and_a_location_may_say_otherwise() {
    let config = "root = \"www\"\netag = \"content\"\n\
        [[location]]\npath = \"/t/\"\netag = \"time\"\n";
    let server = Configured::start_with(config, &[("www/a.txt", "abc"), ("www/t/a.txt", "abc")]);
    server.get("/a.txt").send().header("ETag", ABC).no_header("Last-Modified");
    let by_time = server.get("/t/a.txt").send();
    by_time.has_header("Last-Modified");
    assert_ne!(by_time.etag(), ABC);
}

#[test]
fn a_wrong_word_for_tags_is_an_error_with_its_place() {
    let errors = configured::errors(&[], "root = \"www\"\netag = \"hash\"\n");
    assert_eq!(errors, ["c.toml:2:8: etag must be \"time\" or \"content\", not \"hash\""]);
}

/// Times that archives have, whatever is in the file: two versions of a release have the same size and the same time.
#[test]
fn a_time_that_every_version_has_makes_no_validator() {
    logged::listen();
    let server = Fixture::new().file("a.txt", "one").serve();
    let path = server.root().join("a.txt");
    let day = 24 * 3600;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs();
    for seconds in [0, 1, 315_532_800, 499_162_500, now + 2 * day, now + 1_000 * day] {
        for content in ["one", "two"] {
            server.replace("a.txt", content);
            at(&path, seconds);
            let reply = server.get("/a.txt").send();
            reply.expect(200).no_header("ETag").no_header("Last-Modified").body(content);
            let ask = |name: &str, value: &str| server.get("/a.txt").header(name, value).send();
            ask("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT").expect(200).body(content);
            ask("If-None-Match", "\"0-3\"").expect(200).body(content);
            ask("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT").expect(200);
            ask("If-Match", "\"0-3\"").expect(412);
            ask("If-Match", "*").expect(200);
            let range = server.get("/a.txt").header("Range", "bytes=0-0");
            range.header("If-Range", "Thu, 01 Jan 1970 00:00:00 GMT").send().expect(200);
            server.get("/a.txt").header("Range", "bytes=0-0").send().expect(206);
        }
    }
    let line = logged::line(server.root().to_str().expect("it is text"));
    assert!(line.contains("etag = \"content\""), "{line}");
    set_modified(&path, modified());
    server.get("/a.txt").send().has_header("ETag").has_header("Last-Modified");
}
