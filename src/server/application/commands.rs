//! Commands to a slot: from workers that find its process hanging, and from the server.

use crate::sys::sync::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The name of a process, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId(pub u64);

/// What a slot is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotCommand {
    /// Replace this process, if it still is there.
    Replace { process: ProcessId, why: Why },
    /// Replace whatever process is there.
    Renew,
    /// Continue processes that a signal has stopped, so that their requests can end.
    GoOn,
    /// End the process, which has this time to finish its requests.
    Stop { grace: Duration },
}

/// Why a process is replaced. It completes the sentence "process 123 …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A request has neither ended nor begun its response in this time.
    Timeout(Duration),
    /// A response has been silent for this time.
    StreamTimeout(Duration),
    /// It leaves requests in its queue although a thread is idle.
    TakesNothing,
    /// It sends more than it has credit for.
    SendsTooMuch,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Timeout(time) => write!(formatter, "exceeded timeout = {time:?}"),
            Why::StreamTimeout(time) => write!(formatter, "exceeded stream_timeout = {time:?}"),
            Why::TakesNothing => {
                formatter.write_str("takes no requests, although a thread is idle")
            }
            Why::SendsTooMuch => formatter.write_str("sends more than it has credit for"),
        }
    }
}

/// The commands to one slot. A command wakes it.
#[derive(Clone)]
pub(crate) struct CommandQueue {
    queue: Arc<WakingQueue>,
}

struct WakingQueue {
    commands: Mutex<VecDeque<SlotCommand>>,
    wake: UnixStream,
    woken: UnixStream,
}

impl CommandQueue {
    /// No commands yet.
    ///
    /// # Errors
    /// When out of descriptors.
    pub(crate) fn new() -> io::Result<CommandQueue> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let queue = WakingQueue { commands: Mutex::new(VecDeque::new()), wake, woken };
        Ok(CommandQueue { queue: Arc::new(queue) })
    }

    /// Adds a command, unless the same one waits already.
    pub(crate) fn send(&self, command: SlotCommand) {
        let mut commands = self.queue.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if !commands.contains(&command) {
            commands.push_back(command);
        }
        // Where the socket is full, the slot is awake already.
        let _ = (&self.queue.wake).write(b"!");
    }

    /// Readable when there are commands.
    pub(crate) fn woken(&self) -> BorrowedFd<'_> {
        self.queue.woken.as_fd()
    }

    /// Takes the next command.
    pub(crate) fn next(&self) -> Option<SlotCommand> {
        // First, or it would take away what a command wakes with that comes in between.
        let _ = (&self.queue.woken).read(&mut [0; 64]);
        self.queue.commands.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
impl CommandQueue {
    /// Whether there is such a command. Empties the queue up to it.
    pub(crate) fn has(&self, is: impl FnMut(SlotCommand) -> bool) -> bool {
        std::iter::from_fn(|| self.next()).any(is)
    }
}

#[cfg(test)]
mod models;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::wait;

    #[test]
    fn a_command_wakes_its_slot_and_is_carried_out_once() {
        let commands = CommandQueue::new().expect("descriptors are left");
        commands.send(SlotCommand::Renew);
        commands.send(SlotCommand::Renew);
        let woken = [commands.woken()];
        wait::wait_readable(&woken, None).expect("there is memory");
        assert_eq!(commands.next(), Some(SlotCommand::Renew));
        assert_eq!(commands.next(), None);
    }
}
