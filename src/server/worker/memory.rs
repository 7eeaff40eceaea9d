//! What a worker does when memory begins to be short.

use super::Worker;
use super::kernel::Kernel;
use crate::sys::trouble::Trouble;

impl<K: Kernel> Worker<K> {
    /// When memory begins to be short: what is kept of files goes. It will be read again, and everything else is worth
    /// more now.
    pub(super) fn look_at_memory(&mut self) {
        if self.cx.memory.look(self.cx.clock.monotonic())
            && let Some(shortage) = self.cx.memory.shortage()
        {
            if Trouble::MemoryShort.note_to_log() {
                log::error!(
                    "memory is short: {shortage}; files are kept less, larger bodies go to the disk or get 503, and \
                     new connections wait (logged once a minute)"
                );
            }
            self.cx.files.give_back_memory();
        }
    }
}
