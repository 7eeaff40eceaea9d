//! The way to a file, one name at a time, to learn what an answer rests on: each name that is looked
//! up, and in which directory, through links and all.
//!
//! A walk opens nothing for anybody and guards nothing: what it learns is only for noticing changes.
//! It must never know what is cached.

use super::key::{self, Key};
use super::store::Trust;
use super::watches::{Reach, Watches};
use crate::sys::file::{self, Cause, Disk, FileKind, Symlinks};
use crate::sys::watch::{WatchId, Watchable};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

/// A directory on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// `None`: changes in it, or of the names that led to it, go unnoticed.
    pub(super) watch: Option<WatchId>,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Place {
    /// Watches an open directory, where the way to it can be trusted.
    pub(super) fn of(
        directory: BorrowedFd<'_>,
        watches: &mut Watches,
        what: Watchable,
        trust: Trust,
    ) -> io::Result<Place> {
        let watch = match trust {
            Trust::Watched => watches.watch(directory, what),
            Trust::Asked => None,
        };
        Ok(Place { watch, ..Place::unwatched(directory)? })
    }

    /// Does not watch it.
    pub(super) fn unwatched(directory: BorrowedFd<'_>) -> io::Result<Place> {
        let identity = file::identity(directory)?;
        Ok(Place { watch: None, device: identity.device, inode: identity.inode })
    }

    /// Whether both are the same directory.
    pub(super) fn is(&self, other: &Place) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Where a walk ended.
#[derive(Clone, Debug)]
pub(super) struct Walked {
    pub(super) end: End,
    /// What is kept under this key, if it did not end at a directory: what it would have to be is not
    /// there.
    pub(super) missing: Option<Key>,
    /// Whether all names on the way are watched.
    pub(super) trust: Trust,
    /// The last directory on the way.
    pub(super) place: Place,
}

impl Walked {
    /// At a directory that is known.
    pub(super) fn at(place: Place) -> Walked {
        let trust = if place.watch.is_some() { Trust::Watched } else { Trust::Asked };
        Walked { end: End::Directory, missing: None, trust, place }
    }
}

/// What is at the end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Directory,
    /// A file, of whatever kind.
    File,
    Nothing,
}

/// A walk under way.
pub(super) struct Walk<'a> {
    pub(super) watches: &'a mut Watches,
    pub(super) symlinks: Symlinks,
    /// Which changes in the directories on the way matter.
    pub(super) what: Watchable,
    pub(super) disk: Disk,
    /// The answer that is sought. What is found in the place of a directory on its way, or of
    /// itself, rests on the names after the last directory that is reached.
    pub(super) sought: &'a Key,
    /// Collects the keys of answers that rest on a name as of now.
    pub(super) noted: &'a mut Vec<Key>,
}

