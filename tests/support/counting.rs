//! An allocator that counts, for targets that make it theirs:
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The system's allocator does the work.
pub struct Counting;

/// Whether allocations are counted.
static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// How many bytes the process has allocated now.
pub fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// How often anything in the process allocates meanwhile.
pub fn allocations_of(run: impl FnOnce()) -> usize {
    /// Ends the count also when a check fails.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            COUNTS.store(false, Ordering::Relaxed);
        }
    }
    let end = End;
    ALLOCATIONS.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    run();
    drop(end);
    ALLOCATIONS.load(Ordering::Relaxed)
}

fn note(new_bytes: usize) {
    BYTES.fetch_add(new_bytes, Ordering::Relaxed);
    if COUNTS.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: each call is handed on as it came to the system's allocator, which keeps the contract;
// counting touches atomics and allocates nothing. There is no safe way to watch allocations.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
