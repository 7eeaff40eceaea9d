//! Which results depend on which names in which watched directories.
//!
//! It must never know what the results are.

use super::key::CacheKey;
use crate::sys::trouble::Trouble;
use crate::sys::watch::{self, WatchEvent, WatchId, Watchable, Watcher};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

/// What a change of a name invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Extent {
    /// The result of this key alone.
    Entry,
    /// The directory of this key, and all that lies beneath it.
    Subtree,
}

/// What a change has invalidated.
#[derive(Debug)]
pub(super) enum Invalidation {
    Key(CacheKey, Extent),
    /// A watched directory was moved or removed.
    Directory(WatchId),
    /// Changes were lost.
    Everything,
}

/// The watched directories, and for each name in them what depends on it.
///
/// A dependency is added after the directory is watched and the name looked up, but before
/// [`read`](Watches::read): whatever happens to the name after it was looked up is then read.
#[derive(Debug)]
pub(super) struct Watches {
    watcher: Option<Watcher>,
    directories: BTreeMap<WatchId, BTreeSet<Dependency>>,
    /// The names that each key depends on: the same dependencies, from the other side.
    by_key: HashMap<(CacheKey, Extent), Vec<(WatchId, FileName)>>,
    directories_max: usize,
}

type FileName = Rc<[u8]>;

/// A key depends on a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    name: FileName,
    key: CacheKey,
    extent: Extent,
}

impl Watches {
    /// Where the system gives no watcher, nothing can be watched.
    pub(super) fn new() -> Watches {
        let watcher = match Watcher::new() {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                log::warn!(
                    "no change notifications, each file is looked at for each request: {error}"
                );
                None
            }
        };
        Watches::with(watcher, DIRECTORIES_MAX)
    }

    fn with(watcher: Option<Watcher>, directories_max: usize) -> Watches {
        let (directories, by_key) = (BTreeMap::new(), HashMap::new());
        Watches { watcher, directories, by_key, directories_max }
    }

    /// Watches a directory, if the kernel reports every change of this kind in it.
    pub(super) fn watch(&mut self, directory: BorrowedFd<'_>, what: Watchable) -> Option<WatchId> {
        let watcher = self.watcher.as_ref()?;
        if watch::watchable(directory) < what {
            return None;
        }
        let watch = match watcher.add(directory, what) {
            Ok(watch) => watch,
            Err(error) => {
                Watches::note_refused(&error);
                return None;
            }
        };
        if !self.directories.contains_key(&watch) {
            if self.directories.len() >= self.directories_max {
                Trouble::WatchRefused.note();
                watcher.remove(watch);
                return None;
            }
            self.directories.insert(watch, BTreeSet::new());
        }
        Some(watch)
    }

    /// The kernel does not watch a directory. Where the user watches too much already, others follow, so that is logged
    /// once.
    fn note_refused(error: &io::Error) {
        let is_bound =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::OutOfMemory);
        // A directory that may not be read is not watched either; that is no trouble.
        if is_bound && Trouble::WatchRefused.note() {
            log::warn!(
                "no more directories can be watched, so files in others are looked at for each request: {error} ({})",
                watch::HOW_TO_WATCH_MORE
            );
        }
    }

    /// Notes that a key depends on a name. `false`: it was noted already.
    pub(super) fn add_dependency(
        &mut self,
        watch: WatchId,
        name: &[u8],
        key: &CacheKey,
        extent: Extent,
    ) -> bool {
        let name = FileName::from(name);
        let dependency = Dependency { name: Rc::clone(&name), key: Rc::clone(key), extent };
        let is_new = self.directories.entry(watch).or_default().insert(dependency);
        if is_new {
            let names = self.by_key.entry((Rc::clone(key), extent));
            names.or_insert_with(|| Vec::with_capacity(1)).push((watch, name));
        }
        is_new
    }

    /// Drops the dependencies of a key.
    pub(super) fn release(&mut self, key: &CacheKey, extent: Extent) {
        for (watch, name) in self.by_key.remove(&(Rc::clone(key), extent)).unwrap_or_default() {
            if let Some(dependencies) = self.directories.get_mut(&watch) {
                dependencies.remove(&Dependency { name, key: Rc::clone(key), extent });
            }
        }
        // As many keys were removed as are moved.
        if self.by_key.capacity() > (4 * self.by_key.len()).max(TABLE_LENGTH_MIN) {
            self.by_key.shrink_to(2 * self.by_key.len());
        }
    }

    /// How many bytes of memory the dependencies of a key take.
    pub(super) fn dependencies_bytes(&self, key: &CacheKey, extent: Extent) -> u64 {
        let names = self.by_key.get(&(Rc::clone(key), extent));
        names.into_iter().flatten().map(|(_, name)| DEPENDENCY_BYTES + name.len() as u64).sum()
    }

    /// How many bytes of memory the table of keys takes, whether there are keys in it or not.
    pub(super) fn table_bytes(&self) -> u64 {
        self.by_key.capacity() as u64 * BY_KEY_BYTES
    }

    /// Reads the changes; returns what they invalidate. The caller [releases](Watches::release) its
    /// dependencies, and adds those of what it finds then.
    pub(super) fn read(&mut self) -> Vec<Invalidation> {
        let mut invalidations = Vec::new();
        let Some(watcher) = &self.watcher else {
            return invalidations;
        };
        let directories = &mut self.directories;
        let result = watcher.read(|change| match change {
            WatchEvent::Name(watch, name) => {
                if let Some(dependencies) = directories.get_mut(&watch) {
                    invalidations
                        .extend(take(dependencies, name).into_iter().map(Dependency::invalidation));
                }
            }
            WatchEvent::Directory(watch) => invalidations.push(Invalidation::Directory(watch)),
            WatchEvent::Gone(watch) => {
                // A sweep drops it once the dependencies on names in it are released.
                if directories.contains_key(&watch) {
                    invalidations.push(Invalidation::Directory(watch));
                }
            }
            WatchEvent::Overflow => {
                Trouble::ChangesLost.note();
                invalidations.push(Invalidation::Everything);
            }
        });
        if let Err(error) = result {
            log::error!("change notifications are lost: {error}");
            self.watcher = None;
            invalidations.push(Invalidation::Everything);
        }
        invalidations
    }

    /// The keys that depend on names in a watched directory.
    pub(super) fn dependents_in(
        &self,
        watch: WatchId,
    ) -> impl Iterator<Item = (&CacheKey, Extent)> {
        let dependencies = self.directories.get(&watch);
        dependencies.into_iter().flatten().map(|dependency| (&dependency.key, dependency.extent))
    }

    /// The watched directory after this one, or the first.
    pub(super) fn after(&self, watch: Option<WatchId>) -> Option<WatchId> {
        let from = watch.map_or(Bound::Unbounded, Bound::Excluded);
        self.directories.range((from, Bound::Unbounded)).next().map(|(&watch, _)| watch)
    }

    /// Stops watching a directory if nothing depends on a name in it.
    pub(super) fn drop_if_unused(&mut self, watch: WatchId) {
        if self.directories.get(&watch).is_some_and(BTreeSet::is_empty) {
            self.directories.remove(&watch);
            if let Some(watcher) = &self.watcher {
                watcher.remove(watch);
            }
        }
    }

    /// Whether there is no room for another directory.
    pub(super) fn is_full(&self) -> bool {
        self.watcher.is_some() && self.directories.len() >= self.directories_max
    }

    /// How many directories are watched.
    pub(super) fn length(&self) -> usize {
        self.directories.len()
    }

    /// Readable while there are changes to read.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }
}

