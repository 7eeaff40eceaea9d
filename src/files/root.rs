//! The root: a directory that files are served from, and which links in it are followed.
//!
//! It must never know requests, or what is cached of it.

use super::Types;
use super::sum::{ETags, Sums};
pub use crate::sys::file::Symlinks;
use crate::sys::reason::reason_at_directory;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// A directory to serve files from, and the rules for what is in it.
///
/// A root is a path, not the directory that was there when it was opened: when `/srv/current` is a link
/// and is replaced by a link to the next release, files are served from the next release from then on.
///
/// A clone is the same root, and so is one that is opened at the same path with the same rules while the first is kept:
/// what a server knows of its files stays known when it is [reloaded](crate::Handle::reload).
/// [`symlinks`](Root::symlinks) and [`types`](Root::types) make another one.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use httpd::{Root, Symlinks};
/// let root = Root::open("src")?.symlinks(Symlinks::Never);
/// assert!(root.path().is_absolute());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Root {
    inner: Arc<RootInner>,
}

#[derive(Clone, Debug)]
struct RootInner {
    id: u64,
    path: PathBuf,
    symlinks: Symlinks,
    types: Types,
    etags: ETags,
    /// The sums of files, where tags are made of contents.
    sums: Arc<Sums>,
    /// The files of which something was logged that is logged once.
    reported: Arc<Mutex<HashSet<Vec<u8>>>>,
}

impl Root {
    /// A root at `path`. The path is made absolute now, so that a later change of the working directory
    /// does not matter.
    ///
    /// # Errors
    /// When there is no directory at `path`, or it may not be entered. The error's text names the path, and the
    /// directory on the way to it that is missing or may not be entered.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Root> {
        Root::try_open(path.as_ref()).map_err(|error| io::Error::new(error.error.kind(), error))
    }

    /// The same, with an error that tells path and reason apart.
    pub(crate) fn try_open(path: &Path) -> Result<Root, RootError> {
        let failed = |error| RootError { path: path.to_owned(), error };
        let path = std::path::absolute(path).map_err(failed)?;
        crate::sys::file::open_directory(&path)
            // Opening alone succeeds even for a directory that may not be searched.
            .and_then(|_| std::fs::metadata(path.join(".")))
            .map_err(failed)?;
        let inner = RootInner {
            id: next_id(),
            path,
            symlinks: Symlinks::default(),
            types: Types::default(),
            etags: ETags::default(),
            sums: Arc::default(),
            reported: Arc::default(),
        };
        Ok(Root::of(inner))
    }

    /// The root that is equal to this one, if it is kept somewhere.
    fn of(inner: RootInner) -> Root {
        let mut living = living();
        let of_path = living.entry(inner.path.clone()).or_default();
        of_path.retain(|known| known.root.strong_count() > 0);
        let is_same = |known: &Arc<RootInner>| {
            known.symlinks == inner.symlinks
                && known.types == inner.types
                && known.etags == inner.etags
        };
        let same = of_path.iter().filter_map(|it| it.root.upgrade()).find(is_same);
        let inner = same.unwrap_or_else(|| {
            let inner = Arc::new(inner);
            of_path.push(LivingRoot { id: inner.id, root: Arc::downgrade(&inner) });
            inner
        });
        if living.len() > PATHS_KEPT {
            living.retain(|_, roots| roots.iter().any(|it| it.root.strong_count() > 0));
        }
        Root { inner }
    }

    /// The numbers of all roots that are kept somewhere.
    pub(super) fn living_ids() -> HashSet<u64> {
        let living = living();
        let all = living.values().flatten();
        all.filter(|it| it.root.strong_count() > 0).map(|it| it.id).collect()
    }

    /// Sets which symbolic links beneath the root are followed. The path of the root itself may
    /// always lead through links.
    pub fn symlinks(self, policy: Symlinks) -> Root {
        self.with(|inner| inner.symlinks = policy)
    }

    /// Sets the content types of its files.
    pub fn types(self, types: Types) -> Root {
        self.with(|inner| inner.types = types)
    }

    /// Sets what the entity tags of its files are made of. Default: [`ETags::Time`].
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use httpd::{ETags, Root};
    /// let root = Root::open("src")?.etags(ETags::Time);
    /// # let _ = root;
    /// # Ok(())
    /// # }
    /// ```
    pub fn etags(self, etags: ETags) -> Root {
        self.with(|inner| inner.etags = etags)
    }

    /// What the entity tags of its files are made of.
    pub(crate) fn tag_policy(&self) -> ETags {
        self.inner.etags
    }

    /// The sums that its tags are made of, if they are.
    pub(super) fn sums(&self) -> Option<&Arc<Sums>> {
        (self.inner.etags != ETags::Time).then_some(&self.inner.sums)
    }

    /// The absolute path. Links in it are not resolved.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// A number that no other root of this process has.
    pub(super) fn id(&self) -> u64 {
        self.inner.id
    }

    /// Which symbolic links beneath it are followed.
    pub fn link_policy(&self) -> Symlinks {
        self.inner.symlinks
    }

    /// The content types of its files.
    pub(crate) fn content_types(&self) -> &Types {
        &self.inner.types
    }

    /// Whether nothing was reported of this file yet. Of very many files only the first are reported.
    pub(super) fn is_first_report(&self, path: &[u8]) -> bool {
        let mut reported = self.inner.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.len() < REPORTS_MAX && reported.insert(path.to_vec())
    }

    /// Logs something of a file beneath it, once.
    pub(crate) fn report_once(&self, path: &[u8], what: &str) {
        use std::os::unix::ffi::OsStrExt;
        if self.is_first_report(path) {
            let path = self.path().join(std::ffi::OsStr::from_bytes(path));
            log::warn!("{path:?} does not count: {what} (logged once)");
        }
    }

    fn with(self, change: impl FnOnce(&mut RootInner)) -> Root {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        change(&mut inner);
        inner.id = next_id();
        Root::of(inner)
    }
}

