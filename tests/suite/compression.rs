//! Files that are compressed while they are served.

use crate::support::coded::{decoded, decoded_so_far};
use crate::support::fixture::{MODIFIED, modified, set_modified};
use crate::support::{Configured, Fixture, Reply, TestServer, until};
use httpd::{Coding, Compression, Request, Root, Site, StaticFiles};
use std::fs;

/// The codings in the order in which the server prefers them.
const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// What a browser accepts.
const BROWSER: &str = "gzip, deflate, br, zstd";

fn compressed(fixture: Fixture) -> Fixture {
    with(fixture, |files| files.compression(Compression::default()))
}

fn with(fixture: Fixture, change: impl FnOnce(StaticFiles) -> StaticFiles) -> Fixture {
    let files = StaticFiles::new(Root::open(fixture.root()).expect("it is there"));
    fixture.handler("/", change(files))
}

/// Words as in a language, of about this length: more effort makes it smaller.
fn text(length: usize) -> String {
    let mut state = 1_u64;
    let word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let number = state >> 40;
        format!("{:x} ", (number % 4096).isqrt() * 40_503 % 65_537)
    };
    std::iter::repeat_with(word).take(length / 5).collect()
}

fn get(server: &TestServer, target: &str, accept_encoding: &str) -> Reply {
    server.get(target).header("Accept-Encoding", accept_encoding).send()
}

/// What a client gets once the file is as small as it can become: then its tag stays the same.
fn best(server: &TestServer, target: &str, coding: &str) -> Reply {
    let first = get(server, target, coding).header("Content-Encoding", coding).etag();
    until("it is compressed better", || {
        let reply = get(server, target, coding);
        (reply.etag() != first).then_some(reply)
    })
}

/// What a precondition comes to.
#[derive(Clone, Copy, PartialEq)]
enum Judged {
    Holds,
    /// With this tag: the client's own.
    NotModified(usize),
    Failed,
    IgnoresRange,
}

