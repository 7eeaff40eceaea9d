//! The open files of one worker: found once, then known until they change.
//!
//! It must never know a request, a status, or a clock: what time it is, it is told.
//!
//! An answer that rests on watched names alone is given without a system call until a change of one of
//! them is read; any other is asked of the disk at each use, and only the contents are kept. To find
//! out: watch the directories on the way, open, take a snapshot, then read the changes; if any of
//! them touches this very answer, once more from the beginning.

mod forgetting;

use super::found::{Found, Now, OpenError};
use super::ground::{Entered, Ground, RECHECK_AFTER, Search};
use super::key::{self, Key};
use super::store::{Answer, CacheLimits, Entry, Store, Trust};
use super::walk::{End, Place};
use super::watches::Watches;
use super::{CachedFile, Prefetch, Root};
use crate::sys::file::{self, Cause, Disk, FileKind, LastLink, Symlinks};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// The open files of one worker.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use httpd::files::{CacheLimits, Disk, Found, Now, OpenFiles, Root};
/// use std::time::{Instant, SystemTime};
///
/// let root = Root::open(".")?;
/// let mut files = OpenFiles::new(CacheLimits::default());
/// let now = Now { monotonic: Instant::now(), wall: SystemTime::now() };
/// match files.find(&root, b"Cargo.toml", now, Disk::MayBlock) {
///     Ok(Found::File(file)) => assert!(file.length() > 0),
///     other => panic!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OpenFiles {
    limits: CacheLimits,
    store: Store,
    ground: Ground,
    /// The key that is looked for; kept for its memory.
    key: Vec<u8>,
    /// What is being found out, so that a change in the midst of it is noticed.
    sought: Option<Key>,
    sought_is: Sought,
    /// Why what was sought last is not served, where it is not just missing.
    refusal: Option<&'static str>,
    /// How many answers have gone, or were not kept, since directories were looked through.
    gone: usize,
}

/// Whether something that the sought answer rests on has changed while it was sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    Undisturbed,
    Disturbed,
}

impl OpenFiles {
    /// Keeps nothing yet.
    pub fn new(limits: CacheLimits) -> OpenFiles {
        OpenFiles::watching(limits, Watches::new())
    }

    fn watching(limits: CacheLimits, watches: Watches) -> OpenFiles {
        OpenFiles {
            limits,
            store: Store::new(limits),
            ground: Ground::new(watches, limits.bytes_max / 2),
            key: Vec::new(),
            sought: None,
            sought_is: Sought::Undisturbed,
            refusal: None,
            gone: 0,
        }
    }

    /// Finds what is at `path` beneath `root`.
    ///
    /// The path is decoded and normalised, and has no leading slash; "" is the root itself. It may
    /// hold any bytes; no file has a name with NUL in it, and `.`, `..` and empty components lead
    /// nowhere. A trailing slash means that it must be a directory.
    ///
    /// What is known is given without a system call. It is as new as the last
    /// [`look`](OpenFiles::look); where nothing can be watched, as new as this call. Two changes are
    /// not told by any notification, and noticed within a second: writing to a file through a
    /// memory map or through a second name that it was given after it was found, and mounting
    /// something on a directory on the way.
    ///
    /// # Errors
    /// See [`OpenError`]. Never waits for a FIFO or another end, and for the disk only with
    /// [`Disk::MayBlock`]; else what the kernel would have to read is [`OpenError::Cold`]. (Without
    /// `openat2`, it is only known of contents whether they would have to be read.)
    pub fn find(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Result<Found, OpenError> {
        key::write(&mut self.key, root.id(), path);
        let known = self.store.touch(&self.key);
        if let Some(entry) = known
            && now.monotonic < entry.fresh_until
        {
            return entry.answer.found();
        }
        if !key::leads_somewhere(path) {
            self.refusal = Some("no file that is served can have this path");
            return self.refuse(root, path, OpenError::NotFound);
        }
        if self.has_missing_directory(now) {
            return Err(OpenError::NotFound);
        }
        match self.look_again(root, path, now, disk) {
            Some(file) => Ok(Found::File(file)),
            None => {
                self.refusal = None;
                let found = self.find_out(root, path, now, disk);
                self.clear_up();
                found.or_else(|error| self.refuse(root, path, error))
            }
        }
    }

    /// Logs why something is not served that seems to be there. An answer from the cache is not logged
    /// again.
    fn refuse(&mut self, root: &Root, path: &[u8], error: OpenError) -> Result<Found, OpenError> {
        if let OpenError::NotFound | OpenError::Forbidden = error
            && let Some(reason) = self.refusal.take()
        {
            let (root, path) = (root.path().display(), path.escape_ascii());
            log::debug!("\"{path}\" in {root} is not served: {reason}");
        }
        Err(error)
    }

    /// Whether a directory on the way to what is sought is known not to be there.
    fn has_missing_directory(&mut self, now: Now) -> bool {
        self.store
            .touch_missing_directory(&self.key)
            .is_some_and(|entry| entry.trust == Trust::Watched && now.monotonic < entry.fresh_until)
    }

    /// Readable while there is something to [`look`](OpenFiles::look) at: for an edge-triggered
    /// reactor. The same descriptor for the life of this value. `None`: this system gave no
    /// watcher, each use asks the disk, and there is nothing to wait for.
    pub fn watch_descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.ground.descriptor()
    }

