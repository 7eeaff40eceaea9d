//! Which answers rest on which names in which watched directories.
//!
//! It must never know what the answers are.

use super::key::Key;
use crate::sys::watch::{self, WatchEvent, WatchId, Watchable, Watcher};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

/// How far a change of a name reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reach {
    /// The answer of this key alone.
    Alone,
    /// The directory of this key, and all that lies beneath it.
    Beneath,
}

/// What a change has made doubtful.
#[derive(Debug)]
pub(super) enum Doubt {
    Key(Key, Reach),
    /// A directory that is watched is not where it was.
    Directory(WatchId),
    /// Anything.
    Everything,
}

/// The watched directories, and for each name in them what rests on it.
///
/// Resting is noted after the directory is watched and the name looked up, but before
/// [`read`](Watches::read): whatever happens to the name after it was looked up is then read.
#[derive(Debug)]
pub(super) struct Watches {
    watcher: Option<Watcher>,
    directories: BTreeMap<WatchId, BTreeSet<Note>>,
    /// The names that each key rests on: the same notes, from the other side.
    resting: HashMap<(Key, Reach), Vec<(WatchId, Name)>>,
    directories_max: usize,
}

type Name = Rc<[u8]>;

/// That a key rests on a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    name: Name,
    key: Key,
    reach: Reach,
}

impl Watches {
    /// Without a watcher, when there is none to be had: then nothing can be watched.
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
        let (directories, resting) = (BTreeMap::new(), HashMap::new());
        Watches { watcher, directories, resting, directories_max }
    }

    /// Watches a directory, if changes of this kind in it can be relied on to be told.
    pub(super) fn watch(&mut self, directory: BorrowedFd<'_>, what: Watchable) -> Option<WatchId> {
        let watcher = self.watcher.as_ref()?;
        if watch::watchable(directory) < what {
            return None;
        }
        let watch = watcher.add(directory, what).ok()?;
        if !self.directories.contains_key(&watch) {
            if self.directories.len() >= self.directories_max {
                watcher.remove(watch);
                return None;
            }
            self.directories.insert(watch, BTreeSet::new());
        }
        Some(watch)
    }

    /// Notes that what has this key rests on this name. `false`: it was noted already.
    pub(super) fn rest(&mut self, watch: WatchId, name: &[u8], key: &Key, reach: Reach) -> bool {
        let name = Name::from(name);
        let note = Note { name: Rc::clone(&name), key: Rc::clone(key), reach };
        let is_new = self.directories.entry(watch).or_default().insert(note);
        if is_new {
            let names = self.resting.entry((Rc::clone(key), reach));
            names.or_insert_with(|| Vec::with_capacity(1)).push((watch, name));
        }
        is_new
    }

    /// Drops the notes about a key.
    pub(super) fn release(&mut self, key: &Key, reach: Reach) {
        for (watch, name) in self.resting.remove(&(Rc::clone(key), reach)).unwrap_or_default() {
            if let Some(notes) = self.directories.get_mut(&watch) {
                notes.remove(&Note { name, key: Rc::clone(key), reach });
            }
        }
    }

    /// What the notes about a key take in memory, in bytes.
    pub(super) fn notes_bytes(&self, key: &Key, reach: Reach) -> u64 {
        let names = self.resting.get(&(Rc::clone(key), reach));
        names.into_iter().flatten().map(|(_, name)| NOTE_BYTES + name.len() as u64).sum()
    }

    /// Reads what has happened; says what is doubtful now. The notes about it are to be
    /// [released](Watches::release), and made again with what is found then.
    pub(super) fn read(&mut self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let Some(watcher) = &self.watcher else {
            return doubts;
        };
        let directories = &mut self.directories;
        let result = watcher.read(|change| match change {
            WatchEvent::Name(watch, name) => {
                if let Some(notes) = directories.get_mut(&watch) {
                    doubts.extend(take(notes, name).into_iter().map(Note::doubt));
                }
            }
            WatchEvent::Directory(watch) => doubts.push(Doubt::Directory(watch)),
            WatchEvent::Gone(watch) => {
                // The sweep finds it when what rests on names in it has been released.
                if directories.contains_key(&watch) {
                    doubts.push(Doubt::Directory(watch));
                }
            }
            WatchEvent::Overflow => doubts.push(Doubt::Everything),
        });
        if let Err(error) = result {
            log::error!("change notifications are lost: {error}");
            self.watcher = None;
            doubts.push(Doubt::Everything);
        }
        doubts
    }

    /// What rests on names in a watched directory.
    pub(super) fn resting_in(&self, watch: WatchId) -> impl Iterator<Item = (&Key, Reach)> {
        let notes = self.directories.get(&watch);
        notes.into_iter().flatten().map(|note| (&note.key, note.reach))
    }

    /// The watched directory after this one, or the first.
    pub(super) fn after(&self, watch: Option<WatchId>) -> Option<WatchId> {
        let from = watch.map_or(Bound::Unbounded, Bound::Excluded);
        self.directories.range((from, Bound::Unbounded)).next().map(|(&watch, _)| watch)
    }

    /// Stops watching a directory if nothing rests on a name in it.
    pub(super) fn drop_if_unused(&mut self, watch: WatchId) {
        if self.directories.get(&watch).is_some_and(BTreeSet::is_empty) {
            self.directories.remove(&watch);
            if let Some(watcher) = &self.watcher {
                watcher.remove(watch);
            }
        }
    }

    /// Whether no more directories are watched.
    pub(super) fn is_full(&self) -> bool {
        self.watcher.is_some() && self.directories.len() >= self.directories_max
    }

    /// How many directories are watched.
    pub(super) fn length(&self) -> usize {
        self.directories.len()
    }

    /// Readable while something has happened.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }
}