#[test]
fn every_encoding_by_method_precondition_and_range() {
    use Judged::*;
    let page = text(20_000);
    let server = compressed(Fixture::new().file("a.css", &page)).serve();
    let mut client = server.connect();
    let variants = || [None].into_iter().chain(CODINGS.map(Some));
    let reply = |coding: Option<&str>| match coding {
        Some(coding) => best(&server, "/a.css", coding),
        None => get(&server, "/a.css", "identity"),
    };
    let replies: Vec<Reply> = variants().map(reply).collect();
    let tags: Vec<String> = replies.iter().map(Reply::etag).collect();
    for (place, (reply, coding)) in replies.iter().zip(variants()).enumerate() {
        reply.expect(200).header("Content-Encoding", coding.unwrap_or_default());
        assert_eq!(decoded(reply), page.as_bytes());
        let tag = &tags[place];
        assert!(tag.starts_with('"') && !tags[..place].contains(tag), "{tags:?}");
        assert_eq!(coding.is_some(), reply.body.len() < page.len() / 2);
    }
    let mut count = 0;
    for (place, coding) in variants().enumerate() {
        let other_place = (place + 1) % tags.len();
        let (own, other) = (&tags[place], &tags[other_place]);
        let content = &replies[place].body;
        let length = content.len();
        // What else the client may hold of the same version serves it as well, if it can read it.
        let held = if other_place == 0 { NotModified(0) } else { Holds };
        for (precondition, judged) in [
            (String::new(), Holds),
            (format!("If-None-Match: {own}\r\n"), NotModified(place)),
            (format!("If-None-Match: W/{own}\r\n"), NotModified(place)),
            (format!("If-None-Match: {other}, {own}\r\n"), NotModified(place)),
            ("If-None-Match: *\r\n".to_owned(), NotModified(place)),
            (format!("If-None-Match: {other}\r\n"), held),
            ("If-None-Match: \"another\"\r\n".to_owned(), Holds),
            (format!("If-None-Match: \"another\"\r\nIf-Modified-Since: {MODIFIED}\r\n"), Holds),
            (format!("If-Modified-Since: {MODIFIED}\r\n"), NotModified(place)),
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
                    ("Range: bytes=30000-\r\n", Some(0..0)),
                    ("Range: lines=1-2\r\n", None),
                ] {
                    let accept = coding.unwrap_or("identity;q=1, *;q=0.5");
                    let asked = format!("Accept-Encoding: {accept}\r\n{precondition}{range}");
                    client.send(format!("{method} /a.css HTTP/1.1\r\nHost: test\r\n{asked}\r\n"));
                    let reply = client.reply_to(method);
                    println!("{method} {asked}");
                    let part = part.filter(|_| method == "GET" && judged != IgnoresRange);
                    let expected = match (judged, &part) {
                        (NotModified(_), _) => 304,
                        (Failed, _) => 412,
                        (Holds | IgnoresRange, None) => 200,
                        (Holds | IgnoresRange, Some(part)) if part.is_empty() => 416,
                        (Holds | IgnoresRange, Some(_)) => 206,
                    };
                    reply.expect(expected).header("Vary", "Accept-Encoding");
                    match (expected, judged) {
                        (200 | 206, _) => {
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
                        (304, NotModified(held)) => {
                            reply.header("ETag", &tags[held]);
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
    assert_eq!(count, 4 * 16 * 2 * 6);
}

#[test]
fn the_first_request_has_the_file_compressed_already() {
    let page = text(100_000);
    let fixture = CODINGS.iter().fold(Fixture::new(), |fixture, coding| {
        fixture.file(format!("{coding}.html"), &page).file(format!("head-{coding}.html"), &page)
    });
    let server = compressed(fixture).serve();
    for coding in CODINGS {
        let reply = get(&server, &format!("/{coding}.html"), coding);
        reply.expect(200).header("Content-Encoding", coding).header("Content-Type", "text/html");
        assert_eq!(decoded(&reply), page.as_bytes());
        let head = format!("/head-{coding}.html");
        let head = server.head(&head).header("Accept-Encoding", coding).send();
        head.expect(200).header("Content-Encoding", coding);
        assert_eq!(head.announced_length(), reply.body.len() as u64);
    }
}

#[test]
fn the_heaviest_coding_wins_and_among_equals_the_first_of_the_list() {
    let page = text(4_000);
    let order = Compression::new([Coding::Gzip, Coding::Zstd]);
    let fixture = with(Fixture::new().file("a.css", &page), |files| files.compression(order));
    let server = fixture.serve();
    for (accept, coding) in [
        (BROWSER, "gzip"),
        ("zstd, gzip;q=0.9", "zstd"),
        ("br", ""),
        ("x-gzip", "gzip"),
        ("identity;q=0, zstd;q=0.1", "zstd"),
        ("gzip;q=0", ""),
        ("gzip;q=0.5, identity", ""),
        ("*;q=0", ""),
        ("", ""),
    ] {
        let reply = get(&server, "/a.css", accept);
        reply.expect(200).header("Content-Encoding", coding).header("Vary", "Accept-Encoding");
        assert_eq!(decoded(&reply), page.as_bytes(), "{accept}");
    }
    server.get("/a.css").send().no_header("Content-Encoding").header("Vary", "Accept-Encoding");
}

#[test]
fn what_is_small_or_compressed_already_is_sent_as_it_is_and_says_nothing_of_codings() {
    let fixture = Fixture::new()
        .file("small.css", text(1000))
        .file("a.png", text(5000))
        .file("a.unknown", text(5000))
        .file("empty.css", "");
    let server = compressed(fixture).serve();
    for target in ["/small.css", "/a.png", "/a.unknown", "/empty.css"] {
        get(&server, target, BROWSER).expect(200).no_header("Vary").no_header("Content-Encoding");
    }
    get(&server, "/missing.css", BROWSER).expect(404).no_header("Content-Encoding");
    // As where nothing is compressed at all.
    let server = Fixture::new().file("a.css", text(5000)).serve();
    get(&server, "/a.css", BROWSER).no_header("Vary").no_header("Content-Encoding");
}

#[test]
fn what_does_not_shrink_is_sent_as_it_is_every_time() {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = std::iter::repeat_with(next).take(50_000).collect();
    let server = compressed(Fixture::new().file("a.css", &noise)).serve();
    for _ in 0..3 {
        let reply = get(&server, "/a.css", BROWSER);
        reply.header("Vary", "Accept-Encoding").no_header("Content-Encoding").body(&noise);
    }
}

#[test]
fn a_sibling_is_sent_in_preference_unless_the_client_likes_another_coding_better() {
    let page = text(5000);
    let fixture = Fixture::new().file("a.css", &page).file("a.css.gz", "made before");
    let both = |files: StaticFiles| files.precompressed(true).compression(Compression::default());
    let server = with(fixture, both).serve();
    for accept in [BROWSER, "gzip"] {
        get(&server, "/a.css", accept).header("Content-Encoding", "gzip").body("made before");
    }
    for (accept, coding) in [("br", "br"), ("gzip;q=0.5, br;q=0.6", "br"), ("identity", "")] {
        let reply = get(&server, "/a.css", accept);
        reply.header("Content-Encoding", coding).header("Vary", "Accept-Encoding");
        assert_eq!(decoded(&reply), page.as_bytes(), "{accept}");
    }
    fs::remove_file(server.root().join("a.css.gz")).expect("it is there");
    assert_eq!(
        decoded(get(&server, "/a.css", "gzip").header("Content-Encoding", "gzip")),
        page.as_bytes()
    );
}

/// Also where everything is to be compressed.
#[test]
fn a_sibling_that_is_asked_for_itself_stays_a_sibling() {
    let fixture = Fixture::new().file("a.css", text(5000)).file("a.css.gz", text(3000));
    let all = |files: StaticFiles| {
        files.precompressed(true).compression(Compression::default().types(["*"]))
    };
    let server = with(fixture, all).serve();
    get(&server, "/a.css.gz", "br").no_header("Content-Encoding").body(text(3000));
    get(&server, "/a.css", "gzip").header("Content-Encoding", "gzip").body(text(3000));
    get(&server, "/a.css.gz", "br").no_header("Content-Encoding").no_header("Vary");
}

#[test]
fn a_file_that_changes_is_never_served_from_before() {
    let server = compressed(Fixture::new().file("a.css", text(5000))).serve();
    let path = server.root().join("a.css");
    let mut tags = vec![get(&server, "/a.css", "gzip").header("Content-Encoding", "gzip").etag()];
    for round in 0..20 {
        let page = format!("round {round}\n{}", text(5000));
        let new = server.root().join("new");
        fs::write(&new, &page).expect("it is ours");
        if round % 2 == 0 {
            // The same time and, now and then, the same size.
            set_modified(&new, modified());
        }
        fs::rename(&new, &path).expect("it is ours");
        let reply = get(&server, "/a.css", "gzip");
        assert_eq!(decoded(&reply), page.as_bytes());
        reply.header("Vary", "Accept-Encoding");
        if round % 2 == 0 {
            reply.header("Content-Encoding", "gzip");
        }
        assert!(!tags.contains(&reply.etag()), "{round}");
        tags.push(reply.etag());
        // Written in place.
        let page = format!("again {round}\n{}", text(4000));
        fs::write(&path, &page).expect("it is ours");
        assert_eq!(decoded(&get(&server, "/a.css", "gzip")), page.as_bytes());
    }
    fs::remove_file(&path).expect("it is there");
    get(&server, "/a.css", "gzip").expect(404).no_header("Content-Encoding");
}

#[test]
fn what_is_asked_for_often_becomes_smaller_and_gets_another_tag() {
    let page = text(50_000);
    let server = compressed(Fixture::new().file("a.css", &page)).serve();
    for coding in CODINGS {
        let first = get(&server, "/a.css", coding);
        first.header("Content-Encoding", coding);
        let better = until("it is compressed better", || {
            let reply = get(&server, "/a.css", coding);
            (reply.etag() != first.etag()).then_some(reply)
        });
        better.header("Content-Encoding", coding);
        assert!(better.body.len() < first.body.len(), "{coding}");
        assert_eq!(decoded(&better), page.as_bytes());
        // A client that has the first one need not fetch it again, and a part of it cannot be joined with this one.
        let ask = |header: &str| {
            let request = server.get("/a.css").header("Accept-Encoding", coding);
            request.header(header, first.etag()).header("Range", "bytes=10-19").send()
        };
        ask("If-None-Match").expect(304).header("ETag", &first.etag());
        ask("If-Range").expect(200).header("ETag", &better.etag());
        ask("If-Match").expect(412);
    }
}

#[test]
fn a_client_need_not_fetch_again_what_it_has_in_another_form() {
    let server = compressed(Fixture::new().file("a.css", text(20_000))).serve();
    let plain = get(&server, "/a.css", "identity").etag();
    let [gzip, br] = ["gzip", "br"].map(|coding| best(&server, "/a.css", coding).etag());
    let ask = |accept: &str, tags: &str| {
        server.get("/a.css").header("Accept-Encoding", accept).header("If-None-Match", tags).send()
    };
    ask("gzip", &plain).expect(304).header("ETag", &plain).header("Vary", "Accept-Encoding");
    ask("gzip", &format!("{plain}, {gzip}")).expect(304).header("ETag", &gzip);
    // It asks for another who cannot read that.
    ask("gzip", &br).expect(200).header("ETag", &gzip);
    ask("identity", &gzip).expect(200).header("ETag", &plain);
    // Another server, as after a restart, for the same file; nothing is compressed there yet.
    let other = format!("{}-gabcdefg\"", plain.trim_end_matches('"'));
    ask("gzip", &other).expect(304).header("ETag", &other);
    for wrong in ["gabcdef", "gabcdefgh", "gabcdefw", "xabcdefg", "gzip", ""] {
        let tag = format!("{}-{wrong}\"", plain.trim_end_matches('"'));
        ask("gzip", &tag).expect(200).header("ETag", &gzip);
    }
}

#[test]
fn what_many_want_at_once_is_complete_for_each() {
    let page = text(300_000);
    let server = compressed(Fixture::new().workers(2).file("a.css", &page)).serve();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let (server, page) = (&server, &page);
            scope.spawn(move || {
                let reply = get(server, "/a.css", CODINGS[client % 3]);
                assert_eq!(decoded(reply.expect(200)), page.as_bytes());
            });
        }
    });
}

/// More than a request waits for, and more than is ever compressed.
#[test]
fn a_large_file_is_sent_as_it_is_until_it_is_compressed() {
    let large = text(4_000_000);
    let huge = text(17_000_000);
    let fixture = Fixture::new().file("large.json", &large).file("huge.json", &huge);
    let server = compressed(fixture).serve();
    get(&server, "/large.json", "gzip").no_header("Content-Encoding").body(&large);
    let reply = until("it is compressed", || {
        let reply = get(&server, "/large.json", "gzip");
        (reply.value("Content-Encoding") == "gzip").then_some(reply)
    });
    assert_eq!(decoded(&reply), large.as_bytes());
    for _ in 0..2 {
        let part = server.get("/huge.json").header("Accept-Encoding", "gzip");
        let part = part.header("Range", "bytes=0-9").send();
        part.expect(206).no_header("Content-Encoding").header("Vary", "Accept-Encoding");
        part.body(&huge[..10]);
    }
}

#[test]
fn what_is_kept_makes_room_for_what_is_asked_for_now() {
    let fixture = (0..40).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.css"), format!("{number}\n{}", text(5_000)))
    });
    let server = compressed(fixture.cache(|it| it.compressed_bytes_max = 30_000)).serve();
    for round in 0..3 {
        for number in 0..40 {
            let reply = get(&server, &format!("/{number}.css"), "gzip");
            reply.header("Content-Encoding", "gzip");
            assert!(decoded(&reply).starts_with(format!("{number}\n").as_bytes()), "{round}");
        }
    }
    let fixture = Fixture::new().file("a.css", text(5_000));
    let server = compressed(fixture.cache(|it| it.compressed_bytes_max = 0)).serve();
    get(&server, "/a.css", "gzip").no_header("Content-Encoding").header("Vary", "Accept-Encoding");
}

