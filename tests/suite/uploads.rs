//! PUT and DELETE to a document root. What is refused has a file of its own.

use crate::support::fixture::{HOSTILE_NAMES, MODIFIED};
use crate::support::writable::{less_umask, put, serve, serve_by, store, tag};
use crate::support::{Client, Fixture, Program, digits, noise, until};
use httpd::MissingDirectories;
use httpd::{Mapping, Root, StaticFiles};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const KIB: usize = 1024;

#[test]
fn a_new_file_is_201_with_its_place_and_its_tag() {
    let server = serve();
    let reply = server.request("PUT", "/d/new%20one.txt?x=1").content("it").send();
    reply.expect(201).header("Location", "/d/new%20one.txt").header("Content-Length", "0");
    let got = server.get("/d/new%20one.txt").send();
    got.expect(200).body("it").header("ETag", &tag(&reply));
    assert_eq!(fs::read(server.root().join("d/new one.txt")).expect("it is there"), b"it");
}

#[test]
fn a_file_that_replaces_another_is_204_with_its_tag() {
    let server = serve();
    server.get("/a.txt").send().expect(200).body("old").header("Last-Modified", MODIFIED);
    let reply = server.request("PUT", "/a.txt").content("new").send();
    reply.expect(204).no_header("Location");
    server.get("/a.txt").send().expect(200).body("new").header("ETag", &tag(&reply));
}

#[test]
fn a_body_of_every_size_is_stored_however_it_is_framed() {
    let fixture = Fixture::new().limits(|limits| limits.body_memory_bytes_max = 16 * KIB);
    let store = store(&fixture, |_| {});
    let server = fixture.handler("/", store).serve();
    let mut client = server.connect();
    for length in [0, 1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 300 * KIB, 5 * KIB * KIB] {
        let content = noise(length);
        let headers = format!("Content-Length: {length}\r\n");
        client.send(put(&format!("/l{length}"), &headers)).send(&content);
        client.reply_to("PUT").expect(201);
        client.send(put(&format!("/c{length}"), "Transfer-Encoding: chunked\r\n"));
        for chunk in content.chunks(9000) {
            client.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
        }
        client.send("0\r\n\r\n");
        client.reply_to("PUT").expect(201);
        for name in [format!("l{length}"), format!("c{length}")] {
            assert!(fs::read(server.root().join(&name)).expect("it is there") == content, "{name}");
        }
    }
}

/// In all orders of workers and caches: what was answered is what the next request finds.
#[test]
fn a_client_that_asks_after_the_response_gets_the_new_file() {
    let server = serve();
    let mut writer = server.connect();
    let mut readers: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    let get = "GET /d/x HTTP/1.1\r\nHost: test\r\n\r\n";
    for round in 0..100 {
        let content = round.to_string();
        let headers = format!("Content-Length: {}\r\n", content.len());
        // The writer itself asks in the same breath.
        writer.send(put("/d/x", &headers) + &content + get);
        writer.reply_to("PUT").expect(if round == 0 { 201 } else { 204 });
        writer.reply().expect(200).body(&content);
        for reader in &mut readers {
            reader.send(get);
            reader.reply().expect(200).body(&content);
        }
    }
    server.request("DELETE", "/d/x").send().expect(204);
    for reader in &mut readers {
        reader.send(get);
        reader.reply().expect(404);
    }
}

#[test]
fn a_file_is_made_only_where_there_is_none_if_that_is_asked() {
    let server = serve();
    let only_new = |target: &str| {
        server.request("PUT", target).header("If-None-Match", "*").content("new").send()
    };
    only_new("/b.txt").expect(201);
    only_new("/b.txt").expect(412);
    only_new("/a.txt").expect(412);
    server.get("/a.txt").send().expect(200).body("old");
}

