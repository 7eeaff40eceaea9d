//! Walks through the roots of a site and looks at every name that can be reached there. It follows no symbolic link,
//! and is bounded in depth and time.

use super::findings::{Findings, Kind};
use super::inquiry::Inquiry;
use super::names::{self, Suspicion};
use super::sources::Sources;
use crate::config::{Place, PlaceFiles};
use crate::files::{Symlinks, is_reserved, sibling};
use crate::http::Coding;
use crate::site::Dotfiles;
use crate::site::dotfiles::is_dotfile;
use crate::sys::permission;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A walk through all roots.
pub(super) struct Walk<'w, 'c> {
    inquiry: &'w mut Inquiry<'c>,
    findings: &'w mut Findings,
    /// Files of the program itself, without links in their paths.
    own_files: BTreeSet<PathBuf>,
    sources: Sources,
    ends: Instant,
    files: u64,
    roots: usize,
}

/// A root, and what is served of it.
struct Ground<'c> {
    root: PathBuf,
    /// The same without links in it.
    real: PathBuf,
    places: Vec<&'c Place>,
}

impl Ground<'_> {
    fn any(&self, is_so: impl Fn(&PlaceFiles) -> bool) -> bool {
        self.places.iter().filter_map(|place| place.files.as_ref()).any(is_so)
    }

    /// Whether a name is served nowhere here.
    fn hides(&self, relative: &Path, name: &[u8]) -> bool {
        let is_open = relative == Path::new(".well-known")
            || self.any(|files| files.dotfiles == Dotfiles::Allow);
        is_reserved(name) || is_dotfile(name) && !is_open
    }
}

impl<'w, 'c> Walk<'w, 'c> {
    pub(super) fn new(
        inquiry: &'w mut Inquiry<'c>,
        findings: &'w mut Findings,
        (own_files, sources): (BTreeSet<PathBuf>, Sources),
        time_max: Duration,
    ) -> Walk<'w, 'c> {
        let ends = Instant::now() + time_max;
        Walk { inquiry, findings, own_files, sources, ends, files: 0, roots: 0 }
    }

    /// How many files in how many roots were looked at.
    pub(super) fn looked_at(&self) -> (u64, usize) {
        (self.files, self.roots)
    }

    /// Looks at everything below a root.
    pub(super) fn root(&mut self, root: &Path) {
        self.roots += 1;
        let ground = Ground {
            root: root.to_owned(),
            real: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            places: self.inquiry.places(root),
        };
        let mut left = vec![(PathBuf::new(), 0)];
        while let Some((directory, depth)) = left.pop() {
            if Instant::now() > self.ends || self.inquiry.is_exhausted() {
                let rest = root.join(&directory);
                let what = format!("{}: there was no time for it", rest.display());
                return self.findings.add(Kind::Unfinished, what);
            }
            if depth > DEPTH_MAX {
                let what = format!("{}: it is too deep", root.join(&directory).display());
                self.findings.add(Kind::Unfinished, what);
                continue;
            }
            let below = self.directory(&ground, &directory);
            left.extend(below.into_iter().map(|path| (path, depth + 1)));
        }
    }

