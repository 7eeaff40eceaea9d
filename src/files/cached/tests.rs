//! What is rendered of a file, and when it still holds.

use super::*;
use crate::sys::file::{FileKind, Timestamp};
use std::fs::File;
use std::io::Write;
use std::time::UNIX_EPOCH;

fn identity(modified_seconds: i64) -> Identity {
    let time = Timestamp { seconds: modified_seconds, nanoseconds: 7 };
    Identity {
        device: 1,
        inode: 2,
        kind: FileKind::File,
        names: 1,
        size_bytes: 3,
        modified: time,
        changed: time,
    }
}

fn rendered(modified_seconds: i64, wall_seconds: u64) -> CachedFile {
    let wall = UNIX_EPOCH + Duration::from_secs(wall_seconds);
    let identity = identity(modified_seconds);
    let version = FileVersion::judged(&identity, || false, wall);
    CachedFile::render(Contents::Memory(Box::from(*b"abc")), identity, version, "text/plain")
}

#[test]
fn an_empty_file_is_what_it_was_when_it_was_found_whatever_is_written_to_it_then() {
    let here = crate::sys::temporary::Directory::new();
    let mut file = File::create_new(here.at("a")).expect("it is a new directory");
    let open = || OwnedFd::from(File::open(here.at("a")).expect("it is there"));
    let snapshot = |identity, bytes_max| {
        let wall = SystemTime::now();
        CachedFile::snapshot(open(), identity, "", None, bytes_max, wall, Disk::MayBlock)
            .expect("the disk works")
    };
    let empty = file::identity(file.as_fd()).expect("it is open");
    file.write_all(b"one").expect("there is room");
    let found = snapshot(empty, 0).expect("nothing was read that could be torn");
    assert_eq!((found.length(), found.identity()), (0, &empty));

    let three_bytes = file::identity(file.as_fd()).expect("it is open");
    file.set_len(2).expect("it can be");
    assert!(snapshot(three_bytes, 3).is_none(), "what was read may be of another version");
}

#[test]
fn a_file_that_only_grows_still_holds_and_one_that_is_rewritten_does_not() {
    let here = crate::sys::temporary::Directory::new();
    let old = b"0123456789".repeat(5_000);
    let change = |new: &[u8]| {
        here.write("a", &old);
        let open = OwnedFd::from(File::open(here.at("a")).expect("it is there"));
        let identity = file::identity(open.as_fd()).expect("it is open");
        let is_resident = file::residency(open.as_fd(), 0) == file::Residency::Resident;
        let wall = SystemTime::now();
        let found = CachedFile::snapshot(open, identity, "", None, 0, wall, Disk::MayBlock)
            .expect("the disk works")
            .expect("it is a file");
        assert!(found.still_holds().expect("it is open"));
        // Where the kernel does not say what is in memory, no file counts as one that only grows.
        let has_samples = found.samples.last.is_some();
        assert!(has_samples || !is_resident);
        here.write("a", new);
        // As long as clocks are coarse, a size that differs tells versions apart as well.
        here.modify("a", wall + Duration::from_secs(1));
        (has_samples, found.still_holds().expect("it is open"))
    };
    let with = |at: usize, bytes: &[u8]| {
        let mut new = old.clone();
        new.resize(new.len().max(at + bytes.len()), b'.');
        new[at..at + bytes.len()].copy_from_slice(bytes);
        new
    };
    for (new, expected, what) in [
        (with(50_000, b"x"), true, "longer by a byte"),
        (with(50_000, &[b'x'; 100_000]), true, "longer by far"),
        (old.clone(), false, "written again, and no longer"),
        (old[..49_999].to_vec(), false, "shorter"),
        (with(49_999, b"xx"), false, "longer, with another last byte"),
        ([b"x", &old[1..], b"x"].concat(), false, "longer, with another first byte"),
        (b"x".repeat(60_000), false, "another and longer"),
        ([b"x", &old[..]].concat(), false, "moved by a byte"),
    ] {
        let (has_samples, holds) = change(&new);
        assert_eq!(holds, expected && has_samples, "{what}");
    }
}

#[test]
fn the_headers_of_a_file_say_its_version_and_its_type() {
    let file = rendered(784_111_777, 1_000_000_000);
    assert_eq!(
        String::from_utf8_lossy(file.plain().headers().as_bytes()),
        "ETag: \"ae1b981bc490a07-3\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Accept-Ranges: bytes\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\n"
    );
    assert_eq!(file.content_type(), b"text/plain");
    assert_eq!(file.length(), 3);
}
