//! One version of a file: what tells it from every other version, and how reliable that is.
//!
//! It must never know where the file is, or requests.

use crate::http::conditional::Validators;
use crate::http::date;
use crate::http::etag::{ETag, Strength};
use crate::sys::file::{self, Identity};
use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The validators of one version of a file (RFC 9110 §8.8).
///
/// An entity tag may be strong only if no other contents of that file can ever have the same time of
/// modification (mtime) and the same size. That is true in two cases.
///
/// **The file is settled.** Its mtime is two seconds ago, which is longer than a tick of any file system's
/// clock: a later write will have a later mtime.
///
/// **The file has changed otherwise since it was written**: the time of its last change (ctime) is later
/// than its mtime, and this kernel's own clock set both. Then
/// - a later write in place gets an mtime that is no earlier than that ctime, and so is later than this
///   mtime. The kernel takes both from one clock with one granularity, whether of seconds or of
///   nanoseconds, and no program can set a ctime. Where time stamps are multigrain (Linux 6.13) the
///   clock may be finer, but no stamp is ever earlier than one that was given out before.
/// - no write is under way that has set this mtime but has not written all of its bytes. A write holds
///   the inode's lock from before it sets mtime and ctime, both to the same value, until its last byte is
///   in place. Only changing names, permissions or times moves ctime alone, and needs the same lock.
/// - a program that sets an mtime (`cp -p`, `rsync -t`, `touch -d`) moves ctime to now. An mtime in the
///   past satisfies the condition, and the above holds. An mtime of now or of the future does not
///   satisfy it, and the tag stays weak until the file is settled.
///
/// The tag is weak if both times are equal, or if they may come from another machine, from a program (FUSE)
/// or from a file system that keeps only one of them (FAT).
///
/// Neither rule notices what a program writes through a memory map or by asynchronous direct output after
/// the kernel has set the time, a clock that is set back, a program that gives other contents of the same
/// size the same mtime, or one that writes two files within a tick and moves one after the other to the
/// same name.
///
/// A date (`Last-Modified`) shows whole seconds, and is strong only if the file is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    etag: ETag,
    modified: SystemTime,
    date: Strength,
}

impl FileVersion {
    /// The version of an open regular file whose identity was just read. For a file that is not settled,
    /// this may take a system call.
    pub(super) fn of(identity: &Identity, file: BorrowedFd<'_>, wall: SystemTime) -> FileVersion {
        FileVersion::judged(identity, || file::kernel_keeps_times(file), wall)
    }

    pub(super) fn judged(
        identity: &Identity,
        has_kernel_times: impl FnOnce() -> bool,
        wall: SystemTime,
    ) -> FileVersion {
        let date = if settled_from(identity) <= wall { Strength::Strong } else { Strength::Weak };
        let strength = if date == Strength::Strong
            || identity.changed > identity.modified && has_kernel_times()
        {
            Strength::Strong
        } else {
            Strength::Weak
        };
        FileVersion {
            etag: ETag::of(identity.modified.total_nanoseconds(), identity.size_bytes, strength),
            modified: shown_as_modified(identity, wall),
            date,
        }
    }

    /// The same version as a representation in this content coding, whose name has at most eight bytes.
    pub(super) fn with_coding(&self, coding: &str) -> FileVersion {
        FileVersion { etag: self.etag.with_coding(coding), ..*self }
    }

    /// It is weak while other contents could still get the same tag.
    pub(crate) fn etag(&self) -> &ETag {
        &self.etag
    }

    /// When it was modified, exactly as `Last-Modified` shows it: in whole seconds, neither before 1970 nor
    /// later than when it was found (RFC 9110 §8.8.2.1).
    pub(crate) fn modified(&self) -> SystemTime {
        self.modified
    }

    /// What preconditions are compared with.
    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators { etag: &self.etag, modified: self.modified, date: self.date }
    }

    /// Whether the file was settled: then nothing of this will change.
    pub(super) fn is_settled(&self) -> bool {
        self.date == Strength::Strong
    }
}

/// How long until this version of a file is settled; zero if it is.
pub(super) fn settles_in(identity: &Identity, wall: SystemTime) -> Duration {
    settled_from(identity).duration_since(wall).unwrap_or(Duration::ZERO)
}

fn shown_as_modified(identity: &Identity, wall: SystemTime) -> SystemTime {
    let now = wall.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let modified = u64::try_from(identity.modified.seconds).unwrap_or(0);
    UNIX_EPOCH + Duration::from_secs(modified.min(now))
}