    /// Looks at a watched file once more, for the changes that are not told. Where it is what it was,
    /// it is known for another while, and rests on the names that it rested on.
    fn look_again(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Option<Rc<CachedFile>> {
        let entry = self.store.peek(&self.key)?;
        let Answer::File(file) = &entry.answer else { return None };
        let is_kept_rightly =
            file.is_in_memory() || file.length() > self.worth_keeping_bytes(&self.key);
        if entry.trust != Trust::Watched || !file.is_settled() || !is_kept_rightly {
            return None;
        }
        let file = Rc::clone(file);
        if self.ground.enter(root, now.monotonic).ok()? == Entered::Elsewhere {
            return None;
        }
        let last = match root.link_policy() {
            Symlinks::Never => LastLink::Refuse,
            Symlinks::Inside | Symlinks::All => LastLink::Follow,
        };
        let open = self.ground.open(root, path, last, disk).ok()?;
        if file::identity(open.as_fd()).ok()? != *file.identity() {
            return None;
        }
        self.store.renew(&self.key, now.monotonic + RECHECK_AFTER);
        Some(file)
    }

    /// Finds it on the disk, and keeps it if nothing about it changed meanwhile.
    fn find_out(
        &mut self,
        root: &Root,
        path: &[u8],
        now: Now,
        disk: Disk,
    ) -> Result<Found, OpenError> {
        let key: &Key = &Rc::from(&self.key[..]);
        let search = Search { root, path, key, disk };
        for tries_left in (0..TRIES_MAX + TRIES_IF_MISSING).rev() {
            self.sought = Some(Rc::clone(key));
            self.sought_is = Sought::Undisturbed;
            // Somebody may be writing to it all the time: in the end it is left where it is.
            let contents_bytes_max =
                if tries_left > TRIES_IF_MISSING { self.worth_keeping_bytes(key) } else { 0 };
            let attempt = self.attempt(&search, contents_bytes_max, now);
            self.look();
            self.sought = None;
            match attempt {
                Ok(Some((answer, trust, missing))) => {
                    let kept_as = missing.as_ref().unwrap_or(key);
                    if self.sought_is == Sought::Undisturbed
                        && self.was_announced(key, &answer)
                        && self.was_announced(kept_as, &answer)
                    {
                        self.keep(key, kept_as, &answer, trust, now);
                        return answer.found();
                    }
                    if tries_left <= TRIES_IF_MISSING && !matches!(answer, Answer::Nothing)
                        || tries_left == 0
                    {
                        self.let_go(key);
                        return answer.found();
                    }
                }
                Ok(None) => {}
                // The root's own path may lead through a link that is flipped.
                Err(error)
                    if self.sought_is == Sought::Disturbed
                        && tries_left > 0
                        && matches!(Cause::of(&error), Cause::Missing | Cause::Link) => {}
                Err(error) => match Cause::of(&error) {
                    Cause::Cold if disk == Disk::MustNotBlock => {
                        return Err(OpenError::Cold(self.prefetch(root, path)));
                    }
                    Cause::Exhausted if self.give_back_descriptors(usize::MAX) > 0 => {}
                    _ => {
                        self.refusal = file::refusal(&error);
                        let error = OpenError::from(error);
                        return self.known_still(key, &error).unwrap_or(Err(error));
                    }
                },
            }
        }
        self.let_go(key);
        Err(OpenError::Exhausted)
    }

    /// What brings a path into memory, with as much of the file as would be kept there.
    fn prefetch(&mut self, root: &Root, path: &[u8]) -> Prefetch {
        self.gone += 1;
        let bytes_max = self.limits.contents_bytes_max;
        Prefetch::Path { root: root.clone(), path: path.to_vec(), bytes_max }
    }

    /// Up to which size the contents of a file are worth keeping. The kernel keeps them as well and
    /// sends them from there for little more: memory is for what is asked for often.
    fn worth_keeping_bytes(&self, key: &[u8]) -> u64 {
        if self.store.uses(key) < OFTEN {
            self.limits.contents_bytes_max.min(SMALL_BYTES)
        } else {
            self.limits.contents_bytes_max
        }
    }

    /// Watches the way, opens, takes a snapshot; with an answer comes the key that it is to be kept
    /// under if that is another than what is sought. `None`: the file changed under our hands.
    fn attempt(
        &mut self,
        search: &Search<'_>,
        contents_bytes_max: u64,
        now: Now,
    ) -> io::Result<Option<(Answer, Trust, Option<Key>)>> {
        if self.ground.enter(search.root, now.monotonic)? == Entered::Elsewhere {
            self.forget_within(&key::of_root(search.root.id()));
            return Ok(None);
        }
        let mut way = self.ground.way(search)?;
        let mut seen = None;
        match way.place.watch {
            _ if way.end != End::Directory => seen = Some(End::Nothing),
            Some(watch) => self.ground.rest(watch, search.key),
            None => {}
        }
        let mut opened = self.ground.open(search.root, search.path, LastLink::Refuse, search.disk);
        if search.root.link_policy() != Symlinks::Never
            && matches!(&opened, Err(error) if Cause::of(error) == Cause::Link)
        {
            if way.trust == Trust::Watched {
                way = self.ground.walk(search, search.path)?;
                seen = Some(way.end);
            }
            opened = self.ground.open(search.root, search.path, LastLink::Follow, search.disk);
        }
        let Some(answer) = self.answer(search, opened, contents_bytes_max, now.wall)? else {
            return Ok(None);
        };
        // Where the walk saw something else than was opened, what it learnt is of no use.
        let as_seen = seen.is_none_or(|end| end == answer.end());
        let trust =
            if as_seen && tells_writes(&answer, &way.place) { way.trust } else { Trust::Asked };
        let missing = match answer {
            Answer::Nothing if as_seen => way.missing,
            _ => None,
        };
        Ok(Some((answer, trust, missing)))
    }

    /// What an attempt to open has found; contents that are known already are not read again.
    fn answer(
        &mut self,
        search: &Search<'_>,
        opened: io::Result<OwnedFd>,
        contents_bytes_max: u64,
        wall: SystemTime,
    ) -> io::Result<Option<Answer>> {
        let open = match opened {
            Ok(open) => open,
            Err(error) if matches!(Cause::of(&error), Cause::Missing | Cause::Link) => {
                self.refusal = file::refusal(&error);
                return Ok(Some(Answer::Nothing));
            }
            Err(error) => return Err(error),
        };
        let identity = file::identity(open.as_fd())?;
        match identity.kind {
            FileKind::Directory => return Ok(Some(Answer::Directory)),
            FileKind::File => {}
            FileKind::Link | FileKind::Other => {
                self.refusal = Some("it is neither a file nor a directory");
                return Ok(Some(Answer::Nothing));
            }
        }
        if let Some(Answer::File(known)) = self.store.peek(search.key).map(|entry| &entry.answer)
            && known.is_settled()
            && *known.identity() == identity
            && (known.is_in_memory() || identity.size_bytes > contents_bytes_max)
        {
            return Ok(Some(Answer::File(Rc::clone(known))));
        }
        let content_type = search.root.content_types().content_type(search.path);
        let disk = search.disk;
        let snapshot =
            CachedFile::snapshot(open, identity, &content_type, contents_bytes_max, wall, disk)?;
        Ok(snapshot.map(|file| Answer::File(Rc::new(file))))
    }

    /// Whether no watched answer has become another without a notification. If one has, something on
    /// the way is not what it was thought to be (mounted over, say): it is forgotten.
    fn was_announced(&mut self, key: &Key, answer: &Answer) -> bool {
        match self.store.peek(key) {
            Some(entry) if entry.trust == Trust::Watched && !entry.answer.is_same(answer) => {
                self.forget_within(&Rc::from(key::directory(key)));
                false
            }
            _ => true,
        }
    }

    /// Keeps an answer if it is worth it: one that has to be asked for at each use is worth nothing,
    /// unless contents come with it.
    fn keep(&mut self, key: &Key, kept_as: &Key, answer: &Answer, trust: Trust, now: Now) {
        let fresh_for = match (trust, answer) {
            (Trust::Asked, Answer::File(_)) => Duration::ZERO,
            (Trust::Asked, Answer::Directory | Answer::Nothing) => return self.let_go(key),
            (Trust::Watched, Answer::File(file)) => file.settles_in(now.wall).min(RECHECK_AFTER),
            (Trust::Watched, Answer::Directory | Answer::Nothing) => RECHECK_AFTER,
        };
        if kept_as != key {
            self.let_go(key);
        }
        let entry = Entry { answer: answer.clone(), trust, fresh_until: now.monotonic + fresh_for };
        let notes_bytes = self.ground.notes_bytes(kept_as);
        self.store.insert(kept_as, entry, notes_bytes, self.ground.directories_bytes());
    }

    /// What is watched and has not changed is still true when there is no descriptor left to see for
    /// oneself; anything else that cannot be opened is not kept.
    fn known_still(&mut self, key: &Key, error: &OpenError) -> Option<Result<Found, OpenError>> {
        if let OpenError::Exhausted = error
            && let Some(entry) = self.store.peek(key)
            && entry.trust == Trust::Watched
        {
            return Some(entry.answer.found());
        }
        self.let_go(key);
        None
    }

    /// Keeps nothing under this key.
    fn let_go(&mut self, key: &Key) {
        self.store.remove(key);
        self.gone += 1;
    }
}

/// Whether all writes to what was found are told by watching the directory. Writes through a second
/// name are told in that name's directory alone, and so are those to a file that is mounted here.
fn tells_writes(answer: &Answer, place: &Place) -> bool {
    match answer {
        Answer::File(file) => file.identity().names == 1 && file.identity().device == place.device,
        Answer::Directory | Answer::Nothing => true,
    }
}

/// Contents that are copied for less than it takes to send them from a descriptor.
const SMALL_BYTES: u64 = 16 * 1024;

/// Uses between two rechecks, about a second, from which on a file is asked for often.
const OFTEN: u32 = 16;

/// How often it is tried to find something as it is in one moment.
const TRIES_MAX: usize = 4;

/// How many more times it is tried where the way has changed and there seems to be nothing. The kernel
/// follows a link in two steps: by the second, the link may lead elsewhere and what it led to be gone,
/// so that a name that is always there seems to be missing.
const TRIES_IF_MISSING: usize = 28;

#[cfg(test)]
mod tests;
