//! The time as lines show it, rendered once a second.

use crate::files::Now;
use crate::http::date;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of a line: that of the worker's turn.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    /// Since 1970. `None`: nothing is rendered yet.
    second: Option<u64>,
    millis: u32,
    local: Vec<u8>,
    iso: Vec<u8>,
}

/// What a writer of lines keeps from one to the next.
#[derive(Debug, Default)]
pub(super) struct Pen {
    pub stamp: Stamp,
    /// A value that has to be changed before it is written.
    pub scratch: Vec<u8>,
}

impl Stamp {
    /// Sets it to the time of a turn.
    pub(super) fn set(&mut self, now: Now) {
        let since = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.millis = since.subsec_millis();
        let second = since.as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            self.render(UNIX_EPOCH + Duration::from_secs(second), second);
        }
    }

    #[cold]
    fn render(&mut self, time: SystemTime, second: u64) {
        // From `Tue, 24 Nov 2026 13:05:07 GMT`.
        let date = date::format(time);
        self.local.clear();
        for piece in
            [&date[5..7], b"/", &date[8..11], b"/", &date[12..16], b":", &date[17..25], b" +0000"]
        {
            self.local.extend_from_slice(piece);
        }
        self.iso.clear();
        date::write_rfc3339(&mut self.iso, i64::try_from(second).unwrap_or(i64::MAX));
        // The Z.
        self.iso.pop();
    }

    /// `24/Nov/2026:13:05:07 +0000`
    pub(super) fn local(&self) -> &[u8] {
        &self.local
    }

    /// `2026-11-24T13:05:07`, in UTC.
    pub(super) fn iso(&self) -> &[u8] {
        &self.iso
    }

    /// In seconds since 1970.
    pub(super) fn second(&self) -> u64 {
        self.second.unwrap_or_default()
    }

    /// What has passed of the second.
    pub(super) fn millis(&self) -> u32 {
        self.millis
    }
}
