//! Resolves a path one name at a time, as path_resolution(7) says, to learn what the result depends on:
//! which names are looked up in which directories, those of symbolic links included.
//!
//! This protects nothing, and its result is never served: what it learns is only for noticing changes.
//! It must never know what is cached.

use super::key::{self, CacheKey};
use super::known_directory::{KnownDirectory, Trust};
use super::lookup_result::PathEnd;
use super::watches::{Extent, Watches};
use crate::sys::file::{self, Cause, Disk, FileKind, Symlinks};
use crate::sys::watch::{WatchId, Watchable};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

/// Where a path leads.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) end: PathEnd,
    /// Where it does not lead to a directory: the key of the first component that is missing.
    pub(super) missing: Option<CacheKey>,
    /// Whether every name of the path is watched.
    pub(super) trust: Trust,
    /// The last directory of the path.
    pub(super) directory: KnownDirectory,
}

impl Resolved {
    /// A path that leads to a known directory.
    pub(super) fn at(directory: KnownDirectory) -> Resolved {
        let trust = if directory.watch.is_some() { Trust::Watched } else { Trust::Asked };
        Resolved { end: PathEnd::Directory, missing: None, trust, directory }
    }
}

/// What resolving a path needs.
pub(super) struct Resolver<'a> {
    pub(super) watches: &'a mut Watches,
    pub(super) symlinks: Symlinks,
    /// Which changes in the directories matter.
    pub(super) what: Watchable,
    pub(super) disk: Disk,
    /// The key that is looked up. That something is missing depends on the names behind the last directory
    /// that was reached.
    pub(super) sought: &'a CacheKey,
    /// Collects the keys that depend on a name from now on.
    pub(super) new_dependents: &'a mut Vec<CacheKey>,
}

impl Resolver<'_> {
    /// Resolves `path` from `start` as far as it leads; it leads above `start` only with
    /// [`Symlinks::All`]. For each component that is a directory, `key` makes its key from where in `path`
    /// it ends, and `reached` takes the directory and says whether it is kept. If so, its key depends on
    /// the names that led there. If not, nothing behind it can be trusted.
    ///
    /// # Errors
    /// When descriptors have run out, the disk fails, or this would have to wait for it.
    pub(super) fn resolve(
        &mut self,
        path: &[u8],
        start: (BorrowedFd<'_>, KnownDirectory),
        key: impl Fn(usize) -> CacheKey,
        mut reached: impl FnMut(&CacheKey, KnownDirectory) -> bool,
    ) -> io::Result<Resolved> {
        let mut here = start.0.try_clone_to_owned()?;
        let mut directory = start.1;
        let mut trust = Trust::Watched;
        let mut names = Vec::new();
        let mut links = 0;
        let mut end = PathEnd::Directory;
        let mut remaining = Remaining::of(path);

        while let Some(name) = remaining.take_name() {
            let up = name == b"..";
            if up && self.symlinks != Symlinks::All && directory.is(&start.1) {
                end = PathEnd::Nothing;
                break;
            }
            // `..` leads elsewhere only when this directory is moved, and its name was noted already.
            match directory.watch {
                Some(watch) if !up => names.push((watch, name.to_vec())),
                Some(_) => {}
                None => trust = Trust::Asked,
            }
            match look(here.as_fd(), name, self.disk)? {
                Component::Directory(found) => {
                    here = found;
                    directory = KnownDirectory::of(here.as_fd(), self.watches, self.what, trust)?;
                }
                Component::Link(target) if self.follows(&target, links) => {
                    links += 1;
                    if target.starts_with(b"/") {
                        here = file::open_directory(Path::new("/"))?;
                        directory =
                            KnownDirectory::of(here.as_fd(), self.watches, self.what, trust)?;
                    }
                    remaining.follow(target);
                }
                Component::File if remaining.is_at_end() => {
                    end = PathEnd::File;
                    break;
                }
                Component::File | Component::Link(_) | Component::Nothing => {
                    end = PathEnd::Nothing;
                    break;
                }
            }
            if remaining.is_at_component_end() {
                let key = key(remaining.component);
                if reached(&key, directory) {
                    self.add_dependencies(&mut names, &key, Extent::Subtree);
                } else {
                    names.clear();
                    directory.watch = None;
                }
            }
        }
        if directory.watch.is_none() {
            trust = Trust::Asked;
        }
        let missing =
            (end != PathEnd::Directory).then(|| key::of_missing(self.sought, remaining.component));
        if let Some(missing) = &missing {
            // A root that was not resolved may be open all the same: the next name may have been replaced meanwhile.
            let extent = if key::is_root(missing) { Extent::Subtree } else { Extent::Entry };
            self.add_dependencies(&mut names, missing, extent);
        }
        Ok(Resolved { end, missing, trust, directory })
    }

    fn follows(&self, target: &[u8], links: usize) -> bool {
        let allowed = match self.symlinks {
            Symlinks::Inside => !target.starts_with(b"/"),
            Symlinks::Never => false,
            Symlinks::All => true,
        };
        allowed && links < LINKS_MAX
    }

    fn add_dependencies(
        &mut self,
        names: &mut Vec<(WatchId, Vec<u8>)>,
        key: &CacheKey,
        extent: Extent,
    ) {
        for (watch, name) in names.drain(..) {
            if self.watches.add_dependency(watch, &name, key, extent) && extent == Extent::Entry {
                self.new_dependents.push(Rc::clone(key));
            }
        }
    }
}

/// What a name stands for.
enum Component {
    Directory(OwnedFd),
    File,
    Link(Vec<u8>),
    Nothing,
}

fn look(directory: BorrowedFd<'_>, name: &[u8], disk: Disk) -> io::Result<Component> {
    let found = match file::step(directory, name, disk) {
        Ok(found) => found,
        Err(error) if matches!(Cause::of(&error), Cause::Missing | Cause::Link | Cause::Denied) => {
            return Ok(Component::Nothing);
        }
        // That a disk fails says nothing of what is there.
        Err(error) => return Err(error),
    };
    Ok(match file::identity(found.as_fd())?.kind {
        FileKind::Directory => Component::Directory(found),
        FileKind::File | FileKind::Other => Component::File,
        FileKind::Link => Component::Link(file::read_link(found.as_fd())?),
    })
}

/// The names that remain to be looked up: those of the links that are being followed, the innermost last,
/// then those of the path.
struct Remaining<'a> {
    path: &'a [u8],
    /// Where in the path the last component that was looked up ends.
    component: usize,
    links: Vec<(Vec<u8>, usize)>,
}

impl<'a> Remaining<'a> {
    fn of(path: &'a [u8]) -> Remaining<'a> {
        Remaining { path, component: 0, links: Vec::new() }
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

    /// Puts the names of a link in front of the others.
    fn follow(&mut self, target: Vec<u8>) {
        self.links.push((target, 0));
    }

    /// Whether no name of a link remains.
    fn is_at_component_end(&self) -> bool {
        self.links.iter().all(|(target, at)| next_name(target, *at).is_none())
    }

    fn is_at_end(&self) -> bool {
        self.is_at_component_end() && next_name(self.path, self.component).is_none()
    }
}

/// Where the next name in a path is. Empty names and `.` are skipped: they lead nowhere else.
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

/// As many as the kernel follows (MAXSYMLINKS).
const LINKS_MAX: usize = 40;
