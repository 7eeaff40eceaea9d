//! Changes that are refused, and when: before their content is read where that can be.

use crate::support::Fixture;
use crate::support::client::End;
use crate::support::digits;
use crate::support::fixture::HOSTILE_NAMES;
use crate::support::writable::{names, put, serve, serve_by, store};
use httpd::MissingDirectories;
use httpd::{Dotfiles, Method};
use std::fs;

const KIB: usize = 1024;

#[test]
fn without_being_switched_on_nothing_is_changed() {
    let server = Fixture::new().file("a.txt", "old").serve();
    for method in ["PUT", "DELETE", "POST"] {
        let reply = server.request(method, "/a.txt").content("new").send();
        reply.expect(405).header("Allow", "GET, HEAD, OPTIONS");
    }
    server.get("/a.txt").send().expect(200).body("old");
}

#[test]
fn only_the_methods_that_are_switched_on_are_allowed() {
    let fixture = Fixture::new();
    let some = store(&fixture, |_| {}).methods(&[Method::Put, Method::Patch, Method::Get]);
    let server = fixture.handler("/", some).serve();
    server.request("OPTIONS", "/a").send().expect(204).header("Allow", "GET, HEAD, PUT, OPTIONS");
    server.request("DELETE", "/a").send().expect(405).header("Allow", "GET, HEAD, PUT, OPTIONS");
    server.request("PUT", "/a").content("it").send().expect(201);
}

#[test]
fn a_file_needs_its_directory() {
    let server = serve();
    for (target, status) in [("/no/b", 409), ("/a.txt/b", 409), ("/d", 409), ("/d/", 409)] {
        server.request("PUT", target).content("new").send().expect(status);
        server.request("PUT", target).content(digits(100_000)).send().expect(status);
    }
    for target in ["/", "/new/", "/a.txt/"] {
        server.request("PUT", target).content("new").send().expect(409);
    }
    server.get("/a.txt").send().expect(200).body("old");
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let server = serve_by(|rules| rules.file_bytes_max = 1000);
    server.request("PUT", "/a.txt").content(digits(1000)).send().expect(204);
    // Nothing of it is ever sent.
    let mut client = server.raw(put("/a.txt", "Content-Length: 1001\r\n"));
    client.last_reply_after_finish().expect(413);
    let mut client = server.raw(put("/a.txt", "Transfer-Encoding: chunked\r\n"));
    client.send("3e9\r\n").send(digits(1001)).send("\r\n0\r\n\r\n");
    client.last_reply_after_finish().expect(413);
    server.get("/a.txt").send().expect(200).body(digits(1000));
}

#[test]
fn what_is_beyond_the_quota_is_507() {
    let fixture = Fixture::new();
    let there: u64 = HOSTILE_NAMES.iter().map(|(name, _)| name.len() as u64).sum();
    let store = store(&fixture, |rules| rules.quota_bytes = Some(there + 200_000));
    let server = fixture.handler("/", store).serve();
    let put = |target: &str, length: usize| {
        server.request("PUT", target).content(digits(length)).send().status
    };
    assert_eq!(put("/a", 150_000), 201);
    assert_eq!(put("/b", 50_001), 507);
    assert_eq!(put("/b", 50_000), 201);
    assert_eq!(put("/c", 1), 507);
    // What is replaced or removed makes room.
    assert_eq!(put("/a", 149_999), 204);
    assert_eq!(put("/c", 1), 201);
    server.request("DELETE", "/a").send().expect(204);
    assert_eq!(put("/d", 149_999), 201);
    assert_eq!(put("/d", 150_000), 507);
}

/// One of HTTP/1.0 may mean to end its content by closing: to this server it has none.
#[test]
fn a_body_without_a_known_end_empties_no_file() {
    let server = serve();
    let mut client = server.raw("PUT /a.txt HTTP/1.0\r\n\r\nnew");
    client.last_reply_after_finish().expect(411);
    let mut client = server.raw(put("/a.txt", ""));
    client.reply_to("PUT").expect(411);
    server.get("/a.txt").send().expect(200).body("old");
    server.request("PUT", "/a.txt").content("").send().expect(204);
    server.get("/a.txt").send().expect(200).body("");
}

#[test]
fn a_part_of_a_file_is_not_taken_for_the_whole() {
    let server = serve();
    for range in ["bytes 0-2/10", "bytes */10", "lines 1-2"] {
        let request = server.request("PUT", "/a.txt").header("Content-Range", range);
        request.content("new").send().expect(400);
    }
    server.get("/a.txt").send().expect(200).body("old");
}

/// It would be sent as if it had none.
#[test]
fn a_body_in_a_coding_is_refused() {
    let server = serve();
    let request = server.request("PUT", "/a.txt").header("Content-Encoding", "gzip");
    request.content("new").send().expect(415).header("Accept-Encoding", "identity");
    server.get("/a.txt").send().expect(200).body("old");
    let request = server.request("PUT", "/a.txt").header("Content-Encoding", "Identity");
    request.content("new").send().expect(204);
}