impl Walk<'_> {
    /// Goes along `path` from `start` as far as it leads, never above `start` but under
    /// [`Symlinks::All`]. The key of each component that turns out to be a directory is asked of
    /// `key`, given where in `path` it ends; `reached` takes it and says whether it is kept.
    /// If so, that key rests on the names that led there; if not, whatever lies further on cannot
    /// be trusted.
    ///
    /// # Errors
    /// When descriptors have run out, or the disk would have to be waited for.
    pub(super) fn along(
        &mut self,
        path: &[u8],
        start: (BorrowedFd<'_>, Place),
        key: impl Fn(usize) -> Key,
        mut reached: impl FnMut(&Key, Place) -> bool,
    ) -> io::Result<Walked> {
        let mut here = start.0.try_clone_to_owned()?;
        let mut place = start.1;
        let mut trust = Trust::Watched;
        let mut names = Vec::new();
        let mut links = 0;
        let mut end = End::Directory;
        let mut ahead = Ahead::of(path);

        while let Some(name) = ahead.take_name() {
            let up = name == b"..";
            if up && self.symlinks != Symlinks::All && place.is(&start.1) {
                end = End::Nothing;
                break;
            }
            // What `..` means changes only with the directory's own place, which was noted already.
            match place.watch {
                Some(watch) if !up => names.push((watch, name.to_vec())),
                Some(_) => {}
                None => trust = Trust::Asked,
            }
            match look(here.as_fd(), name, self.disk)? {
                Next::Directory(next) => {
                    here = next;
                    place = Place::of(here.as_fd(), self.watches, self.what, trust)?;
                }
                Next::Link(target) if self.follows(&target, links) => {
                    links += 1;
                    if target.starts_with(b"/") {
                        here = file::open_directory(Path::new("/"))?;
                        place = Place::of(here.as_fd(), self.watches, self.what, trust)?;
                    }
                    ahead.turn_off(target);
                }
                Next::File if ahead.is_at_end() => {
                    end = End::File;
                    break;
                }
                Next::File | Next::Link(_) | Next::Nothing => {
                    end = End::Nothing;
                    break;
                }
            }
            if ahead.is_at_component_end() {
                let key = key(ahead.component);
                if reached(&key, place) {
                    self.rest(&mut names, &key, Reach::Beneath);
                } else {
                    names.clear();
                    place.watch = None;
                }
            }
        }
        if place.watch.is_none() {
            trust = Trust::Asked;
        }
        let missing =
            (end != End::Directory).then(|| key::of_missing(self.sought, ahead.component));
        if let Some(missing) = &missing {
            self.rest(&mut names, missing, Reach::Alone);
        }
        Ok(Walked { end, missing, trust, place })
    }

    fn follows(&self, target: &[u8], links: usize) -> bool {
        let allowed = match self.symlinks {
            Symlinks::Inside => !target.starts_with(b"/"),
            Symlinks::Never => false,
            Symlinks::All => true,
        };
        allowed && links < LINKS_MAX
    }

    fn rest(&mut self, names: &mut Vec<(WatchId, Vec<u8>)>, key: &Key, reach: Reach) {
        for (watch, name) in names.drain(..) {
            if self.watches.rest(watch, &name, key, reach) && reach == Reach::Alone {
                self.noted.push(Rc::clone(key));
            }
        }
    }
}

/// What a name leads to.
enum Next {
    Directory(OwnedFd),
    File,
    Link(Vec<u8>),
    Nothing,
}

fn look(directory: BorrowedFd<'_>, name: &[u8], disk: Disk) -> io::Result<Next> {
    let next = match file::step(directory, name, disk) {
        Ok(next) => next,
        Err(error) if matches!(Cause::of(&error), Cause::Cold | Cause::Exhausted) => {
            return Err(error);
        }
        Err(_) => return Ok(Next::Nothing),
    };
    Ok(match file::identity(next.as_fd())?.kind {
        FileKind::Directory => Next::Directory(next),
        FileKind::File | FileKind::Other => Next::File,
        FileKind::Link => Next::Link(file::read_link(next.as_fd())?),
    })
}

/// The names that are yet to be looked up: what is left of the links on the way, the innermost last,
/// then what is left of the path.
struct Ahead<'a> {
    path: &'a [u8],
    /// Where in the path the component ends that was looked up last.
    component: usize,
    links: Vec<(Vec<u8>, usize)>,
}

impl<'a> Ahead<'a> {
    fn of(path: &'a [u8]) -> Ahead<'a> {
        Ahead { path, component: 0, links: Vec::new() }
    }

    fn take_name(&mut self) -> Option<&[u8]> {
        while self.links.last().is_some_and(|(target, at)| next_name(target, *at).is_none()) {
            self.links.pop();
        }
        let (path, at) = match self.links.last_mut() {
            Some((target, at)) => (&target[..], at),
            None => (self.path, &mut self.component),
        };
        let name = next_name(path, *at)?;
        *at = name.end;
        Some(&path[name])
    }

    /// Goes where a link leads, and only then further along.
    fn turn_off(&mut self, target: Vec<u8>) {
        self.links.push((target, 0));
    }

    /// Whether no name is left of the links in the component.
    fn is_at_component_end(&self) -> bool {
        self.links.iter().all(|(target, at)| next_name(target, *at).is_none())
    }

    fn is_at_end(&self) -> bool {
        self.is_at_component_end() && next_name(self.path, self.component).is_none()
    }
}

/// Where the next name in a path is. Empty ones and `.` lead nowhere else.
fn next_name(path: &[u8], at: usize) -> Option<Range<usize>> {
    let mut start = at;
    while start < path.len() {
        let end = memchr::memchr(b'/', &path[start..]).map_or(path.len(), |length| start + length);
        if !matches!(&path[start..end], b"" | b".") {
            return Some(start..end);
        }
        start = end + 1;
    }
    None
}

/// As many as the kernel follows.
const LINKS_MAX: usize = 40;
