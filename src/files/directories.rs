//! The directories that paths lead through, from `/` to each root and from there to its files: which are
//! open or watched, and what depends on which name in them.
//!
//! It must never know what was found at the end of a path.

use super::Root;
use super::directory_table::DirectoryTable;
use super::key::{self, CacheKey};
use super::known_directory::{KnownDirectory, Trust};
use super::resolve::{Resolved, Resolver};
use super::watches::{Extent, Invalidation, Watches};
use crate::sys::file::{self, Cause, Disk, LastLink, Symlinks};
use crate::sys::reason::reason;
use crate::sys::trouble::Trouble;
use crate::sys::watch::{WatchId, Watchable};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The directories that a worker knows.
#[derive(Debug)]
pub(super) struct Directories {
    watches: Watches,
    /// The roots as they are open at present, by the root's key.
    open_roots: HashMap<CacheKey, OpenRoot>,
    table: DirectoryTable,
    /// Keys that were noted to depend on a name since [`Directories::take_new_dependents`].
    new_dependents: Vec<CacheKey>,
    sweep: Sweep,
}

/// How far the search for directories that nothing needs any more has come.
#[derive(Debug, Default)]
enum Sweep {
    #[default]
    Done,
    /// It goes through the directories, last key first; this one was the last to be looked at.
    Directories(Option<CacheKey>),
    /// It goes through the watches; this one was the last to be looked at.
    Watches(Option<WatchId>),
}

/// A root's directory.
#[derive(Debug)]
struct OpenRoot {
    open: OwnedFd,
    directory: KnownDirectory,
    checked: Instant,
}

/// Which path to look up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub(super) root: &'a Root,
    pub(super) path: &'a [u8],
    /// Of this path beneath this root.
    pub(super) key: &'a CacheKey,
    pub(super) disk: Disk,
}

/// How a root was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// Where it was, or for the first time.
    AsKnown,
    /// Elsewhere than before: nothing that was known beneath it holds.
    Elsewhere,
}

impl Directories {
    /// Keeps about so many bytes at most of what is known of directories.
    pub(super) fn new(watches: Watches, bytes_max: u64) -> Directories {
        Directories {
            watches,
            open_roots: HashMap::new(),
            table: DirectoryTable::new(bytes_max),
            new_dependents: Vec::new(),
            sweep: Sweep::Done,
        }
    }

