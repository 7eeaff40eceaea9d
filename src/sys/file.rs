//! Files as the kernel offers them: opening beneath a directory, identity, reading, sending.
//!
//! It must never know HTTP, a cache, or why a file is wanted.

use rustix::fs::{self, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which symbolic links may be followed on the way to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Symlinks {
    /// Those that stay beneath the directory. Absolute ones do not, wherever they lead.
    #[default]
    Inside,
    /// None.
    Never,
    /// All, wherever they lead.
    All,
}

/// What to do when the last component of a path is itself a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLink {
    /// Follow it, as far as [`Symlinks`] allows.
    Follow,
    /// Fail with [`Cause::Link`].
    Refuse,
}

/// What an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File,
    Link,
    /// FIFO, socket, device.
    Other,
}

/// A time as file systems keep it: seconds since 1970, and nanoseconds on top of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Nanoseconds since 1970.
    pub fn total_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// Which version of which file this is. Two equal identities mean unchanged contents, as far as the
/// file system's clock tells versions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub kind: Kind,
    /// How many names the file has.
    pub names: u64,
    pub size_bytes: u64,
    /// When the contents were last written (mtime).
    pub modified: Timestamp,
    /// When contents, names or permissions last changed (ctime). No program can set it back.
    pub changed: Timestamp,
}

impl Identity {
    /// Whether contents of that identity are, of the same open file, still the contents of this
    /// one. Names and permissions may have changed: a file that is replaced while it is being read
    /// loses its name, not a byte.
    pub fn has_same_contents(&self, other: &Identity) -> bool {
        self.size_bytes == other.size_bytes && self.modified == other.modified
    }
}

/// Why a file could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no such file, or none that may be reached, or nothing that can be opened.
    Missing,
    /// A symbolic link stood where none is followed, or too many in a row.
    Link,
    /// The process lacks the permission.
    Denied,
    /// Descriptors or memory have run out; later it may work.
    Exhausted,
    /// Anything else: most likely the disk.
    Failed,
}

impl Cause {
    /// Sorts an error of one of this module's functions.
    pub fn of(error: &io::Error) -> Cause {
        match Errno::from_io_error(error) {
            // EXDEV: the path leads out. ENXIO, ENODEV: a socket, or a device without a driver.
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::NAMETOOLONG
                | Errno::XDEV
                | Errno::NXIO
                | Errno::NODEV,
            ) => Cause::Missing,
            Some(Errno::LOOP) => Cause::Link,
            Some(Errno::ACCESS | Errno::PERM) => Cause::Denied,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Cause::Exhausted,
            _ => Cause::Failed,
        }
    }
}

/// Opens a directory by its path, following every link, as a place to start from. It need not be
/// readable, only searchable.
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::openat(
        CWD,
        path,
        STEP_FLAGS | OFlags::DIRECTORY,
        Mode::empty(),
    )?)
}

/// Opens what is at `path` beneath `directory`, for reading, never waiting for it: a FIFO without a
/// writer opens at once. An empty path is the directory itself; a trailing slash asks for a
/// directory. The path must be relative; `..` in it, as in links, cannot lead out but under
/// [`Symlinks::All`].
///
/// # Errors
/// Whatever `openat2` says, to be sorted with [`Cause::of`]. A path that leads out is `EXDEV`.
pub fn open_beneath(
    directory: BorrowedFd<'_>,
    path: &[u8],
    symlinks: Symlinks,
    last: LastLink,
) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let flags = match last {
        LastLink::Follow => FILE_FLAGS,
        LastLink::Refuse => FILE_FLAGS | OFlags::NOFOLLOW,
    };
    if symlinks == Symlinks::All {
        return Ok(fs::openat(directory, path, flags, Mode::empty())?);
    }
    let resolve = resolve_flags(symlinks);
    if WITHOUT_OPENAT2.load(Ordering::Relaxed) {
        return Ok(open_by_steps(directory, path, symlinks, last)?);
    }
    for _ in 0..TRIES_MAX {
        match fs::openat2(directory, path, flags, Mode::empty(), resolve) {
            // A rename anywhere was under way while `..` was resolved.
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(Errno::NOSYS | Errno::PERM) if !has_openat2(directory) => {
                WITHOUT_OPENAT2.store(true, Ordering::Relaxed);
                break;
            }
            result => return Ok(result?),
        }
    }
    Ok(open_by_steps(directory, path, symlinks, last)?)
}

/// Goes one step: to `name` in `directory`, which is neither followed if it is a link nor opened
/// for reading. For asking what it is and for going on from there.
pub fn step(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(fs::openat(
        directory,
        name,
        STEP_FLAGS | OFlags::NOFOLLOW,
        Mode::empty(),
    )?)
}

/// Where a link, opened by [`step`], points to.
pub fn read_link(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    Ok(fs::readlinkat(link, "", Vec::new())?.into_bytes())
}

