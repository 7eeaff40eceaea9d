//! The signals that an operator sends, as words. Knows nothing of what is done about them.
//!
//! `SIGPIPE` is not here: the Rust runtime ignores it before `main`, so a write to a client that
//! has gone is an `EPIPE` and never ends the process.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::wait;

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// `SIGHUP`: read the configuration again.
    Reload,
    /// `SIGUSR1`: open the log files again, after they were moved away.
    Reopen,
    /// `SIGUSR2`: start the new program in the place of this one.
    Upgrade,
    /// `SIGINT` (Ctrl-C), `SIGTERM` or `SIGQUIT`; or `SIGHUP` because the terminal was closed.
    Stop,
}

/// The signals of this process. After [`Signals::listen`], none of them ends the process any more, and
/// one that comes before [`Signals::pending`] is not lost.
#[derive(Debug)]
pub(crate) struct Signals {
    incoming: SignalDelivery<UnixStream, SignalOnly>,
    /// The terminal that this process was started on; `None` after it was closed.
    terminal: Option<OwnedFd>,
    has_lost_terminal: bool,
}

impl Signals {
    /// Takes the signals over from the kernel's default actions.
    ///
    /// # Errors
    /// When the kernel has no descriptors left for the pipe behind it.
    pub(crate) fn listen() -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
        let incoming = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        Ok(Signals { incoming, terminal: own_terminal(), has_lost_terminal: false })
    }

    /// The signals that have come since it was asked last; it does not wait. Signals of one kind
    /// that come in faster than they are taken may count as one: that is how the kernel treats
    /// them, too.
    pub(crate) fn pending(&mut self) -> Vec<Signal> {
        let numbers: Vec<i32> = self.incoming.pending().collect();
        numbers.into_iter().filter_map(|number| self.meaning(number)).collect()
    }

    /// A terminal that is closed sends `SIGHUP`, and so may the shell that ran there: together they
    /// are one wish to stop.
    fn meaning(&mut self, number: i32) -> Option<Signal> {
        if number != SIGHUP {
            return Some(meaning(number));
        }
        if self.terminal.take_if(|terminal| is_hung_up(terminal)).is_some() {
            self.has_lost_terminal = true;
            return Some(Signal::Stop);
        }
        (!self.has_lost_terminal).then_some(Signal::Reload)
    }
}

/// Keeps the signals from this thread, and from the threads that it starts meanwhile, until the result is dropped. They
/// wait in the kernel: also while the process becomes another program, which has to [let them through](let_through).
pub(crate) fn hold() -> Held {
    // It fails for signals that do not exist.
    let _ = set().thread_block();
    Held(())
}

/// Signals wait as long as this is there.
#[derive(Debug)]
pub(crate) struct Held(());

impl Drop for Held {
    fn drop(&mut self) {
        let_through();
    }
}

/// Ends what the program that this process was before has [held](hold).
pub(crate) fn let_through() {
    let _ = set().thread_unblock();
}

fn set() -> SigSet {
    use nix::sys::signal::Signal;
    let all = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
    ];
    all.into_iter().collect()
}

/// Ignores `SIGPIPE` again after a try to become another program, which begins by no longer ignoring it.
pub(crate) fn ignore_broken_pipes() {
    // A handler that does next to nothing: to ignore a signal is a call that is not safe.
    let _ = signal_hook::flag::register(SIGPIPE, Arc::default());
}

/// The terminal among the standard streams, if there is one.
fn own_terminal() -> Option<OwnedFd> {
    fn of(stream: impl AsFd + IsTerminal) -> Option<OwnedFd> {
        stream.is_terminal().then(|| stream.as_fd().try_clone_to_owned().ok()).flatten()
    }
    of(io::stdin()).or_else(|| of(io::stdout())).or_else(|| of(io::stderr()))
}

/// Whether the terminal was closed.
fn is_hung_up(terminal: &OwnedFd) -> bool {
    wait::closed(terminal.as_fd()).both_ways
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
        SIGUSR2 => Signal::Upgrade,
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
            (SIGUSR2, Signal::Upgrade),
            (SIGINT, Signal::Stop),
            (SIGTERM, Signal::Stop),
            (SIGQUIT, Signal::Stop),
        ];
        for (number, expected) in table {
            assert_eq!(meaning(number), expected, "signal {number}");
        }
    }

    #[test]
    fn held_signals_come_when_they_are_let_through() {
        // Other tests have threads that would take a signal of the process: this one is for this thread.
        let signals = set();
        let held = hold();
        assert!(
            SigSet::thread_get_mask().is_ok_and(|mask| signals.iter().all(|it| mask.contains(it)))
        );
        drop(held);
        assert!(
            SigSet::thread_get_mask().is_ok_and(|mask| !signals.iter().any(|it| mask.contains(it)))
        );
    }

    #[test]
    fn a_signal_sent_before_the_wait_is_not_lost() {
        let mut signals = Signals::listen().expect("a descriptor is left");
        signal_hook::low_level::raise(SIGUSR1).expect("a process may signal itself");
        wait::wait_readable(&[signals.as_fd()], None).expect("there is memory");
        assert_eq!(signals.pending(), [Signal::Reopen]);
        assert_eq!(signals.pending(), []);
    }
}
