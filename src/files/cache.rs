//! The open files of one worker: found once, then known until they change.
//!
//! It must never know a request, a status, or a clock: the caller says what time it is.
//!
//! A result that depends only on watched names is handed out without a system call until a change of one
//! of them is read. Any other result is looked up on the disk at each use, and only contents are kept. A
//! lookup watches the directories of the path, opens the file, takes a snapshot, and then reads the
//! changes; if one of them affects this result, the lookup starts again.

mod encoded;
mod forgetting;
mod variants;

use super::cache_limits::CacheLimits;
use super::directories::{Directories, Entered, RECHECK_AFTER, Search};
use super::disk_lookup::{self, DiskLookup};
use super::encoded_cache::EncodedCache;
use super::encoding::Encoding;
use super::found::{CacheUse, Found, Now, OpenError};
use super::key::{self, CacheKey};
use super::known_directory::Trust;
use super::lookup_cache::{CacheEntry, LookupCache};
use super::lookup_result::LookupResult;
use super::watches::Watches;
use super::{CachedFile, Prefetch, Root, Summation};
use crate::sys::file::{self, Cause, Disk, LastLink, Symlinks};
pub(crate) use encoded::Choice;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The open files of one worker.
///
#[derive(Debug)]
pub(crate) struct OpenFiles {
    limits: CacheLimits,
    cache: LookupCache,
    encoded: EncodedCache,
    /// Those that were begun, and that no thread has yet.
    encodings: Vec<Encoding>,
    directories: Directories,
    /// The key that [`OpenFiles::find`] looks for. It is a field so that its memory is used again.
    key: Vec<u8>,
    /// The name of the sibling that was looked for last. It is a field for the same reason.
    name: Vec<u8>,
    /// The key that is being looked up on the disk, so that a change meanwhile is noticed.
    sought: Option<CacheKey>,
    /// Whether something that it depends on has changed meanwhile.
    is_disturbed: bool,
    /// Why the last lookup found nothing to serve, where something is there.
    refusal: Option<&'static str>,
    /// What it has done since that was last asked.
    used: CacheUse,
    /// How many results were removed, or not kept, since the last sweep of the directories.
    removed: usize,
    /// How many lookups the cache answered.
    hits: u64,
    /// How many it did not.
    misses: u64,
    /// A sum that a thread is to compute.
    pub(super) summation: Option<Summation>,
    /// Whether threads compute sums for this worker, of a small and of a large file.
    pub(super) is_summing: Arc<[AtomicBool; 2]>,
}

/// What a cache keeps, and how often that was enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheNumbers {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// Directories whose changes the kernel reports.
    pub(crate) watched: u64,
}

impl OpenFiles {
    /// An empty cache.
    pub(crate) fn new(limits: CacheLimits) -> OpenFiles {
        OpenFiles::watching(limits, Watches::new())
    }

    /// Changes its bounds. What exceeds them makes room as others come; with smaller ones, everything is forgotten.
    pub(crate) fn set_limits(&mut self, limits: CacheLimits) {
        let is_smaller = limits.entries_max < self.limits.entries_max
            || limits.descriptors_max < self.limits.descriptors_max
            || limits.bytes_max < self.limits.bytes_max
            || limits.contents_bytes_max < self.limits.contents_bytes_max
            || limits.compressed_bytes_max < self.limits.compressed_bytes_max;
        self.limits = limits;
        self.cache.set_limits(limits);
        self.encoded.set_bytes_max(limits.compressed_bytes_max);
        self.directories.set_bytes_max(limits.bytes_max / 2);
        if is_smaller {
            self.forget_everything();
        }
    }

    fn watching(limits: CacheLimits, watches: Watches) -> OpenFiles {
        OpenFiles {
            limits,
            cache: LookupCache::new(limits),
            encoded: EncodedCache::new(limits.compressed_bytes_max),
            encodings: Vec::new(),
            directories: Directories::new(watches, limits.bytes_max / 2),
            key: Vec::new(),
            name: Vec::new(),
            sought: None,
            is_disturbed: false,
            refusal: None,
            used: CacheUse::None,
            removed: 0,
            hits: 0,
            misses: 0,
            summation: None,
            is_summing: Arc::default(),
        }
    }

