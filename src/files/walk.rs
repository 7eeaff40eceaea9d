//! The way to a file, one name at a time, to learn what an answer rests on: each name that is looked
//! up, and in which directory, through links and all.
//!
//! A walk opens nothing for anybody and guards nothing: what it learns is only for noticing changes.
//! It must never know what is cached.

use super::key::Key;
use super::store::Trust;
use super::watches::{Reach, Watches};
use crate::sys::file::{self, Cause, Disk, Kind, Symlinks};
use crate::sys::watch::{WatchId, Watchable};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    pub(super) end: End,
    /// Whether all names on the way are watched.
    pub(super) trust: Trust,
    /// The last directory on the way.
    pub(super) place: Place,
}

impl Walked {
    /// At a directory that is known.
    pub(super) fn at(place: Place) -> Walked {
        let trust = if place.watch.is_some() { Trust::Watched } else { Trust::Asked };
        Walked { end: End::Directory, trust, place }
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
    /// The answer that is sought. It rests on the names after the last directory that is reached.
    pub(super) sought: &'a Key,
}

/// A name that is yet to be looked up.
struct Ahead {
    name: Vec<u8>,
    /// Where the component that it comes from ends in the path; from a link come several.
    end: usize,
}

impl Walk<'_> {
    /// Goes along `path` from `start` as far as it leads, never above `start` but under
    /// [`Symlinks::All`]. The key of each component that turns out to be a directory is asked of
    /// `key`, given where in `path` it ends; that key then rests on the names that led there, and
    /// `reached` is told of it.
    ///
    /// # Errors
    /// When descriptors have run out, or the disk would have to be waited for.
    pub(super) fn along(
        &mut self,
        path: &[u8],
        start: (BorrowedFd<'_>, Place),
        key: impl Fn(usize) -> Key,
        mut reached: impl FnMut(Key, Place),
    ) -> io::Result<Walked> {
        let mut here = start.0.try_clone_to_owned()?;
        let mut place = start.1;
        let mut trust = Trust::Watched;
        let mut names = Vec::new();
        let mut links = 0;
        let mut end = End::Directory;
        let mut ahead = names_ahead(path, None);

        while let Some(Ahead { name, end: component }) = ahead.pop() {
            let up = name == b"..";
            if up && self.symlinks != Symlinks::All && place.is(&start.1) {
                end = End::Nothing;
                break;
            }
            // What `..` means changes only with the directory's own place, which was noted already.
            match place.watch {
                Some(watch) if !up => names.push((watch, name.clone())),
                Some(_) => {}
                None => trust = Trust::Asked,
            }
            match look(here.as_fd(), &name, self.disk)? {
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
                    ahead.append(&mut names_ahead(&target, Some(component)));
                }
                Next::File if ahead.is_empty() => {
                    end = End::File;
                    break;
                }
                Next::File | Next::Link(_) | Next::Nothing => {
                    end = End::Nothing;
                    break;
                }
            }
            if ahead.last().is_none_or(|next| next.end != component) {
                let key = key(component);
                self.rest(&mut names, &key, Reach::Beneath);
                reached(key, place);
            }
        }
        if place.watch.is_none() {
            trust = Trust::Asked;
        }
        self.rest(&mut names, self.sought, Reach::Alone);
        Ok(Walked { end, trust, place })
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
            self.watches.rest(watch, &name, key, reach);
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
        Kind::Directory => Next::Directory(next),
        Kind::File | Kind::Other => Next::File,
        Kind::Link => Next::Link(file::read_link(next.as_fd())?),
    })
}

/// The names of a path, the first one last.
fn names_ahead(path: &[u8], component: Option<usize>) -> Vec<Ahead> {
    let mut names = Vec::new();
    let mut end = 0;
    for name in path.split(|&byte| byte == b'/') {
        end += name.len();
        if !name.is_empty() && name != b"." {
            names.push(Ahead { name: name.to_vec(), end: component.unwrap_or(end) });
        }
        end += 1;
    }
    names.reverse();
    names
}

/// As many as the kernel follows.
const LINKS_MAX: usize = 40;
