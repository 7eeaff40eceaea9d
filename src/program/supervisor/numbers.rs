//! What a supervisor knows of the numbers of its processes, and what it counts itself.

use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::site::Metrics;
use crate::site::status::families::{PROCESS_RESTARTS, READY, RELOAD_LAST, RELOADS, UPGRADES};

/// What the supervisor knows of the numbers of its processes.
#[derive(Default)]
pub(super) struct Numbers {
    /// The last of each process, by its id.
    pub(super) last: HashMap<u32, Metrics>,
    /// What processes had counted that have ended, so that no count becomes smaller; and what the supervisor counts.
    pub(super) past: Metrics,
    pub(super) questions: Vec<Question>,
}

/// What a process has asked.
pub(super) struct Question {
    pub(super) asker: u32,
    pub(super) number: u64,
    /// The processes that have not answered.
    pub(super) awaited: Vec<u32>,
    pub(super) by: Instant,
}

impl Numbers {
    /// Goes on from those of a supervisor that this process was.
    pub(super) fn inherit(lines: &str) -> Numbers {
        Numbers { past: Metrics::from_lines(lines), ..Numbers::default() }
    }

    /// What is left to a supervisor that this process becomes: the processes go on and tell theirs.
    pub(super) fn legacy(&self) -> Metrics {
        self.past.clone()
    }

    /// A process has died and is replaced.
    pub(super) fn note_restart(&mut self) {
        self.past.count(PROCESS_RESTARTS, &[], 1);
    }

    /// A reload has ended.
    pub(super) fn note_reload(&mut self, has_succeeded: bool) {
        let labels = [("outcome", outcome(has_succeeded))];
        self.past.count(RELOADS, &labels, 1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.past.add(RELOAD_LAST, &labels, now.as_secs_f64());
    }

    /// An upgrade has ended.
    pub(super) fn note_upgrade(&mut self, has_succeeded: bool) {
        self.past.count(UPGRADES, &[("outcome", outcome(has_succeeded))], 1);
    }

    /// A process has ended.
    pub(super) fn end(&mut self, process: u32) {
        if let Some(last) = self.last.remove(&process) {
            self.past.add_all(&last.counted().without(BY_SUPERVISOR));
        }
        self.questions.retain(|question| question.asker != process);
        self.note_answer(process);
    }

    pub(super) fn note_answer(&mut self, process: u32) {
        for question in &mut self.questions {
            question.awaited.retain(|it| *it != process);
        }
    }

    /// When a question is answered at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.questions.iter().map(|question| question.by).min()
    }
}

fn outcome(has_succeeded: bool) -> &'static str {
    if has_succeeded { "success" } else { "failure" }
}

/// What the supervisor tells of the whole server, whatever its processes say.
pub(crate) const BY_SUPERVISOR: &[usize] = &[RELOADS, RELOAD_LAST, READY];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlive_the_process_that_made_them() {
        let of_process = "httpd_requests\t\t5\nhttpd_workers\t\t2\nhttpd_ready\t\t1\n";
        let mut numbers = Numbers::default();
        for process in [1, 2] {
            numbers.last.insert(process, Metrics::from_lines(of_process));
            numbers.end(process);
        }
        numbers.note_restart();
        numbers.note_reload(false);
        let numbers = Numbers::inherit(&numbers.legacy().to_lines());
        assert_eq!(numbers.past.value("httpd_requests", &[]), Some(10.0));
        assert_eq!(numbers.past.value("httpd_process_restarts", &[]), Some(1.0));
        assert_eq!(numbers.past.value("httpd_reloads", &[("outcome", "failure")]), Some(1.0));
        assert_eq!(numbers.past.value("httpd_workers", &[]), None);
        assert_eq!(numbers.past.value("httpd_ready", &[]), None);
    }
}
