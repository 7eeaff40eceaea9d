//! The ground between the roots and their files: which directories lie on the way, which of them are
//! watched, and what rests on which name in them.
//!
//! It must never know an answer.

use super::Root;
use super::key::{self, Key};
use super::store::{Trust, is_within_any};
use super::walk::{Place, Walk, Walked};
use super::watches::{Doubt, Reach, Watches};
use crate::sys::file::{self, Disk, LastLink, Symlinks};
use crate::sys::watch::{WatchId, Watchable};
use std::collections::{HashMap, HashSet};
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
    /// The directories that answers have been found through, by key; those of the roots too.
    places: HashMap<Key, Place>,
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
    pub(super) fn new(watches: Watches) -> Ground {
        Ground { watches, views: HashMap::new(), places: HashMap::new() }
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
                let view = self.approach(root, &key, now)?;
                self.places.insert(Rc::clone(&key), view.place);
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
        };
        let path = root.path().as_os_str().as_bytes();
        let walked = walk.along(path, (top.as_fd(), start), |_| Rc::clone(key), |_, _| ())?;

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
        match self.places.get(directory) {
            Some(&place) => Ok(Walked::at(place)),
            // There is nothing to learn from a walk.
            None if top.watch.is_none() => Ok(Walked::at(top)),
            None => self.walk(search, key::path(directory)),
        }
    }

    /// Walks from the root along `path`, with which the path that is sought begins.
    pub(super) fn walk(&mut self, search: &Search<'_>, path: &[u8]) -> io::Result<Walked> {
        let view = entered(&self.views, search.root);
        let places = &mut self.places;
        let mut walk = Walk {
            watches: &mut self.watches,
            symlinks: search.root.link_policy(),
            what: Watchable::Contents,
            disk: search.disk,
            sought: search.key,
        };
        walk.along(
            path,
            (view.directory.as_fd(), view.place),
            |end| key::up_to(search.key, end),
            |key, place| {
                places.insert(key, place);
            },
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
        if !name.is_empty() {
            self.watches.rest(watch, name, key, Reach::Alone);
        }
    }

    /// Reads what has happened.
    pub(super) fn read(&mut self) -> Vec<Doubt> {
        self.watches.read()
    }

    /// The keys under which a watched directory is known.
    pub(super) fn keys_of(&self, watch: WatchId) -> impl Iterator<Item = &Key> {
        self.places.iter().filter(move |(_, place)| place.watch == Some(watch)).map(|(key, _)| key)
    }

    pub(super) fn forget_within(&mut self, keys: &HashSet<Key>) {
        self.views.retain(|key, _| !is_within_any(key, keys));
        self.places.retain(|key, _| !is_within_any(key, keys));
    }

    pub(super) fn clear(&mut self) {
        self.views.clear();
        self.places.clear();
        self.watches.clear();
    }

    /// How many directories are known.
    pub(super) fn length(&self) -> usize {
        self.places.len()
    }

    /// Forgets the directories that none of the answers lies in, and what rested on names for
    /// answers that are not kept; directories that are then of no use are watched no more. A
    /// directory that could not be watched is forgotten too: there may be room now.
    pub(super) fn sweep<'a>(
        &mut self,
        kept: impl Fn(&[u8]) -> bool,
        keys: impl Iterator<Item = &'a Key>,
    ) {
        let held: HashSet<&[u8]> = keys.flat_map(|key| key::ancestors(key)).collect();
        self.views.retain(|key, _| held.contains(&key[..]));
        let views = &self.views;
        self.places.retain(|key, place| {
            held.contains(&key[..]) && (place.watch.is_some() || views.contains_key(key))
        });
        let places = &self.places;
        let used: HashSet<WatchId> = places.values().filter_map(|place| place.watch).collect();
        self.watches
            .sweep(|key| kept(key) || places.contains_key(key), |watch| used.contains(&watch));
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

#[cfg(test)]
impl Ground {
    pub(super) fn watches(&mut self) -> &mut Watches {
        &mut self.watches
    }
}