#[test]
fn an_index_a_fallback_and_a_page_without_its_extension_are_compressed_too() {
    let page = text(5_000);
    let fixture = Fixture::new().file("d/index.html", &page).file("about.html", &page);
    let server = with(fixture.file("app.html", &page), |files| {
        files.clean_urls(true).fallback("app.html").compression(Compression::default())
    });
    let server = server.serve();
    for target in ["/d/", "/about", "/somewhere"] {
        let request = server.get(target).header("Accept-Encoding", "br");
        let reply = request.header("Sec-Fetch-Mode", "navigate").send();
        reply.expect(200).header("Content-Encoding", "br");
        assert_eq!(decoded(&reply), page.as_bytes(), "{target}");
    }
    get(&server, "/about.html", "br").expect(301).no_header("Content-Encoding");
}

#[test]
fn a_site_that_is_asked_without_a_server_compresses_too() {
    let page = text(5_000);
    let fixture = Fixture::new().file("a.css", &page);
    let root = Root::open(fixture.root()).expect("it is there");
    let files = StaticFiles::new(root).compression(Compression::default());
    let site = Site::new().at("/", files);
    let ask = || site.handle(Request::get("/a.css").header("Accept-Encoding", "gzip"));
    assert_eq!(ask().headers.value("Content-Encoding"), Some(&b"gzip"[..]));
    let body = ask().into_bytes().expect("it is in memory");
    assert_eq!(decoded_so_far("gzip", &body), (page.into_bytes(), true));
}