/// Times before 1970 count as 1970, and those after the year 9999 as its end.
fn settled_from(identity: &Identity) -> SystemTime {
    let modified = identity.modified;
    let since_1970 = Duration::new(
        u64::try_from(modified.seconds).unwrap_or(0),
        modified.nanoseconds % 1_000_000_000,
    );
    UNIX_EPOCH + since_1970.min(Duration::from_secs(date::SECONDS_MAX)) + SETTLES_AFTER
}

/// After this time, a file that is no longer written has an earlier time of modification than any later
/// version, on every file system (the coarsest clock ticks every two seconds).
const SETTLES_AFTER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::{FileKind, Timestamp};
    use crate::sys::temporary::Directory;
    use std::os::fd::AsFd;

    /// Who keeps the times.
    const KERNEL: bool = true;
    const UNKNOWN: bool = false;

    fn version(
        modified_seconds: i64,
        changed_after: i64,
        has_kernel_times: bool,
        wall: u64,
    ) -> FileVersion {
        let modified = Timestamp { seconds: modified_seconds, nanoseconds: 7 };
        let changed = match changed_after {
            0 => modified,
            later => Timestamp { seconds: modified_seconds, nanoseconds: 7 + later as u32 },
        };
        let identity = Identity {
            device: 1,
            inode: 2,
            kind: FileKind::File,
            names: 1,
            size_bytes: 3,
            modified,
            changed,
        };
        FileVersion::judged(&identity, || has_kernel_times, UNIX_EPOCH + Duration::from_secs(wall))
    }

    #[test]
    fn a_file_is_never_shown_as_modified_later_than_now() {
        let shown = |modified, wall| version(modified, 0, KERNEL, wall).modified();
        assert_eq!(shown(2000, 1000), UNIX_EPOCH + Duration::from_secs(1000));
        assert_eq!(shown(1000, 2000), UNIX_EPOCH + Duration::from_secs(1000));
        assert_eq!(shown(-5, 2000), UNIX_EPOCH);
        assert_eq!(shown(i64::MAX, 2000), UNIX_EPOCH + Duration::from_secs(2000));
    }

    #[test]
    fn the_tag_is_weak_until_the_file_has_rested() {
        for (modified, wall, weak) in [
            (1000, 1000, true),
            (1000, 1002, true),
            (1000, 1003, false),
            (9000, 1000, true),
            (i64::MAX, 1000, true),
            (i64::MIN, 1000, false),
        ] {
            let version = version(modified, 0, KERNEL, wall);
            assert_eq!(version.etag().is_weak(), weak, "modified {modified}, now {wall}");
            assert_eq!(version.is_settled(), !weak);
        }
    }

    #[test]
    fn what_has_changed_otherwise_since_it_was_written_has_a_strong_tag_at_once() {
        let young = version(1000, 1, KERNEL, 1000);
        assert!(!young.etag().is_weak());
        assert!(!young.is_settled(), "the date is another matter");
        assert_eq!(young.validators().date, Strength::Weak);
        assert_eq!(young.etag(), version(1000, 1, KERNEL, 2000).etag());
    }

    #[test]
    fn in_doubt_the_tag_is_weak() {
        assert!(version(1000, 0, KERNEL, 1000).etag().is_weak());
        assert!(version(1000, 1, UNKNOWN, 1000).etag().is_weak());
        assert!(!version(1000, 1, UNKNOWN, 1003).etag().is_weak());
    }

    /// The claim itself, asked of the kernel: what is written after a strong tag was seen has another.
    #[test]
    fn a_write_after_a_strong_tag_was_seen_changes_the_tag() {
        let here = Directory::new();
        let seen = |name: &str| {
            let file = std::fs::File::open(here.at(name)).expect("it is there");
            let identity = file::identity(file.as_fd()).expect("it can be asked");
            *FileVersion::of(&identity, file.as_fd(), SystemTime::now()).etag()
        };
        let mut strong = 0;
        for round in 0..200 {
            here.write("a", format!("{round:04}"));
            assert!(seen("a").is_weak(), "mtime and ctime are the same");
            for _ in 0..2 {
                // A later ctime, though perhaps not yet in this tick.
                here.rename("a", "b").rename("b", "a");
            }
            let before = seen("a");
            here.write("a", format!("{:04}", round + 1000));
            let after = seen("a");
            strong += usize::from(!before.is_weak());
            assert!(before.is_weak() || !before.matches_weakly(after.opaque()), "{before:?}");
            assert!(!after.matches_strongly(before.as_bytes()));
        }
        eprintln!("{strong} of 200 tags were strong");
    }
}
