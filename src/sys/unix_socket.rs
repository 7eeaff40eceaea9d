//! Unix sockets, and the files that they have.

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may connect to a Unix socket: every user who may write to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketAccess {
    /// Permissions as chmod(1) has them.
    pub mode: u32,
    /// The group of the file, if it differs from that of the process.
    pub group: Option<u32>,
}

impl Default for SocketAccess {
    /// Every user may connect, as with nginx.
    fn default() -> SocketAccess {
        SocketAccess { mode: 0o666, group: None }
    }
}

/// A bound Unix socket that does not listen yet. The file of a socket on which no process listens any more
/// is replaced.
///
/// # Errors
/// `AddrInUse` if a process listens there or the path is not a socket; also, when the file cannot be given
/// this mode and group.
pub(crate) fn bind_unix(path: &Path, access: SocketAccess) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        result => result?,
    }
    // No client can have connected yet, because it does not listen.
    if let Err(error) = set_access(path, access) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(socket.into())
}

/// Sets who may connect to a Unix socket that has its file already, if that differs.
///
/// # Errors
/// When the file cannot be given this mode and group.
pub(crate) fn keep_access(path: &Path, access: SocketAccess) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    let is_group = access.group.is_none_or(|group| group == found.gid());
    match found.mode() & 0o7777 == access.mode && is_group {
        true => Ok(()),
        false => set_access(path, access),
    }
}

fn set_access(path: &Path, access: SocketAccess) -> io::Result<()> {
    std::os::unix::fs::lchown(path, None, access.group)?;
    std::fs::set_permissions(path, Permissions::from_mode(access.mode))
}

/// Device and inode of the file at a path, which no other file has while it exists; `None` if there is none.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn is_abandoned(path: &Path) -> bool {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && connect_at_once(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Connects without waiting: a process that listens but does not accept counts as listening, too.
fn connect_at_once(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// The path that a Unix socket is bound to, or its abstract name behind an `@`; `None` for any other socket.
///
/// # Errors
/// When it is no socket.
pub(crate) fn local_path(socket: impl AsFd) -> io::Result<Option<PathBuf>> {
    let address = SockRef::from(&socket.as_fd()).local_addr()?;
    let name = |name: &[u8]| PathBuf::from(OsString::from_vec([b"@", name].concat()));
    let path = address.as_pathname().map(Path::to_owned);
    Ok(path.or_else(|| address.as_abstract_namespace().map(name)))
}
