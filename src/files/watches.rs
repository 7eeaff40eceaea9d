//! Which answers rest on which names in which watched directories.
//!
//! It must never know what the answers are.

use super::key::Key;
use crate::sys::watch::{self, Change, WatchId, Watchable, Watcher};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

/// How far a change of a name reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    directories: HashMap<WatchId, Names>,
    directories_max: usize,
}

type Names = HashMap<Box<[u8]>, Vec<(Key, Reach)>>;

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
        Watches { watcher, directories: HashMap::new(), directories_max: DIRECTORIES_MAX }
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
            self.directories.insert(watch, Names::new());
        }
        Some(watch)
    }

    /// Notes that what has this key rests on this name.
    pub(super) fn rest(&mut self, watch: WatchId, name: &[u8], key: &Key, reach: Reach) {
        let names = self.directories.entry(watch).or_default();
        match names.get_mut(name) {
            Some(resting) if resting.iter().any(|(other, its)| other == key && *its == reach) => {}
            Some(resting) => resting.push((Rc::clone(key), reach)),
            None => {
                names.insert(name.into(), vec![(Rc::clone(key), reach)]);
            }
        }
    }

    /// Reads what has happened; says what is doubtful now. What rested on a changed name is to be
    /// noted anew.
    pub(super) fn read(&mut self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let Some(watcher) = &self.watcher else {
            return doubts;
        };
        let directories = &mut self.directories;
        let result = watcher.read(|change| match change {
            Change::Name(watch, name) => {
                let resting = directories.get_mut(&watch).and_then(|names| names.remove(name));
                doubts.extend(
                    resting.into_iter().flatten().map(|(key, reach)| Doubt::Key(key, reach)),
                );
            }
            Change::Directory(watch) => {
                if let Some(names) = directories.get_mut(&watch) {
                    doubt_all(watch, std::mem::take(names), &mut doubts);
                }
            }
            Change::Gone(watch) => {
                if let Some(names) = directories.remove(&watch) {
                    doubt_all(watch, names, &mut doubts);
                }
            }
            Change::Overflow => doubts.push(Doubt::Everything),
        });
        if let Err(error) = result {
            log::error!("change notifications are lost: {error}");
            self.watcher = None;
            doubts.push(Doubt::Everything);
        }
        doubts
    }

    /// Nothing rests on anything any more. The directories stay watched: most will be needed again.
    pub(super) fn clear(&mut self) {
        self.directories.values_mut().for_each(Names::clear);
    }

    /// Drops the notes about keys that are not `kept`, and stops watching directories that nothing
    /// rests on and that are not `used`.
    pub(super) fn sweep(&mut self, kept: impl Fn(&[u8]) -> bool, used: impl Fn(WatchId) -> bool) {
        self.directories.retain(|&watch, names| {
            names.retain(|_, resting| {
                resting.retain(|(key, _)| kept(key));
                !resting.is_empty()
            });
            let stays = !names.is_empty() || used(watch);
            if !stays && let Some(watcher) = &self.watcher {
                watcher.remove(watch);
            }
            stays
        });
    }

    /// Readable while something has happened.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.as_ref().map(AsFd::as_fd)
    }
}

fn doubt_all(watch: WatchId, names: Names, doubts: &mut Vec<Doubt>) {
    doubts.push(Doubt::Directory(watch));
    doubts.extend(names.into_values().flatten().map(|(key, reach)| Doubt::Key(key, reach)));
}

/// Per worker. What is in further directories is asked for at each use. A kernel gives each user
/// 8,192 at least, and some hundred thousand where there is memory.
const DIRECTORIES_MAX: usize = 4096;

#[cfg(test)]
impl Watches {
    /// Watching nothing, as where nothing can be watched.
    pub(super) fn none() -> Watches {
        Watches { watcher: None, directories: HashMap::new(), directories_max: 0 }
    }

    pub(super) fn length(&self) -> usize {
        self.directories.len()
    }

    pub(super) fn limit(&mut self, directories_max: usize) {
        self.directories_max = directories_max;
    }
}