impl Dependency {
    fn invalidation(self) -> Invalidation {
        Invalidation::Key(self.key, self.extent)
    }
}

/// A position in the order of dependencies. Nothing depends on most names that change, so looking for a
/// name must not need a [`Dependency`].
trait Ordered {
    fn parts(&self) -> (&[u8], &[u8], Extent);
}

impl Ordered for Dependency {
    fn parts(&self) -> (&[u8], &[u8], Extent) {
        (&self.name, &self.key, self.extent)
    }
}

/// Before all dependencies about a name.
struct BeforeAll<'a>(&'a [u8]);

impl Ordered for BeforeAll<'_> {
    fn parts(&self) -> (&[u8], &[u8], Extent) {
        (self.0, b"", Extent::Entry)
    }
}

impl<'a> Borrow<dyn Ordered + 'a> for Dependency {
    fn borrow(&self) -> &(dyn Ordered + 'a) {
        self
    }
}

impl Ord for dyn Ordered + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for dyn Ordered + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Ordered + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Ordered + '_ {}

/// Takes out the dependencies about a name.
fn take(dependencies: &mut BTreeSet<Dependency>, name: &[u8]) -> Vec<Dependency> {
    let before_all: &dyn Ordered = &BeforeAll(name);
    let from = (Bound::Included(before_all), Bound::Unbounded);
    let about_it = dependencies
        .range::<dyn Ordered, _>(from)
        .take_while(|dependency| *dependency.name == *name);
    let taken: Vec<Dependency> = about_it.cloned().collect();
    taken.iter().for_each(|dependency| {
        dependencies.remove(dependency);
    });
    taken
}

/// About what a dependency takes in the tables, without its name and key, and its place in the table of keys.
const DEPENDENCY_BYTES: u64 = 200;

/// What a key takes in its table: a seventh of a table of hashes is always empty, and a byte belongs to each.
const BY_KEY_BYTES: u64 =
    (size_of::<((CacheKey, Extent), Vec<(WatchId, FileName)>)>() as u64 + 1) * 8 / 7;

/// Tables up to this length are not worth shrinking.
const TABLE_LENGTH_MIN: usize = 64;

/// Per worker. What is in further directories is asked for at each use. A kernel gives each user
/// 8,192 at least, and some hundred thousand where there is memory.
const DIRECTORIES_MAX: usize = 4096;

#[cfg(test)]
impl Watches {
    /// Watching nothing, as where nothing can be watched.
    pub(super) fn none() -> Watches {
        Watches::with(None, 0)
    }

    /// How many dependencies there are, counted from either side.
    pub(super) fn dependencies(&self) -> (usize, usize) {
        let by_name = self.directories.values().map(BTreeSet::len).sum();
        (by_name, self.by_key.values().map(Vec::len).sum())
    }

    pub(super) fn limit(&mut self, directories_max: usize) {
        self.directories_max = directories_max;
    }
}
