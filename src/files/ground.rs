//! The ground between the roots and their files: which directories lie on the way, which of them are
//! watched, and what rests on which name in them.
//!
//! It must never know an answer.

use super::Root;
use super::directories::Directories;
use super::key::{self, Key};
use super::store::Trust;
use super::walk::{Place, Walk, Walked};
use super::watches::{Doubt, Reach, Watches};
use crate::sys::file::{self, Disk, LastLink, Symlinks};
use crate::sys::watch::{WatchId, Watchable};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// All that is known of directories.
#[derive(Debug)]
pub(super) struct Ground {
    watches: Watches,
    /// The roots as they are open at present, by the root's key.
    views: HashMap<Key, View>,
    directories: Directories,
    /// Keys that were noted to rest on a name since [`Ground::take_noted`].
    noted: Vec<Key>,
    sweep: Sweep,
}

/// How far the directories are looked through for those that are of no use any more.
#[derive(Debug, Default)]
enum Sweep {
    #[default]
    Done,
    /// Those from here on are looked through.
    Directories(Option<Key>),
    /// So are all directories, and the watched ones up to here.
    Watches(Option<WatchId>),
}

/// A root's directory as it is open at present.
#[derive(Debug)]
struct View {
    directory: OwnedFd,
    place: Place,
    checked: Instant,
}

/// What is sought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub(super) root: &'a Root,
    pub(super) path: &'a [u8],
    /// Of this path beneath this root.
    pub(super) key: &'a Key,
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

impl Ground {
    /// Keeps about so many bytes at most of what is known of directories.
    pub(super) fn new(watches: Watches, bytes_max: u64) -> Ground {
        Ground {
            watches,
            views: HashMap::new(),
            directories: Directories::new(bytes_max),
            noted: Vec::new(),
            sweep: Sweep::Done,
        }
    }

    /// Makes sure that the root's directory is open, and the one that its path leads to at present.
    /// What its path leads through is watched; where it cannot be, the path is followed each time,
    /// and once in a while in any case: not every change is told (mounting is not).
    pub(super) fn enter(&mut self, root: &Root, now: Instant) -> io::Result<Entered> {
        let known = self.views.get_mut(&root.id().to_ne_bytes()[..]);
        if let Some(view) = &known
            && view.place.watch.is_some()
            && now < view.checked + RECHECK_AFTER
        {
            return Ok(Entered::AsKnown);
        }
        let directory = file::open_directory(root.path())?;
        match known {
            Some(view) if view.place.is(&Place::unwatched(directory.as_fd())?) => {
                view.checked = now;
                Ok(Entered::AsKnown)
            }
            Some(_) => Ok(Entered::Elsewhere),
            None => {
                let key = key::of_root(root.id());
                let mut view = self.approach(root, &key, now)?;
                if !self.directories.insert(&key, view.place) {
                    view.place.watch = None;
                }
                self.views.insert(key, view);
                Ok(Entered::AsKnown)
            }
        }
    }

    /// Walks from `/` to the root, watching the way, and only then opens it.
    fn approach(&mut self, root: &Root, key: &Key, now: Instant) -> io::Result<View> {
        let top = file::open_directory(Path::new("/"))?;
        let start = Place::of(top.as_fd(), &mut self.watches, Watchable::Names, Trust::Watched)?;
        let mut walk = Walk {
            watches: &mut self.watches,
            symlinks: Symlinks::All,
            what: Watchable::Names,
            disk: Disk::MayBlock,
            sought: key,
            noted: &mut self.noted,
        };
        let path = root.path().as_os_str().as_bytes();
        let walked = walk.along(path, (top.as_fd(), start), |_| Rc::clone(key), |_, _| true)?;

        let directory = file::open_directory(root.path())?;
        let mut place =
            Place::of(directory.as_fd(), &mut self.watches, Watchable::Contents, walked.trust)?;
        if !place.is(&walked.place) {
            place.watch = None;
        }
        Ok(View { directory, place, checked: now })
    }

    /// The way to the directory in which the last component of what is sought is looked up. The root
    /// has been [entered](Ground::enter).
    pub(super) fn way(&mut self, search: &Search<'_>) -> io::Result<Walked> {
        let directory = key::directory(search.key);
        let top = entered(&self.views, search.root).place;
        match self.directories.get(directory) {
            Some(place) => Ok(Walked::at(place)),
            // There is nothing to learn from a walk.
            None if top.watch.is_none() => Ok(Walked::at(top)),
            None => self.walk(search, key::path(directory)),
        }
    }

    /// Walks from the root along `path`, with which the path that is sought begins.
    pub(super) fn walk(&mut self, search: &Search<'_>, path: &[u8]) -> io::Result<Walked> {
        let view = entered(&self.views, search.root);
        let directories = &mut self.directories;
        let mut walk = Walk {
            watches: &mut self.watches,
            symlinks: search.root.link_policy(),
            what: Watchable::Contents,
            disk: search.disk,
            sought: search.key,
            noted: &mut self.noted,
        };
        walk.along(
            path,
            (view.directory.as_fd(), view.place),
            |end| key::up_to(search.key, end),
            |key, place| directories.insert(key, place),
        )
    }

