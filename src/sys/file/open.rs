//! Opening what is beneath a directory, and never anything else.
//!
//! It must never know what the file is for.

use super::call::{Call, refused};
use super::read::{Disk, Residency, said};
use rustix::fs::{self, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which symbolic links of a path are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Symlinks {
    /// Those that stay beneath the directory. An absolute link never counts as such.
    #[default]
    Inside,
    /// None.
    Never,
    /// All, wherever they lead.
    All,
}

/// What to do when the last component of a path is itself a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// Follow it, as far as [`Symlinks`] allows.
    Follow,
    /// Fail with [`Cause::Link`](super::Cause::Link).
    Refuse,
}

/// Opens a directory by its path and follows every link, as a directory to start from. It need only be
/// searchable, not readable.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::openat(CWD, path, STEP_FLAGS | OFlags::DIRECTORY, Mode::empty())?)
}

/// The same without waiting for the disk, where the kernel can tell.
pub(crate) fn open_directory_at_once(path: &Path) -> io::Result<OwnedFd> {
    let (flags, path) = (STEP_FLAGS | OFlags::DIRECTORY, path.as_os_str().as_bytes());
    match open_resolved(CWD, path, flags, ResolveFlags::empty(), Disk::MustNotBlock) {
        Some(result) => Ok(result?),
        None => Ok(fs::openat(CWD, path, flags, Mode::empty())?),
    }
}

/// Opens what is at `path` beneath `directory` for reading. It never waits for another end: a FIFO without a
/// writer opens at once. An empty path is the directory itself; a trailing slash asks for a directory. The
/// path must be relative. `..` in the path or in links can lead out only with [`Symlinks::All`].
///
/// # Errors
/// Whatever `openat2` says, to be sorted with [`Cause::of`](super::Cause::of). A path that leads out is `EXDEV`.
pub(crate) fn open_beneath(
    directory: BorrowedFd<'_>,
    path: &[u8],
    symlinks: Symlinks,
    last: LastLink,
    disk: Disk,
) -> io::Result<OwnedFd> {
    refused(Call::Open)?;
    let path = if path.is_empty() { b"." } else { path };
    let flags = match last {
        LastLink::Follow => FILE_FLAGS,
        LastLink::Refuse => FILE_FLAGS | OFlags::NOFOLLOW,
    };
    let resolve = match symlinks {
        Symlinks::Inside => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        Symlinks::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        Symlinks::All => ResolveFlags::empty(),
    };
    match open_resolved(directory, path, flags, resolve, disk) {
        Some(result) => Ok(result?),
        None if symlinks == Symlinks::All => Ok(fs::openat(directory, path, flags, Mode::empty())?),
        None => Ok(open_by_steps(directory, path, symlinks, last)?),
    }
}

/// Opens `name` in `directory`, not for reading and without following it if it is a link: to ask what it is, or
/// to go on from there.
pub(crate) fn step(directory: BorrowedFd<'_>, name: &[u8], disk: Disk) -> io::Result<OwnedFd> {
    refused(Call::Open)?;
    let flags = STEP_FLAGS | OFlags::NOFOLLOW;
    if disk == Disk::MustNotBlock
        && let Some(result) = open_resolved(directory, name, flags, ResolveFlags::empty(), disk)
    {
        return Ok(result?);
    }
    Ok(fs::openat(directory, name, flags, Mode::empty())?)
}

/// Where a link, opened by [`step`], points to.
pub(crate) fn read_link(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    Ok(fs::readlinkat(link, "", Vec::new())?.into_bytes())
}

