//! Which paths lead to dotfiles.

use super::*;

#[test]
fn dotfiles_are_seen_in_every_segment() {
    for hidden in [
        "/.git",
        "/a/.env",
        "/.git/config",
        "/.well-known/.x",
        "/.well-known",
        "/a/.well-known/x",
        "/..a",
        "/...a/b",
    ] {
        assert!(has_dotfile(hidden.as_bytes()), "{hidden}");
    }
    for open in [
        "/",
        "/...",
        "/a/..../b",
        "/a.b",
        "/a/b..c",
        "/.well-known/acme-challenge/x",
        "/.well-known/",
    ] {
        assert!(!has_dotfile(open.as_bytes()), "{open}");
    }
}