    /// Looks at the names in a directory, and returns the directories among them.
    fn directory(&mut self, ground: &Ground<'c>, directory: &Path) -> Vec<PathBuf> {
        let path = ground.root.join(directory);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            // What is in it may be served all the same, by its name.
            Err(_) if permission::is_searchable(&path) => {
                let what = format!("{}: its names cannot be read", path.display());
                self.findings.add(Kind::Unfinished, what);
                return Vec::new();
            }
            Err(_) => {
                self.findings.add(Kind::Unreadable, format!("{}/", path.display()));
                return Vec::new();
            }
        };
        let mut names: Vec<(OsString, FileType)> = entries
            .filter_map(|entry| {
                entry.ok().and_then(|it| Some((it.file_name(), it.file_type().ok()?)))
            })
            .filter(|(name, _)| !ground.hides(&directory.join(name), name.as_bytes()))
            .take(ENTRIES_MAX)
            .collect();
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.same_names(&path, &names);
        let mut below = Vec::new();
        for (name, kind) in names {
            let relative = directory.join(&name);
            let text = name.to_string_lossy();
            if kind.is_symlink() {
                self.link(ground, &relative);
            } else if kind.is_dir() && names::is_history(&text) {
                self.history(ground, &relative);
            } else if kind.is_dir() {
                below.push(relative);
            } else if kind.is_file() {
                self.files += 1;
                self.file(ground, &relative, &text);
            }
        }
        below.reverse();
        below
    }

    fn file(&mut self, ground: &Ground<'c>, relative: &Path, name: &str) {
        let path = ground.root.join(relative);
        if !permission::is_readable(&path) {
            self.findings.add(Kind::Unreadable, path.display().to_string());
        }
        let real = ground.real.join(relative);
        let is_own = self.own_files.contains(&real);
        let kind = match names::suspicion(name) {
            _ if is_own => Some(Kind::Private),
            Some(Suspicion::Private) => Some(Kind::Private),
            Some(Suspicion::Key) => names::holds_private_key(&path).then_some(Kind::Private),
            Some(Suspicion::Backup) => Some(Kind::Backup),
            None => self.sources.contain(&ground.real, &real).then_some(Kind::Source),
        };
        if let Some(kind) = kind {
            self.exposed(ground, relative, &path, kind);
        }
        if ground.any(|files| files.precompressed) {
            let source = Coding::ALL.iter().find_map(|&it| name.strip_suffix(sibling::suffix(it)));
            let flaw =
                source.and_then(|source| sibling::flaw_at(&path, &path.with_file_name(source)));
            if let Some(flaw) = flaw {
                let flaw = flaw.split(';').next().unwrap_or(flaw);
                self.findings.add(Kind::Stale, format!("{}: {flaw}", path.display()));
            }
        }
    }

    /// Reports a file, or the directory that it is in, if everybody gets it.
    fn exposed(&mut self, ground: &Ground<'c>, relative: &Path, shown: &Path, kind: Kind) {
        if let Some(url) = self.inquiry.url_of(&ground.places, &ground.root, relative) {
            self.findings.add(kind, format!("{} at {url}", shown.display()));
        }
    }

    /// The history of a version control, which is reported once if any of its files is served.
    fn history(&mut self, ground: &Ground<'c>, relative: &Path) {
        let path = ground.root.join(relative);
        let Ok(entries) = fs::read_dir(&path) else { return };
        let is_file = |it: &fs::DirEntry| it.file_type().is_ok_and(|kind| kind.is_file());
        let mut names: Vec<_> = entries
            .filter_map(Result::ok)
            .filter(is_file)
            .map(|it| it.file_name())
            .take(100)
            .collect();
        names.sort();
        for name in names {
            let file = relative.join(name);
            if let Some(url) = self.inquiry.url_of(&ground.places, &ground.root, &file) {
                let what = format!("{}/ at {url}", path.display());
                return self.findings.add(Kind::Private, what);
            }
        }
    }

    fn link(&mut self, ground: &Ground<'c>, relative: &Path) {
        let path = ground.root.join(relative);
        let policy = |wanted| ground.any(|files| files.root.link_policy() == wanted);
        match path.canonicalize() {
            Err(_) => self.findings.add(Kind::Dangling, path.display().to_string()),
            Ok(target) => {
                let is_inside = target.starts_with(&ground.real);
                let is_absolute = fs::read_link(&path).is_ok_and(|link| link.is_absolute());
                if is_inside && (!is_absolute || policy(Symlinks::All)) {
                    return;
                }
                let kind = match policy(Symlinks::All) {
                    true => Kind::FollowedOut,
                    false if policy(Symlinks::Inside) => Kind::LeavesRoot,
                    false => return,
                };
                let what = format!("{} leads to {}", path.display(), target.display());
                self.findings.add(kind, what);
            }
        }
    }

    /// Names of one directory that differ only in case.
    fn same_names(&mut self, directory: &Path, names: &[(OsString, FileType)]) {
        let mut seen: HashMap<String, &OsString> = HashMap::with_capacity(names.len());
        for (name, _) in names {
            let Some(text) = name.to_str() else { continue };
            if let Some(known) = seen.insert(text.to_lowercase(), name) {
                let known = directory.join(known);
                let what = format!("{} and {}", known.display(), name.display());
                self.findings.add(Kind::SameName, what);
            }
        }
    }
}

/// Deeper directories are a loop, or a mistake.
const DEPTH_MAX: usize = 100;

/// So many names of one directory are looked at.
const ENTRIES_MAX: usize = 1_000_000;