    /// Sets how many bytes are kept of what is known of directories.
    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.table.set_bytes_max(bytes_max);
    }

    /// The open roots whose numbers are not among these.
    pub(super) fn roots_except(&self, living: &HashSet<u64>) -> Vec<CacheKey> {
        let is_living = |key: &&CacheKey| {
            <[u8; 8]>::try_from(&key[..]).is_ok_and(|id| living.contains(&u64::from_ne_bytes(id)))
        };
        self.open_roots.keys().filter(|key| !is_living(key)).cloned().collect()
    }

    /// Makes sure that the root's directory is open, and that its path still leads there. The directories
    /// of the path are watched. Where they cannot be, this follows the path at each call. It also follows
    /// it once a second in any case, because some changes are not reported, such as mounting.
    pub(super) fn enter(&mut self, root: &Root, now: Instant) -> io::Result<Entered> {
        let entered = self.find_root(root, now);
        match &entered {
            Ok(Entered::AsKnown) => {}
            Ok(Entered::Elsewhere) => note_elsewhere(root),
            Err(error) => note_gone(root, error),
        }
        entered
    }

    fn find_root(&mut self, root: &Root, now: Instant) -> io::Result<Entered> {
        let Some(open_root) = self.open_roots.get_mut(&root.id().to_ne_bytes()[..]) else {
            let key = key::of_root(root.id());
            let mut open_root = self.open_root(root, &key, now)?;
            if !self.table.insert(&key, open_root.directory) {
                open_root.directory.watch = None;
            }
            self.open_roots.insert(key, open_root);
            return Ok(Entered::AsKnown);
        };
        if open_root.directory.watch.is_some() && now < open_root.checked + RECHECK_AFTER {
            return Ok(Entered::AsKnown);
        }
        let directory = file::open_directory(root.path())?;
        if !open_root.directory.is(&KnownDirectory::unwatched(directory.as_fd())?) {
            return Ok(Entered::Elsewhere);
        }
        open_root.checked = now;
        Ok(Entered::AsKnown)
    }

    /// Opens a root. Every directory from `/` to it is watched first, so that no change is missed: neither one
    /// that makes it lead elsewhere, nor one because of which nothing is found now.
    fn open_root(&mut self, root: &Root, key: &CacheKey, now: Instant) -> io::Result<OpenRoot> {
        let top = file::open_directory(Path::new("/"))?;
        let start =
            KnownDirectory::of(top.as_fd(), &mut self.watches, Watchable::Names, Trust::Watched)?;
        let mut resolver = Resolver {
            watches: &mut self.watches,
            symlinks: Symlinks::All,
            what: Watchable::Names,
            disk: Disk::MayBlock,
            sought: key,
            new_dependents: &mut self.new_dependents,
        };
        let path = root.path().as_os_str().as_bytes();
        let resolved =
            resolver.resolve(path, (top.as_fd(), start), |_| Rc::clone(key), |_, _| true)?;

        let open = file::open_directory(root.path())?;
        let mut directory = KnownDirectory::of(
            open.as_fd(),
            &mut self.watches,
            Watchable::Contents,
            resolved.trust,
        )?;
        if !directory.is(&resolved.directory) {
            directory.watch = None;
        }
        Ok(OpenRoot { open, directory, checked: now })
    }

    /// Resolves the path up to the directory of its last component. The root has been [entered](Directories::enter).
    pub(super) fn resolve_parent(&mut self, search: &Search<'_>) -> io::Result<Resolved> {
        let directory = key::directory(search.key);
        let top = entered(&self.open_roots, search.root).directory;
        match self.table.get(directory) {
            Some(directory) => Ok(Resolved::at(directory)),
            // Resolving the path would teach nothing.
            None if top.watch.is_none() => Ok(Resolved::at(top)),
            None => self.resolve(search, key::path(directory)),
        }
    }

    /// Resolves `path` beneath the root; the path of the search begins with it.
    pub(super) fn resolve(&mut self, search: &Search<'_>, path: &[u8]) -> io::Result<Resolved> {
        let open_root = entered(&self.open_roots, search.root);
        let table = &mut self.table;
        let mut resolver = Resolver {
            watches: &mut self.watches,
            symlinks: search.root.link_policy(),
            what: Watchable::Contents,
            disk: search.disk,
            sought: search.key,
            new_dependents: &mut self.new_dependents,
        };
        resolver.resolve(
            path,
            (open_root.open.as_fd(), open_root.directory),
            |end| key::prefix(search.key, end),
            |key, directory| table.insert(key, directory),
        )
    }

    /// Opens what is at `path`. The root has been [entered](Directories::enter).
    pub(super) fn open(
        &self,
        root: &Root,
        path: &[u8],
        last: LastLink,
        disk: Disk,
    ) -> io::Result<OwnedFd> {
        let directory = entered(&self.open_roots, root).open.as_fd();
        file::open_beneath(directory, path, root.link_policy(), last, disk)
    }

    /// Notes that the result of `key` depends on its last name in the directory `watch`.
    pub(super) fn depend_on(&mut self, watch: WatchId, key: &CacheKey) {
        let name = key::name(key);
        if !name.is_empty() && self.watches.add_dependency(watch, name, key, Extent::Entry) {
            self.new_dependents.push(Rc::clone(key));
        }
    }

    /// The keys that were noted to depend on a name since the last call. The caller
    /// [releases](Directories::release) those that it does not keep.
    pub(super) fn take_new_dependents(&mut self) -> Vec<CacheKey> {
        std::mem::take(&mut self.new_dependents)
    }

    /// Drops the dependencies of a key whose result is not kept.
    pub(super) fn release(&mut self, key: &CacheKey) {
        self.watches.release(key, Extent::Entry);
    }

    /// How many bytes of memory the dependencies of a key take.
    pub(super) fn dependencies_bytes(&self, key: &CacheKey) -> u64 {
        self.watches.dependencies_bytes(key, Extent::Entry)
    }

    /// How many bytes of memory all directories take.
    pub(super) fn directories_bytes(&self) -> u64 {
        self.table.bytes() + self.watches.length() as u64 * WATCH_BYTES
    }

    /// How many directories the kernel reports changes of.
    pub(super) fn watched(&self) -> usize {
        self.watches.length()
    }

    /// How many bytes of memory the table of dependencies takes, beside what is counted for each key.
    pub(super) fn table_bytes(&self) -> u64 {
        self.watches.table_bytes()
    }

    /// Whether there is no room for more directories.
    pub(super) fn is_full(&self) -> bool {
        self.table.is_full() || self.watches.is_full()
    }

    /// Reads the changes; returns what they invalidate.
    pub(super) fn read(&mut self) -> Vec<Invalidation> {
        self.watches.read()
    }

    /// The keys under which a watched directory is known.
    pub(super) fn keys_of(&self, watch: WatchId) -> impl Iterator<Item = &CacheKey> {
        self.table.keys_of(watch)
    }

    /// The keys outside of a watched directory that depend on names in it, because links lead there.
    pub(super) fn dependents_elsewhere(&self, watch: WatchId) -> Vec<(CacheKey, Extent)> {
        let keys: Vec<&CacheKey> = self.keys_of(watch).take(DIRECTORY_KEYS_MAX).collect();
        let dependents = self.watches.dependents_in(watch);
        let is_within = |key: &CacheKey| keys.iter().any(|it| key::is_within(key, it));
        dependents
            .filter(|(key, _)| !is_within(key))
            .map(|(key, extent)| (Rc::clone(key), extent))
            .collect()
    }

    /// Forgets a directory and those beneath it.
    pub(super) fn forget_within(&mut self, directory: &CacheKey) {
        for key in self.table.within(directory) {
            self.forget(&key);
        }
        // A directory that is not in the table may have dependencies too: resolving it was not completed, or there
        // was no room for it.
        self.forget(directory);
    }

    fn forget(&mut self, key: &CacheKey) {
        self.open_roots.remove(key);
        self.table.remove(key);
        self.watches.release(key, Extent::Subtree);
    }

    /// Forgets all directories. They stay watched: most will be needed again.
    pub(super) fn clear(&mut self) {
        while let Some(key) = self.table.before(None).map(|(key, _)| Rc::clone(key)) {
            self.forget(&key);
        }
        self.open_roots.clear();
    }

    /// Begins to look for directories that nothing needs any more.
    pub(super) fn begin_sweep(&mut self) {
        if let Sweep::Done = self.sweep {
            // A root that found no room among the directories may find some now.
            let table = &self.table;
            self.open_roots.retain(|key, _| table.get(key).is_some());
            self.sweep = Sweep::Directories(None);
        }
    }

    /// Looks at a portion of the directories. Forgets those in which nothing is kept, as `holds` says, and
    /// stops watching those that nothing depends on then. Forgets a directory that could not be watched
    /// too, because there may be room for another watch now.
    pub(super) fn sweep_on(&mut self, holds: impl Fn(&[u8]) -> bool) {
        for _ in 0..SWEPT_AT_ONCE {
            match &self.sweep {
                Sweep::Done => return,
                Sweep::Directories(last) => match self.table.before(last.as_ref()) {
                    None => self.sweep = Sweep::Watches(None),
                    Some((key, directory)) => {
                        let key = Rc::clone(key);
                        let is_watched =
                            directory.watch.is_some() || self.open_roots.contains_key(&key);
                        // A subdirectory depends on all that this directory depends on.
                        let is_used = holds(&key) || self.table.has_beneath(&key);
                        if !is_used || !is_watched {
                            self.forget(&key);
                        }
                        self.sweep = Sweep::Directories(Some(key));
                    }
                },
                &Sweep::Watches(last) => match self.watches.after(last) {
                    None => self.sweep = Sweep::Done,
                    Some(watch) => {
                        if self.keys_of(watch).next().is_none() {
                            self.watches.drop_if_unused(watch);
                        }
                        self.sweep = Sweep::Watches(Some(watch));
                    }
                },
            }
        }
    }

    /// Readable while there are changes to read.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watches.descriptor()
    }
}

