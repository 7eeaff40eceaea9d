//! The memory of a worker's cache stays within `bytes_max`, whatever is asked for: not as the cache
//! reckons, but as the allocator counts.

mod support;

use httpd::files::{CacheLimits, Disk, Now, OpenFiles, Root};
use std::fs;
use std::time::{Duration, Instant, SystemTime};
use support::Folder;
use support::counting::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn whatever_is_asked_for_memory_stays_within_the_bound() {
    let folder = Folder::new();
    fs::create_dir(folder.path("directory")).expect("it is a new directory");
    let deep = "deep/".repeat(100);
    fs::create_dir_all(folder.path(&deep)).expect("it is a new directory");
    for number in 0..1_000 {
        fs::write(folder.path(format!("file{number}")), "1").expect("there is room");
    }
    for number in 0..1_000 {
        fs::create_dir(folder.path(format!("{number}"))).expect("there is room");
    }
    let padding = "n".repeat(240);
    let path = |kind: &str, number: usize| match kind {
        "short names" => format!("{number}n"),
        "long names" => format!("{number}{padding}"),
        "names in a deep directory" => format!("{deep}{number}"),
        "names beneath missing directories" => format!("{padding}{number}/a/b/c"),
        "names beneath one missing directory" => format!("no/{number}"),
        "long paths that lead nowhere" => format!("{number}/{}", "a/".repeat(2_000)),
        "names longer than any file's" => format!("{padding}{padding}{number}"),
        "files" => format!("file{}", number % 1_000),
        "directories" => format!("{}/no", number % 1_000),
        _ => unreachable!(),
    };
    for kind in [
        "short names",
        "long names",
        "names in a deep directory",
        "names beneath missing directories",
        "names beneath one missing directory",
        "long paths that lead nowhere",
        "names longer than any file's",
        "files",
        "directories",
    ] {
        let root = Root::open(folder.here()).expect("it was just made");
        let before = counting::bytes();
        let limits = CacheLimits { bytes_max: BYTES_MAX as u64, ..CacheLimits::default() };
        let mut files = OpenFiles::new(limits);
        // Long after the files were written, so that each answer is kept for a while.
        let now =
            Now { monotonic: Instant::now(), wall: SystemTime::now() + Duration::from_secs(10) };
        let mut most = 0;
        for number in 0..6_000 {
            let path = path(kind, number);
            let _ = files.find(&root, path.as_bytes(), now, Disk::MayBlock);
            drop(path);
            most = most.max(counting::bytes().saturating_sub(before));
        }
        eprintln!("{kind}: {most} bytes");
        assert!(most <= BYTES_MAX, "{kind}: {most} bytes instead of {BYTES_MAX}");
    }
}

const BYTES_MAX: usize = 1_000_000;