    /// Finds what is at `path` beneath `root`.
    ///
    /// The path is decoded and normalised, and has no leading slash; "" is the root itself. It may
    /// hold any bytes, but nothing is found under a name that holds NUL, is empty, or is `.` or `..`. A
    /// trailing slash asks for a directory.
    ///
    /// A result in the cache takes no system call. It is as new as the last [`look`](OpenFiles::look);
    /// where nothing can be watched, every result is as new as this call. The kernel does not report
    /// three changes, which are noticed within a second: writing to a file through a memory map,
    /// writing to it through a second name that it was given after it was found, and mounting something
    /// on a directory of the path.
    ///
    /// # Errors
    /// See [`OpenError`]. This never waits for the other end of a FIFO, and waits for the disk only with
    /// [`Disk::MayBlock`]; otherwise, what the kernel would have to read is [`OpenError::Cold`]. (Without
    /// `openat2`, that is known of contents only, not of names.)
    pub(crate) fn find(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Result<Found, OpenError> {
        key::write(&mut self.key, root.id(), path);
        let known = self.cache.touch(&self.key);
        if let Some(entry) = known
            && now.monotonic < entry.fresh_until
        {
            self.used = self.used.max(CacheUse::Hit);
            self.hits += 1;
            return entry.result.found();
        }
        self.misses += 1;
        if !key::may_exist(path) {
            self.refusal = Some("no file that is served can have this path");
            return self.refuse(root, path, OpenError::NotFound);
        }
        if self.has_missing_directory(now) {
            self.used = self.used.max(CacheUse::Hit);
            return Err(OpenError::NotFound);
        }
        match self.revalidate(root, path, now, disk) {
            Some(file) => {
                self.used = self.used.max(CacheUse::Revalidated);
                Ok(Found::File(file))
            }
            None => {
                self.used = CacheUse::Miss;
                self.refusal = None;
                let found = self.find_on_disk(root, path, now, disk);
                self.clean_up();
                found.or_else(|error| self.refuse(root, path, error))
            }
        }
    }

    /// What it has done since this was last asked.
    pub(crate) fn take_use(&mut self) -> CacheUse {
        std::mem::take(&mut self.used)
    }

    /// Logs why something that is there is not served. A result from the cache is not logged again.
    fn refuse(&mut self, root: &Root, path: &[u8], error: OpenError) -> Result<Found, OpenError> {
        if let OpenError::NotFound | OpenError::Forbidden = error
            && let Some(reason) = self.refusal.take()
        {
            let (root, path) = (root.path().display(), path.escape_ascii());
            log::debug!("\"{path}\" in {root} is not served: {reason}");
        }
        Err(error)
    }

    /// Whether a directory of the path is known to be missing.
    fn has_missing_directory(&mut self, now: Now) -> bool {
        self.cache
            .touch_missing_directory(&self.key)
            .is_some_and(|entry| entry.trust == Trust::Watched && now.monotonic < entry.fresh_until)
    }

    /// The path below a root at which a file was found that is kept. `None`: it is not kept, or was found below
    /// another root. This looks at everything that is kept: it is not for a server that serves.
    pub(crate) fn path_of(&self, root: &Root, file: &Arc<CachedFile>) -> Option<&[u8]> {
        let key = self.cache.key_of(file)?;
        key::is_within(key, &key::of_root(root.id())).then(|| key::path(key))
    }

    /// What it keeps, and how often that was enough.
    pub(crate) fn numbers(&self) -> CacheNumbers {
        CacheNumbers {
            hits: self.hits,
            misses: self.misses,
            bytes: self.cache.bytes()
                + self.encoded.bytes()
                + self.directories.directories_bytes()
                + self.directories.table_bytes(),
            entries: self.cache.length() as u64,
            watched: self.directories.watched() as u64,
        }
    }

    /// A descriptor that is readable while there are changes to [`look`](OpenFiles::look) at; it suits an
    /// edge-triggered reactor, and stays the same for the life of this value. `None`: the system reports
    /// no changes, and each use asks the disk.
    pub(crate) fn watch_descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.directories.descriptor()
    }