#[test]
fn a_412_names_the_precondition_and_what_to_do() {
    let server = serve();
    for (name, value, told) in [
        ("If-Match", "\"x\"", "If-Match does not name the current version of the file; fetch it"),
        ("If-None-Match", "*", "If-None-Match excludes the file that is there; to change it, send"),
        (
            "If-Unmodified-Since",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "the file has changed since the date in If-Unmodified-Since; fetch it again",
        ),
    ] {
        for method in ["PUT", "DELETE"] {
            let request = server.request(method, "/a.txt").header(name, value);
            let reply = request.content("second").send();
            assert!(reply.expect(412).text().starts_with(told), "{reply:?}");
        }
    }
}

#[test]
fn a_file_is_replaced_only_if_it_is_the_one_that_was_seen() {
    let server = serve();
    let replace = |tag: &str, content: &str| {
        server.request("PUT", "/a.txt").header("If-Match", tag).content(content).send()
    };
    let first = tag(&server.get("/a.txt").send());
    let second = tag(replace(&first, "second").expect(204));
    replace(&first, "lost").expect(412);
    server.get("/a.txt").send().expect(200).body("second");
    replace(&format!("W/{second}"), "weakly").expect(412);
    replace(&format!("\"x\", {second}"), "third").expect(204);
    replace("*", "fourth").expect(204);
    server.request("PUT", "/b").header("If-Match", "*").content("none").send().expect(412);
    server.get("/b").send().expect(404);
}

#[test]
fn a_file_is_removed_only_if_it_is_the_one_that_was_seen() {
    let server = serve();
    let remove = |tag: &str| server.request("DELETE", "/a.txt").header("If-Match", tag).send();
    let first = tag(&server.get("/a.txt").send());
    let second = tag(server.request("PUT", "/a.txt").content("second").send().expect(204));
    remove(&first).expect(412);
    remove(&second).expect(204);
    // There is nothing to be guarded (RFC 9110 §13.2.1).
    remove(&second).expect(404);
}

#[test]
fn a_date_guards_what_is_older_than_a_second() {
    let server = serve();
    let replace = |date: &str| {
        server.request("PUT", "/a.txt").header("If-Unmodified-Since", date).content("new").send()
    };
    replace("Sun, 06 Nov 1994 08:49:36 GMT").expect(412);
    replace(MODIFIED).expect(204);
    replace(MODIFIED).expect(412);
}

#[test]
fn directories_are_made_if_they_are_to_be() {
    let server = serve_by(|rules| {
        rules.missing_directories = MissingDirectories::Make;
        rules.directory_mode = 0o750;
        rules.file_mode = 0o640;
    });
    let directory = less_umask(0o750);
    for content in ["it".to_owned(), String::from_utf8(digits(100_000)).expect("digits")] {
        let target = format!("/x{0}/y/z.txt", content.len());
        server.request("PUT", &target).content(&content).send().expect(201);
        server.get(&target).send().expect(200).body(&content);
        let mode = |name: &str| {
            let path = server.root().join(format!("x{}{name}", content.len()));
            fs::metadata(path).expect("it is there").permissions().mode() & 0o777
        };
        assert_eq!(
            (mode(""), mode("/y"), mode("/y/z.txt")),
            (directory, directory, less_umask(0o640))
        );
    }
    // One that is refused leaves no directory either.
    server.request("PUT", "/n/b").header("If-Match", "*").content("it").send().expect(412);
    server.get("/n").send().expect(404);
    assert!(!server.root().join("n").exists());
}

#[test]
fn a_file_that_replaces_another_has_permissions_of_its_own() {
    let server = serve_by(|rules| rules.file_mode = 0o600);
    server.request("PUT", "/a.txt").content("new").send().expect(204);
    let metadata = fs::metadata(server.root().join("a.txt")).expect("it is there");
    assert_eq!(metadata.permissions().mode() & 0o777, less_umask(0o600));
}

