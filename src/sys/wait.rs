//! Waiting for several descriptors at once, without a reactor. It must never know what they are.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Sleeps until one of these can be read or has ended, or until the time is over. It may return early. The
/// caller finds out which one it is by reading.
///
/// # Errors
/// When the kernel has no memory for it.
pub(crate) fn wait_readable(
    descriptors: &[BorrowedFd<'_>],
    time: Option<Duration>,
) -> io::Result<()> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN))
        .collect();
    // A time that the kernel cannot count is no bound.
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    match poll(&mut polled, time.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a read would return at once, with bytes or the end.
pub(crate) fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    !events_now(descriptor, PollFlags::IN).is_empty()
}

/// Which directions of a connection are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The other end will send nothing more.
    pub other_end: bool,
    /// Both directions are closed, or the connection was reset.
    pub both_ways: bool,
}

/// Which directions of a connection, or of a terminal, are closed now.
pub(crate) fn closed(descriptor: BorrowedFd<'_>) -> Closed {
    let events = events_now(descriptor, PollFlags::RDHUP);
    Closed {
        other_end: events.contains(PollFlags::RDHUP),
        both_ways: events.intersects(PollFlags::HUP | PollFlags::ERR),
    }
}

/// Which of these events hold now, with those that the kernel always reports; none after an error.
fn events_now(descriptor: BorrowedFd<'_>, events: PollFlags) -> PollFlags {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, events)];
    match poll(&mut polled, Some(&Timespec::default())) {
        Ok(_) => polled[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    #[test]
    fn it_ends_with_a_byte_an_end_or_the_time() {
        let (mut one, other) = UnixStream::pair().expect("descriptors are left");
        let (end, ended) = UnixStream::pair().expect("descriptors are left");
        let started = Instant::now();
        let time = Duration::from_millis(20);
        wait_readable(&[other.as_fd(), ended.as_fd()], Some(time)).expect("there is memory");
        assert!(started.elapsed() >= time);
        one.write_all(b"x").expect("there is room");
        wait_readable(&[ended.as_fd(), other.as_fd()], None).expect("there is memory");
        drop(end);
        wait_readable(&[ended.as_fd()], None).expect("there is memory");
    }
}