/// Which version of which file this is.
pub fn identity(file: BorrowedFd<'_>) -> io::Result<Identity> {
    let stat = fs::fstat(file)?;
    Ok(Identity {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        },
        names: stat.st_nlink as u64,
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Timestamp {
            seconds: stat.st_mtime as i64,
            nanoseconds: stat.st_mtime_nsec as u32,
        },
        changed: Timestamp {
            seconds: stat.st_ctime as i64,
            nanoseconds: stat.st_ctime_nsec as u32,
        },
    })
}

/// Reads at `offset` until `buffer` is full or the file ends; says how many bytes there were.
pub fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::pread(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Sends up to `count` bytes from `offset` of a file to a socket, within the kernel. Zero means that
/// the file ends there: it has shrunk.
///
/// # Errors
/// `WouldBlock` when the socket takes no more.
pub fn send_file(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    let mut offset = offset;
    Ok(fs::sendfile(socket, file, Some(&mut offset), count)?)
}

/// Whether bytes of a file can be read without waiting for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residency {
    /// The disk would have to be asked.
    Cold,
    /// They are in memory, or there are none at this place.
    Resident,
    /// This kernel or file system does not tell.
    Unknown,
}

/// Whether the byte at `offset` can be read without waiting for the disk. Nothing is read in.
pub fn residency(file: BorrowedFd<'_>, offset: u64) -> Residency {
    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(
        file,
        &mut buffers,
        offset,
        rustix::io::ReadWriteFlags::NOWAIT,
    ) {
        Ok(_) => Residency::Resident,
        Err(Errno::AGAIN) => Residency::Cold,
        Err(_) => Residency::Unknown,
    }
}

/// Whether it can be told what is at `path` beneath `directory`, and if it is a file of up to
/// `bytes_max` bytes its contents be read, without waiting for the disk. The first and the last
/// byte stand for all of them: small files are read in at once.
pub fn path_residency(
    directory: BorrowedFd<'_>,
    path: &[u8],
    symlinks: Symlinks,
    bytes_max: u64,
) -> Residency {
    let path = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::CACHED | resolve_flags(symlinks);
    let open = match fs::openat2(directory, path, FILE_FLAGS, Mode::empty(), resolve) {
        Ok(open) => open,
        Err(Errno::AGAIN) => return Residency::Cold,
        // Before Linux 5.12, or in a sandbox.
        Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => return Residency::Unknown,
        // Known to be nothing.
        Err(_) => return Residency::Resident,
    };
    match identity(open.as_fd()) {
        Ok(Identity {
            kind: Kind::File,
            size_bytes,
            ..
        }) if (1..=bytes_max).contains(&size_bytes) => {
            match residency(open.as_fd(), size_bytes - 1) {
                Residency::Resident => residency(open.as_fd(), 0),
                other => other,
            }
        }
        _ => Residency::Resident,
    }
}

/// How the kernel is to resolve paths. `All` asks for nothing.
fn resolve_flags(symlinks: Symlinks) -> ResolveFlags {
    match symlinks {
        Symlinks::Inside => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        Symlinks::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        Symlinks::All => ResolveFlags::empty(),
    }
}

/// Raises this process's limit of open descriptors as far as it may, and says how many may be open
/// now (`None`: without limit).
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    ) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// What [`open_beneath`] does where there is no `openat2`: one component at a time, never letting
/// the kernel follow a link or climb, so that no rename under way can lead out.
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
        let flags = if is_last {
            FILE_FLAGS
        } else {
            STEP_FLAGS | OFlags::DIRECTORY
        };
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
    let mut names: Vec<Vec<u8>> = path
        .split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
        .map(Vec::from)
        .collect();
    if path.ends_with(b"/") {
        names.push(b".".to_vec());
    }
    names.reverse();
    Ok(names)
}

/// Whether `openat2` is there and allowed. Old sandboxes answer EPERM to what they do not know, which
/// a file may mean as well.
fn has_openat2(directory: BorrowedFd<'_>) -> bool {
    let probe = fs::openat2(
        directory,
        ".",
        STEP_FLAGS,
        Mode::empty(),
        ResolveFlags::empty(),
    );
    !matches!(probe, Err(Errno::NOSYS | Errno::PERM))
}

/// Set once the kernel or a sandbox has turned out to refuse `openat2`.
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);
const STEP_FLAGS: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// How often `openat2` is asked before we step ourselves.
const TRIES_MAX: usize = 4;

/// As many links as the kernel follows (MAXSYMLINKS).
const LINKS_MAX: usize = 40;

