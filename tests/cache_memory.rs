//! The memory of a worker's cache stays within `bytes_max`, whatever is asked for: not as the cache
//! reckons, but as the allocator counts.

use httpd::files::{CacheLimits, Disk, Now, OpenFiles, Root};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts the bytes that are allocated; the system's allocator does the work.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each call is handed on as it came to the system's allocator, which keeps the contract;
// counting touches an atomic and allocates nothing. There is no safe way to watch allocations.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this very call.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn whatever_is_asked_for_memory_stays_within_the_bound() {
    let folder = folder();
    fs::create_dir_all(folder.join("directory")).expect("it is a new directory");
    let deep = "deep/".repeat(100);
    fs::create_dir_all(folder.join(&deep)).expect("it is a new directory");
    for number in 0..1_000 {
        fs::write(folder.join(format!("file{number}")), "1").expect("there is room");
    }
    for number in 0..1_000 {
        fs::create_dir(folder.join(format!("{number}"))).expect("there is room");
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
        let root = Root::open(&folder).expect("it was just made");
        let before = ALLOCATED.load(Ordering::Relaxed);
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
            most = most.max(ALLOCATED.load(Ordering::Relaxed).saturating_sub(before));
        }
        eprintln!("{kind}: {most} bytes");
        assert!(most <= BYTES_MAX, "{kind}: {most} bytes instead of {BYTES_MAX}");
    }
    fs::remove_dir_all(&folder).expect("it is ours");
}

fn folder() -> PathBuf {
    let name = format!("httpd-cache-memory-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

const BYTES_MAX: usize = 1_000_000;