    /// Asks the disk whether a watched file is unchanged, because some changes are not reported. If so, it
    /// is kept for another while, and depends on the same names as before.
    fn revalidate(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Option<Arc<CachedFile>> {
        let entry = self.cache.peek(&self.key)?;
        let LookupResult::File(file) = &entry.result else { return None };
        let is_kept_rightly =
            file.is_in_memory() || file.length() > self.worth_keeping_bytes(&self.key);
        if entry.trust != Trust::Watched || !file.is_settled() || !is_kept_rightly {
            return None;
        }
        let file = Arc::clone(file);
        if self.directories.enter(root, now.monotonic).ok()? == Entered::Elsewhere {
            return None;
        }
        let last = match root.link_policy() {
            Symlinks::Never => LastLink::Refuse,
            Symlinks::Inside | Symlinks::All => LastLink::Follow,
        };
        let open = self.directories.open(root, path, last, disk).ok()?;
        if file::identity(open.as_fd()).ok()? != *file.identity() {
            return None;
        }
        self.cache.renew(&self.key, now.monotonic + RECHECK_AFTER);
        Some(file)
    }

    /// Looks the path up on the disk, and keeps the result if nothing that it depends on changed meanwhile.
    fn find_on_disk(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Result<Found, OpenError> {
        let key: &CacheKey = &Rc::from(&self.key[..]);
        let search = Search { root, path, key, disk };
        for tries_left in (0..TRIES_MAX + TRIES_IF_MISSING).rev() {
            self.sought = Some(Rc::clone(key));
            self.is_disturbed = false;
            // A file that is written to all the time is not read into memory in the end.
            let contents_bytes_max =
                if tries_left > TRIES_IF_MISSING { self.worth_keeping_bytes(key) } else { 0 };
            let attempt = self.attempt(&search, contents_bytes_max, now);
            self.look();
            self.sought = None;
            match attempt {
                Ok(Some(DiskLookup { result, trust, missing, refusal })) => {
                    self.refusal = refusal;
                    let kept_as = missing.as_ref().unwrap_or(key);
                    if !self.is_disturbed
                        && self.was_announced(key, &result)
                        && self.was_announced(kept_as, &result)
                    {
                        self.keep(key, kept_as, &result, trust, now);
                        return result.found();
                    }
                    if tries_left <= TRIES_IF_MISSING && !matches!(result, LookupResult::Missing)
                        || tries_left == 0
                    {
                        self.remove(key);
                        return result.found();
                    }
                }
                Ok(None) => {}
                // A link in the root's own path may just have been replaced.
                Err(error)
                    if self.is_disturbed
                        && tries_left > 0
                        && matches!(Cause::of(&error), Cause::Missing | Cause::Link) => {}
                Err(error) => match Cause::of(&error) {
                    Cause::Cold if disk == Disk::MustNotBlock => {
                        return Err(OpenError::Cold(self.prefetch(root, path)));
                    }
                    Cause::Exhausted if self.give_back_descriptors(usize::MAX) > 0 => {}
                    _ => {
                        self.refusal = file::refusal(&error);
                        let error = OpenError::from(error);
                        return self.still_trusted(key, &error).unwrap_or(Err(error));
                    }
                },
            }
        }
        self.remove(key);
        Err(OpenError::Exhausted)
    }

    /// A job that reads into memory what leads to a path, and as much of its file as would be kept.
    fn prefetch(&mut self, root: &Root, path: &[u8]) -> Prefetch {
        self.removed += 1;
        let bytes_max = self.limits.contents_bytes_max;
        Prefetch::Path { root: root.clone(), path: path.to_vec(), bytes_max }
    }

    /// The largest file whose contents are worth keeping. The kernel caches contents too, and sends them
    /// from its cache for little more; so only small files and those that are often asked for are kept.
    fn worth_keeping_bytes(&self, key: &[u8]) -> u64 {
        if self.cache.uses(key) < OFTEN {
            self.limits.contents_bytes_max.min(SMALL_BYTES)
        } else {
            self.limits.contents_bytes_max
        }
    }

    /// Looks the path up on the disk once. `None`: something changed meanwhile, so look it up again.
    fn attempt(
        &mut self,
        search: &Search<'_>,
        contents_bytes_max: u64,
        now: Now,
    ) -> io::Result<Option<DiskLookup>> {
        if self.directories.enter(search.root, now.monotonic)? == Entered::Elsewhere {
            self.forget_within(&key::of_root(search.root.id()));
            return Ok(None);
        }
        let known = match self.cache.peek(search.key).map(|entry| &entry.result) {
            Some(LookupResult::File(file)) => Some(Arc::clone(file)),
            _ => None,
        };
        disk_lookup::look_up(&mut self.directories, search, known, contents_bytes_max, now.wall)
    }

    /// Whether what is kept under this key agrees with what was found now. If a watched result has changed
    /// without a notification, its directory is no longer the one that is watched, because something was
    /// mounted there, say: then all of the directory is forgotten.
    fn was_announced(&mut self, key: &CacheKey, result: &LookupResult) -> bool {
        match self.cache.peek(key) {
            Some(entry) if entry.trust == Trust::Watched && !entry.result.is_same(result) => {
                self.forget_within(&Rc::from(key::directory(key)));
                false
            }
            _ => true,
        }
    }

    /// Keeps a result. One that is looked up at each use is worth keeping only for its contents.
    fn keep(
        &mut self,
        key: &CacheKey,
        kept_as: &CacheKey,
        result: &LookupResult,
        trust: Trust,
        now: Now,
    ) {
        let fresh_for = match (trust, result) {
            (Trust::Asked, LookupResult::File(_)) => Duration::ZERO,
            (Trust::Asked, LookupResult::Directory | LookupResult::Missing) => {
                return self.remove(key);
            }
            (Trust::Watched, LookupResult::File(file)) => {
                file.settles_in(now.wall).min(RECHECK_AFTER)
            }
            (Trust::Watched, LookupResult::Directory | LookupResult::Missing) => RECHECK_AFTER,
        };
        if kept_as != key {
            self.remove(key);
        }
        let entry =
            CacheEntry { result: result.clone(), trust, fresh_until: now.monotonic + fresh_for };
        let dependencies_bytes = self.directories.dependencies_bytes(kept_as);
        let others_bytes = self.directories.directories_bytes() + self.directories.table_bytes();
        self.cache.insert(kept_as, entry, dependencies_bytes, others_bytes);
    }

    /// The result that is kept, where no descriptor is left to look on the disk: a watched result that has
    /// not changed is still true. After any other error nothing is kept.
    fn still_trusted(
        &mut self,
        key: &CacheKey,
        error: &OpenError,
    ) -> Option<Result<Found, OpenError>> {
        if let OpenError::Exhausted = error
            && let Some(entry) = self.cache.peek(key)
            && entry.trust == Trust::Watched
        {
            return Some(entry.result.found());
        }
        self.remove(key);
        None
    }

    /// Keeps nothing under this key.
    fn remove(&mut self, key: &CacheKey) {
        self.cache.remove(key);
        self.removed += 1;
    }
}

/// Copying contents up to this size costs less than sending them from a descriptor.
const SMALL_BYTES: u64 = 16 * 1024;

/// A file is asked for often if it is used so many times between two rechecks, which is about a second.
const OFTEN: u32 = 16;

/// How many times a path is looked up while it changes.
const TRIES_MAX: usize = 4;

/// How many more times a path that changes is looked up if nothing is found. The kernel follows a link in
/// two steps. Between them the link may be replaced and its old target removed, so that a name that is
/// there at every moment seems to be missing.
const TRIES_IF_MISSING: usize = 28;

#[cfg(test)]
mod tests;
