//! Memory that two processes share, as a file without a name.

use rustix::fs::{self, MemfdFlags, SealFlags};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// This many zero bytes; the size is sealed.
///
/// # Errors
/// When out of descriptors or memory.
pub(crate) fn create(name: &str, length: u64) -> io::Result<OwnedFd> {
    let memory = fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    fs::ftruncate(&memory, length)?;
    fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(memory)
}

/// Reads bytes at an offset.
///
/// # Errors
/// When the memory ends before `bytes` is full.
pub(crate) fn read(memory: BorrowedFd<'_>, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    match rustix::io::pread(memory, &mut *bytes, offset)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes bytes at an offset.
///
/// # Errors
/// When it has no room for them.
pub(crate) fn write(memory: BorrowedFd<'_>, bytes: &[u8], offset: u64) -> io::Result<()> {
    match rustix::io::pwrite(memory, bytes, offset)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}