/// A key means the same at the top, in a host and in a location.
#[test]
fn the_configuration_says_what_is_compressed_and_how() {
    let config = "root = \".\"\ncompression = [\"gzip\", \"br\"]\n\
        [[location]]\npath = \"/off/\"\ncompression = \"off\"\n\
        [[location]]\npath = \"/types/\"\ncompression_types = [\"*+json\", \"text/css\"]\n\
        [[location]]\npath = \"/all/\"\ncompression = true\ncompression_bytes_min = 10\n\
        [[host]]\nserver_name = \"other.test\"\ncompression = \"br\"\n";
    let page = text(3_000);
    let names = ["a.css", "off/a.css", "types/a.css", "types/a.html", "all/small.css"];
    let files =
        names.map(|name| (name, if name == "all/small.css" { &page[..200] } else { &page }));
    let site = Configured::start_with(config, &files);
    for name in names {
        set_modified(&site.folder.path(name), modified());
    }
    let coding = |target: &str, host: &str| {
        let request = site.get(target).host(host).header("Accept-Encoding", BROWSER);
        request.send().expect(200).value("Content-Encoding").to_owned()
    };
    for (target, expected) in [
        ("/a.css", "gzip"),
        ("/off/a.css", ""),
        ("/types/a.css", "gzip"),
        ("/types/a.html", ""),
        ("/all/small.css", "zstd"),
    ] {
        assert_eq!(coding(target, "test"), expected, "{target}");
    }
    assert_eq!(coding("/a.css", "other.test"), "br");
}

