//! Names that begin with a dot are nobody's business.

use crate::support::{Fixture, TestServer};
use httpd::Dotfiles;

fn serve(dotfiles: Dotfiles) -> TestServer {
    Fixture::new()
        .dotfiles(dotfiles)
        .file(".env", "secret")
        .file(".git/config", "secret")
        .file("a/.htpasswd", "secret")
        .file("..data/a", "secret")
        .file("...", "open")
        .file("a/....", "open")
        .file("..../b", "open")
        .file(".well-known/acme-challenge/token", "open")
        .file(".well-known/.hidden", "secret")
        .file("a/.well-known/x", "secret")
        .file("a.b/c.d", "open")
        .serve()
}

#[test]
fn a_dotfile_is_not_found() {
    let server = serve(Dotfiles::Deny);
    for target in ["/.env", "/a/.htpasswd", "/..data/a", "/..data"] {
        server.get(target).send().expect(404);
    }
}

#[test]
fn nothing_below_a_hidden_directory_is_found() {
    let server = serve(Dotfiles::Deny);
    server.get("/.git/config").send().expect(404);
    server.get("/.git/").send().expect(404);
}

#[test]
fn a_hidden_directory_is_not_given_away_by_a_redirect() {
    serve(Dotfiles::Deny).get("/.git").send().expect(404);
}

#[test]
fn a_dotfile_is_not_found_in_another_spelling() {
    let server = serve(Dotfiles::Deny);
    for target in ["/%2eenv", "/%2Egit/config", "/a/..//.env", "/a%2f.htpasswd"] {
        server.get(target).send().expect(404);
    }
}

/// RFC 8615.
#[test]
fn the_well_known_directory_is_open() {
    serve(Dotfiles::Deny).get("/.well-known/acme-challenge/token").send().expect(200).body("open");
}

#[test]
fn dotfiles_within_the_well_known_directory_are_not_found() {
    serve(Dotfiles::Deny).get("/.well-known/.hidden").send().expect(404);
}

/// RFC 8615 §3: it is well known at the root alone.
#[test]
fn a_well_known_directory_elsewhere_is_hidden() {
    serve(Dotfiles::Deny).get("/a/.well-known/x").send().expect(404);
}

#[test]
fn a_dot_within_a_name_hides_nothing() {
    serve(Dotfiles::Deny).get("/a.b/c.d").send().expect(200);
}

/// Nobody hides anything behind a name of dots alone.
#[test]
fn three_dots_and_more_are_a_name_like_others() {
    let server = serve(Dotfiles::Deny);
    for target in ["/...", "/a/....", "/..../b", "/%2e..", "/a/%2e%2e%2e%2e"] {
        server.get(target).send().expect(200).body("open");
    }
    for target in ["/.", "/..", "/a/.."] {
        let reply = server.get(target).send();
        assert!([400, 404].contains(&reply.status), "{target}: {reply:?}");
    }
}

#[test]
fn three_dots_and_more_are_a_name_that_can_be_stored_and_removed() {
    let server = crate::support::writable::serve();
    for target in ["/...", "/d/....", "/d/%2e%2e%2e"] {
        server.request("PUT", target).content("it").send().expect(201);
        server.get(target).send();
        server.request("DELETE", target).send().expect(204);
    }
    for target in ["/..a", "/.a"] {
        let reply = server.request("PUT", target).content("it").send();
        assert!([403, 404].contains(&reply.status), "{target}: {reply:?}");
    }
}

#[test]
fn dotfiles_are_served_where_they_are_allowed() {
    let server = serve(Dotfiles::Allow);
    server.get("/.env").send().expect(200).body("secret");
    server.get("/.git/config").send().expect(200).body("secret");
}