#[test]
fn what_is_removed_is_gone() {
    let server = serve();
    let mut client = server.connect();
    for (target, status) in [
        ("/a.txt/", 404),
        ("/a.txt", 204),
        ("/a.txt", 404),
        ("/no/b", 404),
        ("/d", 409),
        ("/", 409),
    ] {
        client.send(format!("DELETE {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.reply_to("DELETE").expect(status);
    }
    // Its content means nothing.
    server.request("PUT", "/a.txt").content("new").send().expect(201);
    server.request("DELETE", "/a.txt").content("whatever").send().expect(204);
    server.get("/a.txt").send().expect(404);
}

#[test]
fn a_directory_is_removed_by_its_name_with_a_slash_when_it_is_empty() {
    let server = serve();
    server.request("PUT", "/d/x").content("it").send().expect(201);
    server.request("DELETE", "/d/").send().expect(409);
    server.request("DELETE", "/d/x").send().expect(204);
    server.request("DELETE", "/d/").header("If-Match", "\"x\"").send().expect(412);
    server.request("DELETE", "/d/").send().expect(204);
    assert!(!server.root().join("d").exists());
}

#[test]
fn every_name_that_can_be_served_can_be_stored() {
    let server = serve();
    for (name, target) in HOSTILE_NAMES {
        let has_control = name.iter().any(u8::is_ascii_control);
        let content = format!("new {target}");
        let reply = server.request("PUT", target).content(&content).send();
        if has_control {
            reply.expect(400);
        } else {
            reply.expect(204);
            server.get(target).send().expect(200).body(&content);
            server.request("DELETE", target).send().expect(204);
            let location = server.request("PUT", target).content(&content).send();
            server.get(location.expect(201).value("Location")).send().expect(200).body(&content);
        }
    }
}

#[test]
fn locations_map_what_is_stored_as_what_is_sent() {
    for (mapping, path) in [(Mapping::Alias, "x.txt"), (Mapping::Root, "files/x.txt")] {
        let fixture = Fixture::new().dir("files");
        let root = Root::open(fixture.root()).expect("the root is there");
        let store = store(&fixture, |_| {}).mapping(mapping);
        let server = fixture
            .handler("/files", StaticFiles::new(root).mapping(mapping))
            .handler("/files", store)
            .serve();
        let reply = server.request("PUT", "/files/x.txt").content("it").send();
        reply.expect(201).header("Location", "/files/x.txt");
        server.get("/files/x.txt").send().expect(200).body("it");
        assert_eq!(fs::read(server.root().join(path)).expect("it is there"), b"it");
        server.request("PUT", "/x.txt").content("it").send().expect(405);
        server.request("PUT", "/files").content("it").send().expect(409);
    }
}

#[test]
fn a_reader_sees_the_old_file_or_the_new_one_whole() {
    let server = serve();
    let versions: Vec<Vec<u8>> = (b'a'..=b'h')
        .enumerate()
        .map(|(number, byte)| vec![byte; if number % 2 == 0 { 300 * KIB } else { 5000 }])
        .collect();
    server.request("PUT", "/d/x").content(&versions[0]).send().expect(201);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let mut seen = 0;
                    while !over.load(Ordering::Relaxed) {
                        client.send("GET /d/x HTTP/1.1\r\nHost: test\r\n\r\n");
                        let reply = client.reply();
                        assert!(versions.contains(&reply.body), "torn: {reply:?}");
                        seen += 1;
                    }
                    seen
                })
            })
            .collect();
        for round in 1..100 {
            let content = &versions[round % versions.len()];
            server.request("PUT", "/d/x").content(content).send().expect(204);
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("it saw no torn file") > 0);
        }
    });
}

/// What a download has begun with it ends with, although the name stands for another file by then.
#[test]
fn a_download_goes_on_although_its_file_is_replaced() {
    let server = serve();
    let old = noise(20 * KIB * KIB);
    server.request("PUT", "/d/x").content(&old).send().expect(201);
    let mut client = server.raw("GET /d/x HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut got = {
        client.reply_head("GET").expect(200);
        client.read(1000).expect("it has begun")
    };
    server.request("PUT", "/d/x").content("new").send().expect(204);
    while got.len() < old.len() {
        got.extend(client.read(old.len()).expect("it goes on"));
    }
    assert!(got == old);
    server.get("/d/x").send().expect(200).body("new");
}

