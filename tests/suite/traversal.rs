//! Nothing outside of the root can be had, in whatever spelling.

use crate::support::{Fixture, TestServer};

fn serve() -> TestServer {
    Fixture::new()
        .outside("secret.txt", "SECRET")
        .outside("root-secret/secret.txt", "SECRET")
        .file("index.html", "top")
        .file("a/b.txt", "inside")
        .serve()
}

#[track_caller]
fn none_of(targets: &[&str]) {
    let server = serve();
    for target in targets {
        let reply = server.get(target).send();
        assert!([400, 404].contains(&reply.status), "{target}: {reply:?}");
        assert!(!reply.text().contains("SECRET"), "{target}: {reply:?}");
    }
}

/// RFC 3986 §5.2.4: dot segments are removed before anything is looked for.
#[test]
fn dot_segments_do_not_climb() {
    none_of(&[
        "/../secret.txt",
        "/../../secret.txt",
        "/a/../../secret.txt",
        "/a/b.txt/../../../secret.txt",
        "/./../secret.txt",
        "//../secret.txt",
        "/..//secret.txt",
        "/../root-secret/secret.txt",
    ]);
}

#[test]
fn encoded_dot_segments_do_not_climb() {
    none_of(&[
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/%2E./secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/a%2f..%2f..%2fsecret.txt",
        "/a/%2e%2e/%2e%2e/secret.txt",
    ]);
}

#[test]
fn what_is_encoded_twice_is_a_strange_name_and_nothing_else() {
    none_of(&["/%252e%252e/secret.txt", "/..%252fsecret.txt", "/%25%32%65%25%32%65/secret.txt"]);
}

#[test]
fn spellings_of_other_systems_mean_nothing() {
    none_of(&[
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/..;/secret.txt",
        "/..%c0%afsecret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%u002e%u002e/secret.txt",
        "/.../secret.txt",
        "/a/..../secret.txt",
    ]);
}

#[test]
fn absolute_paths_mean_nothing() {
    let server = serve();
    let secret = server.root().with_file_name("secret.txt");
    let path = secret.to_str().expect("it is UTF-8");
    for target in
        [path.to_owned(), format!("/{path}"), format!("/%2f{path}"), format!("/file:{path}")]
    {
        server.get(target).send().expect(404);
    }
    server.get("/etc/passwd").send().expect(404);
    server.get("//etc/passwd").send().expect(404);
}

#[test]
fn a_nul_is_refused_in_every_spelling() {
    let server = serve();
    for target in ["/a/b.txt%00", "/%00", "/a%00/../a/b.txt", "/a/b.txt%00.html"] {
        server.get(target).send().expect(400);
    }
}

/// RFC 3986 §2.1.
#[test]
fn a_broken_percent_encoding_is_refused() {
    let server = serve();
    for target in ["/%", "/%4", "/%zz", "/%4g", "/a%", "/%%41", "/% 41"] {
        assert_eq!(server.get(target).send().status, 400, "{target}");
    }
}

#[test]
fn climbing_inside_of_the_root_is_fine() {
    let server = serve();
    server.get("/x/../a/b.txt").send().expect(200).body("inside");
    server.get("/a/./b.txt").send().expect(200).body("inside");
    server.get("/../a/b.txt").send().expect(200).body("inside");
}

#[test]
fn a_sibling_whose_name_begins_like_the_root_is_outside() {
    none_of(&["/..%2froot-secret/secret.txt", "-secret/secret.txt"]);
}

#[test]
fn a_mount_cannot_be_left_either() {
    let fixture = Fixture::new()
        .outside("secret.txt", "SECRET")
        .file("top.txt", "top")
        .file("sub/a.txt", "it");
    let sub = httpd::StaticFiles::new(httpd::Root::open(fixture.root().join("sub")).unwrap());
    let server = fixture.handler("/m", sub).serve();
    server.get("/m/a.txt").send().expect(200);
    server.get("/m/../top.txt").send().expect(200).body("top");
    server.get("/m/%2e%2e/secret.txt").send().expect(404);
    server.get("/m../secret.txt").send().expect(404);
    server.get("/m..%2fsecret.txt").send().expect(404);
}