#[test]
fn a_client_that_asks_first_gets_100_where_its_body_is_wanted() {
    let server = serve();
    let mut client = server.raw(put("/new", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
    assert!(client.interim().starts_with("HTTP/1.1 100 "));
    client.send("new");
    client.reply_to("PUT").expect(201);
}

#[test]
fn a_client_that_asks_first_need_not_send_what_is_refused() {
    let server = serve_by(|rules| rules.file_bytes_max = 1000);
    for (target, headers, status) in [
        ("/a.txt", "If-None-Match: *\r\n", 412),
        ("/a.txt", "If-Match: \"x\"\r\n", 412),
        ("/d", "", 409),
        ("/a.txt/b", "", 409),
        ("/d/", "", 409),
        ("/.hidden", "", 403),
        ("/a.txt", "Content-Range: bytes 0-2/10\r\n", 400),
        ("/a.txt", "Content-Length: 1001\r\n", 413),
    ] {
        let length = if status == 413 { "" } else { "Content-Length: 3\r\n" };
        let headers = format!("{headers}{length}Expect: 100-continue\r\n");
        let mut client = server.raw(put(target, &headers));
        let reply = client.last_reply_after_finish();
        assert_eq!(reply.status, status, "{target} {headers}");
    }
}

/// A refusal before content that is small costs more than it saves: the connection.
#[test]
fn a_client_that_is_too_late_may_try_again_on_its_connection() {
    let server = serve();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(put("/a.txt", "Content-Length: 3\r\nIf-Match: \"x\"\r\n") + "new");
        assert!(client.reply_to("PUT").expect(412).keeps_alive());
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let server = serve_by(|rules| rules.missing_directories = MissingDirectories::Make);
    let before = names(&server.root());
    for length in [10, 1000 * KIB] {
        for target in ["/a.txt", "/new", "/x/y/z"] {
            for headers in ["Content-Length: 9999999\r\n", "Transfer-Encoding: chunked\r\n"] {
                let mut client = server.raw(put(target, headers));
                if headers.starts_with('T') {
                    client.send("989680\r\n");
                }
                client.send(digits(length)).finish();
                let (rest, end) = client.rest();
                assert_eq!((rest.len(), end), (0, End::Fin), "no answer to half a request");
            }
        }
    }
    assert_eq!(names(&server.root()), before);
    server.get("/a.txt").send().expect(200).body("old");
}

#[test]
fn names_that_nobody_may_see_are_not_stored() {
    let server = serve();
    let before = names(&server.root());
    for (target, status) in [
        ("/.hidden", 403),
        ("/d/.git/config", 403),
        ("/.httpd-upload", 403),
        ("/a%0Ab", 400),
        ("/%7F", 400),
        ("/%00", 400),
        ("/a%2Fb%2Fc", 409),
    ] {
        server.request("PUT", target).content("it").send().expect(status);
    }
    let long = format!("/{}", "n".repeat(256));
    let deep = "/d".repeat(2_049);
    for target in [&long, &(long.clone() + "/x"), &deep] {
        let reply = server.request("PUT", target).content("it").send();
        assert!(reply.expect(400).text().contains("longer than 255 bytes"), "{reply:?}");
        server.request("DELETE", target).send().expect(400);
        server.get(target).send().expect(404);
    }
    server.request("DELETE", "/.hidden").send().expect(404);
    assert_eq!(names(&server.root()), before);
}

#[test]
fn dotfiles_are_stored_where_they_may_be_but_for_the_servers_own() {
    let fixture = Fixture::new().dotfiles(Dotfiles::Allow);
    let store = store(&fixture, |_| {}).dotfiles(Dotfiles::Allow);
    let server = fixture.handler("/", store).serve();
    server.request("PUT", "/.hidden").content("it").send().expect(201);
    server.get("/.hidden").send().expect(200).body("it");
    for reserved in ["/.httpd-upload", "/.httpd-upload-1", "/.HTTPD-upload"] {
        server.request("PUT", reserved).content("it").send().expect(400);
        server.request("DELETE", reserved).send().expect(404);
    }
    server.request("DELETE", "/.hidden").send().expect(204);
}

#[test]
fn nothing_leads_out_of_the_root() {
    let fixture = Fixture::new()
        .outside("secret.txt", "secret")
        .dir("d")
        .symlink("out", "OUTSIDE")
        .symlink("up", "..")
        .symlink("to-secret", "../secret.txt")
        .symlink("inside", "d");
    let store = store(&fixture, |_| {});
    let place = fixture.place().to_owned();
    let server = fixture.handler("/", store).serve();
    for target in ["/out/x", "/up/x", "/out/secret.txt", "/up/secret.txt", "/to-secret"] {
        server.request("PUT", target).content("new").send().expect(409);
        let status = server.request("DELETE", target).send().status;
        assert!([404, 409].contains(&status), "{target}: {status}");
    }
    server.request("PUT", "/../secret.txt").content("new").send().expect(201);
    server.request("PUT", "/%2e%2e/%2E%2E/secret.txt").content("new").send().expect(204);
    server.request("PUT", "/inside/x").content("new").send().expect(201);
    assert_eq!(fs::read(place.join("secret.txt")).expect("it is there"), b"secret");
    assert_eq!(fs::read(server.root().join("d/x")).expect("it is there"), b"new");
    assert!(!place.join("x").exists());
}
