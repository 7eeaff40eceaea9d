//! Which location a path goes to.

use super::*;
use crate::site::Location;
use crate::site::inline;

fn add(locations: &mut Locations, location: impl Into<Location>, handler: impl Handler) {
    let pattern = location.into().pattern().expect("it is sound");
    locations.insert(pattern, Box::new(handler)).expect("there is no other of these paths");
}

#[test]
fn the_longest_prefix_wins_and_ends_at_a_segment() {
    let mut locations = Locations::default();
    for prefix in ["/", "/a", "/a/b/", "/c/"] {
        add(&mut locations, prefix, inline(|_| ""));
    }
    for (path, expected) in [
        ("/", 0),
        ("/x", 0),
        ("/a", 2),
        ("/a/", 2),
        ("/ab", 0),
        ("/a/b", 4),
        ("/a/b/c", 4),
        ("/a/bc", 2),
        ("/c", 2),
    ] {
        let found = locations.route(path.as_bytes(), Method::Get);
        assert_eq!((found.location.is_some(), found.prefix_bytes), (true, expected), "{path}");
    }
}

#[test]
fn without_a_root_location_the_rest_is_nowhere() {
    let mut locations = Locations::default();
    add(&mut locations, "/a", inline(|_| ""));
    assert!(locations.route(b"/b", Method::Get).location.is_none());
}

#[test]
fn an_exact_location_wins_over_every_prefix_and_reaches_no_further() {
    let mut locations = Locations::default();
    let handler = || inline(|_| "");
    add(&mut locations, "/a/b", handler());
    add(&mut locations, Location::exact("/a"), handler());
    add(&mut locations, Location::exact("/a/b/"), handler());
    add(&mut locations, "/", handler());
    for (path, expected) in
        [("/a", 2), ("/a/", 0), ("/a/b", 4), ("/a/b/", 5), ("/a/b/c", 4), ("/b", 0)]
    {
        let found = locations.route(path.as_bytes(), Method::Get);
        assert_eq!((found.location.is_some(), found.prefix_bytes), (true, expected), "{path}");
    }
}

#[test]
fn each_method_has_its_handler_and_the_later_one_wins() {
    let mut locations = Locations::default();
    let taking = |methods| inline(|_| "").methods(methods);
    add(&mut locations, "/a", taking(&[Method::Get, Method::Post]));
    add(&mut locations, "/a", taking(&[Method::Put]));
    let entries = |locations: &Locations| locations.sorted[0].handlers.len();
    let route = locations.route(b"/a", Method::Delete);
    let methods = locations.methods(&route).expect("it is there");
    assert_eq!(methods.allow(), "GET, HEAD, POST, PUT, OPTIONS");
    assert!(locations.handler(&route).is_none());
    assert!(locations.handler(&locations.route(b"/a", Method::Put)).is_some());
    assert_eq!(entries(&locations), 2);
    add(&mut locations, "/a", taking(&[Method::Get, Method::Post, Method::Put]));
    assert_eq!(entries(&locations), 1, "a handler with no method left is removed");
}
