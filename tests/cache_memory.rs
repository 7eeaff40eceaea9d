//! The memory of a worker's cache stays within `bytes_max`, whatever is asked for: not as the cache
//! reckons, but as the allocator counts.

mod support;

use httpd::{CacheLimits, Root, Server, Site, StaticFiles, Workers};
use std::fs;
use std::num::NonZeroUsize;
use support::counting::{self, Counting};
use support::{Client, Folder};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, because the allocator counts for all that run beside it.
#[test]
fn whatever_is_asked_for_memory_stays_within_the_bound() {
    let folder = folder();
    for kind in KINDS {
        stays_within_the_bound(&folder, &[kind]);
    }
    // The tables have grown for many small entries, and larger ones come.
    for kind in ["long names", "names beneath missing directories", "directories"] {
        stays_within_the_bound(&folder, &["short names", kind, "short names"]);
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("directory")).expect("it is a new directory");
    fs::create_dir_all(folder.path(deep())).expect("it is a new directory");
    for number in 0..1_000 {
        folder.write(format!("file{number}"), "1");
        fs::create_dir(folder.path(number.to_string())).expect("it is a new directory");
    }
    folder
}

fn stays_within_the_bound(folder: &Folder, kinds: &[&str]) {
    let root = Root::open(folder.here()).expect("it was just made");
    let limits = CacheLimits::default().bytes_max(BYTES_MAX as u64);
    let server = Server::new(Site::new().at("/", StaticFiles::new(root))).cache(limits);
    let one = Workers::Count(NonZeroUsize::MIN);
    let running = server.listen("127.0.0.1:0").workers(one).start().expect("a port is free");
    let mut client = Client::connect(&running.addresses()[0]);
    ask(&mut client, &["directory/first".to_owned()]);
    let before = counting::bytes();
    let mut most = 0;
    for kind in kinds {
        for batch in 0..300 {
            let paths: Vec<String> =
                (0..10).map(|number| path(kind, batch * 10 + number)).collect();
            ask(&mut client, &paths);
            drop(paths);
            most = most.max(counting::bytes().saturating_sub(before));
        }
        eprintln!("{kind}: {most} bytes");
    }
    running.handle().stop_now();
    running.wait();
    assert!(most <= BYTES_MAX, "{kinds:?}: {most} bytes instead of {BYTES_MAX}");
}

/// One path of a kind.
fn path(kind: &str, number: usize) -> String {
    let padding = "n".repeat(240);
    match kind {
        "short names" => format!("{number}n"),
        "long names" => format!("{number}{padding}"),
        "names in a deep directory" => format!("{}{number}", deep()),
        "names beneath missing directories" => format!("{padding}{number}/a/b/c"),
        "names beneath one missing directory" => format!("no/{number}"),
        "long paths that lead nowhere" => format!("{number}/{}", "a/".repeat(2_000)),
        "names longer than any file's" => format!("{padding}{padding}{number}"),
        "files" => format!("file{}", number % 1_000),
        "directories" => format!("{}/no", number % 1_000),
        _ => unreachable!(),
    }
}

const KINDS: [&str; 9] = [
    "short names",
    "long names",
    "names in a deep directory",
    "names beneath missing directories",
    "names beneath one missing directory",
    "long paths that lead nowhere",
    "names longer than any file's",
    "files",
    "directories",
];

fn deep() -> String {
    "deep/".repeat(100)
}

fn ask(client: &mut Client, paths: &[String]) {
    let request = |path: &String| format!("GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(paths.iter().map(request).collect::<String>());
    for _ in paths {
        client.reply();
    }
}

const BYTES_MAX: usize = 1_000_000;
