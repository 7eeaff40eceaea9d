//! Symbolic links: inside of the root, never, or all.

use crate::support::{Fixture, TestServer};
use httpd::Symlinks;

fn serve(symlinks: Symlinks) -> TestServer {
    Fixture::new()
        .symlinks(symlinks)
        .outside("secret.txt", "SECRET")
        .outside("far/secret.txt", "SECRET")
        .file("a/file.txt", "it")
        .symlink("to-file", "a/file.txt")
        .symlink("a/up", "../a/file.txt")
        .symlink("to-directory", "a")
        .symlink("chain", "to-file")
        .symlink("out", "../secret.txt")
        .symlink("out-absolute", "OUTSIDE/secret.txt")
        .symlink("out-directory", "../far")
        .symlink("out-by-way-of", "to-directory/../../secret.txt")
        .symlink("out-chain", "out")
        .symlink("out-and-in", "../root/a/file.txt")
        .symlink("loop", "loop")
        .symlink("ping", "pong")
        .symlink("pong", "ping")
        .symlink("dangling", "nowhere")
        .symlink("proc", "/proc/self/root/etc/passwd")
        .serve()
}

#[test]
fn a_link_that_stays_inside_is_followed() {
    let server = serve(Symlinks::Inside);
    for target in ["/to-file", "/a/up", "/chain", "/to-directory/file.txt"] {
        server.get(target).send().expect(200).body("it");
    }
}

#[test]
fn a_link_to_a_directory_is_redirected_like_one() {
    serve(Symlinks::Inside)
        .get("/to-directory")
        .send()
        .expect(301)
        .header("Location", "/to-directory/");
}

#[test]
fn a_link_that_leads_out_is_not_found() {
    let server = serve(Symlinks::Inside);
    for target in [
        "/out",
        "/out-absolute",
        "/out-directory/secret.txt",
        "/out-directory",
        "/out-by-way-of",
        "/out-chain",
        "/proc",
    ] {
        let reply = server.get(target).send();
        assert_eq!(reply.status, 404, "{target}");
    }
}

#[test]
fn a_link_that_leads_out_and_in_again_is_not_found() {
    serve(Symlinks::Inside).get("/out-and-in").send().expect(404);
}

#[test]
fn loops_and_dangling_links_are_not_found_under_every_policy() {
    for policy in [Symlinks::Inside, Symlinks::Never, Symlinks::All] {
        let server = serve(policy);
        for target in ["/loop", "/ping", "/dangling", "/loop/x"] {
            server.get(target).send().expect(404);
        }
    }
}

#[test]
fn no_link_is_followed_where_none_may_be() {
    let server = serve(Symlinks::Never);
    for target in ["/to-file", "/to-directory/file.txt", "/to-directory/", "/chain", "/out"] {
        server.get(target).send().expect(404);
    }
    server.get("/a/file.txt").send().expect(200);
}

#[test]
fn every_link_is_followed_where_all_may_be() {
    let server = serve(Symlinks::All);
    for target in ["/out", "/out-absolute", "/out-directory/secret.txt"] {
        server.get(target).send().expect(200).body("SECRET");
    }
    server.get("/to-file").send().expect(200).body("it");
}

#[test]
fn dot_segments_do_not_climb_even_where_all_links_are_followed() {
    let server = serve(Symlinks::All);
    server.get("/../secret.txt").send().expect(404);
    server.get("/to-directory/../../secret.txt").send().expect(404);
}

#[test]
fn a_link_turned_outwards_is_not_followed_from_then_on() {
    let server = serve(Symlinks::Inside);
    server.get("/to-file").send().expect(200);
    let link = server.root().join("to-file");
    std::fs::remove_file(&link).expect("it is there");
    std::os::unix::fs::symlink("../secret.txt", &link).expect("a link");
    server.get("/to-file").send().expect(404);
}

#[test]
fn a_directory_swapped_for_a_link_outwards_is_not_followed() {
    let server = serve(Symlinks::Inside);
    server.get("/a/file.txt").send().expect(200);
    let directory = server.root().join("a");
    std::fs::rename(&directory, server.root().join("b")).expect("a rename");
    std::os::unix::fs::symlink("../far", &directory).expect("a link");
    server.get("/a/secret.txt").send().expect(404);
    server.get("/a/file.txt").send().expect(404);
}

#[test]
fn a_link_that_is_flipped_serves_its_new_target_at_once() {
    let server = Fixture::new()
        .file("one/a.txt", "one")
        .file("two/a.txt", "two")
        .symlink("current", "one")
        .serve();
    server.get("/current/a.txt").send().expect(200).body("one");
    let next = server.root().join("next");
    std::os::unix::fs::symlink("two", &next).expect("a link");
    std::fs::rename(next, server.root().join("current")).expect("a rename");
    server.get("/current/a.txt").send().expect(200).body("two");
}

#[test]
fn an_index_that_is_a_link_obeys_the_policy() {
    let fixture = || {
        Fixture::new()
            .outside("secret.txt", "SECRET")
            .file("real.html", "it")
            .symlink("in/index.html", "../real.html")
            .symlink("out/index.html", "../../secret.txt")
    };
    let server = fixture().serve();
    server.get("/in/").send().expect(200).body("it");
    server.get("/out/").send().expect(404);
    let server = fixture().symlinks(Symlinks::Never).serve();
    server.get("/in/").send().expect(404);
}

#[test]
fn a_root_may_itself_be_a_link() {
    let fixture = Fixture::new().file("a.txt", "it");
    let link = fixture.place().join("link");
    std::os::unix::fs::symlink(fixture.root(), &link).expect("a link");
    let files = httpd::StaticFiles::new(httpd::Root::open(&link).expect("a directory"));
    let server = fixture.handler("/linked", files).serve();
    server.get("/linked/a.txt").send().expect(200).body("it");
}

/// As releases are put into service: `current` is a link that is flipped to the next one.
#[test]
fn a_root_that_is_a_link_is_served_as_it_now_is() {
    let fixture =
        Fixture::new().outside("releases/1/a.txt", "one").outside("releases/2/a.txt", "two");
    let current = fixture.place().join("current");
    std::os::unix::fs::symlink("releases/1", &current).expect("a link");
    let files = httpd::StaticFiles::new(httpd::Root::open(&current).expect("a directory"));
    let server = fixture.handler("/current", files).serve();
    server.get("/current/a.txt").send().expect(200).body("one");
    let next = current.with_file_name("next");
    std::os::unix::fs::symlink("releases/2", &next).expect("a link");
    std::fs::rename(&next, &current).expect("a rename");
    server.get("/current/a.txt").send().expect(200).body("two");
}
