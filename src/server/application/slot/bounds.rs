//! What a process may not exceed: the time to end, memory, and the time for which it may be stopped while it starts.

use super::{Process, ProcessSlot};
use std::time::{Duration, Instant};

impl ProcessSlot {
    /// Kills processes whose time to end is over, and replaces one that takes too much memory.
    pub(super) fn check_bounds(&mut self) {
        let now = Instant::now();
        for (process, until) in &mut self.leaving {
            if *until <= now {
                log::warn!(
                    "{}: process {} has not ended in its time; killing it",
                    self.application.target,
                    process.child.id()
                );
                process.kill();
                // The slot notices its end as that of any other process.
                *until = now + KILLED_WAIT;
            }
        }
        let bytes_max = self.application.memory_bytes_max;
        if bytes_max > 0
            && let Some(bytes) = self.current.as_ref().and_then(Process::memory_bytes)
            && bytes > bytes_max
            && self.coming.is_none()
        {
            log::warn!(
                "{}: the process uses {bytes} bytes of memory (memory_bytes_max = {bytes_max}); replacing it",
                self.name()
            );
            self.renew();
        }
    }

    /// Replaces a process that is stopped while it starts: nothing else would bound how long that takes.
    pub(super) fn replace_stopped(&mut self) {
        let now = Instant::now();
        let is_stopped =
            |it: &mut Process| it.stopped_for(now).is_some_and(|time| time >= STOPPED_TIME);
        let Some(mut process) = self.coming.take_if(is_stopped) else { return };
        log::warn!(
            "{}: process {} is stopped while it starts, by a signal or a debugger; replacing it",
            self.name(),
            process.child.id()
        );
        process.kill();
        self.leaving.push((process, now + KILLED_WAIT));
        self.start_at.get_or_insert(now);
    }
}

/// How long the kernel has to end a process that was killed, before it is killed again.
const KILLED_WAIT: Duration = Duration::from_secs(5);

/// A debugger may stop a process for a moment.
const STOPPED_TIME: Duration = Duration::from_secs(2);