fn entered<'a>(open_roots: &'a HashMap<CacheKey, OpenRoot>, root: &Root) -> &'a OpenRoot {
    open_roots
        .get(&root.id().to_ne_bytes()[..])
        .expect("a root is entered before anything beneath it is looked up")
}

/// Something was mounted on a root or unmounted from it, or its path was made to lead elsewhere, as deployments do it.
#[cold]
fn note_elsewhere(root: &Root) {
    // Every worker notices it.
    if Trouble::RootReplaced.note_unless_recent(RECHECK_AFTER) {
        log::info!("{}: another directory is there now, and is served", root.path().display());
    }
}

/// A root cannot be opened, so all that is beneath it is missing.
#[cold]
fn note_gone(root: &Root, error: &io::Error) {
    let is_lasting = matches!(Cause::of(error), Cause::Missing | Cause::Denied | Cause::Failed);
    if is_lasting && Trouble::RootGone.note_unless_recent(ROOT_LOGGED_EVERY) {
        let reason = reason(error);
        let root = root.path().display();
        log::error!("{root}: {reason}: nothing beneath it is found (logged once a minute)");
    }
}

/// How often a root that has gone is logged.
const ROOT_LOGGED_EVERY: Duration = Duration::from_secs(60);

/// How long a watched result is used without asking the disk. The kernel does not report every change;
/// the others are noticed within this time. Asking once a second costs nothing that can be measured.
pub(super) const RECHECK_AFTER: Duration = Duration::from_secs(1);

/// Directories that are looked at in one portion of a sweep.
const SWEPT_AT_ONCE: usize = 64;

/// With how many keys of a directory its dependents are compared. A dependent beneath a further key counts
/// as one that lies elsewhere, and is invalidated by itself.
const DIRECTORY_KEYS_MAX: usize = 8;

/// About what a watched directory takes in the tables.
const WATCH_BYTES: u64 = 640;

#[cfg(test)]
impl Directories {
    pub(super) fn watches(&mut self) -> &mut Watches {
        &mut self.watches
    }
}
