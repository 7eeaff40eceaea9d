//! A root that clients may change.

use super::{Fixture, Reply, TestServer};
use httpd::{Durability, WritableRoot, WriteRules};
use httpd::{Root, Store};
use std::fs;
use std::path::Path;

pub fn root(fixture: &Fixture, change: impl FnOnce(&mut WriteRules)) -> WritableRoot {
    let mut rules = WriteRules::default().durability(Durability::Never);
    change(&mut rules);
    WritableRoot::new(Root::open(fixture.root()).expect("the root is there"), rules)
}

pub fn store(fixture: &Fixture, change: impl FnOnce(&mut WriteRules)) -> Store {
    Store::new(root(fixture, change))
}

/// A root that may be changed, with these rules.
pub fn serve_by(change: impl FnOnce(&mut WriteRules)) -> TestServer {
    let fixture = Fixture::new().file("a.txt", "old").dir("d").workers(2);
    let store = store(&fixture, change);
    fixture.handler("/", store).serve()
}

pub fn serve() -> TestServer {
    serve_by(|_| {})
}

/// Every name in a directory and below, sorted.
pub fn names(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(directory).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            names.push(path.to_string_lossy().into_owned());
            if path.is_dir() {
                ahead.push(path);
            }
        }
    }
    names.sort();
    names
}

pub fn put(target: &str, headers: &str) -> String {
    format!("PUT {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

#[track_caller]
pub fn tag(reply: &Reply) -> String {
    let tag = reply.value("ETag").to_owned();
    assert!(tag.starts_with('"'), "the tag is strong: {tag}");
    tag
}

/// What the umask leaves of these permissions.
pub fn less_umask(mode: u32) -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("it is a Linux");
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap_or("0");
    mode & !u32::from_str_radix(umask.trim(), 8).expect("it is octal")
}
