//! One look at the disk: which directories the path leads through, what is at its end, and a snapshot of
//! it. It must never know what is kept, or for how long.

use super::CachedFile;
use super::directories::{Directories, Search};
use super::key::CacheKey;
use super::known_directory::{KnownDirectory, Trust};
use super::lookup_result::{LookupResult, PathEnd};
use crate::sys::file::{self, Cause, FileKind, LastLink, Symlinks};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::SystemTime;

/// What one look at the disk found.
#[derive(Debug)]
pub(super) struct DiskLookup {
    pub(super) result: LookupResult,
    pub(super) trust: Trust,
    /// The key to keep the result under, where a directory of the path is missing.
    pub(super) missing: Option<CacheKey>,
    /// Why the kernel does not open something that may well be there.
    pub(super) refusal: Option<&'static str>,
}

/// Watches the directories of the path, opens what is at its end and takes a snapshot of it. The root
/// has been [entered](Directories::enter). Contents that are `known` already are not read again. `None`:
/// the file changed while it was being read.
pub(super) fn look_up(
    directories: &mut Directories,
    search: &Search<'_>,
    known: Option<Arc<CachedFile>>,
    contents_bytes_max: u64,
    wall: SystemTime,
) -> io::Result<Option<DiskLookup>> {
    let mut resolved = directories.resolve_parent(search)?;
    let mut seen = None;
    match resolved.directory.watch {
        _ if resolved.end != PathEnd::Directory => seen = Some(PathEnd::Nothing),
        Some(watch) => directories.depend_on(watch, search.key),
        None => {}
    }
    let mut opened = directories.open(search.root, search.path, LastLink::Refuse, search.disk);
    if search.root.link_policy() != Symlinks::Never
        && matches!(&opened, Err(error) if Cause::of(error) == Cause::Link)
    {
        if resolved.trust == Trust::Watched {
            resolved = directories.resolve(search, search.path)?;
            seen = Some(resolved.end);
        }
        opened = directories.open(search.root, search.path, LastLink::Follow, search.disk);
    }
    let Some((result, refusal)) = examine(search, opened, known, contents_bytes_max, wall)? else {
        return Ok(None);
    };
    // Where resolving the path ended at something else than opening it, its directories prove nothing.
    let is_as_seen = seen.is_none_or(|end| end == result.end());
    let is_watched = is_as_seen && are_writes_reported(&result, &resolved.directory);
    let trust = if is_watched { resolved.trust } else { Trust::Asked };
    let missing = match result {
        LookupResult::Missing if is_as_seen => resolved.missing,
        _ => None,
    };
    Ok(Some(DiskLookup { result, trust, missing, refusal }))
}

type Examined = (LookupResult, Option<&'static str>);

/// What was opened, or why nothing was.
fn examine(
    search: &Search<'_>,
    opened: io::Result<OwnedFd>,
    known: Option<Arc<CachedFile>>,
    contents_bytes_max: u64,
    wall: SystemTime,
) -> io::Result<Option<Examined>> {
    let open = match opened {
        Ok(open) => open,
        Err(error) if matches!(Cause::of(&error), Cause::Missing | Cause::Link) => {
            return Ok(Some((LookupResult::Missing, file::refusal(&error))));
        }
        Err(error) => return Err(error),
    };
    let identity = file::identity(open.as_fd())?;
    match identity.kind {
        FileKind::Directory => return Ok(Some((LookupResult::Directory, None))),
        FileKind::File => {}
        FileKind::Link | FileKind::Other => {
            let refusal = Some("it is neither a file nor a directory");
            return Ok(Some((LookupResult::Missing, refusal)));
        }
    }
    if let Some(known) = known
        && known.is_settled()
        && *known.identity() == identity
        && (known.is_in_memory() || identity.size_bytes > contents_bytes_max)
    {
        return Ok(Some((LookupResult::File(known), None)));
    }
    let content_type = search.root.content_types().content_type(search.path);
    let (sums, disk) = (search.root.sums(), search.disk);
    let snapshot =
        CachedFile::snapshot(open, identity, &content_type, sums, contents_bytes_max, wall, disk)?;
    if let Some(file) = &snapshot
        && file.time_says_nothing()
        && search.root.is_first_report(TIMES)
    {
        let path = search.root.path().join(OsStr::from_bytes(search.path));
        log::warn!(
            "{path:?} gets no ETag and no Last-Modified, because its time of modification is one that every version has; etag = \"content\" makes tags of contents (logged once for each root)"
        );
    }
    Ok(snapshot.map(|file| (LookupResult::File(Arc::new(file)), None)))
}

/// What is reported once for each root. No path is empty.
const TIMES: &[u8] = b"";

/// Whether watching the directory reports every write to the file. A write through a second name is
/// reported in that name's directory only, and one to a file that is mounted here in the directory that it
/// comes from.
fn are_writes_reported(result: &LookupResult, directory: &KnownDirectory) -> bool {
    match result {
        LookupResult::File(file) => {
            file.identity().names == 1 && file.identity().device == directory.device
        }
        LookupResult::Directory | LookupResult::Missing => true,
    }
}