/// A root that is kept somewhere, or was.
struct LivingRoot {
    id: u64,
    root: Weak<RootInner>,
}

/// The roots of this process by their paths. They are asked for when a site is made, and never by a request.
fn living() -> MutexGuard<'static, HashMap<PathBuf, Vec<LivingRoot>>> {
    static LIVING: LazyLock<Mutex<HashMap<PathBuf, Vec<LivingRoot>>>> =
        LazyLock::new(Mutex::default);
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a root cannot be opened.
pub(crate) struct RootError {
    /// As it was written.
    path: PathBuf,
    error: io::Error,
}

impl RootError {
    /// The reason, to follow the path.
    pub(crate) fn reason(&self) -> String {
        reason_at_directory(&self.path, &self.error)
    }
}

impl fmt::Display for RootError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot open the root {:?}: {}", self.path, self.reason())
    }
}

/// A `main` that returns an error shows it by this.
impl fmt::Debug for RootError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for RootError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// So many paths of roots are remembered before those are forgotten at which there is none any more.
const PATHS_KEPT: usize = 1024;

/// More lines tell nobody more.
const REPORTS_MAX: usize = 1000;

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_root_and_a_changed_one_is_not() {
        let root = Root::open("/").expect("/ can be opened");
        assert_eq!(root.clone().id(), root.id());
        assert_ne!(root.clone().symlinks(Symlinks::Never).id(), root.id());
        assert_ne!(root.clone().types(Types::new().set("a", "a/b")).id(), root.id());
        assert_eq!(root.clone().types(Types::new()).id(), root.id(), "nothing has changed");
    }

    #[test]
    fn a_root_with_the_same_path_and_rules_is_the_same_while_the_first_is_kept() {
        let directory = crate::sys::temporary::Directory::new();
        let open = || Root::open(directory.path()).expect("it is there");
        let types = || Types::new().set("abc", "text/abc");
        let root = open().types(types());
        assert_eq!(open().types(types()).id(), root.id());
        assert_ne!(open().types(Types::new()).id(), root.id());
        #[cfg(feature = "content-tags")]
        assert_ne!(open().types(types()).etags(ETags::Content).id(), root.id());
        let id = root.id();
        assert!(Root::living_ids().contains(&id));
        drop(root);
        assert!(!Root::living_ids().contains(&id));
        assert_ne!(open().types(types()).id(), id);
    }

    #[test]
    fn the_path_is_made_absolute() {
        let root = Root::open("src").expect("the tests run where the manifest is");
        assert_eq!(root.path(), std::env::current_dir().expect("it is").join("src"));
    }

    #[test]
    fn what_is_no_directory_is_no_root_and_the_error_names_it() {
        for (path, kind, text) in [
            ("/nope", io::ErrorKind::NotFound, "cannot open the root \"/nope\": no such directory"),
            (
                "Cargo.toml",
                io::ErrorKind::NotADirectory,
                "cannot open the root \"Cargo.toml\": it is not a directory",
            ),
            (
                "no/such",
                io::ErrorKind::NotFound,
                "cannot open the root \"no/such\": there is no directory \"no\"",
            ),
        ] {
            let error = Root::open(path).map(drop).expect_err(path);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
            assert!(format!("{error:?}").contains(text), "as a main that returns it shows it");
        }
    }
}