#[test]
fn changes_can_be_pipelined() {
    let server = serve();
    let mut client = server.connect();
    let request = |method: &str| format!("{method} /d/x HTTP/1.1\r\nHost: test\r\n");
    let mut wire = String::new();
    for _ in 0..10 {
        wire += &(request("PUT") + "Content-Length: 2\r\n\r\nit");
        wire += &(request("GET") + "\r\n" + &request("DELETE") + "\r\n" + &request("GET") + "\r\n");
    }
    client.send(wire);
    for _ in 0..10 {
        client.reply_to("PUT").expect(201);
        client.reply().expect(200).body("it");
        client.reply_to("DELETE").expect(204);
        client.reply().expect(404);
    }
}

#[test]
fn a_configuration_says_where_files_may_be_changed_and_how() {
    let fixture = Fixture::new().dir("ro").dir("rw").dir("drop").file("rw/a.txt", "old");
    let root = fixture.root();
    let config = "\
        upload_mode = \"0640\"\n\
        body_bytes_max = 1000\n\
        durability = \"directory\"\n\
        [[location]]\n\
        path = \"/rw\"\n\
        methods = [\"GET\", \"HEAD\", \"PUT\", \"DELETE\"]\n\
        create_full_put_path = true\n\
        quota_bytes = 2500\n\
        [[location]]\n\
        path = \"/drop\"\n\
        methods = \"PUT\"\n";
    let program = Program::serve_with_config(&root, config);
    let ask = |method: &str, target: &str, content: &[u8]| {
        let mut client = program.connect();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n"));
        client.send(format!("Content-Length: {}\r\n\r\n", content.len()));
        // A refusal may come, and the end of the connection, before all is sent.
        let _ = client.try_send(content);
        client.reply_to(method)
    };
    ask("PUT", "/ro/a", b"it").expect(405).header("Allow", "GET, HEAD, OPTIONS");
    ask("PUT", "/rw/x/y", b"it").expect(201);
    ask("GET", "/rw/x/y", b"").expect(200).body("it");
    ask("PUT", "/rw/b", &digits(1001)).expect(413);
    ask("PUT", "/rw/b", &digits(1000)).expect(201);
    ask("PUT", "/rw/c", &digits(1000)).expect(201);
    ask("PUT", "/rw/d", &digits(1000)).expect(507);
    ask("DELETE", "/rw/a.txt", b"").expect(204);
    ask("OPTIONS", "/rw/", b"").header("Allow", "GET, HEAD, PUT, DELETE, OPTIONS");
    // What is only put is not read.
    ask("PUT", "/drop/b", b"it").expect(201);
    ask("GET", "/drop/b", b"").expect(405).header("Allow", "PUT, OPTIONS");
    let mode = |name: &str| fs::metadata(root.join(name)).expect("there").permissions().mode();
    let expected = (less_umask(0o640), less_umask(0o750));
    assert_eq!((mode("rw/x/y") & 0o777, mode("rw/x") & 0o777), expected);
}

/// Nobody waits for a client that sends slowly, and what it began is not seen before its end.
#[test]
fn a_slow_upload_holds_nobody_up_and_is_not_seen() {
    let server = serve();
    let mut slow: Vec<Client> = (0..50)
        .map(|number| {
            let mut client = server.raw(put(&format!("/d/{number}"), "Content-Length: 200000\r\n"));
            client.send(digits(199_990));
            client
        })
        .collect();
    server.request("PUT", "/a.txt").content("new").send().expect(204);
    server.get("/d/1").send().expect(404);
    for client in &mut slow {
        client.send(&digits(200_000)[199_990..]);
        client.reply_to("PUT").expect(201);
    }
    until("all are there", || {
        (fs::read_dir(server.root().join("d")).expect("there").count() == 50).then_some(())
    });
}
