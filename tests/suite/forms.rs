//! Files that come with a form: POST of `multipart/form-data` to a directory.

mod refused;

use crate::support::client::End;
use crate::support::{Fixture, Reply, TestServer, noise};
use httpd::{Durability, FormUpload, MissingDirectories, WritableRoot, WriteRules};
use httpd::{OnConflict, Root};
use std::fs;

const KIB: usize = 1024;

fn serve_by(on_conflict: OnConflict, change: impl FnOnce(&mut WriteRules)) -> TestServer {
    let fixture = Fixture::new().file("drop/old.txt", "old").file("drop/index.html", "the form");
    let mut rules = WriteRules::default().durability(Durability::Never);
    change(&mut rules);
    let root = Root::open(fixture.root()).expect("the root is there");
    let forms = FormUpload::new(WritableRoot::new(root, rules)).on_conflict(on_conflict);
    fixture.handler("/", forms).serve()
}

fn serve() -> TestServer {
    serve_by(OnConflict::Keep, |_| {})
}

/// A form of these files, as a browser writes it.
fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content) in files {
        form.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

#[track_caller]
fn post(server: &TestServer, target: &str, form: &[u8]) -> Reply {
    server.request("POST", target).header("Content-Type", TYPE).content(form).send()
}

/// The names in the directory of the form, sorted.
fn names(server: &TestServer) -> Vec<String> {
    let entries = fs::read_dir(server.root().join("drop")).expect("it is there");
    let name = |it: std::io::Result<fs::DirEntry>| it.expect("it can be read").file_name();
    let mut names: Vec<String> =
        entries.map(|it| name(it).into_string().expect("it is UTF-8")).collect();
    names.sort();
    names
}

fn content(server: &TestServer, name: &str) -> Vec<u8> {
    fs::read(server.root().join("drop").join(name)).expect("it is there")
}

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW";
const AT_FIRST: [&str; 2] = ["index.html", "old.txt"];

#[test]
fn a_file_of_a_form_is_201_with_its_place() {
    let server = serve();
    for target in ["/drop/", "/drop"] {
        let name = format!("{} \u{fc}.txt", target.len());
        let reply = post(&server, target, &form(&[(&name, b"it")]));
        let place = format!("/drop/{}%20%C3%BC.txt", target.len());
        reply.expect(201).header("Location", &place).body(format!("{place}\n"));
        server.get(&place).send().expect(200).body("it");
    }
}

#[test]
fn the_files_of_a_form_are_stored_in_its_order() {
    let server = serve();
    let reply = post(&server, "/drop/", &form(&[("b", b"B"), ("a", b""), ("c", b"C\r\n")]));
    reply.expect(201).no_header("Location").body("/drop/b\n/drop/a\n/drop/c\n");
    for (name, expected) in [("a", ""), ("b", "B"), ("c", "C\r\n")] {
        server.get(format!("/drop/{name}")).send().expect(200).body(expected);
    }
}

/// So that a browser shows something that can be loaded again without sending the form again.
#[test]
fn a_browser_is_sent_to_the_directory() {
    let server = serve();
    for target in ["/drop/", "/drop"] {
        let request = server
            .request("POST", target)
            .header("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .header("Origin", "http://test")
            .header("Content-Type", TYPE);
        let reply = request.content(form(&[(&format!("x{}", target.len()), b"it")])).send();
        reply.expect(303).header("Location", "/drop/");
        assert!(reply.text().contains("href=\"/drop/\""));
        server.get(reply.value("Location")).send().expect(200).body("the form");
    }
}

#[test]
fn fields_that_are_no_files_are_passed_over() {
    let server = serve();
    let field = |disposition: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\nxyz\r\n")
    };
    let fields = field("name=\"comment\"") + &field("name=\"none\"; filename=\"\"");
    let all = [fields.as_bytes(), &form(&[("a", b"A")])].concat();
    post(&server, "/drop/", &all).expect(201).header("Location", "/drop/a");
    assert_eq!(names(&server), ["a", "index.html", "old.txt"]);
    post(&server, "/drop/", &[fields.as_bytes(), &form(&[])].concat()).expect(400);
}

#[test]
fn of_a_path_that_a_client_has_for_a_file_the_last_name_counts() {
    let server = serve();
    for (sent, stored) in [
        ("../../../etc/one", "one"),
        (r"C:\\Users\\me\\two.txt", "two.txt"),
        ("/etc/three", "three"),
        ("a/..four", "..four"),
    ] {
        let reply = post(&server, "/drop/", &form(&[(sent, b"it")]));
        if stored.starts_with('.') {
            reply.expect(403);
        } else {
            reply.expect(201).header("Location", &format!("/drop/{stored}"));
        }
    }
    assert_eq!(names(&server), ["index.html", "old.txt", "one", "three", "two.txt"]);
}

#[test]
fn names_that_nobody_may_see_are_not_stored() {
    let server = serve();
    let long = "n".repeat(256);
    for (name, status) in [
        (".htaccess", 403),
        ("x/.ssh", 403),
        (".httpd-upload", 400),
        ("a/..", 400),
        ("a/", 400),
        ("a\u{7f}b", 400),
        (&long, 400),
    ] {
        let all = form(&[("fine", b"it"), (name, b"it")]);
        let reply = post(&server, "/drop/", &all);
        assert_eq!(reply.status, status, "{name}");
    }
    assert_eq!(names(&server), AT_FIRST);
}

#[test]
fn a_form_overwrites_nothing_and_then_stores_nothing() {
    let server = serve();
    let reply =
        post(&server, "/drop/", &form(&[("new.txt", b"it"), ("old.txt", b"new"), ("z", b"z")]));
    reply.expect(409);
    assert_eq!(names(&server), AT_FIRST);
    assert_eq!(content(&server, "old.txt"), b"old");
}

/// Some phones call every picture `image.jpg`.
#[test]
fn files_of_one_name_in_one_form_are_all_kept() {
    for on_conflict in [OnConflict::Keep, OnConflict::Replace] {
        let server = serve_by(on_conflict, |_| {});
        let same =
            [("i.jpg", &b"1"[..]), ("i.jpg", b"2"), ("i.jpg", b"3"), ("x", b"4"), ("x", b"5")];
        let reply = post(&server, "/drop/", &form(&same));
        reply
            .expect(201)
            .body("/drop/i.jpg\n/drop/i%20(2).jpg\n/drop/i%20(3).jpg\n/drop/x\n/drop/x%20(2)\n");
        for (name, expected) in [
            ("i.jpg", b"1"),
            ("i (2).jpg", b"2"),
            ("i (3).jpg", b"3"),
            ("x", b"4"),
            ("x (2)", b"5"),
        ] {
            assert_eq!(content(&server, name), expected);
        }
    }
}

#[test]
fn a_name_that_is_not_the_clients_own_replaces_nothing_and_is_no_conflict() {
    let server = serve_by(OnConflict::Replace, |_| {});
    fs::write(server.root().join("drop/old (2).txt"), "other").expect("there is room");
    let twice = form(&[("old.txt", b"1"), ("old.txt", b"2"), ("old (4).txt", b"3")]);
    let reply = post(&server, "/drop/", &twice);
    reply.expect(201).body("/drop/old.txt\n/drop/old%20(3).txt\n/drop/old%20(4).txt\n");
    let reply = post(&server, "/drop/", &twice);
    reply.expect(201).body("/drop/old.txt\n/drop/old%20(5).txt\n/drop/old%20(4).txt\n");
    for (name, expected) in
        [("old.txt", b"1"), ("old (3).txt", b"2"), ("old (4).txt", b"3"), ("old (5).txt", b"2")]
    {
        assert_eq!(content(&server, name), expected, "{name}");
    }
    assert_eq!(content(&server, "old (2).txt"), b"other");
}

#[test]
fn files_of_one_name_are_kept_although_it_is_as_long_as_a_name_may_be() {
    let server = serve();
    let name = format!("{}.jpg", "ü".repeat(125));
    post(&server, "/drop/", &form(&[(&name, b"1"), (&name, b"2")])).expect(201);
    assert_eq!(content(&server, &name), b"1");
    assert_eq!(content(&server, &format!("{} (2).jpg", "ü".repeat(123))), b"2");
}

#[test]
fn boundaries_that_programs_make_up_are_read() {
    let server = serve();
    let all = "'()+_,-./:=?0 9aZ";
    for (number, (boundary, said)) in [
        ("*****", "*****".to_owned()),
        ("*****", "\"*****\"".to_owned()),
        (all, format!("\"{all}\"")),
        ("a=b", "a=b".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let form = String::from_utf8(form(&[(&format!("f{number}"), b"it")])).expect("it is ASCII");
        let form = form.replace(BOUNDARY, boundary);
        let kind = format!("multipart/form-data; boundary={said}");
        let request = server.request("POST", "/drop/").header("Content-Type", &kind);
        request.content(form).send().expect(201);
        assert_eq!(content(&server, &format!("f{number}")), b"it", "{boundary}");
    }
}

#[test]
fn a_form_overwrites_where_it_may() {
    let server = serve_by(OnConflict::Replace, |_| {});
    post(&server, "/drop/", &form(&[("old.txt", b"new")])).expect(200).body("/drop/old.txt\n");
    server.get("/drop/old.txt").send().expect(200).body("new");
    post(&server, "/drop/", &form(&[("old.txt", b"newer"), ("x", b"1")])).expect(201);
    server.get("/drop/old.txt").send().expect(200).body("newer");
    server.get("/drop/x").send().expect(200).body("1");
}

#[test]
fn large_files_come_whole() {
    let server = serve();
    let (one, two) = (noise(3 * KIB * KIB + 1), noise(700 * KIB));
    post(&server, "/drop/", &form(&[("one", &one), ("two", &two)])).expect(201);
    assert!(content(&server, "one") == one && content(&server, "two") == two);
}

#[test]
fn a_form_is_sent_to_a_directory() {
    let server = serve();
    for target in ["/drop/old.txt", "/drop/no/", "/no"] {
        post(&server, target, &form(&[("a", b"A")])).expect(409);
        post(&server, target, &form(&[("a", &noise(100_000))])).expect(409);
    }
    post(&server, "/.git/", &form(&[("a", b"A")])).expect(403);
    // A directory has no version.
    let request = server.request("POST", "/drop/").header("Content-Type", TYPE);
    request.header("If-Match", "\"x\"").content(form(&[("a", b"A")])).send().expect(412);
    assert_eq!(names(&server), AT_FIRST);
    post(&server, "/", &form(&[("a", b"A")])).expect(201).header("Location", "/a");

    let server =
        serve_by(OnConflict::Keep, |rules| rules.missing_directories = MissingDirectories::Make);
    post(&server, "/x/y", &form(&[("a", b"A")])).expect(201).header("Location", "/x/y/a");
    server.get("/x/y/a").send().expect(200).body("A");
}