#[test]
fn the_list_of_a_directory_is_compressed_too() {
    let config = "root = \"www\"\nlisting = true\ncompression = [\"br\"]\n";
    let names: Vec<_> = (0..200).map(|number| format!("www/d/{number}.txt")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let site = Configured::start_with(config, &files);
    for accept in ["text/html", "application/json"] {
        let ask = |coding: &str| {
            let request = site.get("/d/").header("Accept", accept);
            request.header("Accept-Encoding", coding).send()
        };
        let (plain, coded) = (ask("gzip"), ask("br"));
        plain.expect(200).no_header("Content-Encoding");
        coded.expect(200).header("Content-Encoding", "br");
        assert!(coded.value("Vary").contains("Accept-Encoding"), "{}", coded.value("Vary"));
        assert!(coded.etag().starts_with("W/"));
        assert_eq!(decoded(&coded), plain.body);
        let again = site.get("/d/").header("Accept", accept).header("Accept-Encoding", "br");
        again.header("If-None-Match", coded.etag()).send().expect(304);
    }
    site.get("/").header("Accept-Encoding", "br").send().expect(200);
}

#[test]
fn a_configuration_that_asks_for_what_is_not_there_is_refused() {
    for (line, expected) in [
        (
            "compression = [\"deflate\"]",
            "compression must be \"zstd\", \"br\" or \"gzip\", not \"deflate\"",
        ),
        ("compression = \"brotli\"", "compression is called \"br\""),
        ("compression = 5", "compression must be \"zstd\", \"br\" or \"gzip\", not a number"),
        ("compression_types = [\"html\"]", "compression_types must be a content type such as"),
        ("compression_types = [\"*/*\"]", "compression_types must be a content type such as"),
        ("compression_bytes_min = \"1K\"", "compression_bytes_min must be a size"),
        ("gzip = true", "unknown key \"gzip\": write compression = [\"zstd\", \"br\", \"gzip\"]"),
    ] {
        let errors = crate::support::configured::errors(&[], &format!("root = \".\"\n{line}\n"));
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}

#[test]
fn a_client_that_has_seen_a_file_encoded_can_change_it() {
    let server = Configured::start_with(
        "root = \"www\"\ncompression = \"gzip\"\n\
         [[location]]\npath = \"/w/\"\nmethods = [\"GET\", \"PUT\", \"DELETE\"]\n",
        &[("www/w/other.txt", "x")],
    );
    let put = |body: &str, tag: &str| {
        server.request("PUT", "/w/a.txt").header("If-Match", tag).content(body).send()
    };
    server.request("PUT", "/w/a.txt").content(text(5000)).send().expect(201);
    let seen = || {
        let get = || server.get("/w/a.txt").header("Accept-Encoding", "gzip").send();
        until("it is compressed", || {
            let reply = get();
            let is_encoded = reply.status == 200 && reply.headers.iter().any(|it| it.1 == "gzip");
            is_encoded.then(|| reply.etag())
        })
    };
    let first = seen();
    put(&text(6000), &first).expect(204);
    put(&text(7000), &first).expect(412);
    let second = seen();
    assert_ne!(first, second);
    for odd in [
        second.replace('"', ""),
        format!("W/{second}"),
        second.replacen('"', "\"1", 1),
        format!("{}-\"", &second[..second.rfind('-').expect("it names the coding")]),
    ] {
        put("odd", &odd).expect(412);
    }
    server.request("DELETE", "/w/a.txt").header("If-Match", &second).send().expect(204);
}

#[test]
fn a_small_file_does_not_wait_until_large_ones_are_compressed() {
    let large: Vec<String> = (0..12).map(|number| format!("{number}.txt")).collect();
    let fixture =
        large.iter().fold(Fixture::new().file("small.css", text(3000)), |fixture, name| {
            fixture.file(name, text(3_000_000))
        });
    let server = compressed(fixture).serve();
    for name in &large {
        get(&server, &format!("/{name}"), "br").expect(200).no_header("Content-Encoding");
    }
    get(&server, "/small.css", "br").expect(200).header("Content-Encoding", "br");
    let other = get(&server, &format!("/{}", large[8]), "br");
    other.expect(200).no_header("Content-Encoding");
}
