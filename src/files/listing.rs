//! What a directory beneath a root holds, as far as it would be served.
//!
//! It is read from the disk each time, and may take as long as that takes: a thread does it. It must never know how a
//! listing is shown.

use super::found::OpenError;
use super::key;
use super::name::is_reserved;
use super::root::Root;
use crate::http::Cancellation;
use crate::sys::file::{self, Disk, FileKind, Identity, LastLink, Symlinks, Timestamp};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The entries of a directory, in no order.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    /// Whether there are more than [`ENTRIES_MAX`]: the others are left out.
    pub(crate) has_more: bool,
    /// What the directory says about itself.
    pub(crate) readme: Option<Readme>,
}

/// A file or a directory. Of a link, this is what it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Box<[u8]>,
    pub(crate) is_directory: bool,
    /// Of a file.
    pub(crate) size_bytes: u64,
    pub(crate) modified: Timestamp,
}

/// The beginning of a file that introduces its directory.
#[derive(Debug)]
pub(crate) struct Readme {
    pub(crate) name: Box<[u8]>,
    pub(crate) text: Vec<u8>,
    /// Whether the file is longer.
    pub(crate) is_cut: bool,
}

impl Root {
    /// Reads the directory at `path`, which is empty or ends with a slash. A name is listed if `wanted` says so, and if
    /// it leads to a file or a directory that may be read: links are followed as this root follows them. Ends early
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// As for a look-up: nothing is there, or it may not be read.
    pub(crate) fn list(
        &self,
        path: &[u8],
        wanted: impl Fn(&[u8]) -> bool,
        cancellation: &Cancellation,
    ) -> Result<Listing, OpenError> {
        self.list_up_to(ENTRIES_MAX, path, wanted, cancellation)
    }

    fn list_up_to(
        &self,
        entries_max: usize,
        path: &[u8],
        wanted: impl Fn(&[u8]) -> bool,
        cancellation: &Cancellation,
    ) -> Result<Listing, OpenError> {
        if !key::may_exist(path) {
            return Err(OpenError::NotFound);
        }
        let root = file::open_directory(self.path())?;
        let open = |path: &[u8]| {
            let (links, follow) = (self.link_policy(), LastLink::Follow);
            file::open_beneath(root.as_fd(), path, links, follow, Disk::MayBlock)
        };
        let directory = open(path)?;
        let place = Place { open: &open, path, directory: directory.as_fd() };
        let mut listing = Listing::default();
        let mut seen: usize = 0;
        file::entries(directory.as_fd(), |name| {
            seen += 1;
            if seen.is_multiple_of(LOOKS_AFTER) && cancellation.is_cancelled() {
                return ControlFlow::Break(());
            }
            if is_reserved(name) || !wanted(name) {
                return ControlFlow::Continue(());
            }
            let Some(entry) = place.entry(name, self.link_policy()) else {
                return ControlFlow::Continue(());
            };
            listing.has_more = listing.entries.len() == entries_max;
            if listing.has_more {
                return ControlFlow::Break(());
            }
            listing.entries.push(entry);
            ControlFlow::Continue(())
        })?;
        listing.readme = place.readme(&listing.entries);
        Ok(listing)
    }
}

/// The directory that is read.
struct Place<'a, F> {
    /// Opens what is at a path beneath the root, as far as it is served.
    open: &'a F,
    path: &'a [u8],
    directory: BorrowedFd<'a>,
}

impl<F: Fn(&[u8]) -> io::Result<OwnedFd>> Place<'_, F> {
    /// What is served under a name, if anything is. A file that has gone in the meantime is nothing.
    fn entry(&self, name: &[u8], links: Symlinks) -> Option<Entry> {
        let found = file::identity_at(self.directory, name).ok()?;
        match found.kind {
            FileKind::Directory | FileKind::File => {
                file::is_readable(self.directory, name, found.kind).then(|| Entry::of(name, &found))
            }
            FileKind::Link if links != Symlinks::Never => {
                let open = self.open(name).ok()?;
                let found = file::identity(open.as_fd()).ok()?;
                let is_served = match found.kind {
                    FileKind::File => true,
                    FileKind::Directory => file::is_readable(open.as_fd(), b".", found.kind),
                    FileKind::Link | FileKind::Other => false,
                };
                is_served.then(|| Entry::of(name, &found))
            }
            FileKind::Link | FileKind::Other => None,
        }
    }

    /// The first of the usual names that is a file.
    fn readme(&self, entries: &[Entry]) -> Option<Readme> {
        let of_name = |wanted: &&[u8]| {
            let is_it =
                |entry: &&Entry| !entry.is_directory && entry.name.eq_ignore_ascii_case(wanted);
            entries.iter().filter(is_it).min_by_key(|entry| &entry.name)
        };
        let entry = README_NAMES.iter().find_map(of_name)?;
        let open = self.open(&entry.name).ok()?;
        if file::identity(open.as_fd()).ok()?.kind != FileKind::File {
            return None;
        }
        let mut text = vec![0; README_BYTES_MAX + 1];
        let mut length = 0;
        while length < text.len() {
            match file::read_at(open.as_fd(), &mut text[length..], length as u64, Disk::MayBlock) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(_) => return None,
            }
        }
        let is_cut = length > README_BYTES_MAX;
        text.truncate(length.min(README_BYTES_MAX));
        Some(Readme { name: entry.name.clone(), text, is_cut })
    }

    fn open(&self, name: &[u8]) -> io::Result<OwnedFd> {
        (self.open)(&[self.path, name].concat())
    }
}

