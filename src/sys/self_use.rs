//! What this process takes of the machine, as the kernel counts it (proc(5)).

use super::descriptors;
use super::file::entries;
use rustix::fs::{Mode, OFlags, SeekFrom, open, seek};
use rustix::param::{clock_ticks_per_second, page_size};
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The places where the kernel says it. A confined process opens them before it is confined.
pub(crate) struct SelfUse {
    statm: Option<File>,
    stat: Option<File>,
    /// Reading a directory moves its place, so one reads at a time.
    descriptors: Mutex<Option<OwnedFd>>,
}

/// What a process takes. What the kernel does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cpu: Option<Duration>,
    pub(crate) descriptors: Option<u64>,
    /// How many descriptors it may have open; `None`: any number.
    pub(crate) descriptors_max: Option<u64>,
}

impl SelfUse {
    /// Opens the places that are read later, when they may be out of reach.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program confines itself"))]
    pub(crate) fn open_early() {
        *EARLY.lock().unwrap_or_else(PoisonError::into_inner) = Some(SelfUse::open_now());
    }

    /// The places, which may be open already.
    pub(crate) fn open() -> SelfUse {
        let early = EARLY.lock().unwrap_or_else(PoisonError::into_inner).take();
        early.unwrap_or_else(SelfUse::open_now)
    }

    fn open_now() -> SelfUse {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        SelfUse {
            statm: File::open("/proc/self/statm").ok(),
            stat: File::open("/proc/self/stat").ok(),
            descriptors: Mutex::new(open("/proc/self/fd", flags, Mode::empty()).ok()),
        }
    }

    /// What it takes now.
    pub(crate) fn read(&self) -> Taken {
        Taken {
            memory_bytes: self.statm.as_ref().and_then(read).and_then(|it| resident_bytes(&it)),
            cpu: self.stat.as_ref().and_then(read).and_then(|it| cpu_time(&it)),
            descriptors: self.open_descriptors(),
            descriptors_max: descriptors::limit(),
        }
    }

    fn open_descriptors(&self) -> Option<u64> {
        let descriptors = self.descriptors.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = descriptors.as_ref()?;
        // Not by opening it once more, which a confined process may not.
        seek(directory, SeekFrom::Start(0)).ok()?;
        let mut count = 0;
        let counted = entries(directory.as_fd(), |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        counted.ok().map(|()| count)
    }
}

fn read(file: &File) -> Option<String> {
    let mut text = [0; 1024];
    let length = file.read_at(&mut text, 0).ok()?;
    Some(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// The second number of `statm`, in pages.
fn resident_bytes(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_size() as u64)
}

/// `utime` and `stime` of `stat`. The name before them, in parentheses, may hold anything.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut numbers = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = numbers.next()?.parse().ok()?;
    let system: u64 = numbers.next()?.parse().ok()?;
    Some(Duration::from_secs_f64((user + system) as f64 / clock_ticks_per_second().max(1) as f64))
}

static EARLY: Mutex<Option<SelfUse>> = Mutex::new(None);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_this_process_takes() {
        let taken = SelfUse::open();
        let before = taken.read();
        assert!(before.memory_bytes.is_some_and(|bytes| bytes > 100_000), "{before:?}");
        assert!(before.cpu.is_some_and(|time| time < Duration::from_secs(3600)), "{before:?}");
        assert!(before.descriptors.is_some_and(|count| count >= 3), "{before:?}");
    }

    #[test]
    fn a_name_may_look_like_numbers() {
        let stat = "12 (a) 1 2 3) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0";
        let ticks = clock_ticks_per_second() as f64;
        assert_eq!(cpu_time(stat), Some(Duration::from_secs_f64(200.0 / ticks)));
        assert_eq!(cpu_time("12 (a) S 1"), None);
        assert_eq!(resident_bytes("5 3 1"), Some(3 * page_size() as u64));
        assert_eq!(resident_bytes(""), None);
    }
}