    /// Opens what is at `path`. The root has been [entered](Ground::enter).
    pub(super) fn open(
        &self,
        root: &Root,
        path: &[u8],
        last: LastLink,
        disk: Disk,
    ) -> io::Result<OwnedFd> {
        let directory = entered(&self.views, root).directory.as_fd();
        file::open_beneath(directory, path, root.link_policy(), last, disk)
    }

    /// Notes that the answer of `key` rests on its own name, looked up in `watch`.
    pub(super) fn rest(&mut self, watch: WatchId, key: &Key) {
        let name = key::name(key);
        if !name.is_empty() && self.watches.rest(watch, name, key, Reach::Alone) {
            self.noted.push(Rc::clone(key));
        }
    }

    /// The keys of answers that were noted to rest on something since this was last asked. Those
    /// that are not kept are to be [released](Ground::release).
    pub(super) fn take_noted(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.noted)
    }

    /// Drops the notes about an answer that is not kept.
    pub(super) fn release(&mut self, key: &Key) {
        self.watches.release(key, Reach::Alone);
    }

    /// What the notes about an answer take in memory, in bytes.
    pub(super) fn notes_bytes(&self, key: &Key) -> u64 {
        self.watches.notes_bytes(key, Reach::Alone)
    }

    /// What is known of directories takes so much memory, in bytes.
    pub(super) fn directories_bytes(&self) -> u64 {
        self.directories.bytes() + self.watches.length() as u64 * WATCH_BYTES
    }

    /// Whether there is no room for more directories.
    pub(super) fn is_full(&self) -> bool {
        self.directories.is_full() || self.watches.is_full()
    }

    /// Reads what has happened.
    pub(super) fn read(&mut self) -> Vec<Doubt> {
        self.watches.read()
    }

    /// The keys under which a watched directory is known.
    pub(super) fn keys_of(&self, watch: WatchId) -> impl Iterator<Item = &Key> {
        self.directories.keys_of(watch)
    }

    /// What rests on names in a watched directory without lying within it: links lead there.
    pub(super) fn resting_elsewhere(&self, watch: WatchId) -> Vec<(Key, Reach)> {
        let directories: Vec<&Key> = self.keys_of(watch).take(DIRECTORY_KEYS_MAX).collect();
        let notes = self.watches.resting_in(watch);
        let is_within = |key: &Key| directories.iter().any(|it| key::is_within(key, it));
        notes
            .filter(|(key, _)| !is_within(key))
            .map(|(key, reach)| (Rc::clone(key), reach))
            .collect()
    }

    /// Forgets a directory and those beneath it.
    pub(super) fn forget_within(&mut self, directory: &Key) {
        for key in self.directories.within(directory) {
            self.forget(&key);
        }
        // It may rest on something without being known: the walk to it came to no end.
        self.watches.release(directory, Reach::Beneath);
    }

    fn forget(&mut self, key: &Key) {
        self.views.remove(key);
        self.directories.remove(key);
        self.watches.release(key, Reach::Beneath);
    }

    /// Forgets all directories. They stay watched: most will be needed again.
    pub(super) fn clear(&mut self) {
        while let Some(key) = self.directories.before(None).map(|(key, _)| Rc::clone(key)) {
            self.forget(&key);
        }
        self.views.clear();
    }

    /// Begins to look for directories that are of no use any more.
    pub(super) fn begin_sweep(&mut self) {
        if let Sweep::Done = self.sweep {
            // A root that found no room among the directories may find some now.
            let directories = &self.directories;
            self.views.retain(|key, _| directories.get(key).is_some());
            self.sweep = Sweep::Directories(None);
        }
    }

    /// Looks at some more directories: forgets those that nothing is kept of (`holds` tells of what
    /// is kept within a directory), and stops watching those that are then of no use. A directory
    /// that could not be watched is forgotten too: there may be room now.
    pub(super) fn sweep_on(&mut self, holds: impl Fn(&[u8]) -> bool) {
        for _ in 0..SWEPT_AT_ONCE {
            match &self.sweep {
                Sweep::Done => return,
                Sweep::Directories(last) => match self.directories.before(last.as_ref()) {
                    None => self.sweep = Sweep::Watches(None),
                    Some((key, place)) => {
                        let key = Rc::clone(key);
                        let is_watched = place.watch.is_some() || self.views.contains_key(&key);
                        // What lies beneath a directory rests on what that one rests on.
                        let is_used = holds(&key) || self.directories.has_beneath(&key);
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

    /// Readable while something has happened.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watches.descriptor()
    }
}

fn entered<'a>(views: &'a HashMap<Key, View>, root: &Root) -> &'a View {
    views
        .get(&root.id().to_ne_bytes()[..])
        .expect("a root is entered before anything beneath it is looked up")
}

/// How long what is watched is believed without asking the disk. What is told of changes is not all
/// of them; within this time the others are noticed too. At once a second the cost cannot be measured.
pub(super) const RECHECK_AFTER: Duration = Duration::from_secs(1);

/// Directories that are looked at in one portion of a sweep.
const SWEPT_AT_ONCE: usize = 64;

/// Keys of one directory that are compared with those of what rests in it; with more, that many are
/// doubted one by one.
const DIRECTORY_KEYS_MAX: usize = 8;

/// What a watched directory takes in the tables, about.
const WATCH_BYTES: u64 = 640;

#[cfg(test)]
impl Ground {
    pub(super) fn watches(&mut self) -> &mut Watches {
        &mut self.watches
    }
}
