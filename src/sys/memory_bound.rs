//! How much memory the kernel lets this process have, and how much of that is in use: the bound of its control group
//! (that of a container, or `MemoryMax=` in a unit), beyond which the kernel kills.
//!
//! `RLIMIT_AS` and `RLIMIT_DATA` are not looked at: they count addresses that are only set aside, such as the stack of each
//! thread that may start.

use rustix::param::page_size;
use std::fmt;
use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// More than is wise is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    used: u64,
    max: u64,
}

/// A control group with a bound.
pub(crate) struct MemoryBound {
    max: u64,
    usage: File,
    stat: File,
    /// What this process has of it.
    statm: File,
    /// What files in memory are called there.
    keys: [&'static str; 2],
}

impl MemoryBound {
    /// The smallest bound that there was when this was called first; `None` if there was none. A process that will be
    /// confined calls it before.
    pub(crate) fn of_this_process() -> Option<&'static MemoryBound> {
        static FOUND: OnceLock<Option<MemoryBound>> = OnceLock::new();
        FOUND.get_or_init(MemoryBound::find).as_ref()
    }

    fn find() -> Option<MemoryBound> {
        let groups = read_to_string("/proc/self/cgroup").ok()?;
        places(&groups).filter_map(MemoryBound::open).min_by_key(|group| group.max)
    }

    fn open(place: Place) -> Option<MemoryBound> {
        let Place { directory, is_unified } = place;
        let [max, usage] = match is_unified {
            true => ["memory.max", "memory.current"],
            false => ["memory.limit_in_bytes", "memory.usage_in_bytes"],
        };
        let keys = match is_unified {
            true => ["inactive_file", "active_file"],
            false => ["total_inactive_file", "total_active_file"],
        };
        // "max" is no number.
        let max = read_to_string(directory.join(max)).ok()?.trim().parse().ok()?;
        let open = |name: &str| File::open(directory.join(name)).ok();
        let (usage, stat) = (open(usage)?, open("memory.stat")?);
        let statm = File::open(STATM).ok()?;
        (max < UNBOUNDED).then_some(MemoryBound { max, usage, stat, statm, keys })
    }

    /// It, in bytes.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.max
    }

    /// Whether memory is about to run out.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        let usage: u64 = read(&self.usage)?.trim().parse().ok()?;
        // Only then what takes longer is worth it.
        shortage(usage, self.max)?;
        // The kernel gives up what it keeps of files before it kills.
        let of_files = sum_of(&read(&self.stat)?, self.keys);
        let found = shortage(usage.saturating_sub(of_files), self.max)?;
        // Where others fill the group, this process would refuse its clients for ever, and gain nothing.
        let [resident, shared] = pages(&read(&self.statm)?, [1, 2])?;
        (resident.saturating_sub(shared) >= kept(self.max) / 2).then_some(found)
    }
}

/// A directory of a control group.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    directory: PathBuf,
    /// Whether it is one of the second version (cgroups(7)).
    is_unified: bool,
}

/// The groups of a process and those that they are within, from `/proc/self/cgroup`.
fn places(groups: &str) -> impl Iterator<Item = Place> {
    groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (kinds, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_unified = kinds.is_empty();
        let root = match is_unified {
            true => Some(UNIFIED),
            false => kinds.split(',').any(|kind| kind == "memory").then_some(BY_KIND),
        };
        let within = Path::new(path.trim_start_matches('/')).ancestors();
        // In a container, the path may be that outside, and only the root is here.
        within.filter_map(move |path| {
            Some(Place { directory: Path::new(root?).join(path), is_unified })
        })
    })
}

fn sum_of(stat: &str, keys: [&str; 2]) -> u64 {
    let number = |line: &str| {
        let (key, number) = line.split_once(' ')?;
        keys.contains(&key).then(|| number.trim().parse::<u64>().ok())?
    };
    stat.lines().filter_map(number).sum()
}

/// These of the numbers of a `statm`, in bytes: proc_pid_statm(5).
fn pages<const COUNT: usize>(statm: &str, places: [usize; COUNT]) -> Option<[u64; COUNT]> {
    let mut bytes = [0; COUNT];
    for (bytes, place) in bytes.iter_mut().zip(places) {
        let pages: u64 = statm.split_ascii_whitespace().nth(place)?.parse().ok()?;
        *bytes = pages.saturating_mul(page_size() as u64);
    }
    Some(bytes)
}

fn shortage(used: u64, max: u64) -> Option<Shortage> {
    (used > max - kept(max)).then_some(Shortage { used, max })
}

/// The part of a bound that is for what comes within the next moment, and for what cannot be refused.
fn kept(max: u64) -> u64 {
    (max / 8).clamp(KEPT_MIN.min(max / 4), KEPT_MAX)
}

