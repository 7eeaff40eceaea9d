//! Compressed siblings of files: `a.css.gz` in place of `a.css`, for those who accept it.

use crate::support::client::Request;
use crate::support::fixture::{MODIFIED, modified, set_modified, write};
use crate::support::{Fixture, Folder, Program, Reply, TestServer, logged, noise, output};
use httpd::{Root, StaticFiles};
use std::fs;
use std::time::Duration;

/// The codings in the order in which the server prefers them, and the siblings' extensions.
const CODINGS: [(&str, &str); 3] = [("zstd", "zst"), ("br", "br"), ("gzip", "gz")];

/// What a browser accepts.
const BROWSER: &str = "gzip, deflate, br, zstd";

fn precompressed(fixture: Fixture) -> Fixture {
    let files = StaticFiles::new(Root::open(fixture.root()).expect("it is there"));
    fixture.handler("/", files.precompressed(true))
}

/// `a.css` with all siblings, each of another length and with other bytes.
fn serve() -> TestServer {
    let fixture = Fixture::new().file("a.css", content(None));
    let fixture = CODINGS.iter().fold(fixture, |fixture, (coding, extension)| {
        fixture.file(format!("a.css.{extension}"), content(Some(coding)))
    });
    precompressed(fixture).serve()
}

/// The bytes of a representation. That they are not encoded does not matter to the server.
fn content(coding: Option<&str>) -> Vec<u8> {
    let place = CODINGS.iter().position(|(name, _)| Some(*name) == coding);
    let skipped = place.map_or(0, |place| place + 1) * 100;
    noise(1000)[skipped..].to_vec()
}

fn get(server: &TestServer, target: &str, accept_encoding: &str) -> Reply {
    server.get(target).header("Accept-Encoding", accept_encoding).send()
}

/// What a precondition comes to.
#[derive(Clone, Copy, PartialEq)]
enum Judged {
    Holds,
    NotModified,
    Failed,
    IgnoresRange,
}