/// Calls `openat2`. `None`: it is not available, or failed too often.
fn open_resolved(
    directory: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
    disk: Disk,
) -> Option<rustix::io::Result<OwnedFd>> {
    if WITHOUT_OPENAT2.load(Ordering::Relaxed) {
        return None;
    }
    let must_not_block = disk == Disk::MustNotBlock;
    let said = if must_not_block { said() } else { None };
    if said == Some(Residency::Cold) {
        return Some(Err(Errno::AGAIN));
    }
    if must_not_block && said.is_none() && !WITHOUT_CACHED.load(Ordering::Relaxed) {
        let cached = resolve | ResolveFlags::CACHED;
        match fs::openat2(directory, path, flags, Mode::empty(), cached) {
            Err(Errno::INVAL) => WITHOUT_CACHED.store(true, Ordering::Relaxed),
            Err(Errno::NOSYS | Errno::PERM) => {}
            result => return Some(result),
        }
    }
    for _ in 0..TRIES_MAX {
        match fs::openat2(directory, path, flags, Mode::empty(), resolve) {
            // A rename anywhere was under way while `..` was resolved.
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(Errno::NOSYS | Errno::PERM) if !has_openat2(directory) => {
                WITHOUT_OPENAT2.store(true, Ordering::Relaxed);
                return None;
            }
            result => return Some(result),
        }
    }
    None
}

/// What [`open_beneath`] does without `openat2`: it opens one component at a time and never lets the kernel
/// follow a link or `..`, so that no concurrent rename can lead out.
fn open_by_steps(
    directory: BorrowedFd<'_>,
    path: &[u8],
    symlinks: Symlinks,
    last: LastLink,
) -> rustix::io::Result<OwnedFd> {
    let mut ahead = components(path)?;
    let mut passed: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        let here = passed.last().map_or(directory, AsFd::as_fd);
        if name == b"." {
            continue;
        }
        if name == b".." {
            passed.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let is_last = ahead.is_empty();
        let flags = if is_last { FILE_FLAGS } else { STEP_FLAGS | OFlags::DIRECTORY };
        match fs::openat(here, &name[..], flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(file) if is_last => return Ok(file),
            Ok(next) => passed.push(next),
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => {
                // EINVAL: not a link.
                let target = fs::readlinkat(here, &name[..], Vec::new()).map_err(|_| error)?;
                links += 1;
                if symlinks == Symlinks::Never
                    || links > LINKS_MAX
                    || is_last && last == LastLink::Refuse
                {
                    return Err(Errno::LOOP);
                }
                ahead.append(&mut components(target.as_bytes())?);
            }
            Err(error) => return Err(error),
        }
    }
    let here = passed.last().map_or(directory, AsFd::as_fd);
    fs::openat(here, ".", FILE_FLAGS, Mode::empty())
}

/// The components of a path, the first one last. A trailing slash is a last component `.`, which
/// only a directory has.
fn components(path: &[u8]) -> rustix::io::Result<Vec<Vec<u8>>> {
    match path {
        [] => return Err(Errno::NOENT),
        [b'/', ..] => return Err(Errno::XDEV),
        _ if path.len() >= PATH_BYTES_MAX => return Err(Errno::NAMETOOLONG),
        _ => {}
    }
    let mut names: Vec<Vec<u8>> =
        path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).map(Vec::from).collect();
    if path.ends_with(b"/") {
        names.push(b".".to_vec());
    }
    names.reverse();
    Ok(names)
}

/// Whether `openat2` exists and is allowed. Old sandboxes answer EPERM to unknown calls, and so may a file.
fn has_openat2(directory: BorrowedFd<'_>) -> bool {
    let probe = fs::openat2(directory, ".", STEP_FLAGS, Mode::empty(), ResolveFlags::empty());
    !matches!(probe, Err(Errno::NOSYS | Errno::PERM))
}

/// Set once the kernel or a sandbox has turned out to refuse `openat2`.
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Set once the kernel has turned out to be older than `RESOLVE_CACHED` (Linux 5.12).
static WITHOUT_CACHED: AtomicBool = AtomicBool::new(false);

const FILE_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);
const STEP_FLAGS: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// How often `openat2` is tried before [`open_by_steps`].
const TRIES_MAX: usize = 4;

