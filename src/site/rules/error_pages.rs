//! Error pages of a scope's own, by status.
//!
//! A page is a file. Where a response can wait for the disk it is found through the cache, as every file is; a refusal
//! in the middle of a request gets what can be read at once.
//!
//! It must never know why there is an error.

use super::headers::{Precision, Statuses};
use crate::files::{Disk, Root, SmallFile};
use crate::http::Status;
use crate::site::{Body, Response};
use std::sync::atomic::{AtomicBool, Ordering};

/// The page of some statuses.
#[derive(Debug)]
pub(crate) struct ErrorPage {
    statuses: Statuses,
    root: Root,
    /// Relative to the root.
    path: Vec<u8>,
    /// Where in the configuration it was written.
    pub(super) written_at: usize,
    /// Whether it was logged that the page is missing, which is done once.
    has_warned: AtomicBool,
}

impl ErrorPage {
    /// The file at a path beneath a root.
    pub(crate) fn new(statuses: Statuses, root: Root, path: &str, written_at: usize) -> ErrorPage {
        let path = path.trim_start_matches('/').as_bytes().to_vec();
        ErrorPage { statuses, root, path, written_at, has_warned: AtomicBool::new(false) }
    }

    /// How precisely it is meant for a status.
    pub(super) fn precision(&self, status: Status) -> Option<Precision> {
        self.statuses.contains(status)
    }

    /// A response that names the page.
    pub(super) fn named(&self, status: Status) -> Response {
        Response::file(&self.root, &self.path).status(status)
    }

    /// The page itself, if it can be read without waiting; otherwise the response without one.
    pub(super) fn at_once(&self, status: Status) -> Response {
        match SmallFile::read(&self.root, &self.path, PAGE_BYTES_MAX, Disk::MustNotBlock) {
            Ok(file) => Response::bytes(&file.content_type, file.bytes).status(status),
            Err(_) => Response::new(status),
        }
    }

    /// Why the page cannot be sent.
    ///
    /// # Errors
    /// That of the disk.
    #[cfg(feature = "cli")]
    pub(crate) fn check(&self) -> std::io::Result<()> {
        SmallFile::read(&self.root, &self.path, PAGE_BYTES_MAX, Disk::MayBlock).map(drop)
    }

    /// Where the page is.
    pub(crate) fn place(&self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.root.path().join(std::ffi::OsStr::from_bytes(&self.path))
    }

    /// The error response with the page that was found for it. It has the page's type and nothing else of the file: no
    /// validators, so that no precondition makes anything else of it, and no client keeps it.
    pub(super) fn put_on(&self, mut original: Response, found: Response) -> Response {
        if found.status != original.status || matches!(found.body, Body::Empty) {
            if found.status != original.status && !self.has_warned.swap(true, Ordering::Relaxed) {
                let (page, status) = (self.place(), original.status);
                log::warn!(
                    "cannot read the error page {page:?} for {status}; sending the built-in page (logged once)"
                );
            }
            return original;
        }
        let content_type = found.headers.value("Content-Type").unwrap_or(b"text/html");
        original.headers.put("Content-Type", content_type);
        if original.headers.value("Cache-Control").is_none() {
            original.headers.put("Cache-Control", "no-store");
        }
        original.body = found.body;
        original
    }
}

/// Finds the page for a status: that of the innermost scope, and there the one that names the status most precisely.
pub(super) fn find(scopes: &[Box<[ErrorPage]>], status: Status) -> Option<&ErrorPage> {
    scopes.iter().find_map(|pages| {
        let fit = pages.iter().filter_map(|page| Some((page.precision(status)?, page)));
        fit.max_by_key(|(precision, _)| *precision).map(|(_, page)| page)
    })
}

/// The largest page that a refusal is given.
const PAGE_BYTES_MAX: usize = 1 << 20;
