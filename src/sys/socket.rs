//! Sockets: listening, accepting, receiving, sending. It must never know HTTP, mio or our types.

use super::deferred;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send,
    sendmsg,
};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Whether a datagram was not sent because it is larger than any may be.
pub(crate) fn is_message_too_long(error: &io::Error) -> bool {
    is(error, Errno::MSGSIZE)
}

/// Whether the socket at a path is there, and speaks in streams where datagrams were to be sent, or the other way round.
pub(crate) fn is_other_type(error: &io::Error) -> bool {
    is(error, Errno::PROTOTYPE)
}

/// How a TCP listener takes its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// As the first of this process: fails when anyone listens there.
    First,
    /// Beside a listener that this process already has there.
    Join,
}

/// A bound TCP socket that does not listen yet.
///
/// A socket that binds with `SO_REUSEPORT` shares the address with any socket that has this option, even
/// one of a server that was started twice by mistake. So the first socket binds without it, which the
/// kernel refuses if the address is in use, and sets it afterwards, so that the server's other sockets can
/// bind: the kernel compares the options when a socket binds.
///
/// Accepted connections inherit `TCP_NODELAY` and `TCP_NOTSENT_LOWAT`, so that no connection needs a call for
/// them. They are accepted when their first bytes are here ([`deferred`]).
///
/// # Errors
/// Those of the kernel: `AddrInUse`, `PermissionDenied`, `AddrNotAvailable` …
pub(crate) fn bind_tcp(address: SocketAddr, claim: Claim) -> io::Result<OwnedFd> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), None)?;
    // Connections of an earlier run in TIME_WAIT do not keep a server from starting.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::] means IPv6 alone: a server for both families has two listeners.
        socket.set_only_v6(true)?;
    }
    if claim == Claim::Join {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    // Best effort: this only makes it faster.
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    let _ = deferred::accept_with_bytes(&socket);
    Ok(socket.into())
}

/// Starts to listen.
///
/// # Errors
/// `AddrInUse` if another socket has begun to listen at the same address meanwhile.
pub(crate) fn listen(socket: impl AsFd) -> io::Result<()> {
    SockRef::from(&socket.as_fd()).listen(BACKLOG)
}

/// Whether a socket listens.
pub(crate) fn is_listening(socket: impl AsFd) -> bool {
    SockRef::from(&socket.as_fd()).is_listener().unwrap_or(false)
}

/// A number that every descriptor of this socket has and no other socket of this machine; `None` if the system does not
/// tell.
pub(crate) fn identity(socket: impl AsFd) -> Option<(u64, u64)> {
    rustix::fs::fstat(socket).ok().map(|found| (found.st_dev, found.st_ino))
}

/// Has the kernel queue as few connections as possible. For a listener that is about to close, which resets
/// those that are still queued.
pub(crate) fn stop_queueing(socket: impl AsFd) {
    let _ = SockRef::from(&socket.as_fd()).listen(0);
}

/// Stops listening while the socket stays open: the kernel refuses new connections, resets those that
/// wait in the queue of a TCP listener, and `accept` fails with `InvalidInput`.
pub(crate) fn stop_listening(socket: impl AsFd) {
    // It fails only for a socket that does not listen.
    let _ = rustix::net::shutdown(socket, Shutdown::Read);
}

/// The address that a TCP socket is bound to.
///
/// # Errors
/// When it has none.
pub(crate) fn local_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    let address = SockRef::from(&socket.as_fd()).local_addr()?;
    address.as_socket().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// The next queued connection, non-blocking and closed on exec; the peer is `None` on Unix sockets.
///
/// # Errors
/// `WouldBlock` when there is none; EMFILE and ENFILE when out of descriptors.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((socket, peer.map(canonical)))
}

/// A client of IPv4 is one, also at a socket for both families, which a service manager may have opened.
fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip if ip == peer.ip() => peer,
        ip => SocketAddr::new(ip, peer.port()),
    }
}

/// Checks that connections can be accepted from a socket that another program has opened, and makes it like our own, as
/// far as that does not change it for that program.
///
/// # Errors
/// Why it cannot, in words for the operator.
#[cfg(feature = "cli")]
pub(crate) fn adopt_listener(listener: BorrowedFd<'_>) -> Result<(), String> {
    let socket = SockRef::from(&listener);
    let failed = |error: io::Error| format!("it cannot be used: {error}");
    match socket.r#type().map_err(failed)? {
        Type::STREAM => {}
        Type::DGRAM => {
            return Err("it is a socket for datagrams: write ListenStream= in its unit".to_owned());
        }
        _ => return Err("it is no stream socket: write ListenStream= in its unit".to_owned()),
    }
    if !socket.is_listener().map_err(failed)? {
        return Err("it does not listen: write ListenStream= and Accept=no in its unit".to_owned());
    }
    let domain = socket.domain().map_err(failed)?;
    if !matches!(domain, Domain::IPV4 | Domain::IPV6 | Domain::UNIX) {
        return Err("it is neither TCP nor a Unix socket".to_owned());
    }
    socket.set_nonblocking(true).map_err(failed)?;
    if domain != Domain::UNIX {
        // Connections inherit them. Best effort: they only make it faster.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    }
    Ok(())
}