/// As many links as the kernel follows (MAXSYMLINKS).
const LINKS_MAX: usize = 40;

/// The kernel's PATH_MAX, with the NUL.
const PATH_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::{Cause, FileKind, identity, read_at};
    use crate::sys::temporary::{Directory, bound_by_permissions};
    use std::os::unix::ffi::OsStrExt;

    /// Opens, by both ways, which must agree; the contents, or why not.
    fn read(directory: &Directory, path: &[u8], symlinks: Symlinks) -> Result<Vec<u8>, Cause> {
        let start = open_directory(directory.path()).expect("it is there");
        let by_kernel =
            open_beneath(start.as_fd(), path, symlinks, LastLink::Follow, Disk::MayBlock);
        let by_kernel = by_kernel.map_err(|error| Cause::of(&error)).map(contents);
        if symlinks != Symlinks::All {
            let path = if path.is_empty() { b"." } else { path };
            let by_steps = open_by_steps(start.as_fd(), path, symlinks, LastLink::Follow);
            let by_steps = by_steps.map_err(|error| Cause::of(&error.into())).map(contents);
            assert_eq!(by_kernel, by_steps, "{}", path.escape_ascii());
        }
        by_kernel
    }

    fn contents(open: OwnedFd) -> Vec<u8> {
        let identity = identity(open.as_fd()).expect("an open file can be asked");
        if identity.kind != FileKind::File {
            return format!("{:?}", identity.kind).into_bytes();
        }
        let mut bytes = vec![0; identity.size_bytes as usize + 1];
        let count = read_at(open.as_fd(), &mut bytes, 0, Disk::MayBlock).expect("it can be read");
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn what_is_beneath_is_opened() {
        let here = Directory::new();
        let long = "n".repeat(255);
        let strange: &[u8] = b"\xff\xfe \n%\"#[]{}\x01";
        here.write("a", "1").write("d/e/f", "2").write(&long, "3").write("empty", "");
        here.write(std::ffi::OsStr::from_bytes(strange), "4");
        for symlinks in [Symlinks::Inside, Symlinks::Never, Symlinks::All] {
            let read = |path: &[u8]| read(&here, path, symlinks);
            assert_eq!(read(b"a"), Ok(b"1".to_vec()));
            assert_eq!(read(b"d/e/f"), Ok(b"2".to_vec()));
            assert_eq!(read(long.as_bytes()), Ok(b"3".to_vec()));
            assert_eq!(read(strange), Ok(b"4".to_vec()));
            assert_eq!(read(b"empty"), Ok(b"".to_vec()));
            assert_eq!(read(b"d"), Ok(b"Directory".to_vec()));
            assert_eq!(read(b"d/"), Ok(b"Directory".to_vec()));
            assert_eq!(read(b""), Ok(b"Directory".to_vec()));
            for path in [&b"no"[..], b"a/", b"a/b", b"no/a", b"d/e/f/", &[b'n'; 256], &[b'x'; 5000]]
            {
                assert_eq!(read(path), Err(Cause::Missing), "{}", path.escape_ascii());
            }
        }
    }

    #[test]
    fn links_are_followed_as_far_as_the_policy_says() {
        let around = Directory::new();
        around.write("secret", "s").write("root/a", "1").write("root/d/b", "2");
        for (name, target) in [
            ("root/to_a", "a"),
            ("root/to_d", "d"),
            ("root/d/up", "../a"),
            ("root/chain", "to_d/up"),
            ("root/slash", "d/"),
            ("root/round", "round"),
            ("root/dangling", "no"),
            ("root/out", "../secret"),
            ("root/d/out", "../../secret"),
            ("root/back", "../root/a"),
            ("root/to_out", "out"),
            ("root/self", "."),
        ] {
            around.link(name, target);
        }
        around.link("root/absolute", around.at("secret")).link("root/home", around.at("root/a"));
        let root = Directory::new();
        std::fs::remove_dir(root.path()).expect("it is empty");
        std::os::unix::fs::symlink(around.at("root"), root.path()).expect("links can be made");

        let missing = Err(Cause::Missing);
        let (one, two, secret) = (Ok(b"1".to_vec()), Ok(b"2".to_vec()), Ok(b"s".to_vec()));
        for (path, inside, all) in [
            ("to_a", &one, &one),
            ("to_d/b", &two, &two),
            ("d/up", &one, &one),
            ("chain", &one, &one),
            ("slash/b", &two, &two),
            ("self/self/a", &one, &one),
            ("round", &Err(Cause::Link), &Err(Cause::Link)),
            ("dangling", &missing, &missing),
            ("out", &missing, &secret),
            ("d/out", &missing, &secret),
            ("to_out", &missing, &secret),
            ("back", &missing, &one),
            ("absolute", &missing, &secret),
            ("home", &missing, &one),
        ] {
            assert_eq!(&read(&root, path.as_bytes(), Symlinks::Inside), inside, "{path}");
            assert_eq!(&read(&root, path.as_bytes(), Symlinks::All), all, "{path}");
            assert_eq!(read(&root, path.as_bytes(), Symlinks::Never), Err(Cause::Link), "{path}");
        }
        std::fs::remove_file(root.path()).expect("it is a link");
    }

    #[test]
    fn dots_do_not_lead_out() {
        let around = Directory::new();
        around.write("secret", "s").write("root/d/a", "1");
        let root = Directory::new();
        std::fs::remove_dir(root.path()).expect("it is empty");
        std::fs::rename(around.at("root"), root.path()).expect("both are on one file system");
        for path in ["..", "../", "../secret", "d/../../secret", "d/../.."] {
            assert_eq!(
                read(&root, path.as_bytes(), Symlinks::Inside),
                Err(Cause::Missing),
                "{path}"
            );
        }
        assert_eq!(read(&root, b"d/../d/./a", Symlinks::Inside), Ok(b"1".to_vec()));
        assert_eq!(read(&root, b"/etc/passwd", Symlinks::Inside), Err(Cause::Missing));
    }

    #[test]
    fn a_link_at_the_end_can_be_refused() {
        let here = Directory::new();
        here.write("d/a", "1").link("d/l", "a").link("e", "d");
        let start = open_directory(here.path()).expect("it is there");
        let refused = |path: &[u8]| {
            let open = open_beneath(
                start.as_fd(),
                path,
                Symlinks::Inside,
                LastLink::Refuse,
                Disk::MustNotBlock,
            );
            let steps = open_by_steps(start.as_fd(), path, Symlinks::Inside, LastLink::Refuse);
            assert_eq!(open.is_ok(), steps.is_ok(), "{}", path.escape_ascii());
            open.is_err_and(|error| Cause::of(&error) == Cause::Link)
        };
        assert!(refused(b"d/l") && refused(b"e") && refused(b"e/l"));
        assert!(!refused(b"d/a") && !refused(b"e/a") && !refused(b"e/"));
    }

    #[test]
    fn what_is_no_file_does_not_make_us_wait() {
        let here = Directory::new();
        here.make_others("fifo", "socket");
        assert_eq!(read(&here, b"fifo", Symlinks::Inside), Ok(b"Other".to_vec()));
        assert_eq!(read(&here, b"socket", Symlinks::Inside), Err(Cause::Missing));
    }

    #[test]
    fn what_is_not_permitted_is_said_to_be() {
        use std::os::unix::fs::PermissionsExt;
        bound_by_permissions(|| {
            let here = Directory::new();
            here.write("a", "1");
            std::fs::set_permissions(here.at("a"), PermissionsExt::from_mode(0o000))
                .expect("it is ours");
            assert_eq!(read(&here, b"a", Symlinks::Inside), Err(Cause::Denied));
        });
    }
}
