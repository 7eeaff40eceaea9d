//! Why the kernel refused a call about a file. It must never know what was tried, or what follows.

use rustix::io::Errno;
use std::io;

/// Why a file could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no such file, or none that may be reached, or nothing that can be opened.
    Missing,
    /// A symbolic link stood where none is followed, or too many in a row.
    Link,
    /// The process lacks the permission.
    Denied,
    /// The disk would have to be waited for.
    Cold,
    /// Descriptors or memory have run out; later it may work.
    Exhausted,
    /// There is no room on the file system, or none left for this user.
    Full,
    /// Anything else: most likely the disk.
    Failed,
}

impl Cause {
    /// Sorts an error of one of this module's functions.
    pub(crate) fn of(error: &io::Error) -> Cause {
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
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Cause::Denied,
            Some(Errno::AGAIN) => Cause::Cold,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Cause::Exhausted,
            Some(Errno::NOSPC | Errno::DQUOT) => Cause::Full,
            _ => Cause::Failed,
        }
    }
}

/// Why the kernel did not open what may well be there, in words; `None` where nothing is there, or
/// the error says more than these words.
pub(crate) fn refusal(error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::XDEV => "a symbolic link leads out of the root",
        Errno::LOOP => "a symbolic link is not to be followed, or leads round in a circle",
        Errno::NXIO | Errno::NODEV => "it is a socket or a device",
        Errno::NAMETOOLONG => "its name or path is too long",
        Errno::ACCESS | Errno::PERM => {
            "the server lacks the permission to read it, or to search a directory on the way"
        }
        _ => return None,
    })
}