/// Why a descriptor is no connection that can be served.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// It is a file, a pipe or the like.
    NoSocket,
    /// It is a socket for messages, such as UDP.
    NoStream,
    /// It listens, and has no connection of its own.
    Listens,
    /// It has no other end, or none any more.
    NotConnected,
    /// What the system says.
    Failed(io::Error),
}

/// Checks that a socket from elsewhere is a connection, and makes it like an accepted one: non-blocking, closed on
/// exec, and for TCP with the options of [`bind_tcp`].
///
/// # Errors
/// Why it is none.
pub(crate) fn adopt(connection: BorrowedFd<'_>) -> Result<(), NoConnection> {
    let socket = SockRef::from(&connection);
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(_) => return Err(NoConnection::NoStream),
        Err(error) if is(&error, Errno::NOTSOCK) => return Err(NoConnection::NoSocket),
        Err(error) => return Err(NoConnection::Failed(error)),
    }
    if socket.is_listener().map_err(NoConnection::Failed)? {
        return Err(NoConnection::Listens);
    }
    let domain = match socket.peer_addr() {
        Ok(peer) => peer.domain(),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            return Err(NoConnection::NotConnected);
        }
        Err(error) => return Err(NoConnection::Failed(error)),
    };
    socket.set_nonblocking(true).map_err(NoConnection::Failed)?;
    socket.set_cloexec(true).map_err(NoConnection::Failed)?;
    if matches!(domain, Domain::IPV4 | Domain::IPV6) {
        // Best effort: they only make it faster.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    }
    Ok(())
}

/// Prepares a connection to send pieces of files. A socket that is not TCP stays as it is.
pub(crate) fn prepare_for_files(connection: impl AsFd) {
    // Best effort: it only makes it faster.
    let _ = SockRef::from(&connection.as_fd()).set_tcp_notsent_lowat(UNSENT_FILE_BYTES_MAX);
}

/// The address of the other end of a TCP connection; `None` for any other socket, or when it has gone.
pub(crate) fn peer_address(connection: impl AsFd) -> Option<SocketAddr> {
    SockRef::from(&connection.as_fd()).peer_addr().ok()?.as_socket()
}

/// One `recv`.
///
/// # Errors
/// `WouldBlock` if nothing is there; otherwise why the connection broke.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (count, _) = recv(socket, buffer, RecvFlags::empty())?;
    Ok(count)
}

/// The same without taking the bytes: the next call gets them again.
///
/// # Errors
/// As [`receive`].
pub(crate) fn peek(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (count, _) = recv(socket, buffer, RecvFlags::PEEK)?;
    Ok(count)
}

/// Whether more follows at once, so that the kernel may wait to fill a segment. The end of the
/// stream counts: then it travels with the last bytes, in one segment instead of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum More {
    Follows,
    #[default]
    Nothing,
}

/// Sends three runs of bytes with one call; at least one is not empty.
///
/// # Errors
/// `WouldBlock` if the send buffer is full; otherwise why the connection broke.
pub(crate) fn send_runs(socket: BorrowedFd<'_>, runs: [&[u8]; 3], more: More) -> io::Result<usize> {
    let flags = match more {
        More::Follows => SendFlags::NOSIGNAL | SendFlags::MORE,
        More::Nothing => SendFlags::NOSIGNAL,
    };
    let sent = match runs {
        [bytes, [], []] | [[], bytes, []] | [[], [], bytes] => send(socket, bytes, flags)?,
        _ => {
            let slices = runs.map(IoSlice::new);
            sendmsg(socket, &slices, &mut SendAncillaryBuffer::default(), flags)?
        }
    };
    Ok(sent)
}

/// The same for any number of runs that one call takes.
///
/// # Errors
/// As [`send_runs`].
pub(crate) fn send_many(
    socket: BorrowedFd<'_>,
    runs: &[IoSlice<'_>],
    more: More,
) -> io::Result<usize> {
    let flags = match more {
        More::Follows => SendFlags::NOSIGNAL | SendFlags::MORE,
        More::Nothing => SendFlags::NOSIGNAL,
    };
    Ok(sendmsg(socket, runs, &mut SendAncillaryBuffer::default(), flags)?)
}

/// Closes the sending direction (FIN); reading goes on.
///
/// # Errors
/// When the connection is closed.
pub(crate) fn shut_write(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Write)?)
}

/// Closes the connection with RST instead of FIN when it is dropped, so that a client can tell a
/// response that was broken off from one that ended.
pub(crate) fn reset_on_close(socket: BorrowedFd<'_>) {
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}

/// Whether an address cannot be used because this machine has no such address family.
pub(crate) fn is_missing_family(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|errno| is(error, *errno))
}

/// Whether a call failed for lack of descriptors or memory, which may pass.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].iter().any(|errno| is(error, *errno))
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bytes that wait in the send buffer without having been sent. It keeps a large body from filling
/// a buffer that grows past the CPU caches, and leaves what is in flight unbounded. The kernel asks
/// for more when half of it is left, which is soon enough for a link of any length: what is in flight
/// is not counted.
const UNSENT_BYTES_MAX: u32 = 32 * 1024;

/// The same for a connection that sends pieces of files. It is above one segment of the loopback interface
/// (65,483 bytes): a head that waits for more (`MSG_MORE`) and a piece of a file would otherwise fill it without
/// filling a segment, and be sent by a timer 200 ms later. Bodies from memory cost a tenth more CPU with it.
const UNSENT_FILE_BYTES_MAX: u32 = 64 * 1024;