/// The kernel's PATH_MAX, with the NUL.
const PATH_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::{Directory, skipped_for_root};
    use std::os::unix::ffi::OsStrExt;

    /// Opens, by both ways, which must agree; the contents, or why not.
    fn read(directory: &Directory, path: &[u8], symlinks: Symlinks) -> Result<Vec<u8>, Cause> {
        let start = open_directory(directory.path()).expect("it is there");
        let by_kernel = open_beneath(start.as_fd(), path, symlinks, LastLink::Follow);
        let by_kernel = by_kernel.map_err(|error| Cause::of(&error)).map(contents);
        if symlinks != Symlinks::All {
            let path = if path.is_empty() { b"." } else { path };
            let by_steps = open_by_steps(start.as_fd(), path, symlinks, LastLink::Follow);
            let by_steps = by_steps
                .map_err(|error| Cause::of(&error.into()))
                .map(contents);
            assert_eq!(by_kernel, by_steps, "{}", path.escape_ascii());
        }
        by_kernel
    }

    fn contents(open: OwnedFd) -> Vec<u8> {
        let identity = identity(open.as_fd()).expect("an open file can be asked");
        if identity.kind != Kind::File {
            return format!("{:?}", identity.kind).into_bytes();
        }
        let mut bytes = vec![0; identity.size_bytes as usize + 1];
        let count = read_at(open.as_fd(), &mut bytes, 0).expect("it can be read");
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn what_is_beneath_is_opened() {
        let here = Directory::new();
        let long = "n".repeat(255);
        let strange: &[u8] = b"\xff\xfe \n%\"#[]{}\x01";
        here.write("a", "1")
            .write("d/e/f", "2")
            .write(&long, "3")
            .write("empty", "");
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
            for path in [
                &b"no"[..],
                b"a/",
                b"a/b",
                b"no/a",
                b"d/e/f/",
                &[b'n'; 256],
                &[b'x'; 5000],
            ] {
                assert_eq!(read(path), Err(Cause::Missing), "{}", path.escape_ascii());
            }
        }
    }

    #[test]
    fn links_are_followed_as_far_as_the_policy_says() {
        let around = Directory::new();
        around
            .write("secret", "s")
            .write("root/a", "1")
            .write("root/d/b", "2");
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
        around
            .link("root/absolute", around.at("secret"))
            .link("root/home", around.at("root/a"));
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
            assert_eq!(
                &read(&root, path.as_bytes(), Symlinks::Inside),
                inside,
                "{path}"
            );
            assert_eq!(&read(&root, path.as_bytes(), Symlinks::All), all, "{path}");
            assert_eq!(
                read(&root, path.as_bytes(), Symlinks::Never),
                Err(Cause::Link),
                "{path}"
            );
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
        assert_eq!(
            read(&root, b"d/../d/./a", Symlinks::Inside),
            Ok(b"1".to_vec())
        );
        assert_eq!(
            read(&root, b"/etc/passwd", Symlinks::Inside),
            Err(Cause::Missing)
        );
    }

    #[test]
    fn a_link_at_the_end_can_be_refused() {
        let here = Directory::new();
        here.write("d/a", "1").link("d/l", "a").link("e", "d");
        let start = open_directory(here.path()).expect("it is there");
        let refused = |path: &[u8]| {
            let open = open_beneath(start.as_fd(), path, Symlinks::Inside, LastLink::Refuse);
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
        assert_eq!(
            read(&here, b"fifo", Symlinks::Inside),
            Ok(b"Other".to_vec())
        );
        assert_eq!(
            read(&here, b"socket", Symlinks::Inside),
            Err(Cause::Missing)
        );
    }

    #[test]
    fn what_is_not_permitted_is_said_to_be() {
        use std::os::unix::fs::PermissionsExt;
        if skipped_for_root("what is not permitted is said to be") {
            return;
        }
        let here = Directory::new();
        here.write("a", "1");
        std::fs::set_permissions(here.at("a"), PermissionsExt::from_mode(0o000))
            .expect("it is ours");
        assert_eq!(read(&here, b"a", Symlinks::Inside), Err(Cause::Denied));
    }

    #[test]
    fn a_file_is_sent_from_where_it_is_asked() {
        use std::io::Read;
        let here = Directory::new();
        here.write("a", "0123456789");
        let file = std::fs::File::open(here.at("a")).expect("it is there");
        let (ours, mut theirs) =
            std::os::unix::net::UnixStream::pair().expect("sockets can be made");
        assert_eq!(
            send_file(ours.as_fd(), file.as_fd(), 3, 4).expect("there is room"),
            4
        );
        assert_eq!(
            send_file(ours.as_fd(), file.as_fd(), 10, 4).expect("there is room"),
            0
        );
        drop(ours);
        let mut sent = String::new();
        theirs.read_to_string(&mut sent).expect("it was closed");
        assert_eq!(sent, "3456");
    }

    #[test]
    fn what_was_just_written_is_not_cold() {
        let here = Directory::new();
        here.write("a", "0123456789");
        let file = std::fs::File::open(here.at("a")).expect("it is there");
        assert_ne!(residency(file.as_fd(), 0), Residency::Cold);
        assert_ne!(residency(file.as_fd(), 1000), Residency::Cold);
    }

    #[test]
    fn the_descriptor_limit_is_as_high_as_may_be() {
        let limit = raise_descriptor_limit();
        assert_eq!(raise_descriptor_limit(), limit);
        assert!(limit.is_none_or(|limit| limit > 0));
    }
}
