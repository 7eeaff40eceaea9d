//! One version of a file: what tells it from every other version, and how reliable that is.
//!
//! It must never know where the file is, or requests.

use super::sum::Sum;
use crate::http::conditional::Validators;
use crate::http::date;
use crate::http::etag::{ETag, Strength};
use crate::sys::file::{self, Identity, Timestamp};
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
///
/// **A time that says nothing makes no validator.** Archives and images that are made reproducible give every file the
/// same time, whatever is in it: two versions of the same size would have the same tag. Such a time is before 1981, or
/// one that a widespread tool writes into everything. Neither is one that is more than a day ahead: nobody
/// changed the file then. Files with such times have neither tag nor date.
///
/// **A tag can be made of the contents** instead ([`ETags::Content`](super::ETags)). Then the file has no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    /// `None`: it has none, or none yet.
    etag: Option<ETag>,
    /// Whether the sum of its contents is still to be made.
    is_tag_awaited: bool,
    /// `None`: its time says nothing, or its tag is made of its contents.
    modified: Option<SystemTime>,
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
        let date =
            if settled_from(identity.modified) <= wall { Strength::Strong } else { Strength::Weak };
        if !says_something(identity.modified, wall) {
            return FileVersion { etag: None, is_tag_awaited: false, modified: None, date };
        }
        let strength = if date == Strength::Strong
            || identity.changed > identity.modified && has_kernel_times()
        {
            Strength::Strong
        } else {
            Strength::Weak
        };
        let nanoseconds = identity.modified.total_nanoseconds();
        FileVersion {
            etag: Some(ETag::of(nanoseconds, identity.size_bytes, strength)),
            is_tag_awaited: false,
            modified: Some(shown_as_modified(identity, wall)),
            date,
        }
    }

    /// The version of a file whose tag is made of its contents, which have this sum if it is known.
    pub(super) fn by_content(
        identity: &Identity,
        sum: Option<Sum>,
        wall: SystemTime,
    ) -> FileVersion {
        let is_settled = settles_in_with_change(identity, wall).is_zero();
        FileVersion {
            etag: sum.map(|Sum(sum)| ETag::of_contents(sum)),
            is_tag_awaited: sum.is_none(),
            modified: None,
            date: if is_settled { Strength::Strong } else { Strength::Weak },
        }
    }

    /// The same version as a representation in this content coding, whose name has at most eight bytes.
    pub(super) fn with_coding(&self, coding: &str) -> FileVersion {
        FileVersion { etag: self.etag.map(|etag| etag.with_coding(coding)), ..*self }
    }

    /// The same with the sum of its contents.
    pub(super) fn with_sum(&self, Sum(sum): Sum) -> FileVersion {
        FileVersion { etag: Some(ETag::of_contents(sum)), is_tag_awaited: false, ..*self }
    }

    /// It is weak while other contents could still get the same tag. `None`: it has none, or none yet.
    pub(crate) fn etag(&self) -> Option<&ETag> {
        self.etag.as_ref()
    }

    /// Whether the tag is still to be made, of the contents.
    pub(super) fn is_tag_awaited(&self) -> bool {
        self.is_tag_awaited
    }

    /// When it was modified, exactly as `Last-Modified` shows it: in whole seconds, neither before 1970 nor
    /// later than when it was found (RFC 9110 §8.8.2.1). `None`: nobody knows.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// What preconditions are compared with.
    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: self.etag.as_ref(),
            is_tag_awaited: self.is_tag_awaited,
            modified: self.modified,
            date: self.date,
        }
    }

    /// Whether the file was settled: then nothing of this will change.
    pub(super) fn is_settled(&self) -> bool {
        self.date == Strength::Strong
    }
}

/// How long until this version of a file is settled; zero if it is.
pub(super) fn settles_in(identity: &Identity, wall: SystemTime) -> Duration {
    settled_from(identity.modified).duration_since(wall).unwrap_or(Duration::ZERO)
}

/// The same for a file whose tag is made of its contents: its time of change has to be past as well, for that is what
/// shows a change where every version has the same time of modification.
pub(super) fn settles_in_with_change(identity: &Identity, wall: SystemTime) -> Duration {
    let changed = settled_from(identity.changed).duration_since(wall).unwrap_or(Duration::ZERO);
    // A time of modification in the future never passes.
    match settles_in(identity, wall) {
        left if left <= 2 * SETTLES_AFTER => left.max(changed),
        _ => changed,
    }
}

/// Whether a time of modification is that of a change.
fn says_something(modified: Timestamp, wall: SystemTime) -> bool {
    let Ok(seconds) = u64::try_from(modified.seconds) else { return false };
    let is_constant = modified.nanoseconds == 0 && CONSTANT_TIMES.contains(&seconds);
    let latest = wall.duration_since(UNIX_EPOCH).unwrap_or_default() + AHEAD_MAX;
    seconds >= CHANGES_FROM && !is_constant && seconds <= latest.as_secs()
}

fn shown_as_modified(identity: &Identity, wall: SystemTime) -> SystemTime {
    let now = wall.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let modified = u64::try_from(identity.modified.seconds).unwrap_or(0);
    UNIX_EPOCH + Duration::from_secs(modified.min(now))
}

/// Times before 1970 count as 1970, and those after the year 9999 as its end.
fn settled_from(modified: Timestamp) -> SystemTime {
    let since_1970 = Duration::new(
        u64::try_from(modified.seconds).unwrap_or(0),
        modified.nanoseconds % 1_000_000_000,
    );
    UNIX_EPOCH + since_1970.min(Duration::from_secs(date::SECONDS_MAX)) + SETTLES_AFTER
}