impl Entry {
    fn of(name: &[u8], found: &Identity) -> Entry {
        Entry {
            name: name.into(),
            is_directory: found.kind == FileKind::Directory,
            size_bytes: found.size_bytes,
            modified: found.modified,
        }
    }
}

/// More entries than this are of no help to anybody, and would take memory.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// After so many names it is asked whether anybody still waits.
const LOOKS_AFTER: usize = 1024;

/// How much is shown of a file that introduces its directory.
const README_BYTES_MAX: usize = 64 * 1024;

const README_NAMES: [&[u8]; 3] = [b"README.md", b"README.txt", b"README"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::{Directory, bound_by_permissions};
    use std::os::unix::fs::PermissionsExt;

    fn list(root: &Root, path: &str, entries_max: usize) -> Result<Listing, OpenError> {
        root.list_up_to(entries_max, path.as_bytes(), |_| true, &Cancellation::default())
    }

    fn names(listing: &Listing) -> Vec<String> {
        let mut names: Vec<String> = listing
            .entries
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_listing_is_bounded_and_says_so() {
        let here = Directory::new();
        for number in 0..10 {
            here.write(format!("{number}"), "");
        }
        let root = Root::open(here.path()).expect("it is there");
        for (entries_max, count, has_more) in [(9, 9, true), (10, 10, false), (11, 10, false)] {
            let listing = list(&root, "", entries_max).expect("it can be read");
            assert_eq!((listing.entries.len(), listing.has_more), (count, has_more));
        }
        // What is not listed does not count.
        here.make_others("fifo", "socket");
        assert!(!list(&root, "", 10).expect("it can be read").has_more);
    }

    #[test]
    fn a_listing_that_nobody_waits_for_ends() {
        let here = Directory::new();
        for number in 0..2 * LOOKS_AFTER {
            here.write(format!("{number}"), "");
        }
        let root = Root::open(here.path()).expect("it is there");
        let cancelled = Cancellation::default();
        cancelled.cancel();
        let listing = root.list(b"", |_| true, &cancelled).expect("it can be read");
        assert!(listing.entries.len() < LOOKS_AFTER);
    }

    #[test]
    fn nothing_outside_the_root_is_listed() {
        let around = Directory::new();
        around.write("secret", "").write("root/d/a", "").link("root/out", "..");
        around.link("root/d/up", "..").link("root/d/out", "../..").link("root/abs", "/");
        let root = Root::open(around.at("root")).expect("it is there");
        assert_eq!(names(&list(&root, "", 9).expect("it can be read")), ["d"]);
        assert_eq!(names(&list(&root, "d/", 9).expect("it can be read")), ["a", "up"]);
        for path in ["out/", "d/out/", "abs/", "../", "d/../../", "/", "none/", "d/a/"] {
            assert!(matches!(list(&root, path, 9), Err(OpenError::NotFound)), "{path}");
        }
    }

    #[test]
    fn what_may_not_be_read_is_not_listed_and_a_directory_that_may_not_is_forbidden() {
        bound_by_permissions(|| {
            let here = Directory::new();
            here.write("open", "").write("closed", "").write("d/a", "").link("link", "closed");
            let set = |name: &str, mode| {
                std::fs::set_permissions(here.at(name), PermissionsExt::from_mode(mode))
                    .expect("it is ours");
            };
            set("closed", 0o000);
            set("d", 0o111);
            let root = Root::open(here.path()).expect("it is there");
            assert_eq!(names(&list(&root, "", 9).expect("it can be read")), ["open"]);
            assert!(matches!(list(&root, "d/", 9), Err(OpenError::Forbidden)));
            set("d", 0o700);
        });
    }
}