impl Note {
    fn doubt(self) -> Doubt {
        Doubt::Key(self.key, self.reach)
    }
}

/// What stands somewhere in the order of notes. Most changes are of names that nothing rests on: to
/// look for a name, no note has to be made.
trait Ordered {
    fn parts(&self) -> (&[u8], &[u8], Reach);
}

impl Ordered for Note {
    fn parts(&self) -> (&[u8], &[u8], Reach) {
        (&self.name, &self.key, self.reach)
    }
}

/// Before all notes about a name.
struct BeforeAll<'a>(&'a [u8]);

impl Ordered for BeforeAll<'_> {
    fn parts(&self) -> (&[u8], &[u8], Reach) {
        (self.0, b"", Reach::Alone)
    }
}

impl<'a> Borrow<dyn Ordered + 'a> for Note {
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

/// Takes out the notes about a name.
fn take(notes: &mut BTreeSet<Note>, name: &[u8]) -> Vec<Note> {
    let before_all: &dyn Ordered = &BeforeAll(name);
    let from = (Bound::Included(before_all), Bound::Unbounded);
    let about_it = notes.range::<dyn Ordered, _>(from).take_while(|note| *note.name == *name);
    let taken: Vec<Note> = about_it.cloned().collect();
    taken.iter().for_each(|note| {
        notes.remove(note);
    });
    taken
}

/// What a note takes in the tables, about, without its name and key.
const NOTE_BYTES: u64 = 256;

/// Per worker. What is in further directories is asked for at each use. A kernel gives each user
/// 8,192 at least, and some hundred thousand where there is memory.
const DIRECTORIES_MAX: usize = 4096;

#[cfg(test)]
impl Watches {
    /// Watching nothing, as where nothing can be watched.
    pub(super) fn none() -> Watches {
        Watches::with(None, 0)
    }

    /// How many notes there are, counted from either side.
    pub(super) fn notes(&self) -> (usize, usize) {
        let by_name = self.directories.values().map(BTreeSet::len).sum();
        (by_name, self.resting.values().map(Vec::len).sum())
    }

    pub(super) fn limit(&mut self, directories_max: usize) {
        self.directories_max = directories_max;
    }
}
