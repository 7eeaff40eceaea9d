//! What a directory holds: its names, and what stands behind each. It must never know what they are for.

use super::identity::{FileKind, Identity, identity_of};
use rustix::fs::{self, Access, AtFlags, RawDir};
use rustix::io::Errno;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

/// Calls `visit` with each name in an open directory, except `.` and `..`, in no order, until it breaks off.
///
/// # Errors
/// Whatever the kernel says while it is read: `ENOENT` if the directory was removed meanwhile.
pub(crate) fn entries(
    directory: BorrowedFd<'_>,
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut names = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = names.next() {
        let entry = match entry {
            Err(Errno::INTR) => continue,
            entry => entry?,
        };
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") && visit(name).is_break() {
            break;
        }
    }
    Ok(())
}

/// What has this name in a directory. A link is not followed.
pub(crate) fn identity_at(directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Identity> {
    Ok(identity_of(&fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Whether this process may read the file of this name in a directory, or read and search the directory. A link is
/// not followed.
pub(crate) fn is_readable(directory: BorrowedFd<'_>, name: &[u8], kind: FileKind) -> bool {
    let access = match kind {
        FileKind::Directory => Access::READ_OK | Access::EXEC_OK,
        FileKind::File | FileKind::Link | FileKind::Other => Access::READ_OK,
    };
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    match fs::accessat(directory, name, access, flags) {
        Ok(()) => true,
        // Before Linux 5.8 the kernel cannot tell: opening will.
        Err(error) => matches!(error, Errno::NOSYS | Errno::INVAL),
    }
}

/// Room for several hundred names per call.
const BUFFER_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::open_directory;
    use crate::sys::temporary::{Directory, bound_by_permissions};
    use rustix::fs::{CWD, Mode, OFlags};
    use std::os::fd::{AsFd, OwnedFd};

    fn open(here: &Directory) -> OwnedFd {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::openat(CWD, here.path(), flags, Mode::empty()).expect("it is there")
    }

    #[test]
    fn every_name_is_visited_once_and_no_dots_are() {
        let here = Directory::new();
        let mut expected: Vec<String> = (0..3_000).map(|number| format!("n{number}")).collect();
        for name in &expected {
            here.write(name, "");
        }
        here.write("...", "").write("d/below", "");
        expected.extend(["...".to_owned(), "d".to_owned()]);
        let mut found = Vec::new();
        let visit = |name: &[u8]| {
            found.push(String::from_utf8_lossy(name).into_owned());
            ControlFlow::Continue(())
        };
        entries(open(&here).as_fd(), visit).expect("it can be read");
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_visit_can_be_broken_off() {
        let here = Directory::new();
        here.write("a", "").write("b", "").write("c", "");
        let mut count = 0;
        let visit = |_: &[u8]| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        entries(open(&here).as_fd(), visit).expect("it can be read");
        assert_eq!(count, 2);
    }

    #[test]
    fn what_stands_behind_a_name_is_told_and_a_link_is_a_link() {
        let here = Directory::new();
        here.write("a", "123").write("d/x", "").link("l", "a").make_others("fifo", "socket");
        let start = open_directory(here.path()).expect("it is there");
        let kind = |name: &str| identity_at(start.as_fd(), name.as_bytes()).map(|it| it.kind);
        assert_eq!(identity_at(start.as_fd(), b"a").expect("it is there").size_bytes, 3);
        assert_eq!(kind("d").expect("it is there"), FileKind::Directory);
        assert_eq!(kind("l").expect("it is there"), FileKind::Link);
        assert_eq!(kind("fifo").expect("it is there"), FileKind::Other);
        assert!(kind("no").is_err());
    }

    #[test]
    fn what_may_not_be_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        bound_by_permissions(|| {
            let here = Directory::new();
            here.write("open", "1").write("closed", "1").write("d/x", "").write("e/x", "");
            for (name, mode) in [("closed", 0o000), ("d", 0o400)] {
                std::fs::set_permissions(here.at(name), PermissionsExt::from_mode(mode))
                    .expect("it is ours");
            }
            let start = open(&here);
            let is_readable = |name: &str, kind| is_readable(start.as_fd(), name.as_bytes(), kind);
            assert!(is_readable("open", FileKind::File) && !is_readable("closed", FileKind::File));
            assert!(is_readable("e", FileKind::Directory));
            assert!(!is_readable("d", FileKind::Directory));
            assert!(!is_readable("no", FileKind::File));
            std::fs::set_permissions(here.at("d"), PermissionsExt::from_mode(0o700))
                .expect("it is ours");
        });
    }
}
