//! Opening a file that lines are appended to. It must never know which lines.

use super::broker::{Request, or_by_broker};
use super::user::is_root;
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open, readlinkat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Opens a file for appending. Makes it if it is missing, readable by the owner and the group only. Does not
/// wait for the reader of a FIFO. Root follows a link only if it is root's own. A process that may not open it has it
/// opened by its [broker](super::broker).
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    open_through(path, LINKS_MAX)
}

fn open_through(path: &Path, links_left: u8) -> io::Result<File> {
    // Opening a FIFO for writing would wait for its reader without a bound.
    let flags =
        OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let mode = Mode::from_raw_mode(0o640);
    // With read access, a FIFO opens before it has a reader, and the caller can see an incomplete line.
    // What /proc shows as links, such as the /dev/stdout of containers leads to, is none.
    let minds_links = is_root() && !path.starts_with("/proc");
    let flags = flags | if minds_links { OFlags::NOFOLLOW } else { OFlags::empty() };
    let file = match open(path, flags | OFlags::RDWR, mode) {
        Err(Errno::ACCESS) => open(path, flags | OFlags::WRONLY, mode),
        Err(Errno::LOOP) if minds_links && links_left > 0 => {
            return open_through(&target_of_root(path)?, links_left - 1);
        }
        result => result,
    };
    let request = || Request::Append(std::path::absolute(path).unwrap_or(path.to_owned()));
    let file = or_by_broker(file.map(File::from).map_err(io::Error::from), request)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Where a link leads, if root has made it: somebody else who may write to the directory of a log could have root append
/// to any file.
fn target_of_root(path: &Path) -> io::Result<PathBuf> {
    // The link itself, whatever has its name by the time that it is read.
    let link = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    if fstat(&link)?.st_uid != 0 {
        return Err(io::Error::other("it is a symbolic link that is not root's"));
    }
    let target = readlinkat(&link, "", Vec::new())?;
    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
    Ok(path.parent().unwrap_or(Path::new("")).join(target))
}

/// As many as the kernel follows.
const LINKS_MAX: u8 = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn root_follows_its_own_links_and_those_of_nobody_else() {
        let folder = tempfile::tempdir().expect("there is room");
        let at = |name: &str| folder.path().join(name);
        symlink("log", at("link")).expect("it is ours");
        symlink("link", at("further")).expect("it is ours");
        open_append(&at("further")).and_then(|mut it| it.write_all(b"1")).expect("it is made");
        assert_eq!(std::fs::read(at("log")).expect("it is there"), b"1");
        symlink("circle", at("circle")).expect("it is ours");
        open_append(&at("circle")).expect_err("it leads nowhere");
        if is_root() {
            std::os::unix::fs::lchown(at("link"), Some(65534), None).expect("root may");
            let error = open_append(&at("further")).expect_err("it is not root's");
            assert!(error.to_string().contains("symbolic link"), "{error}");
            assert_eq!(std::fs::read(at("log")).expect("it is there"), b"1");
        }
    }
}