/// After this time, a file that is no longer written has an earlier time of modification than any later
/// version, on every file system (the coarsest clock ticks every two seconds).
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// The first second of 1981. Images and stores have 0 or 1 for every file, ZIP archives the first day of 1980 in
/// whichever time zone, Gradle the first of February 1980.
const CHANGES_FROM: u64 = 347_155_200;

/// The clock of another machine may be ahead. A file with such a time has a weak tag.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// What npm gives to every file of a package, and cargo and the crate `tar`.
const CONSTANT_TIMES: [u64; 2] = [499_162_500, 1_153_704_088];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::FileKind;
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
        let identity = Identity { changed, ..identity(modified) };
        FileVersion::judged(&identity, || has_kernel_times, UNIX_EPOCH + Duration::from_secs(wall))
    }

    fn identity(time: Timestamp) -> Identity {
        Identity {
            device: 1,
            inode: 2,
            kind: FileKind::File,
            names: 1,
            size_bytes: 3,
            modified: time,
            changed: time,
        }
    }

    fn tag(version: &FileVersion) -> &ETag {
        version.etag().expect("it has one")
    }

    /// A time at which somebody may have changed a file.
    const T: i64 = 784_111_777;

    #[test]
    fn a_file_is_never_shown_as_modified_later_than_now() {
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds as u64);
        let shown = |modified, wall| version(modified, 0, KERNEL, wall).modified();
        assert_eq!(shown(T + 2, T as u64 + 1), Some(at(T + 1)));
        assert_eq!(shown(T, T as u64 + 1000), Some(at(T)));
    }

    #[test]
    fn the_tag_is_weak_until_the_file_has_rested() {
        for (modified, later, weak) in [(T, 0, true), (T, 2, true), (T, 3, false)] {
            let version = version(modified, 0, KERNEL, T as u64 + later);
            assert_eq!(tag(&version).is_weak(), weak, "modified {modified}, {later} s ago");
            assert_eq!(version.is_settled(), !weak);
        }
    }

    /// Times that reproducible archives have, of which two versions would get the same tag.
    #[test]
    fn a_time_that_is_of_no_change_makes_neither_a_tag_nor_a_date() {
        let has_validators = |seconds, nanoseconds| {
            let modified = Timestamp { seconds, nanoseconds };
            let identity = Identity { modified, ..identity(modified) };
            let wall = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
            let version = FileVersion::judged(&identity, || KERNEL, wall);
            assert_eq!(version.etag().is_some(), version.modified().is_some());
            assert!(!version.is_tag_awaited());
            version.etag().is_some()
        };
        for (seconds, is_one) in [
            (0, false),
            (1, false),
            // 1980 began elsewhere at another time.
            (315_532_800, false),
            (315_532_800 - 14 * 3600, false),
            (315_532_800 + 12 * 3600, false),
            (318_182_400, false),
            (-1, false),
            (i64::MIN, false),
            (i64::MAX, false),
            (347_155_199, false),
            (347_155_200, true),
            (499_162_500, false),
            (1_153_704_088, false),
            (2_000_000_000, true),
            (2_000_000_000 + 86_400, true),
            (2_000_000_000 + 86_401, false),
            (4_102_444_800, false),
        ] {
            assert_eq!(has_validators(seconds, 0), is_one, "{seconds}");
        }
        assert!(has_validators(1_153_704_088, 7), "somebody happened to write then");
        assert!(!has_validators(1, 7));
    }

    #[test]
    fn a_tag_of_contents_does_not_depend_on_any_time() {
        let sum = Sum([7; 16]);
        let wall = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let of = |seconds, sum| {
            let identity = identity(Timestamp { seconds, nanoseconds: 0 });
            FileVersion::by_content(&identity, sum, wall)
        };
        for seconds in [0, 1, 784_111_777, 4_102_444_800] {
            let known = of(seconds, Some(sum));
            assert_eq!(known.etag(), of(1, Some(sum)).etag());
            assert_eq!((known.modified(), known.is_tag_awaited()), (None, false));
            let unknown = of(seconds, None);
            assert_eq!((unknown.etag(), unknown.is_tag_awaited()), (None, true));
            assert_eq!(unknown.with_sum(sum).etag(), known.etag());
        }
        assert!(of(1, None).is_settled());
        assert!(!of(2_000_000_000, None).is_settled(), "it has just changed");
    }

    #[test]
    fn what_has_changed_otherwise_since_it_was_written_has_a_strong_tag_at_once() {
        let young = version(T, 1, KERNEL, T as u64);
        assert!(!tag(&young).is_weak());
        assert!(!young.is_settled(), "the date is another matter");
        assert_eq!(young.validators().date, Strength::Weak);
        assert_eq!(young.etag(), version(T, 1, KERNEL, T as u64 + 1000).etag());
    }

    #[test]
    fn in_doubt_the_tag_is_weak() {
        assert!(tag(&version(T, 0, KERNEL, T as u64)).is_weak());
        assert!(tag(&version(T, 1, UNKNOWN, T as u64)).is_weak());
        assert!(!tag(&version(T, 1, UNKNOWN, T as u64 + 3)).is_weak());
    }

    /// The claim itself, asked of the kernel: what is written after a strong tag was seen has another.
    #[test]
    fn a_write_after_a_strong_tag_was_seen_changes_the_tag() {
        let here = Directory::new();
        let seen = |name: &str| {
            let file = std::fs::File::open(here.at(name)).expect("it is there");
            let identity = file::identity(file.as_fd()).expect("it can be asked");
            *tag(&FileVersion::of(&identity, file.as_fd(), SystemTime::now()))
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