#[test]
fn every_variant_by_method_precondition_and_range() {
    use Judged::*;
    let server = serve();
    let mut client = server.connect();
    let variants = || [None].into_iter().chain(CODINGS.map(|(coding, _)| Some(coding)));
    let tag = |coding: Option<&str>| {
        get(&server, "/a.css", coding.unwrap_or("identity")).expect(200).etag()
    };
    let tags: Vec<String> = variants().map(tag).collect();
    for (place, tag) in tags.iter().enumerate() {
        assert!(tag.starts_with('"') && !tags[..place].contains(tag), "{tags:?}");
    }
    let mut count = 0;
    for (place, coding) in variants().enumerate() {
        let (own, other) = (&tags[place], &tags[(place + 1) % tags.len()]);
        let content = content(coding);
        let length = content.len();
        for (precondition, judged) in [
            (String::new(), Holds),
            (format!("If-None-Match: {own}\r\n"), NotModified),
            (format!("If-None-Match: W/{own}\r\n"), NotModified),
            (format!("If-None-Match: {other}, {own}\r\n"), NotModified),
            ("If-None-Match: *\r\n".to_owned(), NotModified),
            (format!("If-None-Match: {other}\r\n"), Holds),
            (format!("If-None-Match: {other}\r\nIf-Modified-Since: {MODIFIED}\r\n"), Holds),
            (format!("If-Modified-Since: {MODIFIED}\r\n"), NotModified),
            (format!("If-Match: {own}\r\n"), Holds),
            (format!("If-Match: {other}, {own}\r\n"), Holds),
            (format!("If-Match: {other}\r\n"), Failed),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n".to_owned(), Failed),
            (format!("If-Range: {own}\r\n"), Holds),
            (format!("If-Range: {other}\r\n"), IgnoresRange),
            (format!("If-Range: {MODIFIED}\r\n"), Holds),
        ] {
            for method in ["GET", "HEAD"] {
                for (range, part) in [
                    ("", None),
                    ("Range: bytes=5-14\r\n", Some(5..15)),
                    ("Range: bytes=-7\r\n", Some(length - 7..length)),
                    ("Range: bytes=600-\r\n", Some(600..length)),
                    ("Range: bytes=1000-\r\n", Some(0..0)),
                    ("Range: lines=1-2\r\n", None),
                ] {
                    let accept = coding.unwrap_or("identity;q=1, *;q=0.5");
                    let asked = format!("Accept-Encoding: {accept}\r\n{precondition}{range}");
                    client.send(format!("{method} /a.css HTTP/1.1\r\nHost: test\r\n{asked}\r\n"));
                    let reply = client.reply_to(method);
                    println!("{method} {asked}");
                    let part = part.filter(|_| method == "GET" && judged != IgnoresRange);
                    let expected = match (judged, &part) {
                        (NotModified, _) => 304,
                        (Failed, _) => 412,
                        (Holds | IgnoresRange, None) => 200,
                        (Holds | IgnoresRange, Some(part)) if part.is_empty() => 416,
                        (Holds | IgnoresRange, Some(_)) => 206,
                    };
                    reply.expect(expected).has_header("Vary").header("Vary", "Accept-Encoding");
                    match expected {
                        200 | 206 => {
                            let part = part.unwrap_or(0..length);
                            reply
                                .header("ETag", own)
                                .header("Content-Encoding", coding.unwrap_or_default())
                                .header("Content-Type", "text/css")
                                .header("Last-Modified", MODIFIED)
                                .header("Accept-Ranges", "bytes")
                                .header("Content-Length", &part.len().to_string());
                            if expected == 206 {
                                let shown =
                                    format!("bytes {}-{}/{length}", part.start, part.end - 1);
                                reply.header("Content-Range", &shown);
                            }
                            reply.body(if method == "GET" { &content[part] } else { b"" });
                        }
                        304 => {
                            reply.header("ETag", own);
                            for absent in ["Content-Encoding", "Content-Type", "Last-Modified"] {
                                reply.no_header(absent);
                            }
                        }
                        _ => {
                            reply.no_header("Content-Encoding").no_header("ETag");
                        }
                    }
                    if expected == 416 {
                        reply.header("Content-Range", &format!("bytes */{length}"));
                    }
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 4 * 15 * 2 * 6);
}

#[test]
fn the_heaviest_coding_wins_and_among_equals_the_best() {
    let server = serve();
    for (accept, coding) in [
        (BROWSER, "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("zstd;q=0.5, gzip;q=0.6", "gzip"),
        ("zstd;q=0, *", "br"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("deflate", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.5, identity", ""),
        // No sibling is acceptable, and the file itself is not either: more use than a 406.
        ("identity;q=0", ""),
        ("*;q=0", ""),
        ("", ""),
    ] {
        let reply = get(&server, "/a.css", accept);
        reply.expect(200).header("Content-Encoding", coding).header("Vary", "Accept-Encoding");
        reply.body(content(Some(coding).filter(|it| !it.is_empty())));
    }
    server.get("/a.css").send().expect(200).no_header("Content-Encoding").body(content(None));
    let lines = server.get("/a.css").header("Accept-Encoding", "br;q=0.2");
    let reply = lines.header("Accept-Encoding", "gzip;q=0.3").send();
    reply.header("Content-Encoding", "gzip");
}

/// A body of several parts is not encoded, and a client would try to decode it.
#[test]
fn several_ranges_come_of_the_file_itself_alone() {
    let server = serve();
    let ask = |coding| {
        let request = server.get("/a.css").header("Accept-Encoding", coding);
        request.header("Range", "bytes=0-4,10-14").send()
    };
    let plain = ask("identity");
    plain.expect(206).header("Vary", "Accept-Encoding").no_header("Content-Encoding");
    let parts = plain.parts();
    assert_eq!((parts.len(), parts[1].kind.as_str()), (2, "text/css"));
    assert_eq!(parts[1].content, content(None)[10..15]);
    ask("gzip").expect(200).header("Content-Encoding", "gzip").body(content(Some("gzip")));
}

#[test]
fn a_sibling_is_a_file_of_its_own_too() {
    let server = serve();
    let name = |extension: &str| format!("/a.css.{extension}");
    for (coding, extension) in CODINGS {
        let reply = get(&server, &name(extension), BROWSER);
        reply
            .expect(200)
            .no_header("Content-Encoding")
            .no_header("Vary")
            .body(content(Some(coding)));
        let as_variant = get(&server, "/a.css", coding).etag();
        assert_ne!(reply.etag(), as_variant);
    }
    get(&server, "/a.css.gz", BROWSER).header("Content-Type", "application/gzip");
}

#[test]
fn what_has_no_sibling_says_nothing_of_codings() {
    let fixture = Fixture::new().file("a.png", "image").file("b.css.gz", "gzip").dir("a.png.gz");
    let server = precompressed(fixture).serve();
    for accept in [BROWSER, "identity"] {
        get(&server, "/a.png", accept).expect(200).no_header("Vary").body("image");
        get(&server, "/b.css", accept).expect(404).no_header("Vary");
    }
}

#[test]
fn siblings_are_not_sent_unless_that_is_switched_on() {
    let server = Fixture::new().file("a.css", "css").file("a.css.gz", "gzip").serve();
    get(&server, "/a.css", BROWSER).expect(200).no_header("Vary").body("css");
}

#[test]
fn an_index_has_siblings_too() {
    let fixture = Fixture::new().file("d/index.html", "page").file("d/index.html.br", "br");
    let server = precompressed(fixture).serve();
    let reply = get(&server, "/d/", BROWSER);
    reply.header("Content-Encoding", "br").header("Content-Type", "text/html").body("br");
    get(&server, "/d/", "gzip").no_header("Content-Encoding").header("Vary", "Accept-Encoding");
    get(&server, "/d", BROWSER).expect(301);
}

#[test]
fn a_large_sibling_comes_whole_and_in_parts() {
    let bytes = noise(3_000_000);
    let fixture = Fixture::new().file("a.json", "{}").file("a.json.zst", &bytes);
    let server = precompressed(fixture).serve();
    get(&server, "/a.json", BROWSER).header("Content-Encoding", "zstd").body(&bytes);
    let request = server.get("/a.json").header("Accept-Encoding", BROWSER);
    request
        .header("Range", "bytes=100000-2999998")
        .send()
        .expect(206)
        .body(&bytes[100_000..2_999_999]);
}

#[test]
fn a_sibling_that_appears_changes_or_goes_counts_at_once() {
    let server = precompressed(Fixture::new().file("a.css", "css")).serve();
    let sibling = server.root().join("a.css.gz");
    get(&server, "/a.css", BROWSER).no_header("Vary").body("css");
    write(&sibling, b"gzip");
    let first =
        get(&server, "/a.css", BROWSER).header("Content-Encoding", "gzip").body("gzip").etag();
    server.replace("a.css.gz", "gzip of another version");
    set_modified(&sibling, modified());
    let second = get(&server, "/a.css", BROWSER).body("gzip of another version").etag();
    assert_ne!(first, second);
    fs::remove_file(&sibling).expect("it is there");
    get(&server, "/a.css", BROWSER).no_header("Vary").body("css");
}

#[test]
fn a_sibling_that_is_empty_or_out_of_date_is_ignored_and_named_once() {
    logged::listen();
    let fixture = Fixture::new().file("page.css", "css").file("page.css.gz", "old");
    let fixture = fixture.file("page.css.br", "");
    let server = precompressed(fixture).serve();
    let age = |name: &str, time| set_modified(&server.root().join(name), time);
    age("page.css.gz", modified() - Duration::from_nanos(1));
    for _ in 0..3 {
        get(&server, "/page.css", BROWSER).expect(200).no_header("Content-Encoding").body("css");
    }
    let folder = server.root().display().to_string();
    let of = |name: &str| logged::lines(&format!("{folder}/{name}"));
    assert_eq!(of("page.css.gz").len(), 1);
    assert!(of("page.css.gz")[0].contains("it is older than the file"), "{:?}", of("page.css.gz"));
    assert_eq!(of("page.css.br").len(), 1);
    assert!(of("page.css.br")[0].contains("it is empty"), "{:?}", of("page.css.br"));
    age("page.css.gz", modified());
    get(&server, "/page.css", BROWSER).header("Content-Encoding", "gzip").body("old");
}

/// The program, its configuration, and bytes that are really compressed.
#[test]
fn the_program_sends_what_gzip_has_made_where_its_configuration_says_so() {
    let folder = Folder::new();
    let page = "<p>over and over</p>\n".repeat(500);
    folder.write("www/on/index.html", &page);
    folder.write("www/off/index.html", &page);
    for directory in ["on", "off"] {
        let page = format!("www/{directory}/index.html");
        let made = output(&mut folder.command("gzip", &["-k", &page]));
        assert!(made.status.success(), "{made:?}");
    }
    let config = "precompressed = true\n[[location]]\npath = \"/off/\"\nprecompressed = false\n";
    let server = Program::serve_with_config(&folder.path("www"), config);
    let ask = |target| {
        Request::new(server.address(), "GET", target).header("Accept-Encoding", "gzip").send()
    };
    let sent = ask("/on/");
    sent.expect(200).header("Content-Encoding", "gzip").header("Content-Type", "text/html");
    assert!(sent.body.len() < page.len() / 10);
    let sent_bytes = folder.write("sent.gz", &sent.body);
    let sent_bytes = sent_bytes.to_str().expect("it is text");
    let decoded = output(&mut folder.command("gzip", &["-dc", sent_bytes]));
    assert_eq!(String::from_utf8_lossy(&decoded.stdout), page);
    ask("/off/").no_header("Vary").body(&page);
}
