//! A socket by which commands reach a process of this machine, and who is at its other end. It must never know the
//! commands.
//!
//! Its name is abstract (unix(7)): it needs no directory, leaves no file, and is free again as soon as its process has
//! ended, however it has ended.

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Uid, geteuid};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub process: i32,
    user: u32,
}

/// Listens under a name.
///
/// # Errors
/// `AddrInUse` when another process does.
pub(crate) fn listen(name: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Connects to who listens under a name.
///
/// # Errors
/// `ConnectionRefused` when nobody does.
pub(crate) fn connect(name: &str) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Who is at the other end of a connection: the kernel says it, as of when that end connected or listened.
///
/// # Errors
/// Those of the kernel.
pub(crate) fn peer(connection: &UnixStream) -> io::Result<Peer> {
    let found = socket_peercred(connection)?;
    Ok(Peer { process: found.pid.as_raw_nonzero().get(), user: found.uid.as_raw() })
}

impl Peer {
    /// Whether it may tell this process what to do: it is the same user, or root.
    pub(crate) fn may_command(self) -> bool {
        [Uid::ROOT, geteuid()].iter().any(|user| user.as_raw() == self.user)
    }

    /// Whether this process may believe what it says: it is the same user, or root; and root knows what it does.
    pub(crate) fn is_trusted(self) -> bool {
        self.may_command() || geteuid() == Uid::ROOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_while_its_socket_is_open_and_tells_who_is_there() {
        let name = format!("httpd-test-{}", std::process::id());
        let listener = listen(&name).expect("the name is free");
        let again = listen(&name).expect_err("it is taken");
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
        let here = connect(&name).expect("somebody listens");
        let (there, _) = listener.accept().expect("somebody has connected");
        for end in [&here, &there] {
            let peer = peer(end).expect("the kernel knows");
            assert_eq!(peer.process, std::process::id() as i32);
            assert!(peer.may_command() && peer.is_trusted());
        }
        drop((listener, there));
        let nobody = connect(&name).expect_err("nobody listens any more");
        assert_eq!(nobody.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn another_user_may_not() {
        let other = geteuid().as_raw() + 1;
        assert!(!Peer { process: 1, user: other }.may_command());
        assert!(Peer { process: 1, user: 0 }.may_command());
    }
}