fn read(file: &File) -> Option<String> {
    let mut text = [0; 16384];
    let length = file.read_at(&mut text, 0).ok()?;
    Some(String::from_utf8_lossy(&text[..length]).into_owned())
}

#[cfg(test)]
impl Shortage {
    pub(crate) const SOME: Shortage = Shortage { used: 60 << 20, max: 64 << 20 };
}

impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [used, max] = [self.used, self.max].map(|bytes| bytes >> 20);
        write!(
            formatter,
            "{used} of {max} MiB of memory are in use (the bound of the control group)"
        )
    }
}

const STATM: &str = "/proc/self/statm";
const UNIFIED: &str = "/sys/fs/cgroup";
const BY_KIND: &str = "/sys/fs/cgroup/memory";

/// The first version writes a large number where there is no bound.
const UNBOUNDED: u64 = 1 << 60;

const KEPT_MIN: u64 = 8 << 20;
const KEPT_MAX: u64 = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_with_those_that_they_are_within() {
        let of = |text: &str| -> Vec<(String, bool)> {
            let place = |it: Place| (it.directory.display().to_string(), it.is_unified);
            places(text).map(place).collect()
        };
        let unified = |path: &str| (path.to_owned(), true);
        assert_eq!(
            of("0::/system.slice/httpd.service\n"),
            [
                unified("/sys/fs/cgroup/system.slice/httpd.service"),
                unified("/sys/fs/cgroup/system.slice"),
                unified("/sys/fs/cgroup/")
            ]
        );
        let by_kind = |path: &str| (path.to_owned(), false);
        assert_eq!(
            of("5:devices:/x\n4:cpu,memory:/a:b\n0::/\n"),
            [
                by_kind("/sys/fs/cgroup/memory/a:b"),
                by_kind("/sys/fs/cgroup/memory/"),
                unified("/sys/fs/cgroup/")
            ]
        );
        for text in ["", "\n", ":", "::", "memory", "4:memory"] {
            of(text);
        }
    }

    #[test]
    fn what_files_take_can_be_given_up() {
        let stat =
            "cache 5\ninactive_file 300\nactive_file 20\nactive_files 7000\ntotal_active_file 1\n";
        assert_eq!(sum_of(stat, ["inactive_file", "active_file"]), 320);
        assert_eq!(sum_of("active_file x\nactive_file", ["active_file", "b"]), 0);
    }

    #[test]
    fn the_numbers_of_a_process_are_found() {
        let page = page_size() as u64;
        assert_eq!(pages("9 7 2 1 0 5 0", [1, 2]), Some([7 * page, 2 * page]));
        assert_eq!(pages("9 7 2 1 0 5 0", [5]), Some([5 * page]));
        assert_eq!(pages("9 7", [5]), None);
        assert_eq!(pages("9 x", [1]), None);
    }

    /// A group of files that say this: how much it uses, how much of that is of files, and what the process has.
    fn group(max: u64, usage: u64, of_files: u64, own_pages: u64) -> Option<Shortage> {
        let directory = crate::sys::temporary::Directory::new();
        let file = |name: &str, text: String| {
            std::fs::write(directory.at(name), text).expect("there is room");
            File::open(directory.at(name)).expect("it was just written")
        };
        let group = MemoryBound {
            max,
            usage: file("usage", format!("{usage}\n")),
            stat: file("stat", format!("anon 7\ninactive_file {of_files}\nactive_file 0\n")),
            statm: file("statm", format!("90000 {} 100 5 0 4 0\n", own_pages + 100)),
            keys: ["inactive_file", "active_file"],
        };
        group.shortage()
    }

    #[test]
    fn a_group_is_short_of_memory_only_by_what_this_process_can_do_something_about() {
        const MIB: u64 = 1 << 20;
        let own = 50 * MIB / page_size() as u64;
        assert!(group(128 * MIB, 120 * MIB, 0, own).is_some());
        assert_eq!(group(128 * MIB, 120 * MIB, 20 * MIB, own), None, "files are given up");
        assert_eq!(
            group(128 * MIB, 120 * MIB, 0, MIB / page_size() as u64),
            None,
            "others fill it"
        );
    }

    #[test]
    fn memory_is_short_before_it_has_run_out() {
        const MIB: u64 = 1 << 20;
        for (max, kept) in [(1024 * MIB, 128 * MIB), (256 * MIB, 32 * MIB), (64 * MIB, 8 * MIB)] {
            assert_eq!(shortage(max - kept, max), None);
            assert!(shortage(max - kept + 1, max).is_some());
        }
        assert_eq!(shortage(3 * MIB, 4 * MIB), None);
        let said = shortage(60 * MIB, 64 * MIB).map(|it| it.to_string());
        let words = "60 of 64 MiB of memory are in use (the bound of the control group)";
        assert_eq!(said.as_deref(), Some(words));
        assert_eq!(shortage(0, 0), None);
    }
}
