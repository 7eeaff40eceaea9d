//! The signals that an operator sends, as words. Knows nothing of what is done about them.
//!
//! `SIGPIPE` is not here: the Rust runtime ignores it before `main`, so a write to a client that
//! has gone is an `EPIPE` and never ends the process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::wait::wait_readable;

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`: read the configuration again.
    Reload,
    /// `SIGUSR1`: open the log files again, after they were moved away.
    Reopen,
    /// `SIGINT` (Ctrl-C), `SIGTERM` or `SIGQUIT`.
    Stop,
}

/// The waiting end. From [`Signals::listen`] on, none of the signals ends the process by itself,
/// and one that comes before [`Signals::wait`] is called is not lost.
#[derive(Debug)]
pub struct Signals {
    incoming: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Takes the signals over from the kernel's default actions.
    ///
    /// # Errors
    /// When the kernel has no descriptors left for the pipe behind it.
    pub fn listen() -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1];
        let incoming = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        Ok(Signals { incoming })
    }

    /// The signals that have come since it was asked last; it does not wait. Signals of one kind
    /// that come in faster than they are taken may count as one: that is how the kernel treats
    /// them, too.
    pub fn pending(&mut self) -> Vec<Signal> {
        self.incoming.pending().map(meaning).collect()
    }

    /// Sleeps until there are signals, and takes them; perhaps none.
    pub fn wait(&mut self) -> Vec<Signal> {
        wait_readable(&[self.as_fd()], None).expect("one descriptor is polled without any memory");
        self.pending()
    }
}

/// Can be read from when signals are pending; to be read by [`Signals::pending`] alone.
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.incoming.get_read().as_fd()
    }
}

fn meaning(number: i32) -> Signal {
    match number {
        SIGHUP => Signal::Reload,
        SIGUSR1 => Signal::Reopen,
        _ => Signal::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_that_is_listened_for_has_its_meaning() {
        let table = [
            (SIGHUP, Signal::Reload),
            (SIGUSR1, Signal::Reopen),
            (SIGINT, Signal::Stop),
            (SIGTERM, Signal::Stop),
            (SIGQUIT, Signal::Stop),
        ];
        for (number, expected) in table {
            assert_eq!(meaning(number), expected, "signal {number}");
        }
    }

    #[test]
    fn a_signal_sent_before_the_wait_is_not_lost() {
        let mut signals = Signals::listen().expect("a descriptor is left");
        signal_hook::low_level::raise(SIGUSR1).expect("a process may signal itself");
        assert_eq!(signals.wait(), [Signal::Reopen]);
        assert_eq!(signals.pending(), []);
    }
}
