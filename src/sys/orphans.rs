//! Orphans, which only the first process of a container can reap. It must never know what they run.

use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};
use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

/// Reaps orphans that have ended, for as long as the process lives, if this is process 1 (of a container),
/// whose children all orphans become. Does nothing in any other process.
///
/// # Errors
/// When there is no room for a thread.
pub(crate) fn reap_as_init() -> io::Result<()> {
    if getpid() != Pid::INIT {
        return Ok(());
    }
    let reap = || {
        let mut seen = BTreeMap::new();
        loop {
            thread::sleep(SCAN_EVERY);
            reap_orphans(&mut seen);
        }
    };
    thread::Builder::new().name("orphans".to_owned()).spawn(reap).map(|_| ())
}

/// Reaps ended children that are still there after some scans: the process waits for those that it has
/// started itself at once.
fn reap_orphans(seen: &mut BTreeMap<i32, u32>) {
    let ended = ended_children();
    seen.retain(|id, _| ended.contains(id));
    for id in ended {
        let scans = seen.entry(id).or_insert(0);
        *scans += 1;
        if *scans >= SCANS
            && let Some(pid) = Pid::from_raw(id)
        {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // Another thread may have just reaped it.
            let _ = waitid(WaitId::Pid(pid), options);
            log::debug!("process {id}, an orphan, has ended");
        }
    }
}

/// The children of this process that have ended and are not reaped, as proc(5) shows them.
fn ended_children() -> Vec<i32> {
    let own = getpid().as_raw_nonzero().get().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ended = |id: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Behind the name in parentheses: the state, then the parent.
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.next() == Some("Z") && fields.next() == Some(&own)
    };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(ended).collect()
}

const SCAN_EVERY: Duration = Duration::from_millis(500);

/// In how many scans a child must have ended. A child that the process has started itself is reaped within
/// a few milliseconds.
const SCANS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Instant;

    fn until(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn an_ended_child_that_nobody_waits_for_is_reaped_after_some_scans_and_no_other() {
        let mut ended = Command::new("true").spawn().expect("true is there");
        let mut lives = Command::new("sleep").arg("20").spawn().expect("sleep is there");
        let id = i32::try_from(ended.id()).expect("it is small");
        until(|| ended_children().contains(&id));
        // Others in this process may be children of other tests, which wait for them at once.
        let mut seen = BTreeMap::from([(id, SCANS - 2)]);
        reap_orphans(&mut seen);
        assert!(ended_children().contains(&id));
        seen.retain(|other, _| *other == id);
        reap_orphans(&mut seen);
        assert!(!ended_children().contains(&id));
        assert!(ended.wait().is_err(), "it was reaped");
        assert!(lives.try_wait().expect("it is ours").is_none());
        lives.kill().expect("it is ours");
        lives.wait().expect("it is ours");
    }
}
